/* SPDX-License-Identifier: MIT */
/*
 * Following another engine: AccelFollowOps.step. KVM stops after an instruction because it sets TF in the guest's
 * RFLAGS. That TF gets lost where an exception is delivered, and shows in its frame; there a HLT stands for a moment at
 * the handler, at CPL 0, where the leader went. (Not INT3: some processors under KVM do not intercept it.)
 */
#include "accel/kvm/kick_signal.h"
#include "accel/kvm/kvm.h"
#include "cpu/pagewalk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

struct Step {
    struct KvmVcpu *v;
    const struct AccelStep *s;
    uint64_t rip;        /* before it */
    uint8_t *breakpoint; /* where it stands; NULL: TF */
    uint8_t byte;        /* that it hides */
};

/* ---- the breakpoint ---- */

static uint64_t linear_rip(const CPUX86State *env) {
    return x86_code64(env) ? env->rip : (uint32_t)(env->rip + env->seg[SEG_CS].base);
}

static uint8_t *ram_byte(struct CPUState *cpu, uint64_t phys) {
    uint64_t offset, avail;
    struct Region *r = bus_find(cpu->bus, phys, &offset, &avail);
    return r != NULL && r->host != NULL ? r->host + offset : NULL;
}

uint8_t *kvm_byte_at(struct CPUState *cpu, uint64_t linear) {
    struct WalkResult walk;
    bool mapped =
        x86_canonical(&cpu->env, linear) && x86_walk(&cpu->env, &cpu->model, cpu->bus, linear, WALK_PEEK, &walk);
    return mapped ? ram_byte(cpu, walk.phys) : NULL;
}

static void set_breakpoint(struct Step *p) {
    bool possible = x86_cpl(p->s->until) == 0 && p->s->stop != UINT64_MAX;
    p->breakpoint = possible ? ram_byte(p->v->cpu, p->s->stop) : NULL;
    if (p->breakpoint == NULL)
        return;
    p->byte = *p->breakpoint;
    *(volatile uint8_t *)p->breakpoint = ACCEL_STEP_BYTE;
}

/* What the guest itself has written there stays. */
static void clear_breakpoint(struct Step *p) {
    if (p->breakpoint != NULL && *(volatile uint8_t *)p->breakpoint == ACCEL_STEP_BYTE)
        *(volatile uint8_t *)p->breakpoint = p->byte;
}

/* ---- state ---- */

static int put_general(struct KvmVcpu *v) {
    struct kvm_regs regs = {0};
    kvm_regs_from_env(&regs, &v->cpu->env);
    v->known = v->regs_in_run = false;
    return ioctl(v->fd, KVM_SET_REGS, &regs);
}

static void get_general(struct KvmVcpu *v) {
    struct kvm_regs regs;
    if (ioctl(v->fd, KVM_GET_REGS, &regs) == 0)
        kvm_regs_to_env(&regs, &v->cpu->env);
}

static void get_rest(struct KvmVcpu *v, bool all) {
    struct kvm_sregs sregs;
    struct kvm_xsave xsave;
    if (all) {
        kvm_get_state(v->cpu);
        return;
    }
    if (ioctl(v->fd, KVM_GET_SREGS, &sregs) == 0)
        kvm_sregs_to_env(&sregs, &v->cpu->env);
    if (ioctl(v->fd, KVM_GET_XSAVE, &xsave) == 0)
        kvm_xsave_to_env(&xsave, &v->cpu->env, v->pkru_at);
}

/* Also where nothing changed: an instruction may have cleared the TF that KVM had set. */
static void set_debug(struct KvmVcpu *v, bool on) {
    struct kvm_guest_debug debug = {.control = on ? KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP : 0};
    kvm_debug_force(v, &debug);
}

static void inject(struct KvmVcpu *v, int vector) {
    struct kvm_interrupt irq = {.irq = (uint32_t)vector};
    if (vector == VEC_NMI)
        ioctl(v->fd, KVM_NMI);
    else if (vector >= 0)
        ioctl(v->fd, KVM_INTERRUPT, &irq);
}

/* ---- running ---- */

static bool is_access(uint32_t reason) {
    return reason == KVM_EXIT_IO || reason == KVM_EXIT_MMIO || reason == KVM_EXIT_X86_RDMSR ||
           reason == KVM_EXIT_X86_WRMSR;
}

/* The instruction is over when RIP has moved; one that repeats, when it has come as far as the leader. */
static bool arrived(const struct Step *p) {
    const CPUX86State *env = &p->v->cpu->env, *until = p->s->until;
    if (!p->s->string || env->rip != p->rip)
        return true;
    return env->rip == until->rip && env->gpr[REG_CX] == until->gpr[REG_CX];
}

static enum VcpuExit fail(struct KvmVcpu *v, const char *what) {
    snprintf(v->cpu->error, sizeof(v->cpu->error), "kvm: %s", what);
    return VCPU_EXIT_ERROR;
}

/* A step trap. RUN: go on. */
static enum KvmAction trapped(struct Step *p, enum VcpuExit *exit) {
    get_general(p->v);
    *exit = VCPU_EXIT_DEBUG;
    return arrived(p) ? KVM_ACTION_LEAVE : KVM_ACTION_RUN;
}

/* HLT: our own, or the guest's. */
static enum KvmAction halted(struct Step *p, enum VcpuExit *exit) {
    struct CPUState *cpu = p->v->cpu;
    *exit = VCPU_EXIT_HALT;
    get_general(p->v);
    CPUX86State at = cpu->env;
    at.rip--;
    if (p->breakpoint != NULL && linear_rip(&at) == linear_rip(p->s->until)) {
        cpu->env.rip = at.rip;
        put_general(p->v);
        *exit = VCPU_EXIT_DEBUG;
    }
    return KVM_ACTION_LEAVE;
}

/* One KVM_RUN. `finishing`: an access was served, and KVM is to complete that instruction and no more. */
static enum KvmAction run_once(struct Step *p, bool *finishing, enum VcpuExit *exit) {
    struct KvmVcpu *v = p->v;
    v->run->immediate_exit = *finishing;
    int r = kvm_run_vcpu(v), e = errno;
    if (r < 0 && e == EINTR) {
        bool finished = *finishing;
        *finishing = false;
        kick_signal_drain();
        get_general(v);
        *exit = VCPU_EXIT_KICK;
        if (finished && p->breakpoint == NULL && arrived(p))
            *exit = VCPU_EXIT_DEBUG;
        else if (!(atomic_load(&v->cpu->events) & CPU_EVENT_LEAVE))
            return KVM_ACTION_RUN;
        return KVM_ACTION_LEAVE;
    }
    *finishing = false;
    if (r < 0) {
        *exit = fail(v, strerror(e));
        return KVM_ACTION_LEAVE;
    }
    if (v->run->exit_reason == KVM_EXIT_DEBUG)
        return trapped(p, exit);
    if (v->run->exit_reason == KVM_EXIT_HLT)
        return halted(p, exit);
    *finishing = is_access(v->run->exit_reason);
    return kvm_handle_exit(v->cpu, v->run, exit);
}

static enum VcpuExit run(struct Step *p) {
    bool finishing = false;
    enum VcpuExit exit = VCPU_EXIT_KICK;
    for (;;) {
        enum KvmAction action = run_once(p, &finishing, &exit);
        if (action == KVM_ACTION_ASSIST)
            return fail(p->v, "KVM can't emulate an instruction");
        if (action == KVM_ACTION_LEAVE)
            return exit;
    }
}

/* ---- where TF shows, or gets lost ---- */

/* SYSRET takes RFLAGS from R11. */
static void before(struct Step *p) {
    CPUX86State *env = &p->v->cpu->env;
    if (p->s->flags == STEP_FLAGS_FROM_R11) {
        env->gpr[11] |= FLAG_TF;
        put_general(p->v);
    }
}

static void after(struct Step *p) {
    struct CPUState *cpu = p->v->cpu;
    CPUX86State *env = &cpu->env;
    if (p->breakpoint != NULL)
        return;
    if (p->s->flags == STEP_FLAGS_FROM_R11) {
        env->gpr[11] &= ~(uint64_t)FLAG_TF;
        put_general(p->v);
    } else if (p->s->flags == STEP_FLAGS_PUSHED) {
        uint64_t sp = env->gpr[REG_SP];
        if (!x86_code64(env))
            sp = env->seg[SEG_SS].base + (env->seg[SEG_SS].ar & AR_DB ? (uint32_t)sp : (uint16_t)sp);
        uint8_t *image = kvm_byte_at(cpu, sp + 1);
        if (image != NULL)
            *(volatile uint8_t *)image &= (uint8_t) ~(FLAG_TF >> 8);
    }
}

static bool needs_breakpoint(const struct AccelStep *s, uint64_t rip) {
    bool whole = s->string && s->until->rip != rip; /* of a string instruction, not a part */
    return s->event || s->inject >= 0 || whole || s->flags == STEP_FLAGS_TO_R11 || s->flags == STEP_FLAGS_SHADOW;
}

/* One instruction without a breakpoint at it. */
static enum VcpuExit pass(struct Step *p) {
    struct AccelStep one = {.inject = -1, .until = p->s->until};
    struct Step step = {.v = p->v, .s = &one, .rip = p->v->cpu->env.rip};
    set_debug(p->v, true);
    enum VcpuExit exit = run(&step);
    set_debug(p->v, false);
    return exit;
}

/* At full speed, until the breakpoint is met for the last time. */
static enum VcpuExit run_freely(struct Step *p) {
    enum VcpuExit exit = VCPU_EXIT_DEBUG;
    set_debug(p->v, false);
    for (uint64_t left = p->s->arrivals; left > 0 && exit == VCPU_EXIT_DEBUG; left--) {
        set_breakpoint(p);
        if (p->breakpoint == NULL)
            return fail(p->v, "no breakpoint can be put where the leader stands");
        exit = run(p);
        clear_breakpoint(p);
        if (exit == VCPU_EXIT_DEBUG && left > 1)
            exit = pass(p);
    }
    return exit;
}

enum VcpuExit kvm_step(struct CPUState *cpu, const struct AccelStep *s) {
    struct KvmVcpu *v = cpu->engine;
    struct Step p = {.v = v, .s = s, .rip = cpu->env.rip};
    v->held_db = 0; /* only at the very beginning, of a state made so: a difference, which the comparison reports */
    if (s->general && put_general(v) < 0)
        return fail(v, "general registers are refused");
    before(&p);
    inject(v, s->inject);
    if (s->instructions == 0 && needs_breakpoint(s, p.rip))
        set_breakpoint(&p);
    kvm_enter(v);
    enum VcpuExit exit;
    if (s->instructions != 0) {
        exit = run_freely(&p);
    } else {
        set_debug(v, p.breakpoint == NULL);
        exit = run(&p);
        clear_breakpoint(&p);
    }
    kvm_leave(v);
    if (exit != VCPU_EXIT_DEBUG) /* else they were looked at */
        get_general(v);
    get_rest(v, s->all);
    after(&p);
    return exit;
}
