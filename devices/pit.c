/* SPDX-License-Identifier: MIT */
/* 8254 PIT. Mode behaviour follows the timing diagrams of the data sheet. */
#include "devices/pit.h"

#include <string.h>

enum { ACCESS_LATCH, ACCESS_LOW, ACCESS_HIGH, ACCESS_BOTH };
enum { READBACK_SELECT = 3, READBACK_NO_COUNT = 0x20, READBACK_NO_STATUS = 0x10 };
enum { STATUS_OUT = 0x80, STATUS_NULL = 0x40 };
enum { P61_GATE2 = 0x01, P61_WRITABLE = 0x0f, P61_REFRESH = 0x10, P61_OUT2 = 0x20 };

/* Channel 1 of a PC divides by 18 to request a memory refresh every 15 us; port 61h bit 4 toggles with it. */
#define REFRESH_TICKS 18

static int64_t ns_to_ticks(int64_t ns) { return ns / NS_PER_SEC * PIT_HZ + ns % NS_PER_SEC * PIT_HZ / NS_PER_SEC; }

/* The first nanosecond that belongs to `tick`. */
static int64_t ticks_to_ns(int64_t tick) {
    return clock_after_many((tick % PIT_HZ * NS_PER_SEC + PIT_HZ - 1) / PIT_HZ, tick / PIT_HZ, NS_PER_SEC);
}

static int64_t tick_now(struct Pit *p) { return ns_to_ticks(clock_now(p->clock)); }

static bool is_periodic(const struct PitChannelState *c) { return c->mode == 2 || c->mode == 3; }

static bool is_triggered_by_gate(const struct PitChannelState *c) { return c->mode == 1 || c->mode == 5; }

/* Ticks counted since the load; negative while the load is still one tick ahead. */
static int64_t elapsed(const struct PitChannelState *c, int64_t t) { return c->running ? t - c->start : c->held; }

/* Mode 3: the part of the period in which OUT is high; odd counts give it the extra tick. */
static int64_t high_ticks(int64_t count) { return (count + 1) / 2; }

/* A count of 1 is illegal in modes 2 and 3 (OUT then stays high here); the rest follows figures 15 to 20. */
static bool output(const struct PitChannelState *c, int64_t t) {
    int64_t e = elapsed(c, t);

    if (c->count == 0)
        return c->mode != 0;
    switch (c->mode) {
    case 0: return e >= c->count;
    case 1: return e < 0 || e >= c->count;
    case 2: return !c->running || e < 0 || c->count == 1 || e % c->count != c->count - 1;
    case 3: return !c->running || e < 0 || e % c->count < high_ticks(c->count);
    default: return e != c->count;
    }
}

static uint16_t to_bcd(unsigned v) { return v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 % 10 << 12; }

/* The counting element as the guest reads it. */
static uint16_t current_count(const struct PitChannelState *c, int64_t t) {
    int64_t e = elapsed(c, t), n = c->count, wrap = c->bcd ? 10000 : 65536, v;

    if (n == 0)
        return 0;
    if (e < 0)
        e = 0;
    if (c->mode == 2) {
        v = n - e % n;
    } else if (c->mode == 3) { /* counts by two, once through for each half */
        e %= n;
        if (e >= high_ticks(n))
            e -= high_ticks(n);
        v = (n & ~1LL) - 2 * e;
    } else {
        v = (n - e % wrap + wrap) % wrap;
    }
    v %= wrap;
    return c->bcd ? to_bcd(v) : v;
}

/* Let a count written during a periodic mode take over at the end of the period (mode 2) or half period (mode 3). */
static void sync_reload(struct PitChannelState *c, int64_t t) {
    int64_t phase;

    if (!c->null_count || !c->running || !is_periodic(c) || t < c->switch_at)
        return;
    phase = (c->switch_at - c->start) % c->count;
    c->start = c->switch_at;
    if (phase != 0) /* a low half begins: pretend that a high half of the new length preceded it */
        c->start -= high_ticks(c->reload);
    c->count = c->reload;
    c->null_count = false;
}

static void load(struct PitChannelState *c, int64_t t, bool running) {
    c->count = c->reload;
    c->start = t + 1; /* the counting element takes the count with the next CLK */
    c->held = 0;
    c->running = running;
    c->null_count = false;
}

static bool null_count(const struct PitChannelState *c, int64_t t) {
    return c->reload == 0 || c->null_count || (c->running && t < c->start);
}

/* What the data sheet forbids, or leaves open. */
static void check_count(const struct Pit *p, const struct PitChannelState *c, unsigned value) {
    bool digits = (value & 15) <= 9 && (value >> 4 & 15) <= 9 && (value >> 8 & 15) <= 9 && value >> 12 <= 9;
    if (c->bcd && !digits)
        device_error(p->log, "PIT", "a BCD count with other digits", value);
    if (is_periodic(c) && value == 1)
        device_error(p->log, "PIT", "count 1 is illegal in mode", c->mode);
}

/* A whole new count is in the count register. */
static void count_written(const struct Pit *p, struct PitChannelState *c, unsigned value, int64_t t) {
    int64_t e, edge;

    if (p->log != NULL)
        check_count(p, c, value);
    if (c->bcd)
        value = (value & 15) + (value >> 4 & 15) * 10 + (value >> 8 & 15) * 100 + (value >> 12 & 15) * 1000;
    c->reload = value ? value : c->bcd ? 10000 : 65536;
    if (is_triggered_by_gate(c)) {
        c->null_count = true;
        return;
    }
    if (!is_periodic(c) || c->count == 0 || (c->running && t < c->start)) {
        load(c, t, c->gate);
        return;
    }
    c->null_count = true;
    c->switch_at = CLOCK_NEVER; /* stopped: the gate's rise reloads */
    if (!c->running)
        return;
    e = (t - c->start) % c->count;
    edge = c->mode == 3 && e < high_ticks(c->count) && c->count > 1 ? high_ticks(c->count) : c->count;
    c->switch_at = t - e + edge;
}

static void set_gate(struct PitChannelState *c, bool gate, int64_t t) {
    if (gate == c->gate)
        return;
    c->gate = gate;
    if (is_triggered_by_gate(c)) {
        if (gate && c->reload != 0)
            load(c, t, true);
        return;
    }
    if (c->count == 0)
        return;
    if (!gate) {
        c->held = elapsed(c, t) > 0 ? elapsed(c, t) : 0;
        c->running = false;
    } else if (is_periodic(c)) {
        load(c, t, true);
    } else {
        c->start = t - c->held;
        c->running = true;
    }
}

/* The next tick after `t` at which OUT rises, or CLOCK_NEVER. */
static int64_t next_rise(const struct PitChannelState *c, int64_t t) {
    int64_t e = elapsed(c, t), n = c->count;

    if (n == 0 || !c->running)
        return CLOCK_NEVER;
    switch (c->mode) {
    case 0:
    case 1: return e < n ? c->start + n : CLOCK_NEVER;
    case 2:
    case 3:
        if (n == 1)
            return CLOCK_NEVER;
        return c->start + (e < 0 ? n : (e / n + 1) * n);
    default: return e <= n ? c->start + n + 1 : CLOCK_NEVER;
    }
}

static void set_out0(struct Pit *p, bool level) {
    if (level == p->state.out0)
        return;
    p->state.out0 = level;
    irq_set(&p->irq, level);
}

/* Deliver the edge that is due at or before `t` and bring all channels up to date. */
static void catch_up(struct Pit *p, int64_t t) {
    struct PitState *s = &p->state;

    if (s->wake_tick <= t) {
        bool edge = s->wake_is_edge;

        s->wake_tick = CLOCK_NEVER;
        if (edge) {
            set_out0(p, false);
            set_out0(p, true);
        }
    }
    for (int i = 0; i < 3; i++)
        sync_reload(&s->channel[i], t);
}

/* Drive OUT0 and arm the timer for its next rise. */
static void plan(struct Pit *p, int64_t t) {
    struct PitState *s = &p->state;
    const struct PitChannelState *c = &s->channel[0];
    int64_t wake = next_rise(c, t);
    bool edge = true;

    set_out0(p, is_periodic(c) || output(c, t));
    if (c->null_count && is_periodic(c) && c->running && c->switch_at < wake) {
        wake = c->switch_at;
        edge = false;
    }
    s->wake_tick = wake;
    s->wake_is_edge = edge;
    if (wake != CLOCK_NEVER)
        timer_arm(&p->timer, ticks_to_ns(wake));
    else if (timer_armed(&p->timer))
        timer_cancel(&p->timer);
}

static void timer_fired(void *opaque) {
    struct Pit *p = opaque;
    int64_t t = tick_now(p);

    if (clock_at_end(p->clock))
        t = p->state.wake_tick; /* which the clock has no time for */
    catch_up(p, t);
    plan(p, t);
}

static void latch_count(struct PitChannelState *c, int64_t t) {
    if (c->latch_left != 0)
        return; /* held until read */
    c->latched = current_count(c, t);
    c->latch_left = c->access == ACCESS_BOTH ? 2 : 1;
}

static void latch_status(struct PitChannelState *c, int64_t t) {
    if (c->status_latched)
        return;
    c->status = (output(c, t) ? STATUS_OUT : 0) | (null_count(c, t) ? STATUS_NULL : 0) | c->access << 4 | c->mode << 1 |
                (c->bcd ? 1 : 0);
    c->status_latched = true;
}

static void write_control(struct Pit *p, uint8_t value, int64_t t) {
    unsigned select = value >> 6, access = value >> 4 & 3, mode = value >> 1 & 7;
    struct PitChannelState *c;

    if (select == READBACK_SELECT) {
        if (value & 1)
            device_error(p->log, "PIT", "read-back command with its reserved bit", value);
        for (int i = 0; i < 3; i++) {
            c = &p->state.channel[i];
            if (!(value & 2 << i))
                continue;
            if (!(value & READBACK_NO_COUNT))
                latch_count(c, t);
            if (!(value & READBACK_NO_STATUS))
                latch_status(c, t);
        }
        return;
    }
    c = &p->state.channel[select];
    if (access == ACCESS_LATCH) {
        latch_count(c, t);
        return;
    }
    /* A control word stops the counter and sets OUT to the mode's initial state. */
    *c = (struct PitChannelState){.gate = c->gate, .low_byte = c->low_byte};
    c->mode = mode > 5 ? mode - 4 : mode; /* 6 and 7 are 2 and 3 */
    c->access = access;
    c->bcd = value & 1;
}

static void write_counter(const struct Pit *p, struct PitChannelState *c, uint8_t value, int64_t t) {
    switch (c->access) {
    case ACCESS_LOW: count_written(p, c, value, t); break;
    case ACCESS_HIGH: count_written(p, c, value << 8, t); break;
    case ACCESS_BOTH:
        if (c->write_high_next) {
            c->write_high_next = false;
            count_written(p, c, value << 8 | c->low_byte, t);
            break;
        }
        c->write_high_next = true;
        c->low_byte = value;
        if (c->mode == 0 && c->count != 0) { /* the first byte stops the count and sets OUT low */
            c->count = 0;
            c->running = false;
        }
        break;
    }
}

static uint8_t read_counter(struct PitChannelState *c, int64_t t) {
    uint16_t v = c->latch_left ? c->latched : current_count(c, t);
    bool high = c->access == ACCESS_HIGH;

    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    if (c->access == ACCESS_BOTH) {
        high = c->read_high_next;
        c->read_high_next = !high;
    }
    if (c->latch_left)
        c->latch_left--;
    return high ? v >> 8 : v & 0xff;
}

static uint64_t pit_read(void *opaque, uint64_t offset, unsigned size) {
    struct Pit *p = opaque;
    int64_t t = tick_now(p);

    (void)size;
    if (offset > 2) {
        device_error(p->log, "PIT", "read of the control word, which is write-only, port", 0x40 + offset);
        return 0xff;
    }
    sync_reload(&p->state.channel[offset], t);
    return read_counter(&p->state.channel[offset], t);
}

static void pit_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Pit *p = opaque;
    int64_t t = tick_now(p);

    (void)size;
    catch_up(p, t);
    if (offset == 3)
        write_control(p, value, t);
    else if (offset < 3)
        write_counter(p, &p->state.channel[offset], value, t);
    plan(p, t);
}

static uint64_t port61_read(void *opaque, uint64_t offset, unsigned size) {
    struct Pit *p = opaque;
    int64_t t = tick_now(p);
    struct PitChannelState *c = &p->state.channel[2];

    (void)offset, (void)size;
    sync_reload(c, t);
    return p->state.port61 | (t / REFRESH_TICKS & 1 ? P61_REFRESH : 0) | (output(c, t) ? P61_OUT2 : 0);
}

static void port61_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Pit *p = opaque;
    int64_t t = tick_now(p);

    (void)offset, (void)size;
    sync_reload(&p->state.channel[2], t);
    p->state.port61 = value & P61_WRITABLE;
    set_gate(&p->state.channel[2], value & P61_GATE2, t);
}

static const struct IoOps pit_ops = {.read = pit_read, .write = pit_write, .min_size = 1, .max_size = 1};
static const struct IoOps port61_ops = {.read = port61_read, .write = port61_write, .min_size = 1, .max_size = 1};

bool pit_out(struct Pit *p, unsigned channel) {
    int64_t t = tick_now(p);

    if (channel > 2)
        return false;
    sync_reload(&p->state.channel[channel], t);
    return output(&p->state.channel[channel], t);
}

/* The data sheet leaves the power-up state open. We start as if mode 3 had been chosen, with no count. */
void pit_reset(struct Pit *p) {
    struct PitState *s = &p->state;

    if (timer_armed(&p->timer))
        timer_cancel(&p->timer);
    memset(s, 0, sizeof(*s));
    for (int i = 0; i < 3; i++) {
        s->channel[i].mode = 3;
        s->channel[i].access = ACCESS_BOTH;
        s->channel[i].gate = i != 2;
    }
    s->wake_tick = CLOCK_NEVER;
    s->out0 = true;
    irq_set(&p->irq, true);
}

void pit_init(struct Pit *p, struct Clock *clock, struct IrqWire irq) {
    memset(p, 0, sizeof(*p));
    p->clock = clock;
    p->irq = irq;
    timer_init(&p->timer, clock, timer_fired, p);
    pit_reset(p);
}

int pit_map(struct Pit *p, struct Bus *bus, uint16_t base) { return bus_map_ports(bus, base, 4, "pit", &pit_ops, p); }

int pit_map_port61(struct Pit *p, struct Bus *bus, uint16_t base) {
    return bus_map_ports(bus, base, 1, "port61", &port61_ops, p);
}

/* ---- saved state ---- */

static const struct StateTable channel_table = {
    .name = "8254 channel",
    .size = sizeof(struct PitChannelState),
    .field =
        (const struct StateField[]){
            STATE_FIELD(PitChannelState, start),
            STATE_FIELD(PitChannelState, held),
            STATE_FIELD(PitChannelState, switch_at),
            STATE_FIELD(PitChannelState, count, .max = 65536),
            STATE_FIELD(PitChannelState, reload, .max = 65536),
            STATE_FIELD(PitChannelState, latched),
            STATE_FIELD(PitChannelState, mode, .max = 5),
            STATE_FIELD(PitChannelState, access, .max = 3),
            STATE_FIELD(PitChannelState, low_byte),
            STATE_FIELD(PitChannelState, latch_left, .max = 2),
            STATE_FIELD(PitChannelState, status),
            STATE_FIELD(PitChannelState, bcd),
            STATE_FIELD(PitChannelState, gate),
            STATE_FIELD(PitChannelState, running),
            STATE_FIELD(PitChannelState, null_count),
            STATE_FIELD(PitChannelState, write_high_next),
            STATE_FIELD(PitChannelState, read_high_next),
            STATE_FIELD(PitChannelState, status_latched),
            STATE_PADDING(PitChannelState, unused),
            {0},
        },
};

/* Ticks within what 64-bit nanoseconds reach, so that no sum of them overflows. */
static bool is_tick(int64_t t) { return t >= -(INT64_MAX >> 10) && t <= INT64_MAX >> 10; }

static const char *check_state(const void *state) {
    const struct PitState *s = state;
    for (unsigned i = 0; i < 3; i++) {
        const struct PitChannelState *c = &s->channel[i];
        if (!is_tick(c->start) || !is_tick(c->held) || (c->switch_at != CLOCK_NEVER && !is_tick(c->switch_at)))
            return "a channel counts from beyond all time";
        if (c->running && c->count == 0)
            return "a channel counts, but has no count";
    }
    return s->wake_tick == CLOCK_NEVER || is_tick(s->wake_tick) ? NULL : "its timer is set beyond all time";
}

const struct StateTable pit_state_table = {
    .name = "pit",
    .size = sizeof(struct PitState),
    .version = 1,
    .check = check_state,
    .field =
        (const struct StateField[]){
            STATE_ARRAY_WITHIN(PitState, channel, &channel_table),
            STATE_FIELD(PitState, wake_tick),
            STATE_FIELD(PitState, wake_is_edge),
            STATE_FIELD(PitState, out0),
            STATE_FIELD(PitState, port61),
            STATE_PADDING(PitState, unused),
            {0},
        },
};

void pit_restored(struct Pit *p) {
    int64_t wake = p->state.wake_tick;
    timer_arm(&p->timer, wake != CLOCK_NEVER ? ticks_to_ns(wake) : CLOCK_NEVER);
}
