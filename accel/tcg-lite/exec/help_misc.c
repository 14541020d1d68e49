/* SPDX-License-Identifier: MIT */
/* Halting, identification and time: HLT, MONITOR, MWAIT, CPUID, RDTSC and kin (SDM vol. 2). */
#include "accel/tcg-lite/exec/helpers.h"
#include "accel/tcg-lite/sys/sys.h"
#include "cpu/exclusive.h"
#include "cpu/vcpu.h"
#include "cpu/xsave.h"

#include <sched.h>

void helper_hlt(struct Tcg *t, const struct Insn *i) {
    (void)i;
    tcg_request_exit(t, VCPU_EXIT_HALT);
}

/* ---- waiting for another processor ---- */

/* What is waited for may come from a vCPU that has no host processor because this one has it. Now and then is enough:
 * most waits are short. */
void helper_pause(struct Tcg *t, const struct Insn *i) {
    enum { PAUSES_A_YIELD = 32 };
    (void)i;
    if (cpu_is_alone(t->cpu))
        return;
    if (vcpu_pass_turn(t->cpu))
        tcg_request_exit(t, VCPU_EXIT_KICK);
    else if (++t->pauses % PAUSES_A_YIELD == 0)
        sched_yield();
}

/* A wait may always end early, so the monitored line is never watched. */

static void monitor_allowed(struct Tcg *t) {
    if (x86_cpl(t->env) != 0)
        tcg_fault(t, VEC_UD);
}

void helper_monitor(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    monitor_allowed(t);
    if ((uint32_t)env->gpr[REG_CX] != 0)
        tcg_fault_error(t, VEC_GP, 0);
    uint64_t offset = gpr_read(env, REG_AX * 8, 8u << i->asize);
    mem_load(t, i, mem_linear(t, i, i->seg, offset, 1, ACCESS_READ), 1);
}

void helper_mwait(struct Tcg *t, const struct Insn *i) {
    (void)i;
    monitor_allowed(t);
    if ((uint32_t)t->env->gpr[REG_CX] > 1)
        tcg_fault_error(t, VEC_GP, 0);
    if (!cpu_is_alone(t->cpu)) { /* another processor's store is to end it, and sends no interrupt */
        if (vcpu_pass_turn(t->cpu))
            tcg_request_exit(t, VCPU_EXIT_KICK);
        else
            sched_yield();
    } else if (t->env->rflags & FLAG_IF) /* else nothing but ECX bit 0's break event could end it: end at once */
        tcg_request_exit(t, VCPU_EXIT_HALT);
}

/* ---- CPUID ---- */

enum {
    CPUID1_EDX_APIC = 1 << 9,
    CPUID1_ECX_OSXSAVE = 1 << 27,
    CPUID7_ECX_OSPKE = 1 << 4,
    CPUID80000001_EDX_NX = 1 << 20,
    APIC_BASE_ENABLE = 1 << 11,
};

static bool apic_enabled(struct Tcg *t) {
    struct CPUState *cpu = t->cpu;
    if (cpu->apic == NULL || cpu->apic->get_base == NULL)
        return false;
    pthread_mutex_lock(cpu->lock);
    uint64_t base = cpu->apic->get_base(cpu->apic_opaque);
    pthread_mutex_unlock(cpu->lock);
    return (base & APIC_BASE_ENABLE) != 0;
}

/* What of CPUID follows the processor's state. */
static void cpuid_dynamic(struct Tcg *t, uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
    const CPUX86State *env = t->env;
    bool xsave = cpu_has(&t->cpu->model, CPUID_XSAVE);
    switch (leaf) {
    case 1:
        out[2] = env->cr4 & CR4_OSXSAVE ? out[2] | CPUID1_ECX_OSXSAVE : out[2] & ~(uint32_t)CPUID1_ECX_OSXSAVE;
        if (!apic_enabled(t))
            out[3] &= ~(uint32_t)CPUID1_EDX_APIC;
        break;
    case 7:
        if (subleaf == 0 && (env->cr4 & CR4_PKE))
            out[2] |= CPUID7_ECX_OSPKE;
        break;
    case 0xd:
        if (xsave && subleaf == 0)
            out[1] = xsave_size(&t->cpu->model, env->xcr0, false);
        else if (subleaf == 1 && out[1] != 0)
            out[1] = xsave_size(&t->cpu->model, env->xcr0 | env->xss, true);
        break;
    case 0x80000001:
        if ((out[3] & CPUID1_EDX_APIC) && !apic_enabled(t))
            out[3] &= ~(uint32_t)CPUID1_EDX_APIC;
        if (env->misc_enable & MISC_ENABLE_XD_DISABLE)
            out[3] &= ~(uint32_t)CPUID80000001_EDX_NX;
        break;
    default: break;
    }
}

void helper_cpuid(struct Tcg *t, const struct Insn *i) {
    static const uint8_t regs[4] = {REG_AX, REG_BX, REG_CX, REG_DX};
    CPUX86State *env = t->env;
    uint32_t leaf = (uint32_t)env->gpr[REG_AX], subleaf = (uint32_t)env->gpr[REG_CX], out[4];
    (void)i;
    cpu_cpuid(&t->cpu->model, t->cpu->apic_id, leaf, subleaf, out);
    cpuid_dynamic(t, cpu_model_leaf(&t->cpu->model, leaf), subleaf, out);
    for (unsigned k = 0; k < 4; k++)
        env->gpr[regs[k]] = out[k];
}

/* ---- time ---- */

static void read_tsc(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    if ((env->cr4 & CR4_TSD) && x86_cpl(env) != 0)
        tcg_fault_error(t, VEC_GP, 0);
    tcg_sync_count(t, i);
    uint64_t tsc = cpu_read_tsc(t->cpu);
    env->gpr[REG_AX] = (uint32_t)tsc;
    env->gpr[REG_DX] = tsc >> 32;
}

void helper_rdtsc(struct Tcg *t, const struct Insn *i) { read_tsc(t, i); }

void helper_rdtscp(struct Tcg *t, const struct Insn *i) {
    read_tsc(t, i);
    t->env->gpr[REG_CX] = (uint32_t)t->env->tsc_aux;
}

void helper_rdpid(struct Tcg *t, const struct Insn *i) { gpr_write(t->env, i->rm, 64, (uint32_t)t->env->tsc_aux); }

/* AMD's processors have four counters in any case (APM vol. 2, 13.2); they count nothing here and read as 0, as their
 * MSRs do. Intel's are there when CPUID says so, which it does not. */
void helper_rdpmc(struct Tcg *t, const struct Insn *i) {
    enum { AMD_COUNTERS = 4 };
    CPUX86State *env = t->env;
    (void)i;
    bool allowed = x86_cpl(env) == 0 || (env->cr4 & CR4_PCE);
    if (!allowed || t->cpu->model.vendor != VENDOR_AMD || (uint32_t)env->gpr[REG_CX] >= AMD_COUNTERS)
        tcg_fault_error(t, VEC_GP, 0);
    env->gpr[REG_AX] = env->gpr[REG_DX] = 0;
}

/* ---- random numbers, 64-byte stores ---- */

/* RDRAND, RDSEED. CF says whether there was a number; the other flags are 0. */
void helper_rdrand(struct Tcg *t, const struct Insn *i) {
    uint64_t v = 0;
    bool ok = cpu_random(t->cpu, &v);
    gpr_write(t->env, i->rm, insn_bits(i), ok ? v : 0);
    cc_load(&t->cc, ok ? FLAG_CF : 0);
}

/* The register is an address in ES, whatever the override; one that is not a multiple of 64 is #GP(0). */
void helper_movdir64b(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    uint8_t line[64];
    mem_load_bytes(t, i, mem_linear(t, i, i->seg, ea_offset(env, i), sizeof(line), ACCESS_READ), line, sizeof(line));
    uint64_t offset = gpr_read(env, i->reg, 8u << i->asize);
    uint64_t to = mem_linear(t, i, SEG_ES, offset, sizeof(line), ACCESS_WRITE);
    if (to & 63)
        tcg_fault_error(t, VEC_GP, 0);
    mem_store_bytes(t, i, to, line, sizeof(line));
}
