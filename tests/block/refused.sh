#!/bin/bash
# SPDX-License-Identifier: MIT
# Images that are not supported are refused by name; locks keep QEMU and us from each other's images.
. "${srcdir:-.}/tests/block/lib.sh"
i=$work/image.qcow2

# create OPTIONS: an image of 4 MiB
create() { rm -f "$i" && qemu-img create -q -f qcow2 -o "$1" "$i" 4M; }
# put OFFSET HEX...: bytes of the image
put() {
    at=$1
    shift
    for byte; do
        printf "\\x$byte" | dd of="$i" bs=1 seek="$at" conv=notrunc status=none
        at=$((at + 1))
    done
}
# no NAME WORDS [OPTIONS]: the image as it is now
no() { refused "$1" "$2" "$tool" copy "$i" "$work/out" "${3:-readonly=on}"; }

create extended_l2=on && no extended_l2 extended_l2
create data_file="$work/data" && no data_file data_file
qemu-img create -q --object secret,id=s,data=abc -f qcow2 -o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10 "$i" 4M &&
    no luks "encrypted (LUKS)"
create compat=1.1 && put 79 20 && no "unknown feature" "bit 5"
create compat=1.1 && put 7 04 && no "version 4" "version 4"
create compat=1.1 && put 79 02 && no "corrupt, for writing" "marked as corrupt" readonly=off
ok "corrupt, readonly" "$tool" copy "$i" "$work/out" readonly=on
create compat=1.1 && put 23 1f && no "clusters of 2 GiB" "2^31"
create compat=1.1 && put 40 ff && no "L1 table" "L1 table"
create compat=1.1 && put 48 ff && no "refcount table" "refcount table"
create compat=1.1 && put 24 7f && no "size" "disk of"
create compat=1.1 && put 99 07 && no "refcount width" "reference counts"
create compat=1.1 && put 103 07 && no "header length" "header of"
raw="e2 79 2a ca 00 00 00 03 72 61 77 00 00 00 00 00" # the extension with a backing file's format
# shellcheck disable=SC2086
create compat=1.1 && put 112 $raw $raw 00 00 00 00 00 00 00 00 && no "two formats of a backing file" "format twice"
qemu-img create -q -f vmdk "$i" 4M && no vmdk vmdk
qemu-img create -q -f vdi "$i" 4M && no vdi vdi

# Backing files
cd "$work" || exit 1
qemu-img create -q -f qcow2 a.qcow2 4M
qemu-img create -q -f qcow2 -F qcow2 -b a.qcow2 b.qcow2
qemu-img rebase -u -f qcow2 -F qcow2 -b b.qcow2 a.qcow2
refused "a loop" "behind itself" "$tool" copy b.qcow2 out
qemu-img rebase -u -f qcow2 -F qcow2 -b gone.qcow2 a.qcow2
refused "no backing file" "gone.qcow2" "$tool" copy b.qcow2 out
qemu-img rebase -u -f qcow2 -F raw -b https://host/x a.qcow2
refused "a protocol" "protocol https" "$tool" copy b.qcow2 out
qemu-img rebase -u -f qcow2 -F vmdk -b b a.qcow2
echo x > b
refused "a format" "vmdk" "$tool" copy a.qcow2 out

# Locks: byte by byte QEMU's
cd - > /dev/null || exit 1
create compat=1.1
truncate -s 4M "$work/raw"
mkfifo "$work/go"
hold() { # IMAGE OPTIONS
    "$tool" hold "$@" < "$work/go" > "$work/held" &
    holder=$!
    exec 9> "$work/go"
    while ! grep -q open "$work/held"; do kill -0 $holder 2> /dev/null || break; sleep 0.05; done
}
release() { exec 9>&-; wait $holder; }
if command -v qemu-io > /dev/null; then
    for image in "$i qcow2" "$work/raw raw"; do
        file=${image% *} format=${image#* }
        hold "$file" "format=$format"
        refused "QEMU beside us" "lock" qemu-io -f "$format" -c "write 0 512" "$file"
        refused "we beside us" "in use" "$tool" copy "$file" "$work/out" "readonly=on"
        release
        hold "$file" "format=$format,readonly=on"
        ok "QEMU reads beside us reading" qemu-io -r -f "$format" -c "read 0 512" "$file"
        refused "QEMU writes beside us reading" "lock" qemu-io -f "$format" -c "write 0 512" "$file"
        release
        qemu-io -f "$format" "$file" < "$work/go" > "$work/held" 2>&1 &
        holder=$!
        exec 9> "$work/go"
        echo "write 0 512" >&9
        while ! grep -q wrote "$work/held"; do kill -0 $holder 2> /dev/null || break; sleep 0.05; done
        refused "we beside QEMU" "in use" "$tool" copy "$file" "$work/out" "format=$format"
        refused "we read beside QEMU" "in use" "$tool" copy "$file" "$work/out" "readonly=on,format=$format"
        ok "locking=off" "$tool" copy "$file" "$work/out" "readonly=on,file.locking=off"
        release
    done
else
    skip "locks: qemu-io is missing"
fi
finish
