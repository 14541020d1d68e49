#!/bin/bash
# SPDX-License-Identifier: MIT
# The monitor's prompt on standard input: logs, statistics and symbols, which come from the command line.
. "$(dirname "$0")/lib.sh"

# monitor LINES ARGS...: what a machine that is not started answers, in $said
monitor() {
    local lines=$1
    shift
    said=$(printf "$lines\nquit\n" | timeout 30 "$twin86" -S -monitor stdio -serial null "$@" 2>&1) || bad "monitor $*: exit code $?"
}
has() { [[ $said == *"$1"* ]] && ok || bad "'$1' is not in '$said'"; }
has_not() { [[ $said != *"$1"* ]] && ok || bad "'$1' is in '$said'"; }

rom "$tmp/count.rom" "40 40 40 ebfb" # INC AX three times, again
rom "$tmp/echo.rom" "bafb03b003eebafd03eca80174fbbaf803eceeebf1" # COM1

monitor 'log exec\nstep 3\nlog none\nstep 3\nlog' -bios "$tmp/count.rom" -D "$tmp/log"
[ "$(wc -l <"$tmp/log")" = 3 ] && grep -q '1  f000:ff00  40  *inc ax' "$tmp/log" && ok || bad "log exec: $(cat "$tmp/log")"
has "(nothing is logged)"
has_not "*"
monitor 'log int,regs\nlog\nlog mmio\nlog' -bios "$tmp/count.rom" -d in_asm,out_asm,irq -D "$tmp/log"
has "* regs"
has "* int"
has "* mmio"
monitor 'log nonsense\nlog irq\nlog exec nonsense' -bios "$tmp/count.rom"
has "unknown item 'nonsense'"
has "start with -d in_asm,out_asm,irq"
has "unknown item 'exec nonsense'"

if "$twin86" -accel help | grep -q 'kvm  *works here'; then
    rom "$tmp/port.rom" "b081 e6f9 ebfa" # OUT to what is not there, for ever
    # the guest runs for a moment between two commands
    said=$({ printf 'log exec\nlog guest_errors,pio\ncont\n'; sleep 0.5; printf 'stop\nlog none\nlog\nquit\n'; } |
        timeout 30 "$twin86" -S -monitor stdio -serial null -accel kvm -bios "$tmp/port.rom" -D "$tmp/log" 2>&1)
    has "need -accel tcg-lite"
    has "(nothing is logged)"
    grep -q '^guest_error: write to unassigned port f9h, size 1 at f000:ff0' "$tmp/log" && grep -q '^pio: out 00f9 .* at f000:' "$tmp/log" &&
        ok || bad "log guest_errors on kvm: $(head -3 "$tmp/log")"
    said=$({ printf 'log int\ncont\n'; sleep 0.7; printf 'quit\n'; } |
        timeout 30 "$twin86" -S -monitor stdio -serial null -accel tcg-lite:kvm -handover every=20 -bios "$tmp/port.rom" -D "$tmp/log" 2>&1)
    grep -q '^engine: the guest goes on in kvm, where hardware shows no' "$tmp/log" &&
        grep -q '^engine: the guest goes on in tcg-lite$' "$tmp/log" && ok || bad "log int and hand-over: $said $(head -3 "$tmp/log")"
else
    skip 4 "log on kvm: it is not usable here"
fi

monitor 'step 5\ninfo exits\ninfo trace 2' -bios "$tmp/count.rom" -exit-stats text,file="$tmp/exits" -trace-last 100
has "Exit statistics of tcg-lite"
has "3  f000:ff02"
has_not "2  f000:ff01"
monitor 'info exits\ninfo trace' -bios "$tmp/count.rom"
has "start twin86 with -exit-stats"
has "start twin86 with -trace-last"

printf '00000000ffffff00 T first\n00000000ffffff02 T third\n' >"$tmp/map"
monitor 'step 3\nx/2i first\nprint third-first\nprint fourth\np 2*third' -bios "$tmp/count.rom" -symbols "$tmp/map"
has "=> f000:ff02 <third>  inc ax"
has "0xffffff01 <first+0x1>:  40"
has "(twin86) 0x2"
has "unknown symbol 'fourth'"
has "(twin86) 0x1fffffe04"
monitor 'print first' -bios "$tmp/count.rom"
has "-symbols FILE"

# Ctrl-A C works in a pipe, too. What comes before the guest has set its serial port to 8 bits loses its upper ones.
said=$({ sleep 2; printf 'ab'; sleep 0.4; printf '\001cinfo status\n\001ccd'; sleep 0.4; printf '\001x'; } |
    timeout 20 "$twin86" -bios "$tmp/echo.rom" 2>&1)
[[ $said == ab*"(twin86) VM status: running"*"(twin86) "*cd ]] && ok || bad "Ctrl-A C in a pipe: '$said'"

# The display and hands: what they refuse.
monitor 'screendump\nscreendump /dev/null\nscreendump a b\nscreendump a -f gif\nsendkey\nsendkey ctrl-nokey\nsendkey a 0' \
    -vga std -bios "$tmp/count.rom"
has "screendump needs a file"
has "/dev/null: is no file"
has "'b' is too much"
has "-f needs a format: png or ppm"
has "sendkey needs keys"
has "there is no key 'nokey'"
has "'0' is no number from 1 to 60000"
monitor 'screendump x\nmouse_move 1\nmouse_button 8\nmouse_move 1 x' -vga none -bios "$tmp/count.rom"
has "there is no display adapter; -vga std puts one in"
has "mouse_move needs dx and dy"
has "'8' is no number from 0 to 7"
has "'x' is no number from"
monitor "screendump $tmp/idle.ppm\nsendkey ctrl-alt-delete\nsendkey 0x1d-0x38-0xd3 5\nmouse_move 1 -2 3\nmouse_button 5" \
    -vga std -bios "$tmp/count.rom"
[ "$(head -c 15 "$tmp/idle.ppm")" = "$(printf 'P6\n640 480\n255\n')" ] && ok || bad "screendump: $(head -c 15 "$tmp/idle.ppm")"
finish
