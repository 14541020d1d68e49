/* SPDX-License-Identifier: MIT */
/* MC146818 RTC against the data sheet. The clock starts at 2026-01-01 00:00:00 UTC unless a test sets it. */
#include "devices/rtc.h"

#include "tests/unit/devices/device_bench.h"
#include "tests/unit/suites.h"

#include <stdlib.h>

#define MS 1000000LL
#define SEC NS_PER_SEC
enum { SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, DAY, MONTH, YEAR, A, B, C, D };
#define CENTURY RTC_CENTURY

static struct DeviceBench bench;
static struct WireLog irq;
static struct Rtc rtc;

static uint8_t rd(uint8_t reg) {
    bench_out(&bench, 0x70, reg);
    return bench_in(&bench, 0x71);
}

static void wr(uint8_t reg, uint8_t v) {
    bench_out(&bench, 0x70, reg);
    bench_out(&bench, 0x71, v);
}

static void start_at(int64_t unix_seconds) {
    bench_open(&bench);
    clock_set_wall_start(bench.clock, unix_seconds);
    irq = (struct WireLog){.clock = bench.clock};
    rtc_init(&rtc, bench.clock, wire_to(&irq));
    ck_assert_int_eq(rtc_map(&rtc, bench.bus, 0x70), 0);
}

static void setup(void) { start_at(1767225600); }
static void teardown(void) { bench_close(&bench); }

static void restart_at(int64_t unix_seconds) {
    bench_close(&bench);
    start_at(unix_seconds);
}

static void expect_time(const uint8_t expected[8]) {
    static const uint8_t regs[8] = {CENTURY, YEAR, MONTH, DAY, HOURS, MINUTES, SECONDS, WEEKDAY};

    for (unsigned i = 0; i < 8; i++)
        ck_assert_msg(rd(regs[i]) == expected[i], "register %02xh is %02x, not %02x", regs[i], rd(regs[i]),
                      expected[i]);
}
#define EXPECT_TIME(...) expect_time((const uint8_t[8]){__VA_ARGS__})

static void set_time(uint8_t century, uint8_t year, uint8_t month, uint8_t day, uint8_t h, uint8_t m, uint8_t s) {
    uint8_t b = rd(B);

    wr(B, b | 0x80);
    wr(CENTURY, century);
    wr(YEAR, year);
    wr(MONTH, month);
    wr(DAY, day);
    wr(HOURS, h);
    wr(MINUTES, m);
    wr(SECONDS, s);
    wr(B, b);
}

START_TEST(initial_state) {
    ck_assert_uint_eq(rd(A), 0x26);
    ck_assert_uint_eq(rd(B), 0x02);
    ck_assert_uint_eq(rd(C), 0x00);
    ck_assert_uint_eq(rd(D), 0x80);
    EXPECT_TIME(0x20, 0x26, 0x01, 0x01, 0x00, 0x00, 0x00, 5); /* a Thursday */
    ck_assert_int_eq(clock_deadline(bench.clock), CLOCK_NEVER);
}
END_TEST

START_TEST(calendar_conversion) {
    restart_at(951782399); /* 2000-02-28 23:59:59, then a leap day of a 400-year century */
    EXPECT_TIME(0x20, 0x00, 0x02, 0x28, 0x23, 0x59, 0x59, 2);
    bench_run(&bench, SEC);
    EXPECT_TIME(0x20, 0x00, 0x02, 0x29, 0x00, 0x00, 0x00, 3);
    restart_at(946684799);
    EXPECT_TIME(0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x59, 6);
    bench_run(&bench, SEC);
    EXPECT_TIME(0x20, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00, 7);
    restart_at(0);
    EXPECT_TIME(0x19, 0x70, 0x01, 0x01, 0x00, 0x00, 0x00, 5);
    restart_at(4107542400); /* 2100-03-01: 2100 is no leap year */
    EXPECT_TIME(0x21, 0x00, 0x03, 0x01, 0x00, 0x00, 0x00, 2);
    restart_at(-5); /* a host clock before 1970 */
    EXPECT_TIME(0x19, 0x70, 0x01, 0x01, 0x00, 0x00, 0x00, 5);
}
END_TEST

START_TEST(binary_and_12_hours) {
    restart_at(1767225600 + 23 * 3600 + 45 * 60 + 59);
    wr(B, 0x06);
    EXPECT_TIME(20, 26, 1, 1, 23, 45, 59, 5);
    wr(B, 0x04);
    ck_assert_uint_eq(rd(HOURS), 0x80 | 11);
    wr(B, 0x00);
    ck_assert_uint_eq(rd(HOURS), 0x91);
    restart_at(1767225600);
    wr(B, 0x00);
    ck_assert_uint_eq(rd(HOURS), 0x12); /* midnight is 12 AM */
    bench_run(&bench, 12 * 3600 * SEC);
    ck_assert_uint_eq(rd(HOURS), 0x92); /* noon is 12 PM */
}
END_TEST

START_TEST(setting_the_time) {
    set_time(0x20, 0x31, 0x12, 0x31, 0x23, 0x59, 0x58);
    bench_run(&bench, 2 * SEC);
    ck_assert_uint_eq(rd(YEAR), 0x32);
    ck_assert_uint_eq(rd(MONTH), 0x01);
    ck_assert_uint_eq(rd(DAY), 0x01);
    ck_assert_uint_eq(rd(SECONDS), 0x00);
    wr(MINUTES, 0x30); /* without SET, too */
    ck_assert_uint_eq(rd(MINUTES), 0x30);
    ck_assert_uint_eq(rd(HOURS), 0x00);
    bench_run(&bench, 60 * SEC);
    ck_assert_uint_eq(rd(MINUTES), 0x31);
    wr(WEEKDAY, 2); /* the guest's own idea of the weekday */
    bench_run(&bench, 24 * 3600 * SEC);
    ck_assert_uint_eq(rd(WEEKDAY), 3);
}
END_TEST

START_TEST(set_bit_freezes) {
    wr(B, 0x82);
    bench_run(&bench, 10 * SEC);
    ck_assert_uint_eq(rd(SECONDS), 0x00);
    ck_assert_uint_eq(rd(A) & 0x80, 0);
    wr(SECONDS, 0x20);
    ck_assert_uint_eq(rd(SECONDS), 0x20);
    wr(B, 0x02);
    ck_assert_uint_eq(rd(SECONDS), 0x20);
    bench_run(&bench, SEC);
    ck_assert_uint_eq(rd(SECONDS), 0x21);
    wr(B, 0x12);
    wr(B, 0x92); /* SET clears UIE */
    ck_assert_uint_eq(rd(B), 0x82);
}
END_TEST

START_TEST(nonsense_is_survived) {
    set_time(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
    bench_run(&bench, 3 * SEC);
    ck_assert_uint_ge(rd(MONTH), 1);
    set_time(0, 0, 0, 0, 0, 0, 0);
    wr(WEEKDAY, 0xff);
    bench_run(&bench, 3 * SEC);
    ck_assert_uint_ge(rd(WEEKDAY), 1);
    ck_assert_uint_le(rd(WEEKDAY), 7);
}
END_TEST

START_TEST(divider_reset) {
    bench_run(&bench, 300 * MS);
    wr(A, 0x66);
    bench_run(&bench, 5 * SEC);
    ck_assert_uint_eq(rd(SECONDS), 0x00);
    wr(A, 0x26); /* the first update comes half a second later */
    bench_run(&bench, 499 * MS);
    ck_assert_uint_eq(rd(SECONDS), 0x00);
    bench_run(&bench, 1 * MS);
    ck_assert_uint_eq(rd(SECONDS), 0x01);
}
END_TEST

START_TEST(update_in_progress) {
    bench_run(&bench, 900 * MS);
    ck_assert_uint_eq(rd(A) & 0x80, 0);
    bench_run(&bench, 97 * MS + 700000);
    ck_assert_uint_eq(rd(A) & 0x80, 0);
    bench_run(&bench, 100000);
    ck_assert_uint_eq(rd(A) & 0x80, 0x80);
    ck_assert_uint_eq(rd(SECONDS), 0x00);
    bench_run(&bench, 2200000);
    ck_assert_uint_eq(rd(A) & 0x80, 0);
    ck_assert_uint_eq(rd(SECONDS), 0x01);
    wr(A, 0xa6); /* UIP is read-only */
    ck_assert_uint_eq(rd(A), 0x26);
}
END_TEST

START_TEST(update_ended_interrupt) {
    bench_run(&bench, 250 * MS);
    wr(B, 0x12);
    bench_run_to(&bench, SEC - 1);
    ck_assert(!irq.level);
    bench_run_to(&bench, SEC);
    ck_assert(irq.level);
    bench_run(&bench, 5 * SEC);
    ck_assert_uint_eq(irq.rises, 1); /* not read: no timer, no further edge */
    ck_assert_uint_eq(rd(C) & 0x90, 0x90);
    ck_assert(!irq.level);
    ck_assert_uint_eq(rd(C) & 0x90, 0);
    bench_run_to(&bench, 7 * SEC);
    ck_assert_int_eq(irq.last_rise, 7 * SEC);
}
END_TEST

START_TEST(flags_without_interrupts) {
    bench_run(&bench, 1500 * MS);
    ck_assert_uint_eq(rd(C), 0x50); /* PF and UF, no IRQF */
    ck_assert(!irq.level);
    ck_assert_uint_eq(rd(C), 0x00);
    bench_run(&bench, 1 * MS);
    ck_assert_uint_eq(rd(C), 0x40);
}
END_TEST

START_TEST(enabling_with_a_flag_set) {
    bench_run(&bench, 1500 * MS);
    wr(B, 0x12);
    ck_assert(irq.level);
    wr(B, 0x02);
    ck_assert(!irq.level);
    ck_assert_uint_eq(rd(C) & 0x90, 0x10);
}
END_TEST

START_TEST(periodic_interrupt) {
    static const struct {
        uint8_t rate;
        int64_t ns;
    } cases[] = {{1, 3906250}, {2, 7812500}, {3, 122071}, {6, 976563}, {15, 500000000}};

    for (unsigned i = 0; i < 5; i++) {
        restart_at(1767225600);
        wr(A, 0x20 | cases[i].rate);
        wr(B, 0x42);
        for (int n = 1; n <= 20; n++) {
            bench_run_to(&bench, clock_deadline(bench.clock));
            ck_assert(irq.level);
            ck_assert_int_le(llabs(irq.last_rise - n * cases[i].ns), n); /* the true period has half nanoseconds */
            ck_assert_uint_eq(rd(C) & 0xc0, 0xc0);
        }
    }
    wr(A, 0x20); /* rate 0: none */
    rd(C);
    bench_run(&bench, 10 * SEC);
    ck_assert_uint_eq(rd(C) & 0x40, 0);
}
END_TEST

START_TEST(periodic_does_not_drift) {
    wr(A, 0x26);
    wr(B, 0x42);
    for (int n = 0; n < 4096; n++) {
        bench_run_to(&bench, clock_deadline(bench.clock));
        ck_assert(irq.level);
        rd(C);
    }
    ck_assert_int_eq(irq.last_rise, 4 * SEC); /* 1024 Hz */
}
END_TEST

START_TEST(alarm_exact) {
    wr(SECONDS_ALARM, 0x05);
    wr(MINUTES_ALARM, 0x01);
    wr(HOURS_ALARM, 0x02);
    wr(B, 0x22);
    bench_run_to(&bench, (2 * 3600 + 65) * SEC - 1);
    ck_assert(!irq.level);
    bench_run_to(&bench, (2 * 3600 + 65) * SEC);
    ck_assert(irq.level);
    ck_assert_uint_eq(rd(C) & 0xa0, 0xa0);
    bench_run(&bench, 86399 * SEC);
    ck_assert(!irq.level);
    bench_run(&bench, SEC);
    ck_assert(irq.level); /* daily */
}
END_TEST

START_TEST(alarm_wildcards) {
    wr(SECONDS_ALARM, 0x10);
    wr(MINUTES_ALARM, 0xff);
    wr(HOURS_ALARM, 0xc0);
    wr(B, 0x22);
    for (int minute = 0; minute < 3; minute++) {
        bench_run_to(&bench, (minute * 60 + 10) * SEC);
        ck_assert_int_eq(irq.last_rise, (minute * 60 + 10) * SEC);
        ck_assert_uint_eq(rd(C) & 0x20, 0x20);
    }
    wr(SECONDS_ALARM, 0xff); /* every second */
    bench_run(&bench, SEC);
    ck_assert(irq.level);
}
END_TEST

START_TEST(alarm_that_never_comes) {
    wr(SECONDS_ALARM, 0x75);
    wr(HOURS_ALARM, 0x33);
    wr(B, 0x22);
    ck_assert_int_eq(clock_deadline(bench.clock), CLOCK_NEVER);
    bench_run(&bench, 3 * 86400 * SEC);
    ck_assert_uint_eq(rd(C) & 0x20, 0);
}
END_TEST

START_TEST(alarm_12_hours) {
    wr(B, 0x20);
    wr(SECONDS_ALARM, 0);
    wr(MINUTES_ALARM, 0);
    wr(HOURS_ALARM, 0x81); /* 1 PM */
    bench_run_to(&bench, 13 * 3600 * SEC);
    ck_assert_int_eq(irq.last_rise, 13 * 3600 * SEC);
}
END_TEST

START_TEST(cmos_memory) {
    rtc_set_cmos(&rtc, 0x34, 0x12);
    rtc_set_cmos(&rtc, 0x0b, 0xff); /* the chip's own */
    rtc_set_cmos(&rtc, 0x80, 0xff);
    ck_assert_uint_eq(rd(0x34), 0x12);
    ck_assert_uint_eq(rd(B), 0x02);
    wr(0x7f, 0x77);
    ck_assert_uint_eq(rd(0x7f), 0x77);
    ck_assert_uint_eq(rtc_get_cmos(&rtc, 0x7f), 0x77);
    ck_assert_uint_eq(rtc_get_cmos(&rtc, 0x1000), 0xff);
}
END_TEST

START_TEST(nmi_mask) {
    ck_assert(!rtc_nmi_masked(&rtc));
    bench_out(&bench, 0x70, 0x80 | 0x0d);
    ck_assert(rtc_nmi_masked(&rtc));
    ck_assert_uint_eq(bench_in(&bench, 0x71), 0x80);
    ck_assert_uint_eq(bench_in(&bench, 0x70), 0x8d);
    bench_out(&bench, 0x70, 0x0d);
    ck_assert(!rtc_nmi_masked(&rtc));
}
END_TEST

START_TEST(reset_keeps_time_and_memory) {
    wr(0x40, 0x99);
    set_time(0x20, 0x30, 0x05, 0x06, 0x07, 0x08, 0x09);
    wr(B, 0x7a);
    bench_run(&bench, SEC);
    ck_assert(irq.level);
    rtc_reset(&rtc);
    ck_assert(!irq.level);
    ck_assert_uint_eq(rd(B), 0x02);
    ck_assert_uint_eq(rd(C), 0x00);
    ck_assert_uint_eq(rd(YEAR), 0x30);
    ck_assert_uint_eq(rd(SECONDS), 0x10);
    ck_assert_uint_eq(rd(0x40), 0x99);
    ck_assert_int_eq(clock_deadline(bench.clock), CLOCK_NEVER);
}
END_TEST

START_TEST(at_the_end_of_time) {
    static const uint8_t enables[] = {0x40, 0x20, 0x10}; /* periodic, alarm, update */
    bench_run_dry(&bench);
    wr(SECONDS_ALARM, 0xff);
    wr(MINUTES_ALARM, 0xff);
    wr(HOURS_ALARM, 0xff);
    for (unsigned i = 0; i < 3; i++) {
        rd(C);
        wr(B, 0x02 | enables[i]);
        unsigned before = irq.rises;
        bench_sleep_at_end(&bench);
        ck_assert_uint_eq(irq.rises, before + 1);
        ck_assert_uint_eq(rd(C) & (0x80 | enables[i]), 0x80 | enables[i]);
    }
}
END_TEST

Suite *rtc_suite(void) {
    Suite *s = suite_create("rtc");
    TCase *tc = tcase_create("MC146818");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, initial_state);
    tcase_add_test(tc, calendar_conversion);
    tcase_add_test(tc, binary_and_12_hours);
    tcase_add_test(tc, setting_the_time);
    tcase_add_test(tc, set_bit_freezes);
    tcase_add_test(tc, nonsense_is_survived);
    tcase_add_test(tc, divider_reset);
    tcase_add_test(tc, update_in_progress);
    tcase_add_test(tc, update_ended_interrupt);
    tcase_add_test(tc, flags_without_interrupts);
    tcase_add_test(tc, enabling_with_a_flag_set);
    tcase_add_test(tc, periodic_interrupt);
    tcase_add_test(tc, periodic_does_not_drift);
    tcase_add_test(tc, alarm_exact);
    tcase_add_test(tc, alarm_wildcards);
    tcase_add_test(tc, alarm_that_never_comes);
    tcase_add_test(tc, alarm_12_hours);
    tcase_add_test(tc, cmos_memory);
    tcase_add_test(tc, nmi_mask);
    tcase_add_test(tc, reset_keeps_time_and_memory);
    tcase_add_test(tc, at_the_end_of_time);
    suite_add_tcase(s, tc);
    return s;
}
