#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes disk images with libFuzzer and sanitizers: images.sh BUILD-DIR [SECONDS]
# Compiles block/ anew, as the build is configured. Skipped where clang has no libFuzzer.
. "$(dirname "$0")/lib.sh"
seconds=${2:-20}

libraries=
for name in ZLIB:zlib ZSTD:libzstd LIBURING:liburing LIBNBD:libnbd JSON_C:json-c; do
    ! grep -q "define HAVE_${name%:*} 1" config.h || libraries="$libraries ${name#*:}"
done
# shellcheck disable=SC2046,SC2086
compile() {
    "$cc" -std=gnu17 -D_GNU_SOURCE -include config.h -g -O1 -I. -I"$root" "$@" "$root/tests/fuzz/fuzz_image.c" "$root"/block/*.c "$root"/base/*.c \
        "$root"/block/qcow2/*.c $([ -z "$libraries" ] || pkg-config --cflags --libs $libraries) -lpthread
}
compile -fsanitize=address,undefined -fno-sanitize-recover=all -o "$work/plain"
compile -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -DWITH_LIBFUZZER -o "$work/fuzz"
mkdir "$work/corpus"
"$work/plain" 2000
"$work/plain" --seeds "$work/corpus"
"$work/fuzz" -max_total_time="$seconds" -max_len=20000 -timeout=30 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
    -artifact_prefix="$build/" "$work/corpus"
echo "1 passed, 0 failed, 0 skipped"
