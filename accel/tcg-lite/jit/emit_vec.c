/* SPDX-License-Identifier: MIT */
/*
 * Vector instructions, legacy and VEX-encoded: as themselves, on the same registers. Within a block those that were
 * used stay in the host's registers; env->vec gets what was written at its end and on ways out. Where a block has
 * VEX-encoded instructions that is all 256 bits, elsewhere the lower 128: no others change there. The host's MXCSR is
 * the guest's anyway (fpu_host.h).
 */
#include "accel/tcg-lite/exec/vec/host_cpu.h"
#include "accel/tcg-lite/jit/emit_int.h"
#include "isa/x86_ids.h"

enum {
    /* bytes of a memory operand */
    M1 = 1,
    M2,
    M4,
    M8,
    M16,
    MGPR,  /* as a general register operand */
    MFULL, /* as a vector */
    MHALF, /* half of that ... */
    MQUARTER,
    MEIGHTH,
    MNONE, /* there is never one */
    SIZE = 15,
    /* beside it */
    ALIGNED = 16, /* to that size, or #GP */
    STORE = 32,   /* the destination is ModRM.rm */
    ONLY = 64,    /* it is not read */
    MERGES = 128, /* from memory it is not read, but from a register it is: MOVSS, MOVSD */
    SOURCE = 256, /* ModRM.reg is no destination */
    ALSO = 512,   /* VEX-encoded, but the destination is read, too */
    XMM0_IN = 1 << 10,
    XMM0_OUT = 1 << 11,
    CX_OUT = 1 << 12,
    FLAGS = 1 << 13, /* writes all six */
    GROUP = 1 << 14, /* ModRM.reg belongs to the opcode; VEX-encoded, VEX.vvvv is the destination */
    LANES = 1 << 15, /* legacy-encoded, a memory operand of 16 bytes has to be aligned */
};
#define FULL (MFULL | LANES)

/** By enum X86Shape. 0: no emitter. */
static const uint16_t kinds[] = {
    [X86_SHAPE_SSE_OP] = FULL,
    [X86_SHAPE_SSE_ARITHPS] = FULL,
    [X86_SHAPE_SSE_ARITHPD] = FULL,
    [X86_SHAPE_SSE_ARITHSS] = M4,
    [X86_SHAPE_SSE_ARITHSD] = M8,
    [X86_SHAPE_SSE_OP32] = M4,
    [X86_SHAPE_SSE_OP64] = M8,
    [X86_SHAPE_SSE_UN] = FULL | ONLY,
    [X86_SHAPE_SSE_UN16] = M2 | ONLY,
    [X86_SHAPE_SSE_UN32] = M4 | ONLY,
    [X86_SHAPE_SSE_UN64] = M8 | ONLY,
    [X86_SHAPE_SSE_IMM] = FULL,
    [X86_SHAPE_SSE_IMM32] = M4,
    [X86_SHAPE_SSE_IMM64] = M8,
    [X86_SHAPE_SSE_XMM0] = FULL | XMM0_IN,
    [X86_SHAPE_SSE_TEST] = FULL | SOURCE | FLAGS,
    [X86_SHAPE_SSE_COMI32] = M4 | SOURCE | FLAGS,
    [X86_SHAPE_SSE_COMI64] = M8 | SOURCE | FLAGS,
    [X86_SHAPE_SSE_FROMINT] = MGPR,
    [X86_SHAPE_SSE_TOINT32] = M4 | ONLY,
    [X86_SHAPE_SSE_TOINT64] = M8 | ONLY,
    [X86_SHAPE_SSE_NARROWPS] = FULL | ONLY,
    [X86_SHAPE_SSE_NARROWSS] = M8,
    [X86_SHAPE_SSE_MASK] = MNONE | ONLY,
    [X86_SHAPE_SSE_SHIFT] = MNONE | GROUP,
    [X86_SHAPE_SSE_PEXTRW] = MNONE | ONLY,
    [X86_SHAPE_SSE_PEXTRB] = M1 | STORE | ONLY,
    [X86_SHAPE_SSE_PEXTRW_ST] = M2 | STORE | ONLY,
    [X86_SHAPE_SSE_PEXTRD] = M4 | STORE | ONLY,
    [X86_SHAPE_SSE_PEXTRQ] = M8 | STORE | ONLY,
    [X86_SHAPE_SSE_PINSRB] = M1,
    [X86_SHAPE_SSE_PINSRW] = M2,
    [X86_SHAPE_SSE_PINSRD] = M4,
    [X86_SHAPE_SSE_PINSRQ] = M8,
    [X86_SHAPE_SSE_MOV] = FULL | ONLY,
    [X86_SHAPE_SSE_MOVU] = MFULL | ONLY,
    [X86_SHAPE_SSE_STORE] = FULL | STORE | ONLY,
    [X86_SHAPE_SSE_STOREU] = MFULL | STORE | ONLY,
    [X86_SHAPE_SSE_MOVSS] = M4 | MERGES,
    [X86_SHAPE_SSE_MOVSD] = M8 | MERGES,
    [X86_SHAPE_SSE_STORESS] = M4 | STORE,
    [X86_SHAPE_SSE_STORESD] = M8 | STORE,
    [X86_SHAPE_SSE_MOVQ] = M8 | ONLY,
    [X86_SHAPE_SSE_STOREQ] = M8 | STORE | ONLY,
    [X86_SHAPE_SSE_STOREH] = M8 | STORE | ONLY,
    [X86_SHAPE_SSE_MOVD] = MGPR | ONLY,
    [X86_SHAPE_SSE_STORED] = MGPR | STORE | ONLY,
    [X86_SHAPE_SSE_PCMPESTRI] = MFULL | SOURCE | FLAGS | CX_OUT,
    [X86_SHAPE_SSE_PCMPISTRI] = MFULL | SOURCE | FLAGS | CX_OUT,
    [X86_SHAPE_SSE_PCMPESTRM] = MFULL | SOURCE | FLAGS | XMM0_OUT,
    [X86_SHAPE_SSE_PCMPISTRM] = MFULL | SOURCE | FLAGS | XMM0_OUT,
    [X86_SHAPE_SHA_OP] = FULL, /* where it need not be aligned the exec function knows */
    [X86_SHAPE_SHA_IMM] = FULL,
    [X86_SHAPE_SHA_XMM0] = FULL | XMM0_IN,
    [X86_SHAPE_AVX_OP] = MFULL,
    [X86_SHAPE_AVX_OP_REV] = MNONE | STORE,
    [X86_SHAPE_AVX_ARITHPS] = MFULL,
    [X86_SHAPE_AVX_ARITHPD] = MFULL,
    [X86_SHAPE_AVX_ARITHSS] = M4,
    [X86_SHAPE_AVX_ARITHSD] = M8,
    [X86_SHAPE_AVX_OP32] = M4,
    [X86_SHAPE_AVX_OP64] = M8,
    [X86_SHAPE_AVX_IMM] = MFULL,
    [X86_SHAPE_AVX_IMM_2] = MFULL,
    [X86_SHAPE_AVX_IMM_3] = MFULL,
    [X86_SHAPE_AVX_IMM_4] = MFULL,
    [X86_SHAPE_AVX_IMM32] = M4,
    [X86_SHAPE_AVX_IMM64] = M8,
    [X86_SHAPE_AVX_UN] = MFULL,
    [X86_SHAPE_AVX_UNIMM] = MFULL,
    [X86_SHAPE_AVX_UNIMM_2] = MFULL,
    [X86_SHAPE_AVX_NARROW] = MFULL,
    [X86_SHAPE_AVX_NARROWPS] = MFULL,
    [X86_SHAPE_AVX_NARROWSS] = M8,
    [X86_SHAPE_AVX_WIDEN2] = MHALF,
    [X86_SHAPE_AVX_WIDEN4] = MQUARTER,
    [X86_SHAPE_AVX_WIDEN8] = MEIGHTH,
    [X86_SHAPE_AVX_PH2PS] = MHALF,
    [X86_SHAPE_AVX_BROADCAST8] = M1,
    [X86_SHAPE_AVX_BROADCAST16] = M2,
    [X86_SHAPE_AVX_BROADCAST32] = M4,
    [X86_SHAPE_AVX_BROADCAST64] = M8,
    [X86_SHAPE_AVX_BROADCAST128] = M16,
    [X86_SHAPE_AVX_CROSS1] = MFULL,
    [X86_SHAPE_AVX_CROSS2] = MFULL,
    [X86_SHAPE_AVX_EXTRACT128] = M16 | STORE,
    [X86_SHAPE_AVX_INSERT128] = M16,
    [X86_SHAPE_AVX_FROMINT] = MGPR,
    [X86_SHAPE_AVX_LOAD32] = M4,
    [X86_SHAPE_AVX_LOAD64] = M8,
    [X86_SHAPE_AVX_MOVD] = MGPR,
    [X86_SHAPE_AVX_MASK2] = MNONE,
    [X86_SHAPE_AVX_MASK4] = MNONE,
    [X86_SHAPE_AVX_MASK16] = MNONE,
    [X86_SHAPE_AVX_MOV] = MFULL | ALIGNED,
    [X86_SHAPE_AVX_MOVU] = MFULL,
    [X86_SHAPE_AVX_STORE] = MFULL | ALIGNED | STORE,
    [X86_SHAPE_AVX_STOREU] = MFULL | STORE,
    [X86_SHAPE_AVX_STOREQ] = M8 | STORE,
    [X86_SHAPE_AVX_PCMPESTRM] = MFULL | SOURCE | FLAGS | XMM0_OUT,
    [X86_SHAPE_AVX_PCMPISTRM] = MFULL | SOURCE | FLAGS | XMM0_OUT,
    [X86_SHAPE_AVX_PINSR] = MGPR,
    [X86_SHAPE_AVX_PINSR8] = M1,
    [X86_SHAPE_AVX_PINSR16] = M2,
    [X86_SHAPE_AVX_SHIFT] = MNONE | GROUP,
    [X86_SHAPE_AVX_SHIFTX] = M16,
    [X86_SHAPE_AVX_TEST] = MFULL | SOURCE | FLAGS,
    [X86_SHAPE_AVX_BLENDV] = MFULL,
    [X86_SHAPE_AVX_ZEROUPPER] = MNONE,
    [X86_SHAPE_FMA_PS] = MFULL | ALSO,
    [X86_SHAPE_FMA_PD] = MFULL | ALSO,
    [X86_SHAPE_FMA_SS] = M4 | ALSO,
    [X86_SHAPE_FMA_SD] = M8 | ALSO,
};

static unsigned kind_of(const struct EmitInsn *x) {
    unsigned shape = x86_rows[x->d.isa.row].shape;
    return shape < sizeof(kinds) / sizeof(kinds[0]) ? kinds[shape] : 0;
}

/* ---- what the host has ---- */

static bool host_does(const struct EmitInsn *x) {
    bool wide = x->vex && x->i->vl;
    if (x->vex && !host_has(HOST_AVX))
        return false;
    switch (x86_rows[x->d.isa.row].feature) {
    case CPUID_NONE:
    case CPUID_SSE:
    case CPUID_SSE2: return true;
    case CPUID_SSE3: return host_has(HOST_SSE3);
    case CPUID_SSSE3: return host_has(HOST_SSSE3);
    case CPUID_SSE41: return host_has(HOST_SSE41);
    case CPUID_SSE42: return host_has(HOST_SSE42);
    case CPUID_AVX: return host_has(wide ? HOST_AVX2 : HOST_AVX);
    case CPUID_AVX2: return host_has(HOST_AVX2);
    case CPUID_FMA: return host_has(HOST_FMA);
    case CPUID_F16C: return host_has(HOST_F16C);
    case CPUID_SHA: return host_has(HOST_SHA);
    case CPUID_AES: return host_has(HOST_AES) && (!wide || __builtin_cpu_supports("vaes"));
    case CPUID_PCLMULQDQ: return host_has(HOST_PCLMULQDQ) && (!wide || __builtin_cpu_supports("vpclmulqdq"));
    case CPUID_GFNI: return host_has(HOST_GFNI);
    default: return false;
    }
}

bool emit_is_vec(const struct EmitInsn *x) { return kind_of(x) != 0 && host_does(x); }

/* ---- registers ---- */

static struct HostRm slot(unsigned n) { return rm_mem(TEMP, (int32_t)(offsetof(CPUX86State, vec) + 32 * n)); }
_Static_assert(sizeof(union VecReg) == 32, "slot");

static void move_one(struct Asm *a, unsigned n, bool wide, bool store) {
    uint8_t opcode = store ? 0x11 : 0x10; /* MOVUPS */
    if (wide)
        asm_vex(a, (struct HostVex){.map = OP_0F, .opcode = opcode, .l = true}, n, VEX_NO_REG, slot(n));
    else
        asm_op(a, (struct HostOp){.map = OP_0F, .opcode = opcode}, n, slot(n));
}
static void move(struct Emit *e, unsigned n, bool store) { move_one(&e->a, n, e->vec_wide, store); }

void vec_move(struct Emit *e, uint16_t which, bool store) {
    if (which == 0)
        return;
    asm_load(&e->a, 64, TEMP, AT_FRAME(env));
    for (unsigned n = 0; n < 16; n++)
        if (which >> n & 1)
            move(e, n, store);
}

void vec_move_seldom(struct Emit *e, uint16_t which, bool store) {
    if ((which & (which - 1)) == 0) {
        vec_move(e, which, store);
        return;
    }
    asm_const(&e->a, ADDR, which);
    asm_call_to(&e->a, e->jit->vec_move[e->vec_wide][store]);
}

/** ADDR: a set of registers. */
static void make_move(struct Asm *a, bool wide, bool store) {
    const struct HostOp bt = {.map = OP_0F, .opcode = 0xba};
    asm_load(a, 64, TEMP, rm_mem(RSP, 8 + (int32_t)offsetof(struct Frame, env)));
    for (unsigned n = 0; n < 16; n++) {
        asm_op(a, bt, 4, rm_reg(ADDR));
        asm_8(a, n);
        uint8_t *not = asm_jcc(a, COND_AE);
        move_one(a, n, wide, store);
        asm_here(a, not);
    }
    asm_8(a, 0xc3); /* RET */
}

void vec_make(struct Jit *j, struct Asm *a) {
    for (unsigned wide = 0; wide < 2; wide++)
        for (unsigned store = 0; store < 2; store++) {
            j->vec_move[wide][store] = a->p;
            make_move(a, wide, store);
        }
}

void vec_end(struct Emit *e) {
    static const uint8_t vzeroupper[] = {0xc5, 0xf8, 0x77};
    if (e->vec_wide) /* on some processors what comes then is slow */
        asm_bytes(&e->a, vzeroupper, sizeof(vzeroupper));
}

void vec_sync(struct Emit *e) {
    vec_move(e, e->vec_dirty, true);
    if (e->vec_have != 0)
        vec_end(e);
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

static bool is_general(unsigned kind) { return kind == KIND_GPR || kind == KIND_GPR8; }

static unsigned memory_size(const struct EmitInsn *x, unsigned kind) {
    unsigned full = x->vex && x->i->vl ? 32 : 16;
    switch (kind & SIZE) {
    case MFULL: return full;
    case MHALF: return full / 2;
    case MQUARTER: return full / 4;
    case MEIGHTH: return full / 8;
    case MGPR: return x->rex & 8 ? 8 : 4;
    default: return 1u << ((kind & SIZE) - M1);
    }
}

/** The general registers that it writes, as a set. */
static uint32_t writes_general(const struct EmitInsn *x, const struct X86Form *f, unsigned kind) {
    if (kind & CX_OUT)
        return 1u << REG_CX;
    if (kind & STORE)
        return is_general(f->rm_kind) && !x->i->mem ? 1u << x->i->rm / 8 : 0;
    return is_general(f->reg_kind) ? 1u << x->i->reg / 8 : 0;
}

static struct HostRm operand(struct Emit *e, const struct EmitInsn *x, const struct X86Form *f, unsigned kind) {
    const struct Insn *i = x->i;
    if (!i->mem && is_general(f->rm_kind))
        return kind & STORE ? rm_reg(guest_target(i->rm, TEMP)) : guest_rm(i->rm);
    if (!i->mem)
        return rm_reg(i->rm);
    unsigned size = memory_size(x, kind);
    bool write = (kind & STORE) != 0;
    if (!(kind & ALIGNED) && !((kind & LANES) && !x->vex))
        return emit_memory(e, x, size, write);
    struct HostRm rm = emit_memory_at(e, x, size, write);
    emit_bail_unaligned(e, size);
    return rm;
}

/** Load what it reads. */
static void need_sources(struct Emit *e, const struct EmitInsn *x, const struct X86Form *f, unsigned kind) {
    const struct Insn *i = x->i;
    bool group = kind & GROUP, only = x->vex ? !(kind & ALSO) : (kind & ONLY) || ((kind & MERGES) && i->mem);
    if (e->vec_wide && !x->vex) /* the upper half stays */
        only = false;
    if (!i->mem && f->rm_kind == KIND_VEC && !((kind & STORE) && only))
        need(e, i->rm);
    if (f->reg_kind == KIND_VEC && !group && ((kind & (STORE | SOURCE)) || !only))
        need(e, i->reg);
    if (f->vvvv_kind == KIND_VEC && !group)
        need(e, i->vreg);
    if (kind & XMM0_IN)
        need(e, 0);
    if ((kind & XMM0_OUT) && e->vec_wide && !x->vex)
        need(e, 0);
    if (x86_rows[x->d.isa.row].shape == X86_SHAPE_AVX_BLENDV)
        need(e, (unsigned)i->imm >> 4 & 15);
}

static void note_results(struct Emit *e, const struct EmitInsn *x, const struct X86Form *f, unsigned kind) {
    const struct Insn *i = x->i;
    if (kind & XMM0_OUT)
        written(e, 0);
    if (kind & SOURCE)
        return;
    if ((kind & GROUP) && x->vex)
        written(e, i->vreg);
    else if (kind & (STORE | GROUP)) {
        if (!i->mem && f->rm_kind == KIND_VEC)
            written(e, i->rm);
        else if (!i->mem)
            guest_written(e, i->rm, 64, guest_target(i->rm, TEMP));
    } else if (is_general(f->reg_kind))
        guest_written(e, i->reg, 64, guest_target(i->reg, TEMP));
    else
        written(e, i->reg);
}

static void encode(struct Emit *e, const struct EmitInsn *x, const struct X86Form *f, unsigned reg, struct HostRm rm) {
    bool wide = (x->rex & 8) != 0;
    uint8_t prefix = x->mandatory ? x->mandatory : x->osize ? 0x66 : 0;
    if (x->vex) {
        bool l = x->i->vl && !(f->attr & ATTR_LIG);
        struct HostVex op = {.prefix = prefix, .map = x->map, .opcode = x->opcode, .wide = wide, .l = l};
        asm_vex(&e->a, op, reg, f->vvvv_kind == KIND_VEC ? x->i->vreg : VEX_NO_REG, rm);
    } else {
        asm_op(&e->a, (struct HostOp){.prefix = prefix, .map = x->map, .opcode = x->opcode, .wide = wide}, reg, rm);
    }
    asm_bytes(&e->a, x->imm, x->imm_len);
}

/** VZEROUPPER. */
bool emit_zeroupper(struct Emit *e, const struct EmitInsn *x) {
    struct Asm *a = &e->a;
    (void)x;
    vec_move(e, e->vec_dirty, true);
    e->vec_dirty = 0;
    if (e->vec_have == 0xffff)
        e->vec_have = 0xfffe;
    unsigned zero = (unsigned)__builtin_ctz(~(unsigned)e->vec_have);
    asm_vex(a, (struct HostVex){.map = OP_0F, .opcode = 0x57}, zero, zero, rm_reg(zero)); /* XORPS */
    asm_load(a, 64, TEMP, AT_FRAME(env));
    for (unsigned n = 0; n < 16; n++) {
        struct HostRm upper = slot(n);
        upper.disp += 16;
        asm_vex(a, (struct HostVex){.map = OP_0F, .opcode = 0x11}, zero, VEX_NO_REG, upper);
    }
    vec_end(e);
    asm_alu_imm(a, ALU_AND, 32, rm_mem(TEMP, (int32_t)offsetof(CPUX86State, xinuse)), ~XCR0_AVX);
    flags_lost(e);
    return true;
}

bool emit_vec(struct Emit *e, const struct EmitInsn *x) {
    const struct Insn *i = x->i;
    const struct X86Form *f = &x86_forms[x->d.isa.row];
    unsigned kind = kind_of(x);
    bool raises = x86_rows[x->d.isa.row].faults >> VEC_XM & 1;
    if ((raises && (e->b->mode & MODE_SIMD_CHECK)) || f->reg_kind == KIND_MMX || f->rm_kind == KIND_MMX)
        return false;
    if (is_general(f->rm_kind) && !i->mem && (i->rm & 1))
        return false;
    flags_before(e, x, writes_general(x, f, kind));
    struct HostRm rm = operand(e, x, f, kind);
    need_sources(e, x, f, kind);
    unsigned reg = kind & GROUP ? x->modrm >> 3 & 7 : is_general(f->reg_kind) ? guest_target(i->reg, TEMP) : i->reg;
    encode(e, x, f, reg, rm);
    note_results(e, x, f, kind);
    if (kind & FLAGS)
        flags_generic(e, x);
    return true;
}
