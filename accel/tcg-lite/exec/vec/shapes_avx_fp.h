/* SPDX-License-Identifier: MIT */
/**
 * Shapes of VEX arithmetic: V = k(H, W) and its kin, packed in 128 or 256 bits, and scalar (rows with `lig`: BITS is
 * 128, and the rest of the low lane comes from H). Packed and scalar integers use avx_op and avx_un too.
 *
 * Forms with suffix _rc and _mc are for an MXCSR that unmasks something, as in shapes_sse.h.
 */
#ifndef TWIN86_TCG_SHAPES_AVX_FP_H
#define TWIN86_TCG_SHAPES_AVX_FP_H

#include "accel/tcg-lite/exec/vec/shapes_avx_base.h"

/* ---- what the shapes do once they have their operand ---- */

ALWAYS_INLINE V256 lanes_binary(unsigned bits, V256 a, V256 b, VecBinary k) {
    return (V256){k(a.lo, b.lo), bits == 256 ? k(a.hi, b.hi) : _mm_setzero_si128()};
}
ALWAYS_INLINE V256 lanes_unary(unsigned bits, V256 b, VecUnary k) {
    return (V256){k(b.lo), bits == 256 ? k(b.hi) : _mm_setzero_si128()};
}

ALWAYS_INLINE void avx_binary(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, V256 b, bool check,
                              enum VecLanes lanes, VecBinary k) {
    uint32_t before = check ? xm_begin(t) : 0;
    V256 a = ymm_read(env, i->vreg, bits), r = lanes_binary(bits, a, b, k);
    if (check)
        ymm_xm_end_binary(t, i, before, bits, a, b, r, lanes, k);
    ymm_write(env, i->reg, r);
}
ALWAYS_INLINE void avx_unary(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, V256 b, bool check,
                             VecUnary k) {
    uint32_t before = check ? xm_begin(t) : 0;
    V256 r = lanes_unary(bits, b, k);
    if (check)
        xm_end(t, i, before);
    ymm_write(env, i->reg, r);
}
/** A lane's elements come from the lower half, quarter or eighth of 128 bits (`part`: that many bytes). */
ALWAYS_INLINE void avx_widening(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, V256 b,
                                bool check, unsigned part, VecUnary k) {
    V128 high = part == 8 ? _mm_srli_si128(b.lo, 8) : part == 4 ? _mm_srli_si128(b.lo, 4) : _mm_srli_si128(b.lo, 2);
    avx_unary(env, i, t, bits, (V256){b.lo, high}, check, k);
}
/** The reverse: each lane gives 64 bits; the result is an XMM register. */
ALWAYS_INLINE void avx_narrowing(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, V256 b,
                                 bool check, enum VecLanes lanes, VecUnary k) {
    uint32_t before = check ? xm_begin(t) : 0;
    V256 r = lanes_unary(bits, b, k);
    r = (V256){bits == 256 ? _mm_unpacklo_epi64(r.lo, r.hi) : r.lo, _mm_setzero_si128()};
    if (check) {
        const struct XmOperation o = {XM_NARROW, LANES_PS2, bits == 256 ? 2 : 1, {b.lo, b.hi}, {b.lo, b.hi}};
        xm_end_of(t, i, before, ymm_tiny(r, lanes), lanes != LANES_NONE ? &o : NULL);
    }
    ymm_write(env, i->reg, r);
}
/** `part`: how many bits of imm a lane takes, or 0 when both take the same. */
ALWAYS_INLINE void avx_with_imm(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, V256 b,
                                bool check, unsigned part, VecImm k) {
    uint32_t before = check ? xm_begin(t) : 0;
    V256 a = ymm_read(env, i->vreg, bits);
    unsigned imm = (uint8_t)i->imm;
    V256 r = {k(a.lo, b.lo, imm), bits == 256 ? k(a.hi, b.hi, imm >> part) : _mm_setzero_si128()};
    if (check)
        xm_end(t, i, before);
    ymm_write(env, i->reg, r);
}
/** V = k(W, imm), by kernels that take a first operand which is the destination's old value where anything. */
ALWAYS_INLINE void avx_unary_imm(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, V256 b,
                                 bool check, unsigned part, VecImm k) {
    uint32_t before = check ? xm_begin(t) : 0;
    unsigned imm = (uint8_t)i->imm;
    V256 r = {k(b.lo, b.lo, imm), bits == 256 ? k(b.hi, b.hi, imm >> part) : _mm_setzero_si128()};
    if (check)
        xm_end(t, i, before);
    ymm_write(env, i->reg, r);
}
ALWAYS_INLINE void avx_from_int(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, uint64_t v,
                                bool check, VecFromInt k) {
    uint32_t before = check ? xm_begin(t) : 0;
    V128 r = k(xmm_read(env, i->vreg), v, bits);
    if (check)
        xm_end(t, i, before);
    ymm_write_low(env, i->reg, r);
}

/* ---- V = k(H, W) ---- */

ALWAYS_INLINE void avx_op_r(SHAPE_R, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_read(env, i->rm, bits), false, LANES_NONE, k);
}
ALWAYS_INLINE void avx_op_m(SHAPE_M, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), false, LANES_NONE, k);
}
ALWAYS_INLINE void avx_op_rc(SHAPE_R, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_read(env, i->rm, bits), true, LANES_NONE, k);
}
ALWAYS_INLINE void avx_op_mc(SHAPE_M, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), true, LANES_NONE, k);
}

/** Scalars. */
ALWAYS_INLINE void avx_op32_r(SHAPE_R, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_read(env, i->rm, bits), false, LANES_NONE, k);
}
ALWAYS_INLINE void avx_op32_m(SHAPE_M, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_32), false, LANES_NONE, k);
}
ALWAYS_INLINE void avx_op32_rc(SHAPE_R, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_read(env, i->rm, bits), true, LANES_NONE, k);
}
ALWAYS_INLINE void avx_op32_mc(SHAPE_M, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_32), true, LANES_NONE, k);
}

ALWAYS_INLINE void avx_op64_r(SHAPE_R, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_read(env, i->rm, bits), false, LANES_NONE, k);
}
ALWAYS_INLINE void avx_op64_m(SHAPE_M, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_64), false, LANES_NONE, k);
}
ALWAYS_INLINE void avx_op64_rc(SHAPE_R, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_read(env, i->rm, bits), true, LANES_NONE, k);
}
ALWAYS_INLINE void avx_op64_mc(SHAPE_M, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_64), true, LANES_NONE, k);
}

/** By kernels whose result can be tiny. */
ALWAYS_INLINE void avx_arithps_r(SHAPE_R, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_read(env, i->rm, bits), false, LANES_PS, k);
}
ALWAYS_INLINE void avx_arithps_m(SHAPE_M, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), false, LANES_PS, k);
}
ALWAYS_INLINE void avx_arithps_rc(SHAPE_R, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_read(env, i->rm, bits), true, LANES_PS, k);
}
ALWAYS_INLINE void avx_arithps_mc(SHAPE_M, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), true, LANES_PS, k);
}

ALWAYS_INLINE void avx_arithpd_r(SHAPE_R, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_read(env, i->rm, bits), false, LANES_PD, k);
}
ALWAYS_INLINE void avx_arithpd_m(SHAPE_M, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), false, LANES_PD, k);
}
ALWAYS_INLINE void avx_arithpd_rc(SHAPE_R, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_read(env, i->rm, bits), true, LANES_PD, k);
}
ALWAYS_INLINE void avx_arithpd_mc(SHAPE_M, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), true, LANES_PD, k);
}

ALWAYS_INLINE void avx_arithss_r(SHAPE_R, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_read(env, i->rm, bits), false, LANES_SS, k);
}
ALWAYS_INLINE void avx_arithss_m(SHAPE_M, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_32), false, LANES_SS, k);
}
ALWAYS_INLINE void avx_arithss_rc(SHAPE_R, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_read(env, i->rm, bits), true, LANES_SS, k);
}
ALWAYS_INLINE void avx_arithss_mc(SHAPE_M, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_32), true, LANES_SS, k);
}

ALWAYS_INLINE void avx_arithsd_r(SHAPE_R, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_read(env, i->rm, bits), false, LANES_SD, k);
}
ALWAYS_INLINE void avx_arithsd_m(SHAPE_M, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_64), false, LANES_SD, k);
}
ALWAYS_INLINE void avx_arithsd_rc(SHAPE_R, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_read(env, i->rm, bits), true, LANES_SD, k);
}
ALWAYS_INLINE void avx_arithsd_mc(SHAPE_M, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_64), true, LANES_SD, k);
}

ALWAYS_INLINE void avx_narrowss_r(SHAPE_R, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_read(env, i->rm, bits), false, LANES_SS, k);
}
ALWAYS_INLINE void avx_narrowss_m(SHAPE_M, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_64), false, LANES_SS, k);
}
ALWAYS_INLINE void avx_narrowss_rc(SHAPE_R, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_read(env, i->rm, bits), true, LANES_SS, k);
}
ALWAYS_INLINE void avx_narrowss_mc(SHAPE_M, VecBinary k) {
    (void)cc;
    avx_binary(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_64), true, LANES_SS, k);
}

/* ---- V = k(W) ---- */

ALWAYS_INLINE void avx_un_r(SHAPE_R, VecUnary k) {
    (void)cc;
    avx_unary(env, i, t, bits, ymm_read(env, i->rm, bits), false, k);
}
ALWAYS_INLINE void avx_un_m(SHAPE_M, VecUnary k) {
    (void)cc;
    avx_unary(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), false, k);
}
ALWAYS_INLINE void avx_un_rc(SHAPE_R, VecUnary k) {
    (void)cc;
    avx_unary(env, i, t, bits, ymm_read(env, i->rm, bits), true, k);
}
ALWAYS_INLINE void avx_un_mc(SHAPE_M, VecUnary k) {
    (void)cc;
    avx_unary(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), true, k);
}

/** A source of half, a quarter, an eighth the size. */
ALWAYS_INLINE void avx_widen2_r(SHAPE_R, VecUnary k) {
    (void)cc;
    avx_widening(env, i, t, bits, ymm_read(env, i->rm, bits), false, 8, k);
}
ALWAYS_INLINE void avx_widen2_m(SHAPE_M, VecUnary k) {
    (void)cc;
    avx_widening(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_HALF_VL), false, 8, k);
}
ALWAYS_INLINE void avx_widen2_rc(SHAPE_R, VecUnary k) {
    (void)cc;
    avx_widening(env, i, t, bits, ymm_read(env, i->rm, bits), true, 8, k);
}
ALWAYS_INLINE void avx_widen2_mc(SHAPE_M, VecUnary k) {
    (void)cc;
    avx_widening(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_HALF_VL), true, 8, k);
}

ALWAYS_INLINE void avx_widen4_r(SHAPE_R, VecUnary k) {
    (void)cc;
    avx_widening(env, i, t, bits, ymm_read(env, i->rm, bits), false, 4, k);
}
ALWAYS_INLINE void avx_widen4_m(SHAPE_M, VecUnary k) {
    (void)cc;
    avx_widening(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_QUARTER_VL), false, 4, k);
}

ALWAYS_INLINE void avx_widen8_r(SHAPE_R, VecUnary k) {
    (void)cc;
    avx_widening(env, i, t, bits, ymm_read(env, i->rm, bits), false, 2, k);
}
ALWAYS_INLINE void avx_widen8_m(SHAPE_M, VecUnary k) {
    (void)cc;
    avx_widening(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_EIGHTH_VL), false, 2, k);
}

/** A result of half the size. */
ALWAYS_INLINE void avx_narrow_r(SHAPE_R, VecUnary k) {
    (void)cc;
    avx_narrowing(env, i, t, bits, ymm_read(env, i->rm, bits), false, LANES_NONE, k);
}
ALWAYS_INLINE void avx_narrow_m(SHAPE_M, VecUnary k) {
    (void)cc;
    avx_narrowing(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), false, LANES_NONE, k);
}
ALWAYS_INLINE void avx_narrow_rc(SHAPE_R, VecUnary k) {
    (void)cc;
    avx_narrowing(env, i, t, bits, ymm_read(env, i->rm, bits), true, LANES_NONE, k);
}
ALWAYS_INLINE void avx_narrow_mc(SHAPE_M, VecUnary k) {
    (void)cc;
    avx_narrowing(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), true, LANES_NONE, k);
}

ALWAYS_INLINE void avx_narrowps_r(SHAPE_R, VecUnary k) {
    (void)cc;
    avx_narrowing(env, i, t, bits, ymm_read(env, i->rm, bits), false, LANES_PS, k);
}
ALWAYS_INLINE void avx_narrowps_m(SHAPE_M, VecUnary k) {
    (void)cc;
    avx_narrowing(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), false, LANES_PS, k);
}
ALWAYS_INLINE void avx_narrowps_rc(SHAPE_R, VecUnary k) {
    (void)cc;
    avx_narrowing(env, i, t, bits, ymm_read(env, i->rm, bits), true, LANES_PS, k);
}
ALWAYS_INLINE void avx_narrowps_mc(SHAPE_M, VecUnary k) {
    (void)cc;
    avx_narrowing(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), true, LANES_PS, k);
}

/* ---- with an immediate: V = k(H, W, imm8) ---- */

ALWAYS_INLINE void avx_imm_r(SHAPE_R, VecImm k) {
    (void)cc;
    avx_with_imm(env, i, t, bits, ymm_read(env, i->rm, bits), false, 0, k);
}
ALWAYS_INLINE void avx_imm_m(SHAPE_M, VecImm k) {
    (void)cc;
    avx_with_imm(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), false, 0, k);
}
ALWAYS_INLINE void avx_imm_rc(SHAPE_R, VecImm k) {
    (void)cc;
    avx_with_imm(env, i, t, bits, ymm_read(env, i->rm, bits), true, 0, k);
}
ALWAYS_INLINE void avx_imm_mc(SHAPE_M, VecImm k) {
    (void)cc;
    avx_with_imm(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), true, 0, k);
}

/** Scalars. */
ALWAYS_INLINE void avx_imm32_r(SHAPE_R, VecImm k) {
    (void)cc;
    avx_with_imm(env, i, t, bits, ymm_read(env, i->rm, bits), false, 0, k);
}
ALWAYS_INLINE void avx_imm32_m(SHAPE_M, VecImm k) {
    (void)cc;
    avx_with_imm(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_32), false, 0, k);
}
ALWAYS_INLINE void avx_imm32_rc(SHAPE_R, VecImm k) {
    (void)cc;
    avx_with_imm(env, i, t, bits, ymm_read(env, i->rm, bits), true, 0, k);
}
ALWAYS_INLINE void avx_imm32_mc(SHAPE_M, VecImm k) {
    (void)cc;
    avx_with_imm(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_32), true, 0, k);
}

ALWAYS_INLINE void avx_imm64_r(SHAPE_R, VecImm k) {
    (void)cc;
    avx_with_imm(env, i, t, bits, ymm_read(env, i->rm, bits), false, 0, k);
}
ALWAYS_INLINE void avx_imm64_m(SHAPE_M, VecImm k) {
    (void)cc;
    avx_with_imm(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_64), false, 0, k);
}
ALWAYS_INLINE void avx_imm64_rc(SHAPE_R, VecImm k) {
    (void)cc;
    avx_with_imm(env, i, t, bits, ymm_read(env, i->rm, bits), true, 0, k);
}
ALWAYS_INLINE void avx_imm64_mc(SHAPE_M, VecImm k) {
    (void)cc;
    avx_with_imm(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_64), true, 0, k);
}

/** The high lane takes the next 2, 3 or 4 bits of the immediate. */
ALWAYS_INLINE void avx_imm_2_r(SHAPE_R, VecImm k) {
    (void)cc;
    avx_with_imm(env, i, t, bits, ymm_read(env, i->rm, bits), false, 2, k);
}
ALWAYS_INLINE void avx_imm_2_m(SHAPE_M, VecImm k) {
    (void)cc;
    avx_with_imm(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), false, 2, k);
}

ALWAYS_INLINE void avx_imm_3_r(SHAPE_R, VecImm k) {
    (void)cc;
    avx_with_imm(env, i, t, bits, ymm_read(env, i->rm, bits), false, 3, k);
}
ALWAYS_INLINE void avx_imm_3_m(SHAPE_M, VecImm k) {
    (void)cc;
    avx_with_imm(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), false, 3, k);
}

ALWAYS_INLINE void avx_imm_4_r(SHAPE_R, VecImm k) {
    (void)cc;
    avx_with_imm(env, i, t, bits, ymm_read(env, i->rm, bits), false, 4, k);
}
ALWAYS_INLINE void avx_imm_4_m(SHAPE_M, VecImm k) {
    (void)cc;
    avx_with_imm(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), false, 4, k);
}

/** V = k(W, imm8) */
ALWAYS_INLINE void avx_unimm_r(SHAPE_R, VecImm k) {
    (void)cc;
    avx_unary_imm(env, i, t, bits, ymm_read(env, i->rm, bits), false, 0, k);
}
ALWAYS_INLINE void avx_unimm_m(SHAPE_M, VecImm k) {
    (void)cc;
    avx_unary_imm(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), false, 0, k);
}
ALWAYS_INLINE void avx_unimm_rc(SHAPE_R, VecImm k) {
    (void)cc;
    avx_unary_imm(env, i, t, bits, ymm_read(env, i->rm, bits), true, 0, k);
}
ALWAYS_INLINE void avx_unimm_mc(SHAPE_M, VecImm k) {
    (void)cc;
    avx_unary_imm(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), true, 0, k);
}

ALWAYS_INLINE void avx_unimm_2_r(SHAPE_R, VecImm k) {
    (void)cc;
    avx_unary_imm(env, i, t, bits, ymm_read(env, i->rm, bits), false, 2, k);
}
ALWAYS_INLINE void avx_unimm_2_m(SHAPE_M, VecImm k) {
    (void)cc;
    avx_unary_imm(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), false, 2, k);
}

/* ---- VDPPS, VDPPD: with an exception unmasked each step is done for both lanes before the next (shapes_sse4.h) ----
 */

ALWAYS_INLINE V256 dot_step256(struct Tcg *t, const struct Insn *i, unsigned bits, V256 a, V256 b, enum VecLanes lanes,
                               DotStep k) {
    uint32_t before = xm_begin(t);
    V256 r = lanes_binary(bits, a, b, k);
    ymm_xm_end_binary(t, i, before, bits, a, b, r, lanes, k);
    return r;
}
static NOINLINE __attribute__((unused)) void avx_dpps_checked(struct Tcg *t, const struct Insn *i, unsigned bits,
                                                              const V256 *b, V256 *out) {
    unsigned imm = (uint8_t)i->imm;
    V128 counts = vec_dpps_mask(imm >> 4), to = vec_dpps_mask(imm);
    V256 a = ymm_read(t->env, i->vreg, bits);
    V256 p = dot_step256(t, i, bits, lanes_binary(bits, a, (V256){counts, counts}, kernel_pand),
                         lanes_binary(bits, *b, (V256){counts, counts}, kernel_pand), LANES_PS, kernel_mulps);
    for (unsigned step = 0; step < 2; step++) {
        bool intel = tcg_as_intel(t, RULE_DOT_PRODUCT_NAN);
        struct DotTerms lo = dot_terms_ps(p.lo, step, intel), hi = dot_terms_ps(p.hi, step, intel);
        p = dot_step256(t, i, bits, (V256){lo.a, hi.a}, (V256){lo.b, hi.b}, LANES_PS, kernel_addps);
    }
    *out = lanes_binary(bits, p, (V256){to, to}, kernel_pand);
}

ALWAYS_INLINE void avx_dot(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, V256 b, VecDot k) {
    V256 a = ymm_read(env, i->vreg, bits), r = {.hi = _mm_setzero_si128()};
    unsigned imm = (uint8_t)i->imm;
    bool intel = tcg_as_intel(t, RULE_DOT_PRODUCT_NAN);
    r.lo = k(a.lo, b.lo, imm, intel);
    if (bits == 256)
        r.hi = k(a.hi, b.hi, imm, intel);
    ymm_write(env, i->reg, r);
}
ALWAYS_INLINE void avx_dpps_r(SHAPE_R, VecDot k) {
    (void)cc;
    avx_dot(env, i, t, bits, ymm_read(env, i->rm, bits), k);
}
ALWAYS_INLINE void avx_dpps_m(SHAPE_M, VecDot k) {
    (void)cc;
    avx_dot(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), k);
}
ALWAYS_INLINE void avx_dpps_rc(SHAPE_R, VecDot k) {
    (void)cc, (void)k;
    V256 b = ymm_read(env, i->rm, bits), r;
    avx_dpps_checked(t, i, bits, &b, &r);
    ymm_write(env, i->reg, r);
}
ALWAYS_INLINE void avx_dpps_mc(SHAPE_M, VecDot k) {
    (void)cc, (void)k;
    V256 b = ymm_load(env, i, t, ea, bits, MEM_VL), r;
    avx_dpps_checked(t, i, bits, &b, &r);
    ymm_write(env, i->reg, r);
}
ALWAYS_INLINE void avx_dppd_r(SHAPE_R, VecDot k) { avx_dpps_r(env, i, t, bits, cc, k); }
ALWAYS_INLINE void avx_dppd_m(SHAPE_M, VecDot k) { avx_dpps_m(env, i, t, bits, ea, cc, k); }
ALWAYS_INLINE void avx_dppd_rc(SHAPE_R, VecDot k) {
    (void)bits, (void)cc, (void)k;
    ymm_write_low(env, i->reg, dppd_checked(t, i, xmm_read(env, i->vreg), xmm_read(env, i->rm), (uint8_t)i->imm));
}
ALWAYS_INLINE void avx_dppd_mc(SHAPE_M, VecDot k) {
    (void)cc, (void)k;
    V128 b = ymm_load(env, i, t, ea, bits, MEM_VL).lo;
    ymm_write_low(env, i->reg, dppd_checked(t, i, xmm_read(env, i->vreg), b, (uint8_t)i->imm));
}

/* ---- VRCPPS, VRSQRTPS; VRCPSS, VRSQRTSS ---- */

ALWAYS_INLINE void avx_approx(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, V256 b,
                              VecUnary k) {
    V128 lo = vec_approx(t, b.lo, k);
    ymm_write(env, i->reg, (V256){lo, bits == 256 ? vec_approx(t, b.hi, k) : _mm_setzero_si128()});
}
ALWAYS_INLINE void avx_approx_r(SHAPE_R, VecUnary k) {
    (void)cc;
    avx_approx(env, i, t, bits, ymm_read(env, i->rm, bits), k);
}
ALWAYS_INLINE void avx_approx_m(SHAPE_M, VecUnary k) {
    (void)cc;
    avx_approx(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), k);
}
ALWAYS_INLINE void avx_approx1_r(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    ymm_write_low(env, i->reg, vec_approx_one(t, xmm_read(env, i->vreg), xmm_read(env, i->rm), k));
}
ALWAYS_INLINE void avx_approx1_m(SHAPE_M, VecBinary k) {
    (void)cc;
    V128 b = ymm_load(env, i, t, ea, bits, MEM_32).lo;
    ymm_write_low(env, i->reg, vec_approx_one(t, xmm_read(env, i->vreg), b, k));
}

/* ---- V = k(H, Ey) ---- */

ALWAYS_INLINE void avx_fromint_r(SHAPE_R, VecFromInt k) {
    (void)cc;
    avx_from_int(env, i, t, bits, gpr_read(env, i->rm, bits), false, k);
}
ALWAYS_INLINE void avx_fromint_m(SHAPE_M, VecFromInt k) {
    (void)cc;
    avx_from_int(env, i, t, bits, mem_load(t, i, ea_linear(env, i, t, ea, bits / 8, ACCESS_READ), bits / 8), false, k);
}
ALWAYS_INLINE void avx_fromint_rc(SHAPE_R, VecFromInt k) {
    (void)cc;
    avx_from_int(env, i, t, bits, gpr_read(env, i->rm, bits), true, k);
}
ALWAYS_INLINE void avx_fromint_mc(SHAPE_M, VecFromInt k) {
    (void)cc;
    avx_from_int(env, i, t, bits, mem_load(t, i, ea_linear(env, i, t, ea, bits / 8, ACCESS_READ), bits / 8), true, k);
}

#endif
