#!/bin/bash
# SPDX-License-Identifier: MIT
# Make the guest of a benchmark of Debian's tools: make-image.sh NAME BUSYBOX FOLDER
#
# FOLDER/initramfs: the programs that bench/NAME/contents names, with their libraries, the kernel's drivers, and
# bench/NAME/init; not compressed. Nothing is done when it is newer than these.
set -eu
bench=$(cd "$(dirname "$0")" && pwd)
here=$bench/$1 boot=$bench/../tests/boot
busybox=$2 out=$3
. "$boot/packages.sh"
. "$boot/copy-programs.sh"
. "$here/contents"
need_packages $packages cpio >&2
if [ -e "$out/initramfs" ] && [ -z "$(find "$here" "$0" "$busybox" -newer "$out/initramfs")" ]; then
    exit 0
fi
drivers=$("$boot/modules.sh" amd64 $modules | tail -n 1)
mkdir -p "$out"
tree=$(mktemp -d "$out/tree.XXXXXX")
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{bin,dev,proc,sys,tmp,etc,usr/bin,modules}
for m in $modules; do
    cp "$drivers/$m.ko" "$tree/modules"
done
echo "$modules" >"$tree/modules/order"
for program in $programs; do
    program=$(command -v $program)
    copy_files "$tree" "$program" $(libraries "$program")
done
cp "$busybox" "$tree/bin/busybox"
cp "$here/init" "$tree/init"
chmod 755 "$tree/init" "$tree/bin/busybox"
(cd "$tree" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$out/initramfs.new"
mv "$out/initramfs.new" "$out/initramfs"
