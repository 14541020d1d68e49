# SPDX-License-Identifier: MIT
# Sourced by check and by tests/fuzz/lib.sh: builds with sanitizers, each in a folder of its own in the build folder.
# Needs $root.

# sanitized_build BUILD DIR LIST [OPTION...]: configure BUILD/DIR once with --enable-sanitizers=LIST OPTION..., under a
# lock, for fuzzers that run at once all want the same one. What BUILD's configure found out is not tried again.
sanitized_build() (
    build=$1 dir=$1/$2 list=$3
    shift 3
    mkdir -p "$dir" && exec 9> "$dir/lock" && flock 9 && cd "$dir" || exit 1
    [ ! -f Makefile ] || exit 0
    # That cache speaks of one compiler with one set of flags, here as there the ones that configure chooses.
    [ ! -f "$build/found.cache" ] || grep -q '^ac_cv_env_.*_set=set' "$build/found.cache" ||
        cp "$build/found.cache" config.cache
    CONFIG_SHELL=/bin/sh "$root/configure" -C --silent --enable-sanitizers="$list" "$@"
)

# has_fuzzer COMPILER: whether it has libFuzzer with sanitizers
has_fuzzer() {
    echo 'int LLVMFuzzerTestOneInput(const char *p, long n) { (void)p; (void)n; return 0; }' |
        "$1" -fsanitize=fuzzer,address,undefined -x c - -o /dev/null 2> /dev/null
}

# address_build BUILD: configure BUILD/address-undefined, which unit tests and fuzzers share: the portable kernels
# instead of the host's instructions, and no variants, whose functions differ from others in nothing that
# a sanitizer sees.
address_build() {
    set -- "$1" address-undefined address,undefined --disable-host-simd --disable-variants
    ! has_fuzzer clang-19 || set -- "$@" --with-fuzzers
    sanitized_build "$@"
}
