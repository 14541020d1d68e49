/* SPDX-License-Identifier: MIT */
/**
 * Numbers that the architecture gives to things: registers, rights of segments, bits of flags and control registers,
 * exceptions, VM exits. Names are the SDM's.
 */
#ifndef TWIN86_ISA_ARCH_H
#define TWIN86_ISA_ARCH_H

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

#define MISC_ENABLE_XD_DISABLE (1ull << 34) /* of IA32_MISC_ENABLE: there is no NX */

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

/** DR6: why there is a debug exception (SDM vol. 3, 18.2.3). */
enum {
    DR6_B = 0xf,      /* B0-B3: this breakpoint was met */
    DR6_BD = 1 << 13, /* a debug register was about to be touched with DR7.GD set */
    DR6_BS = 1 << 14, /* single step */
    DR6_BT = 1 << 15, /* task switch into a TSS with its T bit set */
    DR6_CAUSES = DR6_B | DR6_BD | DR6_BS | DR6_BT,
};

/** Page-fault error code bits. */
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16, PF_PK = 32 };

/** SDM vol. 3, appendix C, table C-1; only those that can occur here. */
enum ExitReason {
    EXIT_NONE = -1, /* none of the SDM's */
    EXIT_EXCEPTION_NMI = 0,
    EXIT_EXTERNAL_INTERRUPT = 1,
    EXIT_TRIPLE_FAULT = 2,
    EXIT_INTERRUPT_WINDOW = 7,
    EXIT_NMI_WINDOW = 8,
    EXIT_TASK_SWITCH = 9,
    EXIT_CPUID = 10,
    EXIT_HLT = 12,
    EXIT_INVD = 13,
    EXIT_INVLPG = 14,
    EXIT_RDPMC = 15,
    EXIT_RDTSC = 16,
    EXIT_VMCALL = 18,
    EXIT_VMCLEAR = 19,
    EXIT_VMPTRLD = 21,
    EXIT_VMPTRST = 22,
    EXIT_VMREAD = 23,
    EXIT_VMWRITE = 25,
    EXIT_VMXOFF = 26,
    EXIT_VMXON = 27,
    EXIT_CR_ACCESS = 28,
    EXIT_MOV_DR = 29,
    EXIT_IO = 30,
    EXIT_RDMSR = 31,
    EXIT_WRMSR = 32,
    EXIT_MWAIT = 36,
    EXIT_MONITOR = 39,
    EXIT_PAUSE = 40,
    EXIT_TPR_BELOW_THRESHOLD = 43,
    EXIT_GDTR_IDTR = 46,
    EXIT_LDTR_TR = 47,
    EXIT_EPT_VIOLATION = 48,
    EXIT_EPT_MISCONFIG = 49,
    EXIT_RDTSCP = 51,
    EXIT_WBINVD = 54,
    EXIT_XSETBV = 55,
    EXIT_RDRAND = 57,
    EXIT_INVPCID = 58,
    EXIT_RDSEED = 61,
    EXIT_XSAVES = 63,
    EXIT_XRSTORS = 64,
    EXIT_REASONS = 80
};

/** What tells the instructions of an exit reason apart: in its exit qualification or instruction information (SDM vol.
 * 3, 28.2.1 and 28.2.5). */
enum { EXIT_CR_TO, EXIT_CR_FROM, EXIT_CR_CLTS, EXIT_CR_LMSW };
enum { EXIT_DR_TO, EXIT_DR_FROM };
enum { EXIT_SGDT, EXIT_SIDT, EXIT_LGDT, EXIT_LIDT };
enum { EXIT_SLDT, EXIT_STR, EXIT_LLDT, EXIT_LTR };

#endif
