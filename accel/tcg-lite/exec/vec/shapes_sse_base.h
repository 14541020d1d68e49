/* SPDX-License-Identifier: MIT */
/** What the shapes of SSE instructions share: registers, memory operands, unmasked exceptions. */
#ifndef TWIN86_TCG_SHAPES_SSE_BASE_H
#define TWIN86_TCG_SHAPES_SSE_BASE_H

#include "accel/tcg-lite/exec/vec/approx.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_fp.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_sse3.h"
#include "accel/tcg-lite/exec/vec/shapes_mmx.h"
#include "accel/tcg-lite/exec/vec/xm_flags.h"

ALWAYS_INLINE V128 xmm_read(const CPUX86State *env, unsigned n) { return _mm_load_si128((const V128 *)&env->vec[n]); }
ALWAYS_INLINE void xmm_write(CPUX86State *env, unsigned n, V128 v) { _mm_store_si128((V128 *)&env->vec[n], v); }

/* ---- memory operands ---- */

enum VecWidth {
    VEC_8 = 1,
    VEC_16 = 2,
    VEC_32 = 4,
    VEC_64 = 8,
    VEC_128 = 16,
    VEC_128_ANY,  /* any alignment */
    VEC_128_MOVE, /* aligned, whatever MXCSR.MM says: of moves that promise it */
};
ALWAYS_INLINE enum Access vec_aligned(enum VecWidth w) {
    return w == VEC_128 ? ACCESS_PACKED : w == VEC_128_MOVE ? ACCESS_ALIGNED : 0;
}

/* Out of line, so that the fast path needs no stack. */
SLOW_CC static NOINLINE V128 xmm_load_slow(struct Tcg *t, const struct Insn *i, uint64_t linear) {
    V128 v;
    mem_load_bytes(t, i, linear, &v, 16);
    return v;
}
SLOW_CC static NOINLINE void xmm_store_slow(struct Tcg *t, const struct Insn *i, uint64_t linear, V128 v) {
    mem_store_bytes(t, i, linear, &v, 16);
}

ALWAYS_INLINE V128 xmm_load(CPUX86State *env, const struct Insn *i, struct Tcg *t, enum EaKind ea, enum VecWidth w) {
    if (w < VEC_128)
        return (V128){(long long)mem_load(t, i, ea_linear(env, i, t, ea, w, ACCESS_READ), w), 0};
    uint64_t linear = ea_linear(env, i, t, ea, 16, ACCESS_READ | vec_aligned(w));
    const V128 *p = mem_host_read(t, linear, 16);
    return LIKELY(p != NULL) ? _mm_loadu_si128(p) : xmm_load_slow(t, i, linear);
}
ALWAYS_INLINE void xmm_store(CPUX86State *env, const struct Insn *i, struct Tcg *t, enum EaKind ea, enum VecWidth w,
                             V128 v) {
    if (w < VEC_128) {
        mem_store(t, i, ea_linear(env, i, t, ea, w, ACCESS_WRITE), w, (uint64_t)v[0]);
        return;
    }
    uint64_t linear = ea_linear(env, i, t, ea, 16, ACCESS_WRITE | vec_aligned(w));
    V128 *p = mem_host_write(t, linear, 16);
    if (LIKELY(p != NULL))
        _mm_storeu_si128(p, v);
    else
        xmm_store_slow(t, i, linear, v);
}

/* ---- approximations ---- */

/** k(b) for RCPPS or RSQRTPS, as the vendor's processors have it. No exception comes of them. */
ALWAYS_INLINE V128 vec_approx(const struct Tcg *t, V128 b, VecUnary k) {
    return LIKELY(t->host_approximates)
               ? k(b)
               : approx_floats(k == kernel_rcpps ? APPROX_RCP : APPROX_RSQRT, b, t->cpu->model.vendor);
}
/** The same of the lowest element; the others are a's. */
ALWAYS_INLINE V128 vec_approx_one(const struct Tcg *t, V128 a, V128 b, VecBinary k) {
    if (LIKELY(t->host_approximates))
        return k(a, b);
    enum Approx what = k == kernel_rcpss ? APPROX_RCP : APPROX_RSQRT;
    uint32_t r = approx_float(what, (uint32_t)_mm_cvtsi128_si32(b), t->cpu->model.vendor);
    return (V128)_mm_move_ss((__m128)a, (__m128)_mm_cvtsi32_si128((int)r));
}

/* ---- unmasked exceptions ---- */

enum { MXCSR_BEFORE_COMPUTING = 7 /* IE, DE, ZE */ };

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
 * result (`tiny`), masked underflow (which is what ran) only of inexact ones. o (or NULL) is what was computed, where
 * that can overflow or underflow: then PE must be found anew.
 */
static NOINLINE void xm_end_of(struct Tcg *t, const struct Insn *i, uint32_t before, bool tiny,
                               const struct XmOperation *o) {
    uint32_t masks = t->env->mxcsr, flags = host_mxcsr() & MXCSR_FLAGS;
    if (!(masks & MXCSR_UM) && tiny)
        flags |= MXCSR_UE;
    uint32_t unmasked = flags & ~(masks >> MXCSR_MASK_SHIFT) & MXCSR_FLAGS;
    if (unmasked & MXCSR_BEFORE_COMPUTING)
        flags &= MXCSR_BEFORE_COMPUTING; /* nothing is computed then */
    else if (o != NULL && (unmasked & (MXCSR_OE | MXCSR_UE)))
        flags = xm_flags(o, (before & ~(uint32_t)MXCSR_MASKS) | (masks & MXCSR_MASKS));
    host_set_mxcsr(before | flags);
    if (unmasked)
        tcg_raise(t, i, t->env->cr4 & CR4_OSXMMEXCPT ? VEC_XM : VEC_UD);
}
/** For kernels that neither overflow nor underflow. */
ALWAYS_INLINE void xm_end(struct Tcg *t, const struct Insn *i, uint32_t before) {
    xm_end_of(t, i, before, false, NULL);
}
/** Overflow or underflow that the guest has unmasked is about to be raised. */
ALWAYS_INLINE bool xm_out_of_range(const struct Tcg *t, bool tiny) {
    uint32_t masks = t->env->mxcsr;
    return (!(masks & MXCSR_UM) && tiny) || (host_mxcsr() & ~(masks >> MXCSR_MASK_SHIFT) & (MXCSR_OE | MXCSR_UE)) != 0;
}

/** What kernel k does. */
ALWAYS_INLINE enum XmKind xm_kind(VecBinary k) {
    if (k == kernel_addps || k == kernel_addpd || k == kernel_addss || k == kernel_addsd || k == kernel_haddps ||
        k == kernel_haddpd)
        return XM_ADD;
    if (k == kernel_subps || k == kernel_subpd || k == kernel_subss || k == kernel_subsd || k == kernel_hsubps ||
        k == kernel_hsubpd)
        return XM_SUB;
    if (k == kernel_mulps || k == kernel_mulpd || k == kernel_mulss || k == kernel_mulsd)
        return XM_MUL;
    if (k == kernel_divps || k == kernel_divpd || k == kernel_divss || k == kernel_divsd)
        return XM_DIV;
    return k == kernel_addsubps || k == kernel_addsubpd ? XM_SUB_ADD : k == kernel_cvtsd2ss ? XM_NARROW : XM_NONE;
}
/** Give o the operands of k in half h of a result; horizontal kernels bring theirs together first. */
ALWAYS_INLINE void xm_operands(struct XmOperation *o, unsigned h, V128 a, V128 b, VecBinary k) {
    bool floats = k == kernel_haddps || k == kernel_hsubps, doubles = k == kernel_haddpd || k == kernel_hsubpd;
    o->a[h] = floats ? even_floats(a, b) : doubles ? _mm_unpacklo_epi64(a, b) : a;
    o->b[h] = floats ? odd_floats(a, b) : doubles ? _mm_unpackhi_epi64(a, b) : b;
}
/** After r = k(a, b). */
ALWAYS_INLINE void xm_end_binary(struct Tcg *t, const struct Insn *i, uint32_t before, V128 a, V128 b, V128 r,
                                 enum VecLanes lanes, VecBinary k) {
    struct XmOperation o = {.kind = xm_kind(k), .lanes = lanes, .halves = 1};
    xm_operands(&o, 0, a, b, k);
    xm_end_of(t, i, before, lanes != LANES_NONE && vec_tiny(r, lanes), lanes != LANES_NONE ? &o : NULL);
}

#endif
