#!/bin/sh
# SPDX-License-Identifier: MIT
# Make an initramfs of busybox and one /init: make-initramfs.sh BUSYBOX INIT OUTPUT
#
# The same inputs give the same bytes: times, owners and order are fixed.
set -eu

if [ $# -ne 3 ]; then
    echo "usage: $0 BUSYBOX INIT OUTPUT" >&2
    exit 2
fi
out=$3
mkdir -p "$(dirname "$out")"
tree=$(mktemp -d)
trap 'rm -rf "$tree" "$out.new"' EXIT
trap 'exit 130' INT TERM

for d in bin dev etc proc root sys tmp; do
    mkdir "$tree/$d"
done
cp "$1" "$tree/bin/busybox"
cp "$2" "$tree/init"
chmod 755 "$tree/bin/busybox" "$tree/init"
ln -s busybox "$tree/bin/sh"
echo 'root:x:0:0:root:/root:/bin/sh' > "$tree/etc/passwd"
echo 'root:x:0:' > "$tree/etc/group"
find "$tree" -exec touch -h -d @0 {} +
(cd "$tree" && find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0) | gzip -n -9 > "$out.new"
mv "$out.new" "$out"
