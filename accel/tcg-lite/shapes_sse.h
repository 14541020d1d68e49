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

#include "accel/tcg-lite/kernels_vec_fp.h"
#include "accel/tcg-lite/shapes_mmx.h"

typedef V128 (*VecFromInt)(V128 a, uint64_t v, unsigned bits);
typedef uint64_t (*VecToInt)(V128 b, unsigned bits);
typedef uint32_t (*VecCompare)(V128 a, V128 b);

ALWAYS_INLINE V128 xmm_read(const CPUX86State *env, unsigned n) { return _mm_load_si128((const V128 *)&env->vec[n]); }
ALWAYS_INLINE void xmm_write(CPUX86State *env, unsigned n, V128 v) { _mm_store_si128((V128 *)&env->vec[n], v); }

/* ---- memory operands ---- */

enum VecWidth { VEC_32 = 4, VEC_64 = 8, VEC_128 = 16, VEC_128_ANY = 17 /* any alignment */ };

/* Out of line, so that the fast path needs no stack. */
static NOINLINE V128 xmm_load_slow(struct Tcg *t, const struct Insn *i, uint64_t linear) {
    V128 v;
    mem_load_bytes(t, i, linear, &v, 16);
    return v;
}
static NOINLINE void xmm_store_slow(struct Tcg *t, const struct Insn *i, uint64_t linear, V128 v) {
    mem_store_bytes(t, i, linear, &v, 16);
}

ALWAYS_INLINE V128 xmm_load(CPUX86State *env, const struct Insn *i, struct Tcg *t, enum EaKind ea, enum VecWidth w) {
    if (w < VEC_128)
        return (V128){(long long)mem_load(t, i, ea_linear(env, i, t, ea, w, ACCESS_READ), w), 0};
    uint64_t linear = ea_linear(env, i, t, ea, 16, ACCESS_READ);
    if (w == VEC_128 && UNLIKELY(linear & 15))
        tcg_raise_error(t, i, VEC_GP, 0);
    const V128 *p = mem_host_read(t, linear, 16);
    return LIKELY(p != NULL) ? _mm_loadu_si128(p) : xmm_load_slow(t, i, linear);
}
ALWAYS_INLINE void xmm_store(CPUX86State *env, const struct Insn *i, struct Tcg *t, enum EaKind ea, enum VecWidth w, V128 v) {
    if (w < VEC_128) {
        mem_store(t, i, ea_linear(env, i, t, ea, w, ACCESS_WRITE), w, (uint64_t)v[0]);
        return;
    }
    uint64_t linear = ea_linear(env, i, t, ea, 16, ACCESS_WRITE);
    if (w == VEC_128 && UNLIKELY(linear & 15))
        tcg_raise_error(t, i, VEC_GP, 0);
    V128 *p = mem_host_write(t, linear, 16);
    if (LIKELY(p != NULL))
        _mm_storeu_si128(p, v);
    else
        xmm_store_slow(t, i, linear, v);
}

/* ---- unmasked exceptions ---- */

enum { MXCSR_BEFORE_COMPUTING = 7 /* IE, DE, ZE */, MXCSR_UE = 1 << 4, MXCSR_UM = 1 << 11 };

/** What a result consists of, where the kernel is one that can underflow. */
enum VecLanes { LANES_NONE, LANES_SS, LANES_PS, LANES_SD, LANES_PD, LANES_PS2 /* two in the low half */ };

static NOINLINE bool vec_tiny(V128 v, enum VecLanes lanes) {
    union VecReg r;
    _mm_store_si128((V128 *)&r, v);
    unsigned n = lanes == LANES_PS ? 4 : lanes == LANES_PD || lanes == LANES_PS2 ? 2 : 1;
    for (unsigned k = 0; k < n; k++) {
        if (lanes == LANES_SD || lanes == LANES_PD) {
            if (!(r.q[k] << 1 >> 53) && r.q[k] << 1)
                return true;
        } else if (!(r.d[k] << 1 >> 24) && r.d[k] << 1) {
            return true;
        }
    }
    return false;
}

/** Start gathering flags afresh; returns MXCSR as it was on the host. FTZ means nothing when underflow is unmasked. */
ALWAYS_INLINE uint32_t xm_begin(const struct Tcg *t) {
    uint32_t before = host_mxcsr(), now = before & ~(uint32_t)MXCSR_FLAGS;
    if (!(t->env->mxcsr & MXCSR_UM))
        now &= ~(uint32_t)MXCSR_FTZ;
    host_set_mxcsr(now);
    return before;
}
/**
 * Raise what the guest has unmasked, or keep the new flags beside the old ones. Unmasked underflow comes of any tiny
 * result, masked underflow (which is what ran) only of inexact ones. PE beside unmasked underflow or overflow may be set
 * where a result of unbounded exponent would have been exact.
 */
static NOINLINE void xm_end(struct Tcg *t, const struct Insn *i, uint32_t before, V128 result, enum VecLanes lanes) {
    uint32_t masks = t->env->mxcsr, flags = host_mxcsr() & MXCSR_FLAGS;
    if (!(masks & MXCSR_UM) && lanes != LANES_NONE && vec_tiny(result, lanes))
        flags |= MXCSR_UE;
    uint32_t unmasked = flags & ~(masks >> MXCSR_MASK_SHIFT) & MXCSR_FLAGS;
    if (unmasked & MXCSR_BEFORE_COMPUTING)
        flags &= MXCSR_BEFORE_COMPUTING; /* nothing is computed then */
    host_set_mxcsr(before | flags);
    if (unmasked)
        tcg_raise(t, i, t->env->cr4 & CR4_OSXMMEXCPT ? VEC_XM : VEC_UD);
}

/* ---- what the shapes do once they have their operand ---- */

ALWAYS_INLINE void sse_binary(CPUX86State *env, const struct Insn *i, struct Tcg *t, V128 b, bool check, enum VecLanes lanes,
                              VecBinary k) {
    uint32_t before = check ? xm_begin(t) : 0;
    V128 r = k(xmm_read(env, i->reg), b);
    if (check)
        xm_end(t, i, before, r, lanes);
    xmm_write(env, i->reg, r);
}
ALWAYS_INLINE void sse_unary(CPUX86State *env, const struct Insn *i, struct Tcg *t, V128 b, bool check, enum VecLanes lanes,
                             VecUnary k) {
    uint32_t before = check ? xm_begin(t) : 0;
    V128 r = k(b);
    if (check)
        xm_end(t, i, before, r, lanes);
    xmm_write(env, i->reg, r);
}
ALWAYS_INLINE void sse_with_imm(CPUX86State *env, const struct Insn *i, struct Tcg *t, V128 b, bool check, VecImm k) {
    uint32_t before = check ? xm_begin(t) : 0;
    V128 r = k(xmm_read(env, i->reg), b, (uint8_t)i->imm);
    if (check)
        xm_end(t, i, before, _mm_setzero_si128(), LANES_NONE);
    xmm_write(env, i->reg, r);
}
ALWAYS_INLINE void sse_compare(CPUX86State *env, const struct Insn *i, struct Tcg *t, V128 b, bool check, VecCompare k) {
    uint32_t before = check ? xm_begin(t) : 0;
    uint32_t flags = k(xmm_read(env, i->reg), b);
    if (check)
        xm_end(t, i, before, _mm_setzero_si128(), LANES_NONE);
    cc_load(&t->cc, flags);
}
ALWAYS_INLINE void sse_to_int(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, V128 b, bool check,
                              VecToInt k) {
    uint32_t before = check ? xm_begin(t) : 0;
    uint64_t r = k(b, bits);
    if (check)
        xm_end(t, i, before, _mm_setzero_si128(), LANES_NONE);
    gpr_write(env, i->reg, bits, r);
}
ALWAYS_INLINE void sse_from_int(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, uint64_t v, bool check,
                                VecFromInt k) {
    uint32_t before = check ? xm_begin(t) : 0;
    V128 r = k(xmm_read(env, i->reg), v, bits);
    if (check)
        xm_end(t, i, before, _mm_setzero_si128(), LANES_NONE);
    xmm_write(env, i->reg, r);
}
/** XMM from MMX; only a register operand waits and turns x87 state into MMX state (as measured on AMD family 19h). */
ALWAYS_INLINE void sse_from_mmx(CPUX86State *env, const struct Insn *i, struct Tcg *t, V128 b, bool check, VecBinary k) {
    sse_binary(env, i, t, b, check, LANES_NONE, k);
}
ALWAYS_INLINE void sse_to_mmx(CPUX86State *env, const struct Insn *i, struct Tcg *t, V128 b, bool check, VecUnary k) {
    uint32_t before = check ? xm_begin(t) : 0;
    V128 r = k(b);
    mmx_begin(env); /* also when the conversion faults */
    if (check)
        xm_end(t, i, before, _mm_setzero_si128(), LANES_NONE);
    mmx_write(env, i->reg, r);
}

/* ---- shapes ---- */

/** V = k(V, W) */
ALWAYS_INLINE void sse_op_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecBinary
                            k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_op_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecBinary
                             k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), true, LANES_NONE, k);
}
ALWAYS_INLINE void sse_op_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea, int
                            cc, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_128), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_op_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                             int cc, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_128), true, LANES_NONE, k);
}

/** The same with a scalar in memory. */
ALWAYS_INLINE void sse_op32_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecBinary
                              k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_op32_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                               VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), true, LANES_NONE, k);
}
ALWAYS_INLINE void sse_op32_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                              int cc, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_32), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_op32_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                               int cc, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_32), true, LANES_NONE, k);
}

ALWAYS_INLINE void sse_op64_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecBinary
                              k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_op64_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                               VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), true, LANES_NONE, k);
}
ALWAYS_INLINE void sse_op64_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                              int cc, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_64), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_op64_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                               int cc, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_64), true, LANES_NONE, k);
}

/** V = k(W) */
ALWAYS_INLINE void sse_un_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecUnary k)
                            {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_read(env, i->rm), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_un_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecUnary
                             k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_read(env, i->rm), true, LANES_NONE, k);
}
ALWAYS_INLINE void sse_un_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea, int
                            cc, VecUnary k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_load(env, i, t, ea, VEC_128), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_un_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                             int cc, VecUnary k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_load(env, i, t, ea, VEC_128), true, LANES_NONE, k);
}

ALWAYS_INLINE void sse_un64_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecUnary
                              k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_read(env, i->rm), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_un64_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecUnary
                               k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_read(env, i->rm), true, LANES_NONE, k);
}
ALWAYS_INLINE void sse_un64_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                              int cc, VecUnary k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_load(env, i, t, ea, VEC_64), false, LANES_NONE, k);
}
ALWAYS_INLINE void sse_un64_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                               int cc, VecUnary k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_load(env, i, t, ea, VEC_64), true, LANES_NONE, k);
}

/** V = k(V, W) by kernels whose result can be tiny: ADD, SUB, MUL, DIV, and CVTSD2SS, CVTPD2PS. */
ALWAYS_INLINE void sse_arithps_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecBinary
                            k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), false, LANES_PS, k);
}
ALWAYS_INLINE void sse_arithps_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecBinary
                             k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), true, LANES_PS, k);
}
ALWAYS_INLINE void sse_arithps_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea, int
                            cc, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_128), false, LANES_PS, k);
}
ALWAYS_INLINE void sse_arithps_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                             int cc, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_128), true, LANES_PS, k);
}

ALWAYS_INLINE void sse_arithpd_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecBinary
                            k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), false, LANES_PD, k);
}
ALWAYS_INLINE void sse_arithpd_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecBinary
                             k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), true, LANES_PD, k);
}
ALWAYS_INLINE void sse_arithpd_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea, int
                            cc, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_128), false, LANES_PD, k);
}
ALWAYS_INLINE void sse_arithpd_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                             int cc, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_128), true, LANES_PD, k);
}

ALWAYS_INLINE void sse_arithss_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecBinary
                              k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), false, LANES_SS, k);
}
ALWAYS_INLINE void sse_arithss_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                               VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), true, LANES_SS, k);
}
ALWAYS_INLINE void sse_arithss_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                              int cc, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_32), false, LANES_SS, k);
}
ALWAYS_INLINE void sse_arithss_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                               int cc, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_32), true, LANES_SS, k);
}

ALWAYS_INLINE void sse_arithsd_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecBinary
                              k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), false, LANES_SD, k);
}
ALWAYS_INLINE void sse_arithsd_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                               VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), true, LANES_SD, k);
}
ALWAYS_INLINE void sse_arithsd_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                              int cc, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_64), false, LANES_SD, k);
}
ALWAYS_INLINE void sse_arithsd_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                               int cc, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_64), true, LANES_SD, k);
}

ALWAYS_INLINE void sse_narrowss_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecBinary
                              k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), false, LANES_SS, k);
}
ALWAYS_INLINE void sse_narrowss_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                               VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_read(env, i->rm), true, LANES_SS, k);
}
ALWAYS_INLINE void sse_narrowss_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                              int cc, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_64), false, LANES_SS, k);
}
ALWAYS_INLINE void sse_narrowss_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                               int cc, VecBinary k) {
    (void)bits, (void)cc;
    sse_binary(env, i, t, xmm_load(env, i, t, ea, VEC_64), true, LANES_SS, k);
}

ALWAYS_INLINE void sse_narrowps_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecUnary k)
                            {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_read(env, i->rm), false, LANES_PS2, k);
}
ALWAYS_INLINE void sse_narrowps_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecUnary
                             k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_read(env, i->rm), true, LANES_PS2, k);
}
ALWAYS_INLINE void sse_narrowps_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea, int
                            cc, VecUnary k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_load(env, i, t, ea, VEC_128), false, LANES_PS2, k);
}
ALWAYS_INLINE void sse_narrowps_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                             int cc, VecUnary k) {
    (void)bits, (void)cc;
    sse_unary(env, i, t, xmm_load(env, i, t, ea, VEC_128), true, LANES_PS2, k);
}

/** V = k(V, W, imm8) */
ALWAYS_INLINE void sse_imm_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecImm k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_imm_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecImm k)
                              {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_imm_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                             int cc, VecImm k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_load(env, i, t, ea, VEC_128), false, k);
}
ALWAYS_INLINE void sse_imm_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                              int cc, VecImm k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_load(env, i, t, ea, VEC_128), true, k);
}

ALWAYS_INLINE void sse_imm32_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecImm
                               k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_imm32_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecImm
                                k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_imm32_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                               int cc, VecImm k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_load(env, i, t, ea, VEC_32), false, k);
}
ALWAYS_INLINE void sse_imm32_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                                int cc, VecImm k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_load(env, i, t, ea, VEC_32), true, k);
}

ALWAYS_INLINE void sse_imm64_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecImm
                               k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_imm64_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecImm
                                k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_imm64_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                               int cc, VecImm k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_load(env, i, t, ea, VEC_64), false, k);
}
ALWAYS_INLINE void sse_imm64_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                                int cc, VecImm k) {
    (void)bits, (void)cc;
    sse_with_imm(env, i, t, xmm_load(env, i, t, ea, VEC_64), true, k);
}

/** EFLAGS = k(V, W) */
ALWAYS_INLINE void sse_comi32_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                VecCompare k) {
    (void)bits, (void)cc;
    sse_compare(env, i, t, xmm_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_comi32_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                 VecCompare k) {
    (void)bits, (void)cc;
    sse_compare(env, i, t, xmm_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_comi32_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                                int cc, VecCompare k) {
    (void)bits, (void)cc;
    sse_compare(env, i, t, xmm_load(env, i, t, ea, VEC_32), false, k);
}
ALWAYS_INLINE void sse_comi32_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind
                                 ea, int cc, VecCompare k) {
    (void)bits, (void)cc;
    sse_compare(env, i, t, xmm_load(env, i, t, ea, VEC_32), true, k);
}

ALWAYS_INLINE void sse_comi64_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                VecCompare k) {
    (void)bits, (void)cc;
    sse_compare(env, i, t, xmm_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_comi64_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                 VecCompare k) {
    (void)bits, (void)cc;
    sse_compare(env, i, t, xmm_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_comi64_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                                int cc, VecCompare k) {
    (void)bits, (void)cc;
    sse_compare(env, i, t, xmm_load(env, i, t, ea, VEC_64), false, k);
}
ALWAYS_INLINE void sse_comi64_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind
                                 ea, int cc, VecCompare k) {
    (void)bits, (void)cc;
    sse_compare(env, i, t, xmm_load(env, i, t, ea, VEC_64), true, k);
}

/** Gy = k(W) */
ALWAYS_INLINE void sse_toint32_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                 VecToInt k) {
    (void)cc;
    sse_to_int(env, i, t, bits, xmm_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_toint32_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                  VecToInt k) {
    (void)cc;
    sse_to_int(env, i, t, bits, xmm_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_toint32_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind
                                 ea, int cc, VecToInt k) {
    (void)cc;
    sse_to_int(env, i, t, bits, xmm_load(env, i, t, ea, VEC_32), false, k);
}
ALWAYS_INLINE void sse_toint32_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind
                                  ea, int cc, VecToInt k) {
    (void)cc;
    sse_to_int(env, i, t, bits, xmm_load(env, i, t, ea, VEC_32), true, k);
}

ALWAYS_INLINE void sse_toint64_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                 VecToInt k) {
    (void)cc;
    sse_to_int(env, i, t, bits, xmm_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_toint64_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                  VecToInt k) {
    (void)cc;
    sse_to_int(env, i, t, bits, xmm_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_toint64_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind
                                 ea, int cc, VecToInt k) {
    (void)cc;
    sse_to_int(env, i, t, bits, xmm_load(env, i, t, ea, VEC_64), false, k);
}
ALWAYS_INLINE void sse_toint64_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind
                                  ea, int cc, VecToInt k) {
    (void)cc;
    sse_to_int(env, i, t, bits, xmm_load(env, i, t, ea, VEC_64), true, k);
}

/** V = k(V, Ey) */
ALWAYS_INLINE void sse_fromint_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                 VecFromInt k) {
    (void)cc;
    sse_from_int(env, i, t, bits, gpr_read(env, i->rm, bits), false, k);
}
ALWAYS_INLINE void sse_fromint_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                  VecFromInt k) {
    (void)cc;
    sse_from_int(env, i, t, bits, gpr_read(env, i->rm, bits), true, k);
}
ALWAYS_INLINE void sse_fromint_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind
                                 ea, int cc, VecFromInt k) {
    (void)cc;
    sse_from_int(env, i, t, bits, mem_load(t, i, ea_linear(env, i, t, ea, bits / 8, ACCESS_READ), bits / 8), false, k);
}
ALWAYS_INLINE void sse_fromint_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind
                                  ea, int cc, VecFromInt k) {
    (void)cc;
    sse_from_int(env, i, t, bits, mem_load(t, i, ea_linear(env, i, t, ea, bits / 8, ACCESS_READ), bits / 8), true, k);
}

/** V = k(V, Q) and P = k(W). */
ALWAYS_INLINE void sse_frommmx_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                 VecBinary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    mmx_begin(env);
    sse_from_mmx(env, i, t, mmx_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_frommmx_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                  VecBinary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    mmx_begin(env);
    sse_from_mmx(env, i, t, mmx_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_frommmx_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind
                                 ea, int cc, VecBinary k) {
    (void)bits, (void)cc;
    sse_from_mmx(env, i, t, xmm_load(env, i, t, ea, VEC_64), false, k);
}
ALWAYS_INLINE void sse_frommmx_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind
                                  ea, int cc, VecBinary k) {
    (void)bits, (void)cc;
    sse_from_mmx(env, i, t, xmm_load(env, i, t, ea, VEC_64), true, k);
}
ALWAYS_INLINE void sse_tommx64_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                 VecUnary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    sse_to_mmx(env, i, t, xmm_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_tommx64_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                  VecUnary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    sse_to_mmx(env, i, t, xmm_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_tommx64_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind
                                 ea, int cc, VecUnary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    sse_to_mmx(env, i, t, xmm_load(env, i, t, ea, VEC_64), false, k);
}
ALWAYS_INLINE void sse_tommx64_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind
                                  ea, int cc, VecUnary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    sse_to_mmx(env, i, t, xmm_load(env, i, t, ea, VEC_64), true, k);
}
ALWAYS_INLINE void sse_tommx_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecUnary
                               k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    sse_to_mmx(env, i, t, xmm_read(env, i->rm), false, k);
}
ALWAYS_INLINE void sse_tommx_rc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                VecUnary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    sse_to_mmx(env, i, t, xmm_read(env, i->rm), true, k);
}
ALWAYS_INLINE void sse_tommx_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                               int cc, VecUnary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    sse_to_mmx(env, i, t, xmm_load(env, i, t, ea, VEC_128), false, k);
}
ALWAYS_INLINE void sse_tommx_mc(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                                int cc, VecUnary k) {
    (void)bits, (void)cc;
    mmx_wait(env, i, t);
    sse_to_mmx(env, i, t, xmm_load(env, i, t, ea, VEC_128), true, k);
}

/* ---- shifts, masks, words ---- */

/** U = k(U, imm8 as a count) */
ALWAYS_INLINE void sse_shift_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                               VecBinary k) {
    (void)bits, (void)cc;
    xmm_write(env, i->rm, k(xmm_read(env, i->rm), _mm_cvtsi32_si128((uint8_t)i->imm)));
}
/** PMOVMSKB, MOVMSKPS, MOVMSKPD */
ALWAYS_INLINE void sse_mask_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, VecMask
                              k) {
    (void)bits, (void)cc, (void)t;
    gpr_write(env, i->reg, 32, k(xmm_read(env, i->rm)));
}
ALWAYS_INLINE void sse_pextrw_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, const
                                void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    gpr_write(env, i->reg, 32, env->vec[i->rm].w[i->imm & 7]);
}
ALWAYS_INLINE void sse_pinsrw_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, const
                                void *k) {
    (void)bits, (void)cc, (void)k;
    env->vec[i->reg].w[i->imm & 7] = (uint16_t)gpr_read(env, i->rm, 16);
}
ALWAYS_INLINE void sse_pinsrw_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                                int cc, const void *k) {
    (void)bits, (void)cc, (void)k;
    env->vec[i->reg].w[i->imm & 7] = (uint16_t)mem_load(t, i, ea_linear(env, i, t, ea, 2, ACCESS_READ), 2);
}

/* ---- moves ---- */

/** V = W and W = V; `u`: any alignment. */
ALWAYS_INLINE void sse_mov_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, const void
                             *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    xmm_write(env, i->reg, xmm_read(env, i->rm));
}
ALWAYS_INLINE void sse_mov_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                             int cc, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_write(env, i->reg, xmm_load(env, i, t, ea, VEC_128));
}
ALWAYS_INLINE void sse_movu_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, const
                              void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    xmm_write(env, i->reg, xmm_read(env, i->rm));
}
ALWAYS_INLINE void sse_movu_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                              int cc, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_write(env, i->reg, xmm_load(env, i, t, ea, VEC_128_ANY));
}
ALWAYS_INLINE void sse_store_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, const
                               void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    xmm_write(env, i->rm, xmm_read(env, i->reg));
}
ALWAYS_INLINE void sse_store_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                               int cc, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_store(env, i, t, ea, VEC_128, xmm_read(env, i->reg));
}
ALWAYS_INLINE void sse_storeu_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, const
                                void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    xmm_write(env, i->rm, xmm_read(env, i->reg));
}
ALWAYS_INLINE void sse_storeu_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                                int cc, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_store(env, i, t, ea, VEC_128_ANY, xmm_read(env, i->reg));
}
/** MOVSS, MOVSD: from a register they keep the rest, from memory they clear it. */
ALWAYS_INLINE void sse_movss_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, const
                               void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    env->vec[i->reg].d[0] = env->vec[i->rm].d[0];
}
ALWAYS_INLINE void sse_movss_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                               int cc, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_write(env, i->reg, xmm_load(env, i, t, ea, VEC_32));
}
ALWAYS_INLINE void sse_movsd_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, const
                               void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    env->vec[i->reg].q[0] = env->vec[i->rm].q[0];
}
ALWAYS_INLINE void sse_movsd_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                               int cc, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_write(env, i->reg, xmm_load(env, i, t, ea, VEC_64));
}
ALWAYS_INLINE void sse_storess_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, const
                                 void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    env->vec[i->rm].d[0] = env->vec[i->reg].d[0];
}
ALWAYS_INLINE void sse_storess_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind
                                 ea, int cc, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_store(env, i, t, ea, VEC_32, xmm_read(env, i->reg));
}
ALWAYS_INLINE void sse_storesd_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, const
                                 void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    env->vec[i->rm].q[0] = env->vec[i->reg].q[0];
}
ALWAYS_INLINE void sse_storesd_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind
                                 ea, int cc, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_store(env, i, t, ea, VEC_64, xmm_read(env, i->reg));
}
/** MOVQ clears the rest in both directions. */
ALWAYS_INLINE void sse_movq_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, const
                              void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    xmm_write(env, i->reg, _mm_move_epi64(xmm_read(env, i->rm)));
}
ALWAYS_INLINE void sse_movq_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                              int cc, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_write(env, i->reg, xmm_load(env, i, t, ea, VEC_64));
}
ALWAYS_INLINE void sse_storeq_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, const
                                void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    xmm_write(env, i->rm, _mm_move_epi64(xmm_read(env, i->reg)));
}
ALWAYS_INLINE void sse_storeq_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                                int cc, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_store(env, i, t, ea, VEC_64, xmm_read(env, i->reg));
}
/** MOVHPS to memory. */
ALWAYS_INLINE void sse_storeh_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                                int cc, const void *k) {
    (void)bits, (void)cc, (void)k;
    mem_store(t, i, ea_linear(env, i, t, ea, 8, ACCESS_WRITE), 8, env->vec[i->reg].q[1]);
}
/** MOVD, MOVQ between XMM and general registers or memory of 32 or 64 bits. */
ALWAYS_INLINE void sse_movd_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, const
                              void *k) {
    (void)cc, (void)k, (void)t;
    xmm_write(env, i->reg, (V128){(long long)gpr_read(env, i->rm, bits), 0});
}
ALWAYS_INLINE void sse_movd_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                              int cc, const void *k) {
    (void)cc, (void)k;
    xmm_write(env, i->reg, bits == 64 ? xmm_load(env, i, t, ea, VEC_64) : xmm_load(env, i, t, ea, VEC_32));
}
ALWAYS_INLINE void sse_stored_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, const
                                void *k) {
    (void)cc, (void)k, (void)t;
    gpr_write(env, i->rm, bits, env->vec[i->reg].q[0]);
}
ALWAYS_INLINE void sse_stored_m(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea,
                                int cc, const void *k) {
    (void)cc, (void)k;
    xmm_store(env, i, t, ea, bits == 64 ? VEC_64 : VEC_32, xmm_read(env, i->reg));
}
/** Between MMX and XMM registers. */
ALWAYS_INLINE void sse_movq2dq_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, const
                                 void *k) {
    (void)bits, (void)cc, (void)k;
    mmx_wait(env, i, t);
    mmx_begin(env);
    xmm_write(env, i->reg, mmx_read(env, i->rm));
}
ALWAYS_INLINE void sse_movdq2q_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc, const
                                 void *k) {
    (void)bits, (void)cc, (void)k;
    mmx_wait(env, i, t);
    mmx_begin(env);
    mmx_write(env, i->reg, xmm_read(env, i->rm));
}

#endif
