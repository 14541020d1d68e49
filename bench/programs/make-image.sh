#!/bin/bash
# SPDX-License-Identifier: MIT
# Make the guest of bench/programs.py: make-image.sh BUSYBOX FOLDER
#
# FOLDER/jobs: what work.sh works on, for the host; FOLDER/initramfs: the same with Debian's programs and their libraries, not
# compressed, so that unpacking is no part of the boot. Nothing is done when both are newer than this folder's files.
set -eu
if [ $# -ne 2 ]; then
    echo "usage: $0 BUSYBOX FOLDER" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
boot=$here/../../tests/boot
busybox=$1 out=$2
. "$boot/packages.sh"
. "$boot/copy-programs.sh"
need_packages bash dash coreutils gzip xz-utils mawk python3 perl-base sqlite3 bc openssl cpio >&2
if [ -e "$out/initramfs" ] && [ -z "$(find "$here" "$busybox" -newer "$out/initramfs")" ]; then
    exit 0
fi

mkdir -p "$out"
tree=$(mktemp -d "$out/tree.XXXXXX")
trap 'rm -rf "$tree"' EXIT
rm -rf "$out/jobs"
mkdir -p "$out/jobs" "$tree"/{bin,dev,proc,tmp,etc,usr/bin}
cp "$here"/{work.sh,work.sql,hash.pl,recursion.py,float.py,dict.py} "$out/jobs"
/usr/bin/python3 "$here/data.py" "$out/jobs"
openssl genrsa -out "$out/jobs/rsa.pem" 2048 2> /dev/null
openssl rsa -in "$out/jobs/rsa.pem" -pubout -out "$out/jobs/rsa.pub" 2> /dev/null

programs=$(for p in bash dash md5sum sha256sum gzip xz sort head tail cat mktemp true mawk python3 perl sqlite3 bc openssl; do
    echo "/usr/bin/$p"
done)
modules=$(cd "$out/jobs" && PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -S -c '
import sys, os, encodings, encodings.ascii, encodings.latin_1, math
for m in list(sys.modules.values()):
    if getattr(m, "__file__", None): print(m.__file__)')
copy_files "$tree" $programs $modules
copy_files "$tree" $(libraries $programs $(echo "$modules" | grep '\.so' || true))
cp "$busybox" "$tree/bin/busybox"
for p in bash dash; do ln -s ../usr/bin/$p "$tree/bin/$p"; done
ln -s dash "$tree/bin/sh"
for p in true mktemp; do ln -s ../usr/bin/$p "$tree/bin/$p"; done
ln -s mawk "$tree/usr/bin/awk"
cp -r "$out/jobs" "$tree/jobs"
cp "$here/init" "$tree/init"
chmod 755 "$tree/init" "$tree/bin/busybox"
find "$tree" -exec touch -h -d @0 {} +
(cd "$tree" && find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0) > "$out/initramfs.new"
mv "$out/initramfs.new" "$out/initramfs"
