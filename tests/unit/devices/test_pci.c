/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "devices/pci/pci_dma.h"
#include "devices/pci/pci_msi.h"
#include "tests/unit/devices/device_bench.h"
#include "tests/unit/suites.h"

static struct DeviceBench b;
static struct PciHost host;
static struct WireLog pirq[4], isa[16];
static uint8_t reset_register;

static void pirq_set(void *opaque, int line, bool level) {
    (void)opaque;
    ck_assert(line >= 16 && line < 20);
    wire_log_set(&pirq[line - 16], line, level);
}

static void isa_set(void *opaque, int line, bool level) {
    (void)opaque;
    wire_log_set(&isa[line], line, level);
}

static uint64_t reset_read(void *opaque, uint64_t offset, unsigned size) {
    ck_assert(opaque == &reset_register && offset == 0 && size == 1);
    return reset_register;
}

static void reset_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    ck_assert(opaque == &reset_register && offset == 0 && size == 1);
    reset_register = value;
}

static const struct IoOps reset_ops = {reset_read, reset_write, 1, 1};

static void open_bench(void) {
    bench_open(&b);
    memset(pirq, 0, sizeof(pirq));
    memset(isa, 0, sizeof(isa));
    reset_register = 0;
    struct PciHostConfig config = {
        .mmio_base = 0xc0000000,
        .mmio_end = 0xfec00000,
        .mmio64_base = 1ull << 36,
        .mmio64_end = 1ull << 37,
        .pirq = {pirq_set, NULL, 16},
        .isa = {isa_set, NULL, 0},
        .reset_ops = &reset_ops,
        .reset_opaque = &reset_register,
    };
    pci_init(&host, b.bus, &config);
    ck_assert_int_eq(pci_map(&host), 0);
}

static void select_reg(unsigned slot, unsigned reg) {
    bus_port_write(b.bus, 0xcf8, 1u << 31 | slot << 11 | (reg & 0xfc), 4);
}

static uint32_t cfg_read(unsigned slot, unsigned reg, unsigned size) {
    select_reg(slot, reg);
    return bus_port_read(b.bus, 0xcfc + reg % 4, size);
}

static void cfg_write(unsigned slot, unsigned reg, uint32_t value, unsigned size) {
    select_reg(slot, reg);
    bus_port_write(b.bus, 0xcfc + reg % 4, value, size);
}

/* A device with every kind of BAR. */
struct Toy {
    struct PciDeviceState state;
    struct PciDevice pci;
    struct Region small, big;
    uint64_t last_offset, last_value;
    unsigned writes_seen;
};

static uint64_t toy_read(void *opaque, uint64_t offset, unsigned size) {
    (void)opaque, (void)size;
    return 0x5a000000 | offset;
}

static void toy_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Toy *t = opaque;
    (void)size;
    t->last_offset = offset;
    t->last_value = value;
}

static const struct IoOps toy_ops = {toy_read, toy_write, 1, 4};

static void toy_config_written(struct PciDevice *dev, unsigned offset, unsigned size) {
    struct Toy *t = dev->opaque;
    (void)offset, (void)size;
    t->writes_seen++;
}

static void toy_init(struct Toy *t, uint8_t pin) {
    memset(t, 0, sizeof(*t));
    pci_device_init(&t->pci, &t->state, "toy", 0x1af4, 0x10ff, 0x028000, 3);
    pci_device_set_subsystem(&t->pci, 0x1234, 0x5678);
    pci_device_set_pin(&t->pci, pin);
    t->pci.opaque = t;
    t->pci.config_written = toy_config_written;
    region_init_mmio(&t->small, "toy small", 0x1000, &toy_ops, t);
    region_init_mmio(&t->big, "toy big", 1 << 20, &toy_ops, t);
    ck_assert_int_eq(pci_device_add_bar(&t->pci, 0, &t->small, 0), 0);
    ck_assert_int_eq(pci_device_add_io_bar(&t->pci, 1, 32, &toy_ops, t), 0);
    ck_assert_int_eq(pci_device_add_bar(&t->pci, 2, &t->big, PCI_BAR_64 | PCI_BAR_PREFETCH), 0);
}

START_TEST(mechanism_1) {
    open_bench();
    ck_assert_uint_eq(cfg_read(0, 0, 4), 0x12378086);
    ck_assert_uint_eq(cfg_read(0, 8, 4), 0x06000002);
    ck_assert_uint_eq(cfg_read(1, 0, 4), 0x70008086);
    ck_assert_uint_eq(cfg_read(1, 10, 2), 0x0601);
    ck_assert_uint_eq(cfg_read(0, 2, 2), 0x1237);
    ck_assert_uint_eq(cfg_read(0, 1, 1), 0x80);
    ck_assert_uint_eq(cfg_read(2, 0, 4), 0xffffffff);
    bus_port_write(b.bus, 0xcf8, 0xffffffff, 4);
    ck_assert_uint_eq(bus_port_read(b.bus, 0xcf8, 4), 0x80fffffc);
    ck_assert_uint_eq(bus_port_read(b.bus, 0xcfc, 4), 0xffffffff); /* bus 255 */
    bus_port_write(b.bus, 0xcf8, 0, 4);
    ck_assert_uint_eq(bus_port_read(b.bus, 0xcfc, 4), 0xffffffff); /* not enabled */
    /* only dwords reach the address register */
    bus_port_write(b.bus, 0xcf8, 0x12, 1);
    bus_port_write(b.bus, 0xcfa, 0x3456, 2);
    ck_assert_uint_eq(bus_port_read(b.bus, 0xcf8, 4), 0);
    ck_assert_uint_eq(bus_port_read(b.bus, 0xcf8, 1), 0xff);
    /* CF9h is the reset control register */
    bus_port_write(b.bus, 0xcf9, 6, 1);
    ck_assert_uint_eq(reset_register, 6);
    ck_assert_uint_eq(bus_port_read(b.bus, 0xcf9, 1), 6);
    select_reg(0, 0);
    ck_assert_uint_eq(reset_register, 6);
    bench_close(&b);
}
END_TEST

START_TEST(header_masks) {
    open_bench();
    struct Toy t;
    toy_init(&t, 1);
    ck_assert_int_eq(pci_add_device(&host, &t.pci, 1, 0), -EBUSY);
    ck_assert_int_eq(pci_add_device(&host, &t.pci, 32, 0), -EINVAL);
    ck_assert_int_eq(pci_add_device(&host, &t.pci, 3, 0), 0);
    for (unsigned reg = 0; reg < 256; reg += 4)
        cfg_write(3, reg, 0xffffffff, 4);
    ck_assert_uint_eq(t.writes_seen, 64);
    ck_assert_uint_eq(cfg_read(3, 0, 4), 0x10ff1af4);
    ck_assert_uint_eq(cfg_read(3, PCI_COMMAND, 2), 0x547);
    ck_assert_uint_eq(cfg_read(3, PCI_STATUS, 2), 0);
    ck_assert_uint_eq(cfg_read(3, PCI_REVISION, 4), 0x02800003);
    ck_assert_uint_eq(cfg_read(3, 0x0c, 4), 0x0000ffff);
    ck_assert_uint_eq(cfg_read(3, 0x2c, 4), 0x56781234);
    ck_assert_uint_eq(cfg_read(3, 0x3c, 4), 0x000001ff);
    ck_assert_uint_eq(cfg_read(3, 0xfc, 4), 0);
    /* errors are cleared by 1 */
    t.state.config[PCI_STATUS + 1] = 0x20;
    cfg_write(3, PCI_STATUS, 0, 2);
    ck_assert_uint_eq(cfg_read(3, PCI_STATUS, 2), 0x2000);
    cfg_write(3, PCI_STATUS, 0x2000, 2);
    ck_assert_uint_eq(cfg_read(3, PCI_STATUS, 2), 0);
    /* direct accesses that leave the dword or the space */
    ck_assert_uint_eq(pci_config_read(&host, 0, 3 << 3, 3, 2), 0xffffffff);
    ck_assert_uint_eq(pci_config_read(&host, 0, 3 << 3, 256, 4), 0xffffffff);
    ck_assert_uint_eq(pci_config_read(&host, 0, 999, 0, 4), 0xffffffff);
    pci_config_write(&host, 0, 3 << 3, 0x3e, 1, 4);
    pci_reset(&host);
    ck_assert_uint_eq(cfg_read(3, PCI_COMMAND, 4), 0);
    bench_close(&b);
}
END_TEST

START_TEST(bars) {
    open_bench();
    struct Toy t;
    toy_init(&t, 1);
    ck_assert_int_eq(pci_device_add_bar(&t.pci, 3, &t.big, 0), -EINVAL); /* bar 2's upper half */
    ck_assert_int_eq(pci_device_add_bar(&t.pci, 5, &t.big, PCI_BAR_64), -EINVAL);
    ck_assert_int_eq(pci_device_add_bar(&t.pci, 0, &t.big, 0), -EINVAL);
    ck_assert_int_eq(pci_device_add_io_bar(&t.pci, 4, 24, &toy_ops, &t), -EINVAL);
    ck_assert_int_eq(pci_add_device(&host, &t.pci, 3, 0), 0);
    /* sizing */
    for (unsigned n = 0; n < 6; n++)
        cfg_write(3, PCI_BAR0 + 4 * n, 0xffffffff, 4);
    ck_assert_uint_eq(cfg_read(3, PCI_BAR0, 4), 0xfffff000);
    ck_assert_uint_eq(cfg_read(3, PCI_BAR0 + 4, 4), 0xffffffe1);
    ck_assert_uint_eq(cfg_read(3, PCI_BAR0 + 8, 4), 0xfff0000c);
    ck_assert_uint_eq(cfg_read(3, PCI_BAR0 + 12, 4), 0xffffffff);
    ck_assert_uint_eq(cfg_read(3, PCI_BAR0 + 16, 4), 0);
    cfg_write(3, PCI_BAR0, 0xd0000000, 4);
    cfg_write(3, PCI_BAR0 + 4, 0xc000, 4);
    cfg_write(3, PCI_BAR0 + 8, 0x00100000, 4);
    cfg_write(3, PCI_BAR0 + 12, 0x10, 4);
    /* no decoding yet */
    ck_assert_uint_eq(bus_read_uint(b.bus, 0xd0000010, 4), 0xffffffff);
    cfg_write(3, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    ck_assert_uint_eq(bus_read_uint(b.bus, 0xd0000010, 4), 0x5a000010);
    ck_assert_uint_eq(bus_read_uint(b.bus, 0x1000100020, 4), 0x5a000020);
    ck_assert_uint_eq(bus_port_read(b.bus, 0xc004, 4), 0xffffffff);
    cfg_write(3, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_IO, 2);
    ck_assert_uint_eq(bus_port_read(b.bus, 0xc004, 4), 0x5a000004);
    bus_port_write(b.bus, 0xc01f, 0x77, 1);
    ck_assert_uint_eq(t.last_offset, 0x1f);
    ck_assert_uint_eq(t.last_value, 0x77);
    /* moved, and away */
    cfg_write(3, PCI_BAR0, 0xd1000000, 4);
    ck_assert_uint_eq(bus_read_uint(b.bus, 0xd0000010, 4), 0xffffffff);
    ck_assert_uint_eq(bus_read_uint(b.bus, 0xd1000010, 4), 0x5a000010);
    cfg_write(3, PCI_BAR0 + 4, 0x0060, 4); /* the mainboard's ports are not for BARs */
    ck_assert_uint_eq(bus_port_read(b.bus, 0x60, 4), 0xffffffff);
    cfg_write(3, PCI_BAR0, 0x00100000, 4); /* neither is RAM */
    ck_assert_uint_eq(bus_read_uint(b.bus, 0x00100000, 4), 0xffffffff);
    cfg_write(3, PCI_COMMAND, 0, 2);
    ck_assert_uint_eq(bus_read_uint(b.bus, 0x1000100020, 4), 0xffffffff);
    cfg_write(3, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    pci_reset(&host);
    ck_assert_uint_eq(bus_read_uint(b.bus, 0x1000100020, 4), 0xffffffff);
    bench_close(&b);
}
END_TEST

/* A window that says who it is. */
struct Sign {
    struct PciDeviceState state;
    struct PciDevice pci;
    struct Region region;
    uint8_t number;
};

static uint64_t sign_read(void *opaque, uint64_t offset, unsigned size) {
    (void)offset, (void)size;
    return ((struct Sign *)opaque)->number;
}

static void sign_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    (void)opaque, (void)offset, (void)value, (void)size;
}

static const struct IoOps sign_ops = {sign_read, sign_write, 1, 1};

static void sign_init(struct Sign *s, uint8_t number, unsigned size) {
    memset(s, 0, sizeof(*s));
    s->number = number;
    pci_device_init(&s->pci, &s->state, "sign", 0x1af4, 0x10ff, 0x028000, 3);
    region_init_mmio(&s->region, "sign", size, &sign_ops, s);
    ck_assert_int_eq(pci_device_add_bar(&s->pci, 0, &s->region, 0), 0);
    ck_assert_int_eq(pci_device_add_io_bar(&s->pci, 1, 16, &sign_ops, s), 0);
}

static uint8_t signed_at(uint64_t gpa) { return bus_read_uint(b.bus, gpa, 1); }

/* The least slot wins, whatever moves last and goes away first. */
START_TEST(overlapping_windows) {
    open_bench();
    struct Sign s[3];
    for (unsigned i = 0; i < 3; i++) {
        sign_init(&s[i], i + 1, i == 2 ? 0x4000 : 0x1000);
        ck_assert_int_eq(pci_add_device(&host, &s[i].pci, 3 + i, 0), 0);
        cfg_write(3 + i, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_IO, 2);
    }
    cfg_write(3, PCI_BAR0, 0xd0000000, 4);
    cfg_write(4, PCI_BAR0, 0xd0001000, 4);
    cfg_write(5, PCI_BAR0, 0xd0000000, 4); /* the last, below both */
    ck_assert_uint_eq(signed_at(0xd0000000), 1);
    ck_assert_uint_eq(signed_at(0xd0001000), 2);
    ck_assert_uint_eq(signed_at(0xd0002000), 3);
    cfg_write(4, PCI_BAR0, 0xd0000000, 4);
    ck_assert_uint_eq(signed_at(0xd0000000), 1);
    ck_assert_uint_eq(signed_at(0xd0001000), 3);
    cfg_write(3, PCI_COMMAND, 0, 2);
    ck_assert_uint_eq(signed_at(0xd0000000), 2);
    cfg_write(4, PCI_BAR0, 0xd1000000, 4);
    ck_assert_uint_eq(signed_at(0xd0000000), 3);
    cfg_write(3, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_IO, 2);
    ck_assert_uint_eq(signed_at(0xd0000000), 1);
    /* ports: the same, and the one that goes away is the right one */
    for (unsigned slot = 5; slot >= 3; slot--)
        cfg_write(slot, PCI_BAR0 + 4, 0xc000, 4);
    ck_assert_uint_eq(bus_port_read(b.bus, 0xc000, 1), 1);
    cfg_write(5, PCI_BAR0 + 4, 0xd000, 4);
    ck_assert_uint_eq(bus_port_read(b.bus, 0xc000, 1), 1);
    ck_assert_uint_eq(bus_port_read(b.bus, 0xd000, 1), 3);
    cfg_write(3, PCI_BAR0 + 4, 0xe000, 4);
    ck_assert_uint_eq(bus_port_read(b.bus, 0xc000, 1), 2);
    bench_close(&b);
}
END_TEST

START_TEST(expansion_rom) {
    open_bench();
    struct Sign s;
    struct Region rom, odd;
    static const uint8_t image[] = {0x55, 0xaa, 2};
    sign_init(&s, 1, 0x1000);
    ck_assert_int_eq(region_init_rom(&rom, "rom", image, sizeof(image), 0x2000), 0);
    region_init_mmio(&odd, "odd", 0x3000, &sign_ops, &s);
    ck_assert_int_eq(pci_device_add_rom(&s.pci, &odd), -EINVAL);
    ck_assert_int_eq(pci_device_add_rom(&s.pci, &rom), 0);
    ck_assert_int_eq(pci_device_add_rom(&s.pci, &rom), -EINVAL);
    ck_assert_int_eq(pci_add_device(&host, &s.pci, 3, 0), 0);
    cfg_write(3, PCI_ROM, 0xfffffffe, 4);
    ck_assert_uint_eq(cfg_read(3, PCI_ROM, 4), 0xffffe000);
    cfg_write(3, PCI_ROM, 0xd0000001, 4);
    ck_assert_uint_eq(signed_at(0xd0000000), 0xff); /* the command register says no */
    cfg_write(3, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    ck_assert_uint_eq(bus_read_uint(b.bus, 0xd0000000, 4), 0x0002aa55);
    bus_write_uint(b.bus, 0xd0000000, 0, 4);
    ck_assert_uint_eq(signed_at(0xd0000001), 0xaa);
    cfg_write(3, PCI_ROM, 0xd0000000, 4);
    ck_assert_uint_eq(signed_at(0xd0000000), 0xff);
    pci_reset(&host);
    bench_close(&b);
    region_destroy(&rom);
}
END_TEST

/* A restored configuration space brings its windows, whatever was mapped before. */
START_TEST(restored_windows) {
    open_bench();
    struct Sign s;
    sign_init(&s, 1, 0x1000);
    ck_assert_int_eq(pci_add_device(&host, &s.pci, 3, 0), 0);
    cfg_write(3, PCI_BAR0, 0xd0000000, 4);
    cfg_write(3, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    struct PciDeviceState saved = s.state;
    cfg_write(3, PCI_BAR0, 0xd1000000, 4);
    s.state = saved;
    pci_restored(&host);
    ck_assert_uint_eq(signed_at(0xd0000000), 1);
    ck_assert_uint_eq(signed_at(0xd1000000), 0xff);
    bench_close(&b);
}
END_TEST

START_TEST(capabilities) {
    open_bench();
    struct Toy t;
    toy_init(&t, 0);
    ck_assert_int_eq(pci_device_add_capability(&t.pci, 9, 16), 0x40);
    ck_assert_int_eq(pci_device_add_capability(&t.pci, 0x11, 10), 0x50);
    ck_assert_int_eq(pci_device_add_capability(&t.pci, 9, 0xa4), 0x5c);
    ck_assert_int_eq(pci_device_add_capability(&t.pci, 9, 4), -ENOSPC);
    ck_assert_int_eq(pci_add_device(&host, &t.pci, 4, 0), 0);
    ck_assert_uint_eq(cfg_read(4, PCI_STATUS, 2), PCI_STATUS_CAPABILITIES);
    ck_assert_uint_eq(cfg_read(4, PCI_CAPABILITIES, 1), 0x5c);
    ck_assert_uint_eq(cfg_read(4, 0x5c, 2), 0x5009);
    ck_assert_uint_eq(cfg_read(4, 0x50, 2), 0x4011);
    ck_assert_uint_eq(cfg_read(4, 0x40, 2), 0x0009);
    bench_close(&b);
}
END_TEST

START_TEST(interrupts) {
    open_bench();
    struct Toy t[3];
    for (unsigned i = 0; i < 3; i++)
        toy_init(&t[i], i == 2 ? 2 : 1);
    pci_set_irq(&t[0].pci, true);                                /* not plugged in: nothing */
    ck_assert_int_eq(pci_add_device(&host, &t[0].pci, 3, 0), 0); /* PIRQ 2 */
    ck_assert_int_eq(pci_add_device(&host, &t[1].pci, 7, 0), 0); /* PIRQ 2 */
    ck_assert_int_eq(pci_add_device(&host, &t[2].pci, 4, 0), 0); /* INTB: PIRQ 0 */
    pci_route_pirq(&host, 2, 11);
    pci_route_pirq(&host, 0, 11);
    pci_route_pirq(&host, 1, 8); /* not for PIRQs: stays off */
    ck_assert_uint_eq(cfg_read(1, 0x60, 4), 0x800b800b);
    pci_set_irq(&t[0].pci, true);
    ck_assert(pirq[2].level && isa[11].level);
    ck_assert_uint_eq(cfg_read(3, PCI_STATUS, 2), PCI_STATUS_INTX);
    pci_set_irq(&t[1].pci, true); /* shared */
    pci_set_irq(&t[0].pci, false);
    ck_assert(pirq[2].level);
    pci_set_irq(&t[2].pci, true);
    ck_assert(pirq[0].level);
    pci_set_irq(&t[1].pci, false);
    ck_assert(!pirq[2].level && isa[11].level);
    ck_assert_uint_eq(isa[11].rises, 1);
    /* INTx disable */
    cfg_write(4, PCI_COMMAND, PCI_COMMAND_INTX_OFF, 2);
    ck_assert(!pirq[0].level && !isa[11].level);
    ck_assert_uint_eq(cfg_read(4, PCI_STATUS, 2), PCI_STATUS_INTX);
    cfg_write(4, PCI_COMMAND, 0, 2);
    ck_assert(pirq[0].level && isa[11].level);
    /* routed elsewhere, and nowhere */
    cfg_write(1, 0x60, 10, 1);
    ck_assert(!isa[11].level && isa[10].level);
    cfg_write(1, 0x60, 0x80, 1);
    ck_assert(!isa[10].level && pirq[0].level);
    cfg_write(1, 0x60, 0x00, 1); /* IRQ 0 can't be chosen */
    ck_assert(!isa[0].level);
    pci_reset(&host);
    ck_assert(!pirq[0].level);
    bench_close(&b);
}
END_TEST

/* ---- the host bridge's memory control ---- */

static unsigned shadow_changes;

static void shadow_changed(void *opaque) {
    ck_assert(opaque == &shadow_changes);
    shadow_changes++;
}

static void open_with_shadow(void) {
    open_bench();
    host.config.shadow_changed = shadow_changed;
    host.config.shadow_opaque = &shadow_changes;
    shadow_changes = 0;
}

START_TEST(shadow_registers) {
    open_with_shadow();
    for (unsigned n = 1; n < PCI_SHADOW_AREAS; n++) {
        ck_assert_uint_eq(pci_shadow_area(n).base, 0xc0000 + (n - 1) * 0x4000);
        ck_assert_uint_eq(pci_shadow_area(n).size, 0x4000);
    }
    ck_assert_uint_eq(pci_shadow_area(0).base, 0xf0000);
    ck_assert_uint_eq(pci_shadow_area(0).size, 0x10000);
    cfg_write(0, 0x58, 0xffffffff, 4); /* 59h-5Bh: areas 0 to 4 */
    ck_assert_uint_eq(shadow_changes, 1);
    ck_assert_uint_eq(cfg_read(0, 0x58, 4), 0x33333000);
    cfg_write(0, 0x5f, 0x12, 1); /* E8000h written to, EC000h read */
    ck_assert_uint_eq(shadow_changes, 2);
    for (unsigned n = 0; n < PCI_SHADOW_AREAS; n++)
        ck_assert_uint_eq(pci_shadow(&host, n), n <= 4 ? 3 : n == 11 ? PCI_SHADOW_WRITE : n == 12 ? 1 : 0);
    cfg_write(0, 0x60, 0xff, 1);
    ck_assert_uint_eq(shadow_changes, 2);
    pci_reset(&host);
    ck_assert_uint_eq(shadow_changes, 3);
    ck_assert_uint_eq(pci_shadow(&host, 0), 0);
    pci_restored(&host);
    ck_assert_uint_eq(shadow_changes, 4);
    bench_close(&b);
}
END_TEST

/* D_LCK holds itself and D_OPEN (82441FX data sheet, 3.2.19), over a restored state, too, until the next reset. */
START_TEST(smram_lock) {
    open_with_shadow();
    ck_assert_uint_eq(pci_smram(&host), 2);
    cfg_write(0, 0x72, 0xff, 1);
    ck_assert_uint_eq(cfg_read(0, 0x72, 1), 0x3a);
    cfg_write(0, 0x72, 0x48, 1);
    ck_assert_uint_eq(pci_smram(&host), 0x1a);
    ck_assert_uint_eq(shadow_changes, 2);
    struct PciHostState saved = host.state;
    pci_reset(&host);
    cfg_write(0, 0x72, 0x48, 1);
    ck_assert_uint_eq(pci_smram(&host), 0x4a);
    host.state = saved;
    pci_restored(&host);
    cfg_write(0, 0x72, 0x40, 1);
    ck_assert_uint_eq(pci_smram(&host), 0x12);
    bench_close(&b);
}
END_TEST

/* ---- bus mastering ---- */

static struct Region memory, rom;

static void open_with_memory(struct Toy *t) {
    open_bench();
    toy_init(t, 1);
    ck_assert_int_eq(pci_add_device(&host, &t->pci, 3, 0), 0);
    ck_assert_int_eq(region_init_ram(&memory, "ram", 0x4000), 0);
    ck_assert_int_eq(region_init_rom(&rom, "rom", "rom", 3, 0x1000), 0);
    ck_assert_int_eq(bus_map(b.bus, 0, &memory), 0);
    ck_assert_int_eq(bus_map(b.bus, 0x4000, &rom), 0);
    cfg_write(3, PCI_BAR0, 0xd0000000, 4);
    cfg_write(3, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
}

static void close_with_memory(void) {
    bench_close(&b);
    region_destroy(&memory);
    region_destroy(&rom);
}

START_TEST(dma_reaches_memory_alone) {
    struct Toy t;
    uint8_t buf[64];
    open_with_memory(&t);
    bus_write(b.bus, 0x100, "abcd", 4);
    ck_assert(!pci_dma_read(&t.pci, 0x100, buf, 4)); /* no bus master */
    ck_assert_uint_eq(buf[0], 0xff);
    ck_assert(!pci_dma_write(&t.pci, 0x100, "xxxx", 4));
    ck_assert_uint_eq(bus_read_uint(b.bus, 0x100, 1), 'a');
    cfg_write(3, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
    ck_assert(pci_dma_read(&t.pci, 0x100, buf, 4));
    ck_assert_mem_eq(buf, "abcd", 4);
    ck_assert(pci_dma_write(&t.pci, 0x3fff, "z", 1));
    ck_assert_uint_eq(cfg_read(3, PCI_STATUS, 2), 0);
    /* over RAM's end into ROM and a hole; into a device, its own */
    ck_assert(pci_dma_read(&t.pci, 0x3fff, buf, 4));
    ck_assert_mem_eq(buf, "zrom", 4);
    ck_assert(!pci_dma_write(&t.pci, 0x3fff, "yyyy", 4));
    ck_assert_uint_eq(bus_read_uint(b.bus, 0x3fff, 4), 0x6d6f7279);
    ck_assert_uint_eq(cfg_read(3, PCI_STATUS, 2), 0x2000);
    ck_assert(!pci_dma_read(&t.pci, 0x4fff, buf, 64));
    ck_assert_uint_eq(buf[0] | buf[1] << 8, 0xff00);
    t.last_value = 0;
    ck_assert(!pci_dma_write(&t.pci, 0xd0000000, "abcd", 4));
    ck_assert_uint_eq(t.last_value, 0);
    ck_assert(!pci_dma_read(&t.pci, 0xd0000000, buf, 4));
    ck_assert_uint_eq(buf[3], 0xff);
    ck_assert(!pci_dma_write(&t.pci, UINT64_MAX - 1, "abcd", 4)); /* around the end */
    ck_assert_uint_eq(bus_read_uint(b.bus, 0, 2), 0x6463);
    close_with_memory();
}
END_TEST

/* ---- message signaled interrupts ---- */

static uint64_t msi_address;
static uint32_t msi_data;
static unsigned msis;

static void msi_sent(void *opaque, uint64_t address, uint32_t data) {
    ck_assert_ptr_eq(opaque, &msis);
    msi_address = address;
    msi_data = data;
    msis++;
}

static void open_with_messages(struct Toy *t) {
    open_with_memory(t);
    host.config.msi = msi_sent;
    host.config.msi_opaque = &msis;
    msis = 0;
}

START_TEST(msi) {
    struct Toy t;
    open_with_messages(&t);
    ck_assert_int_eq(pci_msi_init(&t.pci, 3), -EINVAL);
    ck_assert_int_eq(pci_msi_init(&t.pci, 4), 0);
    ck_assert_int_eq(pci_msi_init(&t.pci, 4), -EINVAL);
    pci_reset(&host);
    cfg_write(3, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
    ck_assert_uint_eq(cfg_read(3, 0x40, 4), 0x01840005);
    cfg_write(3, 0x44, 0xfee01003, 4);
    cfg_write(3, 0x4c, 0x4147, 2);
    pci_msi_send(&t.pci, 0);
    ck_assert_uint_eq(msis, 0);
    pci_set_irq(&t.pci, true);
    ck_assert(pirq[2].level);
    cfg_write(3, 0x42, 1 | 2 << 4, 2);
    ck_assert(!pirq[2].level); /* MSI or the pin */
    pci_msi_send(&t.pci, 2);
    ck_assert_uint_eq(msis, 1);
    ck_assert_uint_eq(msi_address, 0xfee01000);
    ck_assert_uint_eq(msi_data, 0x4146);
    cfg_write(3, 0x42, 1 | 7 << 4, 2); /* more than there are: all four */
    pci_msi_send(&t.pci, 7);
    ck_assert_uint_eq(msi_data, 0x4147);
    cfg_write(3, 0x42, 1, 2); /* one for all */
    pci_msi_send(&t.pci, 3);
    ck_assert_uint_eq(msi_data, 0x4147);
    /* masked: pending until it is not */
    cfg_write(3, 0x50, 0xffffffff, 4);
    ck_assert_uint_eq(cfg_read(3, 0x50, 4), 0xf);
    pci_msi_send(&t.pci, 0);
    ck_assert_uint_eq(msis, 3);
    ck_assert_uint_eq(cfg_read(3, 0x54, 4), 1);
    cfg_write(3, 0x50, 0xe, 4);
    ck_assert_uint_eq(msis, 4);
    ck_assert_uint_eq(cfg_read(3, 0x54, 4), 0);
    /* to memory, as any write; and no message without being bus master */
    cfg_write(3, 0x44, 0x200, 4);
    pci_msi_send(&t.pci, 0);
    ck_assert_uint_eq(bus_read_uint(b.bus, 0x200, 4), 0x4147);
    cfg_write(3, PCI_COMMAND, 0, 2);
    bus_write_uint(b.bus, 0x200, 0, 4);
    pci_msi_send(&t.pci, 0);
    ck_assert_uint_eq(bus_read_uint(b.bus, 0x200, 4), 0);
    cfg_write(3, 0x42, 0, 2);
    ck_assert(pirq[2].level);
    close_with_memory();
}
END_TEST

START_TEST(msi_x) {
    struct Toy t;
    struct PciMsix x;
    static struct PciMsixState state;
    open_with_messages(&t);
    ck_assert_int_eq(pci_msix_init(&x, &state, &t.pci, 65, 5), -EINVAL);
    ck_assert_int_eq(pci_msix_init(&x, &state, &t.pci, 3, 0), -EINVAL); /* the BAR is taken */
    ck_assert_int_eq(pci_msix_init(&x, &state, &t.pci, 3, 5), 0);
    pci_reset(&host);
    ck_assert_uint_eq(cfg_read(3, 0x40, 4), 0x00020011);
    ck_assert_uint_eq(cfg_read(3, 0x44, 4), 5);
    ck_assert_uint_eq(cfg_read(3, 0x48, 4), 0x805);
    cfg_write(3, PCI_BAR0 + 20, 0xd8000000, 4);
    cfg_write(3, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
    for (unsigned n = 0; n < 4; n++) { /* one beyond the table */
        bus_write_uint(b.bus, 0xd8000000 + 16 * n, 0xfee00000 + 0x1000 * n, 4);
        bus_write_uint(b.bus, 0xd8000008 + 16 * n, 0x30 + n, 4);
    }
    ck_assert_uint_eq(bus_read_uint(b.bus, 0xd800000c, 4), 1);
    ck_assert_uint_eq(bus_read_uint(b.bus, 0xd8000038, 4), 0);
    pci_msix_send(&x, 1);
    cfg_write(3, 0x42, 0x8000, 2);
    pci_msix_send(&x, 1); /* masked */
    ck_assert_uint_eq(msis, 0);
    ck_assert_uint_eq(bus_read_uint(b.bus, 0xd8000800, 8), 2);
    cfg_write(3, 0x42, 0xc000, 2);
    bus_write_uint(b.bus, 0xd800001c, 0, 4);
    ck_assert_uint_eq(msis, 0); /* all are */
    cfg_write(3, 0x42, 0x8000, 2);
    ck_assert_uint_eq(msis, 1);
    ck_assert_uint_eq(msi_address, 0xfee01000);
    ck_assert_uint_eq(msi_data, 0x31);
    ck_assert_uint_eq(bus_read_uint(b.bus, 0xd8000800, 8), 0);
    pci_msix_send(&x, 1);
    pci_msix_send(&x, 3);
    ck_assert_uint_eq(msis, 2);
    pci_msix_reset(&x);
    ck_assert_uint_eq(bus_read_uint(b.bus, 0xd800001c, 4), 1);
    close_with_memory();
}
END_TEST

START_TEST(several_functions) {
    open_bench();
    struct Toy t[2];
    toy_init(&t[0], 1);
    toy_init(&t[1], 1);
    ck_assert_int_eq(pci_add_device(&host, &t[0].pci, 3, 2), 0);
    ck_assert_int_eq(pci_add_device(&host, &t[1].pci, 3, 0), 0);
    ck_assert_uint_eq(cfg_read(3, PCI_HEADER_TYPE, 1), 0x80);
    ck_assert_uint_eq(cfg_read(0, PCI_HEADER_TYPE, 1), 0);
    pci_reset(&host);
    ck_assert_uint_eq(cfg_read(3, PCI_HEADER_TYPE, 1), 0x80);
    bench_close(&b);
}
END_TEST

START_TEST(survives_anything) {
    open_bench();
    struct Toy t;
    uint32_t seed = 3;
    toy_init(&t, 1);
    ck_assert_int_eq(pci_add_device(&host, &t.pci, 3, 0), 0);
    for (unsigned i = 0; i < 20000; i++) {
        seed = seed * 1664525 + 1013904223;
        unsigned slot = seed >> 10 & 3, reg = seed >> 12 & 0xff, size = 1u << (seed >> 20) % 3;
        uint32_t value = seed * 2654435761u;
        if (reg % 4 + size > 4)
            continue;
        if (seed >> 24 & 1)
            cfg_write(slot, seed >> 25 & 1 ? 4 : reg, value, seed >> 25 & 1 ? 2 : size);
        else
            cfg_read(slot, reg, size);
        pci_set_irq(&t.pci, seed >> 30 & 1);
    }
    bench_close(&b);
}
END_TEST

Suite *pci_suite(void) {
    Suite *s = suite_create("pci");
    TCase *t = tcase_create("pci");
    tcase_add_test(t, mechanism_1);
    tcase_add_test(t, header_masks);
    tcase_add_test(t, bars);
    tcase_add_test(t, overlapping_windows);
    tcase_add_test(t, expansion_rom);
    tcase_add_test(t, restored_windows);
    tcase_add_test(t, capabilities);
    tcase_add_test(t, interrupts);
    tcase_add_test(t, shadow_registers);
    tcase_add_test(t, smram_lock);
    tcase_add_test(t, dma_reaches_memory_alone);
    tcase_add_test(t, msi);
    tcase_add_test(t, msi_x);
    tcase_add_test(t, several_functions);
    tcase_add_test(t, survives_anything);
    suite_add_tcase(s, t);
    return s;
}
