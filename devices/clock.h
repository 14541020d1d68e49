/* SPDX-License-Identifier: MIT */
/**
 * The clock: the one source of time. Virtual nanoseconds since the machine was made; every timer and the TSC follow it.
 *
 * CLOCK_HOST follows the host's monotonic clock and stops while the machine is paused. CLOCK_ICOUNT advances only when
 * somebody says so (clock_advance_to), so a run is a pure function of the guest's instructions.
 *
 * Thread rules: clock_now and clock_deadline may be called by any thread without the lock. Everything else is called
 * with the machine lock held. Timer callbacks run with the lock held, from clock_run.
 */
#ifndef TWIN86_DEVICES_CLOCK_H
#define TWIN86_DEVICES_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/** 9999-12-31T23:59:59Z: the last second that an RTC with a century register can show, since 1970. */
#define CLOCK_WALL_LAST 253402300799LL

/** Wall-clock time at virtual time 0: since 1970 (UTC), ns below a second. */
struct ClockWall {
    int64_t seconds, ns;
};

enum ClockMode { CLOCK_HOST, CLOCK_ICOUNT };

#define CLOCK_NEVER INT64_MAX
#define NS_PER_SEC 1000000000LL

/** The end of time, 292 years after its beginning: clock_now comes near it and stands. Timers that would be due later
 * are due then, and fire when a guest does nothing but sleep for them (clock_run_end): it always wakes. */
#define CLOCK_END (INT64_MAX - 1)

/** `ns` (not negative) after `t`, or CLOCK_END. */
static inline int64_t clock_after(int64_t t, int64_t ns) {
    int64_t sum;
    return __builtin_add_overflow(t, ns, &sum) || sum > CLOCK_END ? CLOCK_END : sum;
}

/** `count` (not negative) units of `unit` ns after `t`, or CLOCK_END. */
static inline int64_t clock_after_many(int64_t t, int64_t count, int64_t unit) {
    int64_t ns;
    return __builtin_mul_overflow(count, unit, &ns) ? CLOCK_END : clock_after(t, ns);
}

struct Clock;

/** A one-shot timer. Embed it; never copy it while armed. */
struct Timer {
    struct Clock *clock;
    void (*fn)(void *opaque);
    void *opaque;
    int64_t deadline; /* virtual ns; CLOCK_NEVER when not armed */
    uint64_t order;   /* in which timers were armed */
    uint64_t rank; /* ties fire in the order in which the timers were made, so that a restored machine does the same */
    struct Timer *next;
};

struct Clock *clock_new(enum ClockMode mode);
void clock_free(struct Clock *c);
enum ClockMode clock_mode(const struct Clock *c);

/** Virtual ns since the machine was made, less than CLOCK_END; never goes back. */
int64_t clock_now(struct Clock *c);
/** CLOCK_HOST, not stopped: the host's monotonic time in ns when virtual time will be `ns`; CLOCK_NEVER for CLOCK_NEVER
 *  and for what the host's count has no room for. */
int64_t clock_to_host(const struct Clock *c, int64_t ns);
/** Wall-clock seconds since 1970 (UTC) as the guest's RTC shall see them: start time plus clock_now; with CLOCK_ICOUNT
 *  the start time is a constant (2026-01-01T00:00:00Z) unless set. */
int64_t clock_wall_seconds(struct Clock *c);
/** From 1970 to 9999; what lies outside becomes the nearest of these. */
void clock_set_wall_start(struct Clock *c, int64_t unix_seconds);

/** Stop and continue a CLOCK_HOST clock (pause). */
void clock_stop(struct Clock *c);
void clock_start(struct Clock *c);
/** A CLOCK_HOST clock stands. Any thread. */
bool clock_stopped(const struct Clock *c);

/** A number that changes whenever a CLOCK_HOST clock stops or starts: who counts time elsewhere (a hardware TSC) sees
 *  by it that its count must be set anew. Any thread. */
uint64_t clock_epoch(const struct Clock *c);

/** CLOCK_ICOUNT: set the time to `ns` (never backwards, nor to CLOCK_END). No timers run; call clock_run. */
void clock_advance_to(struct Clock *c, int64_t ns);

/** Set the time to what it was when a state was saved: a CLOCK_HOST clock that is stopped, or a CLOCK_ICOUNT one, also
 *  backwards. No timers are run. */
void clock_restore(struct Clock *c, int64_t now, struct ClockWall start);
/** What it began with. */
struct ClockWall clock_wall_start(struct Clock *c);

/** `fn` is called (lock held, any thread) when the earliest deadline has become earlier: wake whoever sleeps on it. */
void clock_set_notify(struct Clock *c, void (*fn)(void *opaque), void *opaque);

void timer_init(struct Timer *t, struct Clock *c, void (*fn)(void *opaque), void *opaque);
/** Arm (or re-arm) for `deadline` virtual ns (CLOCK_NEVER: cancel); one in the past fires at the next clock_run. */
void timer_arm(struct Timer *t, int64_t deadline);
void timer_cancel(struct Timer *t);
static inline bool timer_armed(const struct Timer *t) { return t->deadline != CLOCK_NEVER; }

/** The earliest deadline, or CLOCK_NEVER. */
int64_t clock_deadline(struct Clock *c);
/** Fire all timers whose deadline is <= now, in order. One that is armed meanwhile waits for the next call, so a timer
 *  that re-arms itself in the past can't hold the caller. Within a timer's callback nothing happens. */
void clock_run(struct Clock *c);
/** Fire those for which there is no time left: whose deadline is CLOCK_END. */
void clock_run_end(struct Clock *c);
/** Within a timer's callback: true when it is called by clock_run_end. */
bool clock_at_end(const struct Clock *c);
/** True when clock_run would fire something. Cheap: the host's clock is read only when a timer is armed. */
bool clock_is_due(struct Clock *c);

#endif
