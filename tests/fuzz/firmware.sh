#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes fw_cfg and the flash chip with libFuzzer and sanitizers: firmware.sh BUILD-DIR [SECONDS]
. "$(dirname "$0")/lib.sh"
seconds=${2:-10}

compile firmware "$root/tests/fuzz/fuzz_firmware.c"
fuzz firmware -max_len=2000 -rss_limit_mb=2048
echo "1 passed, 0 failed, 0 skipped"
