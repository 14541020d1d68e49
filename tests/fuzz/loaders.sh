#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes the boot loaders with libFuzzer and sanitizers: loaders.sh BUILD-DIR [SECONDS]
. "$(dirname "$0")/lib.sh"
seconds=${2:-20}

compile_plain plain "$root/tests/fuzz/fuzz_loader.c" "$root/tests/unit/machine/boot_images.c"
compile loader "$root/tests/fuzz/fuzz_loader.c" "$root/tests/unit/machine/boot_images.c"
mkdir "$work/loader.corpus"
"$work/plain" 20000
"$work/plain" --seeds "$work/loader.corpus"
fuzz loader -max_len=70000 -rss_limit_mb=2048
echo "1 passed, 0 failed, 0 skipped"
