#!/bin/bash
# SPDX-License-Identifier: MIT
# -d: what is logged, where it goes, and that looking changes nothing.
. "$(dirname "$0")/lib.sh"

exit_device="-device isa-debug-exit"
rom "$tmp/exit.rom" "b003 e6f4 f4 ebfd"         # MOV AL, 3; OUT F4h, AL
rom "$tmp/int.rom" "b003 cd21 f4"               # MOV AL, 3; INT 21h
rom "$tmp/triple.rom" "b003 2e0f011e0000 cc f4" # MOV AL, 3; IDT of limit 0; INT3

# matches REGEX: a line of the log, which is on standard error
matches() { grep -qE "$1" "$tmp/err" && ok || bad "no line '$1' in '$err'"; }

exits 0 -d help
for item in exec regs cpu fpu int cpu_reset stats hash; do
    grep -qE "^  $item  *[a-zA-Z]" "$tmp/out" && ok || bad "-d help does not tell of $item"
done
refused "unknown item 'exe'" -d exe
refused "unknown item ''" -d exec,
refused "unknown item 'foo'" -d int,foo

exits 7 -bios "$tmp/exit.rom" $exit_device -d exec,regs
[ -z "$out" ] && ok || bad "the log is on standard output"
matches '^ +0  f000:fff0  e9 0d ff '
matches '^ +1  f000:ff00  b0 03 '
matches '^ +eax=00000003$'
matches '^ +2  f000:ff02  e6 f4 '
exits 7 -bios "$tmp/exit.rom" $exit_device -d exec -d cpu,fpu -D "$tmp/log"
[ -z "$err" ] && grep -q '^EIP=0000ff00' "$tmp/log" && grep -q ' f000:ff00 ' "$tmp/log" && grep -q '^XMM' "$tmp/log" &&
    ok || bad "-D: '$err' and $(cat "$tmp/log")"

exits 8 -bios "$tmp/int.rom" -timeout 0.3 -d int
matches '^ +0: v=21 e=0000 i=1 cpl=0 IP=f000:ff02 .* n=2  INT 21h$'

exits 4 -bios "$tmp/triple.rom" -no-reboot
matches '^twin86: the guest crashed: triple fault at f000:ff08, instruction 3: #BP, then #GP \(IDT vector 03h\), then #DF could not be delivered$'
matches '^EAX=00000003 '
matches '^EIP=0000ff08 '
matches '^IDT= .* 00000000$'
exits 8 -bios "$tmp/triple.rom" -timeout 0.3 -d cpu_reset -D "$tmp/log"
grep -q '^CPU 0: triple fault at f000:ff08' "$tmp/log" && grep -q '^CPU 0 reset at n=3;' "$tmp/log" && ok || bad "-d cpu_reset"
exits 7 -bios "$tmp/exit.rom" $exit_device -d exec -D /dev/full
says "-D: /dev/full could not be written in full"

# The built-in guest, watched and not: the same instructions, the same end.
for items in hash int,hash exec,regs,cpu,fpu,int,hash; do
    run -timeout 30 -icount shift=0 -d $items -D "$tmp/log"
    hash[${#hash[@]}]=$(grep -a '^twin86: state' "$tmp/log")
done
[ -n "${hash[0]}" ] && [ "${hash[0]}" = "${hash[1]}" ] && [ "${hash[0]}" = "${hash[2]}" ] && ok || bad "state: ${hash[*]}"
grep -aq 'n=[0-9]*  #PF (user write, not present)$' "$tmp/log" && ok || bad "the page fault of the built-in guest"
finish
