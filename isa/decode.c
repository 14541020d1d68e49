/* SPDX-License-Identifier: MIT */
/** The instruction decoder (SDM vol. 2, chapter 2; opcode maps: appendix A, as rows of x86.tab). */
#include "isa/isa.h"
#include "isa/undefined.h"

#include <string.h>

enum { MAX_LENGTH = 15 };
enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

/** Decoding under way. */
struct Cursor {
    const struct CpuModel *model;
    const uint8_t *bytes;
    size_t have; /* bytes that may be looked at */
    unsigned pos;
    bool ran_out;
    bool bad_vex; /* VEX behind a prefix that forbids it: #UD, but its length counts */
    uint32_t mode;
    bool code64;
    bool data66, addr67, lock;
    uint8_t rep; /* the last of F2, F3: 2 or 3 */
    int8_t seg;  /* override, or -1 */
    bool rex_seen;
    uint8_t rex; /* REX, or its equivalent in VEX */
    uint8_t vex_l, vvvv;
    enum X86Map map;
    uint8_t opcode, modrm;
};

static uint8_t next(struct Cursor *c) {
    if (c->pos >= c->have) {
        c->ran_out = true;
        return 0;
    }
    return c->bytes[c->pos++];
}

static uint64_t next_le(struct Cursor *c, unsigned n) {
    if (c->pos + n > c->have) {
        c->ran_out = true;
        return 0;
    }
    uint64_t v = 0;
    memcpy(&v, c->bytes + c->pos, n);
    c->pos += n;
    return v;
}

static uint8_t peek(struct Cursor *c) {
    uint8_t b = next(c);
    if (!c->ran_out)
        c->pos--;
    return b;
}

/** Legacy prefixes and REX; returns the first byte after them. In 64-bit mode ES, CS, SS and DS overrides do nothing.
 */
static uint8_t prefixes(struct Cursor *c) {
    for (;;) {
        uint8_t b = next(c);
        if (c->ran_out)
            return 0;
        switch (b) {
        case 0x66: c->data66 = true; break;
        case 0x67: c->addr67 = true; break;
        case 0xf0: c->lock = true; break;
        case 0xf2: c->rep = 2; break;
        case 0xf3: c->rep = 3; break;
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
            if (!c->code64)
                c->seg = (int8_t)((b >> 3) & 3);
            break;
        case 0x64:
        case 0x65: c->seg = (int8_t)(SEG_FS + (b & 1)); break;
        default:
            if (c->code64 && (b & 0xf0) == 0x40) {
                c->rex = b & 15;
                c->rex_seen = true;
                continue;
            }
            return b;
        }
        c->rex = 0; /* a REX counts only when the opcode follows it */
        c->rex_seen = false;
    }
}

/**
 * C4, C5: VEX, unless the mode or the next byte makes it LES, LDS. Outside of 64-bit mode the
 * inverted R and X are 1 (or it would be LES, LDS), B is ignored, and so is the high bit of vvvv where that
 * names a register (SDM vol. 2, 2.3.5).
 */
static void vex(struct Cursor *c, uint8_t b) {
    c->bad_vex = c->rex_seen || c->data66 || c->rep || c->lock;
    uint8_t p = next(c);
    c->rex = (~p >> 5) & REX_R;
    c->map = MAP_VEX_0F;
    if (b == 0xc4) {
        c->rex = (~p >> 5) & (REX_R | REX_X | REX_B);
        unsigned m = p & 31;
        c->map = m >= 1 && m <= 3 ? (enum X86Map)(MAP_VEX + m) : MAP_VEX;
        p = next(c);
        c->rex |= (p >> 4) & REX_W;
    }
    if (!c->code64)
        c->rex &= REX_W;
    c->vvvv = (~p >> 3) & 15;
    c->vex_l = (p >> 2) & 1;
    c->data66 = (p & 3) == 1;
    c->rep = (p & 3) == 2 ? 3 : (p & 3) == 3 ? 2 : 0;
    c->opcode = next(c);
}

/** Prefixes, escapes, opcode. */
static void opcode(struct Cursor *c) {
    uint8_t b = prefixes(c);
    if ((b == 0xc4 || b == 0xc5) && !c->ran_out) {
        bool real = c->mode & (MODE_REAL | MODE_VM86);
        if (c->code64 || (!real && peek(c) >= 0xc0)) {
            vex(c, b);
            return;
        }
    }
    c->map = MAP_ONE;
    if (b == 0x0f && !c->ran_out) {
        c->map = MAP_0F;
        b = next(c);
        if ((b == 0x38 || b == 0x3a) && !c->ran_out) {
            c->map = b == 0x38 ? MAP_0F38 : MAP_0F3A;
            b = next(c);
        }
    }
    c->opcode = b;
}

/** The row for opcode, prefixes and ModRM, or 0. Reads the ModRM byte if rows there want one. */
static unsigned find_row(struct Cursor *c) {
    struct X86Slot slot = x86_slots[c->map][c->opcode];
    unsigned prefix = c->rep == 3 ? PFX_F3 : c->rep == 2 ? PFX_F2 : c->data66 ? PFX_66 : PFX_NP;
    unsigned when = c->code64 ? WHEN_64 : WHEN_NOT64;
    for (unsigned k = 0; k < slot.count; k++) {
        unsigned row = x86_candidates[slot.first + k];
        const struct X86Form *f = &x86_forms[row];
        if (!(f->when & when) || !(f->prefixes & prefix) || !(f->vex_l & (1 << c->vex_l)))
            continue;
        if (!(f->rex_b & (c->rex & REX_B ? BIT_SET : BIT_CLEAR)) ||
            !(f->vex_w & (c->rex & REX_W ? BIT_SET : BIT_CLEAR)))
            continue;
        if (!x86_form_of_vendor(f, c->model))
            continue;
        if (f->feature != CPUID_NONE && !cpu_has_insn(c->model, (enum X86Feature)f->feature))
            continue;
        if (f->attr & ATTR_MODRM) {
            uint8_t m = peek(c);
            if (c->ran_out)
                return 0;
            bool reg = m >= 0xc0;
            if ((reg ? !f->mod_reg : !f->mod_mem) || ((m ^ f->modrm_value) & f->modrm_mask))
                continue;
            c->modrm = m;
            c->pos++;
        }
        return row;
    }
    return 0;
}

/** Go to the end of what is no instruction. */
static void skip_undefined(struct Cursor *c, unsigned asize) {
    struct X86Tail tail = x86_undefined_tail(c->model, c->map, c->opcode);
    bool word = c->code64 ? c->data66 : ((c->mode & MODE_CODE) == MODE_CODE32) == c->data66;
    unsigned z = word ? 2 : 4;
    if (tail.modrm) {
        uint8_t modrm = next(c), sib = modrm < 0xc0 && (modrm & 7) == 4 && asize != 1 ? peek(c) : 0;
        next_le(c, x86_modrm_bytes(modrm, sib, asize == 1) - 1);
    }
    next_le(c, tail.immediate == TAIL_FAR ? z + 2 : tail.immediate == TAIL_Z ? z : tail.immediate);
}

static void memory16(struct Cursor *c, struct X86Insn *i) {
    static const uint8_t bases[8] = {REG_BX, REG_BX, REG_BP, REG_BP, REG_SI, REG_DI, REG_BP, REG_BX};
    static const uint8_t indexes[4] = {REG_SI, REG_DI, REG_SI, REG_DI};
    unsigned mod = c->modrm >> 6, rm = c->modrm & 7;
    i->seg = rm == 2 || rm == 3 || (rm == 6 && mod) ? SEG_SS : SEG_DS;
    i->base = (uint8_t)(bases[rm] * 8);
    if (rm < 4)
        i->index = (uint8_t)(indexes[rm] * 8);
    if (mod == 0 && rm == 6)
        i->base = INSN_REG_NONE;
    if (mod == 1)
        i->disp = (int8_t)next(c);
    else if (mod == 2 || (mod == 0 && rm == 6))
        i->disp = (int16_t)next_le(c, 2);
}

static void memory32(struct Cursor *c, struct Decoded *out, bool vsib) {
    struct X86Insn *i = &out->insn;
    unsigned mod = c->modrm >> 6, rm = c->modrm & 7, base = rm;
    i->seg = SEG_DS;
    if (rm == 4) {
        uint8_t sib = next(c);
        unsigned index = ((sib >> 3) & 7) | (c->rex & REX_X) << 2;
        base = sib & 7;
        if (vsib) {
            i->index = (uint8_t)index;
            i->scale = sib >> 6;
        } else if (index != 4) {
            i->index = (uint8_t)(index * 8);
            i->scale = sib >> 6;
        }
    }
    bool no_base = mod == 0 && base == 5;
    if (no_base && rm == 5 && c->code64) {
        i->base = INSN_REG_RIP;
        out->rip_relative = true;
    } else if (!no_base) {
        i->base = (uint8_t)((base | (c->rex & REX_B) << 3) * 8);
        if (i->base == REG_SP * 8 || i->base == REG_BP * 8)
            i->seg = SEG_SS;
    }
    if (mod == 1)
        i->disp = (int8_t)next(c);
    else if (mod == 2 || no_base)
        i->disp = (int32_t)next_le(c, 4);
}

/** A register operand of the given kind as an Insn wants it: byte offsets for general registers. */
static uint8_t register_operand(const struct Cursor *c, unsigned n, unsigned kind) {
    switch (kind) {
    case KIND_GPR8: return (uint8_t)(!c->rex_seen && !(c->map >= MAP_VEX) && n >= 4 && n < 8 ? (n - 4) * 8 + 1 : n * 8);
    case KIND_GPR: return (uint8_t)(n * 8);
    case KIND_MMX:
    case KIND_SEG: return n & 7;
    default: return (uint8_t)n;
    }
}

static void modrm_operands(struct Cursor *c, const struct X86Form *f, struct Decoded *out) {
    struct X86Insn *i = &out->insn;
    unsigned reg = (c->modrm >> 3) & 7, rm = c->modrm & 7;
    if (f->reg_kind != KIND_RAW)
        reg |= (unsigned)(c->rex & REX_R) << 1;
    i->reg = register_operand(c, reg, f->reg_kind);
    if (c->modrm >= 0xc0 || (f->attr & ATTR_MODREG)) {
        if (f->rm_kind != KIND_RAW)
            rm |= (unsigned)(c->rex & REX_B) << 3;
        i->rm = register_operand(c, rm, f->rm_kind);
        return;
    }
    i->mem = 1;
    if (i->asize == 1)
        memory16(c, i);
    else
        memory32(c, out, f->attr & ATTR_VSIB);
    if (c->seg >= 0)
        i->seg = (uint8_t)c->seg;
}

static void immediate(struct Cursor *c, const struct X86Form *f, struct X86Insn *i, unsigned osize) {
    unsigned z = osize == 1 ? 2 : 4;
    switch (f->imm_kind) {
    case IMM_ONE: i->imm = 1; break;
    case IMM_B:
    case IMM_JB: i->imm = (int8_t)next(c); break;
    case IMM_W: i->imm = (int64_t)next_le(c, 2); break;
    case IMM_Z:
    case IMM_JZ: i->imm = z == 2 ? (int64_t)(int16_t)next_le(c, 2) : (int64_t)(int32_t)next_le(c, 4); break;
    case IMM_V:
        i->imm = osize == 3 ? (int64_t)next_le(c, 8)
                 : z == 2   ? (int64_t)(int16_t)next_le(c, 2)
                            : (int64_t)(int32_t)next_le(c, 4);
        break;
    case IMM_FAR: {
        uint64_t off = next_le(c, z);
        i->uimm = next_le(c, 2) << 32 | off;
        break;
    }
    case IMM_WB: {
        uint64_t size = next_le(c, 2);
        i->uimm = (uint64_t)next(c) << 16 | size;
        break;
    }
    case IMM_BB: {
        uint64_t first = next(c);
        i->uimm = (uint64_t)next(c) << 8 | first;
        break;
    }
    case IMM_MOFFS:
        i->uimm = next_le(c, 1u << i->asize);
        i->disp = (int32_t)i->imm;
        i->mem = 1;
        break;
    default: break;
    }
}

/** The operand size: 0 to 3 for 8 to 64 bits (SDM vol. 1, table 3-3 and 3-4). */
static unsigned operand_size(const struct Cursor *c, const struct X86Form *f) {
    bool data66 = c->data66 && !(f->attr & ATTR_PFX66);
    if (!c->code64)
        return ((c->mode & MODE_CODE) == MODE_CODE32) != data66 ? 2 : 1;
    if (c->rex & REX_W)
        return 3;
    /* Near branches have 64 bits; a 66 prefix changes that on AMD's processors, not on Intel's. */
    if ((f->attr & ATTR_F64) && !(data66 && !cpu_as_intel(c->model, RULE_NEAR_BRANCH_66)))
        return 3;
    return data66 ? 1 : f->attr & ATTR_D64 ? 3 : 2;
}

/** insn.osize, and which of the form's sizes that is. */
static unsigned size_slot(const struct Cursor *c, const struct X86Form *f, struct X86Insn *i, unsigned osize) {
    i->osize = (uint8_t)osize;
    switch (f->size) {
    case SIZE_B: i->osize = 0; return 0;
    case SIZE_W: i->osize = 1; return 0;
    case SIZE_D: i->osize = 2; return 0;
    case SIZE_Q: i->osize = 3; return 0;
    case SIZE_V: return osize - 1;
    case SIZE_Z: i->osize = osize == 1 ? 1 : 2; return i->osize - 1u;
    case SIZE_Y: i->osize = osize == 3 ? 3 : 2; return i->osize - 2u;
    case SIZE_VL: return c->vex_l;
    default: return 0;
    }
}

/** Encodings of register operands and prefixes that raise #UD although a row was found. */
static bool illegal(const struct Cursor *c, const struct X86Form *f, struct X86Insn *i) {
    if (f->reg_kind == KIND_SEG && (i->reg > SEG_GS || ((f->attr & ATTR_SEG_DEST) && i->reg == SEG_CS)))
        return true;
    if (f->reg_kind == KIND_CR) {
        if (c->lock && i->reg == 0 && cpu_has(c->model, CPUID_CR8_LEGACY)) {
            i->reg = 8; /* AMD's way to CR8 outside of 64-bit mode (APM vol. 3, MOV CRn) */
            return false;
        }
        if (i->reg == 1 || (i->reg > 4 && i->reg != 8))
            return true;
    }
    if (f->reg_kind == KIND_DR && i->reg > 7)
        return true;
    if ((f->attr & ATTR_VSIB) &&
        (i->asize == 1 || (c->modrm & 7) != 4 || i->reg == i->vreg || i->reg == i->index || i->vreg == i->index))
        return true;
    return c->lock && !((f->attr & ATTR_LOCK) && i->mem);
}

/** The exception that the mode makes of any instruction of this form, or -1. */
static int mode_fault(const struct Cursor *c, const struct X86Form *f) {
    uint32_t m = c->mode, a = f->attr;
    if ((a & ATTR_PROT) && (m & (MODE_REAL | MODE_VM86)))
        return VEC_UD;
    if ((a & ATTR_VEX) && (a & ATTR_SSE) && !(m & MODE_AVX)) /* CR0.EM does not matter to these */
        return VEC_UD;
    if ((a & ATTR_MMX) && (m & MODE_EM))
        return VEC_UD;
    if ((a & ATTR_SSE) && !(a & ATTR_VEX) && ((m & MODE_EM) || !(m & MODE_SSE)))
        return VEC_UD;
    if ((a & (ATTR_MMX | ATTR_SSE)) && (m & MODE_TS))
        return VEC_NM;
    if ((a & ATTR_X87) && (m & (MODE_EM | MODE_TS)))
        return VEC_NM;
    if ((a & ATTR_WAIT) && (m & MODE_TS) && (m & MODE_MP))
        return VEC_NM;
    return -1;
}

/** It raises an exception and does nothing else. */
static void set_raise(struct Decoded *out) {
    out->flags_read = FB_ALL; /* the handler sees them */
    out->flags_written = out->flags_maybe = 0;
    out->flow = true;
    out->jcc = false;
}

/** Fill in everything that the found row says. False: it turns out to be illegal. */
static bool finish(struct Cursor *c, const struct X86Form *f, struct Decoded *out) {
    struct X86Insn *i = &out->insn;
    unsigned osize = operand_size(c, f);
    i->lock = c->lock;
    i->rep = f->attr & ATTR_REP ? c->rep : 0;
    i->vl = c->vex_l;
    i->vreg = (uint8_t)(c->code64 ? c->vvvv : c->vvvv & 7);
    if (f->vvvv_kind == KIND_GPR)
        i->vreg = (uint8_t)(i->vreg * 8);
    i->seg = c->seg >= 0 ? (uint8_t)c->seg : SEG_DS;
    if (f->attr & ATTR_MODRM)
        modrm_operands(c, f, out);
    if (f->attr & ATTR_OPREG)
        i->reg = i->rm = register_operand(c, (c->opcode & 7) | (unsigned)(c->rex & REX_B) << 3,
                                          f->attr & ATTR_OPREG8    ? KIND_GPR8
                                          : f->rm_kind == KIND_RAW ? KIND_GPR
                                                                   : f->rm_kind);
    out->size_slot = (uint8_t)size_slot(c, f, i, osize);
    immediate(c, f, i, osize);
    if (f->attr & ATTR_X87)
        i->imm = (c->opcode & 7) << 8 | c->modrm; /* what FOP will hold */
    if (c->ran_out)
        return true;
    if (illegal(c, f, i) || ((f->attr & ATTR_VEX) && f->vvvv_kind == KIND_RAW && c->vvvv))
        return false;
    int32_t sum;
    if (out->rip_relative && __builtin_add_overflow(i->disp, (int32_t)c->pos, &sum))
        i->more_disp = (uint8_t)c->pos;
    else if (out->rip_relative)
        i->disp = sum;
    out->flags_read = f->flags_read;
    out->flags_written = f->flags_written;
    out->flags_maybe = f->flags_maybe;
    if (f->imm_kind == IMM_B && (i->imm & (i->osize == 3 ? 63 : 31))) { /* a shift by a constant that is not 0 */
        out->flags_written |= out->flags_maybe;
        out->flags_maybe = 0;
    }
    out->flow = f->attr & ATTR_FLOW;
    out->jcc = f->attr & ATTR_JCC;
    return true;
}

enum DecodeStatus x86_decode(const struct CpuModel *model, uint32_t mode, const uint8_t *bytes, size_t n,
                             struct Decoded *out) {
    struct Cursor c = {
        .model = model, .bytes = bytes, .have = n < MAX_LENGTH ? n : MAX_LENGTH, .mode = mode, .seg = -1};
    c.code64 = (mode & MODE_CODE) == MODE_CODE64;
    memset(out, 0, sizeof(*out));
    out->insn.base = out->insn.index = INSN_REG_NONE;
    opcode(&c);
    out->insn.asize = c.code64 ? (c.addr67 ? 2 : 3) : ((mode & MODE_CODE) == MODE_CODE32) != c.addr67 ? 2 : 1;
    if (!c.ran_out)
        out->row = (uint16_t)find_row(&c);
    const struct X86Form *f = &x86_forms[out->row];
    bool ok = false;
    if (!c.ran_out && out->row == 0)
        skip_undefined(&c, out->insn.asize);
    else if (!c.ran_out)
        ok = finish(&c, f, out) && !c.bad_vex;
    if (c.ran_out)
        return c.have == MAX_LENGTH ? DECODE_TOO_LONG : DECODE_MORE;
    out->insn.len = (uint8_t)c.pos;
    out->fault = (int8_t)(ok ? mode_fault(&c, f) : VEC_UD);
    if (out->fault == VEC_UD)
        out->row = 0;
    if (out->fault >= 0)
        set_raise(out);
    return DECODE_OK;
}
