# SPDX-License-Identifier: MIT
# Shared by the tests of disk images: $work (a folder that goes in the end), $tool, counting. Run from the build's folder.
set -u
passed=0 failed=0 skipped=0
tool=$PWD/block-tool
work=$(mktemp -d -p "${TMPDIR:-/var/tmp}" twin86-images-XXXXXX)
trap 'rm -rf "$work"' EXIT

if ! command -v qemu-img > /dev/null; then
    echo "SKIP: qemu-img is missing, which tells whether images are right (Debian package: qemu-utils)"
    exit 77
fi

# ok NAME COMMAND...: the command succeeds; what it says is shown otherwise.
ok() {
    name=$1
    shift
    if "$@" > "$work/output" 2>&1; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAIL: $name: $*"
        tail -n 5 "$work/output"
    fi
}

# refused NAME WORDS COMMAND...: the command fails, in one line (of ours; QEMU may say more) that holds these words.
refused() {
    name=$1 words=$2
    shift 2
    if ! "$@" > "$work/output" 2>&1 && grep -q "$words" "$work/output" &&
        { [ "$1" != "$tool" ] || [ "$(wc -l < "$work/output")" -eq 1 ]; }; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL: $name is not refused as it should be: $(cat "$work/output")"
    fi
}

skip() {
    skipped=$((skipped + 1))
    echo "SKIP $1"
}

finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
    exit
}

# can OPTIONS: this qemu-img makes such images.
can() { qemu-img create -q -f qcow2 -o "$1" "$work/can.qcow2" 1M > /dev/null 2>&1; }
