#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the libFuzzer target over the seeds for a while: run-libfuzzer.sh [SECONDS]. Needs a build --with-fuzzers.
set -eu
seconds=${1:-20}
corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
./fuzz_loader_plain --seeds "$corpus"
./fuzz_loader -max_total_time="$seconds" -max_len=70000 -rss_limit_mb=2048 -verbosity=1 -print_final_stats=1 "$corpus"
echo "1 passed, 0 failed, 0 skipped"
