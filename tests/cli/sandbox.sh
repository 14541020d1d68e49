#!/bin/bash
# SPDX-License-Identifier: MIT
# -sandbox, -chroot, -runas: options, threads that are locked in, and what still works then. (All other tests here run
# with the sandbox on; tests/unit/base/test_sandbox.c tries what is forbidden.)
. "$(dirname "$0")/lib.sh"

rom "$tmp/exit.rom" "b003 e6f4 f4 ebfd" # OUT F4h, 3
rom "$tmp/spin.rom" "ebfe"
exit_device="-device isa-debug-exit"

# Options, as QEMU's.
refused "-sandbox: 'maybe' is not known" -sandbox maybe
refused "spawn=perhaps is not known; allow and deny are" -sandbox on,spawn=perhaps
refused "elevateprivileges=x is not known; allow and deny and children are" -sandbox on,elevateprivileges=x
refused "'sprawn' is not known" -sandbox on,sprawn=deny
refused "needs on or off" -sandbox
exits 7 -bios "$tmp/exit.rom" $exit_device -sandbox off
exits 7 -bios "$tmp/exit.rom" $exit_device -sandbox enable=off
for user in "no such user" "1:" ":1" "1:2:3" "4294967295:1" "-1:1"; do
    refused "-runas: there is no user '$user'" -bios "$tmp/exit.rom" -runas "$user"
done

"$twin86" doctor >"$tmp/doctor"
grep -q '^sandbox: ' "$tmp/doctor" && ok || bad "doctor says nothing of the sandbox"
if ! grep -q '^sandbox: on' "$tmp/doctor"; then
    skip 9 "$(grep '^sandbox: ' "$tmp/doctor")"
    refused "-sandbox: built with" -bios "$tmp/exit.rom" -sandbox on
    finish
fi
exits 7 -bios "$tmp/exit.rom" $exit_device -sandbox on
exits 7 -bios "$tmp/exit.rom" $exit_device \
    -sandbox on,obsolete=deny,elevateprivileges=children,spawn=deny,resourcecontrol=allow
[ -z "$err" ] && ok || bad "-sandbox says: $err"

# threads PID: "NAME MODE" of each; MODE 2 is a filter
threads() { awk '/^Name:/ { $1 = ""; name = substr($0, 2) } /^Seccomp:/ { print name, $2 }' /proc/"$1"/task/*/status; }

# start ARGS...: a guest that runs; $pid
start() {
    "$twin86" -bios "$tmp/spin.rom" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null &
    pid=$!
    for _ in {1..100}; do
        threads $pid 2>/dev/null | grep -q "^CPU 0 $mode" && return
        sleep 0.02
    done
}
mode=2
start
for thread in twin86 "CPU 0"; do
    threads $pid | grep -q "^$thread 2$" && ok || bad "'$thread' is not locked in: $(threads $pid)"
done
grep -q '^NoNewPrivs:.1' /proc/$pid/status && ok || bad "privileges can be gained"
kill $pid
wait $pid
mode=0
start -sandbox off
threads $pid | grep -q ' 2$' && bad "-sandbox off: $(threads $pid)" || ok
kill $pid
wait $pid

# As another user, in a folder of its own; files were opened before. The monitor's socket is there, and works.
if [ "$(id -u)" = 0 ]; then
    mkdir "$tmp/root" && chmod 755 "$tmp" "$tmp/root" && mode=2
    start -runas 12345:23456 -chroot "$tmp/root" -D "$tmp/log"
    ids=$(awk '/^(Uid|Gid|Groups):/ { $1 = ""; print }' /proc/$pid/task/*/status | sort -u | tr -d '\n')
    [ "$ids" = " 12345 12345 12345 12345 23456 23456 23456 23456 23456" ] ||
        [ "$ids" = " 12345 12345 12345 12345 23456 23456 23456 23456" ] && ok || bad "-runas: $ids"
    [ "$(readlink /proc/$pid/root)" = "$tmp/root" ] && [ "$(readlink /proc/$pid/cwd)" = "$tmp/root" ] && ok ||
        bad "-chroot: $(readlink /proc/$pid/root)"
    kill $pid
    wait $pid
    exits 7 -bios "$tmp/exit.rom" $exit_device -runas nobody
    refused "-chroot: $tmp/none: No such file" -bios "$tmp/exit.rom" -chroot "$tmp/none"
    exits 7 -bios "$tmp/exit.rom" $exit_device -runas 0:0 -chroot /
else
    refused "that takes root" -bios "$tmp/exit.rom" -chroot /
    refused "that takes root" -bios "$tmp/exit.rom" -runas 12345:12345
    skip 3 "-runas and -chroot: they take root"
fi

# The monitor opens, writes and makes files and sockets while the guest runs.
truncate -s 1M "$tmp/disk.img"
out=$(printf 'stop\ndump-guest-memory %s\nchardev-add socket,id=s,path=%s,server=on,wait=off\nchardev-add pty,id=p\nchardev-add file,id=f,path=%s\nchange ide1-cd0 %s\ninfo block\nquit\n' \
    "$tmp/core" "$tmp/s" "$tmp/file" "$tmp/disk.img" |
    timeout 20 "$twin86" -bios "$tmp/spin.rom" -monitor stdio -device ide-cd,id=ide1-cd0 -m 2M 2>"$tmp/err")
[ -s "$tmp/core" ] && ok || bad "dump-guest-memory: $out"
[ -e "$tmp/file" ] && ok || bad "chardev-add file: $out"
[[ $out == *"$tmp/disk.img"* ]] && ok || bad "change: $out"
grep 'sandbox:' "$tmp/err" && bad "the sandbox refused something" || ok
finish
