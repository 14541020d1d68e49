# SPDX-License-Identifier: MIT
# Shared by the fuzzing scripts, which are run as SCRIPT BUILD-DIR [SECONDS]: $build, $root, $work (a folder that goes in the
# end), and $cc with libFuzzer and sanitizers. Exit code 77 where there is none.
set -eu
build=${1:?usage: $0 BUILD-DIR [SECONDS]}
root=$(cd "$(dirname "$0")/../.." && pwd)
cc=$(command -v clang-19 || command -v clang || true)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo 'int LLVMFuzzerTestOneInput(const char *p, long n) { (void)p; (void)n; return 0; }' >"$work/probe.c"
if [ -z "$cc" ] || ! "$cc" -fsanitize=fuzzer,address,undefined "$work/probe.c" -o "$work/probe" 2>/dev/null; then
    echo "fuzzing skipped: no clang with libFuzzer (Debian package: libclang-rt-19-dev)"
    exit 77
fi
cd "$build"
