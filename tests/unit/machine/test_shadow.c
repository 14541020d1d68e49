/* SPDX-License-Identifier: MIT */
/* Shadow RAM: each pair of attributes, on each segment. */
#include "machine/firmware/shadow.h"
#include "tests/unit/devices/device_bench.h"
#include "tests/unit/suites.h"

#include <stdlib.h>

static struct DeviceBench b;
static struct Region ram;
static struct Shadow s;

static uint32_t base(unsigned n) { return n == 0 ? 0xf0000 : 0xc0000 + (n - 1) * 0x4000; }
static uint32_t last(unsigned n) { return n == 0 ? 0xfffff : base(n) + 0x3fff; }
static uint8_t get(uint32_t at) { return (uint8_t)bus_read_uint(b.bus, at, 1); }
static void put(uint32_t at, uint8_t v) { bus_write_uint(b.bus, at, v, 1); }

/* A ROM whose bytes tell where they are; its last 128 KiB show. */
static uint8_t rom_byte(uint32_t at) { return at < 0xe0000 ? 0xff : (uint8_t)(at >> 12 ^ at ^ 0x40); }

static void open_bench(void) {
    uint8_t *rom = malloc(0x40000);
    for (uint32_t i = 0; i < 0x40000; i++)
        rom[i] = i < 0x20000 ? 0x11 : rom_byte(0xc0000 + i);
    bench_open(&b);
    ck_assert_int_eq(region_init_ram(&ram, "ram", 0x200000), 0);
    ck_assert_int_eq(bus_map(b.bus, 0, &ram), 0);
    ck_assert_int_eq(shadow_init(&s, b.bus, &ram), 0);
    shadow_set_rom(&s, rom, 0x40000);
    free(rom);
}

static void close_bench(void) {
    shadow_destroy(&s);
    bus_free(b.bus);
    region_destroy(&ram);
    clock_free(b.clock);
    pthread_mutex_destroy(&b.lock);
}

START_TEST(every_attribute) {
    open_bench();
    for (unsigned n = 0; n < SHADOW_SEGMENTS; n++) {
        for (unsigned side = 0; side < 2; side++) {
            uint32_t at = side == 0 ? base(n) : last(n);
            shadow_route(&s, n, SHADOW_READ_RAM | SHADOW_WRITE_RAM);
            put(at, 0xa5);
            ck_assert_uint_eq(get(at), 0xa5);
            ck_assert_ptr_nonnull(bus_ram_ptr(b.bus, at, 1));
            shadow_route(&s, n, 0);
            ck_assert_uint_eq(get(at), rom_byte(at));
            put(at, 0x77);
            ck_assert_uint_eq(get(at), rom_byte(at));
            shadow_route(&s, n, SHADOW_READ_RAM);
            ck_assert_uint_eq(get(at), 0xa5); /* that write went nowhere */
            put(at, 0x77);
            ck_assert_uint_eq(get(at), 0xa5);
            ck_assert_ptr_null(bus_ram_ptr(b.bus, at, 1));
            shadow_route(&s, n, SHADOW_WRITE_RAM);
            put(at, 0x3c);
            ck_assert_uint_eq(get(at), rom_byte(at));
            shadow_route(&s, n, SHADOW_READ_RAM);
            ck_assert_uint_eq(get(at), 0x3c);
            put(at, 0x77);
            ck_assert_uint_eq(get(at), 0x3c);
        }
        shadow_route(&s, n, SHADOW_READ_RAM | SHADOW_WRITE_RAM);
    }
    close_bench();
}
END_TEST

/* Firmware copies itself where it is: reads from the ROM, writes to RAM, in every size; and dirty pages are noted. */
START_TEST(copies_in_place) {
    open_bench();
    bus_set_dirty_logging(b.bus, true);
    for (unsigned n = 0; n < SHADOW_SEGMENTS; n++)
        shadow_route(&s, n, SHADOW_WRITE_RAM);
    for (uint32_t at = SHADOW_BASE; at < SHADOW_BASE + SHADOW_SIZE;) {
        unsigned size = 1u << (at / 4096) % 4;
        bus_write_uint(b.bus, at, bus_read_uint(b.bus, at, size), size);
        at += size;
    }
    for (unsigned n = 0; n < SHADOW_SEGMENTS; n++)
        shadow_route(&s, n, SHADOW_READ_RAM | SHADOW_WRITE_RAM);
    for (uint32_t at = SHADOW_BASE; at < SHADOW_BASE + SHADOW_SIZE; at++)
        ck_assert_uint_eq(ram.host[at], rom_byte(at));
    for (uint32_t page = SHADOW_BASE / 4096; page < 0x100; page++)
        ck_assert_uint_ne(ram.page_flags[page] & PAGE_FLAG_DIRTY, 0);
    ck_assert_uint_eq(ram.page_flags[SHADOW_BASE / 4096 - 1] & PAGE_FLAG_DIRTY, 0);
    close_bench();
}
END_TEST

START_TEST(small_roms) {
    open_bench();
    static uint8_t rom[0x10000];
    rom[0] = 0xea;
    shadow_set_rom(&s, rom, sizeof(rom));
    for (unsigned n = 0; n < SHADOW_SEGMENTS; n++)
        shadow_route(&s, n, 0);
    ck_assert_uint_eq(get(0xf0000), 0xea);
    ck_assert_uint_eq(get(0xfffff), 0);
    ck_assert_uint_eq(get(0xeffff), 0xff);
    shadow_set_rom(&s, NULL, 0);
    ck_assert_uint_eq(get(0xfffff), 0xff);
    close_bench();
}
END_TEST

Suite *shadow_suite(void) {
    Suite *su = suite_create("shadow");
    TCase *t = tcase_create("shadow");
    tcase_add_test(t, every_attribute);
    tcase_add_test(t, copies_in_place);
    tcase_add_test(t, small_roms);
    suite_add_tcase(su, t);
    return su;
}
