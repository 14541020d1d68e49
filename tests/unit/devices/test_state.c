/* SPDX-License-Identifier: MIT */
/* Field tables: each describes all of its struct, and what is saved is restored; or refused, when it can't be. */
#include "devices/acpi_pm.h"
#include "devices/apic/ioapic.h"
#include "devices/apic/lapic.h"
#include "devices/dma.h"
#include "devices/firmware/fw_cfg.h"
#include "devices/firmware/pflash.h"
#include "devices/floppy/fdc.h"
#include "devices/hpet.h"
#include "devices/ide/piix3_ide.h"
#include "devices/input/i8042.h"
#include "devices/pc_testdev.h"
#include "devices/pci/pci.h"
#include "devices/pci/piix4_pm.h"
#include "devices/pic.h"
#include "devices/pit.h"
#include "devices/port92.h"
#include "devices/rtc.h"
#include "devices/state.h"
#include "devices/uart.h"
#include "devices/virtio/virtio_9p.h"
#include "devices/virtio/virtio_balloon.h"
#include "devices/virtio/virtio_blk.h"
#include "devices/virtio/virtio_input.h"
#include "devices/virtio/virtio_pci.h"
#include "devices/virtio/virtio_rng.h"
#include "devices/virtio/virtio_serial.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct StateTable *const tables[] = {
    &acpi_pm_state_table,
    &dma_state_table,
    &fw_cfg_state_table,
    &hpet_state_table,
    &i8042_state_table,
    &ioapic_state_table,
    &lapic_state_table,
    &pci_state_table,
    &pc_testdev_state_table,
    &pflash_state_table,
    &pic_state_table,
    &piix4_pm_state_table,
    &ide_channel_state_table,
    &virtio_blk_state_table,
    &virtio_pci_state_table,
    &virtio_rng_state_table,
    &virtio_input_state_table,
    &virtio_serial_state_table,
    &virtio_balloon_state_table,
    &virtio_9p_state_table,
    &piix3_ide_state_table,
    &pit_state_table,
    &port92_state_table,
    &rtc_state_table,
    &uart_state_table,
    &fdc_state_table,
};

enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

/* ---- a table says all there is ---- */

static void cover(void *opaque, const char *name, const struct StateField *f, size_t offset) {
    uint8_t *covered = opaque;
    for (unsigned i = 0; i < f->size; i++) {
        ck_assert_msg(covered[offset + i] == 0, "%s overlaps another field", name);
        covered[offset + i] = 1;
    }
}

/* Fails for a member that no row names, and for padding that is not written out: one could hide in it. */
START_TEST(every_byte_has_a_field) {
    const struct StateTable *t = tables[_i];
    uint8_t *covered = calloc(1, t->size);
    state_for_each(t, cover, covered);
    for (size_t i = 0; i < t->size; i++)
        ck_assert_msg(covered[i] != 0, "%s: no field has byte %zu of %u", t->name, i, t->size);
    free(covered);
}
END_TEST

/* ---- there and back ---- */

/* A value that can be, and is another one for each element. */
struct Filling {
    uint8_t *state;
    unsigned n;
};

static void fill(void *opaque, const char *name, const struct StateField *f, size_t offset) {
    struct Filling *x = opaque;
    (void)name;
    uint64_t v = ++x->n * 0x9e3779b97f4a7c15ull, max = f->kind == STATE_BOOL ? 1 : f->max;
    if (f->kind == STATE_NOTHING)
        return;
    if (max != 0)
        v = max == UINT64_MAX ? v : v % (max + 1);
    memcpy(x->state + offset, &v, f->size);
}

static void *filled(const struct StateTable *t) {
    struct Filling x = {calloc(1, t->size), 0};
    state_for_each(t, fill, &x);
    return x.state;
}

START_TEST(saved_is_restored) {
    struct StateTable t = *tables[_i];
    t.check = NULL; /* the values are nonsense together */
    size_t n = state_size(&t, t.version);
    uint8_t *saved = malloc(n), *again = malloc(n);
    void *a = filled(&t), *b = calloc(1, t.size);
    struct StateDifference d;
    char why[200] = "";
    state_save(&t, a, saved);
    ck_assert_msg(state_load(&t, t.version, saved, n, b, why, sizeof(why)) == 0, "%s", why);
    ck_assert(!state_differ(&t, a, b, &d));
    ck_assert_int_eq(memcmp(a, b, t.size), 0);
    state_save(&t, b, again);
    ck_assert_int_eq(memcmp(saved, again, n), 0);
    free(saved), free(again), free(a), free(b);
}
END_TEST

/* Every element that differs is named. */
struct Telling {
    const struct StateTable *table;
    void *a, *b;
};

static void tell(void *opaque, const char *name, const struct StateField *f, size_t offset) {
    struct Telling *t = opaque;
    struct StateDifference d;
    if (f->kind == STATE_NOTHING)
        return;
    ((uint8_t *)t->b)[offset] ^= 1;
    ck_assert(state_differ(t->table, t->a, t->b, &d));
    ck_assert_str_eq(d.name, name);
    ck_assert_str_ne(d.value[0], d.value[1]);
    ((uint8_t *)t->b)[offset] ^= 1;
    ck_assert(!state_differ(t->table, t->a, t->b, &d));
}

START_TEST(differences_are_named) {
    const struct StateTable *t = tables[_i];
    struct Telling x = {t, filled(t), filled(t)};
    if (t->size < 4096) /* each is looked for in all */
        state_for_each(t, tell, &x);
    free(x.a), free(x.b);
}
END_TEST

/* ---- what can't be ---- */

static void refused(const struct StateTable *t, unsigned version, const uint8_t *in, size_t n, const char *expected) {
    char why[200] = "";
    void *scratch = calloc(1, t->size);
    ck_assert_int_eq(state_load(t, version, in, n, scratch, why, sizeof(why)), -EINVAL);
    ck_assert_str_eq(why, expected);
    free(scratch);
}

START_TEST(bad_states_are_refused) {
    struct UartState u = {.rx_head = 16};
    struct PitState p = {.channel[1] = {.running = true}, .wake_tick = CLOCK_NEVER};
    struct LapicState l = {.timer_expiry = 5};
    uint8_t buf[4096];
    size_t n = state_size(&uart_state_table, 1);
    state_save(&uart_state_table, &u, buf);
    refused(&uart_state_table, 1, buf, n, "uart: rx_head is 0x10, and can be 0xf at most");
    refused(&uart_state_table, 2, buf, n, "uart: the state is of version 2; versions 1 to 1 are known");
    refused(&uart_state_table, 0, buf, n, "uart: the state is of version 0; versions 1 to 1 are known");
    refused(&uart_state_table, 1, buf, n - 1, "uart: the state has 72 bytes instead of 73");
    buf[n - 1] = 2; /* a bool */
    buf[19] = 0;    /* rx_head */
    refused(&uart_state_table, 1, buf, n, "uart: intr is 0x2, and can be 0x1 at most");
    state_save(&pit_state_table, &p, buf);
    refused(&pit_state_table, 1, buf, state_size(&pit_state_table, 1), "pit: a channel counts, but has no count");
    state_save(&lapic_state_table, &l, buf);
    refused(&lapic_state_table, 1, buf, state_size(&lapic_state_table, 1),
            "lapic: its timer counts, but has no initial count");
}
END_TEST

/* ---- versions, and how it looks ---- */

struct Inner {
    int16_t delta[2];
};

struct Sample {
    uint32_t old;
    bool on;
    uint8_t unused[3];
    struct Inner inner[2];
    uint64_t added;
};

static const struct StateTable inner_table = {.name = "inner",
                                              .size = sizeof(struct Inner),
                                              .field = (const struct StateField[]){STATE_ARRAY(Inner, delta), {0}}};

static const struct StateTable sample_table = {
    .name = "sample",
    .size = sizeof(struct Sample),
    .version = 2,
    .field =
        (const struct StateField[]){
            STATE_FIELD(Sample, old),
            STATE_FIELD(Sample, on),
            STATE_PADDING(Sample, unused),
            STATE_ARRAY_WITHIN(Sample, inner, &inner_table),
            STATE_FIELD(Sample, added, .since = 2),
            {0},
        },
};

START_TEST(older_versions_are_read) {
    struct Sample a = {.old = 0x11223344, .on = true, .inner = {{{-1, 2}}, {{3, -4}}}, .added = 5}, b = {.added = 77};
    static const uint8_t bytes[] = {0x44, 0x33, 0x22, 0x11, 1, 0xff, 0xff, 2, 0, 3, 0,
                                    0xfc, 0xff, 5,    0,    0, 0,    0,    0, 0, 0};
    uint8_t out[sizeof(bytes)];
    char why[100], *text = NULL;
    size_t size = 0;
    ck_assert_uint_eq(state_size(&sample_table, 2), sizeof(bytes));
    ck_assert_uint_eq(state_size(&sample_table, 1), sizeof(bytes) - 8);
    state_save(&sample_table, &a, out);
    ck_assert_int_eq(memcmp(out, bytes, sizeof(bytes)), 0);
    ck_assert_int_eq(state_load(&sample_table, 1, bytes, sizeof(bytes) - 8, &b, why, sizeof(why)), 0);
    ck_assert_uint_eq(b.added, 77);
    ck_assert_int_eq(b.inner[1].delta[1], -4);
    struct StateDifference d;
    ck_assert(state_differ(&sample_table, &a, &b, &d));
    ck_assert_str_eq(d.name, "added");
    b.inner[0].delta[0] = 9;
    ck_assert(state_differ(&sample_table, &a, &b, &d));
    ck_assert_str_eq(d.name, "inner[0].delta[0]");
    ck_assert_str_eq(d.value[0], "-1");
    FILE *f = open_memstream(&text, &size);
    state_print(&sample_table, &a, f);
    fclose(f);
    ck_assert_ptr_nonnull(strstr(text, "  old                      0x11223344\n  on                       1\n"));
    ck_assert_ptr_nonnull(strstr(text, "  inner[1].delta[1]        -4\n"));
    free(text);
}
END_TEST

Suite *state_suite(void) {
    Suite *s = suite_create("state");
    TCase *t = tcase_create("state");
    tcase_add_loop_test(t, every_byte_has_a_field, 0, TABLES);
    tcase_add_loop_test(t, saved_is_restored, 0, TABLES);
    tcase_add_loop_test(t, differences_are_named, 0, TABLES);
    tcase_add_test(t, bad_states_are_refused);
    tcase_add_test(t, older_versions_are_read);
    suite_add_tcase(s, t);
    return s;
}
