/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tests/unit/devices/apic_bench.h"
#include "tests/unit/suites.h"

static struct ApicBench b;

static bool wrmsr(unsigned cpu, uint32_t msr, uint64_t value) { return lapic_write_msr(&b.cpu[cpu].lapic, msr, value); }

static uint64_t rdmsr(unsigned cpu, uint32_t msr) {
    uint64_t value = 0;
    ck_assert_msg(lapic_read_msr(&b.cpu[cpu].lapic, msr, &value), "MSR %x can't be read", msr);
    return value;
}

static bool can_read(unsigned cpu, uint32_t msr) {
    uint64_t value;
    return lapic_read_msr(&b.cpu[cpu].lapic, msr, &value);
}

static void to_x2apic(unsigned cpu) {
    struct Lapic *l = &b.cpu[cpu].lapic;
    ck_assert(lapic_set_base(l, lapic_get_base(l) | APIC_BASE_X2APIC));
}

static void send_fixed(uint8_t vector) {
    struct ApicMessage msg = {.dest = 0, .vector = vector};
    apic_bus_deliver(&b.bus, &msg, NULL);
}

START_TEST(reset_state) {
    apic_open(&b, 2);
    ck_assert_uint_eq(lapic_get_base(&b.cpu[0].lapic), 0xfee00900);
    ck_assert_uint_eq(lapic_get_base(&b.cpu[1].lapic), 0xfee00800);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_ID), 0);
    ck_assert_uint_eq(apic_read(&b, 1, APIC_ID), 0x01000000);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_VERSION), 0x50014);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_SVR), 0xff);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_DFR), 0xffffffff);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_LVTT), 0x10000);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_LVT0), 0x10000);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_TPR), 0);
    ck_assert(!b.cpu[0].intr);
    /* software-disabled: LVT masks stick, fixed interrupts are refused */
    apic_write(&b, 0, APIC_LVT0, 0x700);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_LVT0), 0x10700);
    send_fixed(0x40);
    ck_assert(!b.cpu[0].intr);
    apic_close(&b);
}
END_TEST

START_TEST(priorities_nest) {
    apic_open_enabled(&b, 1);
    struct Lapic *l = &b.cpu[0].lapic;
    send_fixed(0x31);
    send_fixed(0x52);
    ck_assert(b.cpu[0].intr);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_IRR + 0x10), 1u << 0x11);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_IRR + 0x20), 1u << 0x12);
    ck_assert_int_eq(lapic_acknowledge(l), 0x52);
    ck_assert(!b.cpu[0].intr); /* 31h waits for the EOI */
    ck_assert_int_eq(lapic_acknowledge(l), -1);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_PPR), 0x50);
    send_fixed(0x5f); /* same class: waits, too */
    ck_assert(!b.cpu[0].intr);
    send_fixed(0x61);
    ck_assert(b.cpu[0].intr);
    ck_assert_int_eq(lapic_acknowledge(l), 0x61);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_ISR + 0x30), 1u << 1);
    apic_write(&b, 0, APIC_EOI, 0);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_PPR), 0x50);
    apic_write(&b, 0, APIC_EOI, 0);
    ck_assert(b.cpu[0].intr);
    ck_assert_int_eq(apic_take(&b, 0), 0x5f);
    ck_assert_int_eq(apic_take(&b, 0), 0x31);
    ck_assert_int_eq(apic_take(&b, 0), -1);
    apic_write(&b, 0, APIC_EOI, 0); /* one too many does no harm */
    apic_close(&b);
}
END_TEST

START_TEST(tpr_and_cr8) {
    apic_open_enabled(&b, 1);
    struct Lapic *l = &b.cpu[0].lapic;
    lapic_set_cr8(l, 5);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_TPR), 0x50);
    send_fixed(0x5f);
    ck_assert(!b.cpu[0].intr);
    lapic_set_cr8(l, 4);
    ck_assert(b.cpu[0].intr);
    apic_write(&b, 0, APIC_TPR, 0x67);
    ck_assert(!b.cpu[0].intr);
    ck_assert_uint_eq(lapic_get_cr8(l), 6);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_PPR), 0x67);
    apic_write(&b, 0, APIC_TPR, 0);
    ck_assert_int_eq(apic_take(&b, 0), 0x5f);
    apic_close(&b);
}
END_TEST

START_TEST(pic_through_lint0) {
    apic_open(&b, 1);
    struct Lapic *l = &b.cpu[0].lapic;
    struct IrqWire w = lapic_extint_wire(l);
    b.cpu[0].pic_vector = 0x08;
    irq_set(&w, true);
    ck_assert(!b.cpu[0].intr); /* LINT0 masked after reset */
    lapic_set_virtual_wire(l);
    ck_assert(b.cpu[0].intr);
    ck_assert_int_eq(lapic_acknowledge(l), 0x08);
    ck_assert(!b.cpu[0].intr);
    ck_assert_uint_eq(b.cpu[0].pic_acks, 1);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_PPR), 0); /* no trace in ISR: the EOI goes to the PIC */
    /* an APIC interrupt goes first; TPR does not stop the PIC */
    apic_write(&b, 0, APIC_TPR, 0xf0);
    irq_set(&w, true);
    ck_assert(b.cpu[0].intr);
    ck_assert_int_eq(lapic_acknowledge(l), 0x08);
    apic_write(&b, 0, APIC_TPR, 0);
    irq_set(&w, true);
    send_fixed(0x40);
    ck_assert_int_eq(lapic_acknowledge(l), 0x40);
    ck_assert_int_eq(lapic_acknowledge(l), 0x08);
    /* masked */
    apic_write(&b, 0, APIC_LVT0, 0x10700);
    irq_set(&w, true);
    ck_assert(!b.cpu[0].intr);
    apic_write(&b, 0, APIC_LVT0, 0x700);
    ck_assert(b.cpu[0].intr);
    irq_set(&w, false);
    ck_assert(!b.cpu[0].intr);
    ck_assert_int_eq(lapic_acknowledge(l), -1);
    /* APIC off: straight through */
    ck_assert(lapic_set_base(l, LAPIC_DEFAULT_BASE));
    irq_set(&w, true);
    ck_assert(b.cpu[0].intr);
    ck_assert_int_eq(lapic_acknowledge(l), 0x08);
    apic_close(&b);
}
END_TEST

START_TEST(lint_pins) {
    apic_open_enabled(&b, 1);
    struct Lapic *l = &b.cpu[0].lapic;
    apic_write(&b, 0, APIC_LVT1, 0x400);
    struct IrqWire w = lapic_nmi_wire(l);
    irq_set(&w, true);
    irq_set(&w, true);
    ck_assert_uint_eq(b.cpu[0].nmis, 1);
    irq_set(&w, false);
    /* fixed, edge */
    apic_write(&b, 0, APIC_LVT1, 0x45);
    irq_set(&w, true);
    ck_assert_int_eq(apic_take(&b, 0), 0x45);
    ck_assert(!b.cpu[0].intr);
    irq_set(&w, false);
    /* fixed, level: comes back after EOI while the pin is high */
    apic_write(&b, 0, APIC_LVT1, 0x8046);
    irq_set(&w, true);
    ck_assert_int_eq(lapic_acknowledge(l), 0x46);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_LVT1), 0xc046);
    ck_assert(!b.cpu[0].intr);
    apic_write(&b, 0, APIC_EOI, 0);
    ck_assert(b.cpu[0].intr);
    ck_assert_int_eq(lapic_acknowledge(l), 0x46);
    irq_set(&w, false);
    apic_write(&b, 0, APIC_EOI, 0);
    ck_assert(!b.cpu[0].intr);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_LVT1), 0x8046);
    apic_close(&b);
}
END_TEST

START_TEST(timer_one_shot) {
    apic_open_enabled(&b, 1);
    apic_write(&b, 0, APIC_DIVIDE, 0xb); /* by 1 */
    apic_write(&b, 0, APIC_LVTT, 0x40);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_CURRENT), 0);
    apic_write(&b, 0, APIC_INITIAL, 1000);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_CURRENT), 1000);
    bench_run(&b.bench, 400);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_CURRENT), 600);
    ck_assert(!b.cpu[0].intr);
    bench_run(&b.bench, 599);
    ck_assert(!b.cpu[0].intr);
    bench_run(&b.bench, 1);
    ck_assert(b.cpu[0].intr);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_CURRENT), 0);
    ck_assert_int_eq(apic_take(&b, 0), 0x40);
    bench_run(&b.bench, 10000);
    ck_assert(!b.cpu[0].intr);
    /* a count of 0 stops it */
    apic_write(&b, 0, APIC_INITIAL, 1000);
    apic_write(&b, 0, APIC_INITIAL, 0);
    ck_assert_int_eq(clock_deadline(b.bench.clock), CLOCK_NEVER);
    apic_close(&b);
}
END_TEST

START_TEST(timer_divides) {
    static const struct {
        uint32_t code;
        unsigned by;
    } codes[] = {{0, 2}, {1, 4}, {2, 8}, {3, 16}, {8, 32}, {9, 64}, {10, 128}, {11, 1}};
    apic_open_enabled(&b, 1);
    apic_write(&b, 0, APIC_LVTT, 0x40);
    for (unsigned i = 0; i < 8; i++) {
        apic_write(&b, 0, APIC_DIVIDE, codes[i].code);
        int64_t start = clock_now(b.bench.clock);
        apic_write(&b, 0, APIC_INITIAL, 100);
        ck_assert_int_eq(clock_deadline(b.bench.clock), start + 100 * codes[i].by);
        bench_run(&b.bench, 50 * codes[i].by);
        ck_assert_uint_eq(apic_read(&b, 0, APIC_CURRENT), 50);
    }
    /* a change while it runs keeps the count (now by 1, 50 left) */
    apic_write(&b, 0, APIC_DIVIDE, 0);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_CURRENT), 50);
    ck_assert_int_eq(clock_deadline(b.bench.clock), clock_now(b.bench.clock) + 100);
    apic_close(&b);
}
END_TEST

START_TEST(timer_periodic) {
    apic_open_enabled(&b, 1);
    apic_write(&b, 0, APIC_DIVIDE, 0xb);
    apic_write(&b, 0, APIC_LVTT, 0x20040);
    apic_write(&b, 0, APIC_INITIAL, 10000);
    for (unsigned i = 0; i < 5; i++) {
        bench_run(&b.bench, 9999);
        ck_assert(!b.cpu[0].intr);
        bench_run(&b.bench, 1);
        ck_assert_int_eq(apic_take(&b, 0), 0x40);
        ck_assert_uint_eq(apic_read(&b, 0, APIC_CURRENT), 10000);
    }
    /* served late: the phase stays */
    clock_advance_to(b.bench.clock, clock_now(b.bench.clock) + 25000);
    clock_run(b.bench.clock);
    ck_assert_int_eq(apic_take(&b, 0), 0x40);
    ck_assert_int_eq(clock_deadline(b.bench.clock), clock_now(b.bench.clock) + 5000);
    /* masked: counts on without host timers */
    apic_write(&b, 0, APIC_LVTT, 0x30040);
    ck_assert_int_eq(clock_deadline(b.bench.clock), CLOCK_NEVER);
    bench_run(&b.bench, 16000);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_CURRENT), 9000);
    apic_write(&b, 0, APIC_LVTT, 0x20040);
    ck_assert(!b.cpu[0].intr);
    bench_run(&b.bench, 9000);
    ck_assert_int_eq(apic_take(&b, 0), 0x40);
    /* to one-shot while it runs */
    bench_run(&b.bench, 1000);
    apic_write(&b, 0, APIC_LVTT, 0x41);
    bench_run(&b.bench, 9000);
    ck_assert_int_eq(apic_take(&b, 0), 0x41);
    ck_assert_int_eq(clock_deadline(b.bench.clock), CLOCK_NEVER);
    /* an absurd period does not stop the world */
    apic_write(&b, 0, APIC_LVTT, 0x20040);
    apic_write(&b, 0, APIC_INITIAL, 1);
    bench_run(&b.bench, 1000000);
    ck_assert_int_eq(apic_take(&b, 0), 0x40);
    apic_close(&b);
}
END_TEST

START_TEST(timer_at_the_end_of_time) {
    apic_open_enabled(&b, 1);
    bench_run_dry(&b.bench);
    apic_write(&b, 0, APIC_DIVIDE, 0xa);
    static const uint32_t modes[] = {0, 0x20000};
    for (unsigned i = 0; i < 2; i++) {
        apic_write(&b, 0, APIC_LVTT, modes[i] | 0x40);
        apic_write(&b, 0, APIC_INITIAL, 0xffffffff);
        ck_assert_uint_gt(apic_read(&b, 0, APIC_CURRENT), 0);
        bench_sleep_at_end(&b.bench);
        ck_assert_int_eq(apic_take(&b, 0), 0x40);
    }
    apic_write(&b, 0, APIC_LVTT, 0x40040);
    ck_assert(lapic_write_msr(&b.cpu[0].lapic, 0x6e0, UINT64_MAX));
    bench_sleep_at_end(&b.bench);
    ck_assert_int_eq(apic_take(&b, 0), 0x40);
    apic_close(&b);
}
END_TEST

/* What a write to the LVT that changes the mode makes of a count (SDM vol. 3, 11.5.4 and 11.5.4.1), from every mode to
 * every other: one that goes on does so where it was; one-shot that ran out stays at 0 until the initial count is
 * written; to and from TSC-deadline mode everything is disarmed. */
enum { ONE_SHOT = 0, PERIODIC = 0x20000, DEADLINE = 0x40000, MASKED = 0x10000 };

START_TEST(timer_mode_changes) {
    static const struct {
        uint32_t from;
        unsigned run; /* of 1000 */
        uint32_t to;
        uint32_t current; /* right after the change */
        uint32_t later;   /* 700 ns later */
        unsigned first;   /* whether an interrupt came before the change, and after it */
        unsigned second;
    } rows[] = {
        {ONE_SHOT, 400, PERIODIC, 600, 900, 0, 1},
        {ONE_SHOT, 1000, PERIODIC, 0, 0, 1, 0},
        {ONE_SHOT, 5000, PERIODIC, 0, 0, 1, 0},
        {ONE_SHOT | MASKED, 400, PERIODIC, 600, 900, 0, 1},
        {ONE_SHOT | MASKED, 1000, PERIODIC, 0, 0, 0, 0},
        {ONE_SHOT | MASKED, 2300, PERIODIC | MASKED, 0, 0, 0, 0},
        {ONE_SHOT | MASKED, 2300, ONE_SHOT, 0, 0, 0, 0},
        {PERIODIC, 400, ONE_SHOT, 600, 0, 0, 1},
        {PERIODIC | MASKED, 1400, ONE_SHOT, 600, 0, 0, 1},
        {PERIODIC | MASKED, 1400, PERIODIC, 600, 900, 0, 1},
        {ONE_SHOT, 400, DEADLINE, 0, 0, 0, 0},
        {PERIODIC, 400, DEADLINE, 0, 0, 0, 0},
        {DEADLINE, 400, ONE_SHOT, 0, 0, 0, 0},
        {DEADLINE, 400, PERIODIC, 0, 0, 0, 0},
    };
    for (unsigned k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        apic_open_enabled(&b, 1);
        apic_write(&b, 0, APIC_DIVIDE, 0xb);
        apic_write(&b, 0, APIC_LVTT, 0x40 | rows[k].from);
        apic_write(&b, 0, APIC_INITIAL, 1000); /* ignored in TSC-deadline mode */
        wrmsr(0, 0x6e0, 2000);                 /* ignored in the others */
        bench_run(&b.bench, rows[k].run);
        ck_assert_msg(b.cpu[0].intr == rows[k].first, "row %u", k);
        if (rows[k].first)
            apic_take(&b, 0);
        apic_write(&b, 0, APIC_LVTT, 0x41 | rows[k].to);
        ck_assert_msg(apic_read(&b, 0, APIC_CURRENT) == rows[k].current, "row %u: %u after the change", k,
                      apic_read(&b, 0, APIC_CURRENT));
        ck_assert_uint_eq(rdmsr(0, 0x6e0), 0);
        bench_run(&b.bench, 700);
        ck_assert_msg(apic_read(&b, 0, APIC_CURRENT) == rows[k].later, "row %u: %u later", k,
                      apic_read(&b, 0, APIC_CURRENT));
        ck_assert_msg(b.cpu[0].intr == rows[k].second, "row %u", k);
        if (rows[k].second)
            ck_assert_int_eq(apic_take(&b, 0), 0x41);
        /* the initial count starts it anew, where there is one */
        apic_write(&b, 0, APIC_LVTT, 0x41 | rows[k].to);
        apic_write(&b, 0, APIC_INITIAL, 50);
        ck_assert_uint_eq(apic_read(&b, 0, APIC_CURRENT), rows[k].to == DEADLINE ? 0 : 50);
        apic_close(&b);
    }
}
END_TEST

/* A change of the LVT or the divider at the very time: the interrupt that is due is not lost, and comes once. */
START_TEST(timer_due_at_change) {
    for (unsigned k = 0; k < 4; k++) {
        apic_open_enabled(&b, 1);
        apic_write(&b, 0, APIC_DIVIDE, 0xb);
        apic_write(&b, 0, APIC_LVTT, 0x40 | (k & 1 ? PERIODIC : ONE_SHOT));
        apic_write(&b, 0, APIC_INITIAL, 1000);
        clock_advance_to(b.bench.clock, clock_now(b.bench.clock) + 1200); /* no timer was run */
        if (k & 2)
            apic_write(&b, 0, APIC_DIVIDE, 0);
        else
            apic_write(&b, 0, APIC_LVTT, 0x41 | (k & 1 ? ONE_SHOT : PERIODIC));
        ck_assert_uint_eq(apic_read(&b, 0, APIC_CURRENT), k & 1 ? 800 : 0);
        ck_assert(b.cpu[0].intr);
        ck_assert_int_eq(apic_take(&b, 0), 0x40);
        clock_run(b.bench.clock);
        ck_assert_msg(!b.cpu[0].intr, "change %u: a second interrupt", k);
        apic_close(&b);
    }
}
END_TEST

START_TEST(timer_tsc_deadline) {
    apic_open_enabled(&b, 1);
    b.cpu[0].tsc_offset = 1000000;
    ck_assert(wrmsr(0, 0x6e0, 2000000)); /* another mode: ignored */
    ck_assert_uint_eq(rdmsr(0, 0x6e0), 0);
    apic_write(&b, 0, APIC_LVTT, 0x40040);
    apic_write(&b, 0, APIC_INITIAL, 5); /* ignored in this mode */
    ck_assert_int_eq(clock_deadline(b.bench.clock), CLOCK_NEVER);
    ck_assert(wrmsr(0, 0x6e0, 1002000));
    ck_assert_uint_eq(rdmsr(0, 0x6e0), 1002000);
    ck_assert_int_eq(clock_deadline(b.bench.clock), 1000); /* 2000 cycles at 2 GHz */
    bench_run(&b.bench, 999);
    ck_assert(!b.cpu[0].intr);
    bench_run(&b.bench, 1);
    ck_assert_int_eq(apic_take(&b, 0), 0x40);
    ck_assert_uint_eq(rdmsr(0, 0x6e0), 0);
    /* in the past: at once */
    ck_assert(wrmsr(0, 0x6e0, 1));
    ck_assert_int_eq(apic_take(&b, 0), 0x40);
    /* 0 disarms, and so does a change of mode */
    ck_assert(wrmsr(0, 0x6e0, 9000000));
    ck_assert(wrmsr(0, 0x6e0, 0));
    ck_assert_int_eq(clock_deadline(b.bench.clock), CLOCK_NEVER);
    ck_assert(wrmsr(0, 0x6e0, 9000000));
    apic_write(&b, 0, APIC_LVTT, 0x40);
    ck_assert_int_eq(clock_deadline(b.bench.clock), CLOCK_NEVER);
    apic_write(&b, 0, APIC_LVTT, 0x40040);
    ck_assert_uint_eq(rdmsr(0, 0x6e0), 0);
    /* an end-of-time deadline is no overflow; setting the TSC re-arms */
    ck_assert(wrmsr(0, 0x6e0, UINT64_MAX));
    ck_assert_int_gt(clock_deadline(b.bench.clock), 0);
    bench_run(&b.bench, 86400 * NS_PER_SEC * 2);
    ck_assert(!b.cpu[0].intr);
    ck_assert(wrmsr(0, 0x6e0, UINT64_MAX - 5));
    b.cpu[0].tsc_offset = UINT64_MAX - 2 * (uint64_t)clock_now(b.bench.clock);
    lapic_tsc_changed(&b.cpu[0].lapic);
    ck_assert_int_eq(apic_take(&b, 0), 0x40);
    apic_close(&b);
}
END_TEST

START_TEST(ipi_destinations) {
    apic_open_enabled(&b, 4);
    /* physical */
    apic_write(&b, 0, APIC_ICR_HIGH, 2u << 24);
    apic_write(&b, 0, APIC_ICR, 0x41);
    ck_assert_int_eq(apic_take(&b, 2), 0x41);
    ck_assert(!b.cpu[0].intr && !b.cpu[1].intr && !b.cpu[3].intr);
    apic_write(&b, 0, APIC_ICR_HIGH, 0xffu << 24);
    apic_write(&b, 0, APIC_ICR, 0x42);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_eq(apic_take(&b, i), 0x42);
    /* flat logical */
    for (unsigned i = 0; i < 4; i++)
        apic_write(&b, i, APIC_LDR, 1u << (24 + i));
    apic_write(&b, 1, APIC_ICR_HIGH, 0x0au << 24);
    apic_write(&b, 1, APIC_ICR, 0x843);
    ck_assert_int_eq(apic_take(&b, 1), 0x43);
    ck_assert_int_eq(apic_take(&b, 3), 0x43);
    ck_assert(!b.cpu[0].intr && !b.cpu[2].intr);
    /* cluster */
    for (unsigned i = 0; i < 4; i++) {
        apic_write(&b, i, APIC_DFR, 0);
        apic_write(&b, i, APIC_LDR, ((i / 2) << 4 | 1u << i % 2) << 24);
    }
    ck_assert_uint_eq(apic_read(&b, 0, APIC_DFR), 0x0fffffff);
    apic_write(&b, 0, APIC_ICR_HIGH, 0x13u << 24);
    apic_write(&b, 0, APIC_ICR, 0x844);
    ck_assert_int_eq(apic_take(&b, 2), 0x44);
    ck_assert_int_eq(apic_take(&b, 3), 0x44);
    ck_assert(!b.cpu[0].intr && !b.cpu[1].intr);
    /* lowest priority: the least busy one */
    for (unsigned i = 0; i < 4; i++)
        apic_write(&b, i, APIC_TPR, i == 2 ? 0x10 : 0x20);
    apic_write(&b, 0, APIC_ICR_HIGH, 0xffu << 24);
    apic_write(&b, 0, APIC_ICR, 0x945);
    ck_assert_int_eq(apic_take(&b, 2), 0x45);
    ck_assert(!b.cpu[0].intr && !b.cpu[1].intr && !b.cpu[3].intr);
    apic_close(&b);
}
END_TEST

START_TEST(ipi_shorthands_and_modes) {
    apic_open_enabled(&b, 3);
    apic_write(&b, 1, APIC_ICR, 0x40051); /* self */
    ck_assert_int_eq(apic_take(&b, 1), 0x51);
    ck_assert(!b.cpu[0].intr);
    apic_write(&b, 1, APIC_ICR, 0x80052); /* all */
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(apic_take(&b, i), 0x52);
    apic_write(&b, 1, APIC_ICR, 0xc0053); /* others */
    ck_assert_int_eq(apic_take(&b, 0), 0x53);
    ck_assert(!b.cpu[1].intr);
    ck_assert_int_eq(apic_take(&b, 2), 0x53);
    apic_write(&b, 0, APIC_ICR, 0xc0400); /* NMI */
    ck_assert_uint_eq(b.cpu[0].nmis, 0);
    ck_assert_uint_eq(b.cpu[1].nmis, 1);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_ICR), 0xc0400);
    /* INIT resets the local APIC and tells the CPU; the de-assert does nothing */
    apic_write(&b, 1, APIC_TPR, 0x30);
    apic_write(&b, 0, APIC_ICR, 0xcc500);
    ck_assert_uint_eq(b.cpu[1].inits, 1);
    ck_assert_uint_eq(apic_read(&b, 1, APIC_SVR), 0xff);
    ck_assert_uint_eq(apic_read(&b, 1, APIC_TPR), 0);
    apic_write(&b, 0, APIC_ICR, 0xc8500);
    ck_assert_uint_eq(b.cpu[1].inits, 1);
    /* start-up IPI reaches software-disabled ones */
    apic_write(&b, 0, APIC_ICR_HIGH, 1u << 24);
    apic_write(&b, 0, APIC_ICR, 0x4699);
    ck_assert_uint_eq(b.cpu[1].sipis, 1);
    ck_assert_uint_eq(b.cpu[1].sipi_vector, 0x99);
    ck_assert_uint_eq(b.cpu[2].sipis, 0);
    /* but a fixed one is lost */
    apic_write(&b, 0, APIC_ICR, 0x61);
    ck_assert(!b.cpu[1].intr);
    apic_close(&b);
}
END_TEST

START_TEST(errors) {
    apic_open_enabled(&b, 1);
    apic_write(&b, 0, APIC_LVTERR, 0xfe);
    apic_write(&b, 0, APIC_ICR, 0x40005); /* illegal vector */
    ck_assert_int_eq(apic_take(&b, 0), 0xfe);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_ESR), 0);
    apic_write(&b, 0, APIC_ESR, 0);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_ESR), 0x20);
    apic_write(&b, 0, APIC_ESR, 0);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_ESR), 0);
    send_fixed(3);
    apic_read(&b, 0, 0x3f0); /* no such register */
    apic_write(&b, 0, APIC_ESR, 0);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_ESR), 0xc0);
    ck_assert_int_eq(apic_take(&b, 0), 0xfe);
    /* an illegal vector for the error interrupt itself ends somewhere */
    apic_write(&b, 0, APIC_LVTERR, 0x01);
    apic_write(&b, 0, APIC_ICR, 0x40005);
    apic_write(&b, 0, APIC_ESR, 0);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_ESR), 0x60);
    apic_close(&b);
}
END_TEST

START_TEST(base_transitions) {
    apic_open_enabled(&b, 1);
    struct Lapic *l = &b.cpu[0].lapic;
    const uint64_t off = 0xfee00100, xapic = 0xfee00900, x2apic = 0xfee00d00, wrong = 0xfee00500;
    ck_assert(!lapic_set_base(l, wrong));
    ck_assert(!lapic_set_base(l, xapic | 1));
    ck_assert(!lapic_set_base(l, xapic | 1 << 9));
    ck_assert(!lapic_set_base(l, xapic | 1ull << 40));
    ck_assert(lapic_set_base(l, x2apic));
    ck_assert_uint_eq(apic_read(&b, 0, APIC_ID), 0xffffffff); /* no page in this mode */
    ck_assert(!lapic_set_base(l, xapic));
    ck_assert(!lapic_set_base(l, wrong));
    ck_assert_uint_eq(lapic_get_base(l), x2apic);
    ck_assert(lapic_set_base(l, off));
    ck_assert(!lapic_set_base(l, x2apic));
    ck_assert(!lapic_set_base(l, wrong));
    ck_assert(lapic_set_base(l, xapic));
    ck_assert_uint_eq(apic_read(&b, 0, APIC_SVR), 0xff); /* all was lost */
    ck_assert(lapic_set_base(l, xapic - 0x100000));
    ck_assert_uint_eq(b.cpu[0].base, xapic - 0x100000);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_SVR), 0xffffffff); /* not here any more */
    l->config.x2apic = false;
    ck_assert(!lapic_set_base(l, x2apic));
    l->config.tsc_deadline = false;
    ck_assert(!can_read(0, 0x6e0));
    ck_assert(!wrmsr(0, 0x6e0, 1));
    apic_close(&b);
}
END_TEST

START_TEST(x2apic_registers) {
    apic_open_enabled(&b, 2);
    ck_assert(!can_read(0, 0x802));
    ck_assert(!wrmsr(0, 0x808, 0));
    to_x2apic(0);
    to_x2apic(1);
    ck_assert_uint_eq(rdmsr(1, 0x802), 1);
    ck_assert_uint_eq(rdmsr(1, 0x803), 0x50014);
    ck_assert_uint_eq(rdmsr(1, 0x80d), 2); /* derived: cluster 0, bit 1 */
    ck_assert_uint_eq(rdmsr(0, 0x80f), 0x1ff);
    static const uint32_t not_there[] = {0x800, 0x801, 0x809, 0x80c, 0x80e, 0x82f, 0x831, 0x840, 0x8ff};
    for (unsigned i = 0; i < sizeof(not_there) / sizeof(not_there[0]); i++)
        ck_assert(!can_read(0, not_there[i]) && !wrmsr(0, not_there[i], 0));
    static const uint32_t read_only[] = {0x802, 0x803, 0x80a, 0x80d, 0x810, 0x818, 0x820, 0x839};
    for (unsigned i = 0; i < sizeof(read_only) / sizeof(read_only[0]); i++)
        ck_assert(can_read(0, read_only[i]) && !wrmsr(0, read_only[i], 0));
    ck_assert(!can_read(0, 0x80b)); /* EOI, self IPI: write-only */
    ck_assert(!can_read(0, 0x83f));
    /* reserved bits */
    static const struct {
        uint32_t msr;
        uint64_t value;
    } bad[] = {{0x808, 0x100},   {0x80b, 1},          {0x80f, 0x800},   {0x828, 1},
               {0x830, 1 << 12}, {0x832, 1 << 8},     {0x835, 1 << 17}, {0x83e, 4},
               {0x83f, 0x100},   {0x808, 1ull << 32}, {0x837, 1 << 8},  {0x832, 1ull << 40}};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!wrmsr(0, bad[i].msr, bad[i].value), "MSR %x", bad[i].msr);
    ck_assert(wrmsr(0, 0x808, 0x20));
    ck_assert_uint_eq(lapic_get_cr8(&b.cpu[0].lapic), 2);
    ck_assert(wrmsr(0, 0x808, 0));
    ck_assert(wrmsr(0, 0x83f, 0x77)); /* self IPI */
    ck_assert_int_eq(lapic_acknowledge(&b.cpu[0].lapic), 0x77);
    ck_assert(wrmsr(0, 0x80b, 0));
    ck_assert_uint_eq(rdmsr(0, 0x80a), 0);
    /* one write sends: physical, logical, broadcast */
    ck_assert(wrmsr(0, 0x830, 1ull << 32 | 0x61));
    ck_assert_uint_eq(rdmsr(0, 0x830), 1ull << 32 | 0x61);
    ck_assert_int_eq(lapic_acknowledge(&b.cpu[1].lapic), 0x61);
    ck_assert(wrmsr(1, 0x80b, 0));
    ck_assert(wrmsr(0, 0x830, 3ull << 32 | 0x862));
    ck_assert_int_eq(lapic_acknowledge(&b.cpu[0].lapic), 0x62);
    ck_assert_int_eq(lapic_acknowledge(&b.cpu[1].lapic), 0x62);
    ck_assert(wrmsr(0, 0x80b, 0));
    ck_assert(wrmsr(1, 0x80b, 0));
    ck_assert(wrmsr(0, 0x830, 0xffffffffull << 32 | 0x63));
    ck_assert_int_eq(lapic_acknowledge(&b.cpu[0].lapic), 0x63);
    ck_assert_int_eq(lapic_acknowledge(&b.cpu[1].lapic), 0x63);
    apic_close(&b);
}
END_TEST

START_TEST(message_signaled) {
    apic_open_enabled(&b, 2);
    apic_bus_msi(&b.bus, 0xfee01000, 0x71);
    ck_assert_int_eq(apic_take(&b, 1), 0x71);
    ck_assert(!b.cpu[0].intr);
    apic_write(&b, 0, APIC_LDR, 1u << 24);
    apic_write(&b, 1, APIC_LDR, 2u << 24);
    apic_bus_msi(&b.bus, 0xfee0300c, 0x172); /* logical, lowest priority */
    ck_assert_int_eq(apic_take(&b, 0), 0x72);
    ck_assert(!b.cpu[1].intr);
    apic_bus_msi(&b.bus, 0xfed00000, 0x73); /* not an APIC's address */
    ck_assert(!b.cpu[0].intr);
    apic_close(&b);
}
END_TEST

/* Random register traffic by a hostile guest: nothing to check but that it ends well. */
START_TEST(survives_anything) {
    uint32_t seed = 1;
    apic_open(&b, 2);
    for (unsigned i = 0; i < 200000; i++) {
        seed = seed * 1664525 + 1013904223;
        uint32_t r = seed >> 8, value = seed ^ seed << 13;
        unsigned cpu = r & 1;
        struct Lapic *l = &b.cpu[cpu].lapic;
        uint64_t got;
        switch (r >> 1 & 7) {
        case 0: apic_read(&b, cpu, r >> 4 & 0xffc); break;
        case 1: apic_write(&b, cpu, r >> 4 & 0x3f0, value); break;
        case 2: lapic_write_msr(l, 0x800 + (r >> 4 & 0xff), r & 0x10000 ? value & 0xfff : value); break;
        case 3: lapic_read_msr(l, 0x800 + (r >> 4 & 0xff), &got); break;
        case 4:
            if ((r >> 4 & 31) == 0)
                lapic_set_base(l, 0xfee00000 | (value & 0xd00));
            break;
        case 5: lapic_acknowledge(l); break;
        case 6: lapic_set_lint(l, r >> 4 & 1, r >> 5 & 1); break;
        case 7: lapic_write_msr(l, 0x6e0, value); bench_run(&b.bench, r >> 4 & 0xff);
        }
    }
    apic_close(&b);
}
END_TEST

/* The guest ends an interrupt by clearing a bit of its memory, unless somebody else has cleared it: then by an EOI. */
START_TEST(pv_eoi) {
    static _Atomic uint8_t flag;
    apic_open_enabled(&b, 1);
    struct Lapic *l = &b.cpu[0].lapic;
    lapic_set_pv_eoi(l, &flag);
    send_fixed(0x31);
    ck_assert_int_eq(lapic_acknowledge(l), 0x31);
    ck_assert_uint_eq(flag, 1);
    flag = 0; /* the guest's EOI */
    send_fixed(0x31);
    ck_assert(b.cpu[0].intr); /* nothing is in service */
    ck_assert_int_eq(lapic_acknowledge(l), 0x31);
    ck_assert_uint_eq(flag, 1);
    send_fixed(0x32); /* comes before the guest's EOI */
    ck_assert_uint_eq(flag, 0);
    ck_assert(!b.cpu[0].intr);
    apic_write(&b, 0, APIC_EOI, 0); /* so the guest writes the register */
    ck_assert(b.cpu[0].intr);
    ck_assert_int_eq(lapic_acknowledge(l), 0x32);
    ck_assert_uint_eq(flag, 1);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_ISR + 0x10), 1u << 0x12); /* to look settles it, too */
    ck_assert_uint_eq(flag, 0);
    apic_write(&b, 0, APIC_EOI, 0);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_ISR + 0x10), 0);

    send_fixed(0x41);
    send_fixed(0x42); /* two wait: the first one's EOI must be seen */
    ck_assert_int_eq(lapic_acknowledge(l), 0x42);
    ck_assert_uint_eq(flag, 0);
    apic_write(&b, 0, APIC_EOI, 0);
    ck_assert_int_eq(lapic_acknowledge(l), 0x41);
    ck_assert_uint_eq(flag, 1);
    flag = 0;
    struct ApicMessage level = {.dest = 0, .vector = 0x51, .level = true}; /* the I/O APIC waits for the EOI */
    apic_bus_deliver(&b.bus, &level, NULL);
    ck_assert_int_eq(lapic_acknowledge(l), 0x51);
    ck_assert_uint_eq(flag, 0);
    apic_write(&b, 0, APIC_EOI, 0);

    send_fixed(0x61);
    ck_assert_int_eq(lapic_acknowledge(l), 0x61);
    lapic_set_pv_eoi(l, NULL); /* switched off in between: the EOI must come by the register */
    ck_assert_uint_eq(flag, 0);
    ck_assert_uint_eq(apic_read(&b, 0, APIC_ISR + 0x30), 1u << 1);
    apic_close(&b);
}
END_TEST

/* Lowest priority: one that has ended its interrupt by its memory alone is idle. */
START_TEST(pv_eoi_and_lowest_priority) {
    static _Atomic uint8_t flag;
    apic_open_enabled(&b, 2);
    lapic_set_pv_eoi(&b.cpu[0].lapic, &flag);
    send_fixed(0x81);
    ck_assert_int_eq(lapic_acknowledge(&b.cpu[0].lapic), 0x81);
    ck_assert_uint_eq(flag, 1);
    flag = 0; /* the guest's EOI */
    apic_write(&b, 0, APIC_LDR, 1u << 24);
    apic_write(&b, 1, APIC_LDR, 2u << 24);
    apic_bus_msi(&b.bus, 0xfee0300c, 0x172);
    ck_assert(b.cpu[0].intr && !b.cpu[1].intr);
    apic_close(&b);
}
END_TEST

START_TEST(many_ipis_by_one_call) {
    const uint64_t bits[2] = {5, 1ull << 63};
    apic_open_enabled(&b, 3);
    ck_assert_uint_eq(lapic_send_ipis(&b.cpu[1].lapic, bits, 0, 0x71), 2);
    ck_assert_int_eq(apic_take(&b, 0), 0x71);
    ck_assert_int_eq(apic_take(&b, 1), -1);
    ck_assert_int_eq(apic_take(&b, 2), 0x71);
    ck_assert_uint_eq(lapic_send_ipis(&b.cpu[1].lapic, bits, 1, 0x400), 1); /* NMI to 1 and 3 */
    ck_assert_uint_eq(b.cpu[1].nmis, 1);
    apic_close(&b);
}
END_TEST

Suite *lapic_suite(void) {
    Suite *s = suite_create("lapic");
    TCase *t = tcase_create("lapic");
    tcase_add_test(t, reset_state);
    tcase_add_test(t, priorities_nest);
    tcase_add_test(t, tpr_and_cr8);
    tcase_add_test(t, pic_through_lint0);
    tcase_add_test(t, lint_pins);
    tcase_add_test(t, timer_one_shot);
    tcase_add_test(t, timer_divides);
    tcase_add_test(t, timer_periodic);
    tcase_add_test(t, timer_at_the_end_of_time);
    tcase_add_test(t, timer_mode_changes);
    tcase_add_test(t, timer_due_at_change);
    tcase_add_test(t, timer_tsc_deadline);
    tcase_add_test(t, ipi_destinations);
    tcase_add_test(t, ipi_shorthands_and_modes);
    tcase_add_test(t, errors);
    tcase_add_test(t, base_transitions);
    tcase_add_test(t, x2apic_registers);
    tcase_add_test(t, message_signaled);
    tcase_add_test(t, pv_eoi);
    tcase_add_test(t, pv_eoi_and_lowest_priority);
    tcase_add_test(t, many_ipis_by_one_call);
    tcase_add_test(t, survives_anything);
    suite_add_tcase(s, t);
    return s;
}
