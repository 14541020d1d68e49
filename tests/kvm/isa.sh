#!/bin/sh
# SPDX-License-Identifier: MIT
# The instruction tests under both engines: isa.sh [KNOWN...], in a build directory. Each image runs with tcg-lite, which
# must pass every check, then with kvm, which must come to the same verdict on the same checks. The CPU model is the same:
# what both engines can give of x86-64-v1. (Images about later features get -cpu max of each, and test what is there.)
# Checks that a KNOWN file lists as "IMAGE: CHECK" may fail or be missing under kvm; "IMAGE: *" leaves an image out,
# "IMAGE: exit code N" allows it to end so. "sometimes IMAGE: CHECK" says that it seldom differs: if nothing else does, the image
# runs again, three times at most, and the output says so. Without KNOWN it takes the list that fits this host's KVM.
# Environment: ISA_TESTS="real16 long64" chooses; HANDOVER=every=500us: the second run begins with kvm and then goes from one
# engine to the other all the time, which must change no verdict either. Runs in the nested KVM too, so with busybox's tools.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../isa/model.sh"
twin86=${TWIN86:-./twin86}
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0 skipped=0 handovers=0

if ! why=$("$twin86" -accel help | sed -n 's/^  kvm  *//p') || [ "$why" != "works here" ]; then
    echo "SKIP instruction tests under kvm: $why"
    exit 77
fi
if [ $# -eq 0 ] && [ -d /sys/module/kvm_pvm ]; then
    set -- "$here/isa-pvm.txt"
fi
echo "none: none" > "$tmp/known" # never empty: greps disagree on what an empty list of patterns matches
[ $# -eq 0 ] || cat "$@" | grep -v -e '^#' -e '^$' >> "$tmp/known"

# without FILE LIST: the lines of FILE that LIST does not have
without() { grep -v -x -F -f "$2" "$1"; }

# run IMAGE ENGINE OTHER OUT [HANDOVER]: the checks in OUT, "ok NAME" and "FAIL NAME"; the exit code in $code
run() {
    options=$(model "$name")
    [ -n "$options" ] && [ -z "${5:-}" ] && options="$options -accel $2" || options="-cpu x86-64-v1 -accel $2:$3 -handover ${5:-} -d stats"
    # shellcheck disable=SC2086
    timeout 60 "$twin86" $options -bios "$1" -m 64 -device isa-debug-exit,iobase=0xf4,iosize=1 -nographic \
        -no-reboot -timeout 40 < /dev/null > "$tmp/text" 2> "$tmp/errors"
    code=$?
    tr -d '\r' < "$tmp/text" | sed -n 's/ got .* want .*//; /^ok /p; /^FAIL /p' | sort -u > "$4"
}

# under_kvm: image $rom once more, with kvm. What differs from $tmp/a and is not known: in bad; the exit code that it must have: $want
under_kvm() {
    run "$rom" kvm tcg-lite "$tmp/b" "${HANDOVER:-}"
    n=$(sed -n 's/^twin86: \([0-9]*\) hand-overs$/\1/p' "$tmp/errors")
    handovers=$((handovers + ${n:-0}))
    # What is not the same in b: failed there, or missing.
    echo "none" >> "$tmp/b"
    { without "$tmp/a" "$tmp/b" | sed 's/^ok //' && sed -n 's/^FAIL //p' "$tmp/b"; } | sort -u | sed "s/^/$name: /" > "$tmp/different"
    without "$tmp/different" "$tmp/known" > "$tmp/bad"
    grep "^$name: " "$tmp/known" | grep -v ': exit code' > "$tmp/expected"
    echo "none: none" >> "$tmp/different"
    without "$tmp/expected" "$tmp/different" > "$tmp/stale"
    known=$(($(grep -c . "$tmp/different") - 1 - $(grep -c . "$tmp/bad")))
    want=1
    grep -q '^FAIL ' "$tmp/b" && want=3
    grep -q -x "$name: exit code $code" "$tmp/known" && want=$code
}

for rom in tests/isa/*.rom; do
    name=$(basename "$rom" .rom)
    case " ${ISA_TESTS:-$name} " in
    *" $name "*) ;;
    *) continue ;;
    esac
    if grep -q -x -F "$name: *" "$tmp/known"; then
        echo "SKIP $name: left out by the list of known differences"
        skipped=$((skipped + 1))
        continue
    fi
    run "$rom" tcg-lite kvm "$tmp/a"
    sed -n 's/^FAIL //p' "$tmp/a" > "$tmp/bad"
    if [ $code -ne 1 ] || [ -s "$tmp/bad" ]; then
        echo "FAIL $name under tcg-lite: exit code $code"
        sed 's/^/  /' "$tmp/bad" "$tmp/errors"
        failed=$((failed + 1))
        continue
    fi
    [ -z "$(model "$name")" ] || : > "$tmp/a" # a check of a feature that is not there is not made
    for _ in 1 2 3; do
        under_kvm
        [ -s "$tmp/bad" ] || break
        sed 's/^/sometimes /' "$tmp/bad" > "$tmp/seldom"
        without "$tmp/seldom" "$tmp/known" > /dev/null && break
        sed 's/^/  now and then it differs: /' "$tmp/bad"
    done
    if [ $code -ne $want ] || [ -s "$tmp/bad" ]; then
        echo "FAIL $name under kvm: exit code $code, $(grep -c . "$tmp/bad") checks that must not differ do"
        sed 's/^/  /' "$tmp/bad" "$tmp/errors"
        grep '^FAIL ' "$tmp/text" | sed 's/^/  | /'
        failed=$((failed + 1))
        continue
    fi
    echo "ok $name: $(($(grep -c . "$tmp/b") - 1)) checks, $known known to differ under kvm"
    [ -n "${HANDOVER:-}" ] || sed 's/^/  known to differ, but does not here: /' "$tmp/stale"
    passed=$((passed + 1))
done
[ -z "${HANDOVER:-}" ] || echo "  $handovers hand-overs"
[ $((passed + failed + skipped)) -gt 0 ] || failed=1
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
