/* SPDX-License-Identifier: MIT */
/* The small ones: port 92h, debug console, isa-debug-exit, DMA registers. */
#include "devices/debugcon.h"
#include "devices/dma.h"
#include "devices/isa_debug_exit.h"
#include "devices/pc_testdev.h"
#include "devices/port92.h"
#include "devices/pvpanic.h"

#include "tests/unit/devices/device_bench.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <string.h>

static struct DeviceBench bench;
static int a20, resets;
static char text[16];
static size_t text_len;
static uint32_t exit_code;
static int exits;

static void on_a20(void *opaque, bool enabled) {
    (void)opaque;
    a20 = enabled;
}

static void on_reset(void *opaque) {
    (void)opaque;
    resets++;
}

static void on_write(void *opaque, const uint8_t *buf, size_t len) {
    (void)opaque;
    if (text_len + len < sizeof(text)) {
        memcpy(text + text_len, buf, len);
        text_len += len;
    }
}

static void on_exit_code(void *opaque, uint32_t code) {
    (void)opaque;
    exit_code = code;
    exits++;
}

static void setup(void) {
    bench_open(&bench);
    a20 = -1;
    resets = exits = 0;
    text_len = 0;
}

static void teardown(void) { bench_close(&bench); }

START_TEST(port92_a20_and_reset) {
    struct Port92 p;

    port92_init(&p, on_a20, on_reset, NULL);
    ck_assert_int_eq(port92_map(&p, bench.bus, 0x92), 0);
    ck_assert_uint_eq(bench_in(&bench, 0x92), 0x02);
    bench_out(&bench, 0x92, 0x00);
    ck_assert_int_eq(a20, 0);
    bench_out(&bench, 0x92, 0xfe);
    ck_assert_int_eq(a20, 1);
    ck_assert_uint_eq(bench_in(&bench, 0x92), 0x02);
    ck_assert_int_eq(resets, 0);
    bench_out(&bench, 0x92, 0x03);
    ck_assert_int_eq(resets, 1);
    bench_out(&bench, 0x92, 0x03); /* only the rise resets */
    ck_assert_int_eq(resets, 1);
    port92_a20_changed(&p, false);
    ck_assert_int_eq(a20, 1);
    ck_assert_uint_eq(bench_in(&bench, 0x92), 0x01);
    port92_reset(&p);
    ck_assert_uint_eq(bench_in(&bench, 0x92), 0x02);
}
END_TEST

START_TEST(debugcon_write_and_probe) {
    struct Debugcon d;

    debugcon_init(&d, (struct CharBackend){.write = on_write});
    ck_assert_int_eq(debugcon_map(&d, bench.bus, DEBUGCON_PORT), 0);
    ck_assert_uint_eq(bench_in(&bench, 0xe9), 0xe9);
    bench_out(&bench, 0xe9, 'o');
    bench_out(&bench, 0xe9, 'k');
    ck_assert_uint_eq(text_len, 2);
    ck_assert_int_eq(memcmp(text, "ok", 2), 0);
    debugcon_init(&d, (struct CharBackend){0}); /* nobody listens */
    bench_out(&bench, 0xe9, 'x');
    ck_assert_uint_eq(text_len, 2);
}
END_TEST

START_TEST(debug_exit_codes) {
    struct IsaDebugExit d;

    isa_debug_exit_init(&d, on_exit_code, NULL);
    ck_assert_int_eq(isa_debug_exit_map(&d, bench.bus, 0xf4, 0), -EINVAL);
    ck_assert_int_eq(isa_debug_exit_map(&d, bench.bus, 0xf4, 5), -EINVAL);
    ck_assert_int_eq(isa_debug_exit_map(&d, bench.bus, ISA_DEBUG_EXIT_IOBASE, ISA_DEBUG_EXIT_IOSIZE), 0);
    bench_out(&bench, 0xf4, 0);
    ck_assert_uint_eq(exit_code, 1);
    bench_out(&bench, 0xf4, 0x10);
    ck_assert_uint_eq(exit_code, 0x21);
    bus_port_write(bench.bus, 0xf4, 0x12345678, 4);
    ck_assert_uint_eq(exit_code, 0x2468acf1);
    ck_assert_int_eq(exits, 3); /* one access, one exit */
    ck_assert_uint_eq(bench_in(&bench, 0xf4), 0);
}
END_TEST

START_TEST(debug_exit_elsewhere) {
    struct IsaDebugExit d;

    isa_debug_exit_init(&d, on_exit_code, NULL);
    ck_assert_int_eq(isa_debug_exit_map(&d, bench.bus, 0x501, 2), 0);
    bench_out(&bench, 0xf4, 3);
    ck_assert_int_eq(exits, 0);
    bus_port_write(bench.bus, 0x501, 0x0101, 2);
    ck_assert_uint_eq(exit_code, 0x203);
}
END_TEST

static uint32_t reported;
static unsigned reports;
static void on_report(void *opaque, uint32_t event) {
    (void)opaque;
    reported = event;
    reports++;
}

START_TEST(pvpanic_events) {
    static const struct {
        uint8_t events, value;
        uint32_t reported;
    } cases[] = {{3, 1, 1},    {3, 2, 2}, {3, 3, 1}, {3, 0, 0}, {3, 0xfc, 0},
                 {3, 0xfe, 2}, {1, 2, 0}, {1, 3, 1}, {2, 1, 0}};
    struct Pvpanic p = {0};
    pvpanic_init(&p, 3, on_report, NULL);
    ck_assert_int_eq(pvpanic_map(&p, bench.bus, PVPANIC_IOPORT), 0);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pvpanic_init(&p, cases[i].events, on_report, NULL);
        ck_assert_uint_eq(bench_in(&bench, 0x505), cases[i].events);
        reported = reports = 0;
        bench_out(&bench, 0x505, cases[i].value);
        ck_assert_msg(reported == cases[i].reported && reports == (reported != 0), "case %u: %u", i, reported);
    }
    ck_assert_uint_eq(bench_in(&bench, 0x504), 0xff);
    ck_assert_uint_eq(bench_in(&bench, 0x506), 0xff);
}
END_TEST

START_TEST(dma_registers) {
    struct Dma d;

    dma_init(&d);
    ck_assert_int_eq(dma_map(&d, bench.bus), 0);
    bench_out(&bench, 0x0c, 0); /* flip-flop to the low byte */
    bench_out(&bench, 0x04, 0x34);
    bench_out(&bench, 0x04, 0x12);
    ck_assert_uint_eq(bench_in(&bench, 0x04), 0x34);
    ck_assert_uint_eq(bench_in(&bench, 0x04), 0x12);
    bench_out(&bench, 0xd8, 0);
    bench_out(&bench, 0xc6, 0xcd);
    bench_out(&bench, 0xc6, 0xab);
    ck_assert_uint_eq(bench_in(&bench, 0xc6), 0xcd);
    ck_assert_uint_eq(bench_in(&bench, 0xc6), 0xab);
    ck_assert_uint_eq(bench_in(&bench, 0x08), 0x00);
    ck_assert_uint_eq(bench_in(&bench, 0x0f), 0xff);
    bench_out(&bench, 0x0a, 0x02);
    ck_assert_uint_eq(bench_in(&bench, 0x0f), 0xfb);
    bench_out(&bench, 0x0d, 0);
    ck_assert_uint_eq(bench_in(&bench, 0x0f), 0xff);
    bench_out(&bench, 0x81, 0x5a);
    ck_assert_uint_eq(bench_in(&bench, 0x81), 0x5a);
    for (unsigned port = 0; port < 0x10; port++)
        bench_out(&bench, port, 0xff);
    for (unsigned port = 0xc0; port < 0xe0; port++)
        bench_out(&bench, port, 0xff);
}
END_TEST

static uint32_t levels; /* of pc-testdev's lines */

static void on_line(void *opaque, int line, bool level) {
    (void)opaque;
    levels = level ? levels | 1u << line : levels & ~(1u << line);
}

START_TEST(pc_testdev_ports_and_memory) {
    static struct PcTestdev t;
    uint64_t v = 0x1122334455667788;

    pc_testdev_init(&t);
    for (int i = 0; i < PC_TESTDEV_LINES; i++)
        t.line[i] = (struct IrqWire){on_line, NULL, i};
    ck_assert_int_eq(pc_testdev_map(&t, bench.bus), 0);

    bus_port_write(bench.bus, 0xe0, 0xdeadbeef, 4);
    ck_assert_uint_eq(bus_port_read(bench.bus, 0xe0, 4), 0xdeadbeef);
    ck_assert_uint_eq(bus_port_read(bench.bus, 0xe2, 2), 0xdead);
    bus_port_write(bench.bus, 0xe1, 0x55, 1);
    ck_assert_uint_eq(bus_port_read(bench.bus, 0xe8, 4), 0xdead55ef); /* the same bytes */
    bus_port_write(bench.bus, 0xe8, 0x12345678, 4);
    ck_assert_uint_eq(bus_port_read(bench.bus, 0xe0, 4), 0x12345678);
    bus_port_write(bench.bus, 0xe4, 0x1000, 4);
    ck_assert_uint_eq(bus_port_read(bench.bus, 0xe4, 4), 0);

    for (unsigned i = 0; i < PC_TESTDEV_LINES; i++) {
        bench_out(&bench, (uint16_t)(0x2000 + i), (uint8_t)(i + 1));
        ck_assert_uint_eq(levels, 1u << i);
        bench_out(&bench, (uint16_t)(0x2000 + i), 0);
        ck_assert_uint_eq(levels, 0);
    }
    ck_assert_uint_eq(bench_in(&bench, 0x2018), 0xff);

    for (uint64_t at = PC_TESTDEV_BASE; at < PC_TESTDEV_BASE + PC_TESTDEV_MEMORY; at += 0xfff8)
        bus_write(bench.bus, at, &v, 8);
    ck_assert_uint_eq(bus_read_uint(bench.bus, PC_TESTDEV_BASE + 0xfff8, 8), v);
    ck_assert_uint_eq(bus_read_uint(bench.bus, PC_TESTDEV_BASE + 3, 4), 0x22334455);
    ck_assert_uint_eq(bus_read_uint(bench.bus, PC_TESTDEV_BASE + 0xffff, 1), 0x11);

    bench_out(&bench, 0x2009, 1);
    pc_testdev_reset(&t);
    ck_assert_uint_eq(levels, 0);
    ck_assert_uint_eq(bus_port_read(bench.bus, 0xe0, 4), 0);
    ck_assert_uint_eq(bus_read_uint(bench.bus, PC_TESTDEV_BASE, 8), 0);
}
END_TEST

Suite *isa_ports_suite(void) {
    Suite *s = suite_create("isa_ports");
    TCase *tc = tcase_create("ports");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, port92_a20_and_reset);
    tcase_add_test(tc, debugcon_write_and_probe);
    tcase_add_test(tc, debug_exit_codes);
    tcase_add_test(tc, debug_exit_elsewhere);
    tcase_add_test(tc, pvpanic_events);
    tcase_add_test(tc, dma_registers);
    tcase_add_test(tc, pc_testdev_ports_and_memory);
    suite_add_tcase(s, tc);
    return s;
}
