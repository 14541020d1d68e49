/* SPDX-License-Identifier: MIT */
#include "machine/boot/e820.h"
#include "tests/unit/suites.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static void check_sane(const struct E820Map *map) {
    uint64_t end = 0;

    ck_assert_uint_gt(map->count, 0);
    for (unsigned i = 0; i < map->count; i++) {
        ck_assert_uint_ge(map->entry[i].addr, end);
        ck_assert_uint_gt(map->entry[i].size, 0);
        end = map->entry[i].addr + map->entry[i].size;
    }
}

static uint64_t total_ram(const struct E820Map *map) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < map->count; i++)
        sum += map->entry[i].type == E820_RAM ? map->entry[i].size : 0;
    return sum;
}

START_TEST(splits_at_the_pci_hole) {
    struct RamLayout ram = ram_layout(3 * GIB);
    ck_assert_uint_eq(ram.below_4g, 3 * GIB);
    ck_assert_uint_eq(ram.above_4g, 0);
    ram = ram_layout(6 * GIB);
    ck_assert_uint_eq(ram.below_4g, 3 * GIB);
    ck_assert_uint_eq(ram.above_4g, 3 * GIB);
    ram = ram_layout(1 * MIB);
    ck_assert_uint_eq(ram.below_4g, MIB);
}
END_TEST

START_TEST(describes_every_size) {
    static const uint64_t size[] = {MIB, 2 * MIB, 16 * MIB, GIB, 3 * GIB, 3 * GIB + 4096, 6 * GIB, 1024 * GIB};

    for (unsigned i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
        struct RamLayout ram = ram_layout(size[i]);
        uint64_t acpi = ram_acpi_base(&ram);
        struct E820Map map;

        e820_build(&map, &ram, acpi, acpi != 0 ? ACPI_AREA_SIZE : 0);
        check_sane(&map);
        /* All but the 385 KiB below 1 MiB and the ACPI area. */
        ck_assert_uint_eq(total_ram(&map), size[i] - (EXTENDED_MEMORY_BASE - EBDA_BASE) - (acpi ? ACPI_AREA_SIZE : 0));
        ck_assert(!e820_is_ram(&map, acpi != 0 ? acpi : BIOS_AREA_BASE, 1));
        ck_assert(!e820_is_ram(&map, LOW_MEMORY_END - 1, 1));
    }
}
END_TEST

START_TEST(finds_room_from_the_top) {
    struct RamLayout ram = ram_layout(6 * GIB);
    struct E820Map map;

    e820_build(&map, &ram, 0, 0);
    ck_assert_uint_eq(e820_find_top(&map, 4096, 0, UINT64_MAX), 7 * GIB - 4096);
    ck_assert_uint_eq(e820_find_top(&map, 1, 0, 4 * GIB), 3 * GIB - 4096);
    ck_assert_uint_eq(e820_find_top(&map, MIB, 16 * MIB, 17 * MIB), 16 * MIB);
    ck_assert_uint_eq(e820_find_top(&map, MIB + 1, 16 * MIB, 17 * MIB), 0);
    ck_assert_uint_eq(e820_find_top(&map, UINT64_MAX, 0, UINT64_MAX), 0);
    ck_assert_uint_eq(e820_find_top(&map, 3 * GIB, 0, UINT64_MAX), 4 * GIB);
    ck_assert_uint_eq(e820_find_top(&map, 0x9fc00, 1, 1 * MIB), 0);
}
END_TEST

START_TEST(knows_ram) {
    struct RamLayout ram = ram_layout(16 * MIB);
    struct E820Map map;

    e820_build(&map, &ram, 0, 0);
    ck_assert(e820_is_ram(&map, 0, 0x9fc00));
    ck_assert(!e820_is_ram(&map, 0, 0x9fc01));
    ck_assert(e820_is_ram(&map, MIB, 15 * MIB));
    ck_assert(!e820_is_ram(&map, MIB, 15 * MIB + 1));
    ck_assert(!e820_is_ram(&map, UINT64_MAX, 2));
    ck_assert(!e820_is_ram(&map, MIB, UINT64_MAX));
    ck_assert(!e820_is_ram(&map, 0xfee00000, 1));
}
END_TEST

Suite *e820_suite(void) {
    Suite *s = suite_create("e820");
    TCase *t = tcase_create("e820");

    tcase_add_test(t, splits_at_the_pci_hole);
    tcase_add_test(t, describes_every_size);
    tcase_add_test(t, finds_room_from_the_top);
    tcase_add_test(t, knows_ram);
    suite_add_tcase(s, t);
    return s;
}
