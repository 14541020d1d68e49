#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes devices with libFuzzer and sanitizers: devices.sh BUILD-DIR [SECONDS for each]
. "$(dirname "$0")/lib.sh"
seconds=${2:-10}
d=$root/devices

flags="-std=gnu17 -D_GNU_SOURCE -g -O1 -I$root -fno-sanitize-recover=all"
# What all of them need is compiled once.
mkdir "$work/common"
# shellcheck disable=SC2086
(cd "$work/common" && "$cc" $flags -fsanitize=fuzzer-no-link,address,undefined -c "$d"/pci/*.c "$d/state.c" "$d/clock.c" "$root"/base/*.c \
    "$root"/memory/*.c)

fuzz() {
    name=$1
    shift
    # shellcheck disable=SC2086
    "$cc" $flags -fsanitize=fuzzer,address,undefined -o "$work/$name" "$root/tests/fuzz/fuzz_$name.c" "$work"/common/*.o "$@" -lpthread
    mkdir "$work/$name.corpus"
    "$work/$name" -max_total_time="$seconds" -max_len=4096 -len_control=20 -rss_limit_mb=2048 -verbosity=0 \
        -print_final_stats=1 -artifact_prefix="$build/$name-" "$work/$name.corpus"
}

fuzz pci
fuzz ide "$d"/ide/*.c
fuzz virtio $(ls "$d"/virtio/*.c | grep -v -e virtio_net -e virtio_9p)
fuzz virtio_small $(ls "$d"/virtio/*.c | grep -v -e virtio_blk -e virtio_9p) "$root/net/net.c" "$root/net/offload.c"
fuzz fdc "$d"/floppy/*.c "$d/dma.c"
fuzz e1000 "$d"/net/*.c "$root/net/net.c" "$root/net/offload.c"
fuzz stream "$root/net/framing.c"
echo "7 passed, 0 failed, 0 skipped"
