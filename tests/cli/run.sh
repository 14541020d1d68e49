#!/bin/bash
# SPDX-License-Identifier: MIT
# Exit codes, serial targets, time limits, and runs that repeat, with guests of a few bytes.
. "$(dirname "$0")/lib.sh"

lcr="bafb03 b003 ee" # COM1: 8 bits
rom "$tmp/exit.rom" "b003 e6f4 f4 ebfd"           # OUT F4h, 3
rom "$tmp/spin.rom" "ebfe"                        # for ever
rom "$tmp/halt.rom" "fa f4 ebfc"                  # CLI, HLT
rom "$tmp/triple.rom" "2e0f011e0000 cc f4"        # IDT of limit 0, INT3
rom "$tmp/reset.rom" "b0fe e664 f4 ebfd"          # the keyboard controller pulses RESET
rom "$tmp/hello.rom" "$lcr baf803 b048 ee b069 ee b003 e6f4 f4 ebfd" # "Hi" on COM1
rom "$tmp/echo.rom" "$lcr bafd03 ec a801 74fb baf803 ec ee 3c71 75ef b000 e6f4 f4" # echoes until q

exit_device="-device isa-debug-exit"
exits 7 -bios "$tmp/exit.rom" $exit_device
exits 7 -bios "$tmp/exit.rom" -device isa-debug-exit,iobase=0xf4,iosize=0x04 -nographic -m 1M -cpu max
exits 7 -bios "$tmp/exit.rom" $exit_device -accel kvm:tcg-lite
if "$twin86" -accel help | grep -q 'kvm  *works here'; then
    exits 7 -bios "$tmp/hello.rom" $exit_device -accel tcg-lite:kvm -handover every=1 -d stats
    [ "$out" = Hi ] && ok || bad "-handover: '$out'"
    exits 8 -bios "$tmp/spin.rom" -accel kvm:tcg-lite -handover every=1 -d stats -timeout 2
    [[ $err =~ ([0-9]+)\ hand-overs ]] && [ "${BASH_REMATCH[1]}" -gt 20 ] && ok || bad "-handover: $err"
    out=$( (sleep 0.3 && printf '\001e' && sleep 0.3 && printf '\001e' && sleep 0.3 && printf '\001x') |
        timeout 20 "$twin86" -bios "$tmp/spin.rom" -accel kvm:tcg-lite -handover 2>"$tmp/err")
    [[ $out == *"goes on in tcg-lite"*"goes on in kvm"* ]] && ok || bad "Ctrl-A E: '$out' $(cat "$tmp/err")"
    exits 8 -bios "$tmp/spin.rom" -accel tcg-lite -timeout 0.2 -d stats
    [[ $err != *hand-overs* && $err == *"instructions, "*" MIPS, "* ]] && ok || bad "-d stats: $err"
    exits 8 -bios "$tmp/reset.rom" -accel kvm -timeout 0.3 -d stats,cpu_reset # hardware counts no instructions
    [[ $err != *" instructions"* && $err != *MIPS* && $err == *"CPU 0 reset; the registers were"* ]] &&
        ok || bad "-accel kvm -d stats,cpu_reset: $err"
else
    skip 8 "hand-over: kvm is not usable here"
fi

# A timer's interrupt at random times around STI and HLT: nobody sleeps for good. (The host's KVM; where QEMU emulates the
# processor below it, it does: docs/kvm-run.md.)
sti_hlt() { exits 1 -bios tests/kvm/sti-hlt.rom $exit_device "$@"; }
sti_hlt
sti_hlt -icount shift=2
if "$twin86" -accel help | grep -q 'kvm  *works here'; then
    sti_hlt -accel kvm
    sti_hlt -accel kvm -machine pc,kernel-irqchip=on
else
    skip 2 "STI and HLT on kvm: it is not usable here"
fi

# What XSETBV enables stays enabled across an exit. (The same again.)
exits 1 -bios tests/kvm/xsetbv.rom $exit_device
if [ -e /sys/module/kvm_pvm ]; then
    skip 1 "XSETBV on kvm: kvm_pvm's guests have no XSAVE"
elif "$twin86" -accel help | grep -q 'kvm  *works here'; then
    exits 1 -bios tests/kvm/xsetbv.rom $exit_device -accel kvm
else
    skip 1 "XSETBV on kvm: it is not usable here"
fi

if [ -e /sys/module/kvm_pvm ] && "$twin86" -accel help | grep -q 'kvm  *works here'; then
    rom "$tmp/daa.rom" "b81500 27 f4" # DAA is nothing for that KVM
    exits 6 -bios "$tmp/daa.rom" -accel kvm,assist=off
    says "KVM can't emulate an instruction, and assist=off"
    says $'\nEAX=00000015 '
    says $'\nThe instruction there: 27  '
else
    skip 4 "what is said of an exit that should not be: no KVM here makes one"
fi
exits 8 -bios "$tmp/exit.rom" -device isa-debug-exit,iobase=0x501 -timeout 0.3
exits 8 -bios "$tmp/spin.rom" -timeout 0.3
says "-timeout"
exits 8 -bios "$tmp/halt.rom" -timeout 0.3
exits 4 -bios "$tmp/triple.rom" -no-reboot
says "triple fault"
exits 8 -bios "$tmp/triple.rom" -timeout 0.3
exits 8 -bios "$tmp/triple.rom" -no-reboot -no-shutdown -timeout 0.3
says "has stopped (guest-panicked)"
rom "$tmp/panic.rom" "ba0005 b001 ee ebfe"
exits 4 -bios "$tmp/panic.rom" -device pvpanic,ioport=0x500 -trace-last 3
says "the guest crashed: its kernel says so (pvpanic)"
says "mov al, 1"
exits 8 -bios "$tmp/panic.rom" -device pvpanic,ioport=0x500 -timeout 0.3 -action shutdown=poweroff,panic=pause
says "has stopped (guest-panicked)"
exits 8 -bios "$tmp/panic.rom" -device pvpanic -timeout 0.3 # at 505h
exits 4 -bios "$tmp/triple.rom" -action reboot=shutdown
exits 8 -bios "$tmp/hello.rom" -S -timeout 0.3
[ -z "$out" ] && ok || bad "-S: the guest ran: '$out'"
exits 0 -bios "$tmp/reset.rom" -no-reboot
exits 8 -bios "$tmp/reset.rom" -timeout 0.3

exits 7 -bios "$tmp/hello.rom" $exit_device
[ "$out" = Hi ] && ok || bad "COM1 on stdout: '$out'"
exits 7 -bios "$tmp/hello.rom" $exit_device -serial file:"$tmp/serial"
[ -z "$out" ] && [ "$(cat "$tmp/serial")" = Hi ] && ok || bad "-serial file:"
exits 7 -bios "$tmp/hello.rom" $exit_device -serial null
[ -z "$out" ] && ok || bad "-serial null"
exits 7 -bios "$tmp/hello.rom" $exit_device -d stats,hash -D "$tmp/log"
grep -q "instructions" "$tmp/log" && grep -qE "state [0-9a-f]{64}" "$tmp/log" && ok || bad "-d stats,hash: $(cat "$tmp/log")"

echoed=$( (sleep 0.5 && printf 'hello\nq') | timeout 20 "$twin86" -bios "$tmp/echo.rom" $exit_device)
[ "$echoed" = $'hello\nq' ] && ok || bad "echo of a pipe: '$echoed'"
timeout 20 "$twin86" -bios "$tmp/spin.rom" < <(printf '\001x') && ok || bad "Ctrl-A X from a pipe"
head -c 300000 /dev/zero | tr '\0' a >"$tmp/long"
echo q >>"$tmp/long"
timeout 60 "$twin86" -bios "$tmp/echo.rom" $exit_device <"$tmp/long" >"$tmp/long.out"
[ "$(wc -c <"$tmp/long.out")" = 300001 ] && ok || bad "300001 bytes came back as $(wc -c <"$tmp/long.out")"

for i in 1 2; do
    run -bios "$tmp/hello.rom" $exit_device -icount shift=2 -d hash
    hash[$i]=$err
done
[ -n "${hash[1]}" ] && [ "${hash[1]}" = "${hash[2]}" ] && ok || bad "-icount: ${hash[*]}"

timeout 20 "$twin86" -bios "$tmp/spin.rom" </dev/null &
pid=$!
sleep 0.5
kill -TERM $pid
wait $pid
[ $? = 143 ] && ok || bad "SIGTERM"
finish
