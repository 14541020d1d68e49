#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes disk images and NBD servers' answers with libFuzzer and sanitizers: images.sh BUILD-DIR [SECONDS for each]
. "$(dirname "$0")/lib.sh"
seconds=${2:-20}

compile_plain plain "$root/tests/fuzz/fuzz_image.c"
compile image "$root/tests/fuzz/fuzz_image.c"
mkdir "$work/image.corpus"
"$work/plain" 2000
"$work/plain" --seeds "$work/image.corpus"
fuzz image -max_len=20000 -timeout=30 -rss_limit_mb=2048
if grep -q "define HAVE_LIBNBD 1" config.h; then
    compile nbd "$root/tests/fuzz/fuzz_nbd.c"
    fuzz nbd -max_len=1024 -len_control=0 -timeout=30 -rss_limit_mb=2048
    echo "2 passed, 0 failed, 0 skipped"
else
    echo "SKIP NBD: built without libnbd"
    echo "1 passed, 0 failed, 1 skipped"
fi
