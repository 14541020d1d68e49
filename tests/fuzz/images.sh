#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes disk images and NBD servers' answers with libFuzzer and sanitizers: images.sh BUILD-DIR [SECONDS for each]
# Compiles block/ anew, as the build is configured. Skipped where clang has no libFuzzer.
. "$(dirname "$0")/lib.sh"
seconds=${2:-20}

libraries=
for name in ZLIB:zlib ZSTD:libzstd LIBURING:liburing LIBNBD:libnbd JSON_C:json-c; do
    ! grep -q "define HAVE_${name%:*} 1" config.h || libraries="$libraries ${name#*:}"
done
# shellcheck disable=SC2046,SC2086
compile() { # NAME OPTIONS...
    name=$1
    shift
    "$cc" -std=gnu17 -D_GNU_SOURCE -include config.h -g -O1 -I. -I"$root" "$@" "$root/tests/fuzz/fuzz_$name.c" "$root"/block/*.c \
        "$root"/base/*.c "$root"/sandbox/[!fr]*.c "$root/sandbox/refused.c" "$root"/block/qcow2/*.c $([ -z "$libraries" ] || pkg-config --cflags --libs $libraries) -lpthread
}
fuzz() { # NAME OPTIONS...
    name=$1
    shift
    compile "$name" -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -DWITH_LIBFUZZER -o "$work/fuzz-$name"
    mkdir -p "$work/$name"
    "$work/fuzz-$name" -max_total_time="$seconds" -timeout=30 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
        -artifact_prefix="$build/" "$@" "$work/$name"
}
compile image -fsanitize=address,undefined -fno-sanitize-recover=all -o "$work/plain"
mkdir "$work/image"
"$work/plain" 2000
"$work/plain" --seeds "$work/image"
fuzz image -max_len=20000
if grep -q "define HAVE_LIBNBD 1" config.h; then
    fuzz nbd -max_len=1024 -len_control=0
    echo "2 passed, 0 failed, 0 skipped"
else
    echo "SKIP NBD: built without libnbd"
    echo "1 passed, 0 failed, 1 skipped"
fi
