#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's kernel with its own ATA and virtio drivers on an ext4 disk and a CD: disk.sh ARCH TWIN86 [OPTIONS]
# The guest reads both, writes, reboots and reads that back, by DMA, by PIO and by virtio; the host finds what it wrote, and with
# -snapshot it does not.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
arch=$1
shift
for tool in mke2fs debugfs genisoimage cpio; do
    command -v $tool >/dev/null || PATH=$PATH:/usr/sbin:/sbin
    command -v $tool >/dev/null || { echo "SKIP disks: no $tool"; exit 77; }
done
guest=$("$here/fetch-debian.sh" "$arch" | tail -n 1) || { echo "SKIP disks: no kernel to boot"; exit 77; }
modules=$("$here/modules.sh" "$arch" scsi_common scsi_mod libata cdrom sd_mod sr_mod ata_piix isofs \
    virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk | tail -n 1) ||
    { echo "SKIP disks: $modules"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0
failed=0

tree=$tmp/tree
mkdir -p "$tree/bin" "$tree/proc" "$tree/sys" "$tree/dev" "$tree/modules" "$tmp/disk" "$tmp/cd"
cp "$guest/busybox" "$tree/bin/busybox"
cp "$here/init-disk" "$tree/init"
cp "$modules"/*.ko "$tree/modules/"
chmod 755 "$tree/init" "$tree/bin/busybox"
(cd "$tree" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$tmp/initrd"
seq 1 300000 >"$tmp/disk/from-host"
seq 1 7 2000000 >"$tmp/cd/from-host"
genisoimage -quiet -R -o "$tmp/cd.iso" "$tmp/cd"
sum() { sha256sum "$1" | cut -d ' ' -f 1; }
written=$(seq 1 400000 | sha256sum | cut -d ' ' -f 1)

new_disk() {
    rm -f "$tmp/disk.img"
    truncate -s 64M "$tmp/disk.img"
    mke2fs -q -t ext4 -d "$tmp/disk" "$tmp/disk.img"
}

run() { # NAME APPEND OPTIONS...
    local name=$1 append=$2 line
    shift 2
    timeout 240 "${twin86[@]}" -m 192M -kernel "$guest/vmlinuz" -initrd "$tmp/initrd" \
        -append "console=ttyS0 quiet panic=-1 $append" "$@" -cdrom "$tmp/cd.iso" </dev/null 2>"$tmp/err" | tr -d '\r' >"$tmp/out"
    for line in "disk $(sum "$tmp/disk/from-host")" "cd $(sum "$tmp/cd/from-host")" "written $written" "write cache"; do
        if grep -qF -- "$line" "$tmp/out"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "FAIL $name: no '$line'"
            tail -n 20 "$tmp/out" "$tmp/err"
        fi
    done
}

expect() { # NAME TRUE-OR-FALSE
    if [ "$2" = true ]; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAIL $1"
    fi
}

has_written() { [ "$(debugfs -R 'cat written' "$tmp/disk.img" 2>/dev/null | sha256sum | cut -d ' ' -f 1)" = "$written" ] && echo true; }

twin86=("$@")
new_disk
run dma "" -hda "$tmp/disk.img"
expect "dma: the host finds what was written" "$(has_written)"
expect "dma: the file system is whole" "$(e2fsck -fn "$tmp/disk.img" >"$tmp/fsck" 2>&1 && echo true)"
new_disk
run pio "pio=1" -drive "file=$tmp/disk.img,if=none,id=d,format=raw" -device ide-hd,drive=d,bus=ide.0,unit=1,serial=XYZ
expect "pio: the host finds what was written" "$(has_written)"
new_disk
run virtio "disk=vda" -drive "file=$tmp/disk.img,format=raw,if=virtio"
expect "virtio: the host finds what was written" "$(has_written)"
expect "virtio: the file system is whole" "$(e2fsck -fn "$tmp/disk.img" >"$tmp/fsck" 2>&1 && echo true)"
new_disk
run snapshot "" -hda "$tmp/disk.img" -snapshot
expect "snapshot: the host's file is as it was" "$([ "$(has_written)" != true ] && echo true)"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
