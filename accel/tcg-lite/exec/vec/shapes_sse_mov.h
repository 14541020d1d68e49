/* SPDX-License-Identifier: MIT */
/** Shapes of SSE instructions that only move bits. See shapes_sse.h. */
#ifndef TWIN86_TCG_SHAPES_SSE_MOV_H
#define TWIN86_TCG_SHAPES_SSE_MOV_H

#include "accel/tcg-lite/exec/vec/shapes_sse_base.h"

/* ---- shifts, masks, words ---- */

/** U = k(U, imm8 as a count) */
ALWAYS_INLINE void sse_shift_r(SHAPE_R, VecBinary k) {
    (void)bits, (void)cc;
    xmm_write(env, i->rm, k(xmm_read(env, i->rm), _mm_cvtsi32_si128((uint8_t)i->imm)));
}
/** PMOVMSKB, MOVMSKPS, MOVMSKPD */
ALWAYS_INLINE void sse_mask_r(SHAPE_R, VecMask k) {
    (void)bits, (void)cc, (void)t;
    gpr_write(env, i->reg, 32, k(xmm_read(env, i->rm)));
}
ALWAYS_INLINE void sse_pextrw_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    gpr_write(env, i->reg, 32, env->vec[i->rm].w[i->imm & 7]);
}
ALWAYS_INLINE void sse_pinsrw_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k;
    env->vec[i->reg].w[i->imm & 7] = (uint16_t)gpr_read(env, i->rm, 16);
}
ALWAYS_INLINE void sse_pinsrw_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    env->vec[i->reg].w[i->imm & 7] = (uint16_t)mem_load(t, i, ea_linear(env, i, t, ea, 2, ACCESS_READ), 2);
}

/* ---- moves ---- */

/** V = W and W = V; `u`: any alignment. */
ALWAYS_INLINE void sse_mov_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    xmm_write(env, i->reg, xmm_read(env, i->rm));
}
ALWAYS_INLINE void sse_mov_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_write(env, i->reg, xmm_load(env, i, t, ea, VEC_128_MOVE));
}
ALWAYS_INLINE void sse_movu_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    xmm_write(env, i->reg, xmm_read(env, i->rm));
}
ALWAYS_INLINE void sse_movu_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_write(env, i->reg, xmm_load(env, i, t, ea, VEC_128_ANY));
}
ALWAYS_INLINE void sse_store_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    xmm_write(env, i->rm, xmm_read(env, i->reg));
}
ALWAYS_INLINE void sse_store_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_store(env, i, t, ea, VEC_128_MOVE, xmm_read(env, i->reg));
}
ALWAYS_INLINE void sse_storeu_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    xmm_write(env, i->rm, xmm_read(env, i->reg));
}
ALWAYS_INLINE void sse_storeu_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_store(env, i, t, ea, VEC_128_ANY, xmm_read(env, i->reg));
}
/** MOVSS, MOVSD: from a register they keep the rest, from memory they clear it. */
ALWAYS_INLINE void sse_movss_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    env->vec[i->reg].d[0] = env->vec[i->rm].d[0];
}
ALWAYS_INLINE void sse_movss_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_write(env, i->reg, xmm_load(env, i, t, ea, VEC_32));
}
ALWAYS_INLINE void sse_movsd_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    env->vec[i->reg].q[0] = env->vec[i->rm].q[0];
}
ALWAYS_INLINE void sse_movsd_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_write(env, i->reg, xmm_load(env, i, t, ea, VEC_64));
}
ALWAYS_INLINE void sse_storess_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    env->vec[i->rm].d[0] = env->vec[i->reg].d[0];
}
ALWAYS_INLINE void sse_storess_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_store(env, i, t, ea, VEC_32, xmm_read(env, i->reg));
}
ALWAYS_INLINE void sse_storesd_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    env->vec[i->rm].q[0] = env->vec[i->reg].q[0];
}
ALWAYS_INLINE void sse_storesd_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_store(env, i, t, ea, VEC_64, xmm_read(env, i->reg));
}
/** MOVQ clears the rest in both directions. */
ALWAYS_INLINE void sse_movq_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    xmm_write(env, i->reg, _mm_move_epi64(xmm_read(env, i->rm)));
}
ALWAYS_INLINE void sse_movq_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_write(env, i->reg, xmm_load(env, i, t, ea, VEC_64));
}
ALWAYS_INLINE void sse_storeq_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    xmm_write(env, i->rm, _mm_move_epi64(xmm_read(env, i->reg)));
}
ALWAYS_INLINE void sse_storeq_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    xmm_store(env, i, t, ea, VEC_64, xmm_read(env, i->reg));
}
/** MOVHPS to memory. */
ALWAYS_INLINE void sse_storeh_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    mem_store(t, i, ea_linear(env, i, t, ea, 8, ACCESS_WRITE), 8, env->vec[i->reg].q[1]);
}
/** MOVD, MOVQ between XMM and general registers or memory of 32 or 64 bits. */
ALWAYS_INLINE void sse_movd_r(SHAPE_R, const void *k) {
    (void)cc, (void)k, (void)t;
    xmm_write(env, i->reg, (V128){(long long)gpr_read(env, i->rm, bits), 0});
}
ALWAYS_INLINE void sse_movd_m(SHAPE_M, const void *k) {
    (void)cc, (void)k;
    xmm_write(env, i->reg, bits == 64 ? xmm_load(env, i, t, ea, VEC_64) : xmm_load(env, i, t, ea, VEC_32));
}
ALWAYS_INLINE void sse_stored_r(SHAPE_R, const void *k) {
    (void)cc, (void)k, (void)t;
    gpr_write(env, i->rm, bits, env->vec[i->reg].q[0]);
}
ALWAYS_INLINE void sse_stored_m(SHAPE_M, const void *k) {
    (void)cc, (void)k;
    xmm_store(env, i, t, ea, bits == 64 ? VEC_64 : VEC_32, xmm_read(env, i->reg));
}
/** Between MMX and XMM registers. */
ALWAYS_INLINE void sse_movq2dq_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k;
    mmx_wait(env, i, t);
    mmx_begin(env);
    xmm_write(env, i->reg, mmx_read(env, i->rm));
}
ALWAYS_INLINE void sse_movdq2q_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k;
    mmx_wait(env, i, t);
    mmx_begin(env);
    mmx_write(env, i->reg, xmm_read(env, i->rm));
}

#endif
