/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "devices/hpet.h"
#include "tests/unit/devices/device_bench.h"
#include "tests/unit/suites.h"

enum { CAPS = 0, CONFIG = 0x10, STATUS = 0x20, COUNTER = 0xf0, T0 = 0x100, T1 = 0x120, T2 = 0x140, COMPARE = 8 };
enum { LEVEL = 2, ENABLE = 4, PERIODIC = 8, SET = 0x40, BITS32 = 0x100 };

static struct DeviceBench b;
static struct Hpet h;
static struct WireLog irq0, irq8, gsi[24];

static void gsi_set(void *opaque, int line, bool level) {
    (void)opaque;
    ck_assert_int_lt(line, 24);
    wire_log_set(&gsi[line], line, level);
}

static void open_bench(void) {
    memset(&irq0, 0, sizeof(irq0));
    memset(&irq8, 0, sizeof(irq8));
    memset(gsi, 0, sizeof(gsi));
    bench_open(&b);
    struct HpetWires wires = {
        .irq0 = wire_to(&irq0), .irq8 = wire_to(&irq8), .gsi = {gsi_set, NULL, 0}, .gsi_mask = 0xf00000};
    hpet_init(&h, b.clock, &wires);
    ck_assert_int_eq(bus_map(b.bus, HPET_DEFAULT_BASE, &h.region), 0);
}

static uint64_t rd(unsigned reg, unsigned size) { return bus_read_uint(b.bus, HPET_DEFAULT_BASE + reg, size); }

static void wr(unsigned reg, uint64_t value, unsigned size) {
    bus_write_uint(b.bus, HPET_DEFAULT_BASE + reg, value, size);
}

START_TEST(capabilities_and_counter) {
    open_bench();
    ck_assert_uint_eq(rd(CAPS, 8), 0x009896808086a201);
    ck_assert_uint_eq(rd(CAPS + 4, 4), 10000000);
    ck_assert_uint_eq(rd(COUNTER, 8), 0);
    bench_run(&b, 1000);
    ck_assert_uint_eq(rd(COUNTER, 8), 0); /* halted */
    wr(COUNTER, 0xfffffff0, 8);
    wr(CONFIG, 1, 4);
    bench_run(&b, 1000);
    ck_assert_uint_eq(rd(COUNTER, 8), 0xfffffff0ull + 100);
    ck_assert_uint_eq(rd(COUNTER, 4), (uint32_t)(0xfffffff0u + 100));
    ck_assert_uint_eq(rd(COUNTER + 4, 4), 1);
    wr(CONFIG, 0, 4);
    bench_run(&b, 1000);
    ck_assert_uint_eq(rd(COUNTER, 8), 0xfffffff0ull + 100);
    wr(COUNTER + 4, 7, 4);
    ck_assert_uint_eq(rd(COUNTER + 4, 4), 7);
    wr(CAPS, 0, 8);
    ck_assert_uint_eq(rd(CAPS, 4), 0x8086a201);
    ck_assert_uint_eq(rd(T2 + 0x20, 8), 0); /* no fourth timer */
    bench_close(&b);
}
END_TEST

START_TEST(one_shot_edge) {
    open_bench();
    ck_assert_uint_eq(rd(T0, 8), 0x00f0000000000030);
    wr(CONFIG, 1, 4);
    wr(T0, ENABLE | 20 << 9, 4);
    ck_assert_uint_eq(rd(T0, 4), (ENABLE | 20 << 9 | 0x30));
    wr(T0 + COMPARE, 500, 8);
    bench_run(&b, 4999);
    ck_assert_uint_eq(gsi[20].rises, 0);
    bench_run(&b, 1);
    ck_assert_uint_eq(gsi[20].rises, 1);
    ck_assert(gsi[20].level); /* stays, so that an 8259 does not lose it */
    ck_assert_uint_eq(rd(STATUS, 4), 0);
    bench_run(&b, 1000000);
    ck_assert_uint_eq(gsi[20].rises, 1);
    /* a comparator in the past does not fire */
    wr(T0 + COMPARE, 10, 8);
    bench_run(&b, 1000000);
    ck_assert_uint_eq(gsi[20].rises, 1);
    wr(T0 + COMPARE, rd(COUNTER, 8) + 100, 8);
    bench_run(&b, 1000);
    ck_assert_uint_eq(gsi[20].rises, 2);
    wr(T0, 20 << 9, 4); /* disabled: low */
    ck_assert(!gsi[20].level);
    /* a route that does not exist is not taken */
    wr(T0, ENABLE | 3 << 9, 4);
    ck_assert_uint_eq(rd(T0, 4), (ENABLE | 20 << 9 | 0x30));
    bench_close(&b);
}
END_TEST

START_TEST(one_shot_32_bit_wraps) {
    open_bench();
    wr(CONFIG, 1, 4);
    wr(T1, ENABLE | BITS32 | 21 << 9, 4);
    wr(T1 + COMPARE, 0xffffffff00000064, 8);
    ck_assert_uint_eq(rd(T1 + COMPARE, 8), 0x64);
    bench_run(&b, 1000);
    ck_assert_uint_eq(gsi[21].rises, 1);
    bench_run(&b, (1ll << 32) * 10 - 10);
    ck_assert_uint_eq(gsi[21].rises, 1);
    bench_run(&b, 10);
    ck_assert_uint_eq(gsi[21].rises, 2);
    bench_close(&b);
}
END_TEST

START_TEST(periodic) {
    open_bench();
    wr(CONFIG, 1, 4);
    bench_run(&b, 1000);
    /* as an operating system does it: accumulator, then period */
    wr(T0, ENABLE | PERIODIC | SET | BITS32 | 20 << 9, 4);
    wr(T0 + COMPARE, 1100, 4);
    ck_assert_uint_eq(rd(T0, 4) & SET, 0);
    wr(T0 + COMPARE, 1000, 4);
    ck_assert_uint_eq(rd(T0 + COMPARE, 4), 1100);
    bench_run_to(&b, 10999);
    ck_assert_uint_eq(gsi[20].rises, 0);
    bench_run_to(&b, 11000);
    ck_assert_uint_eq(gsi[20].rises, 1);
    ck_assert_uint_eq(rd(T0 + COMPARE, 4), 2100);
    for (unsigned i = 2; i < 10; i++) {
        bench_run(&b, 10000);
        ck_assert_uint_eq(gsi[20].rises, i);
    }
    /* nobody listens: the comparator goes on */
    wr(T0, PERIODIC | BITS32 | 20 << 9, 4);
    ck_assert_int_eq(clock_deadline(b.clock), CLOCK_NEVER);
    bench_run(&b, 35000);
    ck_assert_uint_gt(rd(T0 + COMPARE, 4), rd(COUNTER, 4));
    ck_assert_uint_eq(rd(T0 + COMPARE, 4) % 1000, 100);
    ck_assert_uint_le(rd(T0 + COMPARE, 4) - rd(COUNTER, 4), 1000);
    ck_assert_uint_eq(gsi[20].rises, 9);
    /* an absurd period does not stop the world; 0 is none */
    wr(T0, ENABLE | PERIODIC | SET | 20 << 9, 4);
    wr(T0 + COMPARE, 1, 8);
    bench_run(&b, 1000000);
    ck_assert_uint_gt(gsi[20].rises, 10);
    wr(T0 + COMPARE, 0, 8);
    ck_assert_int_eq(clock_deadline(b.clock), CLOCK_NEVER);
    bench_close(&b);
}
END_TEST

START_TEST(level_and_status) {
    open_bench();
    wr(CONFIG, 1, 4);
    wr(T2, ENABLE | LEVEL | 23 << 9, 4);
    wr(T2 + COMPARE, 100, 8);
    bench_run(&b, 1000);
    ck_assert(gsi[23].level);
    ck_assert_uint_eq(rd(STATUS, 4), 4);
    wr(STATUS, 3, 4);
    ck_assert(gsi[23].level);
    wr(T2, ENABLE | LEVEL | 22 << 9, 4); /* the route changes under it */
    ck_assert(!gsi[23].level);
    ck_assert(gsi[22].level);
    wr(CONFIG, 0, 4); /* all interrupts off, status stays */
    ck_assert(!gsi[22].level);
    ck_assert_uint_eq(rd(STATUS, 4), 4);
    wr(CONFIG, 1, 4);
    ck_assert(gsi[22].level);
    wr(STATUS, 4, 4);
    ck_assert(!gsi[22].level);
    ck_assert_uint_eq(rd(STATUS, 4), 0);
    bench_close(&b);
}
END_TEST

START_TEST(legacy_route) {
    open_bench();
    struct IrqWire pit = hpet_pit_wire(&h), rtc = hpet_rtc_wire(&h);
    irq_set(&pit, true);
    irq_set(&pit, false);
    irq_set(&rtc, true);
    ck_assert_uint_eq(irq0.rises, 1);
    ck_assert(irq8.level);
    wr(CONFIG, 3, 4);
    ck_assert(!irq8.level);
    irq_set(&pit, true);
    ck_assert_uint_eq(irq0.rises, 1);
    wr(T0, ENABLE | 20 << 9, 4);
    wr(T0 + COMPARE, 100, 8);
    wr(T1, ENABLE | 20 << 9, 4);
    wr(T1 + COMPARE, 200, 8);
    bench_run(&b, 1000);
    ck_assert_uint_eq(irq0.rises, 2);
    ck_assert_uint_eq(irq8.rises, 1);
    bench_run(&b, 1000);
    ck_assert_uint_eq(irq8.rises, 2);
    ck_assert_uint_eq(gsi[20].rises, 0);
    wr(CONFIG, 1, 4); /* PIT and RTC get their lines back as they are */
    ck_assert(irq0.level && irq8.level);
    hpet_reset(&h);
    ck_assert_uint_eq(rd(CONFIG, 4), 0);
    ck_assert_int_eq(clock_deadline(b.clock), CLOCK_NEVER);
    bench_close(&b);
}
END_TEST

START_TEST(survives_anything) {
    uint32_t seed = 7;
    open_bench();
    for (unsigned i = 0; i < 100000; i++) {
        seed = seed * 1664525 + 1013904223;
        unsigned reg = (seed >> 8 & 0x1ff) & ~3u;
        uint64_t value = (uint64_t)seed << 32 | (seed ^ seed << 11);
        if (seed >> 24 & 1)
            wr(reg, seed >> 25 & 1 ? value & 0xff : value, seed >> 26 & 1 && reg % 8 == 0 ? 8 : 4);
        else
            rd(reg, 4);
        if ((seed >> 28) == 0)
            bench_run(&b, 1000);
    }
    bench_close(&b);
}
END_TEST

/* Comparators 73 years ahead, the furthest that are waited for, again and again: past the end of time, too. */
START_TEST(years_ahead) {
    open_bench();
    wr(T2, ENABLE | 20 << 9, 4);
    wr(CONFIG, 1, 4);
    for (unsigned i = 0; i < 12; i++) {
        wr(T2 + COMPARE, rd(COUNTER, 8) + (0x03333332ull << 32), 8);
        int64_t deadline = clock_deadline(b.clock);
        ck_assert_int_gt(deadline, clock_now(b.clock));
        ck_assert_int_le(deadline, CLOCK_END);
        unsigned before = gsi[20].rises;
        if (i < 4)
            bench_run_to(&b, deadline);
        else
            clock_advance_to(b.clock, deadline), bench_sleep_at_end(&b);
        ck_assert_uint_eq(gsi[20].rises, before + 1);
    }
    bench_close(&b);
}
END_TEST

Suite *hpet_suite(void) {
    Suite *s = suite_create("hpet");
    TCase *t = tcase_create("hpet");
    tcase_add_test(t, capabilities_and_counter);
    tcase_add_test(t, years_ahead);
    tcase_add_test(t, one_shot_edge);
    tcase_add_test(t, one_shot_32_bit_wraps);
    tcase_add_test(t, periodic);
    tcase_add_test(t, level_and_status);
    tcase_add_test(t, legacy_route);
    tcase_add_test(t, survives_anything);
    suite_add_tcase(s, t);
    return s;
}
