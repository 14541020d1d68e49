#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes the boot loaders with libFuzzer and sanitizers: loaders.sh BUILD-DIR [SECONDS]
# Compiles only what it needs (a few seconds), so no second build is wanted. Skipped where clang has no libFuzzer.
. "$(dirname "$0")/lib.sh"
seconds=${2:-20}

m=$root/machine/boot # guest_blob.c takes machine/guest/guest.rom from the build
compile() {
    "$cc" -std=gnu17 -D_GNU_SOURCE -g -O1 -I"$root" "$@" "$root/tests/fuzz/fuzz_loader.c" \
        "$root/tests/unit/machine/boot_images.c" "$m/boot_files.c" "$m/e820.c" "$m/elf.c" "$m/loader.c" "$m/load_bzimage.c" "$m/plan.c" "$m/start_info.c" \
        "$m/load_firmware.c" "$m/load_multiboot.c" "$m/load_pvh.c" "$root/machine/guest/guest_blob.c" \
        "$root"/base/*.c "$root"/memory/*.c -lpthread
}
compile -fsanitize=address,undefined -fno-sanitize-recover=all -o "$work/plain"
compile -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -DWITH_LIBFUZZER -o "$work/fuzz"
mkdir "$work/corpus"
"$work/plain" 20000
"$work/plain" --seeds "$work/corpus"
"$work/fuzz" -max_total_time="$seconds" -max_len=70000 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
    -artifact_prefix="$build/" "$work/corpus"
echo "1 passed, 0 failed, 0 skipped"
