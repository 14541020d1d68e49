/* SPDX-License-Identifier: MIT */
#include "memory/region.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

START_TEST(ram_is_zero) {
    struct Region r;
    ck_assert_int_eq(region_init_ram(&r, "ram", 64 << 10), 0);
    ck_assert_int_eq(r.kind, REGION_RAM);
    ck_assert_uint_eq(r.size, 64 << 10);
    ck_assert_ptr_nonnull(r.page_flags);
    ck_assert_int_eq(r.memfd, -1);
    for (unsigned i = 0; i < r.size; i += 512)
        ck_assert_uint_eq(r.host[i], 0);
    r.host[r.size - 1] = 0x5a;
    region_destroy(&r);
    ck_assert_ptr_null(r.host);
    region_destroy(&r); /* twice does no harm */
}
END_TEST

START_TEST(shared_ram_is_its_file) {
    struct Region r;
    ck_assert_int_eq(region_init_shared_ram(&r, "ram", 64 << 10), 0);
    r.host[4097] = 0x5a;
    uint8_t byte = 0;
    ck_assert_int_eq(pread(r.memfd, &byte, 1, 4097), 1);
    ck_assert_uint_eq(byte, 0x5a);
    region_destroy(&r);
    ck_assert_ptr_null(r.host);
    ck_assert_int_eq(r.memfd, -1);
}
END_TEST

/* Does the mapping that begins there ask for huge pages? */
static bool wants_huge_pages(const void *at) {
    FILE *f = fopen("/proc/self/smaps", "r");
    char line[512], begin[32];
    bool here = false, wants = false;
    ck_assert_ptr_nonnull(f);
    snprintf(begin, sizeof(begin), "%lx-", (unsigned long)(uintptr_t)at);
    while (fgets(line, sizeof(line), f))
        if (strchr(line, '-') != NULL && strchr(line, '-') < strchr(line, ' '))
            here = strncmp(line, begin, strlen(begin)) == 0;
        else if (here && strncmp(line, "VmFlags:", 8) == 0)
            wants = strstr(line, " hg") != NULL;
    fclose(f);
    return wants;
}

START_TEST(large_ram_wants_huge_pages) {
    struct Region r;
    ck_assert_int_eq(region_init_ram(&r, "ram", (6 << 20) + 4096), 0);
    ck_assert_uint_eq((uintptr_t)r.host % (2 << 20), 0);
    if (access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0) /* else this kernel has none */
        ck_assert(wants_huge_pages(r.host));
    r.host[r.size - 1] = 1;
    region_destroy(&r);
}
END_TEST

START_TEST(untouched_ram_costs_nothing) {
    const size_t size = 1ull << 36, pages = size >> 12;
    struct Region r;
    unsigned char *there = malloc(pages);
    size_t n = 0;
    ck_assert_int_eq(region_init_ram(&r, "big", size), 0);
    r.host[size - 1] = 1;
    r.host[0] = 1;
    ck_assert_int_eq(mincore(r.host, size, there), 0);
    for (size_t i = 0; i < pages; i++)
        n += there[i] & 1;
    ck_assert_uint_le(n, 4 << 20 >> 12);
    free(there);
    region_destroy(&r);
}
END_TEST

/* Both kinds tell what was touched, in ascending ranges and with little more. */
static void check_touched(struct Region *r) {
    const uint64_t touched[] = {4096, 9 << 20, (9 << 20) + 4096, r->size - 1};
    uint64_t at = 0, end, bytes = 0;
    unsigned found = 0;
    ck_assert(!region_next_touched(r, &at, &end));
    for (unsigned i = 0; i < 4; i++)
        r->host[touched[i]] = 1;
    for (at = 0; region_next_touched(r, &at, &end); at = end) {
        ck_assert_uint_eq(at % 4096 + end % 4096, 0);
        ck_assert_uint_lt(at, end);
        ck_assert_uint_le(end, r->size);
        bytes += end - at;
        for (unsigned i = 0; i < 4; i++)
            found += touched[i] >= at && touched[i] < end;
    }
    ck_assert_uint_eq(found, 4);
    ck_assert_uint_le(bytes, 6 << 20); /* three huge pages */
    at = r->size;
    ck_assert(!region_next_touched(r, &at, &end));
    region_destroy(r);
}

START_TEST(touched_ram_is_found) {
    struct Region r;
    ck_assert_int_eq(region_init_ram(&r, "ram", 64 << 20), 0);
    check_touched(&r);
    ck_assert_int_eq(region_init_shared_ram(&r, "shared", 64 << 20), 0);
    check_touched(&r);
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
    tcase_add_test(tc, ram_is_zero);
    tcase_add_test(tc, shared_ram_is_its_file);
    tcase_add_test(tc, large_ram_wants_huge_pages);
    tcase_add_test(tc, touched_ram_is_found);
    tcase_add_test(tc, untouched_ram_costs_nothing);
    tcase_add_test(tc, absurd_sizes_are_refused);
    tcase_add_test(tc, rom_is_rounded_up_and_padded);
    suite_add_tcase(s, tc);
    return s;
}
