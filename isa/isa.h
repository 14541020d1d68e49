/* SPDX-License-Identifier: MIT */
/**
 * What an instruction is: the one header of isa/.
 *
 * x86_decode makes a struct X86Insn of bytes. Its `row` leads to x86_rows, which say what instructions of this form do,
 * and to x86_forms, how they are encoded; x86gen makes both of x86.tab. All of it is constant, and pure: no state of a
 * processor is looked at but what struct CpuModel and the mode say.
 */
#ifndef TWIN86_ISA_ISA_H
#define TWIN86_ISA_ISA_H

#include "isa/arch.h"
#include "isa/features.h"
#include "isa/vendor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- decoding ---- */

/** What decoding depends on, beside bytes and CPU model (cpu/mode.h computes it). Bits from MODE_OTHERS on are free for
 *  other uses. */
enum {
    MODE_CODE16 = 0,
    MODE_CODE32 = 1,
    MODE_CODE64 = 2,
    MODE_CODE = 3,      /* mask */
    MODE_REAL = 1 << 2, /* CR0.PE = 0 */
    MODE_VM86 = 1 << 3,
    MODE_EM = 1 << 4,  /* CR0.EM: x87 raises #NM, MMX and SSE #UD */
    MODE_TS = 1 << 5,  /* CR0.TS: x87, MMX, SSE raise #NM */
    MODE_MP = 1 << 6,  /* CR0.MP: with TS, WAIT raises #NM */
    MODE_SSE = 1 << 7, /* CR4.OSFXSR: SSE allowed */
    MODE_AVX = 1 << 8, /* CR4.OSXSAVE and XCR0 has SSE and AVX */
    MODE_OTHERS = 1 << 9,
};

/** Arithmetic flags in a byte. */
enum { FB_C = 1, FB_P = 2, FB_A = 4, FB_Z = 8, FB_S = 16, FB_O = 32, FB_ALL = 63 };

/** In place of a general register: there is none; RIP, from which a displacement then counts. */
#define INSN_REG_NONE ((uint8_t)(REG_COUNT * 8))
#define INSN_REG_RIP ((uint8_t)(REG_COUNT * 8 + 8))

/**
 * The operands of an instruction. General registers are 8 times their number, AH to BH 1 more than AL to BL: byte
 * offsets into an array of the sixteen. Vector, MMX, x87, segment, control and debug registers are numbers.
 */
struct X86Insn {
    union {
        int64_t imm; /* sign-extended immediate; for ptr16:32 selector << 32 | offset; ENTER: level << 16 | size;
                        relative branches: displacement from the END of the instruction */
        uint64_t uimm;
    };
    int32_t disp;        /* ModRM displacement, sign-extended; RIP-relative: from the instruction's own start */
    uint8_t more_disp;   /* added to disp: the length, when a RIP-relative sum overflows disp */
    uint8_t len;         /* bytes, 1 to 15 */
    uint8_t asize;       /* address size: 1 = 16, 2 = 32, 3 = 64 bits */
    uint8_t osize;       /* operand size: 0 = 8, 1 = 16, 2 = 32, 3 = 64 bits */
    uint8_t rep;         /* 0 none, 2 = F2, 3 = F3 as a repeat prefix */
    uint8_t reg;         /* ModRM.reg, or the register in the opcode's low three bits */
    uint8_t rm;          /* ModRM.rm when it names a register */
    uint8_t base, index; /* INSN_REG_*; 16-bit forms too (BX+SI: base BX, index SI) */
    uint8_t scale;       /* shift count 0 to 3 */
    uint8_t seg;         /* effective segment of the memory operand (enum X86Seg), overrides applied */
    uint8_t vreg;        /* VEX.vvvv */
    bool mem;            /* the ModRM operand is memory */
    bool lock;
    bool vl; /* VEX.L */
};

/** What the decoder says of one instruction. */
struct Decoded {
    struct X86Insn insn;
    uint16_t row;       /* index into x86_rows and x86_forms; 0: there is no such instruction here */
    int8_t fault;       /* the exception that it raises in any case, #UD or #NM; -1: none */
    uint8_t size_slot;  /* which of the form's operand sizes, from 0: 16, 32, 64 or 32, 64 or 128, 256 ... */
    uint8_t flags_read; /* FB_* */
    uint8_t flags_written, flags_maybe; /* written surely, written perhaps */
    bool flow; /* what follows may be another instruction than the next one, or it must be decoded anew */
    bool jcc;  /* a conditional branch: it goes on to the next one, or to its target */
    bool rip_relative;
};

enum DecodeStatus {
    DECODE_OK,
    DECODE_MORE,     /* the bytes given end inside the instruction (fewer than 15 were given) */
    DECODE_TOO_LONG, /* longer than 15 bytes: #GP(0) */
};

/**
 * Decode the instruction at bytes[0..n) in `mode` (MODE_*, of which bits from MODE_OTHERS on are ignored) for a CPU
 * with `model`'s features. Undefined and forbidden encodings are DECODE_OK with row 0, len and `fault` = #UD.
 */
enum DecodeStatus x86_decode(const struct CpuModel *model, uint32_t mode, const uint8_t *bytes, size_t n,
                             struct Decoded *out);

/** Offset of the memory operand in its segment, wrapped to the address size; `rip`: of this instruction. */
static inline uint64_t x86_ea_offset(const struct X86Insn *i, const uint64_t gpr[REG_COUNT], uint64_t rip) {
    uint64_t ea = (uint64_t)(int64_t)i->disp + i->more_disp;
    ea += i->base == INSN_REG_RIP ? rip : i->base == INSN_REG_NONE ? 0 : gpr[i->base / 8];
    ea += i->index == INSN_REG_NONE ? 0 : gpr[i->index / 8] << i->scale;
    return i->asize == 3 ? ea : i->asize == 2 ? (uint32_t)ea : (uint16_t)ea;
}

/* ---- what instructions of a form do ---- */

/** Registers in a set: bits 0 to 15 are general ones, by number; the others are kinds of the system's registers. */
enum {
    X86_REGS_GENERAL = 0xffff,
    X86_REGS_SEG = 1 << 16,    /* ES to GS, selectors and what they hide */
    X86_REGS_TABLES = 1 << 17, /* GDTR, IDTR, LDTR, TR, and the tables that they point to */
    X86_REGS_CR = 1 << 18,
    X86_REGS_DR = 1 << 19,
    X86_REGS_MSR = 1 << 20,
    X86_REGS_XCR = 1 << 21,
    X86_REGS_PKRU = 1 << 22,
    X86_REGS_TASK = 1 << 23, /* a task gate or TSS may switch the task: everything */
    X86_REGS_DEST = 1 << 24, /* the operand ModRM.rm */
    X86_REGS_SYSTEM = X86_REGS_DR | X86_REGS_MSR | X86_REGS_XCR | X86_REGS_PKRU,
};

/** Where the whole of RFLAGS goes to or comes from. */
enum X86Image { IMAGE_NONE, IMAGE_PUSHED, IMAGE_POPPED, IMAGE_TO_R11, IMAGE_FROM_R11 };

/** Instructions whose operands mean the same, where no other fact says that. */
enum X86Group {
    GROUP_NONE,
    GROUP_BRANCH, /* near: to where the operand says */
    GROUP_RET,
    GROUP_FAR, /* to a far pointer */
    GROUP_FAR_RET,
    GROUP_INT,
    GROUP_SYSCALL, /* SYSCALL, SYSENTER and the ways back */
    GROUP_FRAME,   /* ENTER, LEAVE */
    GROUP_XLAT,
    GROUP_DIV,
    GROUP_IDIV,
    GROUP_BT, /* a bit offset beside the address */
    GROUP_FLUSH,
    GROUP_MOVDIR,   /* the destination's address is the register operand */
    GROUP_SELECTOR, /* the operand is a selector */
    GROUP_LOAD_FAR, /* a far pointer to a segment register */
    GROUP_LDMXCSR,
    GROUP_MASKMOV, /* of the operand, what a mask selects */
    GROUP_VZERO,
    GROUP_FNSAVE, /* stores x87 state, or loads it ... */
    GROUP_FRSTOR,
    GROUP_FXSAVE,
    GROUP_FXRSTOR,
    GROUP_XSAVE,
    GROUP_XRSTOR,
};

/** What a row of x86.tab says of a form. */
struct X86Row {
    const char *mnemonic; /* as the SDM spells it, e.g. "ADD" */
    const char *operands; /* the SDM's operand codes */
    const char *opcode;   /* the table's opcode column */
    uint16_t id;          /* enum X86Id (x86_ids.h): the mnemonic */
    uint16_t shape;       /* enum X86Shape (x86_ids.h): how engines fetch its operands and put them back */
    uint16_t feature;     /* enum X86Feature or CPUID_NONE */
    uint8_t flags_read, flags_written, flags_undefined;
    /** Registers beside the operands: read, written (perhaps only a part, or not always). */
    uint32_t reads, writes;
    /** Of `reads`, general registers that hold addresses of memory that no operand names. */
    uint32_t address;
    /** Of `writes`, and X86_REGS_DEST: what comes from outside of the program: time, chance, the processor's make. */
    uint32_t outside;
    /** Exceptions, as bits by vector, that it can raise although the CPU model has it, the mode allows it, and no
     *  operand is in memory. */
    uint32_t faults;
    int8_t exit;       /* enum ExitReason: the VM exit that it causes if the controls say so; EXIT_NONE: none */
    uint8_t exit_kind; /* EXIT_CR_TO ..., where there are several */
    uint8_t group;     /* enum X86Group */
    uint8_t image;     /* enum X86Image */
    bool stores;       /* memory that no operand names is written */
    bool privileged;   /* needs CPL 0, or for some IOPL */
    bool sensitive;    /* is not, although it shows or changes what is the system's */
};
/** One a row, in the order of the table; 0 is "no such instruction". */
extern const struct X86Row x86_rows[];
extern const unsigned x86_row_count;

/* ---- how they are encoded ---- */

/** Opcode maps; the VEX ones are those of the escape bytes, plus MAP_VEX. */
enum X86Map { MAP_ONE, MAP_0F, MAP_0F38, MAP_0F3A, MAP_VEX, MAP_VEX_0F, MAP_VEX_0F38, MAP_VEX_0F3A, MAP_COUNT };

/** Sets of mandatory prefixes, code sizes, REX.B, VEX.L and VEX.W values, and sides of a vendor rule (clear: AMD's)
 * that a form accepts. */
enum { PFX_NP = 1, PFX_66 = 2, PFX_F3 = 4, PFX_F2 = 8, PFX_ANY = 15 };
enum { WHEN_NOT64 = 1, WHEN_64 = 2 };
enum { BIT_CLEAR = 1, BIT_SET = 2, BIT_ANY = 3 };

/** What the operand size of a form is. */
enum X86Size {
    SIZE_NONE, /* no operand says; osize is the effective operand size */
    SIZE_B,
    SIZE_W,
    SIZE_D,
    SIZE_Q,
    SIZE_V, /* 16, 32 or 64 */
    SIZE_Z, /* 16 or 32 */
    SIZE_Y, /* 32 or 64 */
    SIZE_X, /* 128 */
    SIZE_256,
    SIZE_VL,  /* 128, or 256 with VEX.L */
    SIZE_MMX, /* 64 */
    SIZE_COUNT,
};

/** What ModRM.reg, ModRM.rm and VEX.vvvv name. */
enum X86RegKind { KIND_RAW, KIND_GPR8, KIND_GPR, KIND_SEG, KIND_CR, KIND_DR, KIND_MMX, KIND_VEC };

enum X86ImmKind {
    IMM_NONE,
    IMM_ONE, /* the constant 1 */
    IMM_B,   /* 8 bits, sign-extended */
    IMM_W,   /* 16 bits, zero-extended */
    IMM_Z,   /* 16 or 32 bits, sign-extended */
    IMM_V,   /* 16, 32 or 64 bits */
    IMM_FAR, /* ptr16:16 or ptr16:32 */
    IMM_WB,  /* ENTER */
    IMM_JB,
    IMM_JZ,
    IMM_MOFFS, /* an offset of address size */
    IMM_BB,    /* two bytes: EXTRQ, INSERTQ */
};

enum X86Attr {
    ATTR_MODRM = 1 << 0,  /* has a ModRM byte */
    ATTR_MODREG = 1 << 1, /* ModRM.mod is ignored: the operand is a register */
    ATTR_OPREG = 1 << 2,  /* the opcode's low three bits name a register */
    ATTR_OPREG8 = 1 << 3, /* ... of 8 bits */
    ATTR_LOCK = 1 << 4,
    ATTR_PROT = 1 << 5,
    ATTR_D64 = 1 << 6,
    ATTR_F64 = 1 << 7,
    ATTR_X87 = 1 << 8,
    ATTR_WAIT = 1 << 9,
    ATTR_MMX = 1 << 10,
    ATTR_SSE = 1 << 11,
    ATTR_REP = 1 << 12,
    ATTR_FLOW = 1 << 13,
    ATTR_SEG_DEST = 1 << 14, /* loads a segment register: CS is #UD */
    ATTR_PFX66 = 1 << 15,    /* 66 is a mandatory prefix, not the operand size */
    ATTR_VEX = 1 << 16,
    ATTR_IO = 1 << 17,
    ATTR_LIG = 1 << 18,  /* VEX.L is ignored */
    ATTR_VSIB = 1 << 19, /* the memory operand has a vector register for an index */
    ATTR_JCC = 1 << 20,  /* a conditional branch: not taken, the block goes on */
};

/** How a form is encoded. */
struct X86Form {
    uint8_t prefixes;                /* PFX_* set */
    uint8_t when;                    /* WHEN_* set */
    uint8_t rex_b, vex_l, vex_w;     /* BIT_* sets */
    uint8_t modrm_mask, modrm_value; /* of mod (as 11 or not: see mod_reg, mod_mem), reg and rm bits */
    bool mod_mem, mod_reg;           /* accepts mod != 3, mod == 3 */
    uint8_t size;                    /* enum X86Size */
    uint8_t reg_kind, rm_kind, vvvv_kind, imm_kind;
    uint8_t flags_read, flags_written, flags_maybe; /* FB_* for liveness */
    uint8_t rule, vendor_side; /* enum VendorRule, and a BIT_* set: the form exists where the CPU is on that side */
    uint16_t feature;
    uint32_t attr;
};

/** Whether the form is one of this vendor's processors. */
static inline bool x86_form_of_vendor(const struct X86Form *f, const struct CpuModel *m) {
    return (f->vendor_side & (cpu_as_intel(m, (enum VendorRule)f->rule) ? BIT_SET : BIT_CLEAR)) != 0;
}

/** Parallel to x86_rows. */
extern const struct X86Form x86_forms[];

/** Rows of an opcode: `count` of x86_candidates, most specific first. */
struct X86Slot {
    uint16_t first;
    uint16_t count;
};

extern const struct X86Slot x86_slots[MAP_COUNT][256];
extern const uint16_t x86_candidates[];

#endif
