#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's floppy driver on disks of four formats, by DMA and without: floppy.sh TWIN86 [OPTIONS]. The guest reads all of
# both disks, writes to the first and reads that back; the host finds what it wrote, and the driver complains of nothing.
set -u
here=$(cd "$(dirname "$0")" && pwd)
twin86=("$@")
command -v cpio >/dev/null || { echo "SKIP floppy disks: no cpio"; exit 77; }
guest=$("$here/fetch-debian.sh" generic | tail -n 1) || { echo "SKIP floppy disks: no kernel to boot"; exit 77; }
modules=$("$here/modules.sh" generic floppy | tail -n 1) || { echo "SKIP floppy disks: $modules"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0
failed=0

tree=$tmp/tree
mkdir -p "$tree/bin" "$tree/proc" "$tree/sys" "$tree/dev" "$tree/modules"
cp "$guest/busybox" "$tree/bin/busybox"
cp "$here/init-floppy" "$tree/init"
cp "$modules/floppy.ko" "$tree/modules/"
chmod 755 "$tree/init" "$tree/bin/busybox"
(cd "$tree" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$tmp/initrd"
sum() { sha256sum "$@" | cut -d ' ' -f 1; }
written=$(seq 1 30000 | sum)

expect() { # NAME COMMAND...
    local name=$1
    shift
    if "$@"; then passed=$((passed + 1)) && echo "ok $name"; else
        failed=$((failed + 1))
        echo "FAIL $name"
        tail -n 30 "$tmp/out"
    fi
}

run() { # MODE KIB KIB
    local mode=$1 a b
    seq 1 600000 | head -c "$(($2 << 10))" >"$tmp/a.img"
    seq 1 3 900000 | head -c "$(($3 << 10))" >"$tmp/b.img"
    a=$(sum "$tmp/a.img") b=$(sum "$tmp/b.img")
    timeout 240 "${twin86[@]}" -nographic -m 192M -kernel "$guest/vmlinuz" -initrd "$tmp/initrd" \
        -append "console=ttyS0 quiet panic=-1 write=1 mode=$mode" -drive "if=floppy,format=raw,file=$tmp/a.img" \
        -drive "if=floppy,format=raw,readonly=on,file=$tmp/b.img" </dev/null 2>&1 | tr -d '\r' >"$tmp/out"
    expect "$2 KiB are read, $mode" grep -q "^fd0 $a" "$tmp/out"
    expect "$3 KiB are read, $mode" grep -q "^fd1 $b" "$tmp/out"
    expect "$2 KiB: written and read again, $mode" grep -q "^written $written" "$tmp/out"
    expect "$2 KiB: the host finds it, $mode" \
        [ "$(dd if="$tmp/a.img" bs=512 skip=20 count=330 2>/dev/null | head -c 168894 | sum)" = "$written" ]
    expect "no complaints of the driver, $mode" sh -c "! grep -q 'unexpected interrupt\|I/O error\|long rw' '$tmp/out'"
}

run dma 1440 720
run nodma 1200 360
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
