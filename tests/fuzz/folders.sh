#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes a shared folder's server with libFuzzer and sanitizers, on a temporary folder: folders.sh BUILD-DIR [SECONDS]
. "$(dirname "$0")/lib.sh"
seconds=${2:-10}

compile folders "$root/tests/fuzz/fuzz_folders.c"
fuzz folders -max_len=1024 -len_control=20 -timeout=30 -rss_limit_mb=2048
echo "1 passed, 0 failed, 0 skipped"
