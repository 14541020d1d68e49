#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes the gdb stub, the monitor and QMP with libFuzzer and sanitizers: debug.sh BUILD-DIR [SECONDS for each]
# Compiles control/gdb, control/monitor, control/qmp and control/session anew and takes the rest from the build. Skipped where clang has no
# libFuzzer.
. "$(dirname "$0")/lib.sh"
seconds=${2:-5}

flags="-std=gnu17 -D_GNU_SOURCE -include config.h -g -O1 -I. -I$root -fsanitize=fuzzer-no-link,address,undefined
    -fno-sanitize-recover=all $(pkg-config --cflags json-c capstone 2>/dev/null || true)"
libs="$PWD/libtwin86.a $(sed -n 's/^\(BLOCK\|NET\)_LIBS = //p' Makefile | tr '\n' ' ') $(pkg-config --libs json-c capstone 2>/dev/null || true) -lpthread -lrt -lm"
failed=0 passed=0 skipped=0

# fuzz NAME FLAGS...: the sources are compiled once
objects=
for source in "$root"/control/gdb/*.c "$root"/control/monitor/*.c "$root"/control/session/*.c "$root"/control/qmp/*.c; do
    case $source in
    */qmp/none.c) continue ;;
    */qmp/*) grep -q 'define HAVE_JSON_C' config.h || continue ;;
    esac
    object=$work/$(echo "${source#"$root"/}" | tr / _).o
    define=
    case $source in
    */dump.c) define=-Dopen=fuzz_open ;;
    */session.c) define=-Dlisten_open=fuzz_listen_open ;;
    esac
    # shellcheck disable=SC2086
    "$cc" $flags $define -c "$source" -o "$object"
    objects="$objects $object"
done
fuzz() {
    name=$1
    shift
    # shellcheck disable=SC2086
    "$cc" $flags "$@" -fsanitize=fuzzer,address,undefined "$root/tests/fuzz/fuzz_debug.c" $objects $libs -o "$work/$name"
    mkdir "$work/corpus-$name"
    echo "$name"
    # The guest's registers are random after a while, so what is found may take more than one input: all are kept.
    if (cd "$work" && "./$name" -max_total_time="$seconds" -max_len=400 -timeout=20 -rss_limit_mb=2048 -verbosity=0 \
        -print_final_stats=1 -artifact_prefix="$build/" "$work/corpus-$name" "$root/tests/fuzz/$name"); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}
fuzz monitor
fuzz gdb -DFUZZ_GDB
if grep -q 'define HAVE_JSON_C' config.h; then
    fuzz qmp -DFUZZ_QMP
else
    echo "SKIP qmp: built without json-c"
    skipped=1
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
