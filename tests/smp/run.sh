#!/bin/bash
# SPDX-License-Identifier: MIT
# The guest of this folder, whose processors run against each other: run.sh [--long | TEST...], in the build folder.
# --long: ROUNDS (10^9) rounds of litmus tests, and forty times as much of the others.
#
# TWIN86 is the program (./twin86), TWIN86_ARGS what else it is given, such as "-accel kvm"; GUEST_ARGS what else the
# guest is (README.md). EMULATOR=qemu runs it in QEMU instead, to see how that does.
set -u
twin86=${TWIN86:-./twin86}
elf=${ELF:-tests/smp/smp.elf}
passed=0 failed=0 skipped=0

if [ "${EMULATOR:-twin86}" = qemu ]; then
    command -v qemu-system-x86_64 > /dev/null || {
        echo "SKIP: qemu-system-x86_64 is not installed"
        exit 77
    }
    machine() { # SECONDS CPUS
        set -- "$1" "qemu-system-x86_64 -accel tcg,thread=multi -cpu max -nodefaults -display none -serial stdio \
            -smp $2 -device isa-debug-exit,iobase=0xf4,iosize=4"
        echo "timeout $1 $2"
    }
else
    # shellcheck disable=SC2317
    machine() { # SECONDS CPUS
        echo "timeout $(($1 + 10)) $twin86 -nographic -device isa-debug-exit -timeout $1 -smp $2 ${TWIN86_ARGS:-}"
    }
fi

# cores: how many host processors the guest's can have at once. Taking turns in one thread they have one.
cores() {
    case ${TWIN86_ARGS:-} in
    *thread=single* | *-icount*) echo 1 ;;
    *) nproc ;;
    esac
}

# guest CPUS SECONDS ARGUMENTS: its own verdict and the end of the machine must be the same
guest() {
    out=$($(machine "$2" "$1") -m 64 -no-reboot -kernel "$elf" \
        -append "cpus=$1 cores=$(cores) $3 ${GUEST_ARGS:-}" < /dev/null 2>&1)
    code=$?
    echo "--- $1 processors, $3"
    echo "$out" | tr -d '\r'
    # shellcheck disable=SC2046
    set -- $(echo "$out" | tr -d '\r' |
        sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p')
    if [ $# -eq 3 ] && { [ "$2" -gt 0 ] || [ $code -eq 1 ]; }; then
        passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    else
        echo "FAIL: no verdict; exit code $code"
        failed=$((failed + 1))
    fi
}

if [ "${1:-}" = --long ]; then

    # 10^9 rounds of litmus tests take hours; the rest minutes.
    guest 4 86400 "test=litmus rounds=${ROUNDS:-1000000000}"
    for test in atomic paging descriptors code ipi halt init apic x2apic; do
        guest 2 7200 "test=$test percent=200"
        guest 4 7200 "test=$test percent=200"
        guest 64 7200 "test=$test percent=5"
    done
elif [ $# -gt 0 ]; then
    for test; do
        guest "${CPUS:-4}" 600 "test=$test"
    done
else
    guest "${CPUS:-4}" 120 "percent=${PERCENT:-5}"
    guest 2 120 "percent=${PERCENT:-5} test=code"
    guest 2 120 "percent=${PERCENT:-5} test=paging"
    guest 64 120 "percent=1 test=init"
    guest 64 120 "percent=1 test=ipi-destinations"
    TWIN86_ARGS="-accel tcg-lite,thread=single"
    guest 4 120 "percent=1 test=litmus"
    guest 4 120 "percent=1 test=x2apic"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
