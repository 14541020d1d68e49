/* SPDX-License-Identifier: MIT */
/** Shapes of what came after SSE2, where those of shapes_sse.h don't serve; and the kernels of all that. */
#ifndef TWIN86_TCG_SHAPES_SSE4_H
#define TWIN86_TCG_SHAPES_SSE4_H

#include "accel/tcg-lite/exec/vec/kernels_vec_crypto.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_sse3.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_sse41.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_sse41_fp.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_sse42.h"
#include "accel/tcg-lite/exec/vec/shapes_sse.h"
#include "cpu/cpu.h"

/* ---- PMOVSX, PMOVZX: V = k(W) with 32 or 16 bits in memory ---- */

ALWAYS_INLINE void sse_un32_r(SHAPE_R, VecUnary k) {
    (void)bits, (void)cc, (void)t;
    xmm_write(env, i->reg, k(xmm_read(env, i->rm)));
}
ALWAYS_INLINE void sse_un32_m(SHAPE_M, VecUnary k) {
    (void)bits, (void)cc;
    xmm_write(env, i->reg, k(xmm_load(env, i, t, ea, VEC_32)));
}
ALWAYS_INLINE void sse_un16_r(SHAPE_R, VecUnary k) {
    (void)bits, (void)cc, (void)t;
    xmm_write(env, i->reg, k(xmm_read(env, i->rm)));
}
ALWAYS_INLINE void sse_un16_m(SHAPE_M, VecUnary k) {
    (void)bits, (void)cc;
    xmm_write(env, i->reg, k(xmm_load(env, i, t, ea, VEC_16)));
}

/** V = k(V, W, XMM0) */
ALWAYS_INLINE void sse_xmm0_r(SHAPE_R, VecTernary k) {
    (void)bits, (void)cc, (void)t;
    xmm_write(env, i->reg, k(xmm_read(env, i->reg), xmm_read(env, i->rm), xmm_read(env, 0)));
}
ALWAYS_INLINE void sse_xmm0_m(SHAPE_M, VecTernary k) {
    (void)bits, (void)cc;
    V128 b = xmm_load(env, i, t, ea, VEC_128);
    xmm_write(env, i->reg, k(xmm_read(env, i->reg), b, xmm_read(env, 0)));
}

/** EFLAGS = k(V, W) */
ALWAYS_INLINE void sse_test_r(SHAPE_R, VecCompare k) {
    (void)bits, (void)cc;
    cc_set_compare(&t->cc, k(xmm_read(env, i->reg), xmm_read(env, i->rm)));
}
ALWAYS_INLINE void sse_test_m(SHAPE_M, VecCompare k) {
    (void)bits, (void)cc;
    cc_set_compare(&t->cc, k(xmm_read(env, i->reg), xmm_load(env, i, t, ea, VEC_128)));
}

/* ---- SHA: AMD's processors do not ask for alignment (measured on family 19h), Intel's do as ever ---- */

ALWAYS_INLINE V128 sha_load(CPUX86State *env, const struct Insn *i, struct Tcg *t, enum EaKind ea) {
    bool aligned = tcg_as_intel(t, RULE_SHA_ALIGNED);
    uint64_t linear = ea_linear(env, i, t, ea, 16, ACCESS_READ | (aligned ? ACCESS_PACKED : 0));
    const V128 *p = mem_host_read(t, linear, 16);
    return LIKELY(p != NULL) ? _mm_loadu_si128(p) : xmm_load_slow(t, i, linear);
}
ALWAYS_INLINE void sha_op_r(SHAPE_R, VecBinary k) { sse_op_r(env, i, t, bits, cc, k); }
ALWAYS_INLINE void sha_op_m(SHAPE_M, VecBinary k) {
    (void)bits, (void)cc;
    V128 b = sha_load(env, i, t, ea);
    xmm_write(env, i->reg, k(xmm_read(env, i->reg), b));
}
ALWAYS_INLINE void sha_imm_r(SHAPE_R, VecImm k) { sse_imm_r(env, i, t, bits, cc, k); }
ALWAYS_INLINE void sha_imm_m(SHAPE_M, VecImm k) {
    (void)bits, (void)cc;
    V128 b = sha_load(env, i, t, ea);
    xmm_write(env, i->reg, k(xmm_read(env, i->reg), b, (uint8_t)i->imm));
}
ALWAYS_INLINE void sha_xmm0_r(SHAPE_R, VecTernary k) { sse_xmm0_r(env, i, t, bits, cc, k); }
ALWAYS_INLINE void sha_xmm0_m(SHAPE_M, VecTernary k) {
    (void)bits, (void)cc;
    V128 b = sha_load(env, i, t, ea);
    xmm_write(env, i->reg, k(xmm_read(env, i->reg), b, xmm_read(env, 0)));
}

/* ---- single elements ---- */

ALWAYS_INLINE void sse_pextrb_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    gpr_write(env, i->rm, 32, env->vec[i->reg].b[i->imm & 15]);
}
ALWAYS_INLINE void sse_pextrb_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    mem_store(t, i, ea_linear(env, i, t, ea, 1, ACCESS_WRITE), 1, env->vec[i->reg].b[i->imm & 15]);
}
ALWAYS_INLINE void sse_pextrw_st_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    gpr_write(env, i->rm, 32, env->vec[i->reg].w[i->imm & 7]);
}
ALWAYS_INLINE void sse_pextrw_st_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    mem_store(t, i, ea_linear(env, i, t, ea, 2, ACCESS_WRITE), 2, env->vec[i->reg].w[i->imm & 7]);
}
ALWAYS_INLINE void sse_pextrd_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    gpr_write(env, i->rm, 32, env->vec[i->reg].d[i->imm & 3]);
}
ALWAYS_INLINE void sse_pextrd_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    mem_store(t, i, ea_linear(env, i, t, ea, 4, ACCESS_WRITE), 4, env->vec[i->reg].d[i->imm & 3]);
}
ALWAYS_INLINE void sse_pextrq_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    gpr_write(env, i->rm, 64, env->vec[i->reg].q[i->imm & 1]);
}
ALWAYS_INLINE void sse_pextrq_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    mem_store(t, i, ea_linear(env, i, t, ea, 8, ACCESS_WRITE), 8, env->vec[i->reg].q[i->imm & 1]);
}
ALWAYS_INLINE void sse_pinsrb_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    env->vec[i->reg].b[i->imm & 15] = (uint8_t)gpr_read(env, i->rm, 8);
}
ALWAYS_INLINE void sse_pinsrb_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    env->vec[i->reg].b[i->imm & 15] = (uint8_t)mem_load(t, i, ea_linear(env, i, t, ea, 1, ACCESS_READ), 1);
}
ALWAYS_INLINE void sse_pinsrd_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    env->vec[i->reg].d[i->imm & 3] = (uint32_t)gpr_read(env, i->rm, 32);
}
ALWAYS_INLINE void sse_pinsrd_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    env->vec[i->reg].d[i->imm & 3] = (uint32_t)mem_load(t, i, ea_linear(env, i, t, ea, 4, ACCESS_READ), 4);
}
ALWAYS_INLINE void sse_pinsrq_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k, (void)t;
    env->vec[i->reg].q[i->imm & 1] = gpr_read(env, i->rm, 64);
}
ALWAYS_INLINE void sse_pinsrq_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    env->vec[i->reg].q[i->imm & 1] = mem_load(t, i, ea_linear(env, i, t, ea, 8, ACCESS_READ), 8);
}

/* ---- DPPS, DPPD ---- */

typedef V128 (*VecDot)(V128 a, V128 b, unsigned imm, bool intel);

ALWAYS_INLINE void sse_dot(CPUX86State *env, const struct Insn *i, struct Tcg *t, V128 b, VecDot k) {
    V128 a = xmm_read(env, i->reg);
    unsigned imm = (uint8_t)i->imm;
    xmm_write(env, i->reg, tcg_as_intel(t, RULE_DOT_PRODUCT_NAN) ? k(a, b, imm, true) : k(a, b, imm, false));
}

/* With an exception unmasked they are what they are made of: the first step that faults leaves its flags only. */
typedef V128 (*DotStep)(V128 a, V128 b);
ALWAYS_INLINE V128 dot_step(struct Tcg *t, const struct Insn *i, V128 a, V128 b, enum VecLanes lanes, DotStep k) {
    uint32_t before = xm_begin(t);
    V128 r = k(a, b);
    xm_end_binary(t, i, before, a, b, r, lanes, k);
    return r;
}
static NOINLINE __attribute__((unused)) V128 dpps_checked(struct Tcg *t, const struct Insn *i, V128 a, V128 b,
                                                          unsigned imm) {
    V128 counts = vec_dpps_mask(imm >> 4);
    V128 p = dot_step(t, i, _mm_and_si128(counts, a), _mm_and_si128(counts, b), LANES_PS, kernel_mulps);
    for (unsigned step = 0; step < 2; step++) {
        struct DotTerms of = dot_terms_ps(p, step, tcg_as_intel(t, RULE_DOT_PRODUCT_NAN));
        p = dot_step(t, i, of.a, of.b, LANES_PS, kernel_addps);
    }
    return _mm_and_si128(vec_dpps_mask(imm), p);
}
static NOINLINE __attribute__((unused)) V128 dppd_checked(struct Tcg *t, const struct Insn *i, V128 a, V128 b,
                                                          unsigned imm) {
    V128 counts = vec_dppd_mask(imm >> 4);
    V128 p = dot_step(t, i, _mm_and_si128(counts, a), _mm_and_si128(counts, b), LANES_PD, kernel_mulpd);
    struct DotTerms of = dot_terms_pd(p, 0, tcg_as_intel(t, RULE_DOT_PRODUCT_NAN));
    return _mm_and_si128(vec_dppd_mask(imm), dot_step(t, i, of.a, of.b, LANES_PD, kernel_addpd));
}

ALWAYS_INLINE void sse_dotps_r(SHAPE_R, VecDot k) {
    (void)bits, (void)cc;
    sse_dot(env, i, t, xmm_read(env, i->rm), k);
}
ALWAYS_INLINE void sse_dotps_m(SHAPE_M, VecDot k) {
    (void)bits, (void)cc;
    sse_dot(env, i, t, xmm_load(env, i, t, ea, VEC_128), k);
}
ALWAYS_INLINE void sse_dotps_rc(SHAPE_R, VecDot k) {
    (void)bits, (void)cc, (void)k;
    V128 b = xmm_read(env, i->rm);
    xmm_write(env, i->reg, dpps_checked(t, i, xmm_read(env, i->reg), b, (uint8_t)i->imm));
}
ALWAYS_INLINE void sse_dotps_mc(SHAPE_M, VecDot k) {
    (void)bits, (void)cc, (void)k;
    V128 b = xmm_load(env, i, t, ea, VEC_128);
    xmm_write(env, i->reg, dpps_checked(t, i, xmm_read(env, i->reg), b, (uint8_t)i->imm));
}
ALWAYS_INLINE void sse_dotpd_r(SHAPE_R, VecDot k) { sse_dotps_r(env, i, t, bits, cc, k); }
ALWAYS_INLINE void sse_dotpd_m(SHAPE_M, VecDot k) { sse_dotps_m(env, i, t, bits, ea, cc, k); }
ALWAYS_INLINE void sse_dotpd_rc(SHAPE_R, VecDot k) {
    (void)bits, (void)cc, (void)k;
    V128 b = xmm_read(env, i->rm);
    xmm_write(env, i->reg, dppd_checked(t, i, xmm_read(env, i->reg), b, (uint8_t)i->imm));
}
ALWAYS_INLINE void sse_dotpd_mc(SHAPE_M, VecDot k) {
    (void)bits, (void)cc, (void)k;
    V128 b = xmm_load(env, i, t, ea, VEC_128);
    xmm_write(env, i->reg, dppd_checked(t, i, xmm_read(env, i->reg), b, (uint8_t)i->imm));
}

/* ---- string comparisons: the second string may lie at any address ---- */

/** Lengths that PCMPESTRx takes from EAX and EDX, or RAX and RDX. */
typedef int64_t (*PcmpStrLength)(const CPUX86State *env, unsigned reg);
ALWAYS_INLINE int64_t kernel_explicit32(const CPUX86State *env, unsigned reg) { return (int32_t)env->gpr[reg]; }
ALWAYS_INLINE int64_t kernel_explicit64(const CPUX86State *env, unsigned reg) { return (int64_t)env->gpr[reg]; }

ALWAYS_INLINE uint32_t sse_pcmpestr(CPUX86State *env, const struct Insn *i, struct Tcg *t, V128 b, PcmpStrLength k) {
    unsigned imm = (uint8_t)i->imm;
    struct PcmpStr r = kernel_pcmpstr(xmm_read(env, i->reg), pcmpstr_explicit(k(env, REG_AX), imm), b,
                                      pcmpstr_explicit(k(env, REG_DX), imm), imm);
    cc_load(&t->cc, r.flags);
    return r.bits;
}
ALWAYS_INLINE uint32_t sse_pcmpistr(CPUX86State *env, const struct Insn *i, struct Tcg *t, V128 b) {
    unsigned imm = (uint8_t)i->imm;
    V128 a = xmm_read(env, i->reg);
    struct PcmpStr r = kernel_pcmpstr(a, pcmpstr_length(a, imm), b, pcmpstr_length(b, imm), imm);
    cc_load(&t->cc, r.flags);
    return r.bits;
}
ALWAYS_INLINE void sse_put_index(CPUX86State *env, const struct Insn *i, uint32_t found) {
    env->gpr[REG_CX] = pcmpstr_index(found, (uint8_t)i->imm);
}
ALWAYS_INLINE void sse_put_mask(CPUX86State *env, const struct Insn *i, uint32_t found) {
    xmm_write(env, 0, pcmpstr_mask(found, (uint8_t)i->imm));
}

ALWAYS_INLINE void sse_pcmpestri_r(SHAPE_R, PcmpStrLength k) {
    (void)bits, (void)cc;
    sse_put_index(env, i, sse_pcmpestr(env, i, t, xmm_read(env, i->rm), k));
}
ALWAYS_INLINE void sse_pcmpestri_m(SHAPE_M, PcmpStrLength k) {
    (void)bits, (void)cc;
    sse_put_index(env, i, sse_pcmpestr(env, i, t, xmm_load(env, i, t, ea, VEC_128_ANY), k));
}
ALWAYS_INLINE void sse_pcmpestrm_r(SHAPE_R, PcmpStrLength k) {
    (void)bits, (void)cc;
    sse_put_mask(env, i, sse_pcmpestr(env, i, t, xmm_read(env, i->rm), k));
}
ALWAYS_INLINE void sse_pcmpestrm_m(SHAPE_M, PcmpStrLength k) {
    (void)bits, (void)cc;
    sse_put_mask(env, i, sse_pcmpestr(env, i, t, xmm_load(env, i, t, ea, VEC_128_ANY), k));
}
ALWAYS_INLINE void sse_pcmpistri_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k;
    sse_put_index(env, i, sse_pcmpistr(env, i, t, xmm_read(env, i->rm)));
}
ALWAYS_INLINE void sse_pcmpistri_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    sse_put_index(env, i, sse_pcmpistr(env, i, t, xmm_load(env, i, t, ea, VEC_128_ANY)));
}
ALWAYS_INLINE void sse_pcmpistrm_r(SHAPE_R, const void *k) {
    (void)bits, (void)cc, (void)k;
    sse_put_mask(env, i, sse_pcmpistr(env, i, t, xmm_read(env, i->rm)));
}
ALWAYS_INLINE void sse_pcmpistrm_m(SHAPE_M, const void *k) {
    (void)bits, (void)cc, (void)k;
    sse_put_mask(env, i, sse_pcmpistr(env, i, t, xmm_load(env, i, t, ea, VEC_128_ANY)));
}

#endif
