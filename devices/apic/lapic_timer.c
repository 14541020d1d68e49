/* SPDX-License-Identifier: MIT */
/*
 * Local APIC timer (SDM vol. 3, 11.5.4). Nothing ticks: the current count follows from the time at which the timer last
 * held its initial count. The host-side timer is armed only when an interrupt could come of it.
 */
#include "devices/apic/lapic_internal.h"

/* A guest may ask for a period of one nanosecond; the next interrupt then waits at least this long. */
#define MIN_REARM_NS 5000

/* Divide configuration: bits 3, 1, 0 (SDM vol. 3, figure 11-10). */
static unsigned divide_shift(const struct Lapic *l) {
    uint32_t v = l->state.timer_divide;
    return ((v & 3) + (v >> 1 & 4) + 1) & 7;
}

static bool is_counting(const struct Lapic *l) { return l->state.timer_expiry != CLOCK_NEVER; }

static int64_t period_ns(const struct Lapic *l) { return (int64_t)l->state.timer_initial << divide_shift(l); }

static void set_due(struct Lapic *l, int64_t ns) {
    l->state.timer_due = ns;
    timer_arm(&l->timer, ns);
}

/* Nanoseconds from now to the TSC deadline, 0 if it has passed; at most a day, after which one looks again. */
static int64_t deadline_distance(const struct Lapic *l) {
    uint64_t tsc = l->ops->read_tsc(l->opaque), deadline = l->state.tsc_deadline;
    if (tsc >= deadline)
        return 0;
    __uint128_t ns = ((__uint128_t)(deadline - tsc) * NS_PER_SEC + l->config.tsc_hz - 1) / l->config.tsc_hz;
    int64_t day = 86400 * NS_PER_SEC;
    return ns < (__uint128_t)day ? (int64_t)ns : day;
}

static void arm_deadline(struct Lapic *l) {
    if (l->state.tsc_deadline == 0) {
        set_due(l, CLOCK_NEVER);
        return;
    }
    int64_t distance = deadline_distance(l);
    if (distance > 0) {
        set_due(l, clock_after(clock_now(l->clock), distance));
        return;
    }
    set_due(l, CLOCK_NEVER);
    l->state.tsc_deadline = 0; /* the MSR reads 0 once the timer has fired */
    lapic_local_interrupt(l, LAPIC_LVT_TIMER);
}

/* Periodic: move the start to the last time the count was reloaded. */
static void catch_up(struct Lapic *l, int64_t now) {
    int64_t period = period_ns(l);
    l->state.timer_start += (now - l->state.timer_start) / period * period;
    l->state.timer_expiry = clock_after(l->state.timer_start, period);
}

static void arm_count(struct Lapic *l) {
    if (!is_counting(l) || l->state.lvt[LAPIC_LVT_TIMER] & LVT_MASKED)
        set_due(l, CLOCK_NEVER);
    else
        set_due(l, l->state.timer_expiry);
}

void lapic_timer_expired(void *opaque) {
    struct Lapic *l = opaque;
    int64_t now = clock_now(l->clock);
    l->state.timer_due = CLOCK_NEVER;
    switch (lapic_timer_mode(l)) {
    case TIMER_ONE_SHOT:
        l->state.timer_expiry = CLOCK_NEVER;
        lapic_local_interrupt(l, LAPIC_LVT_TIMER);
        break;
    case TIMER_PERIODIC:
        catch_up(l, now);
        int64_t least = clock_after(now, MIN_REARM_NS);
        set_due(l, l->state.timer_expiry > least ? l->state.timer_expiry : least);
        lapic_local_interrupt(l, LAPIC_LVT_TIMER);
        break;
    case TIMER_TSC_DEADLINE:
        if (clock_at_end(l->clock))
            l->state.tsc_deadline = 1; /* it has come */
        arm_deadline(l);
        break;
    }
}

void lapic_timer_stop(struct Lapic *l) {
    l->state.timer_expiry = CLOCK_NEVER;
    l->state.tsc_deadline = 0;
    set_due(l, CLOCK_NEVER);
}

/* What has become of the count by now, in the mode that it was in so far: one-shot counts that ran out, masked or not,
 * stay at 0 until the initial count is written, whatever the mode is then. An interrupt that is due comes now. */
static void settle(struct Lapic *l, int64_t now) {
    unsigned mode = lapic_timer_mode(l);
    if (mode >= TIMER_TSC_DEADLINE || !is_counting(l) || l->state.timer_expiry > now)
        return;
    bool masked = (l->state.lvt[LAPIC_LVT_TIMER] & LVT_MASKED) != 0;
    if (mode == TIMER_PERIODIC)
        catch_up(l, now);
    else
        l->state.timer_expiry = CLOCK_NEVER;
    arm_count(l);
    if (!masked)
        lapic_local_interrupt(l, LAPIC_LVT_TIMER);
}

static void start(struct Lapic *l, int64_t now) {
    l->state.timer_start = now;
    l->state.timer_expiry = l->state.timer_initial ? clock_after(now, period_ns(l)) : CLOCK_NEVER;
    arm_count(l);
}

void lapic_timer_set_initial(struct Lapic *l, uint32_t count) {
    if (lapic_timer_mode(l) >= TIMER_TSC_DEADLINE)
        return; /* ignored in this mode (11.5.4.1) */
    settle(l, clock_now(l->clock));
    l->state.timer_initial = count;
    start(l, clock_now(l->clock));
}

uint32_t lapic_timer_current(const struct Lapic *l) {
    if (!is_counting(l))
        return 0;
    int64_t ticks = (clock_now(l->clock) - l->state.timer_start) >> divide_shift(l), initial = l->state.timer_initial;
    if (lapic_timer_mode(l) == TIMER_PERIODIC)
        return (uint32_t)(initial - ticks % initial);
    return ticks < initial ? (uint32_t)(initial - ticks) : 0;
}

/* The count goes on from where it is, at the new rate. */
void lapic_timer_set_divide(struct Lapic *l, uint32_t divide) {
    settle(l, clock_now(l->clock));
    int64_t now = clock_now(l->clock), done = (int64_t)l->state.timer_initial - lapic_timer_current(l);
    l->state.timer_divide = divide;
    if (is_counting(l)) {
        l->state.timer_start = now - (done << divide_shift(l));
        l->state.timer_expiry = clock_after(l->state.timer_start, period_ns(l));
        arm_count(l);
    }
}

void lapic_timer_set_lvt(struct Lapic *l, uint32_t lvt) {
    unsigned before = lapic_timer_mode(l);
    settle(l, clock_now(l->clock));
    l->state.lvt[LAPIC_LVT_TIMER] = lvt;
    unsigned mode = lapic_timer_mode(l);
    if (mode != before && (mode >= TIMER_TSC_DEADLINE || before >= TIMER_TSC_DEADLINE)) {
        lapic_timer_stop(l); /* a change to or from TSC-deadline mode disarms (11.5.4.1) */
        l->state.timer_initial = 0;
    }
    if (mode == TIMER_TSC_DEADLINE)
        return;
    arm_count(l);
}

void lapic_timer_set_deadline(struct Lapic *l, uint64_t tsc) {
    if (lapic_timer_mode(l) != TIMER_TSC_DEADLINE)
        return;
    l->state.tsc_deadline = tsc;
    arm_deadline(l);
}

void lapic_tsc_changed(void *opaque) {
    struct Lapic *l = opaque;
    if (lapic_timer_mode(l) == TIMER_TSC_DEADLINE)
        arm_deadline(l);
}
