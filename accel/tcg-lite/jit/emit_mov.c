/* SPDX-License-Identifier: MIT */
/* Moves. None of them writes flags. */
#include "accel/tcg-lite/jit/emit_int.h"

static uint32_t bit(unsigned off) { return 1u << off / 8; }

/** 88, 89, and MOVNTI. */
bool emit_mov_store(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i);
    flags_before(e, x, i->mem ? 0 : bit(i->rm));
    struct HostRm to = i->mem ? emit_memory(e, x, bits / 8, true) : guest_rm(i->rm);
    if (i->mem && (i->reg & 1)) { /* ADDR needs REX, with which there is no AH */
        asm_load(&e->a, 32, TEMP, rm_reg(guest_rm(i->reg & ~1u).reg));
        asm_shift(&e->a, 5, 32, TEMP, 8);
        asm_store(&e->a, 8, to, TEMP);
        return true;
    }
    if (!i->mem && bits == 32 && guest_in_frame(i->rm)) {
        asm_load(&e->a, 32, TEMP, guest_rm(i->reg));
        asm_store(&e->a, 64, to, TEMP);
        return true;
    }
    unsigned reg = i->reg & 1 ? guest_rm(i->reg).reg : guest_read(e, i->reg, TEMP);
    if (!i->mem && bits < 32 && guest_in_frame(i->rm) && !(i->reg & 1))
        guest_written(e, i->rm, bits, reg);
    else
        asm_store(&e->a, bits, to, reg);
    return true;
}

/** 8A, 8B. */
bool emit_mov_load(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i);
    flags_before(e, x, bit(i->reg));
    struct HostRm from = i->mem ? emit_memory(e, x, bits / 8, false) : guest_rm(i->rm);
    unsigned reg = i->reg & 1 ? guest_rm(i->reg).reg : guest_target(i->reg, TEMP);
    asm_load(&e->a, bits, reg, from);
    guest_written(e, i->reg, bits, reg);
    return true;
}

/** B0 to BF, C6, C7. */
bool emit_mov_imm(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i);
    flags_before(e, x, i->mem ? 0 : bit(i->rm));
    if (i->mem) {
        asm_store_imm(&e->a, bits, emit_memory(e, x, bits / 8, true), (int32_t)i->imm);
        return true;
    }
    if (bits < 32) {
        bool high = i->rm & 1;
        unsigned part = high ? guest_rm(i->rm).reg : guest_fetch(e, i->rm, bits, TEMP);
        asm_store_imm(&e->a, bits, rm_reg(part), (int32_t)i->imm);
        if (!high)
            guest_put_back(e, i->rm, part);
        return true;
    }
    unsigned reg = guest_target(i->rm, TEMP);
    asm_const(&e->a, reg, bits == 32 ? (uint32_t)i->imm : i->uimm);
    guest_written(e, i->rm, 64, reg);
    return true;
}

/** MOVZX, MOVSX, MOVSXD. */
bool emit_mov_extend(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    bool dword = x->map == OP_ONE, byte = !dword && !(x->opcode & 1);
    unsigned size = dword ? 4 : byte ? 1 : 2;
    if (dword && insn_bits(i) == 16)
        return false;
    flags_before(e, x, bit(i->reg));
    struct HostRm from = i->mem ? emit_memory(e, x, size, false) : guest_rm(i->rm);
    struct HostOp op = int_op(x, false);
    op.byte_rm = byte;
    unsigned reg = guest_target(i->reg, TEMP);
    asm_op(&e->a, op, reg, from);
    guest_written(e, i->reg, insn_bits(i), reg);
    return true;
}

bool emit_lea(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i);
    if (bits == 16)
        return false;
    flags_before(e, x, bit(i->reg));
    unsigned reg = guest_target(i->reg, ADDR);
    emit_offset(e, x, reg);
    if (bits == 32 && i->asize == 3)
        asm_load(&e->a, 32, reg, rm_reg(reg));
    guest_written(e, i->reg, 64, reg);
    return true;
}

/** 86, 87 of registers; 91 to 97. */
bool emit_xchg(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i), other = x->opcode >= 0x90 ? 0 : i->reg;
    if (i->mem || bits < 32)
        return false;
    flags_before(e, x, bit(i->rm) | bit(other));
    asm_load(&e->a, bits, ADDR, guest_rm(i->rm));
    asm_load(&e->a, bits, TEMP, guest_rm(other));
    asm_store(&e->a, 64, guest_rm(i->rm), TEMP);
    asm_store(&e->a, 64, guest_rm(other), ADDR);
    return true;
}

bool emit_nop(struct Emit *e, const struct EmitInsn *x) {
    (void)e, (void)x;
    return true;
}

/** 98: CBW, CWDE, CDQE; 99: CWD, CDQ, CQO. RAX and RDX are where they are. */
bool emit_convert(struct Emit *e, const struct EmitInsn *x) {
    flags_before(e, x, x->opcode == 0x98 ? 1u << REG_AX : 1u << REG_DX);
    unsigned bits = insn_bits(x->i);
    if (bits == 16)
        asm_8(&e->a, 0x66);
    else if (bits == 64)
        asm_8(&e->a, 0x48);
    asm_8(&e->a, x->opcode);
    return true;
}

bool emit_bswap(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i);
    if (bits == 16)
        return false;
    flags_before(e, x, bit(i->rm));
    unsigned reg = guest_read(e, i->rm, TEMP);
    asm_opreg(&e->a, (struct HostOp){.map = OP_0F, .opcode = 0xc8, .wide = bits == 64}, reg);
    guest_written(e, i->rm, 64, reg);
    return true;
}

bool emit_setcc(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    struct HostOp op = {.map = OP_0F, .opcode = x->opcode, .byte_rm = true};
    flags_before(e, x, i->mem ? 0 : bit(i->rm));
    struct HostRm rm = i->mem ? emit_memory(e, x, 1, true) : guest_rm(i->rm);
    flags_load(e, x->d.isa.flags_read);
    if (i->mem || !guest_in_frame(i->rm)) {
        asm_op(&e->a, op, 0, rm);
        return true;
    }
    unsigned reg = guest_fetch(e, i->rm, 8, TEMP);
    asm_op(&e->a, op, 0, rm_reg(reg));
    guest_put_back(e, i->rm, reg);
    return true;
}

bool emit_cmov(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i);
    flags_before(e, x, bit(i->reg));
    struct HostRm from = i->mem ? emit_memory(e, x, bits / 8, false) : guest_rm(i->rm);
    flags_load(e, x->d.isa.flags_read);
    unsigned reg = guest_read(e, i->reg, TEMP);
    asm_op(&e->a, int_op(x, false), reg, from);
    guest_written(e, i->reg, bits, reg);
    return true;
}
