#!/bin/bash
# SPDX-License-Identifier: MIT
# SIGKILL at random moments: what was flushed is there, qemu-img check finds no corruption (it may find leaks).
# killed.sh [ROUNDS]
. "${srcdir:-.}/tests/block/lib.sh"
rounds=${1:-12}
i=$work/image.qcow2
leaks=0

# one OPTIONS: the same image is killed again and again
run() { # NAME FORMAT DRIVE
    number=0
    for round in $(seq 1 "$rounds"); do
        "$tool" journal "$i" $((number + 1)) "format=$2,$3" > "$work/flushed" 2> "$work/error" &
        pid=$!
        # the first kill comes after a record, however slow the host is
        for _ in $(seq $((round == 1 ? 600 : 0))); do [ -s "$work/flushed" ] && break || sleep 0.1; done
        sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
        kill -KILL $pid
        wait $pid 2> /dev/null
        last=$(grep -a '^[0-9]*$' "$work/flushed" | tail -n 1)
        number=${last:-$number}
        ok "$1, round $round: $(cat "$work/error")" "$tool" verify "$i" "$number" "readonly=on,format=$2"
        [ "$2" = qcow2 ] || continue
        qemu-img check "$i" > "$work/check" 2>&1
        status=$?
        [ $status -eq 3 ] && leaks=$((leaks + 1))
        [ $status -eq 0 ] || [ $status -eq 3 ]
        ok "$1, round $round: qemu-img check" test $? -eq 0
    done
    [ "$number" -gt 0 ]
    ok "$1 has flushed" test $? -eq 0
    echo "$1: $number records, $rounds kills"
}

for options in compat=1.1 cluster_size=512 cluster_size=4k,refcount_bits=1 compat=0.10; do
    rm -f "$i"
    qemu-img create -q -f qcow2 -o "$options" "$i" 64M
    run "$options" qcow2 discard=unmap
done
rm -f "$i"
truncate -s 64M "$i"
run raw raw discard=unmap
echo "images with leaks after a kill: $leaks"
finish
