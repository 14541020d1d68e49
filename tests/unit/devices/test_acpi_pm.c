/* SPDX-License-Identifier: MIT */
#include "devices/acpi_pm.h"
#include "tests/unit/devices/device_bench.h"
#include "tests/unit/suites.h"

enum { STS = 0x600, EN = 0x602, CNT = 0x604, TMR = 0x608, GPE = 0x60c };

static struct DeviceBench b;
static struct AcpiPm pm;
static struct WireLog sci;
static unsigned poweroffs, resets, sleeps, wakes, hibernations;
static bool hard;

static void on_poweroff(void *opaque) {
    (void)opaque;
    poweroffs++;
}

static void on_reset(void *opaque, bool is_hard) {
    (void)opaque;
    resets++;
    hard = is_hard;
}

static void on_sleep(void *opaque) {
    (void)opaque;
    sleeps++;
}

static void on_hibernate(void *opaque) {
    (void)opaque;
    hibernations++;
}

static void on_wake(void *opaque) {
    (void)opaque;
    wakes++;
}

static const struct AcpiPmOps ops = {
    .poweroff = on_poweroff, .hibernate = on_hibernate, .suspend = on_sleep, .wake = on_wake, .reset = on_reset};

static void open_bench(void) {
    sci = (struct WireLog){0};
    poweroffs = resets = sleeps = wakes = hibernations = 0;
    bench_open(&b);
    acpi_pm_init(&pm, b.clock, wire_to(&sci), &ops, NULL);
    ck_assert_int_eq(bus_map_ports(b.bus, STS, ACPI_PM_PORTS, "acpi-pm", &acpi_pm_ops, &pm), 0);
}

static uint32_t in(uint16_t port, unsigned size) { return bus_port_read(b.bus, port, size); }

static void out(uint16_t port, uint32_t value, unsigned size) { bus_port_write(b.bus, port, value, size); }

START_TEST(timer_counts) {
    open_bench();
    ck_assert_uint_eq(in(TMR, 4), 0);
    bench_run(&b, NS_PER_SEC);
    ck_assert_uint_eq(in(TMR, 4), 3579545);
    ck_assert_uint_eq(in(TMR, 2), 3579545 & 0xffff);
    ck_assert_uint_eq(in(TMR + 3, 1), 0);
    out(TMR, 0, 4); /* read-only */
    ck_assert_uint_eq(in(TMR, 4), 3579545);
    bench_run(&b, 2000 * NS_PER_SEC);
    ck_assert_uint_eq(in(TMR, 4), (uint32_t)(3579545ull * 2001));
    bench_close(&b);
}
END_TEST

START_TEST(timer_at_the_end_of_time) {
    open_bench();
    bench_run_dry(&b);
    out(STS, 1, 2);
    out(EN, 1, 2);
    bench_sleep_at_end(&b);
    ck_assert_uint_eq(sci.rises, 1);
    ck_assert_uint_eq(in(STS, 2), 1);
    bench_close(&b);
}
END_TEST

START_TEST(timer_overflow) {
    const int64_t half = ((1ll << 31) * NS_PER_SEC + 3579544) / 3579545;
    open_bench();
    ck_assert_int_eq(clock_deadline(b.clock), CLOCK_NEVER); /* costs nothing until wanted */
    bench_run_to(&b, half - 1);
    ck_assert_uint_eq(in(STS, 2), 0);
    bench_run_to(&b, half);
    ck_assert_uint_eq(in(STS, 2), 1);
    ck_assert(!sci.level);
    out(STS, 1, 2);
    ck_assert_uint_eq(in(STS, 2), 0);
    out(EN, 1, 2);
    ck_assert_int_ne(clock_deadline(b.clock), CLOCK_NEVER);
    bench_run(&b, half + 1000);
    ck_assert(sci.level);
    ck_assert_uint_eq(in(STS, 4), 0x10001);
    out(STS, 1, 1);
    ck_assert(!sci.level);
    bench_run(&b, half + 1000);
    ck_assert_uint_eq(sci.rises, 2);
    bench_close(&b);
}
END_TEST

START_TEST(power_button) {
    open_bench();
    acpi_pm_power_button(&pm);
    ck_assert_uint_eq(in(STS, 2), 0x100);
    ck_assert(!sci.level);
    out(EN, 0x100, 2);
    ck_assert(sci.level);
    out(STS, 0xfeff, 2);
    ck_assert(sci.level);
    out(STS + 1, 1, 1);
    ck_assert(!sci.level);
    acpi_pm_power_button(&pm);
    ck_assert(sci.level);
    acpi_pm_reset(&pm);
    ck_assert(!sci.level);
    ck_assert_uint_eq(in(STS, 4), 0);
    out(EN, 0xffff, 2);
    ck_assert_uint_eq(in(EN, 2), 0x521); /* what exists */
    bench_close(&b);
}
END_TEST

START_TEST(soft_off) {
    open_bench();
    ck_assert_uint_eq(in(CNT, 2), 1); /* SCI_EN */
    out(CNT, 0, 2);
    ck_assert_uint_eq(in(CNT, 2), 1);
    out(CNT, 5 << 10 | 1 << 13, 2); /* a sleep that does not exist */
    ck_assert_uint_eq(poweroffs, 0);
    ck_assert_uint_eq(in(CNT, 2), 5 << 10 | 1);
    out(CNT, ACPI_SLP_TYP_S5 << 10, 2);
    ck_assert_uint_eq(poweroffs, 0);
    out(CNT, ACPI_SLP_TYP_S5 << 10 | 1 << 13, 2);
    ck_assert_uint_eq(poweroffs, 1);
    ck_assert_uint_eq(in(CNT, 2), ACPI_SLP_TYP_S5 << 10 | 1); /* SLP_EN reads 0 */
    out(CNT + 1, 0x20, 1);
    ck_assert_uint_eq(poweroffs, 2);
    bench_close(&b);
}
END_TEST

#define SLEEP (ACPI_SLP_TYP_S3 << 10 | 1 << 13)
#define SLEEP_S4 (ACPI_SLP_TYP_S4 << 10 | 1 << 13)

START_TEST(sleep_and_wake) {
    open_bench();
    out(CNT, SLEEP, 2);
    ck_assert_uint_eq(sleeps, 1);
    ck_assert_uint_eq(poweroffs, 0);
    acpi_pm_rtc_alarm(&pm, 0, true); /* RTC_EN is clear */
    acpi_pm_rtc_alarm(&pm, 0, false);
    ck_assert_uint_eq(in(STS, 2), 0x400);
    ck_assert_uint_eq(wakes, 0);
    acpi_pm_power_button(&pm);
    acpi_pm_power_button(&pm);
    ck_assert(acpi_pm_wake(&pm)); /* under way */
    ck_assert_uint_eq(wakes, 1);
    acpi_pm_woken(&pm);
    ck_assert(!acpi_pm_wake(&pm));
    ck_assert_uint_eq(in(STS, 2), 0x8500);
    ck_assert_uint_eq(in(CNT, 2), 1);
    out(STS, 0x8500, 2);
    ck_assert_uint_eq(in(STS, 2), 0);

    out(EN, 0x400, 2);
    out(CNT, SLEEP, 2);
    acpi_pm_rtc_alarm(&pm, 0, true);
    ck_assert_uint_eq(wakes, 2);
    ck_assert(sci.level);
    acpi_pm_woken(&pm);
    ck_assert_uint_eq(in(STS, 4), 0x4008400);
    ck_assert(sci.level); /* anew: interrupt controllers were reset */
    ck_assert_uint_eq(sci.rises, 1);

    out(CNT, SLEEP, 2); /* a wake event is pending */
    ck_assert_uint_eq(sleeps, 3);
    ck_assert_uint_eq(wakes, 3);
    acpi_pm_reset(&pm);
    ck_assert(!acpi_pm_wake(&pm));

    pm.no_s3 = true;
    out(CNT, SLEEP, 2);
    ck_assert_uint_eq(sleeps, 3);

    out(CNT, SLEEP_S4, 2);
    ck_assert_uint_eq(hibernations, 1);
    pm.no_s4 = true;
    out(CNT, SLEEP_S4, 2);
    ck_assert_uint_eq(hibernations, 1);
    ck_assert_uint_eq(sleeps, 3);
    bench_close(&b);
}
END_TEST

START_TEST(general_purpose_events) {
    open_bench();
    ck_assert_uint_eq(in(GPE, 4), 0);
    out(GPE, 0xffffffff, 4);
    ck_assert_uint_eq(in(GPE, 4), 0xffff0000);
    ck_assert(!sci.level);
    bench_close(&b);
}
END_TEST

START_TEST(reset_control) {
    open_bench();
    ck_assert_int_eq(bus_map_ports(b.bus, ACPI_RESET_PORT, 1, "reset", &acpi_pm_reset_ops, &pm), 0);
    out(ACPI_RESET_PORT, 2, 1);
    ck_assert_uint_eq(resets, 0);
    ck_assert_uint_eq(in(ACPI_RESET_PORT, 1), 2);
    out(ACPI_RESET_PORT, 6, 1);
    ck_assert_uint_eq(resets, 1);
    ck_assert(hard);
    out(ACPI_RESET_PORT, 6, 1); /* no rise of bit 2 */
    ck_assert_uint_eq(resets, 1);
    out(ACPI_RESET_PORT, 0, 1);
    out(ACPI_RESET_PORT, 4, 1);
    ck_assert_uint_eq(resets, 2);
    ck_assert(!hard);
    bench_close(&b);
}
END_TEST

Suite *acpi_pm_suite(void) {
    Suite *s = suite_create("acpi_pm");
    TCase *t = tcase_create("acpi_pm");
    tcase_add_test(t, timer_counts);
    tcase_add_test(t, timer_at_the_end_of_time);
    tcase_add_test(t, timer_overflow);
    tcase_add_test(t, power_button);
    tcase_add_test(t, soft_off);
    tcase_add_test(t, sleep_and_wake);
    tcase_add_test(t, general_purpose_events);
    tcase_add_test(t, reset_control);
    suite_add_tcase(s, t);
    return s;
}
