/* SPDX-License-Identifier: MIT */
/* ADD, OR, ADC, SBB, AND, SUB, XOR, CMP and TEST: as themselves, with renamed registers. */
#include "accel/tcg-lite/jit/emit_int.h"

/** The second operand: an immediate, a guest register, or, once it is loaded, TEMP. */
struct Source {
    bool is_imm, in_temp, kept; /* kept: flags may follow from it, `off` says where */
    uint8_t off;
    int32_t imm;
};

static bool reads_carry(unsigned alu) { return alu == ALU_ADC || alu == ALU_SBB; }
static bool is_logic(unsigned alu) { return alu == ALU_AND || alu == ALU_OR || alu == ALU_XOR; }

/** rm = rm OP source. */
static void operate(struct Emit *e, unsigned alu, unsigned bits, struct HostRm rm, struct Source s) {
    if (s.is_imm) {
        asm_alu_imm(&e->a, alu, bits, rm, s.imm);
        return;
    }
    unsigned reg = TEMP;
    if (!s.in_temp && !rm.mem && guest_in_frame(s.off)) {
        asm_alu(&e->a, alu, bits, rm.reg, guest_rm(s.off));
        return;
    }
    if (!s.in_temp)
        reg = s.off & 1 ? guest_rm(s.off).reg : guest_read(e, s.off, TEMP);
    struct HostOp op = {.prefix = bits == 16 ? 0x66 : 0,
                        .opcode = (uint8_t)(alu << 3 | (bits == 8 ? 0 : 1)),
                        .wide = bits == 64,
                        .byte_reg = bits == 8,
                        .byte_rm = bits == 8};
    asm_op(&e->a, op, reg, rm);
}

/** The flags of dst = dst OP source in registers, which was just done. */
static void note_flags(struct Emit *e, const struct EmitInsn *x, unsigned alu, unsigned bits, unsigned dst,
                       struct Source s) {
    bool odd = (dst & 1) || (!s.is_imm && !s.in_temp && (s.off & 1));
    struct Pending p = {.bits = (uint8_t)bits, .is_imm = s.is_imm, .a = (uint8_t)dst, .b = s.off, .imm = s.imm};
    p.kind = is_logic(alu) ? PENDING_LOGIC : alu == ALU_CMP ? PENDING_CMP : alu == ALU_ADD ? PENDING_ADD : PENDING_SUB;
    bool lost =
        (s.in_temp && !s.kept) || (!s.is_imm && s.off == dst && alu != ALU_CMP); /* the second operand is gone */
    if (reads_carry(alu) || odd || (lost && !is_logic(alu)))
        flags_generic(e, x);
    else
        flags_pending(e, x, p, FB_ALL);
}

static void in_register(struct Emit *e, const struct EmitInsn *x, unsigned alu, unsigned bits, unsigned dst,
                        struct Source s) {
    if (reads_carry(alu))
        flags_load(e, FB_C);
    bool odd = !s.is_imm && !s.in_temp && (s.off & 1); /* AH to BH, which have no encoding beside ADDR */
    if (alu == ALU_CMP || !guest_in_frame(dst) || bits == 64 || odd) {
        operate(e, alu, bits, guest_rm(dst), s);
    } else {
        guest_fetch(e, dst, bits, ADDR);
        operate(e, alu, bits, rm_reg(ADDR), s);
        guest_put_back(e, dst, ADDR);
    }
    note_flags(e, x, alu, bits, dst, s);
}

/** TEMP = memory; register OP= TEMP, or compare. */
static void from_memory(struct Emit *e, const struct EmitInsn *x, unsigned alu, unsigned bits, unsigned dst) {
    struct Source s = {.in_temp = true};
    asm_load(&e->a, bits, TEMP, emit_memory(e, x, bits / 8, false));
    if (reads_carry(alu)) {
        asm_store(&e->a, 64, AT_FRAME(save[2]), TEMP);
        flags_load(e, FB_C);
        asm_load(&e->a, 64, TEMP, AT_FRAME(save[2]));
    }
    if (reads_carry(alu) || is_logic(alu) || !flags_wanted(x)) {
        in_register(e, x, alu, bits, dst, s);
        return;
    }
    s.kept = true;
    s.off = KEPT_B;
    asm_store(&e->a, 64, guest_rm(KEPT_B), TEMP);
    in_register(e, x, alu, bits, dst, s);
}

/** memory OP= source, or compare. */
static void to_memory(struct Emit *e, const struct EmitInsn *x, unsigned alu, unsigned bits, struct Source s) {
    struct HostRm rm = emit_memory(e, x, bits / 8, alu != ALU_CMP);
    if (reads_carry(alu))
        flags_load(e, FB_C);
    if (!flags_wanted(x) || reads_carry(alu)) {
        operate(e, alu, bits, rm, s);
        if (reads_carry(alu))
            flags_generic(e, x);
        else
            flags_lost(e);
        return;
    }
    asm_load(&e->a, bits, TEMP, rm);
    if (alu == ALU_CMP)
        asm_store(&e->a, 64, guest_rm(KEPT_A), TEMP);
    if (s.is_imm)
        asm_alu_imm(&e->a, alu, bits, rm_reg(TEMP), s.imm);
    else
        asm_alu(&e->a, alu, bits, TEMP, guest_rm(s.off));
    if (alu != ALU_CMP) {
        asm_store(&e->a, bits, rm, TEMP);
        asm_store(&e->a, 64, guest_rm(KEPT_A), TEMP);
    }
    note_flags(e, x, alu, bits, KEPT_A, s);
}

/** Both operands' registers, and which of them is AH to BH: those need an encoding without REX. */
static bool awkward(const struct EmitInsn *x, unsigned bits) {
    return bits == 8 && ((x->i->reg & 1) || (!x->i->mem && (x->i->rm & 1)));
}

static bool alu(struct Emit *e, const struct EmitInsn *x, unsigned op, bool to_reg, struct Source s) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i), dst = to_reg ? i->reg : i->rm;
    if (!s.is_imm && i->mem && awkward(x, bits))
        return false;
    bool writes = op != ALU_CMP && (to_reg || !i->mem);
    flags_before(e, x, writes ? 1u << dst / 8 : 0);
    if (!i->mem)
        in_register(e, x, op, bits, dst, s);
    else if (to_reg)
        from_memory(e, x, op, bits, dst);
    else
        to_memory(e, x, op, bits, s);
    return true;
}

/** 00 to 3D: the operation in bits 5 to 3, operands in bits 2 to 0. */
bool emit_alu(struct Emit *e, const struct EmitInsn *x) {
    unsigned form = x->opcode & 7;
    bool to_reg = form == 2 || form == 3;
    struct Source s = {.is_imm = form >= 4, .imm = (int32_t)x->i->imm};
    s.off = to_reg ? x->i->rm : x->i->reg;
    return alu(e, x, x->opcode >> 3 & 7, to_reg, s);
}

/** 80, 81, 83. */
bool emit_alu_imm(struct Emit *e, const struct EmitInsn *x) {
    return alu(e, x, x->modrm >> 3 & 7, false, (struct Source){.is_imm = true, .imm = (int32_t)x->i->imm});
}

/** TEST with a register or an immediate. */
bool emit_test(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i);
    bool is_imm = x->opcode == 0xa8 || x->opcode == 0xa9 || x->opcode >= 0xf6;
    struct Pending p = {PENDING_TEST, (uint8_t)bits, is_imm, i->rm, i->reg, (int32_t)i->imm};
    if (bits == 8 && !is_imm && (i->reg & 1) && (i->mem || guest_in_frame(i->rm)))
        return false;
    flags_before(e, x, 0);
    if (i->mem) {
        asm_load(&e->a, bits, TEMP, emit_memory(e, x, bits / 8, false));
        if (is_imm)
            asm_alu_imm(&e->a, ALU_AND, bits, rm_reg(TEMP), (int32_t)i->imm);
        else
            asm_alu(&e->a, ALU_AND, bits, TEMP, guest_rm(i->reg));
        asm_store(&e->a, 64, guest_rm(KEPT_A), TEMP);
        p = (struct Pending){.kind = PENDING_LOGIC, .bits = (uint8_t)bits, .a = KEPT_A};
        flags_pending(e, x, p, FB_ALL);
        return true;
    }
    struct HostOp op = {.prefix = bits == 16 ? 0x66 : 0, .wide = bits == 64, .byte_rm = bits == 8};
    if (is_imm) {
        op.opcode = bits == 8 ? 0xf6 : 0xf7;
        asm_op(&e->a, op, 0, guest_rm(i->rm));
        asm_bytes(&e->a, x->imm, x->imm_len);
    } else {
        op.opcode = bits == 8 ? 0x84 : 0x85;
        op.byte_reg = bits == 8;
        unsigned reg = i->reg & 1 ? guest_rm(i->reg).reg : guest_read(e, i->reg, TEMP);
        asm_op(&e->a, op, reg, guest_rm(i->rm));
    }
    if ((i->rm & 1) || (!is_imm && (i->reg & 1)))
        flags_generic(e, x);
    else
        flags_pending(e, x, p, FB_ALL);
    return true;
}

/** INC or DEC of memory whose flags somebody needs. */
static void count_memory(struct Emit *e, const struct EmitInsn *x, struct HostOp op, unsigned bits, bool dec) {
    bool carry = x->need & FB_C; /* which stays */
    flags_before(e, x, 0);
    struct HostRm rm = emit_memory(e, x, bits / 8, true);
    asm_load(&e->a, bits, TEMP, rm);
    asm_op(&e->a, op, dec, rm_reg(TEMP));
    asm_store(&e->a, bits, rm, TEMP);
    if (carry)
        flags_counted(e, bits, TEMP, dec);
    else
        flags_stored(e, x, dec ? ALU_SUB : ALU_ADD, bits, TEMP, true, 0, 1);
}

/** FE, FF /0 and /1; rm only. */
bool emit_inc_dec(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i), dec = x->modrm >> 3 & 1;
    struct HostOp op = {
        .prefix = bits == 16 ? 0x66 : 0, .opcode = bits == 8 ? 0xfe : 0xff, .wide = bits == 64, .byte_rm = bits == 8};
    if (i->mem && flags_wanted(x)) {
        count_memory(e, x, op, bits, dec);
        return true;
    }
    if (i->mem || (i->rm & 1)) {
        if (flags_wanted(x))
            return false;
        flags_before(e, x, i->mem ? 0 : 1u << i->rm / 8);
        asm_op(&e->a, op, dec, i->mem ? emit_memory(e, x, bits / 8, true) : guest_rm(i->rm));
        flags_lost(e);
        return true;
    }
    flags_before(e, x, 1u << i->rm / 8);
    unsigned reg = guest_fetch(e, i->rm, bits, TEMP);
    asm_op(&e->a, op, dec, rm_reg(reg));
    guest_put_back(e, i->rm, reg);
    struct Pending p = {.kind = dec ? PENDING_DEC : PENDING_INC, .bits = (uint8_t)bits, .a = i->rm};
    uint8_t carry = e->host & FB_C;
    if (!(x->need & FB_C)) { /* then it is an addition: t->cc need not have CF */
        p.kind = dec ? PENDING_SUB : PENDING_ADD;
        p.is_imm = true;
        p.imm = 1;
    }
    flags_pending(e, x, p, (FB_ALL & ~FB_C) | carry);
    return true;
}

static void unary(struct Emit *e, const struct EmitInsn *x, struct HostOp op, unsigned kind, unsigned bits) {
    const struct Insn *i = x->i;
    if (i->mem || (i->rm & 1)) {
        asm_op(&e->a, op, kind, i->mem ? emit_memory(e, x, bits / 8, true) : guest_rm(i->rm));
        return;
    }
    unsigned reg = guest_fetch(e, i->rm, bits, TEMP);
    asm_op(&e->a, op, kind, rm_reg(reg));
    guest_put_back(e, i->rm, reg);
}

/** F6, F7 /2: flags stay. */
bool emit_not(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i);
    struct HostOp op = {
        .prefix = bits == 16 ? 0x66 : 0, .opcode = bits == 8 ? 0xf6 : 0xf7, .wide = bits == 64, .byte_rm = bits == 8};
    flags_before(e, x, i->mem ? 0 : 1u << i->rm / 8);
    unary(e, x, op, 2, bits);
    return true;
}

bool emit_neg(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    unsigned bits = insn_bits(i);
    struct HostOp op = {
        .prefix = bits == 16 ? 0x66 : 0, .opcode = bits == 8 ? 0xf6 : 0xf7, .wide = bits == 64, .byte_rm = bits == 8};
    flags_before(e, x, i->mem ? 0 : 1u << i->rm / 8);
    bool kept = !i->mem && !(i->rm & 1) && flags_wanted(x); /* they are those of 0 less the operand */
    if (kept)
        asm_store(&e->a, 64, guest_rm(KEPT_B), guest_read(e, i->rm, TEMP));
    unary(e, x, op, 3, bits);
    if (kept)
        flags_pending(e, x, (struct Pending){PENDING_SUB, (uint8_t)bits, false, i->rm, KEPT_B, 0}, FB_ALL);
    else
        flags_generic(e, x);
    return true;
}
