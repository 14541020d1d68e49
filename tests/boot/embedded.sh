#!/bin/sh
# SPDX-License-Identifier: MIT
# Boots the guest that is built in, with the host's clock and with icount, and compares every line it prints with
# tests/data/embedded-guest.txt (but for the processor's name, which is the CPU model's).
set -u
srcdir=${srcdir:-$(dirname "$0")/../..}
expected=$srcdir/tests/data/embedded-guest.txt
failed=0
passed=0

check() {
    out=$(timeout 60 ./twin86 "$@" </dev/null 2>/dev/null)
    code=$?
    text=$(printf '%s\n' "$out" | tr -d '\r' | sed 's/^\(processor  *\).*/\1NAME/')
    if [ "$code" -eq 0 ] && [ "$text" = "$(cat "$expected")" ]; then
        passed=$((passed + 1))
        echo "ok embedded guest $*"
    else
        failed=$((failed + 1))
        echo "FAIL embedded guest $*: exit code $code, lines:"
        printf '%s\n' "$text" | diff "$expected" -
    fi
}

check
check -icount 1
check -m 16
check -accel tcg-lite,jit=off
check -accel tcg-lite,jit=eager
check -accel tcg-lite,jit=eager -icount 1

# Where the host gives no memory for code one line says so, and the interpreter goes on.
said=$(timeout 60 python3 "$srcdir/tests/boot/no_exec_memory.py" ./twin86 </dev/null 2>&1 >/dev/null)
code=$?
if [ "$code" -eq 77 ]; then
    echo "SKIP no memory for code: no seccomp filter here"
elif [ "$code" -eq 0 ] && [ "$(printf '%s\n' "$said" | grep -c 'no memory for code: .*; going on without')" -eq 1 ]; then
    passed=$((passed + 1))
    echo "ok embedded guest without memory for code"
else
    failed=$((failed + 1))
    echo "FAIL embedded guest without memory for code: exit code $code: $said"
fi
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
