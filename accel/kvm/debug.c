/* SPDX-License-Identifier: MIT */
/*
 * A debugger's stops on hardware. Watchpoints and the first breakpoints go into debug registers of the host's making,
 * which the guest does not see; further breakpoints are INT3 in the guest's memory, there only while KVM_RUN may run.
 * Where INT3 does not stop either (stops.c), HLT stands there: it exits at CPL 0, if the kernel does not have the
 * interrupt controllers.
 * Steps are KVM's. Where KVM's TF would show in what an instruction stores, or where an interrupt is the step, the
 * software engine executes it.
 */
#include "accel/kvm/kvm.h"
#include "cpu/pagewalk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

enum { INT3 = 0xcc, HLT = 0xf4 };
enum { DR7_GE = 1 << 9, DR7_ONE = 1 << 10 };

/* ---- debug registers ---- */

static bool take_register(struct KvmDebug *k, const struct CpuPoint *p, uint64_t address, unsigned length) {
    static const uint8_t kinds[] = {
        [CPU_BREAKPOINT] = 0, [CPU_WATCH_WRITE] = 1, [CPU_WATCH_READ] = 3, [CPU_WATCH_ACCESS] = 3};
    static const uint8_t lengths[] = {[1] = 0, [2] = 1, [4] = 3, [8] = 2};
    unsigned n = k->registers;
    if (n == KVM_DEBUG_REGISTERS)
        return false;
    k->at[n] = *p;
    k->wanted.arch.debugreg[n] = address;
    k->wanted.arch.debugreg[7] |= 2u << (2 * n) | (uint64_t)(kinds[p->kind] | lengths[length] << 2) << (16 + 4 * n);
    k->registers++;
    return true;
}

/* A range as pieces that are aligned to their sizes. */
static bool take_range(struct KvmDebug *k, const struct CpuPoint *p) {
    for (uint64_t at = p->address, left = p->length; left > 0;) {
        unsigned n = 8;
        while (n > left || (at & (n - 1)) != 0)
            n /= 2;
        if (!take_register(k, p, at, n))
            return false;
        at += n;
        left -= n;
    }
    return true;
}

bool kvm_debug_allot(struct KvmDebug *k, const struct CpuDebug *d, bool breakpoints, unsigned stops) {
    bool all = true;
    k->registers = k->patches = 0;
    k->wanted = (struct kvm_guest_debug){0};
    k->wanted.arch.debugreg[7] = DR7_ONE | DR7_GE;
    for (unsigned i = 0; i < d->count; i++)
        if (d->point[i].kind != CPU_BREAKPOINT)
            all &= (stops & KVM_STOPS_WATCH) != 0 && take_range(k, &d->point[i]);
    for (unsigned i = 0; breakpoints && i < d->count; i++) {
        const struct CpuPoint *p = &d->point[i];
        if (p->kind != CPU_BREAKPOINT || ((stops & KVM_STOPS_BREAK) != 0 && take_register(k, p, p->address, 1)))
            continue;
        k->patch[k->patches++] = (struct KvmPatch){.point = *p};
    }
    if (k->registers > 0)
        k->wanted.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
    else
        k->wanted.arch.debugreg[7] = 0;
    k->opcode = stops & KVM_STOPS_INT3 ? INT3 : HLT;
    if (k->patches > 0 && k->opcode == INT3)
        k->wanted.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP;
    return all;
}

/* HLT in user code would raise #GP. */
static bool user_page(struct CPUState *cpu, uint64_t linear) {
    struct WalkResult walk;
    return (cpu->env.cr0 & CR0_PG) != 0 && x86_walk(&cpu->env, &cpu->model, cpu->bus, linear, WALK_PEEK, &walk) &&
           walk.user;
}

static int check_patch(struct CPUState *cpu, const struct KvmDebug *k, uint64_t at, char *why, size_t n) {
    if (kvm_byte_at(cpu, at) == NULL) {
        snprintf(why, n, "kvm: no debug register is free, and %llx, where an INT3 would have to be, is not mapped now",
                 (unsigned long long)at);
        return -EFAULT;
    }
    if (k->opcode == INT3 || !user_page(cpu, at))
        return 0;
    snprintf(why, n, "kvm: on this host breakpoints stop privileged code only; -accel tcg-lite has no such limit");
    return -ENOTSUP;
}

int kvm_check_points(struct CPUState *cpu, const void *engine, const struct CpuDebug *d, char *why, size_t n) {
    const struct KvmVcpu *v = engine;
    struct KvmDebug k;
    if (d->count == 0)
        return 0;
    unsigned stops = kvm_stops(v->vm);
    const char *lacks = NULL;
    if (d->watchpoints != 0 && (stops & KVM_STOPS_WATCH) == 0)
        lacks = "watchpoints";
    else if (d->breakpoints != 0 && (stops & KVM_STOPS_INT3) == 0 && v->vm->irqchip)
        lacks = "breakpoints (with kernel-irqchip=on)";
    if (lacks != NULL) {
        snprintf(why, n,
                 "kvm: this host's KVM does not stop at %s, for its processor is emulated or it is kvm_pvm; "
                 "-accel tcg-lite does",
                 lacks);
        return -ENOTSUP;
    }
    if (!kvm_debug_allot(&k, d, true, stops)) {
        snprintf(why, n,
                 "kvm: the processor has four debug registers, for 8 aligned bytes each; -accel tcg-lite has "
                 "no such limit");
        return -ENOSPC;
    }
    int r = 0;
    for (unsigned i = 0; i < k.patches && r == 0; i++)
        r = check_patch(cpu, &k, k.patch[i].point.address, why, n);
    return r;
}

static void know_env(struct KvmVcpu *v) {
    if (!v->known)
        kvm_get_state(v->cpu);
}

/* ---- around KVM_RUN ---- */

static uint32_t step_control(struct KvmVcpu *v) {
    const struct CpuDebug *d = &v->cpu->debug;
    if (v->cpu->insn_limit == UINT64_MAX && !d->first) /* hardware does not count: a budget is made of steps, too */
        return 0;
    if (d->first)
        know_env(v);
    if (d->first && (v->cpu->env.rflags & FLAG_TF) != 0) /* KVM's would take its place: see kvm_debug_assists */
        return 0;
    uint32_t control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
#ifdef KVM_GUESTDBG_BLOCKIRQ
    if (d->first && d->masked)
        control |= KVM_GUESTDBG_BLOCKIRQ & v->vm->caps.guest_debug_flags;
#endif
    return control;
}

void kvm_debug_force(struct KvmVcpu *v, const struct kvm_guest_debug *debug) {
    if (ioctl(v->fd, KVM_SET_GUEST_DEBUG, debug) != 0)
        return;
    v->debug.set = *debug;
    v->stepping = (debug->control & KVM_GUESTDBG_SINGLESTEP) != 0;
}

/* What KVM is to stop at. */
static int arm_registers(struct KvmVcpu *v, const struct KvmDebug *wanted) {
    struct KvmDebug *k = &v->debug;
    memcpy(k->at, wanted->at, sizeof(k->at));
    k->registers = wanted->registers;
    k->wanted = wanted->wanted;
    k->wanted.control |= step_control(v);
    bool same = memcmp(&k->wanted, &k->set, sizeof(k->set)) == 0;
    if (same && !v->cpu->debug.first)
        return 0;
    int r = kvm_flush_regs(v); /* KVM steps from where this is said, so it has to know where that is */
    if (r == 0)
        kvm_debug_force(v, &k->wanted);
    return r;
}

int kvm_debug_arm(struct KvmVcpu *v) {
    const struct CpuDebug *d = &v->cpu->debug;
    struct KvmDebug wanted;
    bool nothing = d->count == 0 && !d->first && v->cpu->insn_limit == UINT64_MAX && v->debug.set.control == 0;
    if (nothing || !v->vm->caps.guest_debug)
        return 0;
    kvm_debug_allot(&wanted, d, !d->first, v->vm->stops);
    int r = arm_registers(v, &wanted);
    if (r != 0)
        return r;
    if (d->first)
        kvm_patches_alone(v);
    if (wanted.patches > 0)
        know_env(v);
    kvm_patches_set(v, &wanted);
    return 0;
}

void kvm_debug_disarm(struct KvmVcpu *v) {
    kvm_patches_clear(v);
    kvm_patches_together(v);
}

/* ---- what shows TF ---- */

/* PUSHF, POPF, INT n, IRET, SYSCALL and kin, behind any prefixes. */
static bool shows_flags(const uint8_t *code, unsigned n, bool wide) {
    static const char prefixes[] = "\x66\x67\xf2\xf3\x2e\x36\x3e\x26\x64\x65";
    static const char opcodes[] = "\x9c\x9d\xcc\xcd\xce\xcf\xf1\xfb\x17", after_0f[] = "\x05\x07\x34\x35";
    unsigned i = 0;
    while (i < n && (memchr(prefixes, code[i], sizeof(prefixes) - 1) != NULL || (wide && (code[i] & 0xf0) == 0x40)))
        i++;
    if (i + 1 < n && code[i] == 0x0f)
        return memchr(after_0f, code[i + 1], sizeof(after_0f) - 1) != NULL;
    if (i + 1 < n && code[i] == 0x8e) /* MOV SS holds traps back */
        return (code[i + 1] >> 3 & 7) == SEG_SS;
    return i < n && memchr(opcodes, code[i], sizeof(opcodes) - 1) != NULL;
}

bool kvm_debug_assists(struct KvmVcpu *v, uint32_t events) {
    struct CPUState *cpu = v->cpu;
    const struct CpuDebug *d = &cpu->debug;
    uint8_t code[KVM_CODE_BYTES];
    if (!d->first || !v->vm->assist)
        return false;
    know_env(v);
    bool interrupt = (events & CPU_EVENT_INTR) != 0 && (cpu->env.rflags & FLAG_IF) != 0;
    if (d->step && !d->masked && (interrupt || (events & CPU_EVENT_NMI) != 0))
        return true;
    if ((cpu->env.rflags & FLAG_TF) != 0 || cpu->env.exception.pending || cpu->env.pending_db != 0)
        return true;
    return !v->vm->caps.guest_debug || shows_flags(code, kvm_code_bytes(cpu, code), x86_code64(&cpu->env));
}

/* ---- stops ---- */

static enum KvmAction stop(enum VcpuExit *exit) {
    *exit = VCPU_EXIT_DEBUG;
    return KVM_ACTION_LEAVE;
}

static enum KvmAction rearm(struct KvmVcpu *v, enum VcpuExit *exit) {
    kvm_debug_disarm(v);
    if (kvm_debug_arm(v) == 0)
        return KVM_ACTION_RUN;
    *exit = VCPU_EXIT_ERROR;
    return KVM_ACTION_LEAVE;
}

enum KvmAction kvm_debug_stepped(struct KvmVcpu *v, enum VcpuExit *exit) {
    struct CPUState *cpu = v->cpu;
    struct CpuDebug *d = &cpu->debug;
    bool first = d->first;
    cpu->insn_count++;
    d->first = false;
    if (d->step) {
        cpu_hit_step(d);
        return stop(exit);
    }
    return first ? rearm(v, exit) : KVM_ACTION_RUN; /* the breakpoint where the run began is behind us */
}

/* INT3 or HLT was met: ours; ours, seen at another address; or the guest's own, which is for `own`. */
static enum KvmAction met_patch(struct KvmVcpu *v, uint64_t pc, enum KvmAction own, enum VcpuExit *exit) {
    struct KvmDebug *k = &v->debug;
    struct CpuDebug *d = &v->cpu->debug;
    for (unsigned i = 0; i < k->patches; i++) {
        if (k->patch[i].point.address != pc || k->patch[i].host == NULL)
            continue;
        cpu_hit_point(d, &k->patch[i].point, pc);
        return stop(exit);
    }
    know_env(v);
    const uint8_t *here = kvm_byte_at(v->cpu, pc);
    for (unsigned i = 0; i < k->patches && here != NULL; i++) {
        if (k->patch[i].host != here)
            continue;
        d->first = d->masked = true; /* past it, as at the beginning of a run */
        return rearm(v, exit);
    }
    return own;
}

enum KvmAction kvm_debug_halted(struct KvmVcpu *v, enum VcpuExit *exit) {
    struct CPUState *cpu = v->cpu;
    if (v->stepping) {
        cpu->insn_count++;
        cpu->debug.first = false;
    }
    if (v->debug.patches == 0 || v->debug.opcode != HLT)
        return KVM_ACTION_LEAVE;
    kvm_get_state(cpu);
    cpu->env.rip--;
    if (met_patch(v, cpu_linear_rip(cpu), KVM_ACTION_ASSIST, exit) == KVM_ACTION_ASSIST) {
        cpu->env.rip++;
        return KVM_ACTION_LEAVE;
    }
    enum KvmAction action = *exit == VCPU_EXIT_DEBUG ? KVM_ACTION_LEAVE : KVM_ACTION_RUN;
    if (kvm_put_state(cpu) == 0)
        return action;
    *exit = VCPU_EXIT_ERROR;
    return KVM_ACTION_LEAVE;
}

/* The guest's own single step, or a debug register that was touched: as if nobody had looked. */
static enum KvmAction give_to_guest(struct KvmVcpu *v, uint64_t dr6, enum VcpuExit *exit) {
    struct CPUState *cpu = v->cpu;
    kvm_get_state(cpu);
    cpu->env.dr[6] = x86_dr6_after(cpu->env.dr[6], dr6 & DR6_CAUSES);
    cpu->env.exception.pending = true;
    cpu->env.exception.has_error = false;
    cpu->env.exception.vector = VEC_DB;
    if (kvm_put_state(cpu) == 0)
        return KVM_ACTION_RUN;
    *exit = VCPU_EXIT_ERROR;
    return KVM_ACTION_LEAVE;
}

enum KvmAction kvm_debug_exit(struct KvmVcpu *v, enum VcpuExit *exit) {
    const struct kvm_debug_exit_arch *arch = &v->run->debug.arch;
    struct KvmDebug *k = &v->debug;
    struct CpuDebug *d = &v->cpu->debug;
    if (arch->exception == VEC_BP)
        return met_patch(v, arch->pc, KVM_ACTION_ASSIST, exit);
    for (unsigned n = 0; n < k->registers; n++) {
        if ((arch->dr6 & 1u << n) == 0)
            continue;
        d->first = false;
        cpu_hit_point(d, &k->at[n], k->at[n].kind == CPU_BREAKPOINT ? arch->pc : k->wanted.arch.debugreg[n]);
        return stop(exit);
    }
    if ((arch->dr6 & DR6_BS) != 0 && v->stepping)
        return kvm_debug_stepped(v, exit);
    return give_to_guest(v, arch->dr6, exit);
}
