/* SPDX-License-Identifier: MIT */
/*
 * Read-modify-write of memory at once: LOCK, XCHG, CMPXCHG, XADD, and bit strings in memory. Guest atomics are the
 * host's, on the operand in guest RAM; what is not aligned is left.
 */
#include "accel/tcg-lite/jit/emit_int.h"

static bool is_odd(unsigned off) { return off & 1; }

/** ADDR has the operand's host address, aligned if it is to be locked. */
static struct HostRm destination(struct Emit *e, const struct EmitInsn *x, unsigned size, bool locked) {
    struct HostRm rm = emit_memory_at(e, x, size, true);
    if (locked && size > 1)
        emit_bail_unaligned(e, size);
    return rm;
}

static void lock(struct Emit *e, bool locked) {
    if (locked)
        asm_8(&e->a, 0xf0);
}

/** ADD to XOR, NOT, NEG, INC, DEC with LOCK: opcode and operands stay. */
bool emit_locked(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i), kept = FB_ALL & ~x->d.isa.flags_written;
    bool bytes = bits == 8, has_reg = x->opcode < 0x40;
    if ((has_reg && is_odd(i->reg)) || (flags_wanted(x) && (x->need & kept)))
        return false; /* INC and DEC keep CF */
    flags_before(e, x, 0);
    struct HostRm rm = destination(e, x, bits / 8, true);
    if (x->d.isa.flags_read & FB_C)
        flags_load(e, FB_C);
    unsigned reg = has_reg ? guest_read(e, i->reg, TEMP) : x->modrm >> 3 & 7;
    struct HostOp op = int_op(x, bytes);
    op.byte_reg = bytes && has_reg;
    lock(e, true);
    asm_op(&e->a, op, reg, rm);
    asm_bytes(&e->a, x->imm, x->imm_len);
    if (flags_wanted(x))
        flags_generic(e, x);
    else if (x->d.isa.flags_written)
        flags_lost(e); /* the host's CF is not the one that is kept */
    return true;
}

/** With memory: XCHG (always locked), XADD. */
bool emit_exchange(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i);
    bool add = x->map == OP_0F;
    if (!i->mem || is_odd(i->reg))
        return false;
    flags_before(e, x, 1u << i->reg / 8);
    struct HostRm rm = destination(e, x, bits / 8, i->lock || !add);
    unsigned reg = guest_read(e, i->reg, TEMP);
    lock(e, i->lock);
    asm_op(&e->a, int_op(x, bits == 8), reg, rm);
    guest_written(e, i->reg, bits, reg);
    if (add)
        flags_generic(e, x);
    return true;
}

/** RAX is where it is. */
bool emit_cmpxchg(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i);
    if (!i->mem || is_odd(i->reg))
        return false;
    flags_before(e, x, 1u << REG_AX);
    struct HostRm rm = destination(e, x, bits / 8, i->lock);
    unsigned reg = guest_read(e, i->reg, TEMP);
    lock(e, i->lock);
    asm_op(&e->a, int_op(x, bits == 8), reg, rm);
    flags_generic(e, x);
    return true;
}

/** BT to BTC with memory. A bit offset in a register reaches beyond the operand: whole operands are skipped first. */
bool emit_bt_memory(struct Emit *e, const struct EmitInsn *x) {
    struct Asm *a = &e->a;
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i);
    bool is_imm = x->opcode == 0xba, only_tests = is_imm ? (x->modrm >> 3 & 7) == 4 : x->opcode == 0xa3;
    if (bits == 16 || (!is_imm && (i->asize != 3 || i->seg == SEG_FS || i->seg == SEG_GS)))
        return false;
    flags_before(e, x, 0);
    struct HostRm rm = rm_mem(ADDR, 0);
    unsigned reg = x->modrm >> 3 & 7;
    if (is_imm) {
        rm = only_tests ? emit_memory(e, x, bits / 8, false) : destination(e, x, bits / 8, i->lock);
    } else {
        emit_offset(e, x, ADDR);
        asm_load_sx(a, bits, TEMP, guest_rm(i->reg));
        asm_shift(a, 7, 64, TEMP, bits == 64 ? 6 : 5);
        asm_lea(a, ADDR, rm_sib(ADDR, TEMP, bits == 64 ? 3 : 2, 0));
        emit_lookup(e, bits / 8, !only_tests);
        if (i->lock)
            emit_bail_unaligned(e, bits / 8);
        asm_load(a, bits, TEMP, guest_rm(i->reg));
        asm_alu_imm(a, ALU_AND, 32, rm_reg(TEMP), (int32_t)bits - 1);
        reg = TEMP;
    }
    lock(e, i->lock);
    asm_op(a, int_op(x, false), reg, rm);
    if (is_imm)
        asm_8(a, (unsigned)i->imm & (bits - 1));
    flags_carry(e, x);
    return true;
}
