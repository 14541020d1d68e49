#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes the gdb stub, the monitor and QMP with libFuzzer and sanitizers: debug.sh BUILD-DIR [SECONDS for each]
. "$(dirname "$0")/lib.sh"
seconds=${2:-5}
failed=0 passed=0 skipped=0

# What would write the host's files and listen anywhere has the fuzzer's own functions; what of the two is compiled
# anew stands in the way of the library's.
# shellcheck disable=SC2086
{
    "$cc" $flags -Dopen=fuzz_open -c "$root/control/monitor/dump.c" -o "$work/dump.o"
    "$cc" $flags -Dlisten_open=fuzz_listen_open -c "$root/control/session/session.c" -o "$work/session.o"
}

# fuzz_debug NAME FLAGS...
fuzz_debug() {
    name=$1
    shift
    compile "$name" "$@" "$root/tests/fuzz/fuzz_debug.c" "$work/dump.o" "$work/session.o"
    echo "$name"
    # The guest's registers are random after a while, so what is found may take more than one input: all are kept.
    if (cd "$work" && fuzz "$name" -max_len=400 -timeout=20 -rss_limit_mb=2048 "$root/tests/fuzz/$name"); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}
fuzz_debug monitor
fuzz_debug gdb -DFUZZ_GDB
if grep -q 'define HAVE_JSON_C' config.h; then
    fuzz_debug qmp -DFUZZ_QMP
else
    echo "SKIP qmp: built without json-c"
    skipped=1
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
