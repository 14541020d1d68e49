/* SPDX-License-Identifier: MIT */
/*
 * Any engine, any CPU mode, slowly: each case is put into the whole CPU and run until a handler's HLT. A case that
 * comes to its end is there, too: a pad is INT3, which its handler's frame shows. Between cases the system's tables
 * become what they were.
 */
#include "accel/cases.h"
#include "accel/registry.h"
#include "diff/diff.h"
#include "diff/run/frame.h"
#include "diff/run/runner.h"
#include "diff/run/segments.h"
#include "diff/run/watchdog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INSNS = 5000, CASE_SECONDS = 4 };

struct SystemRunner {
    struct DiffRunner head;
    struct CPUState cpu;
    struct Accel accel;
    pthread_mutex_t lock;
    uint8_t tables[DIFF_SYS_SIZE]; /* as they were at first */
    uint8_t vectors[0x400];        /* real-address mode's */
    struct Watchdog *watchdog;
    /* QEMU's emulation of SVM (7.2) ends with "invalid tss type" when it takes a stack from a TSS that is busy, as it
     * must be. One that is not does no harm: KVM says of any that it is busy. */
    bool tss_available;
    uint64_t cs_base; /* of the case that is being run */
};

static void close_runner(struct DiffRunner *r) {
    struct SystemRunner *y = (struct SystemRunner *)r;
    watchdog_free(y->watchdog);
    if (y->cpu.engine != NULL)
        y->accel.ops->vcpu_destroy(&y->cpu);
    if (y->accel.data != NULL)
        y->accel.ops->destroy(&y->accel);
    if (y->cpu.bus != NULL)
        bus_free(y->cpu.bus);
    if (y->cpu.clock != NULL)
        clock_free(y->cpu.clock);
    diff_space_destroy(&r->space);
    pthread_mutex_destroy(&y->lock);
    free(r->system);
    free(y);
}

static int make_cpu(struct SystemRunner *y, const struct AccelOps *ops, const char *options,
                    const struct CpuModel *model, char *why, size_t n) {
    struct CPUState *cpu = &y->cpu;
    cpu->bus = bus_new(&y->lock);
    cpu->clock = clock_new(CLOCK_HOST);
    int e = cpu->bus == NULL || cpu->clock == NULL ? -ENOMEM : bus_map(cpu->bus, 0, &y->head.space.ram);
    if (e != 0)
        return snprintf(why, n, "%s: %s", ops->name, strerror(-e)), e;
    cpu->lock = &y->lock;
    cpu->bootstrap = true;
    cpu->insn_limit = UINT64_MAX;
    cpu->tsc_hz = 1000000000;
    cpu->model = *model;
    y->accel = (struct Accel){.ops = ops, .bus = cpu->bus, .clock = cpu->clock, .lock = &y->lock, .options = options};
    cpu->accel = &y->accel;
    if ((e = ops->init(&y->accel, why, n)) != 0)
        return e;
    if ((e = ops->vcpu_init(cpu, &y->accel)) != 0)
        return snprintf(why, n, "%s", cpu->error), e;
    if (ops->set_model != NULL && (e = ops->set_model(cpu)) != 0)
        return snprintf(why, n, "%s", cpu->error), e;
    cpu_reset(cpu, false);
    return 0;
}

/** In real-address mode a case can go anywhere: let it come back soon. */
static void fill_real(struct DiffSpace *s) {
    for (uint64_t at = sizeof(((struct SystemRunner *)0)->vectors); at < s->ram.size; at++)
        if (at - s->ivt >= sizeof(((struct SystemRunner *)0)->vectors) && diff_space_page(s, at) == NULL &&
            at - s->sys >= DIFF_SYS_SIZE)
            s->ram.host[at] = 0xcc; /* INT3 */
}

static int open_on(struct DiffRunner **out, const struct DiffSetup *setup, const struct DiffRunnerOps *runner,
                   const struct AccelOps *ops, const char *options, char *why, size_t n) {
    struct SystemRunner *y = calloc(1, sizeof(*y));
    if (y == NULL)
        return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
    y->head.ops = runner;
    y->tss_available = !ops->software && diff_host_is_qemu();
    int e = diff_space_init(&y->head.space, setup->mode, setup->cpl, setup->model, setup->page, setup->pages, why, n);
    if (e != 0) {
        free(y);
        return e;
    }
    bus_lock_init(&y->lock);
    if (y->head.space.sys == DIFF_NOWHERE)
        e = (snprintf(why, n, "the case has pages all over real-address mode's memory: no room for handlers"), -EINVAL);
    if (e != 0) {
        close_runner(&y->head);
        return e;
    }
    if (setup->mode == DIFF_REAL16)
        fill_real(&y->head.space);
    memcpy(y->vectors, y->head.space.ram.host + y->head.space.ivt, sizeof(y->vectors));
    memcpy(y->tables, y->head.space.ram.host + y->head.space.sys_phys, DIFF_SYS_SIZE);
    y->head.system = calloc(DIFF_BATCH, sizeof(*y->head.system));
    e = make_cpu(y, ops, options, setup->model, why, n);
    if (e == 0) {
        y->watchdog = watchdog_new(&y->cpu);
        if (y->watchdog == NULL || y->head.system == NULL)
            e = (snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM);
    }
    if (e != 0) {
        close_runner(&y->head);
        return e;
    }
    *out = &y->head;
    return 0;
}

static int open_tcg(struct DiffRunner **r, const struct DiffSetup *s, char *why, size_t n) {
    return open_on(r, s, &diff_tcg_system_runner, accel_software(), "", why, n);
}
static int open_jit(struct DiffRunner **r, const struct DiffSetup *s, char *why, size_t n) {
    return open_on(r, s, &diff_jit_system_runner, accel_software(), "jit=eager", why, n);
}
static int open_plain(struct DiffRunner **r, const struct DiffSetup *s, char *why, size_t n) {
    return open_on(r, s, &diff_plain_system_runner, accel_software(), "plain=on", why, n);
}

/* ---- pads ---- */

static void put_pad(struct DiffRunner *r, uint8_t *at, uint64_t linear) {
    (void)r, (void)linear;
    diff_trap_pad(at);
}

static void code_changed(struct DiffRunner *r) {
    struct SystemRunner *y = (struct SystemRunner *)r;
    if (y->accel.ops->cases != NULL)
        y->accel.ops->cases->memory_changed(&y->cpu, 0, UINT64_MAX);
}

/* ---- one case ---- */

static void load(struct SystemRunner *y, const struct DiffState *in) {
    struct DiffSpace *s = &y->head.space;
    CPUX86State *env = &y->cpu.env;
    memcpy(s->ram.host + s->sys_phys, y->tables, DIFF_SYS_HANDLERS);
    if (s->mode == DIFF_REAL16)
        memcpy(s->ram.host + s->ivt, y->vectors, sizeof(y->vectors));
    *env = s->env;
    if (y->tss_available)
        env->tr.ar = 0x89;
    diff_state_to_env(in, env);
    if (y->head.own != NULL)
        diff_own_system_load(y->head.own, env);
    diff_segments(s, in, y->head.own, env->seg);
    diff_space_put_ldt(s, env->seg);
    y->cs_base = env->seg[SEG_CS].base;
    y->cpu.halted = false;
}

static void finish(struct SystemRunner *y, enum VcpuExit exit, struct DiffState *out, struct DiffSystem *system) {
    struct DiffSpace *s = &y->head.space;
    CPUX86State *env = &y->cpu.env;
    struct DiffFrame frame = {.cs = env->seg[SEG_CS].selector, .ss = env->seg[SEG_SS].selector};
    env->fip = (uint32_t)env->fip, env->fdp = (uint32_t)env->fdp;
    diff_state_from_env(out, env);
    out->vector = DIFF_NO_FAULT;
    out->error = out->dr6 = out->left = 0;
    out->cr2 = 0;
    memset(system, 0, sizeof(*system));
    if (exit == VCPU_EXIT_SHUTDOWN || (exit != VCPU_EXIT_HALT && !diff_in_handler(s, env))) {
        memset(out, 0, sizeof(*out));
        out->vector = exit == VCPU_EXIT_SHUTDOWN ? DIFF_TRIPLE_FAULT : DIFF_NO_END;
        out->left = exit != VCPU_EXIT_SHUTDOWN;
        return;
    }
    if (diff_in_handler(s, env)) {
        out->vector = diff_handler_vector(s, env);
        diff_frame_read(s, env, out, &frame);
        for (unsigned k = 0; k < frame.bytes; k++) { /* `out` has it all; flags that are undefined would differ here */
            uint8_t *p = diff_space_at(s, diff_frame_at(&frame, k));
            if (p != NULL)
                *p = 0;
        }
    }
    bool own = y->head.own != NULL && (y->head.own->segments & (1 << SEG_CS));
    uint64_t base = !own && (s->mode == DIFF_REAL16 || s->mode == DIFF_V8086) ? frame.cs << 4
                    : s->mode != DIFF_LONG64                             ? y->cs_base
                                                                         : 0;
    if (out->vector == VEC_BP && diff_at_trap_pad(s, base + out->rip - 1)) {
        out->vector = DIFF_NO_FAULT;
        out->rip--;
    }
    diff_system_read(env, &frame, system);
}

static int run_one(struct SystemRunner *y, const struct DiffState *in, struct DiffState *out, struct DiffSystem *system,
                   char *why, size_t n) {
    struct CPUState *cpu = &y->cpu;
    const struct AccelOps *ops = y->accel.ops;
    load(y, in);
    memcpy(out->fx + DIFF_FX_SEGMENTS, in->fx + DIFF_FX_SEGMENTS, sizeof(struct DiffSegments));
    if (ops->put_state(cpu) != 0)
        return snprintf(why, n, "%s: %s", ops->name, cpu->error), -EIO;
    bool counts = ops->counts_instructions;
    cpu->insn_limit = counts ? cpu->insn_count + MAX_INSNS : UINT64_MAX;
    if (!counts)
        watchdog_start(y->watchdog, CASE_SECONDS);
    enum VcpuExit exit = ops->exec(cpu);
    if (!counts)
        watchdog_stop(y->watchdog);
    if (exit == VCPU_EXIT_ERROR)
        return snprintf(why, n, "%s", cpu->error), -EIO;
    ops->get_state(cpu);
    finish(y, exit, out, system);
    return 0;
}

static int run(struct DiffRunner *r, const struct DiffState *in, struct DiffState *out, const uint16_t *which,
               unsigned count, char *why, size_t n) {
    for (unsigned k = 0; k < count; k++) {
        unsigned c = which[k];
        int e = run_one((struct SystemRunner *)r, &in[c], &out[c], &r->system[c], why, n);
        if (e != 0) {
            r->stuck = c;
            return e;
        }
    }
    return 0;
}

const struct DiffRunnerOps diff_tcg_system_runner = {.name = "tcg-lite",
                                                     .system_wide = true,
                                                     .open = open_tcg,
                                                     .close = close_runner,
                                                     .pad = put_pad,
                                                     .code_changed = code_changed,
                                                     .run = run};
const struct DiffRunnerOps diff_jit_system_runner = {.name = "jit",
                                                     .system_wide = true,
                                                     .open = open_jit,
                                                     .close = close_runner,
                                                     .pad = put_pad,
                                                     .code_changed = code_changed,
                                                     .run = run};
const struct DiffRunnerOps diff_plain_system_runner = {.name = "plain",
                                                       .system_wide = true,
                                                       .open = open_plain,
                                                       .close = close_runner,
                                                       .pad = put_pad,
                                                       .code_changed = code_changed,
                                                       .run = run};
#ifdef HAVE_KVM
static int open_kvm(struct DiffRunner **r, const struct DiffSetup *s, char *why, size_t n) {
    return open_on(r, s, &diff_kvm_system_runner, accel_find("kvm"), "", why, n);
}
const struct DiffRunnerOps diff_kvm_system_runner = {.name = "kvm",
                                                     .system_wide = true,
                                                     .open = open_kvm,
                                                     .close = close_runner,
                                                     .pad = put_pad,
                                                     .code_changed = code_changed,
                                                     .run = run};
#endif
