/* SPDX-License-Identifier: MIT */
/** Shapes of FMA: V = k(V, H, W), packed and scalar, as in shapes_avx_fp.h. */
#ifndef TWIN86_TCG_SHAPES_FMA_H
#define TWIN86_TCG_SHAPES_FMA_H

#include "accel/tcg-lite/exec/vec/kernels_fma.h"
#include "accel/tcg-lite/exec/vec/shapes_avx_base.h"

ALWAYS_INLINE void fma_any(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, V256 c, bool check,
                           enum VecLanes lanes, VecFma k) {
    uint32_t before = check ? xm_begin(t) : 0;
    V256 a = ymm_read(env, i->reg, bits), b = ymm_read(env, i->vreg, bits),
         r = {_mm_setzero_si128(), _mm_setzero_si128()};
    r.lo = k(a.lo, b.lo, c.lo, MXCSR_MASKS);
    if (bits == 256)
        r.hi = k(a.hi, b.hi, c.hi, MXCSR_MASKS);
    if (check) {
        bool tiny = ymm_tiny(r, lanes);
        if (xm_out_of_range(t, tiny)) { /* once more, for flags as they are then */
            uint32_t masks = t->env->mxcsr & MXCSR_MASKS;
            host_set_mxcsr(host_mxcsr() & ~(uint32_t)MXCSR_FLAGS);
            k(a.lo, b.lo, c.lo, masks);
            if (bits == 256)
                k(a.hi, b.hi, c.hi, masks);
        }
        xm_end_of(t, i, before, tiny, NULL);
    }
    ymm_write(env, i->reg, r);
}

ALWAYS_INLINE void fma_ps_r(SHAPE_R, VecFma k) {
    (void)cc;
    fma_any(env, i, t, bits, ymm_read(env, i->rm, bits), false, LANES_PS, k);
}
ALWAYS_INLINE void fma_ps_m(SHAPE_M, VecFma k) {
    (void)cc;
    fma_any(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), false, LANES_PS, k);
}
ALWAYS_INLINE void fma_ps_rc(SHAPE_R, VecFma k) {
    (void)cc;
    fma_any(env, i, t, bits, ymm_read(env, i->rm, bits), true, LANES_PS, k);
}
ALWAYS_INLINE void fma_ps_mc(SHAPE_M, VecFma k) {
    (void)cc;
    fma_any(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), true, LANES_PS, k);
}

ALWAYS_INLINE void fma_pd_r(SHAPE_R, VecFma k) {
    (void)cc;
    fma_any(env, i, t, bits, ymm_read(env, i->rm, bits), false, LANES_PD, k);
}
ALWAYS_INLINE void fma_pd_m(SHAPE_M, VecFma k) {
    (void)cc;
    fma_any(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), false, LANES_PD, k);
}
ALWAYS_INLINE void fma_pd_rc(SHAPE_R, VecFma k) {
    (void)cc;
    fma_any(env, i, t, bits, ymm_read(env, i->rm, bits), true, LANES_PD, k);
}
ALWAYS_INLINE void fma_pd_mc(SHAPE_M, VecFma k) {
    (void)cc;
    fma_any(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_VL), true, LANES_PD, k);
}

ALWAYS_INLINE void fma_ss_r(SHAPE_R, VecFma k) {
    (void)cc;
    fma_any(env, i, t, bits, ymm_read(env, i->rm, bits), false, LANES_SS, k);
}
ALWAYS_INLINE void fma_ss_m(SHAPE_M, VecFma k) {
    (void)cc;
    fma_any(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_32), false, LANES_SS, k);
}
ALWAYS_INLINE void fma_ss_rc(SHAPE_R, VecFma k) {
    (void)cc;
    fma_any(env, i, t, bits, ymm_read(env, i->rm, bits), true, LANES_SS, k);
}
ALWAYS_INLINE void fma_ss_mc(SHAPE_M, VecFma k) {
    (void)cc;
    fma_any(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_32), true, LANES_SS, k);
}

ALWAYS_INLINE void fma_sd_r(SHAPE_R, VecFma k) {
    (void)cc;
    fma_any(env, i, t, bits, ymm_read(env, i->rm, bits), false, LANES_SD, k);
}
ALWAYS_INLINE void fma_sd_m(SHAPE_M, VecFma k) {
    (void)cc;
    fma_any(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_64), false, LANES_SD, k);
}
ALWAYS_INLINE void fma_sd_rc(SHAPE_R, VecFma k) {
    (void)cc;
    fma_any(env, i, t, bits, ymm_read(env, i->rm, bits), true, LANES_SD, k);
}
ALWAYS_INLINE void fma_sd_mc(SHAPE_M, VecFma k) {
    (void)cc;
    fma_any(env, i, t, bits, ymm_load(env, i, t, ea, bits, MEM_64), true, LANES_SD, k);
}

#endif
