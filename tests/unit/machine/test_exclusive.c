/* SPDX-License-Identifier: MIT */
/* Stopping the world, with several vCPUs of an engine that does nothing but look at what must not change. */
#include "accel/accel.h"
#include "cpu/exclusive.h"
#include "cpu/vcpu.h"
#include "memory/bus.h"
#include "tests/unit/suites.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { CPUS = 4, ROUNDS = 300 };

struct World {
    pthread_mutex_t lock;
    struct Accel accel;
    struct Clock *clock;
    struct CpuGroup group;
    struct CPUState cpu[CPUS];
    unsigned a, b; /* not atomic, and the same but while the world stands still */
    _Atomic unsigned by_cpus;
    _Atomic bool wrong;
};

static struct World *world; /* of the test that runs, in a process of its own */

/* Stop the world, nested, and change what the others look at. */
static void change(struct CPUState *self) {
    struct World *w = world;
    cpu_exclusive_begin(&w->group, self);
    w->a++;
    cpu_exclusive_begin(&w->group, self);
    sched_yield();
    cpu_exclusive_end(&w->group);
    w->b++;
    cpu_exclusive_end(&w->group);
}

static enum VcpuExit look(struct CPUState *cpu) {
    struct World *w = world;
    for (unsigned n = 1; atomic_load(&cpu->events) == 0; n++) {
        if (w->a != w->b)
            atomic_store(&w->wrong, true);
        cpu->insn_count++;
        if (n % 5000 == 0 && atomic_load(&w->by_cpus) < ROUNDS) { /* from within guest code */
            change(cpu);
            atomic_fetch_add(&w->by_cpus, 1);
        }
    }
    return VCPU_EXIT_KICK;
}

static void kick(struct CPUState *cpu) { (void)cpu; }
static void nothing(void *opaque) { (void)opaque; }
static void parked(void *opaque, enum VcpuStop why) { (void)opaque, (void)why; }

static void *change_often(void *opaque) {
    (void)opaque;
    for (unsigned i = 0; i < ROUNDS; i++)
        change(NULL);
    return NULL;
}

/* All CPUs, running. */
static void start_world(struct World *w, const struct AccelOps *ops) {
    const struct VcpuOps vcpu_ops = {.reset = nothing, .shutdown = nothing, .parked = parked};
    bus_lock_init(&w->lock);
    cpu_group_init(&w->group);
    w->clock = clock_new(CLOCK_HOST);
    w->accel.ops = ops;
    for (unsigned i = 0; i < CPUS; i++) {
        struct CPUState *cpu = &w->cpu[i];
        cpu->index = i;
        cpu->clock = w->clock;
        cpu->lock = &w->lock;
        cpu->accel = &w->accel;
        pthread_mutex_init(&cpu->engine_lock, NULL);
        cpu_group_add(&w->group, cpu);
        ck_assert_int_eq(vcpu_create(cpu, &vcpu_ops), 0);
    }
    for (unsigned i = 0; i < CPUS; i++)
        ck_assert_int_eq(vcpu_resume(&w->cpu[i], 0), 0);
}

static void end_world(struct World *w) {
    for (unsigned i = 0; i < CPUS; i++) {
        vcpu_destroy(&w->cpu[i]);
        pthread_mutex_destroy(&w->cpu[i].engine_lock);
    }
    ck_assert_uint_eq(w->group.working, 0);
    clock_free(w->clock);
    cpu_group_destroy(&w->group);
    pthread_mutex_destroy(&w->lock);
}

START_TEST(nobody_is_in_guest_code) {
    static const struct AccelOps ops = {.name = "look", .exec = look, .kick = kick};
    struct World *w = world = calloc(1, sizeof(*w));
    pthread_t other[2];
    start_world(w, &ops);
    for (unsigned i = 0; i < 2; i++)
        pthread_create(&other[i], NULL, change_often, NULL);
    for (unsigned i = 0; i < 20; i++) { /* resets stop the world, too */
        vcpu_request_reset(&w->cpu[i % CPUS]);
        change(NULL);
    }
    for (unsigned i = 0; i < 2; i++)
        pthread_join(other[i], NULL);
    while (atomic_load(&w->by_cpus) < ROUNDS)
        sched_yield();
    end_world(w);
    for (unsigned i = 0; i < CPUS; i++)
        ck_assert_uint_gt(w->cpu[i].insn_count, 0);
    ck_assert(!atomic_load(&w->wrong));
    ck_assert_uint_eq(w->a, w->b);
    ck_assert_uint_eq(w->a, 2 * ROUNDS + 20 + atomic_load(&w->by_cpus));
    free(w);
}
END_TEST

/* ---- others are to have seen a change ---- */

static struct Settle {
    struct World w;
    _Atomic bool in_guest[CPUS];
    _Atomic unsigned left[CPUS], rounds;
    bool were_in[CPUS], asked; /* the first CPU's: when it asked */
    unsigned had_left[CPUS];
} *settle;

/* The first CPU asks, comes back, and finds that all the others have been out of guest code meanwhile, which they leave
 * for nothing else. */
static enum VcpuExit ask(struct CPUState *cpu) {
    struct Settle *s = settle;
    for (unsigned i = 1; i < CPUS && s->asked; i++)
        if (s->were_in[i] && atomic_load(&s->left[i]) == s->had_left[i])
            atomic_store(&s->w.wrong, true);
    for (unsigned i = 1; i < CPUS; i++) {
        while (!atomic_load(&s->in_guest[i]) && atomic_load(&cpu->events) == 0)
            sched_yield();
        s->had_left[i] = atomic_load(&s->left[i]);
        s->were_in[i] = atomic_load(&s->in_guest[i]);
    }
    s->asked = true;
    vcpu_settle_others(cpu);
    atomic_fetch_add(&s->rounds, 1);
    return VCPU_EXIT_KICK;
}

static enum VcpuExit stay(struct CPUState *cpu) {
    atomic_store(&settle->in_guest[cpu->index], true);
    while (atomic_load(&cpu->events) == 0)
        ;
    atomic_store(&settle->in_guest[cpu->index], false);
    atomic_fetch_add(&settle->left[cpu->index], 1);
    return VCPU_EXIT_KICK;
}

static enum VcpuExit ask_or_stay(struct CPUState *cpu) { return cpu->index == 0 ? ask(cpu) : stay(cpu); }

START_TEST(others_have_seen_a_change) {
    static const struct AccelOps ops = {.name = "settle", .exec = ask_or_stay, .kick = kick};
    settle = calloc(1, sizeof(*settle));
    start_world(&settle->w, &ops);
    while (atomic_load(&settle->rounds) < ROUNDS)
        sched_yield();
    end_world(&settle->w);
    ck_assert(!atomic_load(&settle->w.wrong));
    free(settle);
}
END_TEST

Suite *exclusive_suite(void) {
    Suite *s = suite_create("exclusive");
    TCase *t = tcase_create("exclusive");
    tcase_add_test(t, nobody_is_in_guest_code);
    tcase_add_test(t, others_have_seen_a_change);
    suite_add_tcase(s, t);
    return s;
}
