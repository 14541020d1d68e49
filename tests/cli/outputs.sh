#!/bin/bash
# SPDX-License-Identifier: MIT
# Outputs that nobody reads, or that are full, or closed; inputs that bring nothing; signals that are ignored: whatever the
# host does, SIGTERM, -timeout and QMP's quit end twin86, nothing is lost silently, and nothing of the host is changed.
. "$(dirname "$0")/lib.sh"

lcr="bafb03 b003 ee" # COM1: 8 bits
rom "$tmp/chatty.rom" "$lcr baf803 b078 ee ebfd"          # x on COM1 for ever, without looking
rom "$tmp/polite.rom" "$lcr bafd03 ec a820 74fb baf803 b078 ee ebf2" # when the transmitter is empty
rom "$tmp/debugcon.rom" "b078 e6e9 ebfc"                  # x on the debug console
rom "$tmp/spin.rom" "ebfe"
rom "$tmp/hello.rom" "$lcr baf803 b048 ee b069 ee b003 e6f4 f4 ebfd" # "Hi", then exit code 7
mkfifo "$tmp/fifo"
exec 3>&1 # where failures are told when standard output is elsewhere
bad() {
    failed=$((failed + 1))
    echo "FAILED: $*" >&3
}

# ends WHAT PID CODE: it does, within 20 s, with that exit code. $own_end: it needs no SIGTERM
ends() {
    local what=$1 pid=$2 want=$3 i rc
    for ((i = 0; i < 400; i++)); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    if kill -0 "$pid" 2>/dev/null; then
        bad "$what: still runs"
        kill -KILL "$pid"
    fi
    wait "$pid" 2>/dev/null
    rc=$?
    [ "$rc" = "$want" ] && ok || bad "$what: exit code $rc, not $want; $(cat "$tmp/err")"
}

# stuck WHAT ARGS...: descriptors 8 and 9 are a pipe that is full and not read. SIGTERM ends it, and so does -timeout.
stuck() {
    local what=$1
    shift
    "$twin86" "$@" </dev/null 2>"$tmp/err" &
    sleep 0.4
    kill -TERM $!
    ends "$what, SIGTERM" $! 143
    "$twin86" "$@" -timeout 0.4 </dev/null 2>"$tmp/err" &
    ends "$what, -timeout" $! 8
}

# ---- who should read does not ----
exec 9<>"$tmp/fifo" # keeps it open, and reads nothing
for guest in chatty polite; do
    stuck "stdout is a full pipe ($guest)" -bios "$tmp/$guest.rom" >"$tmp/fifo"
    stuck "-serial file:FIFO ($guest)" -bios "$tmp/$guest.rom" -serial file:"$tmp/fifo"
    stuck "-icount, stdout is a full pipe ($guest)" -bios "$tmp/$guest.rom" -icount shift=0 >"$tmp/fifo"
done
stuck "-debugcon file:FIFO" -bios "$tmp/debugcon.rom" -serial null -debugcon file:"$tmp/fifo"
stuck "-d exec -D FIFO" -bios "$tmp/spin.rom" -serial null -d exec -D "$tmp/fifo"
stuck "-d pio -D FIFO" -bios "$tmp/chatty.rom" -serial null -d pio -D "$tmp/fifo"
stuck "-exit-stats file=FIFO" -bios "$tmp/chatty.rom" -serial null -exit-stats file="$tmp/fifo"
"$twin86" -bios "$tmp/spin.rom" -serial null -d exec </dev/null 2>"$tmp/fifo" &
sleep 0.4
kill -TERM $!
ends "-d exec, stderr is a full pipe" $! 143
"$twin86" -bios "$tmp/spin.rom" -no-reboot -d exec -timeout 0.4 </dev/null >"$tmp/fifo" 2>"$tmp/fifo" &
ends "-d exec, stdout and stderr are a full pipe, -timeout" $! 8
exec 9>&-
says_stuck() { grep -q "bytes were not taken" "$tmp/err" && ok || bad "$1 lost output and did not say so: $(cat "$tmp/err")"; }
mkfifo "$tmp/unread"
stuck "-serial file:FIFO that nobody has opened" -bios "$tmp/chatty.rom" -serial file:"$tmp/unread"
says_stuck "-serial file:FIFO"
stuck "-d exec -D FIFO that nobody has opened" -bios "$tmp/spin.rom" -serial null -d exec -D "$tmp/unread"
stuck "-exit-stats file=FIFO that nobody has opened" -bios "$tmp/spin.rom" -serial null -exit-stats file="$tmp/unread"

# a reader who comes late gets it all
"$twin86" -bios "$tmp/hello.rom" -device isa-debug-exit -serial file:"$tmp/unread" </dev/null 2>"$tmp/err" &
sleep 0.3
[ "$(timeout 20 cat "$tmp/unread")" = Hi ] && ok || bad "a reader who came late got something else"
ends "-serial file:FIFO that is read late" $! 7

# one who comes back finds the guest where it was left: no byte is lost between
timeout 60 "$twin86" -bios "$tmp/polite.rom" -device isa-debug-exit -timeout 1 </dev/null 2>"$tmp/err" |
    { sleep 0.7; cat; } >"$tmp/out"
n=$(tr -d x <"$tmp/out" | wc -c)
[ "$n" = 0 ] && [ "$(wc -c <"$tmp/out")" -gt 70000 ] && ok || bad "a slow reader: $(wc -c <"$tmp/out") bytes, $n wrong ones"

# ---- inputs that bring nothing ----
rm "$tmp/fifo" && mkfifo "$tmp/fifo"
for option in "-kernel $tmp/fifo" "-bios $tmp/fifo" "-kernel $tmp/chatty.rom -symbols $tmp/fifo" "-symbols $tmp/fifo"; do
    stuck "$option" $option
done
"$twin86" -bios <(cat "$tmp/hello.rom") -device isa-debug-exit </dev/null >"$tmp/out" 2>"$tmp/err"
[ $? = 7 ] && [ "$(cat "$tmp/out")" = Hi ] && ok || bad "-bios <(cat ROM): $(cat "$tmp/err")"
refused "is empty" -bios <(true)

# ---- outputs that are full ----
for args in "-serial file:/dev/full" "-debugcon file:/dev/full -bios $tmp/debugcon.rom" "-d pio -D /dev/full" \
    "-d exec -D /dev/full -serial null"; do
    exits 6 -bios "$tmp/chatty.rom" $args
    [ "$(wc -l <"$tmp/err")" = 1 ] && ok || bad "$args: more than a line: $err"
    says "/dev/full can't be written: No space left on device"
done
for args in "-d stats -D /dev/full" "-exit-stats file=/dev/full"; do # when the guest has ended already
    exits 6 -bios "$tmp/hello.rom" -device isa-debug-exit $args
    says "/dev/full can't be written: No space left on device"
done
"$twin86" -bios "$tmp/chatty.rom" </dev/null >/dev/full 2>"$tmp/err"
[ $? = 6 ] && grep -q "^twin86: standard output can't be written: No space left on device$" "$tmp/err" && ok ||
    bad "stdout is full: $(cat "$tmp/err")"
"$twin86" -bios "$tmp/hello.rom" -device isa-debug-exit </dev/null >/dev/full 2>"$tmp/err"
[ $? = 6 ] && ok || bad "stdout is full, the guest ends: $(cat "$tmp/err")"
timeout 20 "$twin86" -bios "$tmp/chatty.rom" </dev/null 2>"$tmp/err" | head -c 10 >"$tmp/out"
rc=${PIPESTATUS[0]}
[ "$rc" = 141 ] && [ "$(cat "$tmp/out")" = xxxxxxxxxx ] && [ ! -s "$tmp/err" ] && ok || bad "| head: $rc $(cat "$tmp/err")"
(trap '' PIPE; exec timeout 20 "$twin86" -bios "$tmp/chatty.rom" </dev/null 2>"$tmp/err") | head -c 10 >"$tmp/out"
rc=${PIPESTATUS[0]}
[ "$rc" = 6 ] && grep -q "Broken pipe" "$tmp/err" && ok || bad "| head, SIGPIPE ignored: $rc $(cat "$tmp/err")"

(ulimit -f 1 && exec timeout 20 "$twin86" -bios "$tmp/chatty.rom" -serial file:"$tmp/limited" </dev/null 2>"$tmp/err")
rc=$?
[ "$rc" = 6 ] && grep -q "limited can't be written: File too large$" "$tmp/err" && ok || bad "ulimit -f: $rc $(cat "$tmp/err")"
"$twin86" -bios "$tmp/spin.rom" -serial file:"$tmp/xcpu" </dev/null 2>"$tmp/err" & # ulimit -t
sleep 0.4
kill -XCPU $!
ends "SIGXCPU" $! 152
[ -e "$tmp/xcpu" ] && ok || bad "SIGXCPU came too early"

# ---- descriptors 0, 1, 2 that are closed ----
"$twin86" -bios "$tmp/hello.rom" -device isa-debug-exit </dev/null >&- 2>"$tmp/err"
[ $? = 7 ] && [ ! -s "$tmp/err" ] && ok || bad "stdout closed: $(cat "$tmp/err")"
"$twin86" -bios "$tmp/hello.rom" -device isa-debug-exit <&- >"$tmp/out" 2>"$tmp/err"
[ $? = 7 ] && [ "$(cat "$tmp/out")" = Hi ] && ok || bad "stdin closed: $(cat "$tmp/err")"
"$twin86" -bios "$tmp/hello.rom" -device isa-debug-exit -d pio <&- >&- 2>&-
[ $? = 7 ] && ok || bad "all three closed"
"$twin86" -bios "$tmp/spin.rom" <&- >&- 2>&- &
pid=$!
for ((i = 0; i < 200; i++)); do
    where=$(readlink /proc/$pid/fd/{0,1,2} 2>/dev/null | sort -u)
    [ "$where" = /dev/null ] && break
    sleep 0.05
done
[ "$where" = /dev/null ] && ok || bad "closed descriptors became $where"
kill $pid
ends "all three closed, SIGTERM" $pid 143

# ---- the shell's own files are as they were ----
exec 9<>"$tmp/fifo"
flags() { sed -n 's/^flags:\t*//p' /proc/$$/fdinfo/9; }
before=$(flags)
"$twin86" -bios "$tmp/spin.rom" <&9 >&9 2>"$tmp/err" &
sleep 0.4
during=$(flags)
kill -TERM $!
ends "a shared pipe" $! 143
[ "$before" = "$during" ] && [ "$before" = "$(flags)" ] && ok || bad "flags of a shared pipe: $before, $during, $(flags)"
exec 9>&-

# ---- signals that are ignored ----
ignores() {
    local sig=$1 pid
    (trap '' "$sig"; exec "$twin86" -bios "$tmp/spin.rom" -timeout 1.5 </dev/null >/dev/null 2>"$tmp/err") &
    pid=$!
    sleep 0.5
    kill "-$sig" $pid
    ends "SIG$sig is ignored" $pid 8
}
for sig in HUP INT QUIT TSTP; do ignores $sig; done
nohup "$twin86" -bios "$tmp/spin.rom" -timeout 1.5 </dev/null >/dev/null 2>"$tmp/err" &
pid=$!
sleep 0.5
kill -HUP $pid
ends nohup $pid 8
for sig in INT QUIT; do # bash has ignored these for background jobs; a new session's leader takes them
    python3 -c "import os,signal,sys
signal.signal(signal.SIG$sig, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])" "$twin86" -bios "$tmp/spin.rom" </dev/null >/dev/null 2>"$tmp/err" &
    pid=$!
    while [ "$(cat /proc/$pid/comm)" = bash ]; do sleep 0.01; done # in which the signal would run this script's trap
    for ((i = 0; i < 100; i++)); do # until it has begun, too
        kill "-$sig" $pid 2>/dev/null || break
        sleep 0.1
    done
    ends "SIG$sig" $pid $((128 + $(kill -l $sig)))
done
finish
