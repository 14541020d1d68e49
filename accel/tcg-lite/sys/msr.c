/* SPDX-License-Identifier: MIT */
/*
 * RDMSR and WRMSR (SDM vol. 4; AMD APM vol. 2, appendix A; BKDG for family 0Fh). One table; what is not in it is
 * #GP(0), as for bits that a row does not let be written.
 */
#include "accel/tcg-lite/exec/helpers.h"
#include "accel/tcg-lite/run/mode.h"
#include "accel/tcg-lite/run/tlb.h"
#include "accel/tcg-lite/sys/debug_regs.h"
#include "accel/tcg-lite/sys/kvm_pv.h"
#include "accel/tcg-lite/sys/sys.h"
#include "accel/tcg-lite/vmx/vmx.h"
#include "cpu/env_check.h"
#include "cpu/xsave.h"

struct MsrRow;
typedef bool (*MsrRead)(struct Tcg *t, uint32_t msr, uint64_t *v);
typedef bool (*MsrWrite)(struct Tcg *t, uint32_t msr, uint64_t v);

enum MsrKind {
    MSR_STORED,    /* a field of env; only bits in `writable` may be set */
    MSR_CANONICAL, /* a field of env that holds a canonical address */
    MSR_CONSTANT,  /* reads as `value`; writes raise #GP */
    MSR_IGNORED,   /* reads as `value`; writes go nowhere: configuration without effect on what is here */
    MSR_SPECIAL,   /* functions; one that is NULL, or returns false: #GP */
};

enum { VENDOR_ANY = -1 };

/** `count` registers from `first` on; the table is sorted by `first`. */
struct MsrRow {
    uint32_t first, count;
    enum MsrKind kind;
    uint16_t feature; /* without it: #GP */
    int8_t vendor;
    uint16_t offset; /* in env */
    union {
        uint64_t writable, value;
    };
    MsrRead read;
    MsrWrite write;
};

/* ---- time ---- */

static bool tsc_read(struct Tcg *t, uint32_t msr, uint64_t *v) {
    (void)msr;
    tcg_sync_count(t, t->insn);
    *v = cpu_read_tsc(t->cpu);
    return true;
}

/** Move the TSC by `delta`; IA32_TSC_ADJUST follows (SDM vol. 3, 18.17.3). */
static void tsc_move(struct Tcg *t, uint64_t delta) {
    struct CPUState *cpu = t->cpu;
    t->env->tsc_offset += delta;
    t->env->tsc_adjust += delta;
    kvm_pv_clock_changed(t);
    if (cpu->apic == NULL || cpu->apic->tsc_changed == NULL)
        return;
    pthread_mutex_lock(cpu->lock);
    cpu->apic->tsc_changed(cpu->apic_opaque);
    pthread_mutex_unlock(cpu->lock);
}

static bool tsc_write(struct Tcg *t, uint32_t msr, uint64_t v) {
    (void)msr;
    tcg_sync_count(t, t->insn);
    tsc_move(t, v - cpu_read_tsc(t->cpu));
    return true;
}

static bool tsc_adjust_write(struct Tcg *t, uint32_t msr, uint64_t v) {
    (void)msr;
    tcg_sync_count(t, t->insn);
    tsc_move(t, v - t->env->tsc_adjust);
    return true;
}

static bool tsc_adjust_read(struct Tcg *t, uint32_t msr, uint64_t *v) {
    (void)msr;
    *v = t->env->tsc_adjust;
    return true;
}

/* ---- the APIC ---- */

static bool apic_base_read(struct Tcg *t, uint32_t msr, uint64_t *v) {
    struct CPUState *cpu = t->cpu;
    (void)msr;
    if (cpu->apic == NULL || cpu->apic->get_base == NULL)
        return false;
    pthread_mutex_lock(cpu->lock);
    *v = cpu->apic->get_base(cpu->apic_opaque);
    pthread_mutex_unlock(cpu->lock);
    return true;
}

static bool apic_base_write(struct Tcg *t, uint32_t msr, uint64_t v) {
    struct CPUState *cpu = t->cpu;
    (void)msr;
    if (cpu->apic == NULL || cpu->apic->set_base == NULL || v >> cpu->model.phys_bits)
        return false;
    pthread_mutex_lock(cpu->lock);
    bool ok = cpu->apic->set_base(cpu->apic_opaque, v);
    pthread_mutex_unlock(cpu->lock);
    return ok;
}

static bool apic_read(struct Tcg *t, uint32_t msr, uint64_t *v) {
    struct CPUState *cpu = t->cpu;
    if (cpu->apic == NULL || cpu->apic->read_msr == NULL)
        return false;
    tcg_sync_count(t, t->insn);
    pthread_mutex_lock(cpu->lock);
    bool ok = cpu->apic->read_msr(cpu->apic_opaque, msr, v);
    pthread_mutex_unlock(cpu->lock);
    return ok;
}

static bool apic_write(struct Tcg *t, uint32_t msr, uint64_t v) {
    struct CPUState *cpu = t->cpu;
    if (cpu->apic == NULL || cpu->apic->write_msr == NULL)
        return false;
    tcg_sync_count(t, t->insn);
    pthread_mutex_lock(cpu->lock);
    bool ok = cpu->apic->write_msr(cpu->apic_opaque, msr, v);
    pthread_mutex_unlock(cpu->lock);
    return ok;
}

/* ---- memory types ---- */

static bool memory_type(uint8_t type, bool pat) { return type <= 7 && type != 2 && type != 3 && (pat || type != 7); }

static bool eight_types(uint64_t v, bool pat) {
    for (unsigned k = 0; k < 64; k += 8)
        if (!memory_type((uint8_t)(v >> k), pat))
            return false;
    return true;
}

static bool pat_read(struct Tcg *t, uint32_t msr, uint64_t *v) {
    (void)msr;
    *v = t->env->pat;
    return true;
}

static bool pat_write(struct Tcg *t, uint32_t msr, uint64_t v) {
    (void)msr;
    if (!eight_types(v, true))
        return false;
    t->env->pat = v;
    return true;
}

enum { MTRR_VAR = 0x200, MTRR_FIX64K = 0x250, MTRR_FIX16K = 0x258, MTRR_FIX4K = 0x268, MTRR_DEF_TYPE = 0x2ff };

static uint64_t *mtrr_fixed(struct Tcg *t, uint32_t msr) {
    unsigned n = msr == MTRR_FIX64K ? 0 : msr < MTRR_FIX4K ? 1 + msr - MTRR_FIX16K : 3 + msr - MTRR_FIX4K;
    return &t->env->mtrr_fixed[n];
}

static bool mtrr_fixed_read(struct Tcg *t, uint32_t msr, uint64_t *v) {
    *v = *mtrr_fixed(t, msr);
    return true;
}

static bool mtrr_fixed_write(struct Tcg *t, uint32_t msr, uint64_t v) {
    if (!eight_types(v, false))
        return false;
    *mtrr_fixed(t, msr) = v;
    return true;
}

static bool mtrr_var_read(struct Tcg *t, uint32_t msr, uint64_t *v) {
    unsigned n = (msr - MTRR_VAR) / 2;
    *v = msr & 1 ? t->env->mtrr_var[n].mask : t->env->mtrr_var[n].base;
    return true;
}

static bool mtrr_var_write(struct Tcg *t, uint32_t msr, uint64_t v) {
    unsigned n = (msr - MTRR_VAR) / 2;
    if (v >> t->cpu->model.phys_bits)
        return false;
    if (msr & 1) {
        if (v & 0x7ff)
            return false;
        t->env->mtrr_var[n].mask = v;
    } else {
        if ((v & 0xf00) || !memory_type((uint8_t)v, false))
            return false;
        t->env->mtrr_var[n].base = v;
    }
    return true;
}

static bool mtrr_def_read(struct Tcg *t, uint32_t msr, uint64_t *v) {
    (void)msr;
    *v = t->env->mtrr_def_type;
    return true;
}

static bool mtrr_def_write(struct Tcg *t, uint32_t msr, uint64_t v) {
    (void)msr;
    if ((v & ~0xcffull) || !memory_type((uint8_t)v, false))
        return false;
    t->env->mtrr_def_type = v;
    return true;
}

/* ---- IA32_MISC_ENABLE ---- */

enum { MISC_ENABLE_BITS = 1 << 0 | 1 << 3 | 1 << 7 | 1 << 11 | 1 << 12 | 1 << 16 | 1 << 18 | 1 << 22 };

static bool misc_enable_read(struct Tcg *t, uint32_t msr, uint64_t *v) {
    (void)msr;
    *v = t->env->misc_enable;
    return true;
}

/** Intel's switch for NX is there where NX is (SDM vol. 4, table 2-2). With NX goes EFER.NXE. */
static bool misc_enable_write(struct Tcg *t, uint32_t msr, uint64_t v) {
    const struct CpuModel *m = &t->cpu->model;
    uint64_t valid = MISC_ENABLE_BITS;
    (void)msr;
    if (m->vendor == VENDOR_INTEL && cpu_has(m, CPUID_NX))
        valid |= MISC_ENABLE_XD_DISABLE;
    if (v & ~valid)
        return false;
    t->env->misc_enable = v;
    if ((v & MISC_ENABLE_XD_DISABLE) && (t->env->efer & EFER_NXE)) {
        t->env->efer &= ~(uint64_t)EFER_NXE;
        tcg_tlb_flush(t);
    }
    return true;
}

/* ---- EFER, FS and GS base ---- */

/* Any of these brings EFER with it. */
static bool has_efer(const struct CpuModel *m) {
    return cpu_has(m, CPUID_SYSCALL) || cpu_has(m, CPUID_NX) || cpu_has(m, CPUID_LM);
}

static bool efer_read(struct Tcg *t, uint32_t msr, uint64_t *v) {
    (void)msr;
    *v = t->env->efer;
    return has_efer(&t->cpu->model);
}

static bool efer_write(struct Tcg *t, uint32_t msr, uint64_t v) {
    CPUX86State *env = t->env;
    const struct CpuModel *m = &t->cpu->model;
    uint64_t valid = cpu_model_efer(m) | EFER_LMA /* ignored */;
    (void)msr;
    if (env->misc_enable & MISC_ENABLE_XD_DISABLE)
        valid &= ~(uint64_t)EFER_NXE;
    uint64_t changed = v ^ env->efer;
    if (!has_efer(m) || (v & ~valid) || ((changed & EFER_LME) && (env->cr0 & CR0_PG)))
        return false;
    env->efer = (v & ~(uint64_t)EFER_LMA) | (env->efer & EFER_LMA);
    if (changed & EFER_NXE)
        tcg_tlb_flush(t);
    tcg_update_mode(t);
    return true;
}

static unsigned base_segment(uint32_t msr) { return msr == 0xc0000100 ? SEG_FS : SEG_GS; }

static bool segment_base_read(struct Tcg *t, uint32_t msr, uint64_t *v) {
    *v = t->env->seg[base_segment(msr)].base;
    return true;
}

static bool segment_base_write(struct Tcg *t, uint32_t msr, uint64_t v) {
    if (!x86_canonical(t->env, v))
        return false;
    t->env->seg[base_segment(msr)].base = v;
    return true;
}

/* ---- the table ---- */

#define AT(field) __builtin_offsetof(CPUX86State, field)
#define STORED(msr, feat, field, mask)                                                                                 \
    {.first = msr,                                                                                                     \
     .count = 1,                                                                                                       \
     .kind = MSR_STORED,                                                                                               \
     .feature = feat,                                                                                                  \
     .vendor = VENDOR_ANY,                                                                                             \
     .offset = AT(field),                                                                                              \
     .writable = mask}
#define CANONICAL(msr, feat, field)                                                                                    \
    {.first = msr, .count = 1, .kind = MSR_CANONICAL, .feature = feat, .vendor = VENDOR_ANY, .offset = AT(field)}
#define CONSTANT(msr, feat, who, v)                                                                                    \
    {.first = msr, .count = 1, .kind = MSR_CONSTANT, .feature = feat, .vendor = who, .value = v}
#define IGNORED(msr, n, who, v)                                                                                        \
    {.first = msr, .count = n, .kind = MSR_IGNORED, .feature = CPUID_NONE, .vendor = who, .value = v}
#define SPECIAL(msr, n, feat, rd, wr)                                                                                  \
    {.first = msr, .count = n, .kind = MSR_SPECIAL, .feature = feat, .vendor = VENDOR_ANY, .read = rd, .write = wr}

enum {
    MTRRCAP_VALUE = MTRR_VAR_COUNT | 1 << 8 /* fixed ranges */ | 1 << 10 /* write combining */,
    VM_CR_SVM_DISABLED = 1 << 4 | 1 << 3 /* locked */,
    DE_CFG_LFENCE_SERIALIZES = 1 << 1,
};
#define PATCH_LEVEL 0x01000065u

static const struct MsrRow rows[] = {
    IGNORED(0x00, 2, VENDOR_ANY, 0), /* P5_MC_ADDR, P5_MC_TYPE */
    SPECIAL(0x10, 1, CPUID_TSC, tsc_read, tsc_write),
    CONSTANT(0x17, CPUID_NONE, VENDOR_INTEL, 0), /* PLATFORM_ID */
    SPECIAL(0x1b, 1, CPUID_APIC, apic_base_read, apic_base_write),
    CONSTANT(0x3a, CPUID_NONE, VENDOR_INTEL, FEATURE_CONTROL_LOCKED),
    SPECIAL(0x3a, 1, CPUID_VMX, vmx_feature_control_read, vmx_feature_control_write),
    SPECIAL(0x3b, 1, CPUID_TSC_ADJUST, tsc_adjust_read, tsc_adjust_write),
    STORED(0x48, CPUID_SPEC_CTRL, spec_ctrl, 7),
    IGNORED(0x79, 1, VENDOR_INTEL, 0),          /* BIOS_UPDT_TRIG: microcode is taken and forgotten */
    IGNORED(0x8b, 1, VENDOR_AMD, PATCH_LEVEL),  /* PATCH_LEVEL */
    IGNORED(0x8b, 1, VENDOR_INTEL, 1ull << 32), /* BIOS_SIGN_ID */
    CONSTANT(0xfe, CPUID_MTRR, VENDOR_ANY, MTRRCAP_VALUE),
    STORED(0x174, CPUID_SEP, sysenter_cs, 0xffffffff),
    CANONICAL(0x175, CPUID_SEP, sysenter_esp),
    CANONICAL(0x176, CPUID_SEP, sysenter_eip),
    CONSTANT(0x179, CPUID_MCA, VENDOR_ANY, 0), /* MCG_CAP: no banks, since no error ever happens */
    STORED(0x17a, CPUID_MCA, mcg_status, 7),
    SPECIAL(0x1a0, 1, CPUID_NONE, misc_enable_read, misc_enable_write),
    STORED(0x1d9, CPUID_NONE, debugctl, 1), /* LBR may be switched on, and records nothing */
    IGNORED(0x1db, 4, VENDOR_ANY, 0),       /* LASTBRANCH and LASTINT, FROM and TO */
    SPECIAL(MTRR_VAR, 2 * MTRR_VAR_COUNT, CPUID_MTRR, mtrr_var_read, mtrr_var_write),
    SPECIAL(MTRR_FIX64K, 1, CPUID_MTRR, mtrr_fixed_read, mtrr_fixed_write),
    SPECIAL(MTRR_FIX16K, 2, CPUID_MTRR, mtrr_fixed_read, mtrr_fixed_write),
    SPECIAL(MTRR_FIX4K, 8, CPUID_MTRR, mtrr_fixed_read, mtrr_fixed_write),
    SPECIAL(0x277, 1, CPUID_PAT, pat_read, pat_write),
    SPECIAL(MTRR_DEF_TYPE, 1, CPUID_MTRR, mtrr_def_read, mtrr_def_write),
    SPECIAL(VMX_MSR_BASIC, VMX_MSR_COUNT, CPUID_VMX, vmx_capability_read, NULL),
    SPECIAL(0x6e0, 1, CPUID_TSC_DEADLINE, apic_read, apic_write),
    SPECIAL(0x800, 0x100, CPUID_X2APIC, apic_read, apic_write),
    STORED(0xda0, CPUID_XSAVES, xss, XSAVE_SUPERVISOR_COMPONENTS),
    SPECIAL(KVM_PV_WALL_CLOCK, 1, CPUID_KVMCLOCK, kvm_pv_msr_read, kvm_pv_msr_write),
    SPECIAL(KVM_PV_SYSTEM_TIME, 1, CPUID_KVMCLOCK, kvm_pv_msr_read, kvm_pv_msr_write),
    SPECIAL(KVM_PV_STEAL_TIME, 1, CPUID_KVM_STEAL_TIME, kvm_pv_msr_read, kvm_pv_msr_write),
    SPECIAL(KVM_PV_EOI, 1, CPUID_KVM_PV_EOI, kvm_pv_msr_read, kvm_pv_msr_write),
    SPECIAL(0xc0000080, 1, CPUID_NONE, efer_read, efer_write),
    STORED(0xc0000081, CPUID_SYSCALL, star, UINT64_MAX),
    CANONICAL(0xc0000082, CPUID_LM, lstar),
    CANONICAL(0xc0000083, CPUID_LM, cstar),
    STORED(0xc0000084, CPUID_LM, fmask, 0xffffffff),
    SPECIAL(0xc0000100, 2, CPUID_LM, segment_base_read, segment_base_write),
    CANONICAL(0xc0000102, CPUID_LM, kernel_gs_base),
    STORED(0xc0000103, CPUID_RDTSCP, tsc_aux, 0xffffffff),
    IGNORED(0xc0010000, 8, VENDOR_AMD, 0),                 /* PerfEvtSel0-3, PerfCtr0-3: nothing is counted */
    IGNORED(0xc0010010, 1, VENDOR_AMD, 0),                 /* SYSCFG */
    IGNORED(0xc0010015, 1, VENDOR_AMD, 0),                 /* HWCR */
    IGNORED(0xc0010016, 4, VENDOR_AMD, 0),                 /* IORRBase, IORRMask */
    IGNORED(0xc001001a, 1, VENDOR_AMD, 0),                 /* TOP_MEM */
    IGNORED(0xc001001d, 1, VENDOR_AMD, 0),                 /* TOP_MEM2 */
    IGNORED(0xc001001f, 1, VENDOR_AMD, 0),                 /* NB_CFG */
    IGNORED(0xc0010020, 1, VENDOR_AMD, 0),                 /* PATCH_LOADER */
    IGNORED(0xc0010055, 1, VENDOR_AMD, 0),                 /* interrupt pending message: C1E is off */
    IGNORED(0xc0010058, 1, VENDOR_AMD, 0),                 /* MMIO configuration base: none */
    CONSTANT(0xc0010111, CPUID_NONE, VENDOR_AMD, 0x30000), /* SMBASE */
    IGNORED(0xc0010112, 2, VENDOR_AMD, 0),                 /* TSEG address and mask */
    CONSTANT(0xc0010114, CPUID_NONE, VENDOR_AMD, VM_CR_SVM_DISABLED),
    IGNORED(0xc0011020, 4, VENDOR_AMD, 0), /* LS_CFG, IC_CFG, DC_CFG, BU_CFG */
    IGNORED(0xc0011029, 1, VENDOR_AMD, DE_CFG_LFENCE_SERIALIZES),
};

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

static const struct MsrRow *find(const struct Tcg *t, uint32_t msr) {
    const struct CpuModel *m = &t->cpu->model;
    unsigned low = 0, high = ROW_COUNT; /* the first row that begins beyond msr */
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (rows[middle].first <= msr)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low > 0 && msr - rows[low - 1].first < rows[low - 1].count; low--) {
        const struct MsrRow *r = &rows[low - 1];
        bool here = r->vendor == VENDOR_ANY || r->vendor == (int)m->vendor;
        if (here && (r->feature == CPUID_NONE || cpu_has(m, (enum X86Feature)r->feature)))
            return r;
    }
    return NULL;
}

static uint64_t *field(struct Tcg *t, const struct MsrRow *r) { return (uint64_t *)((uint8_t *)t->env + r->offset); }

bool msr_read(struct Tcg *t, uint32_t msr, uint64_t *v) {
    const struct MsrRow *r = find(t, msr);
    if (r == NULL)
        return false;
    switch (r->kind) {
    case MSR_STORED:
    case MSR_CANONICAL: *v = *field(t, r); return true;
    case MSR_CONSTANT:
    case MSR_IGNORED: *v = r->value; return true;
    default: return r->read != NULL && r->read(t, msr, v);
    }
}

bool msr_write(struct Tcg *t, uint32_t msr, uint64_t v) {
    const struct MsrRow *r = find(t, msr);
    if (r == NULL)
        return false;
    switch (r->kind) {
    case MSR_STORED:
        if (v & ~r->writable)
            return false;
        *field(t, r) = v;
        return true;
    case MSR_CANONICAL:
        if (!x86_canonical(t->env, v))
            return false;
        *field(t, r) = v;
        return true;
    case MSR_CONSTANT: return false;
    case MSR_IGNORED: return true;
    default: return r->write != NULL && r->write(t, msr, v);
    }
}

/* Somebody wants to see it. */
static void show(struct Tcg *t, const struct Insn *i, bool write, uint64_t v, bool ok) {
    const struct CpuTrace *trace = t->cpu->trace;
    if (trace == NULL || trace->msr == NULL)
        return;
    tcg_sync_count(t, i);
    trace->msr(trace->opaque, t->cpu, write, (uint32_t)t->env->gpr[REG_CX], v, ok);
}

void helper_rdmsr(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    uint64_t v = 0;
    bool ok = msr_read(t, (uint32_t)env->gpr[REG_CX], &v);
    show(t, i, false, v, ok);
    if (!ok)
        tcg_fault_error(t, VEC_GP, 0);
    env->gpr[REG_AX] = (uint32_t)v;
    env->gpr[REG_DX] = v >> 32;
}

void helper_wrmsr(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    uint64_t v = (uint32_t)env->gpr[REG_AX] | env->gpr[REG_DX] << 32;
    bool ok = msr_write(t, (uint32_t)env->gpr[REG_CX], v);
    show(t, i, true, v, ok);
    if (!ok)
        tcg_fault_error(t, VEC_GP, 0);
}
