#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the instruction tests: run.sh [DIR COMMAND...], in a build directory run.sh alone: there each image runs twice,
# as model.sh has it and as on an Intel processor, which differs in documented ways (docs/vendors.md).
# DIR holds the images (*.rom); the command gets "-bios IMAGE -m 64 -device isa-debug-exit,iobase=0xf4,iosize=1
# -nographic" behind its own arguments, so that both twin86 and qemu-system-x86_64 can be asked. A test prints
# "ok NAME" and "FAIL NAME got X want Y" lines and exits through port f4h with 0 or 1, which makes exit code 1 or 3.
# Environment: ISA_TESTS="real16 long64" chooses; VERBOSE=1 shows every line.
set -u
intel=
[ $# -gt 0 ] || { set -- tests/isa ./twin86 && intel="-cpu max,vendor=GenuineIntel"; }
dir=$1
shift
passed=0
failed=0

. "$(dirname "$0")/model.sh"

# run_image NAME ROM COMMAND...: shows what it says, counts it.
run_image() {
    name=$1 rom=$2
    shift 2
    out=$(timeout 60 "$@" -bios "$rom" -m 64 -device isa-debug-exit,iobase=0xf4,iosize=1 -nographic </dev/null 2>&1)
    code=$?
    ok=$(printf '%s\n' "$out" | grep -c '^ok ')
    bad=$(printf '%s\n' "$out" | grep -c '^FAIL ')
    if [ -n "${VERBOSE:-}" ]; then
        printf '%s\n' "$out"
    else
        printf '%s\n' "$out" | grep -v '^ok '
    fi
    # A guest that stops early must not pass: the exit code says that it came to its end.
    if [ "$code" -ne 1 ] && [ "$bad" -eq 0 ]; then
        echo "FAIL $name: exit code $code instead of 1"
        bad=1
    fi
    echo "$name: $ok passed, $bad failed"
    passed=$((passed + ok))
    failed=$((failed + bad))
}

for rom in "$dir"/*.rom; do
    name=$(basename "$rom" .rom)
    case " ${ISA_TESTS:-$name} " in
    *" $name "*) ;;
    *) continue ;;
    esac
    # shellcheck disable=SC2046
    run_image "$name" "$rom" "$@" $(model "$name" "$@")
    # shellcheck disable=SC2086
    [ -z "$intel" ] || run_image "$name $intel" "$rom" "$@" $intel
done
if [ $((passed + failed)) -eq 0 ]; then
    echo "run.sh: no images in $dir"
    failed=1
fi
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
