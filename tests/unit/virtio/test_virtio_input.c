/* SPDX-License-Identifier: MIT */
/* Virtio's keyboard, mouse and tablet. */
#include "devices/input/i8042.h"
#include "devices/virtio/virtio_input.h"
#include "tests/unit/suites.h"
#include "tests/unit/virtio/virtio_bench.h"

#include <stdlib.h>
#include <string.h>

enum { DATA = 0x100000, SELECT = 0, SUBSELECT = 1, SIZE = 2, TEXT = 8 };

static struct VirtioBench b;
static struct VirtioInput input;

static void open_input(enum VirtioInputKind kind) {
    static const struct VirtioPciId id = {"virtio-input", VIRTIO_TYPE_INPUT, 0x090000};
    virtio_bench_open(&b, &id);
    virtio_input_init(&input, &b.pci.pci, kind);
    virtio_bench_show(&b, &input.virtio);
}

/* Buffers of 8 bytes for events, one descriptor each. */
static void give_buffers(unsigned first, unsigned count) {
    for (unsigned i = first; i < first + count; i++) {
        vb_descriptor(&b, 0, i, DATA + 0x100 * i, 8, VB_WRITE, 0);
        vb_offer(&b, 0, i);
    }
}

static void expect(unsigned i, uint16_t type, uint16_t code, uint32_t value) {
    ck_assert_int_eq(vb_used(&b, 0), 8);
    ck_assert_uint_eq(vb_get(&b, DATA + 0x100 * i, 2), type);
    ck_assert_uint_eq(vb_get(&b, DATA + 0x100 * i + 2, 2), code);
    ck_assert_uint_eq(vb_get(&b, DATA + 0x100 * i + 4, 4), value);
}

static unsigned ask(unsigned select, unsigned subselect) {
    vb_put(&b, VB_CONFIG + SELECT, select, 1);
    vb_put(&b, VB_CONFIG + SUBSELECT, subselect, 1);
    return (unsigned)vb_get(&b, VB_CONFIG + SIZE, 1);
}

static bool has_bit(unsigned bit) { return vb_get(&b, VB_CONFIG + TEXT + bit / 8, 1) >> bit % 8 & 1; }

START_TEST(is_modern_alone) {
    open_input(VIRTIO_TABLET);
    ck_assert_uint_eq(pci_config_read(&b.host, 0, 4 * PCI_FUNCTIONS, 0, 4), 0x10521af4);
    ck_assert_uint_eq(pci_config_read(&b.host, 0, 4 * PCI_FUNCTIONS, PCI_REVISION, 1), 1);
    ck_assert_uint_eq(pci_config_read(&b.host, 0, 4 * PCI_FUNCTIONS, PCI_SUBSYSTEM, 2), 0x1052);
    pci_config_write(&b.host, 0, 4 * PCI_FUNCTIONS, PCI_BAR0, UINT32_MAX, 4);
    ck_assert_uint_eq(pci_config_read(&b.host, 0, 4 * PCI_FUNCTIONS, PCI_BAR0, 4), 0);
}
END_TEST

START_TEST(says_what_it_is) {
    static const char *const names[] = {"twin86 virtio keyboard", "twin86 virtio mouse", "twin86 virtio tablet"};
    char name[64] = "";
    open_input((enum VirtioInputKind)_i);
    unsigned n = ask(1, 0);
    ck_assert_uint_eq(n, strlen(names[_i]));
    for (unsigned i = 0; i < n; i++)
        name[i] = (char)vb_get(&b, VB_CONFIG + TEXT + i, 1);
    ck_assert_str_eq(name, names[_i]);
    ck_assert_uint_eq(ask(3, 0), 8);
    ck_assert_uint_eq(vb_get(&b, VB_CONFIG + TEXT, 2), 6); /* BUS_VIRTUAL */
    ck_assert_uint_eq(ask(0x11, INPUT_EV_KEY), _i == VIRTIO_KEYBOARD ? 16 : INPUT_BTN_LEFT / 8 + 1);
    ck_assert(has_bit(_i == VIRTIO_KEYBOARD ? 30 : INPUT_BTN_LEFT) && !has_bit(0));
    ck_assert_uint_eq(ask(0x11, INPUT_EV_REL), _i == VIRTIO_KEYBOARD ? 0 : 2);
    ck_assert_uint_eq(ask(0x11, INPUT_EV_ABS), _i == VIRTIO_TABLET);
    ck_assert_uint_eq(ask(0x11, INPUT_EV_LED), _i == VIRTIO_KEYBOARD);
    ck_assert_uint_eq(ask(0x12, 1), _i == VIRTIO_TABLET ? 20 : 0);
    ck_assert_uint_eq(vb_get(&b, VB_CONFIG + TEXT + 4, 4), _i == VIRTIO_TABLET ? VIRTIO_TABLET_MOST : 0);
    ck_assert_uint_eq(ask(0x12, 2), 0);
    for (unsigned select = 0; select < 256; select++) /* nothing else, and nothing left behind */
        for (unsigned sub = 0; sub < 256; sub += select < 0x13 ? 1 : 85)
            if (ask(select, sub) == 0)
                ck_assert_uint_eq(vb_get(&b, VB_CONFIG + TEXT, 4), 0);
}
END_TEST

START_TEST(reports) {
    open_input(VIRTIO_TABLET);
    virtio_input_event(&input, INPUT_EV_ABS, 0, 1); /* before there is a driver */
    virtio_input_event(&input, INPUT_EV_SYN, 0, 0);
    vb_start(&b, 0, 2);
    give_buffers(0, 2);
    virtio_input_event(&input, INPUT_EV_ABS, 0, 100);
    virtio_input_event(&input, INPUT_EV_ABS, 1, 200);
    ck_assert_int_eq(vb_used(&b, 0), -1); /* not before its end */
    virtio_input_event(&input, INPUT_EV_SYN, 0, 0);
    ck_assert_int_eq(vb_used(&b, 0), -1); /* nor in part */
    give_buffers(2, 2);
    expect(0, INPUT_EV_ABS, 0, 100);
    expect(1, INPUT_EV_ABS, 1, 200);
    expect(2, INPUT_EV_SYN, 0, 0);
    ck_assert_int_eq(vb_used(&b, 0), -1);
    virtio_input_event(&input, INPUT_EV_REL, INPUT_REL_WHEEL, -1);
    virtio_input_event(&input, INPUT_EV_SYN, 0, 0);
    give_buffers(4, 1);
    expect(3, INPUT_EV_REL, INPUT_REL_WHEEL, UINT32_MAX);
    expect(4, INPUT_EV_SYN, 0, 0);
}
END_TEST

/* A guest that takes nothing: the oldest go, the last ones are there. */
START_TEST(too_many) {
    open_input(VIRTIO_KEYBOARD);
    vb_start(&b, 0, 2);
    for (unsigned i = 0; i < 1000; i++) {
        virtio_input_event(&input, INPUT_EV_KEY, 30, (int32_t)i);
        virtio_input_event(&input, INPUT_EV_SYN, 0, 0);
    }
    ck_assert_uint_eq(input.state.count, VIRTIO_INPUT_WAITING);
    give_buffers(0, 2);
    expect(0, INPUT_EV_KEY, 30, 1000 - VIRTIO_INPUT_WAITING / 2);
    for (unsigned i = 0; i < 1000; i++) /* a report without end */
        virtio_input_event(&input, INPUT_EV_KEY, 31, 1);
    ck_assert_uint_le(input.state.count, VIRTIO_INPUT_WAITING);
}
END_TEST

START_TEST(leds) {
    open_input(VIRTIO_KEYBOARD);
    vb_start(&b, 0, 2);
    vb_descriptor(&b, 1, 0, DATA, 8, 0, 0);
    vb_offer(&b, 1, 0);
    ck_assert_int_eq(vb_used(&b, 1), 0);
}
END_TEST

START_TEST(key_numbers) {
    ck_assert_uint_eq(virtio_input_key(0x1e), 30);
    ck_assert_uint_eq(virtio_input_key(0x58), 88);
    ck_assert_uint_eq(virtio_input_key(0xe01c), 96);
    ck_assert_uint_eq(virtio_input_key(0xe048), 103);
    ck_assert_uint_eq(virtio_input_key(KEY_PAUSE), 119);
    ck_assert_uint_eq(virtio_input_key(0xe022), 0); /* beyond what the keyboard says that it has */
    ck_assert_uint_eq(virtio_input_key(0x7d), 0);
}
END_TEST

START_TEST(goes_on_when_restored) {
    char why[200];
    open_input(VIRTIO_MOUSE);
    vb_start(&b, 0, 2);
    virtio_input_event(&input, INPUT_EV_REL, 0, 5);
    virtio_input_event(&input, INPUT_EV_SYN, 0, 0);
    ask(1, 0);
    size_t n = state_size(&virtio_input_state_table, 1);
    uint8_t *saved = malloc(n);
    state_save(&virtio_input_state_table, &input.state, saved);
    input.state.count = 0;
    ask(0, 0);
    ck_assert_int_eq(state_load(&virtio_input_state_table, 1, saved, n, &input.state, why, sizeof(why)), 0);
    virtio_input_restored(&input);
    ck_assert_uint_ne(vb_get(&b, VB_CONFIG + SIZE, 1), 0);
    give_buffers(0, 2);
    expect(0, INPUT_EV_REL, 0, 5);
    input.state.count = VIRTIO_INPUT_WAITING + 1;
    ck_assert_ptr_nonnull(virtio_input_state_table.check(&input.state));
    free(saved);
}
END_TEST

static void close_input(void) { virtio_bench_close(&b); }

Suite *virtio_input_suite(void) {
    Suite *s = suite_create("virtio_input");
    const TTest *const tests[] = {is_modern_alone, reports, too_many, leds, goes_on_when_restored};
    TCase *t = tcase_create("virtio_input");
    tcase_add_checked_fixture(t, NULL, close_input);
    for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(t, tests[i]);
    tcase_add_loop_test(t, says_what_it_is, 0, VIRTIO_INPUT_KINDS);
    suite_add_tcase(s, t);
    t = tcase_create("keys");
    tcase_add_test(t, key_numbers);
    suite_add_tcase(s, t);
    return s;
}
