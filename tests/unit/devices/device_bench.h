/* SPDX-License-Identifier: MIT */
/** What a device test stands on: a bus, a clock that only the test advances, and wires that count their edges. */
#ifndef TWIN86_TESTS_UNIT_DEVICE_BENCH_H
#define TWIN86_TESTS_UNIT_DEVICE_BENCH_H

#include "devices/clock.h"
#include "devices/irq.h"
#include "memory/bus.h"

#include <check.h>
#include <pthread.h>

struct DeviceBench {
    pthread_mutex_t lock;
    struct Bus *bus;
    struct Clock *clock;
};

struct WireLog {
    bool level;
    unsigned rises, falls;
    int64_t last_rise; /* virtual ns, if `clock` is set */
    struct Clock *clock;
};

static inline void bench_open(struct DeviceBench *b) {
    bus_lock_init(&b->lock);
    b->bus = bus_new(&b->lock);
    b->clock = clock_new(CLOCK_ICOUNT);
    ck_assert_ptr_nonnull(b->bus);
    ck_assert_ptr_nonnull(b->clock);
}

static inline void bench_close(struct DeviceBench *b) {
    bus_free(b->bus);
    clock_free(b->clock);
    pthread_mutex_destroy(&b->lock);
}

static inline uint8_t bench_in(struct DeviceBench *b, uint16_t port) { return bus_port_read(b->bus, port, 1); }

static inline void bench_out(struct DeviceBench *b, uint16_t port, uint8_t value) {
    bus_port_write(b->bus, port, value, 1);
}

/** Let virtual time pass up to `ns`, firing each timer at its own deadline. */
static inline void bench_run_to(struct DeviceBench *b, int64_t ns) {
    int64_t deadline;

    while ((deadline = clock_deadline(b->clock)) <= ns) {
        clock_advance_to(b->clock, deadline);
        clock_run(b->clock);
    }
    clock_advance_to(b->clock, ns);
}

static inline void bench_run(struct DeviceBench *b, int64_t ns) { bench_run_to(b, clock_now(b->clock) + ns); }

/** Bring the clock to where it stands, 292 years on. */
static inline void bench_run_dry(struct DeviceBench *b) {
    clock_advance_to(b->clock, CLOCK_END);
    ck_assert_int_lt(clock_now(b->clock), CLOCK_END);
    ck_assert_int_gt(clock_now(b->clock), CLOCK_END - 10);
    clock_run(b->clock);
}

/** What is armed now has no time left; running code sees nothing of it, but who sleeps is woken. */
static inline void bench_sleep_at_end(struct DeviceBench *b) {
    ck_assert_int_eq(clock_deadline(b->clock), CLOCK_END);
    clock_run(b->clock);
    ck_assert(!clock_is_due(b->clock));
    clock_run_end(b->clock);
}

static inline void wire_log_set(void *opaque, int line, bool level) {
    struct WireLog *w = opaque;

    (void)line;
    if (level && !w->level) {
        w->rises++;
        w->last_rise = w->clock ? clock_now(w->clock) : 0;
    } else if (!level && w->level) {
        w->falls++;
    }
    w->level = level;
}

static inline struct IrqWire wire_to(struct WireLog *w) { return (struct IrqWire){.set = wire_log_set, .opaque = w}; }

#endif
