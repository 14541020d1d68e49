/* SPDX-License-Identifier: MIT */
/**
 * What x86gen's tables (x86_tables.c) hold: the rows of x86.tab in the form in which the decoder wants them.
 */
#ifndef TWIN86_TCG_DECODE_TABLES_H
#define TWIN86_TCG_DECODE_TABLES_H

#include "cpu/vendor.h"
#include "isa/insn.h"

/** Opcode maps; the VEX ones are those of the escape bytes, plus MAP_VEX. */
enum X86Map { MAP_ONE, MAP_0F, MAP_0F38, MAP_0F3A, MAP_VEX, MAP_VEX_0F, MAP_VEX_0F38, MAP_VEX_0F3A, MAP_COUNT };

/** Sets of mandatory prefixes, code sizes, REX.B, VEX.L and VEX.W values, and sides of a vendor rule (clear: AMD's)
 * that a form accepts. */
enum { PFX_NP = 1, PFX_66 = 2, PFX_F3 = 4, PFX_F2 = 8, PFX_ANY = 15 };
enum { WHEN_NOT64 = 1, WHEN_64 = 2 };
enum { BIT_CLEAR = 1, BIT_SET = 2, BIT_ANY = 3 };

/** What the operand size of a form is; also which constants BITS its exec functions come in. */
enum X86Size {
    SIZE_NONE, /* no operand says; insn.osize is the effective operand size */
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
    ATTR_JCC = 1 << 20, /* a conditional branch: not taken, the block goes on */
};

/** The exec functions of a form, per size: several kinds, each with and without flags. */
enum X86FnKind {
    FN_REG,
    FN_BASE,
    FN_FLAT,
    FN_FLAT32,
    FN_FULL,
    FN_LOCK_FLAT,
    FN_LOCK_FULL,
    FN_REG_CHECK,
    FN_MEM_CHECK,
    FN_KINDS
};

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
    uint16_t fn_kinds; /* 1, or FN_KINDS */
    uint32_t attr;
    uint32_t fn; /* x86_fns[fn + (size_slot * fn_kinds + kind) * 2 + no_flags] */
};

/** Whether the form is one of this vendor's processors. */
static inline bool x86_form_of_vendor(const struct X86Form *f, const struct CpuModel *m) {
    return (f->vendor_side & (cpu_as_intel(m, (enum VendorRule)f->rule) ? BIT_SET : BIT_CLEAR)) != 0;
}

struct X86Slot {
    uint16_t first;
    uint16_t count;
};

extern const struct X86Form x86_forms[]; /* parallel to x86_rows; 0 is "no such instruction" */
extern const struct X86Slot x86_slots[MAP_COUNT][256];
extern const uint16_t x86_candidates[]; /* rows by opcode, most specific first */
extern const ExecFn x86_fns[];
extern const unsigned x86_fn_count;
extern const char x86_fn_names[]; /* of each a string: mark and name, as in profile.h, or "" if it has been named */

#endif
