/* SPDX-License-Identifier: MIT */
/**
 * CPUX86State ("env"): the architectural state of one x86 logical processor, and nothing else. It is the truth outside
 * of an engine's exec(); every engine loads it from and stores it to its own representation. Plain data, no pointers
 * (but for nothing): it can be copied, compared, hashed and saved.
 */
#ifndef TWIN86_CPU_ENV_H
#define TWIN86_CPU_ENV_H

#include "isa/arch.h"

#include <stdbool.h>
#include <stdint.h>

/** A segment register with its hidden part. */
struct X86Segment {
    uint16_t selector;
    uint32_t ar;    /* AR_* */
    uint32_t limit; /* in bytes, granularity already applied */
    uint64_t base;
};

/** GDTR, IDTR. */
struct X86Table {
    uint64_t base;
    uint16_t limit;
};

/** An x87 register in the 80-bit format; MMX registers are the mantissas. */
struct X87Reg {
    uint64_t mantissa;
    uint16_t sign_exp;
};

/** A vector register: XMM is the low half. Little-endian lanes. */
union VecReg {
    uint8_t b[32];
    uint16_t w[16];
    uint32_t d[8];
    uint64_t q[4];
    float f[8];
    double lf[4];
} __attribute__((aligned(32)));

enum IntShadow { SHADOW_NONE, SHADOW_STI, SHADOW_MOV_SS };

/** VMX operation (SDM vol. 3, 24.2). */
enum VmxState { VMX_OFF, VMX_ROOT };

enum { MTRR_VAR_COUNT = 8, MTRR_FIXED_COUNT = 11 };

typedef struct CPUX86State {
    uint64_t gpr[REG_COUNT];
    uint64_t zero; /* always 0: gpr[16] for operands that name no register, so address computation needs no branch */
    uint64_t rip;
    uint64_t rflags; /* outside exec() complete; inside, tcg-lite keeps the arithmetic flags elsewhere */
    struct X86Segment seg[SEG_COUNT];
    struct X86Segment ldt, tr;
    struct X86Table gdt, idt;
    uint64_t cr0, cr2, cr3, cr4;
    uint64_t pdpte[4]; /* PAE: loaded by MOV CR3 and friends (SDM vol. 3, 4.4.1) */
    uint64_t xcr0, xss;
    uint64_t efer;
    uint64_t dr[8]; /* dr[4], dr[5] unused */

    /* x87 and SSE; fpr[] is indexed by physical register: ST(i) is fpr[(top + i) & 7], MMi is fpr[i].mantissa */
    struct X87Reg fpr[8];
    uint16_t fcw, fsw;
    uint8_t ftw; /* abridged as in FXSAVE: bit i set when physical register i is not empty */
    uint16_t fop, fcs, fds;
    uint64_t fip, fdp;
    uint32_t mxcsr;
    uint32_t xinuse; /* XCR0_*: components that Intel's processors take for in use even if they hold initial values */
    union VecReg vec[16];

    /* MSRs */
    uint64_t star, lstar, cstar, fmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat, misc_enable, tsc_aux, tsc_adjust, spec_ctrl, debugctl, mcg_status;
    uint64_t tsc_offset;                            /* TSC = clock's TSC + this */
    uint64_t kvm_clock, kvm_wall_clock, kvm_pv_eoi; /* KVM's paravirtual MSRs 4B564D01h, 00h and 04h */
    uint64_t kvm_steal_time;                        /* and 03h */
    uint64_t kvm_clock_offset;                      /* kvmclock = the clock's nanoseconds + this */
    uint64_t mtrr_def_type, mtrr_fixed[MTRR_FIXED_COUNT];
    struct {
        uint64_t base, mask;
    } mtrr_var[MTRR_VAR_COUNT];
    uint32_t pkru;

    /* VMX operation; tcg-lite's alone */
    uint8_t vmx;                          /* enum VmxState */
    bool init_blocked;                    /* an INIT that came in VMX operation waits for its end */
    uint64_t vmxon_pointer, vmcs_pointer; /* in VMX operation; vmcs_pointer: all ones when no VMCS is current */
    uint64_t feature_control;             /* IA32_FEATURE_CONTROL, where there is VMX */

    /* interruptibility and events on their way (SDM vol. 3, 6.8.3 and 25.4.2) */
    uint8_t int_shadow;  /* enum IntShadow: blocks until the next instruction has completed */
    bool nmi_blocked;    /* until IRET */
    uint32_t pending_db; /* DR6 bits of a debug trap due at the next instruction edge; 0: none */
    struct {
        bool pending, has_error;
        uint8_t vector;
        uint32_t error;
    } exception; /* raised but not yet delivered */
    struct {
        bool pending;
        uint8_t vector;
    } interrupt; /* acknowledged but not yet delivered */
} CPUX86State;

/** Current privilege level: SS.DPL (SDM vol. 3, 5.5; 3 in v8086 mode, 0 in real mode). */
static inline unsigned x86_cpl(const CPUX86State *env) { return (env->seg[SEG_SS].ar & AR_DPL) >> AR_DPL_SHIFT; }
static inline bool x86_long_mode(const CPUX86State *env) { return (env->efer & EFER_LMA) != 0; }
static inline bool x86_code64(const CPUX86State *env) {
    return x86_long_mode(env) && (env->seg[SEG_CS].ar & AR_L) != 0;
}
static inline bool x86_protected(const CPUX86State *env) { return (env->cr0 & CR0_PE) != 0; }
static inline bool x86_v8086(const CPUX86State *env) { return (env->rflags & FLAG_VM) != 0; }
/** DR6 after a debug exception that comes of `causes`: B0-B3 say what was met this time, the others are only ever set
 *  by the processor (APM vol. 2, 13.1.1.3; SDM vol. 3, 18.2.3). */
static inline uint64_t x86_dr6_after(uint64_t dr6, uint32_t causes) { return (dr6 & ~(uint64_t)DR6_B) | causes; }
static inline unsigned x86_iopl(const CPUX86State *env) { return (env->rflags & FLAG_IOPL) >> FLAG_IOPL_SHIFT; }

#endif
