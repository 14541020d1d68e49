/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tests/unit/devices/apic_bench.h"
#include "tests/unit/suites.h"

static struct ApicBench b;
static struct Ioapic io;

static void open_bench(unsigned cpus) {
    apic_open_enabled(&b, cpus);
    ioapic_init(&io, &b.bus, 2, 0x00f0000);
    ck_assert_int_eq(bus_map(b.bench.bus, IOAPIC_DEFAULT_BASE, &io.region), 0);
}

static uint32_t reg_read(unsigned reg) {
    bus_write_uint(b.bench.bus, IOAPIC_DEFAULT_BASE, reg, 4);
    return bus_read_uint(b.bench.bus, IOAPIC_DEFAULT_BASE + 0x10, 4);
}

static void reg_write(unsigned reg, uint32_t value) {
    bus_write_uint(b.bench.bus, IOAPIC_DEFAULT_BASE, reg, 4);
    bus_write_uint(b.bench.bus, IOAPIC_DEFAULT_BASE + 0x10, value, 4);
}

static void route(unsigned pin, uint32_t low, uint8_t dest) {
    reg_write(0x11 + 2 * pin, (uint32_t)dest << 24);
    reg_write(0x10 + 2 * pin, low);
}

START_TEST(registers) {
    open_bench(1);
    ck_assert_uint_eq(reg_read(0), 2u << 24);
    ck_assert_uint_eq(reg_read(1), 0x00170020);
    reg_write(0, 0xf5ffffff);
    ck_assert_uint_eq(reg_read(0), 5u << 24);
    ck_assert_uint_eq(reg_read(2), 5u << 24);
    for (unsigned pin = 0; pin < 24; pin++)
        ck_assert_uint_eq(reg_read(0x10 + 2 * pin), 0x10000);
    reg_write(0x10, 0xffffffff);
    reg_write(0x11, 0xffffffff);
    ck_assert_uint_eq(reg_read(0x10), 0x1afff); /* status bits are read-only */
    ck_assert_uint_eq(reg_read(0x11), 0xff000000);
    ck_assert_uint_eq(reg_read(0x40), 0); /* beyond the table */
    ck_assert_uint_eq(bus_read_uint(b.bench.bus, IOAPIC_DEFAULT_BASE, 4), 0x40);
    ioapic_reset(&io);
    ck_assert_uint_eq(reg_read(0), 2u << 24);
    ck_assert_uint_eq(reg_read(0x10), 0x10000);
    apic_close(&b);
}
END_TEST

START_TEST(edge) {
    open_bench(2);
    ioapic_set_irq(&io, 4, true); /* masked: lost */
    route(4, 0x44, 1);
    ck_assert(!b.cpu[1].intr);
    ioapic_set_irq(&io, 4, false);
    ioapic_set_irq(&io, 4, true);
    ck_assert_int_eq(apic_take(&b, 1), 0x44);
    ck_assert(!b.cpu[1].intr && !b.cpu[0].intr);
    ioapic_set_irq(&io, 4, true); /* no edge */
    ck_assert(!b.cpu[1].intr);
    /* active low */
    ioapic_set_irq(&io, 4, false);
    route(4, 0x2045, 0);
    ioapic_set_irq(&io, 4, true);
    ck_assert(!b.cpu[0].intr);
    ioapic_set_irq(&io, 4, false);
    ck_assert_int_eq(apic_take(&b, 0), 0x45);
    ioapic_set_irq(&io, 24, true); /* no such pins */
    ioapic_set_irq(&io, -1, true);
    apic_close(&b);
}
END_TEST

START_TEST(level) {
    open_bench(1);
    struct Lapic *l = &b.cpu[0].lapic;
    route(9, 0x8049, 0);
    ioapic_set_irq(&io, 9, true);
    ck_assert_uint_eq(reg_read(0x10 + 18), 0xc049); /* remote IRR */
    ck_assert_int_eq(lapic_acknowledge(l), 0x49);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_TMR + 0x20), 1u << 9);
    ioapic_set_irq(&io, 9, false);
    ioapic_set_irq(&io, 9, true); /* no second message before the EOI */
    ck_assert(!b.cpu[0].intr);
    apic_write(&b, 0, APIC_EOI, 0);
    ck_assert(b.cpu[0].intr); /* still high: again */
    ck_assert_int_eq(lapic_acknowledge(l), 0x49);
    ioapic_set_irq(&io, 9, false);
    apic_write(&b, 0, APIC_EOI, 0);
    ck_assert(!b.cpu[0].intr);
    ck_assert_uint_eq(reg_read(0x10 + 18), 0x8049);
    /* high while masked: delivered at the unmasking */
    route(9, 0x18049, 0);
    ioapic_set_irq(&io, 9, true);
    ck_assert(!b.cpu[0].intr);
    route(9, 0x8049, 0);
    ck_assert_int_eq(lapic_acknowledge(l), 0x49);
    /* masked while in service: the EOI clears remote IRR but sends nothing */
    reg_write(0x10 + 18, 0x18049);
    apic_write(&b, 0, APIC_EOI, 0);
    ck_assert(!b.cpu[0].intr);
    ck_assert_uint_eq(reg_read(0x10 + 18), 0x18049);
    apic_close(&b);
}
END_TEST

START_TEST(other_ways_to_end) {
    open_bench(1);
    struct Lapic *l = &b.cpu[0].lapic;
    route(9, 0x8049, 0);
    ioapic_set_irq(&io, 9, true);
    lapic_acknowledge(l);
    ioapic_set_irq(&io, 9, false);
    bus_write_uint(b.bench.bus, IOAPIC_DEFAULT_BASE + 0x40, 0x49, 4); /* EOI register */
    ck_assert_uint_eq(reg_read(0x10 + 18), 0x8049);
    ioapic_set_irq(&io, 9, true);
    ck_assert_uint_eq(reg_read(0x10 + 18), 0xc049);
    reg_write(0x10 + 18, 0x10049); /* masked edge and back */
    ck_assert_uint_eq(reg_read(0x10 + 18), 0x10049);
    reg_write(0x10 + 18, 0x8049);
    ck_assert_uint_eq(reg_read(0x10 + 18), 0xc049);
    apic_close(&b);
}
END_TEST

START_TEST(polarity_of_the_board) {
    open_bench(1);
    route(16, 0xa050, 0); /* PCI pin: level, active low, as it is wired */
    ck_assert(!b.cpu[0].intr);
    ioapic_set_irq(&io, 16, true);
    ck_assert_int_eq(lapic_acknowledge(&b.cpu[0].lapic), 0x50);
    ioapic_set_irq(&io, 16, false);
    apic_write(&b, 0, APIC_EOI, 0);
    ck_assert(!b.cpu[0].intr);
    route(16, 0x8050, 0); /* the wrong polarity: an idle wire is active */
    ck_assert(b.cpu[0].intr);
    apic_close(&b);
}
END_TEST

START_TEST(delivery_modes) {
    open_bench(2);
    route(1, 0x400, 1); /* NMI */
    ioapic_set_irq(&io, 1, true);
    ck_assert_uint_eq(b.cpu[1].nmis, 1);
    route(2, 0x500, 1); /* INIT */
    ioapic_set_irq(&io, 2, true);
    ck_assert_uint_eq(b.cpu[1].inits, 1);
    b.cpu[0].pic_vector = 0x0f;
    route(0, 0x700, 0); /* ExtINT: the vector comes from the PIC */
    ioapic_set_irq(&io, 0, true);
    ck_assert(b.cpu[0].intr);
    ck_assert_int_eq(lapic_acknowledge(&b.cpu[0].lapic), 0x0f);
    ck_assert(!b.cpu[0].intr);
    route(3, 0x200, 0); /* SMI: nobody takes it */
    ioapic_set_irq(&io, 3, true);
    route(5, 0x655, 0); /* reserved for I/O APICs */
    ioapic_set_irq(&io, 5, true);
    ck_assert_uint_eq(b.cpu[0].sipis, 0);
    /* lowest priority, broadcast */
    apic_write(&b, 1, APIC_SVR, 0x1ff);
    apic_write(&b, 0, APIC_TPR, 0x10);
    route(6, 0x166, 0xff);
    ioapic_set_irq(&io, 6, true);
    ck_assert_int_eq(apic_take(&b, 1), 0x66);
    ck_assert(!b.cpu[0].intr);
    apic_close(&b);
}
END_TEST

Suite *ioapic_suite(void) {
    Suite *s = suite_create("ioapic");
    TCase *t = tcase_create("ioapic");
    tcase_add_test(t, registers);
    tcase_add_test(t, edge);
    tcase_add_test(t, level);
    tcase_add_test(t, other_ways_to_end);
    tcase_add_test(t, polarity_of_the_board);
    tcase_add_test(t, delivery_modes);
    suite_add_tcase(s, t);
    return s;
}
