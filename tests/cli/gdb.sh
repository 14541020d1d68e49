#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's gdb and the guest that is built in, with its symbols: from real mode to long mode, watching, Ctrl-C, detaching
# and coming back.
. "$(dirname "$0")/lib.sh"

if ! command -v gdb >/dev/null; then
    skip 1 "gdb is not installed (package gdb)"
    finish
fi
elf=machine/guest/guest.elf
address() { nm "$elf" | awk -v name="$1" '$3 == name { print "0x" $1 }'; }
socket=$tmp/gdb.socket

# start OPTION...: twin86 in the background, stopped
start() {
    rm -f "$socket"
    timeout 60 "$twin86" -S -serial "file:$tmp/serial" "$@" </dev/null 2>"$tmp/err" &
    pid=$!
    for _ in $(seq 100); do
        [ -S "$socket" ] && return
        sleep 0.1
    done
    bad "no socket; $(cat "$tmp/err")"
}

# session FILE?: gdb with the commands of standard input; what it says in $tmp/gdb
session() {
    { printf 'set pagination off\nset confirm off\nset width 0\ntarget remote %s\n' "$socket"; cat; } >"$tmp/commands"
    timeout 50 gdb -nx -batch -x "$tmp/commands" "$@" >"$tmp/gdb" 2>&1 </dev/null
}

# says_in_order WORDS...
says_in_order() {
    local rest=$(<"$tmp/gdb") w
    for w in "$@"; do
        if [[ $rest != *"$w"* ]]; then
            bad "gdb did not say '$w' (in that order): $(cat "$tmp/gdb")"
            return
        fi
        rest=${rest#*"$w"}
    done
    ok
}

refused "tcp:[HOST]:PORT" -gdb nonsense
refused "unknown arch 'z80'" -gdb "unix:$socket,arch=z80"

# As it starts: 16-bit code is disassembled as such, EIP is linear; nothing is lost by leaving and coming back.
start -gdb "unix:$socket"
[ "$(stat -c %a "$socket")" = 600 ] && ok || bad "the socket is not mode 0600"
session <<'END'
x/i $pc
stepi
x/2i $pc
break *0xf103e
continue
info registers cs eip cs_base cr0
monitor info status
disconnect
END
says_in_order "0xfffffff0 in" "ljmp   \$0xf000,\$0x1000" "0xf1000:" "cli" "Breakpoint 1, 0x000f103e" "0xf103e" "0xf0000" "paused"
session <<'END'
info breakpoints
break *0xf1137
info registers eip
detach
END
says_in_order "0x000f103e in" "No breakpoints" "0xf103e" "detached"
wait $pid && grep -q 'Good night' "$tmp/serial" && ok || bad "the guest did not go on: $(cat "$tmp/serial")"

# With symbols of a 64-bit program from the first instruction on.
start -cpu max -gdb "unix:$socket,arch=i386:x86-64"
session "$elf" <<'END'
hbreak long_mode
break protected_mode
continue
stepi
p $cr0
continue
p/x $cr3
p $efer
break kernel_main
continue
stepi
watch *(int*)&pit_ticks
continue
continue
delete
break system_call
continue
info symbol $pc
set $ymm1.v8_int32[7] = 1234
p $ymm1.v8_int32[7]
set $rax = 0x1122334455667788
p/x $eax
p (char)*(char*)user_program != 0
x/2xb 0xdead000000000000
detach
END
says_in_order "Breakpoint 2, 0x00000000000f1062" "0x00000000000f1067" "PE ET" "Breakpoint 1, $(address long_mode) in long_mode" "0x1000" \
    "SCE LME LMA" "Breakpoint 3, $(address kernel_main) in kernel_main" "watchpoint" "Old value = 0" "New value = 1" \
    "Old value = 1" "New value = 2" "in system_call" "1234" "0x55667788" "Cannot access memory" "detached"
wait $pid && grep -q 'Good night' "$tmp/serial" && ok || bad "the guest did not go on: $(cat "$tmp/serial")"

# A guest that never ends: Ctrl-C stops it, a second client has to wait, a client that vanishes leaves it as it is.
rom "$tmp/spin.rom" "40 ebfd" # INC AX; JMP back
start -bios "$tmp/spin.rom" -gdb "unix:$socket"
{
    printf 'set pagination off\nset confirm off\ntarget remote %s\n' "$socket"
    printf 'python\nimport threading, os, signal, time\n'
    printf 'threading.Thread(target=lambda: (time.sleep(1), os.kill(os.getpid(), signal.SIGINT))).start()\nend\n'
    printf 'continue\np $ax != 0\ninfo threads\nkill\n'
} >"$tmp/commands"
timeout 50 gdb -nx -batch -x "$tmp/commands" >"$tmp/gdb" 2>&1 </dev/null
says_in_order "SIGINT" "= 1" "CPU#0"
wait $pid
[ $? = 0 ] && ok || bad "kill did not end twin86"

# A guest whose kernel has panicked stands there, and may go on.
rom "$tmp/panic.rom" "ba0505 b001 ee 40 ebfd" # pvpanic; INC AX; JMP back
start -bios "$tmp/panic.rom" -device pvpanic -action panic=pause -gdb "unix:$socket,server"
session <<'END'
continue
x/i $pc
monitor info status
stepi
p $ax
kill
END
says_in_order "SIGQUIT" "0xffffff06" "inc    %ax" "guest-panicked" "0xffffff07" "= 2"
wait $pid

# Two processors are two threads: a breakpoint is for both, one steps while the other stands, either meets a watchpoint.
start -smp 2 -m 16 -bios tests/stress/busy16.rom -no-reboot -gdb "unix:$socket"
session <<'END'
info threads
break *0xf0000
continue
continue
delete
set $one = $_thread
set $other = 3 - $one
set scheduler-locking on
thread $other
set $before = $eip
thread $one
p $eip
stepi
p $eip
thread $other
p $eip == $before
set scheduler-locking off
watch *(char*)0x50c
continue
monitor info cpus
kill
END
says_in_order "CPU#0" "CPU#1 [waiting for SIPI]" "hit Breakpoint 1, 0x000f0000" "hit Breakpoint 1, 0x000f0000" "= (void (*)()) 0xf0000" \
    "= (void (*)()) 0xf0002" "= 1" "hit Hardware watchpoint" "New value = 1" "CPU #0: pc=" "CPU #1: pc="
grep -q "Thread 1 hit Breakpoint" "$tmp/gdb" && grep -q "Thread 2 hit Breakpoint" "$tmp/gdb" && ok || bad "not both: $(cat "$tmp/gdb")"
wait $pid

finish
