/* SPDX-License-Identifier: MIT */
/** Local APICs with make-believe CPUs, for the tests of local APIC and I/O APIC. */
#ifndef TWIN86_TESTS_UNIT_APIC_BENCH_H
#define TWIN86_TESTS_UNIT_APIC_BENCH_H

#include "devices/apic/ioapic.h"
#include "devices/apic/lapic.h"
#include "tests/unit/devices/device_bench.h"

enum {
    APIC_ID = 0x20,
    APIC_VERSION = 0x30,
    APIC_TPR = 0x80,
    APIC_PPR = 0xa0,
    APIC_EOI = 0xb0,
    APIC_LDR = 0xd0,
    APIC_DFR = 0xe0,
    APIC_SVR = 0xf0,
    APIC_ISR = 0x100,
    APIC_TMR = 0x180,
    APIC_IRR = 0x200,
    APIC_ESR = 0x280,
    APIC_ICR = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVTT = 0x320,
    APIC_LVTPC = 0x340,
    APIC_LVT0 = 0x350,
    APIC_LVT1 = 0x360,
    APIC_LVTERR = 0x370,
    APIC_INITIAL = 0x380,
    APIC_CURRENT = 0x390,
    APIC_DIVIDE = 0x3e0
};

struct FakeCpu {
    struct Lapic lapic;
    struct DeviceBench *bench;
    bool intr;
    unsigned nmis, inits, sipis, pic_acks;
    uint8_t sipi_vector;
    int pic_vector;
    uint64_t tsc_offset, base;
};

enum { BENCH_CPUS = 4 };

struct ApicBench {
    struct DeviceBench bench;
    struct ApicBus bus;
    struct ApicPage page;
    struct FakeCpu cpu[BENCH_CPUS];
    unsigned count, current;
};

static void fake_intr(void *opaque, bool level) {
    struct FakeCpu *c = opaque;
    c->intr = level;
}

static void fake_nmi(void *opaque) {
    struct FakeCpu *c = opaque;
    c->nmis++;
}

static void fake_init(void *opaque) {
    struct FakeCpu *c = opaque;
    c->inits++;
}

static void fake_sipi(void *opaque, uint8_t vector) {
    struct FakeCpu *c = opaque;
    c->sipis++;
    c->sipi_vector = vector;
}

/* 2 GHz */
static uint64_t fake_tsc(void *opaque) {
    struct FakeCpu *c = opaque;
    return 2 * (uint64_t)clock_now(c->bench->clock) + c->tsc_offset;
}

static int fake_pic(void *opaque) {
    struct FakeCpu *c = opaque;
    c->pic_acks++;
    lapic_set_lint(&c->lapic, 0, false); /* as a PIC with one request does */
    return c->pic_vector;
}

static void fake_base(void *opaque, uint64_t base) {
    struct FakeCpu *c = opaque;
    c->base = base;
}

static const struct LapicCpuOps fake_ops = {
    .set_intr = fake_intr,
    .nmi = fake_nmi,
    .init = fake_init,
    .sipi = fake_sipi,
    .read_tsc = fake_tsc,
    .pic_acknowledge = fake_pic,
    .base_changed = fake_base,
};

static struct Lapic *fake_current(void *opaque) {
    struct ApicBench *b = opaque;
    return &b->cpu[b->current].lapic;
}

static inline uint32_t apic_read(struct ApicBench *b, unsigned cpu, unsigned offset) {
    b->current = cpu;
    return bus_read_uint(b->bench.bus, LAPIC_DEFAULT_BASE + offset, 4);
}

static inline void apic_write(struct ApicBench *b, unsigned cpu, unsigned offset, uint32_t value) {
    b->current = cpu;
    bus_write_uint(b->bench.bus, LAPIC_DEFAULT_BASE + offset, value, 4);
}

/** `count` CPUs with ids 0, 1, ... in xAPIC mode, as after reset. */
static inline void apic_open(struct ApicBench *b, unsigned count) {
    memset(b, 0, sizeof(*b));
    bench_open(&b->bench);
    apic_bus_init(&b->bus);
    b->bus.current = fake_current;
    b->bus.current_opaque = b;
    b->count = count;
    for (unsigned i = 0; i < count; i++) {
        struct LapicConfig config = {
            .id = i, .bsp = i == 0, .x2apic = true, .tsc_deadline = true, .phys_bits = 40, .tsc_hz = 2000000000};
        b->cpu[i].bench = &b->bench;
        b->cpu[i].pic_vector = -1;
        lapic_init(&b->cpu[i].lapic, &config, &b->bus, b->bench.clock, &fake_ops, &b->cpu[i]);
    }
    apic_page_init(&b->page, &b->bus);
    b->page.at = LAPIC_DEFAULT_BASE;
    ck_assert_int_eq(bus_map(b->bench.bus, LAPIC_DEFAULT_BASE, &b->page.region), 0);
}

/** The same, software-enabled. */
static inline void apic_open_enabled(struct ApicBench *b, unsigned count) {
    apic_open(b, count);
    for (unsigned i = 0; i < count; i++)
        apic_write(b, i, APIC_SVR, 0x1ff);
}

static inline void apic_close(struct ApicBench *b) { bench_close(&b->bench); }

/** Take the interrupt that waits, and end it. */
static inline int apic_take(struct ApicBench *b, unsigned cpu) {
    int v = lapic_acknowledge(&b->cpu[cpu].lapic);
    if (v >= 0)
        apic_write(b, cpu, APIC_EOI, 0);
    return v;
}

#endif
