#!/bin/bash
# SPDX-License-Identifier: MIT
# One place waits for the host: machine/loop.c. Nothing else polls, sleeps, or opens what could keep it waiting, but for what
# is listed here with its reason. diff/, whose programs have no event loop and die of signals, is left out.
root=${srcdir:-.}
cd "$root" || exit 1
failed=0
sources=$(find cli control machine devices block memory cpu debug accel include -name '*.[ch]' | grep -v /gen/ | sort) # x86gen waits for no guest

# only PATTERN WHAT FILE...: nothing but these files has it
only() {
    local pattern=$1 what=$2 found f
    shift 2
    for f in $(grep -lE "$pattern" $sources); do
        case " $* " in
        *" $f "*) ;;
        *)
            echo "FAILED: $f $what:"
            grep -nE "$pattern" "$f" | head -n 3
            failed=$((failed + 1))
            ;;
        esac
    done
}

# host_file.c reads a guest's files before there is a machine that runs
only '\b(p?poll|p?select|epoll_wait|epoll_pwait2?)\([^0-9]' "waits for descriptors" machine/loop.c memory/host_file.c
only '\b(nanosleep|clock_nanosleep|u?sleep)\(' "sleeps"
# subcommands, which signals end
only '\bfopen\(' "opens by fopen, which may wait; open with O_NONBLOCK would not" cli/diff_guest.c \
    cli/diff_tools.c machine/host/doctor.c
for f in $(grep -lE '[^_a-z>.]open\(' $sources); do
    while IFS=: read -r line text; do
        case $text in
        *O_NONBLOCK* | */dev/kvm* | */dev/null* | */proc/self/* | */proc/thread-self/*) ;;
        *)
            echo "FAILED: $f:$line opens without O_NONBLOCK: $text"
            failed=$((failed + 1))
            ;;
        esac
    done < <(grep -nE '[^_a-z>.]open\(' "$f" | grep -vE '^[0-9]+: *(\*|/\*)|\(\*open\)')
done
echo "$((failed == 0)) passed, $failed failed, 0 skipped"
exit $((failed > 0))
