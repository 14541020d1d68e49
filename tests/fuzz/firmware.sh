#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes fw_cfg and the flash chip with libFuzzer and sanitizers: firmware.sh BUILD-DIR [SECONDS]
. "$(dirname "$0")/lib.sh"
seconds=${2:-10}

"$cc" -std=gnu17 -D_GNU_SOURCE -g -O1 -I"$root" -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o "$work/fuzz" \
    "$root/tests/fuzz/fuzz_firmware.c" "$root/devices/firmware/fw_cfg.c" "$root/devices/firmware/pflash.c" "$root/devices/state.c" \
    "$root"/base/*.c "$root"/memory/*.c -lpthread
mkdir "$work/corpus"
"$work/fuzz" -max_total_time="$seconds" -max_len=2000 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
    -artifact_prefix="$build/" "$work/corpus"
echo "1 passed, 0 failed, 0 skipped"
