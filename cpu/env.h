/* SPDX-License-Identifier: MIT */
/**
 * CPUX86State ("env"): the architectural state of one x86 logical processor, and nothing else. It is the truth outside
 * of an engine's exec(); every engine loads it from and stores it to its own representation. Plain data, no pointers
 * (but for nothing): it can be copied, compared, hashed and saved.
 */
#ifndef TWIN86_CPU_ENV_H
#define TWIN86_CPU_ENV_H

#include <stdbool.h>
#include <stdint.h>

/** General registers, in encoding order. */
enum X86Reg { REG_AX, REG_CX, REG_DX, REG_BX, REG_SP, REG_BP, REG_SI, REG_DI, REG_R8, REG_R15 = 15, REG_COUNT = 16 };

/** Segment registers, in encoding order. */
enum X86Seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_COUNT };

/** Segment access rights, in the format of VMX (SDM vol. 3, 25.4.1): descriptor bits 40-47 and 52-55. */
enum {
    AR_TYPE = 0x000f,
    AR_ACCESSED = 0x0001,
    AR_WRITABLE = 0x0002, /* data; for code: readable */
    AR_READABLE = 0x0002,
    AR_EXPAND_DOWN = 0x0004, /* data; for code: conforming */
    AR_CONFORMING = 0x0004,
    AR_CODE = 0x0008,
    AR_S = 0x0010, /* code or data, not system */
    AR_DPL_SHIFT = 5,
    AR_DPL = 0x0060,
    AR_P = 0x0080,
    AR_AVL = 0x1000,
    AR_L = 0x2000,
    AR_DB = 0x4000,
    AR_G = 0x8000,
    AR_UNUSABLE = 0x10000, /* holds a null selector */
};

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

enum {
    FLAG_CF = 1 << 0,
    FLAG_ONE = 1 << 1, /* always 1 */
    FLAG_PF = 1 << 2,
    FLAG_AF = 1 << 4,
    FLAG_ZF = 1 << 6,
    FLAG_SF = 1 << 7,
    FLAG_TF = 1 << 8,
    FLAG_IF = 1 << 9,
    FLAG_DF = 1 << 10,
    FLAG_OF = 1 << 11,
    FLAG_IOPL_SHIFT = 12,
    FLAG_IOPL = 3 << 12,
    FLAG_NT = 1 << 14,
    FLAG_RF = 1 << 16,
    FLAG_VM = 1 << 17,
    FLAG_AC = 1 << 18,
    FLAG_VIF = 1 << 19,
    FLAG_VIP = 1 << 20,
    FLAG_ID = 1 << 21,
    FLAG_ARITH = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF,
};

#define CR0_PE (1u << 0)
#define CR0_MP (1u << 1)
#define CR0_EM (1u << 2)
#define CR0_TS (1u << 3)
#define CR0_ET (1u << 4)
#define CR0_NE (1u << 5)
#define CR0_WP (1u << 16)
#define CR0_AM (1u << 18)
#define CR0_NW (1u << 29)
#define CR0_CD (1u << 30)
#define CR0_PG (1u << 31)

#define CR4_VME (1u << 0)
#define CR4_PVI (1u << 1)
#define CR4_TSD (1u << 2)
#define CR4_DE (1u << 3)
#define CR4_PSE (1u << 4)
#define CR4_PAE (1u << 5)
#define CR4_MCE (1u << 6)
#define CR4_PGE (1u << 7)
#define CR4_PCE (1u << 8)
#define CR4_OSFXSR (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)
#define CR4_UMIP (1u << 11)
#define CR4_LA57 (1u << 12)
#define CR4_VMXE (1u << 13)
#define CR4_FSGSBASE (1u << 16)
#define CR4_PCIDE (1u << 17)
#define CR4_OSXSAVE (1u << 18)
#define CR4_SMEP (1u << 20)
#define CR4_SMAP (1u << 21)
#define CR4_PKE (1u << 22)

#define EFER_SCE (1u << 0)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define EFER_NXE (1u << 11)
#define EFER_SVME (1u << 12)
#define EFER_FFXSR (1u << 14)

#define XCR0_X87 (1u << 0)
#define XCR0_SSE (1u << 1)
#define XCR0_AVX (1u << 2)
#define XCR0_PKRU (1u << 9)

/** Exception vectors (SDM vol. 3, table 6-1). */
enum X86Vector {
    VEC_DE,
    VEC_DB,
    VEC_NMI,
    VEC_BP,
    VEC_OF,
    VEC_BR,
    VEC_UD,
    VEC_NM,
    VEC_DF,
    VEC_CSO,
    VEC_TS,
    VEC_NP,
    VEC_SS,
    VEC_GP,
    VEC_PF,
    VEC_MF = 16,
    VEC_AC,
    VEC_MC,
    VEC_XM,
};

/** Page-fault error code bits. */
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16, PF_PK = 32 };

enum IntShadow { SHADOW_NONE, SHADOW_STI, SHADOW_MOV_SS };

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
    union VecReg vec[16];

    /* MSRs */
    uint64_t star, lstar, cstar, fmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat, misc_enable, tsc_aux, tsc_adjust, spec_ctrl, debugctl, mcg_status;
    uint64_t tsc_offset;                            /* TSC = clock's TSC + this */
    uint64_t kvm_clock, kvm_wall_clock, kvm_pv_eoi; /* KVM's paravirtual MSRs 4B564D01h, 00h and 04h */
    uint64_t kvm_clock_offset;                      /* kvmclock = the clock's nanoseconds + this */
    uint64_t mtrr_def_type, mtrr_fixed[MTRR_FIXED_COUNT];
    struct {
        uint64_t base, mask;
    } mtrr_var[MTRR_VAR_COUNT];
    uint32_t pkru;

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
static inline unsigned x86_iopl(const CPUX86State *env) { return (env->rflags & FLAG_IOPL) >> FLAG_IOPL_SHIFT; }

#endif
