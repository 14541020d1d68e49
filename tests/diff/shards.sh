#!/bin/sh
# SPDX-License-Identifier: MIT
# A run of `diff insn` in shards, under GNU parallel if it is there, and merged: the same as in one piece.
twin86=./twin86
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
failed=0
run="$twin86 diff insn --engines tcg-lite,tcg-lite --forms ADD,MOV,CALL,FADD --cases 16K --seed 7"

# check WHAT COMMAND...: it succeeds.
check() {
    what=$1
    shift
    "$@" > "$work/out" 2>&1 && return
    echo "FAIL $what:"
    head -n 12 "$work/out"
    failed=$((failed + 1))
}

check "one piece" $run --report "$work/one" --coverage="$work/one.html"
$twin86 diff merge --coverage "$work/one" > "$work/one.txt"
if command -v parallel > /dev/null; then
    check "four shards under GNU parallel" parallel -j 2 "$run --shard {}/4 --report $work/r.{} > $work/out.{}" ::: 1 2 3 4
else
    echo "SKIP GNU parallel: it is not installed; shards run one after the other"
    for k in 1 2 3 4; do
        check "shard $k" $run --shard $k/4 --report "$work/r.$k"
    done
fi
check "merge" $twin86 diff merge --coverage="$work/four.html" "$work"/r.?
$twin86 diff merge --coverage "$work"/r.? > "$work/four.txt"
check "the same report" cmp "$work/one.txt" "$work/four.txt"
check "the same page" cmp "$work/one.html" "$work/four.html"
exit_code() {
    want=$1 text=$2
    shift 2
    "$@" > "$work/out" 2>&1
    got=$?
    [ $got -eq "$want" ] && grep -q -e "$text" "$work/out" && return
    echo "FAIL $*: exit code $got, expected $want and '$text'"
    head -n 5 "$work/out"
    failed=$((failed + 1))
}
exit_code 1 '^missing: of 4 shards 2, 4$' $twin86 diff merge --report "$work/h.1" "$work/r.1" "$work/r.3"
exit_code 0 ' 0 differ' $twin86 diff merge "$work/h.1" "$work/r.4" "$work/r.2"
exit_code 2 'shard 3 is there already' $twin86 diff merge "$work/h.1" "$work/r.3"
$run --seed 8 --report "$work/other" > /dev/null
exit_code 2 'of another run' $twin86 diff merge "$work/r.1" "$work/other"
head -n 20 "$work/r.1" > "$work/cut"
exit_code 2 'cut off' $twin86 diff merge "$work/cut"
exit_code 2 'no report' $twin86 diff merge "$0"
exit_code 2 'a part of the run' $run --shard 5/4
exit_code 2 'a part of the run' $run --shard 0/4

[ $failed -eq 0 ] && echo "passed"
[ $failed -eq 0 ]
