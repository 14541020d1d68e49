/* SPDX-License-Identifier: MIT */
/* Names of keys, and what hands do on its way into a machine. */
#include "machine/machine.h"

#include "tests/unit/suites.h"

#include <errno.h>
#include <string.h>

static struct Machine *m;
static Twin86Machine *handle;

/* It stands still; the guest's time is set by hand. */
static void setup(void) {
    Twin86Config config;
    char why[200];
    twin86_config_init(&config);
    config.ram_size = 2 << 20;
    config.icount = true;
    ck_assert_int_eq(twin86_create(&handle, &config, why, sizeof(why)), 0);
    m = machine_of(handle);
    pthread_mutex_lock(&m->lock);
}

static void teardown(void) {
    pthread_mutex_unlock(&m->lock);
    twin86_destroy(handle);
}

static bool key_waits(void) { return (bus_port_read(m->bus, 0x64, 1) & 1) != 0; }
static unsigned read_key(void) { return bus_port_read(m->bus, 0x60, 1); }

static void pass(int64_t ms) {
    clock_advance_to(m->clock, clock_now(m->clock) + ms * 1000000);
    clock_run(m->clock);
}

/* QEMU's names; each is a key that the keyboard has, and says so in scan code set 1. */
START_TEST(names) {
    ck_assert_uint_eq(input_key_code("a"), 0x1e);
    ck_assert_uint_eq(input_key_code("ctrl_r"), 0xe01d);
    ck_assert_uint_eq(input_key_code("pgdn"), 0xe051);
    ck_assert_uint_eq(input_key_code("f12"), 0x58);
    ck_assert_uint_eq(input_key_code("A"), 0);
    ck_assert_uint_eq(input_key_code(""), 0);
    ck_assert_uint_eq(input_key_number(0x1e), 0x1e);
    ck_assert_uint_eq(input_key_number(0x9d), 0xe01d);
    ck_assert_uint_eq(input_key_number(0), 0);
    ck_assert_uint_eq(input_key_number(0x80), 0);
    ck_assert_uint_eq(input_key_number(0x11e), 0);
    for (unsigned i = 0; input_key_name(i) != NULL; i++) {
        uint16_t code = input_key_code(input_key_name(i));
        for (unsigned k = 0; k < i; k++)
            ck_assert_str_ne(input_key_name(k), input_key_name(i));
        i8042_key_event(&m->i8042, code, true);
        ck_assert_msg(key_waits(), "%s is no key", input_key_name(i));
        if (code == KEY_PAUSE) {
            while (key_waits())
                read_key();
            continue;
        }
        if (code > 0xff)
            ck_assert_uint_eq(read_key(), 0xe0);
        ck_assert_uint_eq(read_key(), code & 0xff);
        i8042_key_event(&m->i8042, code, false);
        while (key_waits())
            read_key();
    }
}
END_TEST

START_TEST(strokes_take_their_time) {
    const uint16_t keys[] = {0x1d, 0x1e};
    ck_assert_int_eq(input_press(m, keys, 2, 50), 0);
    ck_assert_int_eq(input_press(m, keys + 1, 1, 20), 0);
    ck_assert(!key_waits()); /* it is posted */
    loop_set_active(&m->loop, true);
    loop_run_posted(&m->loop);
    ck_assert_uint_eq(read_key(), 0x1d);
    ck_assert_uint_eq(read_key(), 0x1e);
    pass(49);
    ck_assert(!key_waits());
    pass(1);
    ck_assert_uint_eq(read_key(), 0x9e);
    ck_assert_uint_eq(read_key(), 0x9d);
    ck_assert(!key_waits());
    pass(50);
    ck_assert_uint_eq(read_key(), 0x1e);
    pass(20);
    ck_assert_uint_eq(read_key(), 0x9e);
    loop_set_active(&m->loop, false);
}
END_TEST

/* A guest that stands takes so much and no more; what waits is forgotten with another state. */
START_TEST(room) {
    struct InputEvent e[INPUT_QUEUE] = {{INPUT_KEY, 0x1e, 1}};
    ck_assert_int_eq(input_send(m, e, INPUT_QUEUE), 0);
    ck_assert_int_eq(input_send(m, e, 1), -ENOSPC);
    input_clear(m);
    ck_assert_int_eq(input_send(m, e, 1), 0);
    input_clear(m);
    loop_set_active(&m->loop, true);
    loop_run_posted(&m->loop);
    loop_set_active(&m->loop, false);
    ck_assert(!key_waits());
}
END_TEST

START_TEST(mouse) {
    const struct InputEvent e[] = {
        {INPUT_MOVE, 0, 4}, {INPUT_MOVE, 1, 3}, {INPUT_BUTTON, PS2_RIGHT, 1}, {INPUT_BUTTON, PS2_LEFT, 1}};
    bus_port_write(m->bus, 0x64, 0xa8, 1);
    bus_port_write(m->bus, 0x64, 0xd4, 1);
    bus_port_write(m->bus, 0x60, 0xf4, 1);
    ck_assert_uint_eq(read_key(), 0xfa);
    ck_assert_int_eq(input_send(m, e, 4), 0);
    loop_set_active(&m->loop, true);
    loop_run_posted(&m->loop);
    loop_set_active(&m->loop, false);
    static const uint8_t reports[] = {0x08, 4, 0, 0x2b, 0, 0xfd}; /* the first one was on its way */
    for (unsigned i = 0; i < sizeof(reports); i++)
        ck_assert_uint_eq(read_key(), reports[i]);
    ck_assert(!key_waits());
}
END_TEST

Suite *input_suite(void) {
    Suite *s = suite_create("input");
    TCase *t = tcase_create("input");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, names);
    tcase_add_test(t, strokes_take_their_time);
    tcase_add_test(t, room);
    tcase_add_test(t, mouse);
    suite_add_tcase(s, t);
    return s;
}
