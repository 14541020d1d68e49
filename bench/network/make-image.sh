#!/bin/bash
# SPDX-License-Identifier: MIT
# Make the guest of bench/network.py: make-image.sh BUSYBOX FOLDER
#
# FOLDER/initramfs: Debian's iperf3 and ab with their libraries, virtio-net's driver, and init; not compressed. Nothing is
# done when it is newer than this folder's files.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
boot=$here/../../tests/boot
busybox=$1 out=$2
. "$boot/packages.sh"
. "$boot/copy-programs.sh"
need_packages iperf3 apache2-utils cpio >&2
if [ -e "$out/initramfs" ] && [ -z "$(find "$here" "$busybox" -newer "$out/initramfs")" ]; then
    exit 0
fi
order="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net"
modules=$("$boot/modules.sh" amd64 $order | tail -n 1)
mkdir -p "$out"
tree=$(mktemp -d "$out/tree.XXXXXX")
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{bin,dev,proc,sys,tmp,etc,usr/bin,modules}
for m in $order; do
    cp "$modules/$m.ko" "$tree/modules"
done
echo "$order" >"$tree/modules/order"
for program in iperf3 ab; do
    program=$(command -v $program)
    copy_files "$tree" "$program" $(libraries "$program")
done
cp "$busybox" "$tree/bin/busybox"
cp "$here/init" "$tree/init"
chmod 755 "$tree/init" "$tree/bin/busybox"
(cd "$tree" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$out/initramfs.new"
mv "$out/initramfs.new" "$out/initramfs"
