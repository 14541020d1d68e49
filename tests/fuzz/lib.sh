# SPDX-License-Identifier: MIT
# Shared by the fuzzing scripts, which are run as SCRIPT BUILD-DIR [SECONDS]: $build, $root, $work (a folder that goes
# in the end), and functions that compile and run a fuzzer with BUILD-DIR's libtwin86.a with sanitizers, which this
# makes. Exit code 77 where there is no libFuzzer.
set -eu
build=${1:?usage: $0 BUILD-DIR [SECONDS]}
build=$(cd "$build" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
cc=clang-19
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$root/tests/sanitized.sh"

if ! has_fuzzer $cc; then
    echo "fuzzing skipped: no clang with libFuzzer (Debian packages: clang-19, libclang-rt-19-dev)"
    exit 77
fi
cd "$build"
address_build "$build"
there=$build/address-undefined
flock "$there/lock" make -C "$there" -s -j"$(nproc)" libtwin86.a > "$work/log" 2>&1 || { cat "$work/log" && exit 1; }
variable() { make -C "$there" -s --no-print-directory "print-$1"; }
flags="-std=gnu17 -D_GNU_SOURCE -include config.h -g1 -O1 -I$there -I$root $(variable CAPSTONE_CFLAGS)
    $(variable JSON_C_CFLAGS) $(variable BLOCK_CFLAGS) -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all"
# A target may have functions in place of the library's.
library="$there/libtwin86.a -Wl,--allow-multiple-definition $(variable TWIN86_LIBS) $(variable LIBS)"

# compile NAME SOURCE...: the fuzzer $work/NAME
compile() {
    name=$1
    shift
    # shellcheck disable=SC2086
    "$cc" $flags -DWITH_LIBFUZZER -fsanitize=fuzzer "$@" $library -o "$work/$name"
}
# compile_plain NAME SOURCE...: the program $work/NAME, which mutates its own seeds
compile_plain() {
    name=$1
    shift
    # shellcheck disable=SC2086
    "$cc" $flags "$@" $library -o "$work/$name"
}
# fuzz NAME ARGUMENT...: run it for $seconds; its corpus is $work/NAME.corpus
fuzz() {
    name=$1
    shift
    mkdir -p "$work/$name.corpus"
    "$work/$name" -max_total_time="$seconds" -verbosity=0 -print_final_stats=1 -artifact_prefix="$build/$name-" \
        "$work/$name.corpus" "$@"
}
