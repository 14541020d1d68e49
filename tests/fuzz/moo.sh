#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes the reader of MOO files with libFuzzer and sanitizers: moo.sh BUILD-DIR [SECONDS]
. "$(dirname "$0")/lib.sh"
seconds=${2:-20}

compile_plain plain "$root/tests/fuzz/fuzz_moo.c"
compile moo "$root/tests/fuzz/fuzz_moo.c"
mkdir "$work/moo.corpus"
"$work/plain" 20000
"$work/plain" --seed "$work/moo.corpus/seed"
fuzz moo -max_len=4096 -rss_limit_mb=1024
echo "1 passed, 0 failed, 0 skipped"
