/* SPDX-License-Identifier: MIT */
/**
 * Host instructions as bytes. What can't be encoded, or does not fit, sets `bad`, which is looked at once, at the end.
 */
#ifndef TWIN86_TCG_JIT_ASM_H
#define TWIN86_TCG_JIT_ASM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Registers, numbered as in encodings. As an operand of 8 bits HOST_HIGH + n is AH, CH, DH, BH. */
enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, HOST_HIGH };
enum { NO_REG = 0xff };

struct Asm {
    uint8_t *p, *end;
    bool bad;
};

/** Opcode maps. */
enum { OP_ONE, OP_0F, OP_0F38, OP_0F3A };

/** An opcode, and what of its encoding does not follow from the operands. */
struct HostOp {
    uint8_t prefix; /* 66, F2, F3, or 0 */
    uint8_t map, opcode;
    bool wide;              /* REX.W */
    bool byte_reg, byte_rm; /* the register of this operand is of 8 bits */
};

/** What ModRM.rm names. */
struct HostRm {
    bool mem;
    uint8_t reg;         /* if not mem */
    uint8_t base, index; /* registers or NO_REG */
    uint8_t scale;       /* shift count */
    int32_t disp;
};

static inline struct HostRm rm_reg(unsigned reg) { return (struct HostRm){.reg = (uint8_t)reg}; }
static inline struct HostRm rm_sib(unsigned base, unsigned index, unsigned scale, int32_t disp) {
    return (struct HostRm){true, 0, (uint8_t)base, (uint8_t)index, (uint8_t)scale, disp};
}
static inline struct HostRm rm_mem(unsigned base, int32_t disp) { return rm_sib(base, NO_REG, 0, disp); }

void asm_bytes(struct Asm *a, const void *bytes, size_t n);
static inline void asm_8(struct Asm *a, unsigned v) {
    uint8_t b = (uint8_t)v;
    asm_bytes(a, &b, 1);
}
static inline void asm_32(struct Asm *a, uint32_t v) { asm_bytes(a, &v, 4); }
static inline void asm_64(struct Asm *a, uint64_t v) { asm_bytes(a, &v, 8); }

/** A VEX-encoded opcode. */
struct HostVex {
    uint8_t prefix; /* as of struct HostOp */
    uint8_t map, opcode;
    bool wide, l; /* VEX.W, VEX.L */
};
enum { VEX_NO_REG = 0 }; /* for vvvv, where no register is named */
/** `vvvv`: a register number. */
void asm_vex(struct Asm *a, struct HostVex op, unsigned reg, unsigned vvvv, struct HostRm rm);

/** An instruction with a ModRM byte; an immediate is the caller's to append. */
void asm_op(struct Asm *a, struct HostOp op, unsigned reg, struct HostRm rm);
/** An instruction whose opcode has the register in its low three bits. */
void asm_opreg(struct Asm *a, struct HostOp op, unsigned reg);

/* ---- what the translator says often ---- */

/** ADD, OR, ADC, SBB, AND, SUB, XOR, CMP by number. */
enum { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };

/** reg = reg OP rm, of `bits` bits. */
void asm_alu(struct Asm *a, unsigned alu, unsigned bits, unsigned reg, struct HostRm rm);
/** rm = rm OP imm. */
void asm_alu_imm(struct Asm *a, unsigned alu, unsigned bits, struct HostRm rm, int32_t imm);
void asm_load(struct Asm *a, unsigned bits, unsigned reg, struct HostRm rm);
void asm_store(struct Asm *a, unsigned bits, struct HostRm rm, unsigned reg);
/** Sign-extended to 64 bits. */
void asm_load_sx(struct Asm *a, unsigned bits, unsigned reg, struct HostRm rm);
void asm_store_imm(struct Asm *a, unsigned bits, struct HostRm rm, int32_t imm);
void asm_lea(struct Asm *a, unsigned reg, struct HostRm rm);
/** Any constant, by the shortest way that leaves the flags alone. */
void asm_const(struct Asm *a, unsigned reg, uint64_t v);
static inline void asm_const_ptr(struct Asm *a, unsigned reg, const void *p) { asm_const(a, reg, (uintptr_t)p); }
/** SHL (4), SHR (5), SAR (7) by a constant. */
void asm_shift(struct Asm *a, unsigned kind, unsigned bits, unsigned reg, unsigned count);

/** A jump whose target is not known yet: where its displacement is. */
uint8_t *asm_jcc(struct Asm *a, unsigned cond);
uint8_t *asm_jmp(struct Asm *a);
/** It leads to here, or to `target`. */
void asm_here(struct Asm *a, uint8_t *jump);
void asm_to(struct Asm *a, uint8_t *jump, const uint8_t *target);
/** A jump to `target`, an address in the mapping that is written. */
void asm_jmp_to(struct Asm *a, const uint8_t *target);
void asm_jcc_to(struct Asm *a, unsigned cond, const uint8_t *target);
void asm_call_to(struct Asm *a, const uint8_t *target);
void asm_jmp_rm(struct Asm *a, struct HostRm rm);

/** Conditions, as in opcodes. */
enum { COND_O, COND_NO, COND_B, COND_AE, COND_E, COND_NE, COND_BE, COND_A, COND_S, COND_NS };

#endif
