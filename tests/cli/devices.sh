#!/bin/sh
# SPDX-License-Identifier: MIT
# -device help and the table in docs/devices.md name the same devices with the same properties.
set -u
srcdir=${srcdir:-$(dirname "$0")/../..}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# a device's properties go on in lines of four blanks
./twin86 -device help | sed -e ':a' -e '/,$/{N;s/\n    //;ba' -e '}' | sed -n 's/^  \([A-Za-z][^ ]*\).*/\1/p' | sort >"$tmp/help"
sed -n '/^## -device/,/^## Character/p' "$srcdir/docs/devices.md" | sed -n 's/^| `\([^`]*\)` | \(`\([^`]*\)`\)* *|.*/\1,\3/p' |
    sed 's/,$//; s/\\|/|/g' | sort >"$tmp/docs"
passed=0
failed=0
check() {
    if "$@"; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAIL $*"
        diff "$tmp/help" "$tmp/docs"
    fi
}
check test "$(wc -l <"$tmp/help")" -ge 5
check cmp "$tmp/help" "$tmp/docs"
# every device of the list can be asked for by name
for name in $(sed 's/,.*//' "$tmp/help"); do
    check sh -c "./twin86 -device $name,help | grep -q '^  $name'"
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
