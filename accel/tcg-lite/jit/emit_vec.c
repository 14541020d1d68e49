/* SPDX-License-Identifier: MIT */
/*
 * SSE and SSE2: as themselves, on the same registers. Within a block those that were used stay in the host's registers;
 * env->vec gets what was written at its end and on ways out. The host's MXCSR is the guest's anyway (fpu_host.h).
 */
#include "accel/tcg-lite/jit/emit_int.h"

enum {
    PACKED = 16, /* a memory operand of 16 bytes; also the others' low bits: 4, 8 bytes */
    SIZE = 31,
    ANY = 32,      /* its address need not be aligned */
    STORE = 64,    /* to ModRM.rm */
    ONLY = 128,    /* the destination is not read */
    FP = 256,      /* raises SIMD exceptions: not with some of them unmasked */
    FLAGS = 512,   /* the comparisons */
    MERGES = 1024, /* from memory the destination is not read, but from a register it is: MOVSS, MOVSD */
};
#define S4 (4 | ANY)
#define S8 (8 | ANY)

enum { NP, P66, PF3, PF2, PREFIXES };

/** By opcode of map 0F, and prefix. 0: no emitter. */
static const uint16_t kinds[256][PREFIXES] = {
    [0x10] = {PACKED | ANY | ONLY, PACKED | ANY | ONLY, S4 | MERGES, S8 | MERGES},
    [0x11] = {PACKED | ANY | ONLY | STORE, PACKED | ANY | ONLY | STORE, S4 | STORE, S8 | STORE},
    [0x12] = {S8, S8},
    [0x13] = {S8 | STORE, S8 | STORE},
    [0x14] = {PACKED, PACKED},
    [0x15] = {PACKED, PACKED},
    [0x16] = {S8, S8},
    [0x17] = {S8 | STORE, S8 | STORE},
    [0x28] = {PACKED | ONLY, PACKED | ONLY},
    [0x29] = {PACKED | ONLY | STORE, PACKED | ONLY | STORE},
    [0x2a] = {0, 0, ANY | FP, ANY | FP},
    [0x2b] = {PACKED | ONLY | STORE, PACKED | ONLY | STORE},
    [0x2c] = {0, 0, S4 | ONLY | FP, S8 | ONLY | FP},
    [0x2d] = {0, 0, S4 | ONLY | FP, S8 | ONLY | FP},
    [0x2e] = {S4 | FP | FLAGS, S8 | FP | FLAGS},
    [0x2f] = {S4 | FP | FLAGS, S8 | FP | FLAGS},
    [0x50] = {PACKED | ONLY, PACKED | ONLY},
    [0x51] = {PACKED | ONLY | FP, PACKED | ONLY | FP, S4 | FP, S8 | FP},
    [0x54] = {PACKED, PACKED},
    [0x55] = {PACKED, PACKED},
    [0x56] = {PACKED, PACKED},
    [0x57] = {PACKED, PACKED},
    [0x58] = {PACKED | FP, PACKED | FP, S4 | FP, S8 | FP},
    [0x59] = {PACKED | FP, PACKED | FP, S4 | FP, S8 | FP},
    [0x5a] = {S8 | ONLY | FP, PACKED | ONLY | FP, S4 | FP, S8 | FP},
    [0x5b] = {PACKED | ONLY | FP, PACKED | ONLY | FP, PACKED | ONLY | FP},
    [0x5c] = {PACKED | FP, PACKED | FP, S4 | FP, S8 | FP},
    [0x5d] = {PACKED | FP, PACKED | FP, S4 | FP, S8 | FP},
    [0x5e] = {PACKED | FP, PACKED | FP, S4 | FP, S8 | FP},
    [0x5f] = {PACKED | FP, PACKED | FP, S4 | FP, S8 | FP},
    [0x60] = {0, PACKED},
    [0x61] = {0, PACKED},
    [0x62] = {0, PACKED},
    [0x63] = {0, PACKED},
    [0x64] = {0, PACKED},
    [0x65] = {0, PACKED},
    [0x66] = {0, PACKED},
    [0x67] = {0, PACKED},
    [0x68] = {0, PACKED},
    [0x69] = {0, PACKED},
    [0x6a] = {0, PACKED},
    [0x6b] = {0, PACKED},
    [0x6c] = {0, PACKED},
    [0x6d] = {0, PACKED},
    [0x6e] = {0, ANY | ONLY},
    [0x6f] = {0, PACKED | ONLY, PACKED | ANY | ONLY},
    [0x70] = {0, PACKED | ONLY, PACKED | ONLY, PACKED | ONLY},
    [0x71] = {0, PACKED | STORE},
    [0x72] = {0, PACKED | STORE},
    [0x73] = {0, PACKED | STORE},
    [0x74] = {0, PACKED},
    [0x75] = {0, PACKED},
    [0x76] = {0, PACKED},
    [0x7e] = {0, ANY | ONLY | STORE, S8 | ONLY},
    [0x7f] = {0, PACKED | ONLY | STORE, PACKED | ANY | ONLY | STORE},
    [0xc2] = {PACKED | FP, PACKED | FP, S4 | FP, S8 | FP},
    [0xc4] = {0, 2 | ANY},
    [0xc5] = {0, PACKED | ONLY},
    [0xc6] = {PACKED, PACKED},
    [0xd6] = {0, S8 | ONLY | STORE},
    [0xd7] = {0, PACKED | ONLY},
    [0xe6] = {0, PACKED | ONLY | FP, S8 | ONLY | FP, PACKED | ONLY | FP},
    [0xe7] = {0, PACKED | ONLY | STORE},
};

/** The integer instructions from D1 to FE that are not above. */
static bool is_integer(unsigned opcode) {
    return opcode >= 0xd1 && opcode <= 0xfe && opcode != 0xd6 && opcode != 0xd7 && opcode != 0xe6 && opcode != 0xe7 &&
           opcode != 0xf0 && opcode != 0xf7;
}

static unsigned prefix_of(const struct EmitInsn *x) {
    return x->mandatory == 0xf3 ? PF3 : x->mandatory == 0xf2 ? PF2 : x->osize ? P66 : NP;
}

static unsigned kind_of(const struct EmitInsn *x) {
    unsigned prefix = prefix_of(x);
    if (prefix == P66 && is_integer(x->opcode))
        return PACKED;
    return kinds[x->opcode][prefix];
}

bool emit_is_vec(const struct EmitInsn *x) { return x->map == OP_0F && kind_of(x) != 0; }

/* ---- registers ---- */

static struct HostRm slot(unsigned n) { return rm_mem(TEMP, (int32_t)(offsetof(CPUX86State, vec) + 32 * n)); }
_Static_assert(sizeof(union VecReg) == 32, "slot");

static void move(struct Emit *e, unsigned n, bool store) {
    asm_op(&e->a, (struct HostOp){.map = OP_0F, .opcode = store ? 0x11 : 0x10}, n, slot(n)); /* MOVUPS */
}

void vec_move(struct Emit *e, uint16_t which, bool store) {
    if (which == 0)
        return;
    asm_load(&e->a, 64, TEMP, AT_FRAME(env));
    for (unsigned n = 0; n < 16; n++)
        if (which >> n & 1)
            move(e, n, store);
}

void vec_sync(struct Emit *e) {
    vec_move(e, e->vec_dirty, true);
    e->vec_have = e->vec_dirty = 0;
}

static void need(struct Emit *e, unsigned n) {
    if (e->vec_have >> n & 1)
        return;
    asm_load(&e->a, 64, TEMP, AT_FRAME(env));
    move(e, n, false);
    e->vec_have |= (uint16_t)(1u << n);
}

static void written(struct Emit *e, unsigned n) {
    e->vec_have |= (uint16_t)(1u << n);
    e->vec_dirty |= (uint16_t)(1u << n);
}

/* ---- the instruction ---- */

static unsigned memory_size(const struct EmitInsn *x, unsigned kind) {
    if (kind & SIZE)
        return kind & SIZE;
    return x->rex & 8 ? 8 : 4; /* the general registers' */
}

/** The general register that it writes, as a set. */
static uint32_t writes_general(const struct EmitInsn *x, const struct X86Form *f, unsigned kind) {
    if (kind & STORE)
        return f->rm_kind == KIND_GPR && !x->i->mem ? 1u << x->i->rm / 8 : 0;
    return f->reg_kind == KIND_GPR ? 1u << x->i->reg / 8 : 0;
}

static struct HostRm operand(struct Emit *e, const struct EmitInsn *x, const struct X86Form *f, unsigned kind) {
    const struct Insn *i = x->i;
    if (!i->mem)
        return f->rm_kind == KIND_GPR ? guest_rm(i->rm) : rm_reg(i->rm);
    struct HostRm rm = emit_memory(e, x, memory_size(x, kind), (kind & STORE) != 0);
    if (!(kind & ANY)) {
        asm_op(&e->a, (struct HostOp){.opcode = 0xf6, .byte_rm = true}, 0, rm_reg(ADDR)); /* TEST */
        asm_8(&e->a, 15);
        emit_bail(e, COND_NE);
    }
    return rm;
}

/** 71 to 73: shifts by a constant; ModRM.reg is part of the opcode. */
static bool is_group(const struct EmitInsn *x) { return x->opcode >= 0x71 && x->opcode <= 0x73; }

bool emit_vec(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    const struct X86Form *f = &x86_forms[x->d.isa.row];
    unsigned kind = kind_of(x), prefix = prefix_of(x);
    bool general_reg = f->reg_kind == KIND_GPR, general_rm = f->rm_kind == KIND_GPR;
    if (((kind & FP) && (e->b->mode & MODE_SIMD_CHECK)) || f->reg_kind == KIND_MMX || f->rm_kind == KIND_MMX)
        return false;
    flags_before(e, x, writes_general(x, f, kind));
    struct HostRm rm = operand(e, x, f, kind);
    bool only = (kind & ONLY) || ((kind & MERGES) && i->mem);
    if (!i->mem && !general_rm && !((kind & STORE) && only))
        need(e, i->rm);
    if (!general_reg && !is_group(x) && ((kind & STORE) || !only))
        need(e, i->reg);
    static const uint8_t byte_of[PREFIXES] = {0, 0x66, 0xf3, 0xf2};
    struct HostOp op = {.prefix = byte_of[prefix], .map = OP_0F, .opcode = x->opcode, .wide = (x->rex & 8) != 0};
    unsigned reg = is_group(x) ? x->modrm >> 3 & 7 : general_reg ? guest_target(i->reg, TEMP) : i->reg;
    asm_op(&e->a, op, reg, rm);
    asm_bytes(&e->a, x->imm, x->imm_len);
    if (general_reg)
        guest_written(e, i->reg, 64, reg);
    else if (!(kind & (STORE | FLAGS)))
        written(e, i->reg);
    if ((kind & STORE) && !i->mem && !general_rm)
        written(e, i->rm);
    else if ((kind & STORE) && !i->mem && !(x->rex & 8))
        guest_clear_upper(e, i->rm, 32);
    if (kind & FLAGS)
        flags_generic(e, x);
    return true;
}
