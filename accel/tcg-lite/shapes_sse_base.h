/* SPDX-License-Identifier: MIT */
/** What the shapes of SSE instructions share: registers, memory operands, unmasked exceptions. */
#ifndef TWIN86_TCG_SHAPES_SSE_BASE_H
#define TWIN86_TCG_SHAPES_SSE_BASE_H

#include "accel/tcg-lite/kernels_vec_fp.h"
#include "accel/tcg-lite/shapes_mmx.h"

ALWAYS_INLINE V128 xmm_read(const CPUX86State *env, unsigned n) { return _mm_load_si128((const V128 *)&env->vec[n]); }
ALWAYS_INLINE void xmm_write(CPUX86State *env, unsigned n, V128 v) { _mm_store_si128((V128 *)&env->vec[n], v); }

/* ---- memory operands ---- */

enum VecWidth { VEC_8 = 1, VEC_16 = 2, VEC_32 = 4, VEC_64 = 8, VEC_128 = 16, VEC_128_ANY = 17 /* any alignment */ };

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
ALWAYS_INLINE void xmm_store(CPUX86State *env, const struct Insn *i, struct Tcg *t, enum EaKind ea, enum VecWidth w,
                             V128 v) {
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
 * result (`tiny`), masked underflow (which is what ran) only of inexact ones. PE beside unmasked underflow or overflow
 * may be set where a result of unbounded exponent would have been exact.
 */
static NOINLINE void xm_end_tiny(struct Tcg *t, const struct Insn *i, uint32_t before, bool tiny) {
    uint32_t masks = t->env->mxcsr, flags = host_mxcsr() & MXCSR_FLAGS;
    if (!(masks & MXCSR_UM) && tiny)
        flags |= MXCSR_UE;
    uint32_t unmasked = flags & ~(masks >> MXCSR_MASK_SHIFT) & MXCSR_FLAGS;
    if (unmasked & MXCSR_BEFORE_COMPUTING)
        flags &= MXCSR_BEFORE_COMPUTING; /* nothing is computed then */
    host_set_mxcsr(before | flags);
    if (unmasked)
        tcg_raise(t, i, t->env->cr4 & CR4_OSXMMEXCPT ? VEC_XM : VEC_UD);
}
ALWAYS_INLINE void xm_end(struct Tcg *t, const struct Insn *i, uint32_t before, V128 result, enum VecLanes lanes) {
    xm_end_tiny(t, i, before, lanes != LANES_NONE && vec_tiny(result, lanes));
}

#endif
