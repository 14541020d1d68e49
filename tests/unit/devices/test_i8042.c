/* SPDX-License-Identifier: MIT */
/* 8042 keyboard controller and AT keyboard. */
#include "devices/input/i8042.h"

#include "tests/unit/devices/device_bench.h"
#include "tests/unit/suites.h"

enum { KEY_A = 0x1e, KEY_RIGHT_CTRL = 0xe01d, KEY_F7 = 0x41 };

static struct DeviceBench bench;
static struct WireLog irq, mouse_irq;
static struct I8042 kbc;
static int a20, a20_calls, resets;

static void on_a20(void *opaque, bool enabled) {
    (void)opaque;
    a20 = enabled;
    a20_calls++;
}

static void on_reset(void *opaque) {
    (void)opaque;
    resets++;
}

static void setup(void) {
    bench_open(&bench);
    irq = mouse_irq = (struct WireLog){0};
    a20 = -1;
    a20_calls = resets = 0;
    i8042_init(&kbc, bench.clock, wire_to(&irq), wire_to(&mouse_irq),
               (struct I8042Lines){.set_a20 = on_a20, .reset = on_reset});
    ck_assert_int_eq(i8042_map(&kbc, bench.bus, 0x60), 0);
}

static void teardown(void) { bench_close(&bench); }

static uint8_t data(void) { return bench_in(&bench, 0x60); }
static uint8_t status(void) { return bench_in(&bench, 0x64); }
static void command(uint8_t c) { bench_out(&bench, 0x64, c); }
static void to_kbd(uint8_t v) { bench_out(&bench, 0x60, v); }

static void set_ccb(uint8_t v) {
    command(0x60);
    bench_out(&bench, 0x60, v);
}

static void expect_bytes(const uint8_t *bytes, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        ck_assert_msg(status() & 1, "byte %u is missing", i);
        ck_assert_uint_eq(data(), bytes[i]);
    }
    ck_assert_uint_eq(status() & 1, 0);
}
#define EXPECT(...) expect_bytes((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

START_TEST(initial_state) {
    ck_assert_uint_eq(status(), 0x14);
    ck_assert(!irq.level);
    ck_assert_int_eq(a20_calls, 0);
    command(0x20);
    EXPECT(0x65);
}
END_TEST

START_TEST(controller_tests) {
    command(0xaa);
    ck_assert_uint_eq(status() & 0x0d, 0x0d); /* OBF, SYS, last write was a command */
    EXPECT(0x55);
    command(0xab);
    EXPECT(0x00);
    command(0xa4);
    EXPECT(0xf1);
}
END_TEST

START_TEST(controller_ram) {
    set_ccb(0x30);
    command(0x20);
    EXPECT(0x30);
    ck_assert_uint_eq(status() & 0x04, 0); /* SYS follows the command byte */
    command(0x7f);
    bench_out(&bench, 0x60, 0xab);
    ck_assert_uint_eq(status() & 0x08, 0); /* last write was data */
    command(0x3f);
    EXPECT(0xab);
}
END_TEST

START_TEST(interface_enable) {
    command(0xad);
    i8042_key_event(&kbc, KEY_A, true);
    ck_assert_uint_eq(status() & 1, 0); /* held in the keyboard */
    command(0x20);
    EXPECT(0x75);
    command(0xae);
    EXPECT(0x1e);
}
END_TEST

/* Bytes from the mouse: bit 5 of the status says so. */
static void expect_from_mouse(const uint8_t *bytes, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        ck_assert_msg((status() & 0x21) == 0x21, "byte %u is missing", i);
        ck_assert_uint_eq(data(), bytes[i]);
    }
    ck_assert_uint_eq(status() & 0x21, 0);
}
#define FROM_MOUSE(...) expect_from_mouse((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void to_mouse(uint8_t v) {
    command(0xd4);
    bench_out(&bench, 0x60, v);
}

START_TEST(auxiliary_port) {
    command(0xa9);
    ck_assert_uint_eq(status() & 0x21, 0x01);
    EXPECT(0x00);
    command(0xd3);
    bench_out(&bench, 0x60, 0x5a);
    FROM_MOUSE(0x5a);
    command(0xa8);
    command(0x20);
    EXPECT(0x45);
    set_ccb(0x47);
    to_mouse(0xf2);
    ck_assert(mouse_irq.level && !irq.level);
    command(0xd0);
    ck_assert_uint_eq(data() & 0x30, 0x20); /* IRQ 12's line, as it was */
    FROM_MOUSE(0xfa, 0x00);
    ck_assert(!mouse_irq.level);
    ck_assert_uint_eq(mouse_irq.rises, 3);
    command(0xa7);
    to_mouse(0xf2);
    ck_assert_uint_eq(status() & 1, 0); /* what it says waits */
    command(0xa8);
    FROM_MOUSE(0xfa, 0x00);
}
END_TEST

/* Neither's bytes are lost or taken for the other's. */
START_TEST(keyboard_and_mouse_together) {
    set_ccb(0x47);
    to_mouse(0xf4);
    FROM_MOUSE(0xfa);
    i8042_key_event(&kbc, KEY_A, true);
    i8042_mouse_move(&kbc, 3, -2, 0);
    i8042_key_event(&kbc, KEY_A, false);
    ck_assert_uint_eq(status() & 0x21, 0x01);
    ck_assert_uint_eq(data(), 0x1e);
    ck_assert_uint_eq(data(), 0x9e);
    ck_assert_uint_eq(status() & 0x21, 0x21);
    command(0x20); /* before the report's first byte is read */
    ck_assert_uint_eq(data(), 0x47);
    FROM_MOUSE(0x28, 3, 0xfe);
}
END_TEST

START_TEST(mouse_commands) {
    set_ccb(0x47);
    to_mouse(0xff);
    FROM_MOUSE(0xfa, 0xaa, 0x00);
    to_mouse(0xe9);
    FROM_MOUSE(0xfa, 0x00, 2, 100);
    to_mouse(0xe8);
    FROM_MOUSE(0xfa);
    to_mouse(3);
    FROM_MOUSE(0xfa);
    to_mouse(0xe7);
    FROM_MOUSE(0xfa);
    to_mouse(0xf3);
    FROM_MOUSE(0xfa);
    to_mouse(40);
    FROM_MOUSE(0xfa);
    to_mouse(0xf4);
    FROM_MOUSE(0xfa);
    i8042_mouse_buttons(&kbc, PS2_LEFT | PS2_MIDDLE);
    FROM_MOUSE(0x0d, 0, 0);
    to_mouse(0xe9);
    FROM_MOUSE(0xfa, 0x36, 3, 40);
    to_mouse(0xf6);
    FROM_MOUSE(0xfa);
    to_mouse(0xe9);
    FROM_MOUSE(0xfa, 0x06, 2, 100);
    to_mouse(0xe8);
    FROM_MOUSE(0xfa);
    to_mouse(4); /* there is no such resolution */
    FROM_MOUSE(0xfe);
    to_mouse(0xe5);
    FROM_MOUSE(0xfe);
    to_mouse(0xfe);
    FROM_MOUSE(0xfe); /* once more */
    to_mouse(0xee);
    FROM_MOUSE(0xfa);
    to_mouse(0xf2), to_mouse(0x55);
    FROM_MOUSE(0xf2, 0x55);
    to_mouse(0xec);
    FROM_MOUSE(0xfa);
    to_mouse(0xf2);
    FROM_MOUSE(0xfa, 0);
}
END_TEST

START_TEST(mouse_reports) {
    set_ccb(0x47);
    i8042_mouse_move(&kbc, 5, 5, 0); /* nobody listens */
    to_mouse(0xf4);
    FROM_MOUSE(0xfa);
    i8042_mouse_move(&kbc, 300, -1, 0); /* more than a report has room for */
    FROM_MOUSE(0x28, 0xff, 0xff, 0x08, 45, 0);
    i8042_mouse_move(&kbc, 0, 0, 1); /* there is no wheel yet */
    ck_assert_uint_eq(status() & 1, 0);
    to_mouse(0xe7); /* 2:1 */
    FROM_MOUSE(0xfa);
    i8042_mouse_move(&kbc, 2, -5, 0);
    FROM_MOUSE(0x28, 1, 0xf7);
    i8042_mouse_move(&kbc, 6, 0, 0);
    FROM_MOUSE(0x08, 12, 0);
    to_mouse(0xf0); /* only when asked */
    FROM_MOUSE(0xfa);
    i8042_mouse_move(&kbc, 2, 2, 0);
    ck_assert_uint_eq(status() & 1, 0);
    to_mouse(0xeb);
    FROM_MOUSE(0xfa, 0x08, 2, 2);
}
END_TEST

static void set_rates(uint8_t a, uint8_t b, uint8_t c) {
    const uint8_t rates[] = {a, b, c};
    for (unsigned i = 0; i < 3; i++) {
        to_mouse(0xf3);
        FROM_MOUSE(0xfa);
        to_mouse(rates[i]);
        FROM_MOUSE(0xfa);
    }
}

START_TEST(mouse_with_wheel) {
    set_ccb(0x47);
    set_rates(200, 100, 80);
    to_mouse(0xf2);
    FROM_MOUSE(0xfa, 3);
    to_mouse(0xf4);
    FROM_MOUSE(0xfa);
    i8042_mouse_move(&kbc, 1, 2, -1);
    FROM_MOUSE(0x08, 1, 2, 0xff);
    i8042_mouse_buttons(&kbc, PS2_SIDE); /* it has three */
    ck_assert_uint_eq(status() & 1, 0);
    set_rates(200, 200, 80);
    to_mouse(0xf2);
    FROM_MOUSE(0xfa, 4);
    i8042_mouse_buttons(&kbc, PS2_EXTRA | PS2_RIGHT);
    FROM_MOUSE(0x0a, 0, 0, 0x20);
    i8042_mouse_move(&kbc, 0, 0, 9);
    FROM_MOUSE(0x0a, 0, 0, 0x27, 0x0a, 0, 0, 0x22);
}
END_TEST

/* 500 ms, then 10.9 times a second, as it is after a reset; as F3h says. */
START_TEST(held_keys_repeat) {
    i8042_key_event(&kbc, KEY_A, true);
    EXPECT(0x1e);
    bench_run(&bench, 499000000);
    ck_assert_uint_eq(status() & 1, 0);
    bench_run(&bench, 1000000);
    EXPECT(0x1e);
    bench_run(&bench, 91000000);
    ck_assert_uint_eq(status() & 1, 0);
    bench_run(&bench, 1000000);
    EXPECT(0x1e);
    i8042_key_event(&kbc, KEY_A, false);
    EXPECT(0x9e);
    bench_run(&bench, NS_PER_SEC);
    ck_assert_uint_eq(status() & 1, 0);
    to_kbd(0xf3);
    EXPECT(0xfa);
    to_kbd(0x00); /* 250 ms, 30 a second */
    EXPECT(0xfa);
    i8042_key_event(&kbc, KEY_A, true);
    i8042_key_event(&kbc, KEY_F7, true); /* the newer one */
    EXPECT(0x1e, 0x41);
    i8042_key_event(&kbc, KEY_A, false);
    EXPECT(0x9e);
    bench_run(&bench, 250000000);
    EXPECT(0x41);
    for (unsigned i = 0; i < 30; i++) {
        bench_run(&bench, 33333334);
        EXPECT(0x41);
    }
    bench_run(&bench, NS_PER_SEC); /* nobody reads: one waits, no more */
    EXPECT(0x41);
    to_kbd(0xff); /* a reset ends it */
    EXPECT(0xfa, 0xaa);
    bench_run(&bench, NS_PER_SEC);
    ck_assert_uint_eq(status() & 1, 0);
}
END_TEST

START_TEST(output_port_a20) {
    command(0xd0);
    ck_assert_uint_eq(data() & 0x03, 0x03);
    command(0xd1);
    bench_out(&bench, 0x60, 0xdd);
    ck_assert_int_eq(a20, 0);
    command(0xd0);
    ck_assert_uint_eq(data() & 0x03, 0x01);
    command(0xd1);
    bench_out(&bench, 0x60, 0xdf);
    ck_assert_int_eq(a20, 1);
    command(0xdd);
    ck_assert_int_eq(a20, 0);
    command(0xdf);
    ck_assert_int_eq(a20, 1);
    i8042_a20_changed(&kbc, false);
    ck_assert_int_eq(a20, 1); /* calls nothing */
    command(0xd0);
    ck_assert_uint_eq(data() & 0x02, 0);
    ck_assert_int_eq(resets, 0);
}
END_TEST

START_TEST(reset_pulse) {
    command(0xfe);
    ck_assert_int_eq(resets, 1);
    command(0xff); /* pulses nothing */
    command(0xf1);
    ck_assert_int_eq(resets, 1);
    command(0xf0);
    ck_assert_int_eq(resets, 2);
    command(0xd1);
    bench_out(&bench, 0x60, 0xde);
    ck_assert_int_eq(resets, 3);
}
END_TEST

START_TEST(interrupts) {
    i8042_key_event(&kbc, KEY_A, true);
    i8042_key_event(&kbc, KEY_A, false);
    ck_assert(irq.level);
    ck_assert_uint_eq(irq.rises, 1);
    ck_assert_uint_eq(data(), 0x1e);
    ck_assert_uint_eq(irq.rises, 2); /* an edge for each byte */
    ck_assert_uint_eq(data(), 0x9e);
    ck_assert(!irq.level);
    set_ccb(0x44); /* interrupt off */
    i8042_key_event(&kbc, KEY_A, true);
    ck_assert(!irq.level);
    set_ccb(0x45);
    ck_assert(irq.level);
}
END_TEST

START_TEST(keys_translated) {
    i8042_key_event(&kbc, KEY_RIGHT_CTRL, true);
    EXPECT(0xe0, 0x1d);
    i8042_key_event(&kbc, KEY_RIGHT_CTRL, false);
    EXPECT(0xe0, 0x9d);
    i8042_key_event(&kbc, KEY_F7, true);
    i8042_key_event(&kbc, KEY_F7, false);
    EXPECT(0x41, 0xc1);
    i8042_key_event(&kbc, KEY_PAUSE, true);
    i8042_key_event(&kbc, KEY_PAUSE, false);
    EXPECT(0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5);
}
END_TEST

/* Translating set 2 gives every set 1 code back. */
START_TEST(every_key_translates_back) {
    for (unsigned key = 1; key < 0x80; key++) {
        i8042_key_event(&kbc, key, true);
        i8042_key_event(&kbc, key, false);
        EXPECT(key, 0x80 | key);
    }
}
END_TEST

START_TEST(keys_in_set_2) {
    set_ccb(0x05);
    i8042_key_event(&kbc, KEY_A, true);
    i8042_key_event(&kbc, KEY_A, false);
    EXPECT(0x1c, 0xf0, 0x1c);
    i8042_key_event(&kbc, 0xe048, true); /* cursor up */
    i8042_key_event(&kbc, 0xe048, false);
    EXPECT(0xe0, 0x75, 0xe0, 0xf0, 0x75);
    i8042_key_event(&kbc, KEY_F7, true);
    EXPECT(0x83);
    i8042_key_event(&kbc, KEY_PAUSE, true);
    EXPECT(0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77);
}
END_TEST

START_TEST(keys_in_set_1) {
    set_ccb(0x05);
    to_kbd(0xf0);
    EXPECT(0xfa);
    to_kbd(0x01);
    EXPECT(0xfa);
    i8042_key_event(&kbc, KEY_A, true);
    i8042_key_event(&kbc, 0xe048, false);
    EXPECT(0x1e, 0xe0, 0xc8);
    to_kbd(0xf0);
    EXPECT(0xfa);
    to_kbd(0x00);
    EXPECT(0xfa, 0x01);
}
END_TEST

START_TEST(keyboard_commands) {
    set_ccb(0x05);
    to_kbd(0xff);
    EXPECT(0xfa, 0xaa);
    to_kbd(0xf2);
    EXPECT(0xfa, 0xab, 0x83);
    to_kbd(0xee);
    EXPECT(0xee);
    to_kbd(0xed);
    EXPECT(0xfa);
    to_kbd(0x07);
    EXPECT(0xfa);
    ck_assert_uint_eq(kbc.state.kbd.leds, 7);
    to_kbd(0xf3);
    EXPECT(0xfa);
    to_kbd(0x20);
    EXPECT(0xfa);
    to_kbd(0xfe);
    EXPECT(0xfa); /* resend */
    to_kbd(0xf0);
    EXPECT(0xfa);
    to_kbd(0x03);
    EXPECT(0xfe); /* no set 3 */
    to_kbd(0x12);
    EXPECT(0xfe); /* no such command */
    to_kbd(0xed);
    EXPECT(0xfa);
    to_kbd(0xf4); /* a command instead of the parameter */
    EXPECT(0xfa);
}
END_TEST

START_TEST(identify_translated) {
    to_kbd(0xf2);
    EXPECT(0xfa, 0xab, 0x41);
}
END_TEST

START_TEST(disable_scanning) {
    to_kbd(0xf5);
    EXPECT(0xfa);
    i8042_key_event(&kbc, KEY_A, true);
    ck_assert_uint_eq(status() & 1, 0);
    to_kbd(0xf4);
    EXPECT(0xfa);
    i8042_key_event(&kbc, KEY_A, true);
    EXPECT(0x1e);
}
END_TEST

START_TEST(sending_enables_the_interface) {
    command(0xad);
    to_kbd(0xee);
    EXPECT(0xee);
    command(0x20);
    EXPECT(0x65);
}
END_TEST

START_TEST(answers_do_not_lose_keys) {
    i8042_key_event(&kbc, KEY_A, true);
    i8042_key_event(&kbc, KEY_A, false);
    data();
    command(0x20); /* while the release sits in the output buffer */
    EXPECT(0x65, 0x9e);
}
END_TEST

START_TEST(write_keyboard_buffer) {
    command(0xd2);
    bench_out(&bench, 0x60, 0x77);
    ck_assert(irq.level);
    EXPECT(0x77);
}
END_TEST

START_TEST(overrun) {
    unsigned n = 0;
    uint8_t last = 0;

    for (int i = 0; i < 100; i++)
        i8042_key_event(&kbc, KEY_A, true);
    while (status() & 1) {
        last = data();
        n++;
    }
    ck_assert_uint_le(n, KBD_QUEUE_SIZE + 1);
    ck_assert_uint_eq(last, 0xff);
    i8042_key_event(&kbc, KEY_A, false);
    EXPECT(0x9e); /* and on it goes */
}
END_TEST

START_TEST(strange_keys_are_ignored) {
    static const unsigned keys[] = {0, 0x80, 0xff, 0x100, 0xe000, 0xe080, 0xffffffff, 0xe11e};

    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        i8042_key_event(&kbc, keys[i], true);
    ck_assert_uint_eq(status() & 1, 0);
}
END_TEST

START_TEST(any_guest_writes_are_survived) {
    uint32_t x = 1;

    for (unsigned i = 0; i < suite_rounds(100000); i++) {
        x = x * 1664525 + 1013904223;
        if (x & 0x10000)
            bench_out(&bench, x & 0x20000 ? 0x60 : 0x64, x >> 24);
        else if (x & 0x20000)
            data();
        else if (x & 0x80000)
            i8042_mouse_move(&kbc, (int)(x >> 20), -(int)(x >> 24), (int)(x >> 28) - 8);
        else
            i8042_key_event(&kbc, x >> 24 & 0x7f, x & 0x40000);
        ck_assert_uint_le(kbc.state.kbd.count, KBD_QUEUE_SIZE);
    }
}
END_TEST

Suite *i8042_suite(void) {
    Suite *s = suite_create("i8042");
    TCase *tc = tcase_create("8042");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, initial_state);
    tcase_add_test(tc, controller_tests);
    tcase_add_test(tc, controller_ram);
    tcase_add_test(tc, interface_enable);
    tcase_add_test(tc, auxiliary_port);
    tcase_add_test(tc, keyboard_and_mouse_together);
    tcase_add_test(tc, mouse_commands);
    tcase_add_test(tc, mouse_reports);
    tcase_add_test(tc, mouse_with_wheel);
    tcase_add_test(tc, held_keys_repeat);
    tcase_add_test(tc, output_port_a20);
    tcase_add_test(tc, reset_pulse);
    tcase_add_test(tc, interrupts);
    tcase_add_test(tc, keys_translated);
    tcase_add_test(tc, every_key_translates_back);
    tcase_add_test(tc, keys_in_set_2);
    tcase_add_test(tc, keys_in_set_1);
    tcase_add_test(tc, keyboard_commands);
    tcase_add_test(tc, identify_translated);
    tcase_add_test(tc, disable_scanning);
    tcase_add_test(tc, sending_enables_the_interface);
    tcase_add_test(tc, answers_do_not_lose_keys);
    tcase_add_test(tc, write_keyboard_buffer);
    tcase_add_test(tc, overrun);
    tcase_add_test(tc, strange_keys_are_ignored);
    tcase_add_test(tc, any_guest_writes_are_survived);
    suite_add_tcase(s, tc);
    return s;
}
