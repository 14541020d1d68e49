/* SPDX-License-Identifier: MIT */
/* Shifts, rotates, multiplication, division, bits. */
#include "accel/tcg-lite/jit/emit_int.h"

enum { ROL, ROR, RCL, RCR, SHL, SHR, SAL, SAR };

static bool by_cl(const struct EmitInsn *x) { return x->opcode == 0xd2 || x->opcode == 0xd3; }

/** rm shifted. The flags are the host's then. */
static void shift(struct Emit *e, const struct EmitInsn *x, unsigned kind, unsigned bits, struct HostRm rm,
                  unsigned n) {
    struct HostOp op = {.prefix = bits == 16 ? 0x66 : 0, .wide = bits == 64, .byte_rm = bits == 8};
    op.opcode = (uint8_t)((by_cl(x) ? 0xd2 : 0xc0) | (bits == 8 ? 0 : 1));
    asm_op(&e->a, op, kind, rm);
    if (!by_cl(x))
        asm_8(&e->a, n);
}

static void shift_flags(struct Emit *e, const struct EmitInsn *x, unsigned kind, unsigned bits, struct HostRm result) {
    if (!flags_wanted(x)) {
        flags_lost(e);
    } else if (kind < RCL) {
        flags_rotated(e, x, bits, result, kind == ROL);
    } else {
        asm_load(&e->a, 64, ADDR, result);
        asm_alu(&e->a, ALU_SBB, 32, TEMP, rm_reg(TEMP));
        flags_shifted(e, kind, bits);
    }
}

/** What is left to the exec functions: counts that change no flags, or for which the host's CF may be anything. */
static bool shift_fits(const struct EmitInsn *x, unsigned kind, unsigned bits, unsigned n) {
    if (kind == RCL || kind == RCR || (!x->i->mem && (x->i->rm & 1)))
        return false;
    if (!by_cl(x) && n == 0)
        return false;
    if (!flags_wanted(x))
        return true;
    return by_cl(x) ? bits >= 32 && kind >= SHL : kind < RCL || n < bits;
}

bool emit_shift(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i), kind = x->modrm >> 3 & 7, n = (unsigned)i->imm & (bits == 64 ? 63 : 31);
    if (!shift_fits(x, kind, bits, n))
        return false;
    kind = kind == SAL ? SHL : kind;
    flags_before(e, x, i->mem ? 0 : 1u << i->rm / 8);
    struct HostRm rm = i->mem ? emit_memory(e, x, bits / 8, true) : guest_rm(i->rm);
    uint8_t *none = NULL;
    bool kept = by_cl(x) && flags_wanted(x); /* by 0 all flags stay */
    if (!i->mem && guest_in_frame(i->rm))
        rm = rm_reg(guest_fetch(e, i->rm, bits, TEMP));
    if (kept) {
        if (!i->mem && bits == 32) { /* it is cut to 32 bits anyway */
            asm_load(&e->a, 32, rm.reg, rm);
            guest_put_back(e, i->rm, rm.reg);
        }
        struct HostOp test = {.opcode = 0xf6, .byte_rm = true};
        asm_op(&e->a, test, 0, rm_reg(RCX));
        asm_8(&e->a, bits == 64 ? 63 : 31);
        none = asm_jcc(&e->a, COND_E);
    }
    if (i->mem) {
        asm_load(&e->a, bits, TEMP, rm);
        shift(e, x, kind, bits, rm_reg(TEMP), n);
        asm_store(&e->a, bits, rm, TEMP);
        rm = rm_reg(TEMP);
    } else {
        shift(e, x, kind, bits, rm, n);
        guest_put_back(e, i->rm, rm.reg);
    }
    shift_flags(e, x, kind, bits, rm);
    if (none != NULL) {
        asm_here(&e->a, none);
        e->plain = false;
    }
    return true;
}

/** 69, 6B, 0F AF. */
bool emit_imul(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i);
    flags_before(e, x, 1u << i->reg / 8);
    struct HostRm from = i->mem ? emit_memory(e, x, bits / 8, false) : guest_rm(i->rm);
    unsigned reg = x->imm_len != 0 ? guest_target(i->reg, TEMP) : guest_read(e, i->reg, TEMP);
    asm_op(&e->a, int_op(x, false), reg, from);
    asm_bytes(&e->a, x->imm, x->imm_len);
    guest_written(e, i->reg, bits, reg);
    flags_product(e, x);
    return true;
}

/** F6, F7 /4 and /5: RAX, RDX and RCX are where they are. */
bool emit_mul(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i);
    flags_before(e, x, 1u << REG_AX | (bits == 8 ? 0 : 1u << REG_DX));
    struct HostRm from = i->mem ? emit_memory(e, x, bits / 8, false) : guest_rm(i->rm);
    struct HostOp op = int_op(x, false);
    op.byte_rm = bits == 8;
    asm_op(&e->a, op, x->modrm >> 3 & 7, from);
    flags_product(e, x);
    return true;
}

/** F7 /6 and /7. What might raise #DE, or is rare, is left to the exec function. */
bool emit_div(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    struct Asm *a = &e->a;
    unsigned bits = insn_bits(i), kind = x->modrm >> 3 & 7;
    if (bits < 32)
        return false;
    flags_before(e, x, 1u << REG_AX | 1u << REG_DX);
    struct HostRm from = i->mem ? emit_memory(e, x, bits / 8, false) : guest_rm(i->rm);
    asm_load(a, bits, TEMP, from);
    if (kind == 6) {
        asm_alu(a, ALU_CMP, bits, RDX, rm_reg(TEMP));
        emit_bail(e, COND_AE);
    } else {
        asm_load(a, bits, ADDR, rm_reg(RAX));
        asm_shift(a, 7, bits, ADDR, bits - 1);
        asm_alu(a, ALU_CMP, bits, ADDR, rm_reg(RDX)); /* a dividend of one word ... */
        emit_bail(e, COND_NE);
        asm_lea(a, ADDR, rm_mem(TEMP, 1));
        asm_alu_imm(a, ALU_CMP, bits, rm_reg(ADDR), 1); /* ... and not by 0 or -1 */
        emit_bail(e, COND_BE);
    }
    asm_op(a, (struct HostOp){.opcode = 0xf7, .wide = bits == 64}, kind, rm_reg(TEMP));
    if ((x->need & (FB_ALL & ~FB_C & ~FB_O)) != 0) {
        vec_sync(e);
        asm_call_to(a, e->jit->div_flags);
        flags_in_cc(e);
    }
    flags_lost(e);
    return true;
}

/** BT, BTS, BTR, BTC of registers: 0F A3, AB, B3, BB by a register, 0F BA by a constant. */
bool emit_bt(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i);
    bool is_imm = x->opcode == 0xba, only_tests = is_imm ? (x->modrm >> 3 & 7) == 4 : x->opcode == 0xa3;
    if (i->mem || bits < 32)
        return false;
    flags_before(e, x, only_tests ? 0 : 1u << i->rm / 8);
    unsigned reg = guest_read(e, i->rm, TEMP);
    if (is_imm) {
        asm_op(&e->a, int_op(x, false), x->modrm >> 3 & 7, rm_reg(reg));
        asm_bytes(&e->a, x->imm, 1);
    } else {
        unsigned index = guest_read(e, i->reg, ADDR);
        asm_op(&e->a, int_op(x, false), index, rm_reg(reg));
    }
    if (!only_tests)
        guest_written(e, i->rm, 64, reg);
    flags_carry(e, x);
    return true;
}
