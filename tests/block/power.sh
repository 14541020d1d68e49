#!/bin/bash
# SPDX-License-Identifier: MIT
# Power that fails at random moments, by block-power: each image that a disk might hold then has no corruption for
# qemu-img check (leaks are allowed), and holds everything that was flushed.
# power.sh [CUTS [SEED]]
. "${srcdir:-.}/tests/block/lib.sh"
cuts=${1:-6} seed=${2:-1}
leaks=0

# no_corruption IMAGE: leaks are counted
no_corruption() {
    qemu-img check "$1"
    case $? in
    0) ;;
    3) leaks=$((leaks + 1)) ;;
    *) return 1 ;;
    esac
}

for options in compat=1.1 cluster_size=512 cluster_size=4k,refcount_bits=1 compat=0.10; do
    rm -f "$work"/cut.* "$work/model"
    qemu-img create -q -f qcow2 -o "$options" "$work/image" 4M
    truncate -s 4M "$work/model"
    ok "$options" "${tool%tool}power" "$work/image" "$work/model" "$seed" $((cuts * 60)) "$cuts" "$work/cut"
    for k in $(seq 0 $((cuts - 1))); do
        ok "$options, cut $k" no_corruption "$work/cut.$k"
        ok "$options, cut $k" "$tool" copy "$work/cut.$k" "$work/copy"
        ok "$options, cut $k: what was flushed" "$tool" same "$work/copy" "$work/cut.$k.model" "$work/cut.$k.open"
    done
done
echo "images with leaks: $leaks of $((4 * cuts))"
finish
