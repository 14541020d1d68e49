#!/bin/bash
# SPDX-License-Identifier: MIT
# Images against qemu-img: random writes, zeroes and discards go to an image and to a plain file; both must hold the
# same in the end, and the image must be without fault or leak.
. "${srcdir:-.}/tests/block/lib.sh"

# sparse FILE SIZE: with some data here and there
sparse() {
    truncate -s "$2" "$1"
    for k in $(seq 1 40); do
        head -c $((4096 * (k % 7 + 1))) /dev/urandom | dd of="$1" bs=4k seek=$((k * 7919 % 4800)) conv=notrunc status=none
    done
}

# agree NAME IMAGE MODEL: clean, and the same for qemu-img and for us
agree() {
    ok "$1: check" qemu-img check -q "$2"
    ok "$1: compare" qemu-img compare -q -f qcow2 -F raw "$2" "$3"
    ok "$1: copy" "$tool" copy "$2" "$work/copy"
    ok "$1: the copy" cmp "$work/copy" "$3"
}

# rounds NAME IMAGE MODEL COUNT OPTIONS
rounds() {
    for seed in 1 2; do
        ok "$1" "$tool" random "$2" "$3" "$seed$4" "$4" "$5"
        agree "$1" "$2" "$3"
    done
}

i=$work/image.qcow2 m=$work/model
for options in compat=0.10 compat=1.1 lazy_refcounts=on cluster_size=512 cluster_size=4k,refcount_bits=1 \
    cluster_size=4k,refcount_bits=2 cluster_size=1k,refcount_bits=4 cluster_size=4k,refcount_bits=8 cluster_size=8k,refcount_bits=32 \
    cluster_size=512,refcount_bits=64 cluster_size=2M preallocation=metadata preallocation=falloc,cluster_size=16k; do
    rm -f "$m"
    truncate -s 20M "$m"
    ok "create $options" qemu-img create -q -f qcow2 -o "$options" "$i" 20M
    rounds "$options" "$i" "$m" 200 discard=unmap,cache=unsafe,cache=unsafe
done
for drive in cache=none cache=directsync discard=unmap aio=io_uring cache=none,aio=io_uring \
    detect-zeroes=on,cache=writethrough detect-zeroes=unmap,discard=unmap; do
    rm -f "$m"
    truncate -s 20M "$m"
    qemu-img create -q -f qcow2 -o cluster_size=8k "$i" 20M
    if ! "$tool" copy "$i" "$work/copy" "readonly=on,$drive" 2> "$work/output"; then
        skip "$drive: $(cat "$work/output")"
        continue
    fi
    rounds "-drive $drive" "$i" "$m" 100 "$drive"
    truncate -s 0 "$m"
    truncate -s 20M "$m"
    truncate -s 0 "$work/raw"
    truncate -s 20M "$work/raw"
    ok "raw, $drive" "$tool" random "$work/raw" "$m" 5 100 "format=raw,$drive"
    ok "raw, $drive: cmp" cmp "$work/raw" "$m"
done

# Backing files, one of them compressed, the overlay larger than what is behind it.
for kind in "raw -" "qcow2 compat=0.10" "qcow2 compat=1.1,compression_type=zlib" "qcow2 compat=1.1,compression_type=zstd"; do
    format=${kind% *} options=${kind#* }
    rm -f "$m" "$work/base"
    sparse "$m" 20M
    if [ "$format" = raw ]; then cp "$m" "$work/base"; elif can "$options"; then
        qemu-img convert -f raw -O qcow2 -c -o "$options" "$m" "$work/base"
    else
        skip "qemu-img makes no images with $options"
        continue
    fi
    if [ "$format" = qcow2 ] && ! "$tool" copy "$work/base" "$work/copy" 2> "$work/output"; then
        skip "$options: $(cat "$work/output")"
        continue
    fi
    version=${options%%,*}
    [ "$format" = raw ] && version=compat=1.1
    qemu-img create -q -f qcow2 -o "$version" -F "$format" -b base "$work/middle.qcow2"
    qemu-img create -q -f qcow2 -o "$version,cluster_size=16k" -F qcow2 -b middle.qcow2 "$i" 24M
    truncate -s 24M "$m"
    rounds "behind: $kind" "$i" "$m" 200 discard=unmap,cache=unsafe

    # What is written with snapshot=on is gone afterwards.
    sum=$(sha1sum < "$i")
    ok "snapshot=on" "$tool" random "$i" "$m" 9 300 snapshot=on,discard=unmap
    [ "$sum" = "$(sha1sum < "$i")" ]
    ok "snapshot=on leaves the image alone" test $? -eq 0

    # Into the backing file, and back to nothing.
    "$tool" copy "$i" "$m"
    ok "commit" "$tool" commit "$i" discard=unmap
    ok "commit: middle" qemu-img compare -q -f qcow2 -F raw "$work/middle.qcow2" "$m"
    agree "commit" "$i" "$m"
    ok "commit: middle is whole" qemu-img check -q "$work/middle.qcow2"

    # Internal snapshots keep what they have; the active state goes on.
    [ "$format" = qcow2 ] || continue
    rm -f "$m"
    "$tool" copy "$work/base" "$m"
    cp "$m" "$work/first"
    qemu-img snapshot -c first "$work/base"
    rounds "snapshot: $kind" "$work/base" "$m" 200 discard=unmap,cache=unsafe
    qemu-img snapshot -c second "$work/base"
    rounds "two snapshots: $kind" "$work/base" "$m" 200 discard=unmap,cache=unsafe
    qemu-img snapshot -a first "$work/base"
    agree "back to the first snapshot: $kind" "$work/base" "$work/first"
done

# Sizes
for options in cluster_size=512 cluster_size=64k,refcount_bits=1 compat=0.10; do
    rm -f "$m"
    truncate -s 10M "$m"
    qemu-img create -q -f qcow2 -o "$options" "$i" 10M
    ok "resize: $options" "$tool" random "$i" "$m" 3 200 discard=unmap
    for size in 10486272 31457280 20971520 20971008 62914560; do
        ok "resize $options to $size" "$tool" resize "$i" $size
        truncate -s $size "$m"
        agree "resize $options to $size" "$i" "$m"
        ok "resize: $options" "$tool" random "$i" "$m" 4 100 discard=unmap
    done
done
finish
