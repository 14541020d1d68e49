#!/bin/bash
# SPDX-License-Identifier: MIT
# Images with lazy reference counts that QEMU did not close are made right when they are opened for writing.
. "${srcdir:-.}/tests/block/lib.sh"
command -v qemu-io > /dev/null || { echo "SKIP: qemu-io is missing (Debian package: qemu-utils)"; exit 77; }
i=$work/image m=$work/model

# byte VALUE MEGABYTE COUNT: into the model
byte() { head -c "$3M" /dev/zero | tr '\0' "\\$1" | dd of="$m" bs=1M seek="$2" conv=notrunc status=none; }

for options in lazy_refcounts=on lazy_refcounts=on,cluster_size=512 lazy_refcounts=on,cluster_size=4k,refcount_bits=64; do
    rm -f "$m"
    truncate -s 20M "$m"
    qemu-img create -q -f qcow2 -o "$options" "$i" 20M
    ok "$options" "$tool" random "$i" "$m" 5 100 cache=unsafe
    ok "$options: snapshot" qemu-img snapshot -c before "$i"
    # A shell of its own, which says that it was aborted
    { (ulimit -c 0; qemu-io -f qcow2 -c "write -P 7 1M 3M" -c "write -P 9 10M 1M" -c flush -c abort "$i"); } > "$work/output" 2>&1
    byte 7 1 3
    byte 011 10 1
    qemu-img check "$i" > "$work/output" 2>&1
    [ $? -ge 2 ]
    ok "$options: counts are wrong before" test $? -eq 0
    ok "$options: readonly as it is" "$tool" copy "$i" "$work/copy" readonly=on
    ok "$options: the same" cmp "$work/copy" "$m"
    ok "$options" "$tool" random "$i" "$m" 6 100 cache=unsafe
    ok "$options: check" qemu-img check -q "$i"
    ok "$options: compare" qemu-img compare -q -f qcow2 -F raw "$i" "$m"
done
# put OFFSET BYTE: into the image
put() { printf "\\x$2" | dd of="$i" bs=1 seek="$1" conv=notrunc status=none; }

# A reference to what is far beyond the end of the file does not make the file as long as that.
qemu-img create -q -f qcow2 -o cluster_size=512 "$i" 64k
"$tool" random "$i" "$m" 1 50 cache=unsafe > "$work/output" 2>&1
put 79 01
l1=$((16#$(dd if="$i" bs=1 skip=40 count=8 status=none | od -A n -t x1 | tr -d ' \n')))
put $((l1 + 3)) 07
before=$(stat -c %s "$i")
refused "a reference beyond the file" "can't be repaired" "$tool" random "$i" "$m" 2 1
ok "the file's size" test "$(stat -c %s "$i")" -eq "$before"
finish
