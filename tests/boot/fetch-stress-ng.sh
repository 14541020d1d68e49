#!/bin/sh
# SPDX-License-Identifier: MIT
# Debian's stress-ng and the libraries that it loads, unpacked and not installed: fetch-stress-ng.sh
#
# They are cached; the last line printed is the folder with usr/bin/stress-ng. Exit code 77, and why, when it can't be had.
set -eu

dir=${XDG_CACHE_HOME:-$HOME/.cache}/twin86/stress-ng
if [ -x "$dir/usr/bin/stress-ng" ]; then
    echo "$dir"
    exit 0
fi
mkdir -p "$(dirname "$dir")"
work=$(mktemp -d "$dir.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# Libraries, and what they load in turn; not what their packages depend on (drivers of graphics cards).
libraries="libapparmor1 libbsd0 libc6 libcrypt1 libdrm2 libegl1 libexpat1 libffi8 libgbm1 libgles2 libglvnd0 libipsec-mb1
    libjpeg62-turbo libjudydebian1 libkmod2 liblzma5 libmd0 libsctp1 libssl3 libwayland-server0 libxxhash0 libzstd1 zlib1g"
# shellcheck disable=SC2086
(cd "$work" && apt-get -q download stress-ng $libraries >&2) || { echo "package stress-ng can't be had"; exit 77; }
for deb in "$work"/*.deb; do
    dpkg-deb -x "$deb" "$work/root"
done
rm -rf "$work/root/usr/share" "$dir"
mv "$work/root" "$dir"
echo "$dir"
