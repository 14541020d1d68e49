/* SPDX-License-Identifier: MIT */
/* The vCPU loop, with an engine that follows a script instead of executing instructions. */
#include "accel/accel.h"
#include "cpu/vcpu.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum Step {
    STEP_RUN /* execute to the limit, or until asked to leave */,
    STEP_HALT,
    STEP_SHUTDOWN,
    STEP_ERROR,
    STEP_DEBUG,
    STEP_FAULTS /* as STEP_RUN, but what it does are exceptions, and no instruction completes */
};

struct Bench {
    struct CPUState cpu;
    struct Accel accel;
    pthread_mutex_t lock;
    struct Clock *clock;
    const enum Step *script; /* the last step repeats */
    unsigned steps, at;
    int resets, shutdowns, works, fired;
    int64_t fired_at[64];
    uint64_t fired_count[64];
    struct Timer timer;
    int64_t period;
    enum VcpuStop why;
    _Atomic int execs;
    bool reset_on_shutdown, interrupt_when_idle;
    _Atomic int idles;
};

static struct Bench *bench_of(struct CPUState *cpu) {
    return (struct Bench *)((char *)cpu - offsetof(struct Bench, cpu));
}

static enum VcpuExit fake_exec(struct CPUState *cpu) {
    struct Bench *b = bench_of(cpu);
    enum Step step = b->script[b->at];
    atomic_fetch_add(&b->execs, 1);
    if (step != STEP_RUN && b->at + 1 < b->steps)
        b->at++;
    switch (step) {
    case STEP_RUN:
        for (;;) {
            if ((atomic_load(&cpu->events) & CPU_EVENT_LEAVE) != 0)
                return VCPU_EXIT_KICK;
            if ((atomic_load(&cpu->events) & CPU_EVENT_INTR) != 0) { /* taken: the next step */
                cpu_retract(cpu, CPU_EVENT_INTR);
                if (b->at + 1 < b->steps)
                    b->at++;
                return VCPU_EXIT_KICK;
            }
            if (cpu->insn_count >= cpu->insn_limit)
                return VCPU_EXIT_BUDGET;
            cpu->insn_count++;
        }
    case STEP_FAULTS:
        while ((atomic_load(&cpu->events) & CPU_EVENT_LEAVE) == 0 && cpu->insn_count < cpu->insn_limit)
            cpu_count_event(cpu);
        return (atomic_load(&cpu->events) & CPU_EVENT_LEAVE) != 0 ? VCPU_EXIT_KICK : VCPU_EXIT_BUDGET;
    case STEP_HALT: cpu->insn_count++; return VCPU_EXIT_HALT;
    case STEP_SHUTDOWN: return VCPU_EXIT_SHUTDOWN;
    case STEP_DEBUG: return VCPU_EXIT_DEBUG;
    case STEP_ERROR: break;
    }
    snprintf(cpu->error, sizeof(cpu->error), "scripted");
    return VCPU_EXIT_ERROR;
}

static const struct AccelOps fake_ops = {.name = "fake", .exec = fake_exec};

static void on_reset(void *opaque) {
    struct Bench *b = opaque;
    b->resets++;
    b->at = 0;
    cpu_reset(&b->cpu, false);
}

static void on_shutdown(void *opaque) {
    struct Bench *b = opaque;
    b->shutdowns++;
    if (b->reset_on_shutdown)
        vcpu_request_reset(&b->cpu);
    else
        vcpu_request_stop(&b->cpu);
}

static void on_parked(void *opaque, enum VcpuStop why) { ((struct Bench *)opaque)->why = why; }

static void on_idle(void *opaque) {
    struct Bench *b = opaque;
    atomic_fetch_add(&b->idles, 1);
    if (b->interrupt_when_idle)
        cpu_post(&b->cpu, CPU_EVENT_INTR);
}

static void on_timer(void *opaque) {
    struct Bench *b = opaque;
    if (b->fired < 64) {
        b->fired_at[b->fired] = clock_now(b->clock);
        b->fired_count[b->fired] = b->cpu.insn_count;
    }
    b->fired++;
    timer_arm(&b->timer, clock_now(b->clock) + b->period);
    cpu_post(&b->cpu, CPU_EVENT_INTR);
}

static void deadline_changed(void *opaque) { vcpu_deadline_changed(opaque); }

static void bench_init(struct Bench *b, bool icount, const enum Step *script, unsigned steps) {
    char why[100];
    memset(b, 0, sizeof(*b));
    bus_lock_init(&b->lock);
    b->clock = clock_new(icount ? CLOCK_ICOUNT : CLOCK_HOST);
    b->script = script;
    b->steps = steps;
    b->accel = (struct Accel){.ops = &fake_ops, .clock = b->clock, .lock = &b->lock};
    ck_assert_int_eq(cpu_model_parse(&b->cpu.model, "x86-64-v1", why, sizeof(why)), 0);
    b->cpu.bootstrap = true;
    b->cpu.clock = b->clock;
    b->cpu.lock = &b->lock;
    b->cpu.accel = &b->accel;
    b->cpu.icount = icount;
    b->cpu.tsc_hz = NS_PER_SEC;
    cpu_reset(&b->cpu, false);
    timer_init(&b->timer, b->clock, on_timer, b);
    if (icount)
        clock_set_notify(b->clock, deadline_changed, &b->cpu);
    struct VcpuOps ops = {
        .reset = on_reset, .shutdown = on_shutdown, .parked = on_parked, .idle = on_idle, .opaque = b};
    ck_assert_int_eq(vcpu_create(&b->cpu, &ops), 0);
}

static void bench_done(struct Bench *b) {
    vcpu_destroy(&b->cpu);
    clock_free(b->clock);
    pthread_mutex_destroy(&b->lock);
}

#define BENCH(b, icount, ...)                                                                                          \
    static const enum Step script[] = {__VA_ARGS__};                                                                   \
    static struct Bench bench;                                                                                         \
    struct Bench *b = &bench;                                                                                          \
    bench_init(b, icount, script, sizeof(script) / sizeof(script[0]))

/* Until exec has been entered n times: on a busy host the thread may start late. */
static void wait_execs(struct Bench *b, int n) {
    for (int i = 0; i < 20000 && atomic_load(&b->execs) < n; i++)
        usleep(1000);
    ck_assert_int_ge(atomic_load(&b->execs), n);
}

START_TEST(budget_is_exact) {
    BENCH(b, false, STEP_RUN);
    ck_assert(!vcpu_running(&b->cpu));
    ck_assert_int_eq(vcpu_resume(&b->cpu, 1000), 0);
    vcpu_wait_parked(&b->cpu);
    ck_assert_int_eq(b->why, VCPU_STOP_BUDGET);
    ck_assert_uint_eq(b->cpu.insn_count, 1000);
    ck_assert_int_eq(vcpu_resume(&b->cpu, 1), 0);
    vcpu_wait_parked(&b->cpu);
    ck_assert_uint_eq(b->cpu.insn_count, 1001);
    bench_done(b);
}
END_TEST

START_TEST(stop_and_continue) {
    BENCH(b, false, STEP_RUN);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(vcpu_resume(&b->cpu, 0), 0);
        ck_assert_int_eq(vcpu_resume(&b->cpu, 0), -EBUSY);
        vcpu_request_stop(&b->cpu);
        vcpu_wait_parked(&b->cpu);
        ck_assert_int_eq(b->why, VCPU_STOP_REQUEST);
        ck_assert(!vcpu_running(&b->cpu));
    }
    bench_done(b);
}
END_TEST

START_TEST(destroy_while_running) {
    BENCH(b, false, STEP_RUN);
    vcpu_resume(&b->cpu, 0);
    bench_done(b);
    ck_assert_ptr_null(b->cpu.thread);
}
END_TEST

START_TEST(halt_sleeps_until_interrupt) {
    BENCH(b, false, STEP_HALT, STEP_RUN, STEP_DEBUG);
    b->cpu.env.rflags |= FLAG_IF;
    vcpu_resume(&b->cpu, 0);
    wait_execs(b, 1);
    usleep(20000);
    ck_assert_int_eq(atomic_load(&b->execs), 1);
    ck_assert_int_lt(vcpu_cpu_time(&b->cpu), 15000000);
    cpu_post(&b->cpu, CPU_EVENT_INTR);
    vcpu_wait_parked(&b->cpu);
    ck_assert_int_eq(b->why, VCPU_STOP_DEBUG);
    ck_assert(!b->cpu.halted);
    bench_done(b);
}
END_TEST

static void wait_halted(struct Bench *b, int64_t ns) {
    for (unsigned i = 0; i < 60000 && vcpu_halted_ns(&b->cpu) < ns; i++)
        usleep(1000);
    ck_assert_int_ge(vcpu_halted_ns(&b->cpu), ns);
}

/* Sleep in HLT, and nothing else: it is seen while it lasts, and ends with it and with a stop. */
START_TEST(halt_is_measured) {
    BENCH(b, false, STEP_HALT, STEP_RUN, STEP_DEBUG);
    b->cpu.env.rflags |= FLAG_IF;
    ck_assert_int_eq(vcpu_halted_ns(&b->cpu), 0);
    vcpu_resume(&b->cpu, 0);
    wait_halted(b, 1000000);
    vcpu_request_stop(&b->cpu);
    vcpu_wait_parked(&b->cpu);
    int64_t stopped = vcpu_halted_ns(&b->cpu);
    usleep(2000);
    ck_assert_int_eq(vcpu_halted_ns(&b->cpu), stopped);
    vcpu_resume(&b->cpu, 0);
    wait_halted(b, stopped + 1000000);
    cpu_post(&b->cpu, CPU_EVENT_INTR);
    vcpu_wait_parked(&b->cpu);
    ck_assert_int_eq(b->why, VCPU_STOP_DEBUG);
    int64_t ended = vcpu_halted_ns(&b->cpu);
    usleep(2000);
    ck_assert_int_eq(vcpu_halted_ns(&b->cpu), ended);
    bench_done(b);
}
END_TEST

/* What waits for that moment ends the sleep before it begins. */
START_TEST(idle_is_told_of) {
    BENCH(b, false, STEP_HALT, STEP_RUN, STEP_DEBUG);
    b->cpu.env.rflags |= FLAG_IF;
    b->interrupt_when_idle = true;
    vcpu_resume(&b->cpu, 0);
    vcpu_wait_parked(&b->cpu);
    ck_assert_int_eq(b->why, VCPU_STOP_DEBUG);
    ck_assert_int_eq(b->idles, 1);
    bench_done(b);
}
END_TEST

START_TEST(masked_interrupt_does_not_end_halt) {
    BENCH(b, false, STEP_HALT, STEP_DEBUG);
    vcpu_resume(&b->cpu, 0);
    cpu_post(&b->cpu, CPU_EVENT_INTR);
    wait_execs(b, 1);
    usleep(10000);
    ck_assert(vcpu_running(&b->cpu));
    ck_assert_int_eq(atomic_load(&b->execs), 1);
    vcpu_request_stop(&b->cpu); /* parks without ending HLT */
    vcpu_wait_parked(&b->cpu);
    ck_assert_int_eq(b->why, VCPU_STOP_REQUEST);
    ck_assert(b->cpu.halted);
    vcpu_resume(&b->cpu, 0);
    cpu_post(&b->cpu, CPU_EVENT_NMI);
    vcpu_wait_parked(&b->cpu);
    ck_assert_int_eq(b->why, VCPU_STOP_DEBUG);
    bench_done(b);
}
END_TEST

START_TEST(init_restarts_bsp) {
    BENCH(b, false, STEP_HALT, STEP_DEBUG);
    vcpu_resume(&b->cpu, 0);
    wait_execs(b, 1); /* that is HLT */
    cpu_post(&b->cpu, CPU_EVENT_INIT);
    vcpu_wait_parked(&b->cpu);
    ck_assert_int_eq(b->why, VCPU_STOP_DEBUG);
    ck_assert_uint_eq(b->cpu.env.rip, 0xfff0);
    ck_assert_uint_eq(b->cpu.env.seg[SEG_CS].base, 0xffff0000);
    bench_done(b);
}
END_TEST

/* In VMX operation it waits for VMXOFF (SDM vol. 3, 24.8). */
START_TEST(init_is_blocked_in_vmx) {
    BENCH(b, false, STEP_HALT, STEP_DEBUG);
    b->cpu.env.vmx = VMX_ROOT;
    b->cpu.env.rip = 0x1234;
    vcpu_resume(&b->cpu, 0);
    wait_execs(b, 1);
    cpu_post(&b->cpu, CPU_EVENT_INIT);
    cpu_post(&b->cpu, CPU_EVENT_UNHALT);
    vcpu_wait_parked(&b->cpu);
    ck_assert_int_eq(b->why, VCPU_STOP_DEBUG);
    ck_assert_uint_eq(b->cpu.env.rip, 0x1234);
    ck_assert(b->cpu.env.init_blocked);
    ck_assert_uint_eq(atomic_load(&b->cpu.events) & CPU_EVENT_INIT, 0);
    bench_done(b);
}
END_TEST

START_TEST(ap_waits_for_sipi) {
    BENCH(b, false, STEP_DEBUG);
    b->cpu.bootstrap = false;
    cpu_reset(&b->cpu, false);
    ck_assert(b->cpu.wait_for_sipi);
    vcpu_resume(&b->cpu, 0);
    cpu_post(&b->cpu, CPU_EVENT_NMI); /* does not wake it */
    usleep(5000);
    ck_assert_int_eq(atomic_load(&b->execs), 0);
    b->cpu.sipi_vector = 0x9a;
    cpu_post(&b->cpu, CPU_EVENT_SIPI);
    vcpu_wait_parked(&b->cpu);
    ck_assert_uint_eq(b->cpu.env.seg[SEG_CS].selector, 0x9a00);
    ck_assert_uint_eq(b->cpu.env.seg[SEG_CS].base, 0x9a000);
    ck_assert_uint_eq(b->cpu.env.rip, 0);
    bench_done(b);
}
END_TEST

START_TEST(shutdown_resets_or_stops) {
    BENCH(b, false, STEP_SHUTDOWN);
    vcpu_resume(&b->cpu, 0);
    vcpu_wait_parked(&b->cpu);
    ck_assert_int_eq(b->why, VCPU_STOP_REQUEST);
    ck_assert_int_eq(b->shutdowns, 1);
    static const enum Step halt[] = {STEP_HALT};
    b->reset_on_shutdown = true;
    vcpu_request_reset(&b->cpu);
    vcpu_resume(&b->cpu, 0);
    wait_execs(b, 3);
    vcpu_request_stop(&b->cpu);
    vcpu_wait_parked(&b->cpu);
    ck_assert_int_ge(b->resets, 2);
    b->script = halt;
    bench_done(b);
}
END_TEST

START_TEST(error_is_reported) {
    BENCH(b, false, STEP_ERROR);
    vcpu_resume(&b->cpu, 0);
    vcpu_wait_parked(&b->cpu);
    ck_assert_int_eq(b->why, VCPU_STOP_ERROR);
    ck_assert_str_eq(b->cpu.error, "scripted");
    bench_done(b);
}
END_TEST

static void on_work(void *opaque) { ((struct Bench *)opaque)->works++; }

START_TEST(work_runs_in_the_thread) {
    BENCH(b, true, STEP_RUN);
    vcpu_request_work(&b->cpu, on_work, b);
    ck_assert_int_eq(b->works, 0);
    vcpu_resume(&b->cpu, 10);
    vcpu_wait_parked(&b->cpu);
    ck_assert_int_eq(b->works, 1);
    ck_assert_uint_eq(b->cpu.insn_count, 10);
    bench_done(b);
}
END_TEST

START_TEST(icount_fires_timers_at_exact_counts) {
    BENCH(b, true, STEP_RUN);
    b->cpu.icount_shift = 2;
    b->period = 100;
    timer_arm(&b->timer, 100);
    vcpu_resume(&b->cpu, 250);
    vcpu_wait_parked(&b->cpu);
    ck_assert_int_eq(b->fired, 10);
    for (int i = 0; i < b->fired; i++) {
        ck_assert_int_eq(b->fired_at[i], 100 * (i + 1));
        ck_assert_uint_eq(b->fired_count[i], 25u * (unsigned)(i + 1));
    }
    ck_assert_int_eq(clock_now(b->clock), 1000);
    bench_done(b);
}
END_TEST

START_TEST(icount_halt_jumps_to_the_timer) {
    BENCH(b, true, STEP_HALT);
    b->cpu.env.rflags |= FLAG_IF;
    b->period = NS_PER_SEC;
    timer_arm(&b->timer, NS_PER_SEC);
    /* ten seconds of guest time, one instruction each */
    static const enum Step script2[] = {STEP_RUN, STEP_HALT, STEP_RUN, STEP_HALT,
                                        STEP_RUN, STEP_HALT, STEP_RUN, STEP_DEBUG};
    b->script = script2;
    b->steps = 8;
    vcpu_resume(&b->cpu, 0);
    vcpu_wait_parked(&b->cpu);
    ck_assert_int_eq(b->why, VCPU_STOP_DEBUG);
    ck_assert_int_eq(b->fired, 4);
    ck_assert_int_eq(b->fired_at[3], 4 * NS_PER_SEC);
    bench_done(b);
}
END_TEST

/* A timer for which there is no time left wakes who sleeps for it. */
START_TEST(icount_halt_at_the_end_of_time) {
    BENCH(b, true, STEP_HALT, STEP_RUN, STEP_DEBUG);
    b->cpu.env.rflags |= FLAG_IF;
    b->period = 1;
    clock_advance_to(b->clock, CLOCK_END);
    timer_arm(&b->timer, CLOCK_END);
    vcpu_resume(&b->cpu, 0);
    vcpu_wait_parked(&b->cpu);
    ck_assert_int_eq(b->why, VCPU_STOP_DEBUG);
    ck_assert_int_eq(b->fired, 1);
    bench_done(b);
}
END_TEST

static void *poster(void *opaque) {
    struct Bench *b = opaque;
    for (int i = 0; i < 2000; i++) {
        cpu_post(&b->cpu, CPU_EVENT_INTR);
        if (i % 16 == 0)
            usleep(1);
    }
    return NULL;
}

START_TEST(no_wakeup_is_lost) {
    static const enum Step halts[] = {STEP_HALT, STEP_RUN};
    BENCH(b, false, STEP_HALT);
    b->script = halts; /* the second step waits for an interrupt, then stays */
    b->steps = 2;
    b->cpu.env.rflags |= FLAG_IF;
    pthread_t t;
    vcpu_resume(&b->cpu, 0);
    pthread_create(&t, NULL, poster, b);
    pthread_join(t, NULL);
    wait_execs(b, 2);
    bench_done(b);
}
END_TEST

START_TEST(random_numbers) {
    static struct CPUState a, b;
    uint64_t x = 0, y, bits = 0;
    a.clock = b.clock = clock_new(CLOCK_ICOUNT);
    for (unsigned k = 0; k < 100; k++) { /* the same sequence each time, of numbers that differ */
        uint64_t last = x;
        ck_assert(cpu_random(&a, &x) && cpu_random(&b, &y));
        ck_assert_uint_eq(x, y);
        ck_assert(k == 0 || x != last);
        bits |= x;
    }
    ck_assert_uint_eq(bits, UINT64_MAX);
    b.index = 1; /* another processor has another one */
    ck_assert(cpu_random(&a, &x) && cpu_random(&b, &y) && x != y);
    clock_free(a.clock);
    a.clock = b.clock = clock_new(CLOCK_HOST);
    a.random_count = b.random_count = b.index = 0;
    ck_assert(cpu_random(&a, &x) && cpu_random(&b, &y) && x != y);
    clock_free(a.clock);
}
END_TEST

START_TEST(reset_state) {
    BENCH(b, false, STEP_RUN);
    const CPUX86State *env = &b->cpu.env;
    ck_assert_uint_eq(env->cr0, 0x60000010);
    ck_assert_uint_eq(env->rflags, 2);
    ck_assert_uint_eq(env->seg[SEG_CS].selector, 0xf000);
    ck_assert_uint_eq(env->seg[SEG_DS].limit, 0xffff);
    ck_assert_uint_eq(env->gpr[REG_DX], b->cpu.model.signature);
    ck_assert_uint_eq(env->dr[6], 0xffff0ff0);
    ck_assert_uint_eq(env->fcw, 0x40);
    ck_assert_uint_eq(env->mxcsr, 0x1f80);
    b->cpu.env.vec[3].q[0] = 7;
    b->cpu.env.mtrr_def_type = 0xc06;
    b->cpu.env.cr0 = 0x80000011;
    atomic_store(&b->cpu.events, CPU_EVENT_NMI | CPU_EVENT_SIPI);
    cpu_reset(&b->cpu, true);
    ck_assert_uint_eq(atomic_load(&b->cpu.events), CPU_EVENT_SIPI); /* it came behind the INIT */
    ck_assert_uint_eq(env->vec[3].q[0], 7);
    ck_assert_uint_eq(env->mtrr_def_type, 0xc06);
    ck_assert_uint_eq(env->cr0, 0x10);
    cpu_reset(&b->cpu, false);
    ck_assert_uint_eq(atomic_load(&b->cpu.events), 0);
    ck_assert_uint_eq(env->vec[3].q[0], 0);
    ck_assert_uint_eq(env->mtrr_def_type, 0);
    bench_done(b);
}
END_TEST

/* Events take their place in the budget: nothing but exceptions comes to an end, too. */
START_TEST(budget_counts_events) {
    BENCH(b, true, STEP_FAULTS);
    b->period = 300;
    timer_arm(&b->timer, 300);
    ck_assert_int_eq(vcpu_resume(&b->cpu, 1000), 0);
    vcpu_wait_parked(&b->cpu);
    ck_assert_int_eq(b->why, VCPU_STOP_BUDGET);
    ck_assert_uint_eq(b->cpu.event_count, 1000);
    ck_assert_uint_eq(b->cpu.insn_count, 0);
    ck_assert_uint_eq(cpu_progress(&b->cpu), 1000);
    cpu_sync_clock(&b->cpu);
    ck_assert_int_eq(clock_now(b->clock), 1000); /* and take time */
    ck_assert_int_eq(b->fired, 3);
    for (int k = 0; k < 3; k++)
        ck_assert_int_eq(b->fired_at[k], 300 * (k + 1));
    ck_assert_int_eq(vcpu_resume(&b->cpu, 1), 0); /* exactly one more */
    vcpu_wait_parked(&b->cpu);
    ck_assert_uint_eq(cpu_progress(&b->cpu), 1001);
    bench_done(b);
}
END_TEST

Suite *vcpu_suite(void) {
    Suite *s = suite_create("vcpu");
    TCase *t = tcase_create("loop");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, budget_is_exact);
    tcase_add_test(t, budget_counts_events);
    tcase_add_test(t, stop_and_continue);
    tcase_add_test(t, destroy_while_running);
    tcase_add_test(t, halt_sleeps_until_interrupt);
    tcase_add_test(t, halt_is_measured);
    tcase_add_test(t, idle_is_told_of);
    tcase_add_test(t, masked_interrupt_does_not_end_halt);
    tcase_add_test(t, init_restarts_bsp);
    tcase_add_test(t, init_is_blocked_in_vmx);
    tcase_add_test(t, ap_waits_for_sipi);
    tcase_add_test(t, shutdown_resets_or_stops);
    tcase_add_test(t, error_is_reported);
    tcase_add_test(t, work_runs_in_the_thread);
    tcase_add_test(t, icount_fires_timers_at_exact_counts);
    tcase_add_test(t, icount_halt_jumps_to_the_timer);
    tcase_add_test(t, icount_halt_at_the_end_of_time);
    tcase_add_test(t, no_wakeup_is_lost);
    tcase_add_test(t, random_numbers);
    tcase_add_test(t, reset_state);
    suite_add_tcase(s, t);
    return s;
}
