/* SPDX-License-Identifier: MIT */
/**
 * Shapes of MMX instructions. MMi is the mantissa of physical register i; every MMX instruction but EMMS makes TOP 0
 * and all registers valid, and what it writes gets sign and exponent of ones (SDM vol. 1, 9.5).
 */
#ifndef TWIN86_TCG_SHAPES_MMX_H
#define TWIN86_TCG_SHAPES_MMX_H

#include "accel/tcg-lite/exec/x87/fpu_host.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_int.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_shuffle.h"
#include "accel/tcg-lite/run/mem.h"
#include "accel/tcg-lite/exec/shapes_help.h"

typedef V128 (*VecBinary)(V128 a, V128 b);
typedef V128 (*VecUnary)(V128 b);
typedef V128 (*VecImm)(V128 a, V128 b, unsigned imm);
typedef V128 (*VecTernary)(V128 a, V128 b, V128 c);
typedef uint32_t (*VecMask)(V128 a);

/** A pending x87 exception comes first, before the memory operand's faults. */
ALWAYS_INLINE void mmx_wait(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    if (UNLIKELY(env->fsw & FSW_ES) && (env->cr0 & CR0_NE))
        tcg_raise(t, i, VEC_MF);
}
/** Nothing can fault any more: x87 state becomes MMX state. */
ALWAYS_INLINE void mmx_begin(CPUX86State *env) {
    env->fsw &= (uint16_t)~FSW_TOP;
    env->ftw = 0xff;
}
ALWAYS_INLINE V128 mmx_read(const CPUX86State *env, unsigned n) {
    return _mm_loadl_epi64((const V128 *)&env->fpr[n].mantissa);
}
ALWAYS_INLINE void mmx_write(CPUX86State *env, unsigned n, V128 v) {
    env->fpr[n].mantissa = (uint64_t)v[0];
    env->fpr[n].sign_exp = 0xffff;
}
ALWAYS_INLINE V128 mmx_load(CPUX86State *env, const struct Insn *i, struct Tcg *t, enum EaKind ea, unsigned size) {
    mmx_wait(env, i, t);
    return (V128){(long long)mem_load(t, i, ea_linear(env, i, t, ea, size, ACCESS_READ), size), 0};
}

/** A store's fault finds TOP 0 on Intel's processors, on AMD's everything as it was (RULE_MMX_STORE_FAULT). */
ALWAYS_INLINE void mmx_store_may_fault(struct Tcg *t) {
    if (tcg_as_intel(t, RULE_MMX_STORE_FAULT))
        t->env->fsw &= (uint16_t)~FSW_TOP;
}
static NOINLINE void mmx_store_slow(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size, uint64_t v) {
    mmx_store_may_fault(t);
    mem_store_slow(t, i, linear, size, v);
}
ALWAYS_INLINE void mmx_store(CPUX86State *env, const struct Insn *i, struct Tcg *t, enum EaKind ea, unsigned size) {
    mmx_wait(env, i, t);
    if (ea == EA_FULL)
        mmx_store_may_fault(t);
    uint64_t linear = ea_linear(env, i, t, ea, size, ACCESS_WRITE), v = env->fpr[i->reg].mantissa;
    void *p = mem_host_write(t, linear, size);
    if (LIKELY(p != NULL))
        host_store(p, size, v);
    else
        mmx_store_slow(t, i, linear, size, v);
    mmx_begin(env);
}

ALWAYS_INLINE void mmx_op_r(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    mmx_begin(env);
    mmx_write(env, i->reg, k(mmx_read(env, i->reg), mmx_read(env, i->rm)));
}
ALWAYS_INLINE void mmx_op_m(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    V128 b = mmx_load(env, i, t, ea, 8);
    mmx_begin(env);
    mmx_write(env, i->reg, k(mmx_read(env, i->reg), b));
}
ALWAYS_INLINE void mmx_un_r(SHAPE_R, VecUnary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    mmx_begin(env);
    mmx_write(env, i->reg, k(mmx_read(env, i->rm)));
}
ALWAYS_INLINE void mmx_un_m(SHAPE_M, VecUnary k) {
    (void)bits, (void)cc;
    V128 b = mmx_load(env, i, t, ea, 8);
    mmx_begin(env);
    mmx_write(env, i->reg, k(b));
}
/** PUNPCKL: memory holds 32 bits. */
ALWAYS_INLINE void mmx_op32_r(SHAPE_R, VecBinary k) { mmx_op_r(env, i, t, bits, cc, k); }
ALWAYS_INLINE void mmx_op32_m(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    V128 b = mmx_load(env, i, t, ea, 4);
    mmx_begin(env);
    mmx_write(env, i->reg, k(mmx_read(env, i->reg), b));
}
/** Shifts by an immediate count. */
ALWAYS_INLINE void mmx_shift_r(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    mmx_begin(env);
    mmx_write(env, i->rm, k(mmx_read(env, i->rm), _mm_cvtsi32_si128((uint8_t)i->imm)));
}
ALWAYS_INLINE void mmx_imm_r(SHAPE_R, VecImm k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    mmx_begin(env);
    mmx_write(env, i->reg, k(mmx_read(env, i->reg), mmx_read(env, i->rm), (uint8_t)i->imm));
}
ALWAYS_INLINE void mmx_imm_m(SHAPE_M, VecImm k) {
    (void)bits, (void)cc;
    V128 b = mmx_load(env, i, t, ea, 8);
    mmx_begin(env);
    mmx_write(env, i->reg, k(mmx_read(env, i->reg), b, (uint8_t)i->imm));
}

/* ---- moves ---- */

ALWAYS_INLINE void mmx_mov_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k;
    mmx_wait(env, i, t);
    mmx_begin(env);
    mmx_write(env, i->reg, mmx_read(env, i->rm));
}
ALWAYS_INLINE void mmx_mov_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    V128 b = mmx_load(env, i, t, ea, 8);
    mmx_begin(env);
    mmx_write(env, i->reg, b);
}
ALWAYS_INLINE void mmx_store_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k;
    mmx_wait(env, i, t);
    mmx_begin(env);
    mmx_write(env, i->rm, mmx_read(env, i->reg));
}
ALWAYS_INLINE void mmx_store_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    mmx_store(env, i, t, ea, 8);
}
/** MOVD, MOVQ between MMX and general registers or memory of 32 or 64 bits. */
ALWAYS_INLINE void mmx_movd_r(SHAPE_R, const void *k) {
    (void)cc, (void)k;
    mmx_wait(env, i, t);
    mmx_begin(env);
    mmx_write(env, i->reg, (V128){(long long)gpr_read(env, i->rm, bits), 0});
}
ALWAYS_INLINE void mmx_movd_m(SHAPE_M, const void *k) {
    (void)cc, (void)k;
    V128 b = mmx_load(env, i, t, ea, bits / 8);
    mmx_begin(env);
    mmx_write(env, i->reg, b);
}
ALWAYS_INLINE void mmx_movd_st_r(SHAPE_R, const void *k) {
    (void)cc, (void)k;
    mmx_wait(env, i, t);
    mmx_begin(env);
    gpr_write(env, i->rm, bits, env->fpr[i->reg].mantissa);
}
ALWAYS_INLINE void mmx_movd_st_m(SHAPE_M, const void *k) {
    (void)cc, (void)k;
    mmx_store(env, i, t, ea, bits / 8);
}
/** PMOVMSKB. */
ALWAYS_INLINE void mmx_mask_r(SHAPE_R, VecMask k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    mmx_begin(env);
    gpr_write(env, i->reg, 32, k(mmx_read(env, i->rm)));
}
ALWAYS_INLINE void mmx_pextrw_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k;
    mmx_wait(env, i, t);
    mmx_begin(env);
    gpr_write(env, i->reg, 32, (uint16_t)(env->fpr[i->rm].mantissa >> (16 * (i->imm & 3))));
}
ALWAYS_INLINE void mmx_insert_word(CPUX86State *env, const struct Insn *i, uint16_t v) {
    unsigned shift = 16 * (i->imm & 3);
    uint64_t old = env->fpr[i->reg].mantissa & ~(0xffffull << shift);
    mmx_begin(env);
    mmx_write(env, i->reg, (V128){(long long)(old | (uint64_t)v << shift), 0});
}
ALWAYS_INLINE void mmx_pinsrw_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k;
    mmx_wait(env, i, t);
    mmx_insert_word(env, i, (uint16_t)gpr_read(env, i->rm, 16));
}
ALWAYS_INLINE void mmx_pinsrw_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    mmx_wait(env, i, t);
    mmx_insert_word(env, i, (uint16_t)mem_load(t, i, ea_linear(env, i, t, ea, 2, ACCESS_READ), 2));
}

#endif
