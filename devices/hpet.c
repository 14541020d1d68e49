/* SPDX-License-Identifier: MIT */
#include "devices/hpet.h"

#include <string.h>

enum { REG_CAPABILITIES = 0x000, REG_CONFIG = 0x010, REG_STATUS = 0x020, REG_COUNTER = 0x0f0, REG_TIMERS = 0x100 };
enum { TIMER_STRIDE = 0x20, TIMER_CONFIG = 0x00, TIMER_COMPARATOR = 0x08, TIMER_FSB = 0x10 };

/* Capabilities (specification 2.3.4): revision 1, three timers, 64-bit counter, legacy route. */
#define CAPABILITIES ((uint64_t)HPET_PERIOD_FS << 32 | 0x8086u << 16 | 1 << 15 | 1 << 13 | (HPET_TIMERS - 1) << 8 | 1)

enum { CONFIG_ENABLE = 1, CONFIG_LEGACY = 2 };

enum {
    T_LEVEL = 1 << 1,
    T_ENABLE = 1 << 2,
    T_PERIODIC = 1 << 3,
    T_CAP_PERIODIC = 1 << 4,
    T_CAP_64BIT = 1 << 5,
    T_VALUE_SET = 1 << 6,
    T_32BIT = 1 << 8,
    T_ROUTE_SHIFT = 9,
    T_ROUTE = 31 << T_ROUTE_SHIFT,
    T_WRITABLE = T_LEVEL | T_ENABLE | T_PERIODIC | T_VALUE_SET | T_32BIT | T_ROUTE,
};

/* Where a timer's interrupt goes: 0 nowhere, 1 + n I/O APIC input n, or an ISA line. */
enum { TARGET_NONE, TARGET_GSI, TARGET_IRQ0 = 100, TARGET_IRQ8 };

#define NS_PER_TICK (HPET_PERIOD_FS / 1000000)

/* A guest may ask for a period of one tick; the next interrupt then waits at least this long. */
#define MIN_REARM_NS 5000

static bool is_running(const struct Hpet *h) { return h->state.config & CONFIG_ENABLE; }

static uint64_t clock_ticks(const struct Hpet *h) { return (uint64_t)clock_now(h->clock) / NS_PER_TICK; }

uint64_t hpet_counter(const struct Hpet *h) { return h->state.counter + (is_running(h) ? clock_ticks(h) : 0); }

static void set_counter(struct Hpet *h, uint64_t value) {
    h->state.counter = value - (is_running(h) ? clock_ticks(h) : 0);
}

static uint64_t width_mask(const struct HpetTimerState *t) { return t->config & T_32BIT ? UINT32_MAX : UINT64_MAX; }

/* ---- interrupts ---- */

static uint8_t target(const struct Hpet *h, unsigned n) {
    const struct HpetTimerState *t = &h->state.timer[n];
    if (h->state.config & CONFIG_LEGACY && n < 2)
        return n == 0 ? TARGET_IRQ0 : TARGET_IRQ8;
    unsigned gsi = (t->config & T_ROUTE) >> T_ROUTE_SHIFT;
    return h->wires.gsi_mask >> gsi & 1 ? TARGET_GSI + gsi : TARGET_NONE;
}

static void drive(const struct Hpet *h, uint8_t to, bool level) {
    if (to == TARGET_IRQ0)
        irq_set(&h->wires.irq0, level);
    else if (to == TARGET_IRQ8)
        irq_set(&h->wires.irq8, level);
    else if (to >= TARGET_GSI) {
        struct IrqWire w = h->wires.gsi;
        w.line = to - TARGET_GSI;
        irq_set(&w, level);
    }
}

/*
 * A level-triggered timer holds its wire while its status bit is set. An edge-triggered one leaves it high after a
 * match and lowers it just before the next: an 8259 forgets a request whose pin falls before it is acknowledged.
 */
static void update_wire(struct Hpet *h, unsigned n) {
    struct HpetTimerState *t = &h->state.timer[n];
    uint8_t to = target(h, n);
    bool on = t->config & T_LEVEL ? h->state.status >> n & 1 : t->asserted == to;
    uint8_t want = on && is_running(h) && t->config & T_ENABLE ? to : TARGET_NONE;
    if (want == t->asserted)
        return;
    drive(h, t->asserted, false);
    t->asserted = want;
    drive(h, want, true);
}

static void match(struct Hpet *h, unsigned n) {
    struct HpetTimerState *t = &h->state.timer[n];
    if (t->config & T_LEVEL) {
        h->state.status |= 1u << n;
        update_wire(h, n);
    } else if (t->config & T_ENABLE) {
        drive(h, t->asserted, false);
        t->asserted = target(h, n);
        drive(h, t->asserted, true);
    }
}

/* ---- comparators ---- */

/* Periodic: the comparator moves on past the counter, also while nobody wants its interrupts. */
static void catch_up(struct Hpet *h, unsigned n) {
    struct HpetTimerState *t = &h->state.timer[n];
    uint64_t mask = width_mask(t), late = (hpet_counter(h) - t->comparator) & mask;
    if (!is_running(h) || !(t->config & T_PERIODIC) || t->period == 0 || late > mask / 2)
        return;
    t->comparator = (t->comparator + (late / t->period + 1) * t->period) & mask;
}

static void set_due(struct Hpet *h, unsigned n, int64_t ns) {
    h->state.timer[n].due = ns;
    timer_arm(&h->timers[n].timer, ns);
}

static void arm(struct Hpet *h, unsigned n, int64_t at_least_ns) {
    struct HpetTimerState *t = &h->state.timer[n];
    bool wanted = is_running(h) && t->config & (T_ENABLE | T_LEVEL);
    if (!wanted || (t->config & T_PERIODIC && t->period == 0)) {
        set_due(h, n, CLOCK_NEVER);
        return;
    }
    catch_up(h, n);
    /* A match is the moment of equality; the tick at which we look is over. */
    uint64_t mask = width_mask(t), ticks = ((t->comparator - hpet_counter(h) - 1) & mask);
    int64_t now = clock_now(h->clock);
    if (ticks > INT64_MAX / 4 / NS_PER_TICK) {
        set_due(h, n, CLOCK_NEVER); /* centuries away */
        return;
    }
    int64_t deadline = clock_after_many(now / NS_PER_TICK * NS_PER_TICK, (int64_t)ticks + 1, NS_PER_TICK);
    int64_t least = clock_after(now, at_least_ns);
    set_due(h, n, deadline > least ? deadline : least);
}

static void expired(void *opaque) {
    struct HpetTimer *ht = opaque;
    arm(ht->hpet, ht->index, ht->hpet->state.timer[ht->index].config & T_PERIODIC ? MIN_REARM_NS : 0);
    match(ht->hpet, ht->index);
}

static void arm_all(struct Hpet *h) {
    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        arm(h, n, 0);
        update_wire(h, n);
    }
}

/* ---- registers ---- */

static uint64_t timer_read(struct Hpet *h, unsigned n, unsigned reg) {
    struct HpetTimerState *t = &h->state.timer[n];
    switch (reg) {
    case TIMER_CONFIG: return (uint64_t)h->wires.gsi_mask << 32 | t->config | T_CAP_PERIODIC | T_CAP_64BIT;
    case TIMER_COMPARATOR: catch_up(h, n); return t->comparator;
    default: /* FSB route: not capable */ return 0;
    }
}

static uint64_t reg_read(struct Hpet *h, uint64_t reg) {
    switch (reg) {
    case REG_CAPABILITIES: return CAPABILITIES;
    case REG_CONFIG: return h->state.config;
    case REG_STATUS: return h->state.status;
    case REG_COUNTER: return hpet_counter(h);
    }
    unsigned n = (reg - REG_TIMERS) / TIMER_STRIDE;
    if (reg >= REG_TIMERS && n < HPET_TIMERS)
        return timer_read(h, n, reg % TIMER_STRIDE);
    device_error(h->log, "HPET", "read of no register, offset", reg);
    return 0;
}

static void write_config(struct Hpet *h, uint64_t value) {
    uint64_t counter = hpet_counter(h);
    bool was_legacy = h->state.config & CONFIG_LEGACY, legacy = value & CONFIG_LEGACY;
    for (unsigned n = 0; n < HPET_TIMERS; n++)
        catch_up(h, n);
    h->state.config = value & (CONFIG_ENABLE | CONFIG_LEGACY);
    set_counter(h, counter);
    arm_all(h);
    if (was_legacy && !legacy) { /* PIT and RTC get their lines back */
        irq_set(&h->wires.irq0, h->state.pit_level);
        irq_set(&h->wires.irq8, h->state.rtc_level);
    } else if (legacy && !was_legacy) {
        drive(h, TARGET_IRQ0, h->state.timer[0].asserted == TARGET_IRQ0);
        drive(h, TARGET_IRQ8, h->state.timer[1].asserted == TARGET_IRQ8);
    }
}

static void write_timer_config(struct Hpet *h, unsigned n, uint64_t value) {
    struct HpetTimerState *t = &h->state.timer[n];
    catch_up(h, n);
    unsigned route = (value & T_ROUTE) >> T_ROUTE_SHIFT;
    if (!(h->wires.gsi_mask >> route & 1) && route != 0)
        device_error(h->log, "HPET", "a timer can't reach I/O APIC input", route);
    if (!(h->wires.gsi_mask >> route & 1)) /* an input it can't reach: the field does not take it */
        value = (value & ~(uint64_t)T_ROUTE) | (t->config & T_ROUTE);
    t->config = value & T_WRITABLE;
    if (!(t->config & T_PERIODIC))
        t->config &= ~(uint64_t)T_VALUE_SET;
    t->comparator &= width_mask(t);
    t->period &= width_mask(t);
    if (!(t->config & T_LEVEL))
        h->state.status &= ~(1ull << n); /* edge-triggered timers have no status */
    update_wire(h, n);
    arm(h, n, 0);
}

/* `mask`: the bits of the register that this access reaches. */
static void write_comparator(struct Hpet *h, unsigned n, uint64_t value, uint64_t mask) {
    struct HpetTimerState *t = &h->state.timer[n];
    mask &= width_mask(t);
    if (mask == 0)
        return;
    if (t->config & T_PERIODIC) { /* the last value written is the period; VAL_SET opens the accumulator once */
        catch_up(h, n);
        t->period = (t->period & ~mask) | (value & mask);
        if (t->config & T_VALUE_SET)
            t->comparator = (t->comparator & ~mask) | (value & mask);
        t->config &= ~(uint64_t)T_VALUE_SET;
    } else {
        t->comparator = (t->comparator & ~mask) | (value & mask);
    }
    arm(h, n, 0);
}

static void reg_write(struct Hpet *h, uint64_t reg, uint64_t value, uint64_t mask) {
    switch (reg) {
    case REG_CONFIG:
        if (mask & UINT32_MAX)
            write_config(h, value);
        return;
    case REG_STATUS:
        h->state.status &= ~(value & mask);
        for (unsigned n = 0; n < HPET_TIMERS; n++)
            update_wire(h, n);
        return;
    case REG_COUNTER:
        set_counter(h, (hpet_counter(h) & ~mask) | (value & mask));
        arm_all(h);
        return;
    }
    unsigned n = (reg - REG_TIMERS) / TIMER_STRIDE;
    if (reg < REG_TIMERS || n >= HPET_TIMERS) {
        device_error(h->log, "HPET", "write of no register, offset", reg);
        return;
    }
    if (reg % TIMER_STRIDE == TIMER_CONFIG && mask & UINT32_MAX)
        write_timer_config(h, n, value);
    else if (reg % TIMER_STRIDE == TIMER_COMPARATOR)
        write_comparator(h, n, value, mask);
}

static uint64_t hpet_read(void *opaque, uint64_t offset, unsigned size) {
    uint64_t value = reg_read(opaque, offset & ~7ull);
    return size == 8 ? value : (value >> offset % 8 * 8) & UINT32_MAX;
}

static void hpet_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    unsigned shift = offset % 8 * 8;
    uint64_t mask = size == 8 ? UINT64_MAX : (uint64_t)UINT32_MAX << shift;
    reg_write(opaque, offset & ~7ull, value << shift, mask);
}

const struct IoOps hpet_ops = {.read = hpet_read, .write = hpet_write, .min_size = 4, .max_size = 8};

/* ---- inputs, life ---- */

enum { INPUT_PIT, INPUT_RTC };

static void set_input(void *opaque, int line, bool level) {
    struct Hpet *h = opaque;
    *(line == INPUT_PIT ? &h->state.pit_level : &h->state.rtc_level) = level;
    if (!(h->state.config & CONFIG_LEGACY))
        irq_set(line == INPUT_PIT ? &h->wires.irq0 : &h->wires.irq8, level);
}

struct IrqWire hpet_pit_wire(struct Hpet *h) {
    return (struct IrqWire){set_input, h, INPUT_PIT};
}

struct IrqWire hpet_rtc_wire(struct Hpet *h) {
    return (struct IrqWire){set_input, h, INPUT_RTC};
}

void hpet_reset(struct Hpet *h) {
    uint8_t pit = h->state.pit_level, rtc = h->state.rtc_level;
    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        drive(h, h->state.timer[n].asserted, false);
        timer_cancel(&h->timers[n].timer);
    }
    memset(&h->state, 0, sizeof(h->state));
    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        h->state.timer[n].comparator = UINT64_MAX;
        h->state.timer[n].due = CLOCK_NEVER;
    }
    h->state.pit_level = pit;
    h->state.rtc_level = rtc;
    irq_set(&h->wires.irq0, pit);
    irq_set(&h->wires.irq8, rtc);
}

void hpet_init(struct Hpet *h, struct Clock *clock, const struct HpetWires *wires) {
    memset(h, 0, sizeof(*h));
    h->clock = clock;
    h->wires = *wires;
    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        h->timers[n].hpet = h;
        h->timers[n].index = n;
        timer_init(&h->timers[n].timer, clock, expired, &h->timers[n]);
        h->state.timer[n].comparator = UINT64_MAX;
        h->state.timer[n].due = CLOCK_NEVER;
    }
    region_init_mmio(&h->region, "hpet", HPET_REGION_SIZE, &hpet_ops, h);
}

/* ---- saved state ---- */

static const struct StateTable timer_table = {
    .name = "HPET timer",
    .size = sizeof(struct HpetTimerState),
    .field =
        (const struct StateField[]){
            STATE_FIELD(HpetTimerState, config),
            STATE_FIELD(HpetTimerState, comparator),
            STATE_FIELD(HpetTimerState, period),
            STATE_FIELD(HpetTimerState, due),
            STATE_FIELD(HpetTimerState, asserted, .max = TARGET_IRQ8),
            STATE_PADDING(HpetTimerState, unused),
            {0},
        },
};

const struct StateTable hpet_state_table = {
    .name = "hpet",
    .size = sizeof(struct HpetState),
    .version = 1,
    .field =
        (const struct StateField[]){
            STATE_FIELD(HpetState, config),
            STATE_FIELD(HpetState, status),
            STATE_FIELD(HpetState, counter),
            STATE_ARRAY_WITHIN(HpetState, timer, &timer_table),
            STATE_FIELD(HpetState, pit_level, .max = 1),
            STATE_FIELD(HpetState, rtc_level, .max = 1),
            STATE_PADDING(HpetState, unused),
            {0},
        },
};

void hpet_restored(struct Hpet *h) {
    for (unsigned n = 0; n < HPET_TIMERS; n++)
        timer_arm(&h->timers[n].timer, h->state.timer[n].due);
}
