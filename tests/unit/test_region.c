/* SPDX-License-Identifier: MIT */
#include "memory/region.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(ram_is_zero_and_backed_by_its_file) {
    struct Region r;
    ck_assert_int_eq(region_init_ram(&r, "ram", 64 << 10), 0);
    ck_assert_int_eq(r.kind, REGION_RAM);
    ck_assert_uint_eq(r.size, 64 << 10);
    ck_assert_ptr_nonnull(r.page_flags);
    for (unsigned i = 0; i < r.size; i += 512) {
        ck_assert_uint_eq(r.host[i], 0);
    }
    r.host[4097] = 0x5a;
    uint8_t byte = 0;
    ck_assert_int_eq(pread(r.memfd, &byte, 1, 4097), 1);
    ck_assert_uint_eq(byte, 0x5a);
    region_destroy(&r);
    ck_assert_ptr_null(r.host);
    ck_assert_int_eq(r.memfd, -1);
    region_destroy(&r); /* twice does no harm */
}
END_TEST

START_TEST(untouched_ram_costs_nothing) {
    struct Region r;
    ck_assert_int_eq(region_init_ram(&r, "big", 1ull << 36), 0);
    r.host[(1ull << 36) - 1] = 1;
    r.host[0] = 1;
    struct stat st;
    ck_assert_int_eq(fstat(r.memfd, &st), 0);
    ck_assert_int_eq(st.st_size, 1ll << 36);
    ck_assert_int_le(st.st_blocks * 512, 8 << 20);
    region_destroy(&r);
}
END_TEST

START_TEST(absurd_sizes_are_refused) {
    struct Region r;
    ck_assert_int_eq(region_init_ram(&r, "ram", 0), -EINVAL);
    ck_assert_int_eq(region_init_ram(&r, "ram", 4095), -EINVAL);
    ck_assert_int_eq(region_init_ram(&r, "ram", UINT64_MAX - 4095), -EINVAL);
    ck_assert_int_lt(region_init_ram(&r, "ram", 1ull << 62), 0); /* more than any host can address */
    ck_assert_int_eq(r.memfd, -1);
    ck_assert_int_eq(region_init_rom(&r, "rom", "abc", 3, 0), -EINVAL);
    ck_assert_int_eq(region_init_rom(&r, "rom", "abc", 3, 2), -EINVAL);
}
END_TEST

START_TEST(rom_is_rounded_up_and_padded) {
    struct Region r;
    ck_assert_int_eq(region_init_rom(&r, "rom", "firmware", 8, 5000), 0);
    ck_assert_uint_eq(r.size, 8192);
    ck_assert_int_eq(memcmp(r.host, "firmware", 8), 0);
    ck_assert_uint_eq(r.host[8], 0);
    ck_assert_uint_eq(r.host[8191], 0);
    ck_assert_ptr_null(r.page_flags);
    region_destroy(&r);
    ck_assert_int_eq(region_init_rom(&r, "empty", NULL, 0, 4096), 0);
    region_destroy(&r);
}
END_TEST

Suite *region_suite(void) {
    Suite *s = suite_create("region");
    TCase *tc = tcase_create("region");
    tcase_add_test(tc, ram_is_zero_and_backed_by_its_file);
    tcase_add_test(tc, untouched_ram_costs_nothing);
    tcase_add_test(tc, absurd_sizes_are_refused);
    tcase_add_test(tc, rom_is_rounded_up_and_padded);
    suite_add_tcase(s, tc);
    return s;
}
