#!/bin/bash
# SPDX-License-Identifier: MIT
# smp.sh VMLINUZ BUSYBOX ROUNDS CPUS TWIN86 [ARGS...]: boots Debian's kernel on so many processors, all of which must come
# up, work at once, and go offline and online again ROUNDS times; the kernel must have nothing to complain of. APPEND: more
# for the kernel's command line.
set -u
[ $# -ge 5 ] || { echo "usage: $0 VMLINUZ BUSYBOX ROUNDS CPUS TWIN86 [ARGS...]" >&2; exit 2; }
here=$(dirname "$0")
vmlinuz=$1 busybox=$2 rounds=$3 cpus=$4
shift 4
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"$here/make-initramfs.sh" "$busybox" "$here/init-smp" "$tmp/initrd" || exit 1
timeout $((240 + rounds * 60)) "$@" -smp "$cpus" -m 512M -kernel "$vmlinuz" -initrd "$tmp/initrd" -nographic -no-reboot \
    -append "console=ttyS0 quiet panic=-1 ROUNDS=$rounds ${APPEND:-}" </dev/null 2>&1 | tr -d '\r' >"$tmp/log"
code=${PIPESTATUS[0]}
last=$((cpus - 1))
expected="smp: online 0-$last
smp: 1 of $cpus sums
smp: online 0-$last after $rounds rounds"
if [ "$code" -eq 0 ] && [ "$(grep '^smp: ' "$tmp/log")" = "$expected" ]; then
    echo "1 passed, 0 failed, 0 skipped"
else
    echo "FAIL -smp $cpus ${APPEND:-}: exit code $code"
    diff <(echo "$expected") "$tmp/log"
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
