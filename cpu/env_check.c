/* SPDX-License-Identifier: MIT */
#include "cpu/env_check.h"
#include "cpu/env_fields.h"
#include "cpu/xsave.h"

#include <stddef.h>

/* ---- bits that exist ---- */

/* Bits of CR4 and the feature that each needs (SDM vol. 3, 2.5). */
static const struct {
    uint32_t bit;
    uint16_t feature;
} cr4_bits[] = {
    {CR4_VME, CPUID_VME},       {CR4_PVI, CPUID_VME},     {CR4_TSD, CPUID_TSC},           {CR4_DE, CPUID_DE},
    {CR4_PSE, CPUID_PSE},       {CR4_PAE, CPUID_PAE},     {CR4_MCE, CPUID_MCE},           {CR4_PGE, CPUID_PGE},
    {CR4_PCE, CPUID_NONE},      {CR4_OSFXSR, CPUID_FXSR}, {CR4_OSXMMEXCPT, CPUID_SSE},    {CR4_UMIP, CPUID_UMIP},
    {CR4_LA57, CPUID_LA57},     {CR4_VMXE, CPUID_VMX},    {CR4_FSGSBASE, CPUID_FSGSBASE}, {CR4_PCIDE, CPUID_PCID},
    {CR4_OSXSAVE, CPUID_XSAVE}, {CR4_SMEP, CPUID_SMEP},   {CR4_SMAP, CPUID_SMAP},         {CR4_PKE, CPUID_PKU},
};

uint64_t cpu_model_cr4(const struct CpuModel *m) {
    uint64_t valid = 0;
    for (unsigned k = 0; k < sizeof(cr4_bits) / sizeof(cr4_bits[0]); k++)
        if (cr4_bits[k].feature == CPUID_NONE || cpu_has(m, cr4_bits[k].feature))
            valid |= cr4_bits[k].bit;
    return valid;
}

uint64_t cpu_model_efer(const struct CpuModel *m) {
    return (cpu_has(m, CPUID_SYSCALL) ? EFER_SCE : 0) | (cpu_has(m, CPUID_LM) ? EFER_LME | EFER_LMA : 0) |
           (cpu_has(m, CPUID_NX) ? EFER_NXE : 0) | (cpu_has(m, CPUID_FXSR_OPT) ? EFER_FFXSR : 0);
}

/* DAZ came with SSE2 (SDM vol. 1, 11.6.6); MM is AMD's (APM vol. 1, 4.2.2). */
uint32_t cpu_model_mxcsr(const struct CpuModel *m) {
    enum { DAZ = 1 << 6, MM = 1 << 17, SSE = 0xffff & ~DAZ };
    return SSE | (cpu_has(m, CPUID_SSE2) ? DAZ : 0) | (cpu_has(m, CPUID_MISALIGNSSE) ? MM : 0);
}

/* ---- the whole ---- */

/* A row is what must not be. */
struct Rule {
    bool broken;
    const char *what;
};

static const char *first_broken(const struct Rule *rule, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        if (rule[i].broken)
            return rule[i].what;
    return NULL;
}

#define FIRST_BROKEN(rules) first_broken(rules, sizeof(rules) / sizeof((rules)[0]))

#define CR0_BITS (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)
#define FLAGS_BITS                                                                                                     \
    (FLAG_ARITH | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT | FLAG_RF | FLAG_VM | FLAG_AC | FLAG_VIF |         \
     FLAG_VIP | FLAG_ID | FLAG_ONE)

static bool vmx_pointer_bad(uint64_t p, const struct CpuModel *m) { return p & 0xfff || p >> m->phys_bits; }

/* SDM vol. 3, 2.5, 2.2.1, 4.1 and 18.2.3; vol. 1, 3.4.3 and 13.3. */
static const char *check_control(const CPUX86State *env, const struct CpuModel *m) {
    bool pg = env->cr0 & CR0_PG, lma = env->efer & EFER_LMA, lme = env->efer & EFER_LME;
    uint64_t xcr0 = cpu_model_xcr0(m), cr3 = env->cr3 & ~(env->cr4 & CR4_PCIDE ? 1ull << 63 : 0);
    const struct Rule rule[] = {
        {env->cr0 & ~(uint64_t)CR0_BITS, "CR0 has reserved bits"},
        {pg && !(env->cr0 & CR0_PE), "CR0 has paging without protection"},
        {env->cr0 & CR0_NW && !(env->cr0 & CR0_CD), "CR0 has NW without CD"},
        {env->cr4 & ~cpu_model_cr4(m), "CR4 has bits that the CPU model lacks"},
        {env->efer & ~cpu_model_efer(m), "EFER has bits that the CPU model lacks"},
        {lma != (lme && pg), "EFER.LMA does not go with EFER.LME and CR0.PG"},
        {lma && !(env->cr4 & CR4_PAE), "it is in long mode without PAE"},
        {!lma && env->cr4 & CR4_PCIDE, "CR4 has PCIDE outside of long mode"},
        {cr3 >> m->phys_bits, "CR3 has bits beyond the physical address"},
        {xcr0 != 0 && (!(env->xcr0 & XCR0_X87) || env->xcr0 & ~xcr0), "XCR0 has bits that the CPU model lacks"},
        {env->xcr0 & XCR0_AVX && !(env->xcr0 & XCR0_SSE), "XCR0 has AVX without SSE"},
        {env->xss & ~XSAVE_SUPERVISOR_COMPONENTS, "IA32_XSS has bits that the CPU model lacks"},
        {env->vmx != VMX_OFF && !(env->cr4 & CR4_VMXE), "it is in VMX operation without CR4.VMXE"},
        {env->vmx != VMX_OFF && !(pg && env->cr0 & CR0_NE), "it is in VMX operation without CR0.PG and CR0.NE"},
        {env->vmx == VMX_OFF && env->init_blocked, "an INIT waits for the end of VMX operation, which it is not in"},
        {vmx_pointer_bad(env->vmxon_pointer, m) ||
             (env->vmcs_pointer != UINT64_MAX && vmx_pointer_bad(env->vmcs_pointer, m)),
         "a pointer to a VMX region is no address of a page"},
        {env->mxcsr & ~cpu_model_mxcsr(m), "MXCSR has bits that the CPU model lacks"},
        {env->dr[6] >> 32 || env->dr[7] >> 32, "DR6 or DR7 has reserved bits"},
        {env->rflags & ~(uint64_t)FLAGS_BITS || !(env->rflags & FLAG_ONE), "RFLAGS has reserved bits"},
    };
    return FIRST_BROKEN(rule);
}

/* Real mode has CPL 0, v8086 mode CPL 3 (SDM vol. 3, 5.5), and CS.L with CS.D set is reserved (5.2.1). */
static const char *check_segments(const CPUX86State *env) {
    const uint32_t known = AR_TYPE | AR_S | AR_DPL | AR_P | AR_AVL | AR_L | AR_DB | AR_G | AR_UNUSABLE;
    bool lma = x86_long_mode(env), v86 = x86_v8086(env), protected = x86_protected(env);
    uint32_t ar = env->ldt.ar | env->tr.ar, cs = env->seg[SEG_CS].ar;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        ar |= env->seg[i].ar;
    const struct Rule rule[] = {
        {ar & ~known, "a segment has rights that do not exist"},
        {v86 && (lma || !protected), "it is in v8086 mode and in another one"},
        {v86 && x86_cpl(env) != 3, "it is in v8086 mode, but not at CPL 3"},
        {!protected && x86_cpl(env) != 0, "it is in real mode, but not at CPL 0"},
        {lma && cs & AR_L && cs & AR_DB, "CS has both L and D"},
    };
    return FIRST_BROKEN(rule);
}

/* Bools and small numbers, as bytes. */
static const char *check_events(const CPUX86State *env) {
    for (unsigned i = 0; i < env_field_count; i++) {
        const struct EnvField *f = &env_fields[i];
        if (f->max != 0 && env_field_read(env, f) > f->max)
            return "an event on its way is none that there is";
    }
    return env->zero != 0 ? "the register that is always 0 is not" : NULL;
}

const char *cpu_env_check(const CPUX86State *env, const struct CpuModel *m) {
    const char *wrong = check_events(env);
    if (wrong == NULL)
        wrong = check_control(env, m);
    return wrong != NULL ? wrong : check_segments(env);
}
