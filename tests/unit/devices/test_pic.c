/* SPDX-License-Identifier: MIT */
/* 8259A pair against the data sheet. */
#include "devices/pic.h"

#include "tests/unit/devices/device_bench.h"
#include "tests/unit/suites.h"

static struct DeviceBench bench;
static struct WireLog intr;
static struct Pic pic;

static uint8_t in(uint16_t port) { return bench_in(&bench, port); }
static void out(uint16_t port, uint8_t v) { bench_out(&bench, port, v); }
static void irq(int line, bool level) { pic_set_irq(&pic, line, level); }

static void pulse(int line) {
    irq(line, false);
    irq(line, true);
}

/* The PC's usual initialization with the given ICW4s, all lines open. */
static void program(uint8_t master_icw4, uint8_t slave_icw4) {
    out(0x20, 0x11);
    out(0x21, 0x20);
    out(0x21, 0x04);
    out(0x21, master_icw4);
    out(0xa0, 0x11);
    out(0xa1, 0x28);
    out(0xa1, 0x02);
    out(0xa1, slave_icw4);
    out(0x21, 0x00);
    out(0xa1, 0x00);
}

static void setup(void) {
    bench_open(&bench);
    intr = (struct WireLog){0};
    pic_init(&pic, wire_to(&intr));
    ck_assert_int_eq(pic_map(&pic, bench.bus), 0);
    program(0x01, 0x01);
}

static void teardown(void) { bench_close(&bench); }

static uint8_t isr(uint16_t port) {
    out(port, 0x0b);
    return in(port);
}

static uint8_t irr(uint16_t port) {
    out(port, 0x0a);
    return in(port);
}

START_TEST(initialization) {
    out(0x21, 0xfb);
    ck_assert_uint_eq(in(0x21), 0xfb);
    out(0x20, 0x11); /* ICW1 clears the mask */
    ck_assert_uint_eq(in(0x21), 0x00);
    out(0x21, 0x47); /* the low bits of the vector base are ignored */
    out(0x21, 0x04);
    out(0x21, 0x01);
    out(0x21, 0xfe);
    ck_assert_uint_eq(in(0x21), 0xfe);
    pulse(0);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x40);
}
END_TEST

START_TEST(short_initialization_sequences) {
    out(0x20, 0x10); /* no ICW4 */
    out(0x21, 0x30);
    out(0x21, 0x04);
    out(0x21, 0xa5);
    ck_assert_uint_eq(in(0x21), 0xa5);
    out(0x20, 0x13); /* single: no ICW3 */
    out(0x21, 0x30);
    out(0x21, 0x01);
    out(0x21, 0x5a);
    ck_assert_uint_eq(in(0x21), 0x5a);
    out(0x20, 0x12); /* neither */
    out(0x21, 0x30);
    out(0x21, 0x3c);
    ck_assert_uint_eq(in(0x21), 0x3c);
}
END_TEST

START_TEST(masked_until_initialized) {
    pic_reset(&pic);
    pulse(0);
    ck_assert(!pic_pending(&pic));
}
END_TEST

START_TEST(edge_request) {
    irq(4, true);
    ck_assert(intr.level);
    ck_assert_uint_eq(irr(0x20), 0x10);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x24);
    ck_assert(!intr.level);
    ck_assert_uint_eq(irr(0x20), 0x00);
    ck_assert_uint_eq(isr(0x20), 0x10);
    out(0x20, 0x20);
    ck_assert_uint_eq(isr(0x20), 0x00);
    ck_assert(!intr.level); /* still high, but no new edge */
    pulse(4);
    ck_assert(intr.level);
}
END_TEST

START_TEST(fixed_priority) {
    pulse(7);
    pulse(3);
    pulse(1);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x21);
    ck_assert(!intr.level); /* 3 and 7 wait for the EOI */
    pulse(0);
    ck_assert(intr.level); /* a higher level nests */
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x20);
    ck_assert_uint_eq(isr(0x20), 0x03);
    out(0x20, 0x20); /* non-specific: the highest in service */
    ck_assert_uint_eq(isr(0x20), 0x02);
    out(0x20, 0x20);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x23);
    out(0x20, 0x63); /* specific EOI of 3 */
    ck_assert_uint_eq(isr(0x20), 0x00);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x27);
}
END_TEST

START_TEST(mask_register) {
    out(0x21, 0x10);
    pulse(4);
    ck_assert(!intr.level);
    ck_assert_uint_eq(irr(0x20), 0x10); /* requested all the same */
    out(0x21, 0x00);
    ck_assert(intr.level);
    out(0x21, 0x10);
    ck_assert(!intr.level);
}
END_TEST

START_TEST(cascade) {
    irq(12, true);
    ck_assert_uint_eq(irr(0x20), 0x04);
    ck_assert_uint_eq(irr(0xa0), 0x10);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x2c);
    ck_assert_uint_eq(isr(0x20), 0x04);
    ck_assert_uint_eq(isr(0xa0), 0x10);
    pulse(8); /* higher within the slave, but IR2 is in service */
    ck_assert(!intr.level);
    pulse(1);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x21);
    out(0x20, 0x20);
    out(0xa0, 0x20);
    out(0x20, 0x20);
    ck_assert(intr.level);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x28);
}
END_TEST

START_TEST(cascade_line_is_not_for_devices) {
    irq(2, true);
    irq(16, true);
    irq(-1, true);
    ck_assert(!intr.level);
}
END_TEST

START_TEST(two_slave_requests_both_arrive) {
    pulse(14);
    pulse(15);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x2e);
    out(0xa0, 0x20);
    out(0x20, 0x20);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x2f);
    out(0xa0, 0x20);
    out(0x20, 0x20);
    ck_assert(!intr.level);
}
END_TEST

START_TEST(spurious_master) {
    irq(5, true);
    irq(5, false); /* withdrawn before INTA */
    ck_assert(!intr.level);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x27);
    ck_assert_uint_eq(isr(0x20), 0x00); /* no ISR bit: that is how handlers tell */
}
END_TEST

START_TEST(spurious_slave) {
    irq(9, true);
    out(0xa1, 0x00);
    pic.state.chip[1].imr = 0x02; /* masked between INT and INTA */
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x2f);
    ck_assert_uint_eq(isr(0xa0), 0x00);
    ck_assert_uint_eq(isr(0x20), 0x04); /* the master knows of no error: needs its EOI */
}
END_TEST

START_TEST(level_triggered) {
    out(0x4d0, 0xff);
    out(0x4d1, 0xff);
    ck_assert_uint_eq(in(0x4d0), 0xf8); /* system lines stay edge-triggered */
    ck_assert_uint_eq(in(0x4d1), 0xde);
    irq(11, true);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x2b);
    ck_assert_uint_eq(irr(0xa0), 0x08); /* the request stands while the line is high */
    out(0xa0, 0x20);
    out(0x20, 0x20);
    ck_assert(intr.level);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x2b);
    irq(11, false);
    out(0xa0, 0x20);
    out(0x20, 0x20);
    ck_assert(!intr.level);
}
END_TEST

START_TEST(auto_eoi) {
    program(0x03, 0x03);
    pulse(5);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x25);
    ck_assert_uint_eq(isr(0x20), 0x00);
    pulse(10);
    pulse(11);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x2a);
    ck_assert(intr.level); /* the slave's next request is a new edge on IR2 */
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x2b);
    ck_assert(!intr.level);
}
END_TEST

START_TEST(rotation) {
    out(0x20, 0xc3); /* set priority: 3 lowest, so 4 highest */
    pulse(0);
    pulse(4);
    pulse(3);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x24);
    out(0x20, 0xa0); /* rotate on non-specific EOI: 4 becomes lowest */
    pulse(4);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x20);
    out(0x20, 0xe0); /* rotate on specific EOI of 0 */
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x23);
    out(0x20, 0x20);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x24);
}
END_TEST

START_TEST(rotation_with_auto_eoi) {
    program(0x03, 0x01);
    out(0x20, 0x80);
    pulse(3);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x23);
    pulse(3);
    pulse(4);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x24);
    out(0x20, 0x00); /* and no more: 4 stays lowest */
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x23);
    pulse(3);
    pulse(4);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x23);
}
END_TEST

START_TEST(special_mask_mode) {
    pulse(1);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x21);
    pulse(6);
    ck_assert(!intr.level);
    out(0x21, 0x02);
    ck_assert(!intr.level); /* masking alone does not help */
    out(0x20, 0x68);        /* special mask mode: a masked level in service no longer blocks */
    ck_assert(intr.level);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x26);
    out(0x20, 0x20); /* ends 6: the masked 1 is not seen */
    ck_assert_uint_eq(isr(0x20), 0x02);
    out(0x20, 0x48); /* back to normal */
    pulse(6);
    ck_assert(!intr.level);
}
END_TEST

START_TEST(special_fully_nested_mode) {
    program(0x11, 0x01);
    pulse(12);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x2c);
    pulse(13);
    ck_assert(!intr.level); /* lower in the slave */
    pulse(9);
    ck_assert(intr.level); /* higher in the slave gets through */
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x29);
    ck_assert_uint_eq(isr(0xa0), 0x12);
    pulse(3);
    ck_assert(!intr.level);
}
END_TEST

START_TEST(poll_command) {
    out(0x20, 0x0c);
    ck_assert_uint_eq(in(0x20) & 0x80, 0); /* nothing to serve */
    pulse(6);
    out(0x20, 0x0c);
    ck_assert_uint_eq(in(0x20), 0x86);
    ck_assert(!intr.level);
    ck_assert_uint_eq(isr(0x20), 0x40);
    out(0x20, 0x20);
    pulse(13);
    out(0x20, 0x0c);
    ck_assert_uint_eq(in(0x20), 0x82);
    out(0xa0, 0x0c);
    ck_assert_uint_eq(in(0xa0), 0x85);
    ck_assert_uint_eq(isr(0xa0), 0x20);
    out(0xa0, 0x20);
    out(0x20, 0x20);
    ck_assert(!intr.level);
}
END_TEST

START_TEST(register_select_is_remembered) {
    pulse(4);
    pic_acknowledge(&pic);
    out(0x20, 0x0b);
    ck_assert_uint_eq(in(0x20), 0x10);
    ck_assert_uint_eq(in(0x20), 0x10);
    out(0x20, 0x08); /* no RR: the selection stays */
    ck_assert_uint_eq(in(0x20), 0x10);
    out(0x20, 0x0a);
    ck_assert_uint_eq(in(0x20), 0x00);
}
END_TEST

START_TEST(icw1_forgets_edges) {
    irq(3, true);
    program(0x01, 0x01);
    ck_assert(!intr.level);
    irq(3, true); /* no edge */
    ck_assert(!intr.level);
    pulse(3);
    ck_assert(intr.level);
}
END_TEST

Suite *pic_suite(void) {
    Suite *s = suite_create("pic");
    TCase *tc = tcase_create("8259A");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, initialization);
    tcase_add_test(tc, short_initialization_sequences);
    tcase_add_test(tc, masked_until_initialized);
    tcase_add_test(tc, edge_request);
    tcase_add_test(tc, fixed_priority);
    tcase_add_test(tc, mask_register);
    tcase_add_test(tc, cascade);
    tcase_add_test(tc, cascade_line_is_not_for_devices);
    tcase_add_test(tc, two_slave_requests_both_arrive);
    tcase_add_test(tc, spurious_master);
    tcase_add_test(tc, spurious_slave);
    tcase_add_test(tc, level_triggered);
    tcase_add_test(tc, auto_eoi);
    tcase_add_test(tc, rotation);
    tcase_add_test(tc, rotation_with_auto_eoi);
    tcase_add_test(tc, special_mask_mode);
    tcase_add_test(tc, special_fully_nested_mode);
    tcase_add_test(tc, poll_command);
    tcase_add_test(tc, register_select_is_remembered);
    tcase_add_test(tc, icw1_forgets_edges);
    suite_add_tcase(s, tc);
    return s;
}
