#!/bin/bash
# SPDX-License-Identifier: MIT
# stress-ng.sh VMLINUZ BUSYBOX SECONDS TWIN86 [ARGS...]: Debian's stress-ng on four processors for so long. Every stressor
# must verify what it computes, and the kernel must have nothing to say. SKIPs where stress-ng can't be had.
#
# The TSC's frequency is told: on a busy host a kernel may measure nonsense (docs/vcpu-scheduling.md).
set -u
[ $# -ge 4 ] || { echo "usage: $0 VMLINUZ BUSYBOX SECONDS TWIN86 [ARGS...]" >&2; exit 2; }
here=$(dirname "$0")
vmlinuz=$1 busybox=$2 seconds=$3
shift 3
program=$("$here/fetch-stress-ng.sh" | tail -n 1)
[ -x "$program/usr/bin/stress-ng" ] || { echo "SKIP $program"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tree=$tmp/tree
mkdir -p "$tree"/{bin,dev,proc,sys,tmp,etc,root} &&
    cp -a "$program"/* "$tree" &&
    cp "$busybox" "$tree/bin/busybox" &&
    cp "$here/init-stress-ng" "$tree/init" &&
    chmod 755 "$tree/init" &&
    (cd "$tree" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1 > "$tmp/initrd") || exit 1
timeout $((seconds * 4 + 300)) "$@" -smp 4 -m 1G -kernel "$vmlinuz" -initrd "$tmp/initrd" -nographic -no-reboot \
    -append "console=ttyS0 quiet panic=-1 tsc_early_khz=1000000 SECONDS_IN_ALL=$seconds" < /dev/null 2>&1 | tr -d '\r' > "$tmp/log"
code=${PIPESTATUS[0]}
cat "$tmp/log"
bad=$(grep -c -E '^stress: (exit code [^0]|kernel:)' "$tmp/log")
good=$(grep -c '^stress: exit code 0' "$tmp/log")
grep -q '^stress: done' "$tmp/log" && [ "$code" -eq 0 ] || { echo "FAIL exit code $code, or not done"; bad=$((bad + 1)); }
echo "$good passed, $bad failed, 0 skipped"
[ "$bad" -eq 0 ] && [ "$good" -gt 0 ]
