#!/bin/sh
# SPDX-License-Identifier: MIT
# Modules of the kernel that fetch-debian.sh has fetched: modules.sh ARCH NAME...
#
# They are cached; the last line printed is the folder that holds NAME.ko. Exit code 77, and why, when they can't be had.
set -eu

dir=$("$(dirname "$0")/fetch-debian.sh" "$1" | tail -n 1)
shift
missing=
for m in "$@"; do
    [ -s "$dir/modules/$m.ko" ] || missing="$missing $m"
done
if [ -n "$missing" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    package=$(awk '/^linux-image/ { print $1 ":" $3 "=" $2 }' "$dir/versions")
    (cd "$work" && apt-get -q download "$package" >&2) || { echo "package $package can't be had"; exit 77; }
    dpkg-deb -x "$work"/*.deb "$work/deb"
    mkdir -p "$dir/modules"
    for m in $missing; do
        find "$work/deb" -name "$m.ko" -exec cp {} "$work/$m.ko" \;
        [ -s "$work/$m.ko" ] || { echo "package $package has no $m.ko"; exit 77; }
        mv "$work/$m.ko" "$dir/modules/$m.ko"
    done
fi
echo "$dir/modules"
