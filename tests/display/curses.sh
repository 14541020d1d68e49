#!/bin/bash
# SPDX-License-Identifier: MIT
# -display curses in tmux: GRUB's menu and prompt, the monitor, other sizes, and the terminal as it was: curses.sh TWIN86
twin86=${1:-./twin86}
cd_image=/usr/lib/grub-rescue/grub-rescue-cdrom.iso
passed=0 failed=0 skipped=0
tmp=$(mktemp -d)
mux() { tmux -S "$tmp/tmux" -f /dev/null "$@"; }
trap 'mux kill-server 2>/dev/null; rm -rf "$tmp"' EXIT

skip() {
    echo "SKIP $1"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}
command -v tmux >/dev/null || skip "curses: Debian's package tmux is not installed"
[ -e "$cd_image" ] || skip "curses: Debian's package grub-rescue-pc is not installed"
"$twin86" -display curses -version >/dev/null 2>&1 || skip "curses: built without ncurses"

# shows WHAT REGEX: it is on the terminal, soon
shows() {
    for _ in $(seq 600); do
        if mux capture-pane -p | grep -q -e "$2"; then
            echo "ok $1"
            passed=$((passed + 1))
            return
        fi
        sleep 0.1
    done
    echo "FAIL $1: no '$2' on the screen:"
    mux capture-pane -p
    failed=$((failed + 1))
}

LC_ALL=C.UTF-8 mux new-session -d -x 90 -y 30 "stty -a >$tmp/before; $twin86 -display curses -m 64M -nic none -cdrom $cd_image
    echo ended with \$?; stty -a >$tmp/after; sleep 100"
shows "GRUB's menu, with its frame" '^ *│\*GNU/Linux  .*│'
mux send-keys Down Down
shows "cursor keys" '│\*FreeBSD'
mux send-keys c
shows "a letter" 'Minimal BASH-like'
mux send-keys "echo 'Aa~!@#\$%^&*()_+[]{};:<>?,./|' 09"
shows "all characters of a US keyboard" "echo 'Aa~!@#\\\$%^&\\*()_+\\[\\]{};:<>?,./|' 09"
mux send-keys Escape
shows "Esc" '^ *│\*FreeBSD'
mux send-keys C-a c
shows "Ctrl-A C: the monitor" '^(twin86)'
mux send-keys "info status" Enter
shows "a command" '^VM status: running'
mux send-keys C-a c
shows "back to the guest" '│\*FreeBSD'
mux send-keys M-2
shows "Alt-2: the monitor" '^(twin86)'
mux send-keys C-a c
mux resize-window -x 50 -y 8
shows "a small terminal" '^ *│\*FreeBSD.*[^ │]$'
mux send-keys C-a x
shows "Ctrl-A X" 'ended with 0'
for _ in $(seq 100); do
    [ -s "$tmp/after" ] && break
    sleep 0.1
done
if diff <(sed 's/rows [0-9]*; columns [0-9]*//' "$tmp/before") <(sed 's/rows [0-9]*; columns [0-9]*//' "$tmp/after"); then
    echo "ok the terminal is as it was"
    passed=$((passed + 1))
else
    echo "FAIL the terminal's settings have changed"
    failed=$((failed + 1))
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
