/* SPDX-License-Identifier: MIT */
/* What the 8237s move: directions, counts, pages, words. Their registers are in test_isa_ports.c. */
#include "devices/dma.h"

#include "tests/unit/devices/device_bench.h"
#include "tests/unit/suites.h"

#include <string.h>

enum { RAM = 1 << 20 };

static struct DeviceBench dev;
static struct Region ram;
static struct Dma dma;

static void setup(void) {
    bench_open(&dev);
    ck_assert_int_eq(region_init_ram(&ram, "ram", RAM), 0);
    ck_assert_int_eq(bus_map(dev.bus, 0, &ram), 0);
    dma_init(&dma);
    ck_assert_int_eq(dma_map(&dma, dev.bus), 0);
    bench_out(&dev, 0xd6, 0xc0); /* cascade */
    bench_out(&dev, 0xd4, 0);
}

static void teardown(void) {
    bench_close(&dev);
    region_destroy(&ram);
}

static void out(uint16_t port, uint8_t value) { bench_out(&dev, port, value); }
static uint8_t in(uint16_t port) { return bench_in(&dev, port); }
static uint32_t word_at(uint32_t gpa) { return bus_read_uint(dev.bus, gpa, 4); }

static void program_dma(uint8_t mode, uint32_t address, unsigned count) {
    out(0x0a, 0x06);
    out(0x0c, 0);
    out(0x0b, mode | 2);
    out(0x04, address & 0xff);
    out(0x04, address >> 8 & 0xff);
    out(0x81, address >> 16);
    out(0x05, (count - 1) & 0xff);
    out(0x05, (count - 1) >> 8);
    out(0x0a, 0x02);
}
static size_t move_bytes(unsigned channel, const char *bytes, size_t n, bool *terminal) {
    uint8_t copy[64];
    memcpy(copy, bytes, n);
    return dma_move(&dma, channel, copy, n, true, terminal);
}

START_TEST(dma_modes) {
    bool terminal;
    /* up and down, and around within 64 KiB */
    program_dma(0x44, 0x1fffe, 4);
    ck_assert_uint_eq(move_bytes(2, "abcdef", 6, &terminal), 4);
    ck_assert(terminal);
    ck_assert_uint_eq(bus_read_uint(dev.bus, 0x1fffe, 2), 'a' | 'b' << 8);
    ck_assert_uint_eq(bus_read_uint(dev.bus, 0x10000, 2), 'c' | 'd' << 8);
    ck_assert_uint_eq(bus_read_uint(dev.bus, 0x20000, 2), 0);
    ck_assert_uint_eq(move_bytes(2, "x", 1, &terminal), 0); /* masked */
    program_dma(0x64, 0x203, 4);
    ck_assert_uint_eq(move_bytes(2, "ab", 2, &terminal), 2);
    ck_assert(!terminal);
    ck_assert_uint_eq(move_bytes(2, "cd", 2, &terminal), 2);
    ck_assert(terminal);
    ck_assert_uint_eq(word_at(0x200), 'd' | 'c' << 8 | 'b' << 16 | (uint32_t)'a' << 24);
    /* as it was, again and again; and the count ends at FFFFh without */
    program_dma(0x54, 0x300, 2);
    ck_assert_uint_eq(move_bytes(2, "ab", 2, &terminal), 2);
    ck_assert_uint_eq(move_bytes(2, "c", 1, &terminal), 1);
    ck_assert_uint_eq(bus_read_uint(dev.bus, 0x300, 2), 'c' | 'b' << 8);
    out(0x0c, 0);
    ck_assert_uint_eq(in(0x04), 1);
    /* nothing moves, but counts */
    program_dma(0x40, 0x400, 2);
    ck_assert_uint_eq(move_bytes(2, "ab", 2, &terminal), 2);
    ck_assert(terminal);
    ck_assert_uint_eq(word_at(0x400), 0);
    /* where there is no memory */
    program_dma(0x44, 0xff0000, 2);
    ck_assert_uint_eq(move_bytes(2, "ab", 2, &terminal), 2);
    program_dma(0x48, 0xff0000, 2);
    uint8_t read[2] = {0};
    ck_assert_uint_eq(dma_move(&dma, 2, read, 2, false, &terminal), 2);
    ck_assert_uint_eq(read[0] & read[1], 0xff);
    /* switched off, here or there */
    program_dma(0x44, 0x400, 2);
    out(0x08, 4);
    ck_assert_uint_eq(move_bytes(2, "ab", 2, &terminal), 0);
    out(0x08, 0);
    out(0xd4, 4);
    ck_assert_uint_eq(move_bytes(2, "ab", 2, &terminal), 0);
    out(0xd4, 0);
    ck_assert_uint_eq(move_bytes(2, "ab", 2, &terminal), 2);
}
END_TEST

START_TEST(dma_words) {
    bool terminal;
    out(0xd6, 0x45);
    out(0xd8, 0);
    out(0xc4, 0x80); /* of channel 5: words */
    out(0xc4, 0x00);
    out(0xc6, 1);
    out(0xc6, 0);
    out(0x8b, 0x03); /* its lowest bit is none of the address */
    out(0xd4, 0x01);
    ck_assert_uint_eq(move_bytes(5, "abcdef", 6, &terminal), 4);
    ck_assert(terminal);
    ck_assert_uint_eq(word_at(0x20100), 'a' | 'b' << 8 | 'c' << 16 | 'd' << 24);
    ck_assert_uint_eq(in(0xd0), 2);
}
END_TEST

Suite *dma_suite(void) {
    Suite *s = suite_create("dma");
    TCase *tc = tcase_create("dma");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, dma_modes);
    tcase_add_test(tc, dma_words);
    suite_add_tcase(s, tc);
    return s;
}
