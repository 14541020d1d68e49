#!/bin/bash
# SPDX-License-Identifier: MIT
# Core files of dump-guest-memory, opened by gdb: registers and memory are those that the monitor shows.
. "$(dirname "$0")/lib.sh"

command -v gdb >/dev/null || {
    echo "SKIP core files: there is no gdb (Debian package gdb)"
    exit 77
}

# monitor ARGS... <<<LINES: what a stopped machine answers
monitor() { timeout 30 "$twin86" -S -monitor stdio -serial null "$@" 2>&1; }

# core WHAT COMMAND...: gdb's words on $tmp/core
gdb_says() {
    local args=()
    for c in "$@"; do args+=(-ex "$c"); done
    timeout 60 gdb -nx -batch "${args[@]}" -c "$tmp/core" 2>&1
}

# has TEXT WORDS WHAT
has() { [[ $1 == *"$2"* ]] && ok || bad "$3: '$2' is not in '$1'"; }

# i386: MOV EAX, 12345678h; MOV EBX, EAX; spin, in real mode
rom "$tmp/real.rom" "66b878563412 6689c3 ebfe"
said=$(monitor -bios "$tmp/real.rom" <<<$'step 3\nprint $eax\ndump-guest-memory '"$tmp/core"$'\nquit')
has "$said" 0x12345678 "real mode"
said=$(gdb_says 'info registers eax ebx eip cs' 'x/3xb 0xfff00' 'show architecture')
has "$said" $'eax            0x12345678' "EAX"
has "$said" $'cs             0xf000' "CS"
has "$said" $'eip            0xff09' "EIP"
has "$said" $'0xfff00:\t0x66\t0xb8\t0x78' "ROM"
has "$said" '"i386"' "architecture"
[ "$(stat -c %a "$tmp/core")" = 600 ] && ok || bad "a core is private"

# x86-64: somewhere in the embedded guest's long mode
for flag in "" -p; do
    said=$(monitor -icount shift=0 <<<$'step 10000\nprint $efer&0x400\nprint $rip\nprint $rsp\nx/xg $rsp\nprint $cr3\ndump-guest-memory '"$flag $tmp/core"$'\nquit')
    mapfile -t v < <(sed -n 's/^(twin86) \(0x[0-9a-f]*\)$/\1/p' <<<"$said")
    [ "${v[0]}" = 0x400 ] && ok || bad "not in long mode after 10000 instructions: '$said'"
    stack=$(sed -n 's/^(twin86) [0-9a-f]*: \(0x[0-9a-f]*\)$/\1/p' <<<"$said")
    [ -n "$stack" ] && ok || bad "no stack: $said"
    seen=$(gdb_says 'output/x $rip' 'echo \n' 'output/x $rsp' 'echo \n' 'x/xg $rsp' 'p $mxcsr' 'p $ymm0.v4_int64' 'show architecture')
    has "$seen" $'\n'"${v[1]}"$'\n'"${v[2]}"$'\n' "RIP and RSP $flag"
    has "$seen" "$stack" "stack $flag"
    has "$seen" "[ IM DM ZM OM UM PM ]" "MXCSR $flag"
    has "$seen" '{0, 0, 0, 0}' "YMM0 $flag"
    has "$seen" 'i386:x86-64' "architecture $flag"
done
# QEMU's note tells crash of CR3
readelf -n "$tmp/core" | grep -q 'QEMU' && ok || bad "no QEMU note: $(readelf -n "$tmp/core")"
finish
