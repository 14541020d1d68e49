#!/bin/bash
# SPDX-License-Identifier: MIT
# Pictures of every mode, beside QEMU's of the same guest.
set -u
srcdir=${srcdir:-$(dirname "$0")/../..}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
skip() {
    echo "SKIP pictures beside QEMU's: $1"
    echo "0 passed, 0 failed, 14 skipped"
    exit 0
}
command -v qemu-system-x86_64 >/dev/null || skip "there is no qemu-system-x86_64 (Debian: qemu-system-x86)"
[ -r /usr/share/seabios/vgabios-stdvga.bin ] || skip "there is no video BIOS (Debian: seabios)"
[ "$(uname -m)" = x86_64 ] || skip "the guest is built by this host's assembler"
${CC:-cc} -m32 -c "$srcdir/tests/display/modes.S" -o "$tmp/modes.o" &&
    ld -m elf_i386 -Ttext 0x7c00 -e _start --oformat binary -o "$tmp/modes.img" "$tmp/modes.o" || skip "it can't be built"
truncate -s 1M "$tmp/modes.img"
python3 "$srcdir/tests/display/modes.py" "$tmp/modes.img" ./twin86 qemu-system-x86_64
