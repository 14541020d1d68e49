#!/bin/sh
# SPDX-License-Identifier: MIT
# Is every check that isa-qemu.txt excuses really QEMU's? Runs the images in plain qemu-system-x86_64 -accel tcg, in a
# build directory. One that passes there must not stay in the list: then the difference would be ours.
set -u
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
if ! command -v qemu-system-x86_64 > /dev/null; then
    echo "SKIP plain QEMU: qemu-system-x86_64 is not installed"
    exit 77
fi
grep -v -e '^#' -e '^$' "$here/isa-qemu.txt" > "$tmp/known"
for name in $(sed 's/:.*//' "$tmp/known" | sort -u); do
    if [ ! -s "tests/isa/$name.rom" ]; then
        echo "isa-qemu.sh: tests/isa/$name.rom is not built; \"make check\" in the build folder makes it" >&2
        exit 2
    fi
done
for name in $(sed 's/:.*//' "$tmp/known" | sort -u); do
    timeout 20 qemu-system-x86_64 -accel tcg -cpu max -no-reboot -display none -monitor none -serial stdio \
        -bios "tests/isa/$name.rom" -m 64 -device isa-debug-exit,iobase=0xf4,iosize=1 < /dev/null 2>&1 |
        head -c 100000 | tr -d '\r' | sed -n "s/ got .* want .*//; s/^FAIL /$name: /p"
done > "$tmp/failed"
grep -v -x -F -f "$tmp/failed" "$tmp/known" > "$tmp/ours"
sed 's/^/FAIL plain QEMU passes what the list excuses: /' "$tmp/ours"
bad=$(grep -c . "$tmp/ours")
echo "$(($(grep -c . "$tmp/known") - bad)) passed, $bad failed, 0 skipped"
[ "$bad" -eq 0 ]
