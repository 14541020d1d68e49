/* SPDX-License-Identifier: MIT */
#include "devices/clock.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

/* 2026-01-01T00:00:00Z: what a guest under CLOCK_ICOUNT finds in its RTC, so that runs repeat. */
#define ICOUNT_WALL_START 1767225600LL

struct Clock {
    enum ClockMode mode;

    /* CLOCK_HOST: virtual time is the host's minus `origin`, or `frozen` while stopped. The sequence count lets readers
     * see both as a pair. */
    _Atomic uint64_t sequence;
    _Atomic int64_t origin, frozen;
    _Atomic bool stopped;

    _Atomic int64_t icount_now; /* CLOCK_ICOUNT */
    _Atomic int64_t wall_start; /* whole seconds from 1970 to virtual time 0 */
    int64_t wall_fraction;      /* and the ns above them */

    struct Timer *timers; /* armed ones, by deadline, then by order */
    uint64_t order, ranks;
    bool running;             /* in clock_run, */
    int64_t now;              /* which fires what is due then */
    _Atomic int64_t deadline; /* of the first timer */
    void (*notify)(void *opaque);
    void *notify_opaque;
};

static int64_t host_ns(clockid_t id) {
    struct timespec ts;
    clock_gettime(id, &ts);
    return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

struct Clock *clock_new(enum ClockMode mode) {
    struct Clock *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->mode = mode;
    atomic_init(&c->origin, host_ns(CLOCK_MONOTONIC));
    int64_t wall = mode == CLOCK_HOST ? host_ns(CLOCK_REALTIME) : ICOUNT_WALL_START * NS_PER_SEC;
    atomic_init(&c->wall_start, wall / NS_PER_SEC);
    c->wall_fraction = wall % NS_PER_SEC;
    atomic_init(&c->deadline, CLOCK_NEVER);
    return c;
}

void clock_free(struct Clock *c) { free(c); }

enum ClockMode clock_mode(const struct Clock *c) { return c->mode; }

int64_t clock_now(struct Clock *c) {
    if (c->mode == CLOCK_ICOUNT)
        return atomic_load_explicit(&c->icount_now, memory_order_acquire);
    for (;;) {
        uint64_t seq = atomic_load_explicit(&c->sequence, memory_order_acquire);
        bool stopped = atomic_load_explicit(&c->stopped, memory_order_acquire);
        int64_t ns = stopped ? atomic_load_explicit(&c->frozen, memory_order_acquire)
                             : host_ns(CLOCK_MONOTONIC) - atomic_load_explicit(&c->origin, memory_order_acquire);
        if (seq % 2 == 0 && atomic_load_explicit(&c->sequence, memory_order_relaxed) == seq)
            return ns;
    }
}

int64_t clock_to_host(const struct Clock *c, int64_t ns) {
    int64_t host;
    if (ns == CLOCK_NEVER || __builtin_add_overflow(atomic_load(&c->origin), ns, &host))
        return CLOCK_NEVER;
    return host;
}

int64_t clock_wall_seconds(struct Clock *c) {
    return atomic_load(&c->wall_start) + clock_after(clock_now(c), c->wall_fraction) / NS_PER_SEC;
}

void clock_set_wall_start(struct Clock *c, int64_t unix_seconds) {
    int64_t s = unix_seconds < 0 ? 0 : unix_seconds > CLOCK_WALL_LAST ? CLOCK_WALL_LAST : unix_seconds;
    c->wall_fraction = 0;
    atomic_store(&c->wall_start, s);
}

struct ClockWall clock_wall_start(struct Clock *c) {
    return (struct ClockWall){atomic_load(&c->wall_start), c->wall_fraction};
}

void clock_restore(struct Clock *c, int64_t now, struct ClockWall start) {
    atomic_fetch_add(&c->sequence, 1);
    atomic_store(&c->frozen, now);
    atomic_store(&c->icount_now, now);
    atomic_store(&c->wall_start, start.seconds);
    c->wall_fraction = start.ns;
    atomic_fetch_add(&c->sequence, 1);
}

void clock_stop(struct Clock *c) {
    if (c->mode != CLOCK_HOST || atomic_load(&c->stopped))
        return;
    atomic_fetch_add(&c->sequence, 1);
    atomic_store(&c->frozen, host_ns(CLOCK_MONOTONIC) - atomic_load(&c->origin));
    atomic_store(&c->stopped, true);
    atomic_fetch_add(&c->sequence, 1);
}

void clock_start(struct Clock *c) {
    if (c->mode != CLOCK_HOST || !atomic_load(&c->stopped))
        return;
    atomic_fetch_add(&c->sequence, 1);
    atomic_store(&c->origin, host_ns(CLOCK_MONOTONIC) - atomic_load(&c->frozen));
    atomic_store(&c->stopped, false);
    atomic_fetch_add(&c->sequence, 1);
}

bool clock_stopped(const struct Clock *c) { return atomic_load(&c->stopped); }

uint64_t clock_epoch(const struct Clock *c) { return atomic_load(&c->sequence); }

void clock_advance_to(struct Clock *c, int64_t ns) {
    if (ns >= CLOCK_END)
        ns = CLOCK_END - 1;
    if (c->mode == CLOCK_ICOUNT && ns > atomic_load_explicit(&c->icount_now, memory_order_relaxed))
        atomic_store_explicit(&c->icount_now, ns, memory_order_release);
}

void clock_set_notify(struct Clock *c, void (*fn)(void *opaque), void *opaque) {
    c->notify = fn;
    c->notify_opaque = opaque;
}

/* The list has changed: publish the earliest deadline and wake the sleeper if it has become earlier. */
static void deadline_update(struct Clock *c) {
    int64_t deadline = c->timers ? c->timers->deadline : CLOCK_NEVER;
    int64_t before = atomic_exchange(&c->deadline, deadline);
    if (deadline < before && c->notify)
        c->notify(c->notify_opaque);
}

static void timer_unlink(struct Timer *t) {
    struct Timer **p = &t->clock->timers;
    while (*p && *p != t)
        p = &(*p)->next;
    if (*p)
        *p = t->next;
    t->next = NULL;
    t->deadline = CLOCK_NEVER;
}

void timer_init(struct Timer *t, struct Clock *c, void (*fn)(void *opaque), void *opaque) {
    *t = (struct Timer){.clock = c, .fn = fn, .opaque = opaque, .deadline = CLOCK_NEVER, .rank = c->ranks++};
}

void timer_arm(struct Timer *t, int64_t deadline) {
    struct Clock *c = t->clock;
    if (timer_armed(t))
        timer_unlink(t);
    if (deadline != CLOCK_NEVER) {
        t->deadline = deadline;
        t->order = c->order++;
        struct Timer **p = &c->timers;
        while (*p && ((*p)->deadline < deadline || ((*p)->deadline == deadline && (*p)->rank < t->rank)))
            p = &(*p)->next;
        t->next = *p;
        *p = t;
    }
    deadline_update(c);
}

void timer_cancel(struct Timer *t) {
    if (timer_armed(t)) {
        timer_unlink(t);
        deadline_update(t->clock);
    }
}

int64_t clock_deadline(struct Clock *c) { return atomic_load_explicit(&c->deadline, memory_order_acquire); }

/* The first timer that is due and was armed before `order`. */
static struct Timer *timer_due(struct Clock *c, int64_t now, uint64_t order) {
    struct Timer *t = c->timers;
    while (t && t->deadline <= now && t->order >= order)
        t = t->next;
    return t && t->deadline <= now ? t : NULL;
}

static void run_until(struct Clock *c, int64_t now) {
    if (c->running)
        return;
    c->running = true;
    c->now = now;
    uint64_t order = c->order;
    for (struct Timer *t; (t = timer_due(c, c->now, order)) != NULL;) {
        timer_unlink(t);
        deadline_update(c);
        t->fn(t->opaque);
    }
    c->running = false;
}

void clock_run(struct Clock *c) { run_until(c, clock_now(c)); }
void clock_run_end(struct Clock *c) { run_until(c, CLOCK_END); }
bool clock_at_end(const struct Clock *c) { return c->running && c->now == CLOCK_END; }

bool clock_is_due(struct Clock *c) {
    int64_t deadline = clock_deadline(c);
    return deadline != CLOCK_NEVER && !c->running && deadline <= clock_now(c);
}
