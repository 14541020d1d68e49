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
for item in exec regs cpu fpu int cpu_reset in_asm out_asm mmio pio irq msr guest_errors stats hash; do
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
matches '^The instruction there: cc  (int3)?$'
exits 8 -bios "$tmp/triple.rom" -timeout 0.3 -d cpu_reset -D "$tmp/log"
grep -q '^CPU 0: triple fault at f000:ff08' "$tmp/log" && grep -q '^CPU 0 reset at n=3;' "$tmp/log" && ok || bad "-d cpu_reset"
exits 6 -bios "$tmp/exit.rom" $exit_device -d exec -D /dev/full
says "-D: /dev/full can't be written: No space left on device"

# Code as it is decoded; ranges; symbols.
exits 7 -bios "$tmp/exit.rom" $exit_device -d in_asm
matches '^IN:$'
matches '^f000:fff0  e9 0d ff '
matches '^f000:ff02  e6 f4 '
exits 0 -timeout 30 -accel tcg-lite,jit=eager -d in_asm,out_asm
matches '^OUT: \[size=[0-9]+\]$'
matches '^ +[0-9a-f]{16}  48 89 ' # a move of 64 bits, of the host
matches '^  -- left to the interpreter$'
[[ $err == *IN:* && $err != *sandbox* ]] && ok || bad "-d in_asm,out_asm: $err"

# Names of translated code, for perf.
twin86=$(realpath "$twin86")
(cd "$tmp" && exec "$twin86" -timeout 30 -accel tcg-lite,jit=eager -perfmap -jitdump >/dev/null 2>perf.err) &
wait $!
code=$?
map=/tmp/perf-$!.map dump=$tmp/jit-$!.dump
[ $code = 0 ] && [ ! -s "$tmp/perf.err" ] && grep -q '^[0-9a-f]* [0-9a-f]* guest_[0-9a-f]*$' "$map" && ok || bad "-perfmap: $(cat "$tmp/perf.err")"
names=$(strings -n 7 "$dump" | grep -c '^guest_[0-9a-f]*$')
[ "$(head -c 4 "$dump")" = DTiJ ] && [ "$names" = "$(wc -l <"$map")" ] && ok || bad "-jitdump: $names names, $(wc -l <"$map") in the map"
rm -f "$map"
exits 7 -bios "$tmp/exit.rom" $exit_device -d exec -dfilter 0xff00+2
matches '^ +1  f000:ff00  '
[[ $err != *ff02* && $err != *fff0* ]] && ok || bad "-dfilter: $err"
refused "is no range" -dfilter 0x10
refused "is no range" -dfilter 1+0
refused "is no range" -dfilter 5..4
printf '%s\n' '000000000000ff00 T begin' '                 U other' '000000000000fff0 t reset' >"$tmp/names"
exits 7 -bios "$tmp/exit.rom" $exit_device -d exec,in_asm -symbols "$tmp/names"
matches '^IN: <begin>$'
matches '  f000:ff02 .* <begin\+0x2>$'
refused "line 1 of" -symbols "$tmp/exit.rom"
refused "can't be read" -symbols "$tmp/nothing"

# Devices, MSRs, and what a guest does wrong.
rom "$tmp/wrong.rom" "b055 e680 e464 b800a0 8ed8 a00000 b8fe9f 8ed8 66b9efbeadde 0f32"
exits 8 -vga none -bios "$tmp/wrong.rom" -timeout 0.3 -d pio,mmio,msr,guest_errors
matches '^pio: out 0080 size=1 value=55 [a-z-]* ?at f000:ff02'
matches '^pio: in  0064 size=1 value=[0-9a-f]* i8042-command at f000:ff04'
matches '^mmio: read  000a0000 size=1 value=ff vga hole\+0 at f000:ff0b'
matches '^msr: read  deadbeef #GP at f000:'
matches '^guest_error: read of MSR deadbeef raises #GP'
rom "$tmp/port.rom" "ba3412 ee ed b0c5 e664 f4"
exits 8 -bios "$tmp/port.rom" -timeout 0.3 -d guest_errors
matches '^guest_error: write to unassigned port 1234h, size 1 at f000:ff03'
matches '^guest_error: read of unassigned port 1234h, size [24] at f000:ff04'
matches '^guest_error: i8042: unknown command c5h at f000:ff07'
run -timeout 30 -d irq -D "$tmp/log"
for line in 'irq: IRQ 0 rises' 'irq: IRQ 0 falls' 'irq: PIC delivers vector 32 ' 'irq: PIC EOI of IRQ 0 ' \
    'irq: local APIC accepts vector 48 ' 'irq: local APIC delivers vector 48 ' 'irq: local APIC EOI of vector 48 '; do
    grep -qF "$line" "$tmp/log" && ok || bad "-d irq has no '$line'"
done

# The last instructions, after a crash.
exits 4 -bios "$tmp/triple.rom" -no-reboot --trace-last 3 -symbols "$tmp/names"
matches '^The exceptions that led there:$'
matches '^  #BP, vector 3, at f000:ff08 <begin\+0x8>, instruction 3$'
matches '^  #DF, vector 8, error code 0, at f000:ff08 <begin\+0x8>, instruction 3$'
matches '^The last instructions:$'
matches '^ +1  f000:ff00  b0 03 .*<begin>$'
matches '^ +3  f000:ff08  cc  .*<begin\+0x8>$'
[[ $err != *"f000:fff0"* ]] && ok || bad "more than --trace-last: $err"
exits 8 -bios "$tmp/triple.rom" -timeout 0.3 -trace-last=2 -D "$tmp/log"
grep -q '^ *3  f000:ff08  cc ' "$tmp/log" && ok || bad "--trace-last when the guest starts anew"
# the same instructions as with -d exec, which takes them one by one: a loop, a string instruction, code that changes itself
rom "$tmp/loop.rom" "b92c01404be2fc31c08ed88ec0bf0006b90800f3aabe26ffbf0005b91100f32ea4ea00050000b91400fe060805b000e2f80f011e0006cc"
run -bios "$tmp/loop.rom" -no-reboot -d exec -D "$tmp/log" -timeout 5
grep -E '^ +[0-9]+  ' "$tmp/log" | uniq >"$tmp/exec" # a repeated string instruction comes once for each time
for last in 1 2 7 40 123 2000; do
    exits 4 -bios "$tmp/loop.rom" -no-reboot -trace-last $last
    sed '1,/^The last instructions/d' "$tmp/err" >"$tmp/last"
    tail -n $last "$tmp/exec" | cmp -s - "$tmp/last" && [ "$(wc -l <"$tmp/last")" -ge $((last < 40 ? last : 40)) ] && ok ||
        bad "-trace-last $last and -d exec differ: $(tail -n $last "$tmp/exec" | diff - "$tmp/last" | head)"
done
refused "is no number of instructions" -trace-last 0
refused "is no number of instructions" -trace-last 1000001
if "$twin86" -accel help | grep -q 'kvm  *works here'; then
    refused "--trace-last: hardware does not show instructions" -accel kvm -trace-last 5
    refused "in_asm" -accel kvm -d in_asm
    exits 7 -accel kvm -bios "$tmp/exit.rom" $exit_device -d pio,int -accel tcg-lite
    exits 7 -accel kvm -bios "$tmp/exit.rom" $exit_device -d pio
    matches '^pio: out 00f4 size=1 value=03 isa-debug-exit'
else
    skip 5 "traces of kvm: it is not usable here"
fi

# The built-in guest, watched and not: the same instructions, the same end.
for items in hash int,hash hash exec,regs,cpu,fpu,int,in_asm,out_asm,mmio,pio,irq,msr,guest_errors,hash; do
    more=
    [ ${#hash[@]} = 2 ] && more="-trace-last 1000 -exit-stats file=$tmp/exits"
    run -timeout 30 $more -icount shift=0 -d $items -D "$tmp/log"
    hash[${#hash[@]}]=$(grep -a '^twin86: state' "$tmp/log")
done
[ -n "${hash[0]}" ] && [ "${hash[0]}" = "${hash[1]}" ] && [ "${hash[0]}" = "${hash[2]}" ] && [ "${hash[0]}" = "${hash[3]}" ] && ok || bad "state: ${hash[*]}"
grep -aq 'n=[0-9]*  #PF (user write, not present)$' "$tmp/log" && ok || bad "the page fault of the built-in guest"
finish
