/* SPDX-License-Identifier: MIT */
/* 8254 PIT against the timing diagrams of the data sheet. */
#include "devices/pit.h"

#include "tests/unit/devices/device_bench.h"
#include "tests/unit/suites.h"

#include <stdlib.h>

static struct DeviceBench bench;
static struct WireLog irq;
static struct Pit pit;

static uint8_t in(uint16_t port) { return bench_in(&bench, port); }
static void out(uint16_t port, uint8_t v) { bench_out(&bench, port, v); }

static int64_t tick_ns(int64_t tick) { return (int64_t)(((__int128)tick * NS_PER_SEC + PIT_HZ - 1) / PIT_HZ); }

static int64_t ticks(void) { return (int64_t)((__int128)clock_now(bench.clock) * PIT_HZ / NS_PER_SEC); }

static void run_ticks(int64_t n) { bench_run_to(&bench, tick_ns(ticks() + n)); }

static void setup(void) {
    bench_open(&bench);
    irq = (struct WireLog){.clock = bench.clock};
    pit_init(&pit, bench.clock, wire_to(&irq));
    ck_assert_int_eq(pit_map(&pit, bench.bus, 0x40), 0);
    ck_assert_int_eq(pit_map_port61(&pit, bench.bus, 0x61), 0);
    run_ticks(1000);
}

static void teardown(void) { bench_close(&bench); }

static void program(unsigned channel, unsigned mode, unsigned count) {
    out(0x43, channel << 6 | 0x30 | mode << 1);
    out(0x40 + channel, count & 0xff);
    out(0x40 + channel, count >> 8);
}

static unsigned read_latched(unsigned channel) {
    unsigned low;

    out(0x43, channel << 6);
    low = in(0x40 + channel);
    return low | in(0x40 + channel) << 8;
}

static uint8_t read_status(unsigned channel) {
    out(0x43, 0xe0 | 2 << channel);
    return in(0x40 + channel);
}

START_TEST(mode0_interrupt_on_terminal_count) {
    unsigned rises = irq.rises;

    out(0x43, 0x30);
    ck_assert(!irq.level); /* OUT falls with the control word */
    out(0x40, 100);
    out(0x40, 0);
    run_ticks(100);
    ck_assert(!irq.level); /* N + 1 clocks */
    run_ticks(1);
    ck_assert(irq.level);
    ck_assert_uint_eq(irq.rises, rises + 1);
    ck_assert_uint_eq(read_latched(0), 0);
    run_ticks(1);
    ck_assert_uint_eq(read_latched(0), 0xffff); /* keeps counting */
    run_ticks(65536);
    ck_assert_uint_eq(read_latched(0), 0xffff);
    ck_assert_uint_eq(irq.rises, rises + 1); /* but no second interrupt */
    out(0x40, 5);                            /* the first byte sets OUT low and stops */
    ck_assert(!irq.level);
    run_ticks(50);
    ck_assert(!irq.level);
    out(0x40, 0);
    run_ticks(6);
    ck_assert(irq.level);
}
END_TEST

START_TEST(mode0_gate_pauses) {
    out(0x61, 1);
    program(2, 0, 50);
    run_ticks(11);
    ck_assert_uint_eq(read_latched(2), 40);
    out(0x61, 0);
    run_ticks(1000);
    ck_assert_uint_eq(read_latched(2), 40);
    ck_assert_uint_eq(in(0x61) & 0x20, 0);
    out(0x61, 1);
    run_ticks(39);
    ck_assert_uint_eq(in(0x61) & 0x20, 0);
    run_ticks(1);
    ck_assert_uint_eq(in(0x61) & 0x20, 0x20);
}
END_TEST

START_TEST(mode1_one_shot) {
    out(0x61, 0);
    program(2, 1, 10);
    ck_assert(pit_out(&pit, 2));
    run_ticks(100);
    ck_assert(pit_out(&pit, 2)); /* waits for the trigger */
    ck_assert_uint_eq(read_status(2) & 0x40, 0x40);
    out(0x61, 1);
    run_ticks(1);
    ck_assert(!pit_out(&pit, 2));
    ck_assert_uint_eq(read_status(2) & 0x40, 0);
    run_ticks(9);
    ck_assert(!pit_out(&pit, 2));
    run_ticks(1);
    ck_assert(pit_out(&pit, 2));
    out(0x61, 0); /* a falling gate does nothing */
    out(0x61, 1);
    run_ticks(6);
    out(0x61, 0);
    out(0x61, 1); /* retrigger */
    run_ticks(10);
    ck_assert(!pit_out(&pit, 2));
    run_ticks(1);
    ck_assert(pit_out(&pit, 2));
}
END_TEST

START_TEST(mode2_rate_generator) {
    program(0, 2, 10);
    run_ticks(1);
    ck_assert_uint_eq(read_latched(0), 10);
    run_ticks(8);
    ck_assert_uint_eq(read_latched(0), 2);
    ck_assert(pit_out(&pit, 0));
    run_ticks(1);
    ck_assert_uint_eq(read_latched(0), 1);
    ck_assert(!pit_out(&pit, 0)); /* low for one clock */
    run_ticks(1);
    ck_assert(pit_out(&pit, 0));
    ck_assert_uint_eq(read_latched(0), 10);
}
END_TEST

START_TEST(mode2_does_not_drift) {
    int64_t load;
    unsigned rises;

    program(0, 2, 1193);
    load = ticks() + 1;
    rises = irq.rises;
    for (int i = 1; i <= 5000; i++) {
        bench_run_to(&bench, tick_ns(load + (int64_t)i * 1193));
        ck_assert_uint_eq(irq.rises, rises + i);
        ck_assert_int_eq(irq.last_rise, tick_ns(load + (int64_t)i * 1193));
    }
}
END_TEST

START_TEST(late_timer_merges_periods) {
    int64_t load;
    unsigned rises;

    program(0, 2, 100);
    load = ticks() + 1;
    rises = irq.rises;
    clock_advance_to(bench.clock, tick_ns(load + 1050)); /* ten periods late */
    clock_run(bench.clock);
    ck_assert_uint_eq(irq.rises, rises + 1);
    ck_assert_int_eq(clock_deadline(bench.clock), tick_ns(load + 1100)); /* and still in phase */
}
END_TEST

START_TEST(mode2_new_count_waits_for_the_period) {
    int64_t load;

    program(0, 2, 100);
    load = ticks() + 1;
    run_ticks(51);
    out(0x40, 30);
    out(0x40, 0);
    ck_assert_uint_eq(read_status(0) & 0x40, 0x40);
    ck_assert_uint_eq(read_latched(0), 50);
    bench_run_to(&bench, tick_ns(load + 100));
    ck_assert_int_eq(irq.last_rise, tick_ns(load + 100));
    ck_assert_uint_eq(read_latched(0), 30);
    ck_assert_uint_eq(read_status(0) & 0x40, 0);
    bench_run_to(&bench, tick_ns(load + 130));
    ck_assert_int_eq(irq.last_rise, tick_ns(load + 130));
}
END_TEST

START_TEST(mode2_gate_restarts) {
    out(0x61, 1);
    program(2, 2, 10);
    run_ticks(10);
    ck_assert(!pit_out(&pit, 2));
    out(0x61, 0);
    ck_assert(pit_out(&pit, 2)); /* at once */
    run_ticks(33);
    ck_assert(pit_out(&pit, 2));
    out(0x61, 1);
    run_ticks(1);
    ck_assert_uint_eq(read_latched(2), 10);
}
END_TEST

/* Level and count for each clock after the load. */
static void expect_square_wave(unsigned n, const uint8_t *counts, const uint8_t *levels, unsigned len) {
    program(2, 3, n);
    for (unsigned i = 0; i < len; i++) {
        run_ticks(1);
        ck_assert_uint_eq(read_latched(2), counts[i]);
        ck_assert_uint_eq(pit_out(&pit, 2), levels[i]);
    }
}

START_TEST(mode3_square_wave) {
    out(0x61, 1);
    expect_square_wave(4, (const uint8_t[]){4, 2, 4, 2, 4, 2}, (const uint8_t[]){1, 1, 0, 0, 1, 1}, 6);
    expect_square_wave(5, (const uint8_t[]){4, 2, 0, 4, 2, 4, 2, 0, 4, 2},
                       (const uint8_t[]){1, 1, 1, 0, 0, 1, 1, 1, 0, 0}, 10);
}
END_TEST

START_TEST(mode3_new_count_waits_for_the_half_period) {
    int64_t load;

    program(0, 3, 100);
    load = ticks() + 1;
    run_ticks(11);
    out(0x40, 20);
    out(0x40, 0);
    bench_run_to(&bench, tick_ns(load + 49));
    ck_assert(pit_out(&pit, 0));
    bench_run_to(&bench, tick_ns(load + 50));
    ck_assert(!pit_out(&pit, 0)); /* low half with the new length */
    bench_run_to(&bench, tick_ns(load + 59));
    ck_assert(!pit_out(&pit, 0));
    bench_run_to(&bench, tick_ns(load + 60));
    ck_assert(pit_out(&pit, 0));
    ck_assert_int_eq(irq.last_rise, tick_ns(load + 60));
    bench_run_to(&bench, tick_ns(load + 80));
    ck_assert_int_eq(irq.last_rise, tick_ns(load + 80));
}
END_TEST

START_TEST(mode4_software_strobe) {
    unsigned rises;

    program(0, 4, 10);
    rises = irq.rises;
    ck_assert(pit_out(&pit, 0));
    run_ticks(10);
    ck_assert(pit_out(&pit, 0));
    run_ticks(1);
    ck_assert(!pit_out(&pit, 0));
    run_ticks(1);
    ck_assert(pit_out(&pit, 0));
    ck_assert_uint_eq(irq.rises, rises + 1);
    run_ticks(200000); /* once only */
    ck_assert_uint_eq(irq.rises, rises + 1);
    out(0x40, 3); /* a new count strobes again */
    out(0x40, 0);
    run_ticks(5);
    ck_assert_uint_eq(irq.rises, rises + 2);
}
END_TEST

START_TEST(mode5_hardware_strobe) {
    out(0x61, 0);
    program(2, 5, 10);
    run_ticks(100);
    ck_assert(pit_out(&pit, 2));
    out(0x61, 1);
    run_ticks(10);
    ck_assert(pit_out(&pit, 2));
    run_ticks(1);
    ck_assert(!pit_out(&pit, 2));
    run_ticks(1);
    ck_assert(pit_out(&pit, 2));
}
END_TEST

START_TEST(modes_6_and_7_are_2_and_3) {
    program(0, 6, 10);
    ck_assert_uint_eq(read_status(0) & 0x0e, 0x04);
    program(0, 7, 10);
    ck_assert_uint_eq(read_status(0) & 0x0e, 0x06);
}
END_TEST

START_TEST(bcd_counting) {
    out(0x43, 0x35); /* channel 0, both bytes, mode 2, BCD */
    out(0x40, 0x00);
    out(0x40, 0x10); /* 1000 */
    run_ticks(2);
    ck_assert_uint_eq(read_latched(0), 0x0999);
    out(0x43, 0x31); /* mode 0, BCD */
    out(0x40, 0x00);
    out(0x40, 0x00); /* 10000 */
    run_ticks(1);
    ck_assert_uint_eq(read_latched(0), 0x0000);
    run_ticks(1);
    ck_assert_uint_eq(read_latched(0), 0x9999);
    ck_assert_uint_eq(read_status(0) & 1, 1);
}
END_TEST

START_TEST(count_of_zero_is_65536) {
    unsigned rises;
    int64_t load;

    program(0, 2, 0);
    load = ticks() + 1;
    rises = irq.rises;
    bench_run_to(&bench, tick_ns(load + 65535));
    ck_assert_uint_eq(irq.rises, rises);
    bench_run_to(&bench, tick_ns(load + 65536));
    ck_assert_uint_eq(irq.rises, rises + 1);
}
END_TEST

START_TEST(illegal_count_of_one) {
    for (unsigned mode = 2; mode <= 3; mode++) {
        program(0, mode, 1);
        run_ticks(100);
        ck_assert(pit_out(&pit, 0));
        ck_assert_int_eq(clock_deadline(bench.clock), CLOCK_NEVER);
        read_latched(0);
        out(0x40, 20); /* and leaving it works */
        out(0x40, 0);
        run_ticks(100);
    }
}
END_TEST

START_TEST(single_byte_access) {
    out(0x43, 0x14); /* low byte only */
    out(0x40, 0x42);
    run_ticks(1);
    ck_assert_uint_eq(in(0x40), 0x42);
    out(0x43, 0x24); /* high byte only */
    out(0x40, 0x42);
    run_ticks(1);
    ck_assert_uint_eq(in(0x40), 0x42);
    run_ticks(1);
    ck_assert_uint_eq(in(0x40), 0x41);
}
END_TEST

START_TEST(latches_hold_until_read) {
    unsigned low;

    program(0, 2, 1000);
    run_ticks(11);
    out(0x43, 0x00);
    run_ticks(100);
    out(0x43, 0x00); /* ignored */
    low = in(0x40);
    ck_assert_uint_eq(low | in(0x40) << 8, 990);
    ck_assert_uint_eq(read_latched(0), 890);
}
END_TEST

START_TEST(read_back) {
    unsigned low;

    program(0, 2, 0x1234);
    program(2, 3, 0x4321);
    out(0x61, 0);
    run_ticks(1);
    out(0x43, 0xca); /* status and count of counters 0 and 2 */
    run_ticks(5);
    ck_assert_uint_eq(in(0x40), 0xb4); /* OUT high, not null, both bytes, mode 2; status comes first */
    low = in(0x40);
    ck_assert_uint_eq(low | in(0x40) << 8, 0x1234);
    ck_assert_uint_eq(in(0x42), 0xb6);
    in(0x42);
    in(0x42);
    ck_assert_uint_eq(in(0x43), 0xff);
    out(0x43, 0x30);
    ck_assert_uint_eq(read_status(0), 0x70); /* no count yet: null, OUT low */
}
END_TEST

START_TEST(port61) {
    int toggles = 0;
    uint8_t last = in(0x61) & 0x10;

    out(0x61, 0xff);
    ck_assert_uint_eq(in(0x61) & 0x0f, 0x0f);
    ck_assert_uint_eq(in(0x61) & 0xc0, 0);
    out(0x61, 0x00);
    for (int i = 0; i < 1000; i++) {
        run_ticks(9);
        if ((in(0x61) & 0x10) != last)
            toggles++;
        last = in(0x61) & 0x10;
    }
    ck_assert_int_ge(toggles, 499);
    ck_assert_int_le(toggles, 501);
}
END_TEST

/* What kernels do to measure the TSC: channel 2, mode 0, wait for OUT2. */
START_TEST(calibration_loop) {
    int64_t start;

    out(0x61, 1);
    program(2, 0, 11931);
    start = clock_now(bench.clock);
    while (!(in(0x61) & 0x20))
        bench_run(&bench, 500);
    ck_assert_int_le(llabs(clock_now(bench.clock) - start - 10000000), 2000);
    ck_assert_int_eq(clock_deadline(bench.clock), CLOCK_NEVER); /* channel 2 costs no timer */
}
END_TEST

START_TEST(edge_before_late_reprogramming) {
    unsigned rises;

    program(0, 0, 100);
    rises = irq.rises;
    clock_advance_to(bench.clock, tick_ns(ticks() + 150)); /* the deadline passed, its timer has not run */
    out(0x43, 0x34);
    ck_assert_uint_eq(irq.rises, rises + 1);
    clock_run(bench.clock);
    ck_assert_uint_eq(irq.rises, rises + 1);
}
END_TEST

START_TEST(at_the_end_of_time) {
    bench_run_dry(&bench);
    static const unsigned modes[] = {0, 2, 3, 4};
    for (unsigned i = 0; i < 4; i++) {
        program(0, modes[i], 60000);
        unsigned before = irq.rises;
        bench_sleep_at_end(&bench);
        ck_assert_uint_eq(irq.rises, before + 1);
    }
}
END_TEST

Suite *pit_suite(void) {
    Suite *s = suite_create("pit");
    TCase *tc = tcase_create("8254");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, mode0_interrupt_on_terminal_count);
    tcase_add_test(tc, mode0_gate_pauses);
    tcase_add_test(tc, mode1_one_shot);
    tcase_add_test(tc, mode2_rate_generator);
    tcase_add_test(tc, mode2_does_not_drift);
    tcase_add_test(tc, late_timer_merges_periods);
    tcase_add_test(tc, mode2_new_count_waits_for_the_period);
    tcase_add_test(tc, mode2_gate_restarts);
    tcase_add_test(tc, mode3_square_wave);
    tcase_add_test(tc, mode3_new_count_waits_for_the_half_period);
    tcase_add_test(tc, mode4_software_strobe);
    tcase_add_test(tc, mode5_hardware_strobe);
    tcase_add_test(tc, modes_6_and_7_are_2_and_3);
    tcase_add_test(tc, bcd_counting);
    tcase_add_test(tc, count_of_zero_is_65536);
    tcase_add_test(tc, illegal_count_of_one);
    tcase_add_test(tc, single_byte_access);
    tcase_add_test(tc, latches_hold_until_read);
    tcase_add_test(tc, read_back);
    tcase_add_test(tc, port61);
    tcase_add_test(tc, calibration_loop);
    tcase_add_test(tc, edge_before_late_reprogramming);
    tcase_add_test(tc, at_the_end_of_time);
    suite_add_tcase(s, tc);
    return s;
}
