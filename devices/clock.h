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

enum ClockMode { CLOCK_HOST, CLOCK_ICOUNT };

#define CLOCK_NEVER INT64_MAX
#define NS_PER_SEC 1000000000LL

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

/** Virtual ns since the machine was made; never goes back. */
int64_t clock_now(struct Clock *c);
/** Wall-clock seconds since 1970 (UTC) as the guest's RTC shall see them: start time plus clock_now; with CLOCK_ICOUNT
 *  the start time is a constant (2026-01-01T00:00:00Z) unless set. */
int64_t clock_wall_seconds(struct Clock *c);
void clock_set_wall_start(struct Clock *c, int64_t unix_seconds);

/** Stop and continue a CLOCK_HOST clock (pause). */
void clock_stop(struct Clock *c);
void clock_start(struct Clock *c);

/** A number that changes whenever a CLOCK_HOST clock stops or starts: who counts time elsewhere (a hardware TSC) sees
 *  by it that its count must be set anew. Any thread. */
uint64_t clock_epoch(const struct Clock *c);

/** CLOCK_ICOUNT: set the time to `ns` (never backwards). No timers run; call clock_run. */
void clock_advance_to(struct Clock *c, int64_t ns);

/** Set the time to what it was when a state was saved: a CLOCK_HOST clock that is stopped, or a CLOCK_ICOUNT one, also
 *  backwards. `wall_start_ns`: since 1970 at virtual time 0. No timers are run. */
void clock_restore(struct Clock *c, int64_t now, int64_t wall_start_ns);
int64_t clock_wall_start_ns(struct Clock *c);

/** `fn` is called (lock held, any thread) when the earliest deadline has become earlier: wake whoever sleeps on it. */
void clock_set_notify(struct Clock *c, void (*fn)(void *opaque), void *opaque);

void timer_init(struct Timer *t, struct Clock *c, void (*fn)(void *opaque), void *opaque);
/** Arm (or re-arm) for `deadline` virtual ns; a deadline in the past fires at the next clock_run. */
void timer_arm(struct Timer *t, int64_t deadline);
void timer_cancel(struct Timer *t);
static inline bool timer_armed(const struct Timer *t) { return t->deadline != CLOCK_NEVER; }

/** The earliest deadline, or CLOCK_NEVER. */
int64_t clock_deadline(struct Clock *c);
/** Fire all timers whose deadline is <= now, in order. One that is armed meanwhile waits for the next call, so a timer
 *  that re-arms itself in the past can't hold the caller. */
void clock_run(struct Clock *c);

#endif
