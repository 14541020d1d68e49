#!/bin/bash
# SPDX-License-Identifier: MIT
# Make the guest of bench/programs.py: make-image.sh SET BUSYBOX FOLDER
#
# SET is one of set-*.sh. FOLDER/jobs: what work.sh works on, for the host; FOLDER/initramfs: the same with Debian's programs and
# their libraries, not compressed, so that unpacking is no part of the boot. Nothing is done when both are newer than this
# folder's files.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -ne 3 ] || [ ! -e "$here/set-$1.sh" ]; then
    echo "usage: $0 SET BUSYBOX FOLDER, where SET is one of: $(cd "$here" && echo set-*.sh | sed 's/set-//g; s/\.sh//g')" >&2
    exit 2
fi
boot=$here/../../tests/boot
set=$here/set-$1.sh busybox=$2 out=$3
. "$boot/packages.sh"
. "$boot/copy-programs.sh"
. "$set"
need_packages $packages cpio openssl >&2
. "$set" # it may look for what has just been installed
if [ -e "$out/initramfs" ] && [ -z "$(find "$here" "$busybox" -newer "$out/initramfs")" ]; then
    exit 0
fi

mkdir -p "$out"
tree=$(mktemp -d "$out/tree.XXXXXX")
trap 'rm -rf "$tree"' EXIT
rm -rf "$out/jobs"
mkdir -p "$out/jobs" "$tree"/{bin,dev,proc,tmp,etc,usr/bin}
cp "$here/work.sh" "$out/jobs"
cp "$set" "$out/jobs/set.sh"
(cd "$here" && cp $scripts "$out/jobs")
/usr/bin/python3 "$here/data.py" "$out/jobs" $data
make_keys "$out/jobs" 2> /dev/null

files=$(for p in bash md5sum head tail cat mktemp $programs; do (cd /usr/bin && realpath -s "$p"); done)
loaded=$(cd "$out/jobs" && PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -S -c '
import sys, os, encodings, encodings.ascii, encodings.latin_1
for m in sys.argv[1:]: __import__(m)
for m in list(sys.modules.values()):
    if getattr(m, "__file__", None): print(m.__file__)' $modules)
copy_files "$tree" $files $loaded
copy_files "$tree" $(libraries $files $(echo "$loaded" | grep '\.so' || true))
cp "$busybox" "$tree/bin/busybox"
ln -s ../usr/bin/bash "$tree/bin/bash"
ln -s ../usr/bin/mktemp "$tree/bin/mktemp"
cp -r "$out/jobs" "$tree/jobs"
cp "$here/init" "$tree/init"
chmod 755 "$tree/init" "$tree/bin/busybox"
find "$tree" -exec touch -h -d @0 {} +
(cd "$tree" && find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0) > "$out/initramfs.new"
mv "$out/initramfs.new" "$out/initramfs"
