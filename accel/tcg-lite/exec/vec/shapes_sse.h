/* SPDX-License-Identifier: MIT */
/**
 * Shapes of SSE and SSE2 instructions: operands of 128 bits, or of 64 or 32 bits in memory for scalar forms. The upper
 * half of the YMM register stays as it is.
 *
 * Memory operands of 128 bits must be aligned (#GP(0)); the scalar ones and those of shapes with a `u` need not.
 * Forms with suffix _rc and _mc are for an MXCSR that unmasks something: the kernel runs masked, and if that raises
 * what is unmasked, #XM is delivered before anything is written (SDM vol. 1, 11.5).
 */
#ifndef TWIN86_TCG_SHAPES_SSE_H
#define TWIN86_TCG_SHAPES_SSE_H

#include "accel/tcg-lite/exec/vec/shapes_sse_base.h"
#include "accel/tcg-lite/exec/vec/shapes_sse_mov.h"

typedef V128 (*VecFromInt)(V128 a, uint64_t v, unsigned bits);
typedef uint64_t (*VecToInt)(V128 b, unsigned bits);
typedef uint32_t (*VecCompare)(V128 a, V128 b);

/* ---- what the shapes do once they have their operand ---- */

ALWAYS_INLINE void sse_binary(CPUX86State *env, const struct Insn *i, struct Tcg *t, V128 b, bool check,
                              enum VecLanes lanes, VecBinary k) {
    uint32_t before = check ? xm_begin(t) : 0;
    V128 a = xmm_read(env, i->reg), r = k(a, b);
    if (check)
        xm_end_binary(t, i, before, a, b, r, lanes, k);
    xmm_write(env, i->reg, r);
}
ALWAYS_INLINE void sse_unary(CPUX86State *env, const struct Insn *i, struct Tcg *t, V128 b, bool check,
                             enum VecLanes lanes, VecUnary k) {
    uint32_t before = check ? xm_begin(t) : 0;
    V128 r = k(b);
    if (check) {
        const struct XmOperation o = {XM_NARROW, LANES_PS2, 1, {b}, {b}}; /* CVTPD2PS is the only one that needs it */
        xm_end_of(t, i, before, lanes != LANES_NONE && vec_tiny(r, lanes), lanes != LANES_NONE ? &o : NULL);
    }
    xmm_write(env, i->reg, r);
}
ALWAYS_INLINE void sse_with_imm(CPUX86State *env, const struct Insn *i, struct Tcg *t, V128 b, bool check, VecImm k) {
    uint32_t before = check ? xm_begin(t) : 0;
    V128 r = k(xmm_read(env, i->reg), b, (uint8_t)i->imm);
    if (check)
        xm_end(t, i, before);
    xmm_write(env, i->reg, r);
}
ALWAYS_INLINE void sse_compare(CPUX86State *env, const struct Insn *i, struct Tcg *t, V128 b, bool check,
                               VecCompare k) {
    uint32_t before = check ? xm_begin(t) : 0;
    uint32_t flags = k(xmm_read(env, i->reg), b);
    if (check)
        xm_end(t, i, before);
    cc_set_compare(&t->cc, flags);
}
ALWAYS_INLINE void sse_to_int(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, V128 b, bool check,
                              VecToInt k) {
    uint32_t before = check ? xm_begin(t) : 0;
    uint64_t r = k(b, bits);
    if (check)
        xm_end(t, i, before);
    gpr_write(env, i->reg, bits, r);
}
ALWAYS_INLINE void sse_from_int(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, uint64_t v,
                                bool check, VecFromInt k) {
    uint32_t before = check ? xm_begin(t) : 0;
    V128 r = k(xmm_read(env, i->reg), v, bits);
    if (check)
        xm_end(t, i, before);
    xmm_write(env, i->reg, r);
}
/** XMM from MMX; only a register operand waits and turns x87 state into MMX state (as measured on AMD family 19h). */
ALWAYS_INLINE void sse_from_mmx(CPUX86State *env, const struct Insn *i, struct Tcg *t, V128 b, bool check,
                                VecBinary k) {
    sse_binary(env, i, t, b, check, LANES_NONE, k);
}
ALWAYS_INLINE void sse_to_mmx(CPUX86State *env, const struct Insn *i, struct Tcg *t, V128 b, bool check, VecUnary k) {
    uint32_t before = check ? xm_begin(t) : 0;
    V128 r = k(b);
    mmx_begin(env); /* also when the conversion faults */
    if (check)
        xm_end(t, i, before);
    mmx_write(env, i->reg, r);
}

/* ---- shapes ---- */

/** V = k(V, W) */
ALWAYS_INLINE void sse_op_r(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_op_rc(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), true, LANES_NONE, k);
}
ALWAYS_INLINE void sse_op_m(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_128), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_op_mc(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_128), true, LANES_NONE, k);
}

/** The same with a scalar in memory. */
ALWAYS_INLINE void sse_op32_r(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_op32_rc(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), true, LANES_NONE, k);
}
ALWAYS_INLINE void sse_op32_m(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_32), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_op32_mc(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_32), true, LANES_NONE, k);
}

ALWAYS_INLINE void sse_op64_r(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_op64_rc(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), true, LANES_NONE, k);
}
ALWAYS_INLINE void sse_op64_m(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_64), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_op64_mc(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_64), true, LANES_NONE, k);
}

/** V = k(W) */
ALWAYS_INLINE void sse_un_r(SHAPE_R, VecUnary k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_read(env, i->rm), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_un_rc(SHAPE_R, VecUnary k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_read(env, i->rm), true, LANES_NONE, k);
}
ALWAYS_INLINE void sse_un_m(SHAPE_M, VecUnary k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_load(env, i, t, ea, VEC_128), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_un_mc(SHAPE_M, VecUnary k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_load(env, i, t, ea, VEC_128), true, LANES_NONE, k);
}

/** RCPPS, RSQRTPS; RCPSS, RSQRTSS. */
ALWAYS_INLINE void sse_approx_r(SHAPE_R, VecUnary k) {
    (void)bits, (void)cc;
    xmm_write(env, i->reg, vec_approx(t, xmm_read(env, i->rm), k));
}
ALWAYS_INLINE void sse_approx_m(SHAPE_M, VecUnary k) {
    (void)bits, (void)cc;
    xmm_write(env, i->reg, vec_approx(t, xmm_load(env, i, t, ea, VEC_128), k));
}
ALWAYS_INLINE void sse_approx1_r(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    xmm_write(env, i->reg, vec_approx_one(t, xmm_read(env, i->reg), xmm_read(env, i->rm), k));
}
ALWAYS_INLINE void sse_approx1_m(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    V128 b = xmm_load(env, i, t, ea, VEC_32);
    xmm_write(env, i->reg, vec_approx_one(t, xmm_read(env, i->reg), b, k));
}

ALWAYS_INLINE void sse_un64_r(SHAPE_R, VecUnary k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_read(env, i->rm), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_un64_rc(SHAPE_R, VecUnary k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_read(env, i->rm), true, LANES_NONE, k);
}
ALWAYS_INLINE void sse_un64_m(SHAPE_M, VecUnary k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_load(env, i, t, ea, VEC_64), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_un64_mc(SHAPE_M, VecUnary k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_load(env, i, t, ea, VEC_64), true, LANES_NONE, k);
}

/** V = k(V, W) by kernels whose result can be tiny: ADD, SUB, MUL, DIV, and CVTSD2SS, CVTPD2PS. */
ALWAYS_INLINE void sse_arithps_r(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), false, LANES_PS, k);
}
ALWAYS_INLINE void sse_arithps_rc(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), true, LANES_PS, k);
}
ALWAYS_INLINE void sse_arithps_m(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_128), false, LANES_PS, k);
}
ALWAYS_INLINE void sse_arithps_mc(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_128), true, LANES_PS, k);
}

ALWAYS_INLINE void sse_arithpd_r(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), false, LANES_PD, k);
}
ALWAYS_INLINE void sse_arithpd_rc(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), true, LANES_PD, k);
}
ALWAYS_INLINE void sse_arithpd_m(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_128), false, LANES_PD, k);
}
ALWAYS_INLINE void sse_arithpd_mc(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_128), true, LANES_PD, k);
}

ALWAYS_INLINE void sse_arithss_r(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), false, LANES_SS, k);
}
ALWAYS_INLINE void sse_arithss_rc(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), true, LANES_SS, k);
}
ALWAYS_INLINE void sse_arithss_m(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_32), false, LANES_SS, k);
}
ALWAYS_INLINE void sse_arithss_mc(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_32), true, LANES_SS, k);
}

ALWAYS_INLINE void sse_arithsd_r(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), false, LANES_SD, k);
}
ALWAYS_INLINE void sse_arithsd_rc(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), true, LANES_SD, k);
}
ALWAYS_INLINE void sse_arithsd_m(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_64), false, LANES_SD, k);
}
ALWAYS_INLINE void sse_arithsd_mc(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_64), true, LANES_SD, k);
}

ALWAYS_INLINE void sse_narrowss_r(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), false, LANES_SS, k);
}
ALWAYS_INLINE void sse_narrowss_rc(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), true, LANES_SS, k);
}
ALWAYS_INLINE void sse_narrowss_m(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_64), false, LANES_SS, k);
}
ALWAYS_INLINE void sse_narrowss_mc(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_64), true, LANES_SS, k);
}

ALWAYS_INLINE void sse_narrowps_r(SHAPE_R, VecUnary k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_read(env, i->rm), false, LANES_PS2, k);
}
ALWAYS_INLINE void sse_narrowps_rc(SHAPE_R, VecUnary k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_read(env, i->rm), true, LANES_PS2, k);
}
ALWAYS_INLINE void sse_narrowps_m(SHAPE_M, VecUnary k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_load(env, i, t, ea, VEC_128), false, LANES_PS2, k);
}
ALWAYS_INLINE void sse_narrowps_mc(SHAPE_M, VecUnary k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_load(env, i, t, ea, VEC_128), true, LANES_PS2, k);
}

/** V = k(V, W, imm8) */
ALWAYS_INLINE void sse_imm_r(SHAPE_R, VecImm k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_imm_rc(SHAPE_R, VecImm k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_imm_m(SHAPE_M, VecImm k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_load(env, i, t, ea, VEC_128), false, k);
}
ALWAYS_INLINE void sse_imm_mc(SHAPE_M, VecImm k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_load(env, i, t, ea, VEC_128), true, k);
}

ALWAYS_INLINE void sse_imm32_r(SHAPE_R, VecImm k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_imm32_rc(SHAPE_R, VecImm k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_imm32_m(SHAPE_M, VecImm k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_load(env, i, t, ea, VEC_32), false, k);
}
ALWAYS_INLINE void sse_imm32_mc(SHAPE_M, VecImm k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_load(env, i, t, ea, VEC_32), true, k);
}

ALWAYS_INLINE void sse_imm64_r(SHAPE_R, VecImm k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_imm64_rc(SHAPE_R, VecImm k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_imm64_m(SHAPE_M, VecImm k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_load(env, i, t, ea, VEC_64), false, k);
}
ALWAYS_INLINE void sse_imm64_mc(SHAPE_M, VecImm k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_load(env, i, t, ea, VEC_64), true, k);
}

/** EFLAGS = k(V, W) */
ALWAYS_INLINE void sse_comi32_r(SHAPE_R, VecCompare k) {
    (void)bits, (void)cc;
    sse_compare(env, i, t, xmm_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_comi32_rc(SHAPE_R, VecCompare k) {
    (void)bits, (void)cc;
    sse_compare(env, i, t, xmm_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_comi32_m(SHAPE_M, VecCompare k) {
    (void)bits, (void)cc;
    sse_compare(env, i, t, xmm_load(env, i, t, ea, VEC_32), false, k);
}
ALWAYS_INLINE void sse_comi32_mc(SHAPE_M, VecCompare k) {
    (void)bits, (void)cc;
    sse_compare(env, i, t, xmm_load(env, i, t, ea, VEC_32), true, k);
}

ALWAYS_INLINE void sse_comi64_r(SHAPE_R, VecCompare k) {
    (void)bits, (void)cc;
    sse_compare(env, i, t, xmm_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_comi64_rc(SHAPE_R, VecCompare k) {
    (void)bits, (void)cc;
    sse_compare(env, i, t, xmm_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_comi64_m(SHAPE_M, VecCompare k) {
    (void)bits, (void)cc;
    sse_compare(env, i, t, xmm_load(env, i, t, ea, VEC_64), false, k);
}
ALWAYS_INLINE void sse_comi64_mc(SHAPE_M, VecCompare k) {
    (void)bits, (void)cc;
    sse_compare(env, i, t, xmm_load(env, i, t, ea, VEC_64), true, k);
}

/** Gy = k(W) */
ALWAYS_INLINE void sse_toint32_r(SHAPE_R, VecToInt k) {
    (void)cc;
    sse_to_int(env, i, t, bits, xmm_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_toint32_rc(SHAPE_R, VecToInt k) {
    (void)cc;
    sse_to_int(env, i, t, bits, xmm_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_toint32_m(SHAPE_M, VecToInt k) {
    (void)cc;
    sse_to_int(env, i, t, bits, xmm_load(env, i, t, ea, VEC_32), false, k);
}
ALWAYS_INLINE void sse_toint32_mc(SHAPE_M, VecToInt k) {
    (void)cc;
    sse_to_int(env, i, t, bits, xmm_load(env, i, t, ea, VEC_32), true, k);
}

ALWAYS_INLINE void sse_toint64_r(SHAPE_R, VecToInt k) {
    (void)cc;
    sse_to_int(env, i, t, bits, xmm_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_toint64_rc(SHAPE_R, VecToInt k) {
    (void)cc;
    sse_to_int(env, i, t, bits, xmm_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_toint64_m(SHAPE_M, VecToInt k) {
    (void)cc;
    sse_to_int(env, i, t, bits, xmm_load(env, i, t, ea, VEC_64), false, k);
}
ALWAYS_INLINE void sse_toint64_mc(SHAPE_M, VecToInt k) {
    (void)cc;
    sse_to_int(env, i, t, bits, xmm_load(env, i, t, ea, VEC_64), true, k);
}

/** V = k(V, Ey) */
ALWAYS_INLINE void sse_fromint_r(SHAPE_R, VecFromInt k) {
    (void)cc;
    sse_from_int(env, i, t, bits, gpr_read(env, i->rm, bits), false, k);
}
ALWAYS_INLINE void sse_fromint_rc(SHAPE_R, VecFromInt k) {
    (void)cc;
    sse_from_int(env, i, t, bits, gpr_read(env, i->rm, bits), true, k);
}
ALWAYS_INLINE void sse_fromint_m(SHAPE_M, VecFromInt k) {
    (void)cc;
    sse_from_int(env, i, t, bits, mem_load(t, i, ea_linear(env, i, t, ea, bits / 8, ACCESS_READ), bits / 8), false, k);
}
ALWAYS_INLINE void sse_fromint_mc(SHAPE_M, VecFromInt k) {
    (void)cc;
    sse_from_int(env, i, t, bits, mem_load(t, i, ea_linear(env, i, t, ea, bits / 8, ACCESS_READ), bits / 8), true, k);
}

/** V = k(V, Q) and P = k(W). */
ALWAYS_INLINE void sse_frommmx_r(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    mmx_begin(env);
    sse_from_mmx(env, i, t, mmx_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_frommmx_rc(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    mmx_begin(env);
    sse_from_mmx(env, i, t, mmx_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_frommmx_m(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    sse_from_mmx(env, i, t, xmm_load(env, i, t, ea, VEC_64), false, k);
}
ALWAYS_INLINE void sse_frommmx_mc(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    sse_from_mmx(env, i, t, xmm_load(env, i, t, ea, VEC_64), true, k);
}
ALWAYS_INLINE void sse_tommx64_r(SHAPE_R, VecUnary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    sse_to_mmx(env, i, t, xmm_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_tommx64_rc(SHAPE_R, VecUnary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    sse_to_mmx(env, i, t, xmm_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_tommx64_m(SHAPE_M, VecUnary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    sse_to_mmx(env, i, t, xmm_load(env, i, t, ea, VEC_64), false, k);
}
ALWAYS_INLINE void sse_tommx64_mc(SHAPE_M, VecUnary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    sse_to_mmx(env, i, t, xmm_load(env, i, t, ea, VEC_64), true, k);
}
ALWAYS_INLINE void sse_tommx_r(SHAPE_R, VecUnary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    sse_to_mmx(env, i, t, xmm_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_tommx_rc(SHAPE_R, VecUnary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    sse_to_mmx(env, i, t, xmm_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_tommx_m(SHAPE_M, VecUnary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    sse_to_mmx(env, i, t, xmm_load(env, i, t, ea, VEC_128), false, k);
}
ALWAYS_INLINE void sse_tommx_mc(SHAPE_M, VecUnary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    sse_to_mmx(env, i, t, xmm_load(env, i, t, ea, VEC_128), true, k);
}

#endif
