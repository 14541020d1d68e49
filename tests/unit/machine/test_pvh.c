/* SPDX-License-Identifier: MIT */
#include "tests/unit/machine/boot_bench.h"

#include <stdlib.h>

#define MIB (1ull << 20)

static struct Image image;

static void use(struct Image i) {
    image = i;
    bench_kernel(i);
    bench_ram(16 * MIB);
}

static void teardown(void) {
    bench_teardown();
    free(image.data);
}

START_TEST(loads_and_describes) {
    static const char ramdisk[] = "ram disk";

    use(image_elf(_i, false, true, 2 * MIB, 0x1000));
    bench_in.cmdline = "quiet";
    bench_in.rsdp = 0xe0010;
    bench_module("initrd", ramdisk, sizeof(ramdisk), "args");
    bench_load_ok();
    bench_check_flat32();
    ck_assert_uint_eq(bench_env.rip, 2 * MIB + IMAGE_ELF_ENTRY);
    ck_assert_uint_eq(bench_env.seg[SEG_CS].base, 0);

    uint64_t info = bench_env.gpr[REG_BX];
    ck_assert_uint_eq(bench_read32(info), 0x336ec578);
    ck_assert_uint_eq(bench_read32(info + 4), 1);
    ck_assert_uint_eq(bench_read32(info + 12), 1);
    bench_check_text(bench_read64(info + 24), "quiet");
    ck_assert_uint_eq(bench_read64(info + 32), 0xe0010);
    uint64_t module = bench_read64(info + 16);
    bench_check_text(bench_read64(module), ramdisk);
    ck_assert_uint_eq(bench_read64(module + 8), sizeof(ramdisk));
    bench_check_text(bench_read64(module + 16), "args");
    uint64_t map = bench_read64(info + 40);
    ck_assert_uint_ge(bench_read32(info + 48), 4);
    ck_assert_uint_eq(bench_read64(map), 0);
    ck_assert_uint_eq(bench_read64(map + 8), EBDA_BASE);
    ck_assert_uint_eq(bench_read32(map + 16), E820_RAM);
}
END_TEST

START_TEST(plain_elf_is_refused) {
    use(image_elf(_i, false, false, 2 * MIB, 2 * MIB));
    bench_load_fails(-EINVAL, "neither a multiboot header");
}
END_TEST

START_TEST(entry_must_lie_in_memory) {
    use(image_elf(false, false, true, 2 * MIB, 2 * MIB));
    put_le32(image.data + 0x150, 0xffff0000);
    bench_load_fails(-EINVAL, "no memory");
}
END_TEST

START_TEST(empty_modules_are_refused) {
    use(image_elf(false, false, true, 2 * MIB, 2 * MIB));
    bench_module("initrd", "", 0, "");
    bench_load_fails(-EINVAL, "initrd: is empty");
}
END_TEST

START_TEST(too_large_modules_are_refused) {
    void *big = calloc(1, 16 * MIB);

    use(image_elf(false, false, true, 2 * MIB, 2 * MIB));
    bench_module("initrd", big, 16 * MIB, "");
    bench_load_fails(-ENOMEM, "initrd: the module needs");
    free(big);
}
END_TEST

Suite *pvh_suite(void) {
    Suite *s = suite_create("pvh");
    TCase *t = tcase_create("pvh");

    tcase_add_checked_fixture(t, bench_setup, teardown);
    tcase_add_loop_test(t, loads_and_describes, 0, 2);
    tcase_add_loop_test(t, plain_elf_is_refused, 0, 2);
    tcase_add_test(t, entry_must_lie_in_memory);
    tcase_add_test(t, empty_modules_are_refused);
    tcase_add_test(t, too_large_modules_are_refused);
    suite_add_tcase(s, t);
    return s;
}
