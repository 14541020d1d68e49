/* SPDX-License-Identifier: MIT */
#include "accel/tcg-lite/jit/asm.h"

void asm_bytes(struct Asm *a, const void *bytes, size_t n) {
    if ((size_t)(a->end - a->p) < n) {
        a->bad = true;
        return;
    }
    memcpy(a->p, bytes, n);
    a->p += n;
}

static bool is_high(unsigned reg, bool byte) { return byte && reg >= HOST_HIGH && reg != NO_REG; }
static unsigned number(unsigned reg) { return reg >= HOST_HIGH ? reg - HOST_HIGH + 4 : reg; }
/* SPL, BPL, SIL and DIL are registers only with REX. */
static bool wants_rex(unsigned reg, bool byte) { return byte && reg >= RSP && reg <= RDI; }

/** Prefixes and opcode. reg, base, index: 0 to 15, or NO_REG. */
static void head(struct Asm *a, struct HostOp op, unsigned reg, unsigned index, unsigned base, bool rex, bool no_rex) {
    unsigned r = 0;
    r |= op.wide ? 8 : 0;
    r |= reg != NO_REG && reg >= 8 ? 4 : 0;
    r |= index != NO_REG && index >= 8 ? 2 : 0;
    r |= base != NO_REG && base >= 8 ? 1 : 0;
    if (op.prefix)
        asm_8(a, op.prefix);
    if (r != 0 || rex) {
        a->bad |= no_rex;
        asm_8(a, 0x40 | r);
    }
    if (op.map != OP_ONE)
        asm_8(a, 0x0f);
    if (op.map == OP_0F38 || op.map == OP_0F3A)
        asm_8(a, op.map == OP_0F38 ? 0x38 : 0x3a);
    asm_8(a, op.opcode);
}

static void memory(struct Asm *a, unsigned reg, const struct HostRm *rm) {
    unsigned base = rm->base, field = (reg & 7) << 3;
    if (base == NO_REG) {
        asm_8(a, field | 4);
        asm_8(a, (unsigned)(rm->scale << 6 | (rm->index == NO_REG ? 4u : rm->index & 7u) << 3 | 5));
        asm_32(a, (uint32_t)rm->disp);
        return;
    }
    unsigned mod = rm->disp == 0 && (base & 7) != 5 ? 0 : rm->disp == (int8_t)rm->disp ? 1 : 2;
    if (rm->index != NO_REG || (base & 7) == 4) {
        asm_8(a, mod << 6 | field | 4);
        asm_8(a, (unsigned)(rm->scale << 6 | (rm->index == NO_REG ? 4u : rm->index & 7u) << 3 | (base & 7)));
    } else {
        asm_8(a, mod << 6 | field | (base & 7));
    }
    if (mod == 1)
        asm_8(a, (uint8_t)rm->disp);
    else if (mod == 2)
        asm_32(a, (uint32_t)rm->disp);
}

void asm_op(struct Asm *a, struct HostOp op, unsigned reg, struct HostRm rm) {
    bool no_rex = is_high(reg, op.byte_reg) || (!rm.mem && is_high(rm.reg, op.byte_rm));
    bool rex = wants_rex(reg, op.byte_reg) || (!rm.mem && wants_rex(rm.reg, op.byte_rm));
    unsigned r = number(reg);
    a->bad |= (reg >= HOST_HIGH && !op.byte_reg) || (!rm.mem && rm.reg >= HOST_HIGH && !op.byte_rm);
    if (rm.mem) {
        head(a, op, r, rm.index, rm.base, rex, no_rex);
        memory(a, r, &rm);
    } else {
        head(a, op, r, NO_REG, number(rm.reg), rex, no_rex);
        asm_8(a, 0xc0 | (r & 7) << 3 | (number(rm.reg) & 7));
    }
}

void asm_vex(struct Asm *a, struct HostVex op, unsigned reg, unsigned vvvv, struct HostRm rm) {
    unsigned base = rm.mem ? rm.base : rm.reg, index = rm.mem ? rm.index : NO_REG;
    unsigned r = reg < 8 ? 0x80 : 0, x = index == NO_REG || index < 8 ? 0x40 : 0,
             b = base == NO_REG || base < 8 ? 0x20 : 0;
    unsigned pp = op.prefix == 0x66 ? 1 : op.prefix == 0xf3 ? 2 : op.prefix == 0xf2 ? 3 : 0;
    unsigned last = (~vvvv & 15) << 3 | (op.l ? 4u : 0) | pp;
    a->bad |= reg >= HOST_HIGH || (!rm.mem && rm.reg >= HOST_HIGH);
    if (x && b && !op.wide && op.map == OP_0F) {
        asm_8(a, 0xc5);
        asm_8(a, r | last);
    } else {
        asm_8(a, 0xc4);
        asm_8(a, r | x | b | op.map); /* OP_0F, OP_0F38, OP_0F3A are VEX.mmmmm */
        asm_8(a, (op.wide ? 0x80u : 0) | last);
    }
    asm_8(a, op.opcode);
    if (rm.mem)
        memory(a, reg, &rm);
    else
        asm_8(a, 0xc0 | (reg & 7) << 3 | (rm.reg & 7));
}

void asm_opreg(struct Asm *a, struct HostOp op, unsigned reg) {
    op.opcode = (uint8_t)(op.opcode | (number(reg) & 7));
    head(a, op, NO_REG, NO_REG, number(reg), wants_rex(reg, op.byte_reg), is_high(reg, op.byte_reg));
}

/* ---- ---- */

static struct HostOp sized(unsigned bits, unsigned opcode) {
    return (struct HostOp){.prefix = bits == 16 ? 0x66 : 0,
                           .opcode = (uint8_t)(bits == 8 ? opcode & ~1u : opcode),
                           .wide = bits == 64,
                           .byte_reg = bits == 8,
                           .byte_rm = bits == 8};
}

void asm_alu(struct Asm *a, unsigned alu, unsigned bits, unsigned reg, struct HostRm rm) {
    asm_op(a, sized(bits, alu << 3 | 3), reg, rm);
}

void asm_alu_imm(struct Asm *a, unsigned alu, unsigned bits, struct HostRm rm, int32_t imm) {
    struct HostOp op = sized(bits, bits != 8 && imm == (int8_t)imm ? 0x83 : 0x81);
    op.byte_reg = false;
    asm_op(a, op, alu, rm);
    if (bits == 8 || imm == (int8_t)imm)
        asm_8(a, (uint8_t)imm);
    else if (bits == 16)
        asm_bytes(a, &imm, 2);
    else
        asm_32(a, (uint32_t)imm);
}

void asm_load(struct Asm *a, unsigned bits, unsigned reg, struct HostRm rm) { asm_op(a, sized(bits, 0x8b), reg, rm); }
void asm_store(struct Asm *a, unsigned bits, struct HostRm rm, unsigned reg) { asm_op(a, sized(bits, 0x89), reg, rm); }

void asm_load_sx(struct Asm *a, unsigned bits, unsigned reg, struct HostRm rm) {
    switch (bits) {
    case 8: asm_op(a, (struct HostOp){.map = OP_0F, .opcode = 0xbe, .wide = true, .byte_rm = true}, reg, rm); break;
    case 16: asm_op(a, (struct HostOp){.map = OP_0F, .opcode = 0xbf, .wide = true}, reg, rm); break;
    case 32: asm_op(a, (struct HostOp){.opcode = 0x63, .wide = true}, reg, rm); break;
    default: asm_load(a, 64, reg, rm); break;
    }
}

void asm_store_imm(struct Asm *a, unsigned bits, struct HostRm rm, int32_t imm) {
    struct HostOp op = sized(bits, 0xc7);
    op.byte_reg = false;
    asm_op(a, op, 0, rm);
    asm_bytes(a, &imm, bits == 8 ? 1 : bits == 16 ? 2 : 4);
}

void asm_lea(struct Asm *a, unsigned reg, struct HostRm rm) { asm_op(a, sized(64, 0x8d), reg, rm); }

void asm_const(struct Asm *a, unsigned reg, uint64_t v) {
    if (v <= UINT32_MAX) {
        asm_opreg(a, (struct HostOp){.opcode = 0xb8}, reg);
        asm_32(a, (uint32_t)v);
    } else if ((int64_t)v == (int32_t)v) {
        asm_store_imm(a, 64, rm_reg(reg), (int32_t)v);
    } else {
        asm_opreg(a, (struct HostOp){.opcode = 0xb8, .wide = true}, reg);
        asm_64(a, v);
    }
}

void asm_shift(struct Asm *a, unsigned kind, unsigned bits, unsigned reg, unsigned count) {
    struct HostOp op = sized(bits, 0xc1);
    op.byte_reg = false;
    asm_op(a, op, kind, rm_reg(reg));
    asm_8(a, count);
}

/* ---- jumps ---- */

static uint8_t *displacement(struct Asm *a) {
    uint8_t *at = a->p;
    asm_32(a, 0);
    return at;
}

static void put_displacement(struct Asm *a, uint8_t *at, const uint8_t *target) {
    if (a->bad)
        return;
    int32_t d = (int32_t)(target - (at + 4));
    memcpy(at, &d, 4);
}

uint8_t *asm_jcc(struct Asm *a, unsigned cond) {
    asm_8(a, 0x0f);
    asm_8(a, 0x80 | cond);
    return displacement(a);
}

uint8_t *asm_jmp(struct Asm *a) {
    asm_8(a, 0xe9);
    return displacement(a);
}

void asm_here(struct Asm *a, uint8_t *jump) { put_displacement(a, jump, a->p); }
void asm_to(struct Asm *a, uint8_t *jump, const uint8_t *target) { put_displacement(a, jump, target); }
void asm_jmp_to(struct Asm *a, const uint8_t *target) { put_displacement(a, asm_jmp(a), target); }
void asm_jcc_to(struct Asm *a, unsigned cond, const uint8_t *target) { put_displacement(a, asm_jcc(a, cond), target); }

void asm_call_to(struct Asm *a, const uint8_t *target) {
    asm_8(a, 0xe8);
    put_displacement(a, displacement(a), target);
}

void asm_jmp_rm(struct Asm *a, struct HostRm rm) { asm_op(a, (struct HostOp){.opcode = 0xff}, 4, rm); }
