#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes the reader of MOO files with libFuzzer and sanitizers: moo.sh BUILD-DIR [SECONDS]
. "$(dirname "$0")/lib.sh"
seconds=${2:-20}

compile() {
    "$cc" -std=gnu17 -D_GNU_SOURCE -g -O1 -I"$root" "$@" "$root/tests/fuzz/fuzz_moo.c" "$root/diff/import/moo.c" "$root"/base/*.c
}
compile -fsanitize=address,undefined -fno-sanitize-recover=all -o "$work/plain"
compile -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -DWITH_LIBFUZZER -o "$work/fuzz"
mkdir "$work/corpus"
"$work/plain" 20000
"$work/plain" --seed "$work/corpus/seed"
"$work/fuzz" -max_total_time="$seconds" -max_len=4096 -rss_limit_mb=1024 -verbosity=0 -print_final_stats=1 \
    -artifact_prefix="$build/" "$work/corpus"
echo "1 passed, 0 failed, 0 skipped"
