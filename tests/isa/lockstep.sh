#!/bin/sh
# SPDX-License-Identifier: MIT
# The instruction tests' images in lockstep: tcg-lite's fast paths against its plain ones. In the build folder.
# Arguments go to `twin86 diff guest`, such as --follow.
. "$(dirname "$0")/model.sh"
passed=0 failed=0
for rom in tests/isa/*.rom; do
    # shellcheck disable=SC2046
    if out=$(timeout 60 ./twin86 diff guest $(model "$(basename "$rom" .rom)") -bios "$rom" -m 64 -device isa-debug-exit,iobase=0xf4,iosize=1 \
        --every 5000 -timeout 50 "$@" 2>&1) && [ "${out#*isa-debug-exit}" != "$out" ]; then
        passed=$((passed + 1))
    else
        echo "FAIL $rom: exit code $?"
        failed=$((failed + 1))
    fi
    printf '%s: %s\n' "$rom" "$out"
done
[ $((passed + failed)) -gt 0 ] || { echo "lockstep.sh: no images"; failed=1; }
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
