/* SPDX-License-Identifier: MIT */
/* The tables of the MultiProcessor Specification 1.4: their form, processors with gaps in their ids, interrupts. */
#include "base/bytes.h"
#include "cpu/topology.h"
#include "devices/pci/pci.h"
#include "machine/firmware/mptable.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <string.h>

enum { BASE = 0xff000, HEADER = 44 };
static const unsigned sizes[] = {20, 8, 8, 8, 8};

static struct MpConfig config(void) {
    return (struct MpConfig){
        .cpus = 5,
        .topology = {2, 1, 3, 1}, /* ids 0, 1, 2, 4, 5 and 6, which is not there */
        .cpu_eax = 0x000306a9,
        .cpu_edx = 0x178bfbff,
        .lapic_base = 0xfee00000,
        .lapic_version = 0x14,
        .ioapic_base = 0xfec00000,
        .ioapic_version = 0x20,
        .ioapic_id = 1,
        .pit_pin = 2,
        .pirq_pin = 16,
    };
}

static uint8_t sum(const uint8_t *p, size_t n) {
    uint8_t s = 0;
    while (n-- > 0)
        s += *p++;
    return s;
}

/* The nth entry of that type, or NULL. */
static const uint8_t *find(const uint8_t *table, unsigned type, unsigned n) {
    const uint8_t *end = table + get_le16(table + 4);
    for (const uint8_t *p = table + HEADER; p < end; p += sizes[p[0]])
        if (p[0] == type && n-- == 0)
            return p;
    return NULL;
}

/* Where that interrupt of a bus comes; 0: nowhere. `flags` must be those. */
static unsigned pin_of(const uint8_t *table, unsigned bus, unsigned irq, unsigned flags) {
    const uint8_t *p;
    for (unsigned n = 0; (p = find(table, 3, n)) != NULL; n++)
        if (p[4] == bus && p[5] == irq) {
            ck_assert_uint_eq(p[1], 0);
            ck_assert_uint_eq(get_le16(p + 2), flags);
            ck_assert_uint_eq(p[6], 1);
            return p[7];
        }
    return 0;
}

START_TEST(form) {
    struct MpConfig c = config();
    uint8_t buf[MPTABLE_MAX];
    int size = mptable_build(&c, BASE, buf, sizeof(buf));
    const uint8_t *table = buf + 16;
    ck_assert_int_gt(size, 0);
    ck_assert(memcmp(buf, "_MP_", 4) == 0 && sum(buf, 16) == 0);
    ck_assert_uint_eq(get_le32(buf + 4), BASE + 16);
    ck_assert(buf[8] == 1 && buf[9] == 4 && buf[11] == 0); /* its size, 1.4, there is a table */
    ck_assert(memcmp(table, "PCMP", 4) == 0 && table[6] == 4);
    ck_assert_int_eq(get_le16(table + 4) + 16, size);
    ck_assert_uint_eq(sum(table, get_le16(table + 4)), 0);
    ck_assert_uint_eq(get_le32(table + 36), 0xfee00000);
    unsigned count = 0;
    for (const uint8_t *p = table + HEADER; p < buf + size; p += sizes[p[0]], count++) {
        ck_assert_uint_le(p[0], 4);
        ck_assert(p + sizes[p[0]] <= buf + size);
    }
    ck_assert_uint_eq(count, get_le16(table + 34));
}
END_TEST

START_TEST(processors) {
    static const uint8_t ids[] = {0, 1, 2, 4, 5};
    struct MpConfig c = config();
    uint8_t buf[MPTABLE_MAX];
    ck_assert_int_gt(mptable_build(&c, BASE, buf, sizeof(buf)), 0);
    for (unsigned i = 0; i < 5; i++) {
        const uint8_t *p = find(buf + 16, 0, i);
        ck_assert(p != NULL && p[1] == ids[i] && p[2] == 0x14);
        ck_assert_uint_eq(p[3], i == 0 ? 3 : 1); /* enabled; the first one boots */
        ck_assert_uint_eq(get_le32(p + 4), 0x6a9);
        ck_assert_uint_eq(get_le32(p + 8), 0x178bfbff);
    }
    ck_assert_ptr_null(find(buf + 16, 0, 5));
    const uint8_t *p = find(buf + 16, 2, 0);
    ck_assert(p != NULL && p[1] == 1 && p[2] == 0x20 && p[3] == 1 && get_le32(p + 4) == 0xfec00000);
}
END_TEST

START_TEST(interrupts) {
    enum { PCI, ISA, CONFORMS = 0, LEVEL_LOW = 0xf };
    struct MpConfig c = config();
    uint8_t buf[MPTABLE_MAX];
    ck_assert_int_gt(mptable_build(&c, BASE, buf, sizeof(buf)), 0);
    const uint8_t *table = buf + 16, *bus = find(table, 1, PCI);
    ck_assert(bus[1] == PCI && memcmp(bus + 2, "PCI   ", 6) == 0);
    bus = find(table, 1, ISA);
    ck_assert(bus[1] == ISA && memcmp(bus + 2, "ISA   ", 6) == 0);
    ck_assert_uint_eq(pin_of(table, ISA, 0, CONFORMS), 2);
    ck_assert_uint_eq(pin_of(table, ISA, 2, CONFORMS), 0); /* the cascade of the 8259s */
    for (unsigned irq = 3; irq < 16; irq++)
        ck_assert_uint_eq(pin_of(table, ISA, irq, CONFORMS), irq);
    for (unsigned slot = 1; slot < PCI_SLOTS; slot++)
        for (unsigned pin = 0; pin < 4; pin++)
            ck_assert_uint_eq(pin_of(table, PCI, slot << 2 | pin, LEVEL_LOW), 16 + pci_pirq_of(slot, pin));
    const uint8_t *extint = find(table, 4, 0), *nmi = find(table, 4, 1);
    ck_assert(extint[1] == 3 && extint[6] == 0xff && extint[7] == 0);
    ck_assert(nmi[1] == 1 && nmi[6] == 0xff && nmi[7] == 1);
}
END_TEST

START_TEST(room) {
    struct MpConfig c = config();
    uint8_t buf[MPTABLE_MAX];
    c.cpus = 64;
    c.topology = (struct CpuTopology){64, 1, 1, 1};
    int size = mptable_build(&c, BASE, buf, sizeof(buf));
    ck_assert_int_gt(size, 0);
    for (int n = 0; n < size; n++) /* no room, byte by byte */
        ck_assert_int_eq(mptable_build(&c, BASE, buf, (size_t)n), -ENOSPC);
    c.topology = (struct CpuTopology){2, 1, 33, 3}; /* eight bits for what is in a socket */
    c.cpus = 100;
    ck_assert_int_gt(mptable_build(&c, BASE, buf, sizeof(buf)), 0);
    for (unsigned i = 0;; i++) {
        const uint8_t *p = find(buf + 16, 0, i);
        if (p == NULL) {
            ck_assert_uint_eq(i, 99); /* the second socket's first id is 256 */
            break;
        }
        ck_assert_uint_eq(p[1], cpu_topology_apic_id(&c.topology, i));
    }
}
END_TEST

Suite *mptable_suite(void) {
    Suite *s = suite_create("mptable");
    TCase *t = tcase_create("mptable");
    tcase_add_test(t, form);
    tcase_add_test(t, processors);
    tcase_add_test(t, interrupts);
    tcase_add_test(t, room);
    suite_add_tcase(s, t);
    return s;
}
