#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes a shared folder's server with libFuzzer and sanitizers, on a temporary folder: folders.sh BUILD-DIR [SECONDS]
. "$(dirname "$0")/lib.sh"
seconds=${2:-10}

"$cc" -std=gnu17 -D_GNU_SOURCE -g -O1 -I"$root" -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o "$work/folders" \
    "$root/tests/fuzz/fuzz_folders.c" "$root"/fs9p/*.c "$root"/base/*.c -lpthread
mkdir "$work/corpus"
"$work/folders" -max_total_time="$seconds" -max_len=1024 -len_control=20 -timeout=30 -rss_limit_mb=2048 -verbosity=0 \
    -print_final_stats=1 -artifact_prefix="$build/folders-" "$work/corpus"
echo "1 passed, 0 failed, 0 skipped"
