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

START_TEST(nobody_is_in_guest_code) {
    static const struct AccelOps ops = {.name = "look", .exec = look, .kick = kick};
    const struct VcpuOps vcpu_ops = {.reset = nothing, .shutdown = nothing, .parked = parked};
    struct World *w = world = calloc(1, sizeof(*w));
    pthread_t other[2];
    bus_lock_init(&w->lock);
    cpu_group_init(&w->group);
    w->clock = clock_new(CLOCK_HOST);
    w->accel.ops = &ops;
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
    for (unsigned i = 0; i < CPUS; i++) {
        vcpu_destroy(&w->cpu[i]);
        ck_assert_uint_gt(w->cpu[i].insn_count, 0);
        pthread_mutex_destroy(&w->cpu[i].engine_lock);
    }
    ck_assert(!atomic_load(&w->wrong));
    ck_assert_uint_eq(w->a, w->b);
    ck_assert_uint_eq(w->a, 2 * ROUNDS + 20 + atomic_load(&w->by_cpus));
    ck_assert_uint_eq(w->group.inside, 0);
    clock_free(w->clock);
    cpu_group_destroy(&w->group);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
END_TEST

Suite *exclusive_suite(void) {
    Suite *s = suite_create("exclusive");
    TCase *t = tcase_create("exclusive");
    tcase_add_test(t, nobody_is_in_guest_code);
    suite_add_tcase(s, t);
    return s;
}
