/* SPDX-License-Identifier: MIT */
/** Kernels of SSE4.1: floating point. Per 128-bit lane, also for VEX.256. */
#ifndef TWIN86_TCG_KERNELS_VEC_SSE41_FP_H
#define TWIN86_TCG_KERNELS_VEC_SSE41_FP_H

#include "accel/tcg-lite/exec/portable/kernels_portable_sse41_fp.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_host.h"

/* ROUND: bits 1-0 of imm are the mode unless bit 2 says that MXCSR has it; bit 3: no PE. Bits 7-4 mean nothing. */
#define VEC_ROUND_CASE(INSN, IMM)                                                                                      \
    case IMM: __asm__ volatile(INSN " $" #IMM ", %1, %0" : "+x"(a) : "x"(b)); break;
#define VEC_ROUND(NAME, INSN, PORTABLE_FN)                                                                             \
    ALWAYS_INLINE V128 NAME(V128 a, V128 b, unsigned imm) {                                                            \
        if (UNLIKELY(!host_has(HOST_SSE41)))                                                                           \
            return PORTABLE_FN(a, b, imm);                                                                             \
        switch (imm & 4 ? imm & 12 : imm & 11) {                                                                       \
            VEC_ROUND_CASE(INSN, 0)                                                                                    \
            VEC_ROUND_CASE(INSN, 1)                                                                                    \
            VEC_ROUND_CASE(INSN, 2)                                                                                    \
            VEC_ROUND_CASE(INSN, 3)                                                                                    \
            VEC_ROUND_CASE(INSN, 4)                                                                                    \
            VEC_ROUND_CASE(INSN, 8)                                                                                    \
            VEC_ROUND_CASE(INSN, 9)                                                                                    \
            VEC_ROUND_CASE(INSN, 10)                                                                                   \
            VEC_ROUND_CASE(INSN, 11)                                                                                   \
        default: __asm__ volatile(INSN " $12, %1, %0" : "+x"(a) : "x"(b)); break;                                      \
        }                                                                                                              \
        return a;                                                                                                      \
    }

VEC_ROUND(kernel_roundps, "roundps", portable_roundps)
VEC_ROUND(kernel_roundpd, "roundpd", portable_roundpd)
VEC_ROUND(kernel_roundss, "roundss", portable_roundss)
VEC_ROUND(kernel_roundsd, "roundsd", portable_roundsd)

/** Bits 7-4 of imm choose the products that count, 3-0 the lanes that get the sum; the others become 0. */
ALWAYS_INLINE V128 vec_dpps_mask(unsigned imm) {
    const V128 bits = _mm_set_epi32(8, 4, 2, 1);
    return _mm_cmpeq_epi32(_mm_and_si128(_mm_set1_epi32((int)imm), bits), bits);
}
ALWAYS_INLINE V128 vec_dppd_mask(unsigned imm) { return (V128){-(long long)(imm & 1), -(long long)(imm >> 1 & 1)}; }

/*
 * Products are added in the vendor's order, which shows in nothing but the NaN that results (the first operand's): the
 * host's own DPPS would have its vendor's. Lanes that don't count are zeros, whose product raises nothing.
 */

/** The two operands of one of the additions that make a sum of products. */
struct DotTerms {
    V128 a, b;
};
typedef struct DotTerms (*DotOrder)(V128 p, unsigned step, bool intel);

/** Step 0 adds neighbours, step 1 the sums (RULE_DOT_PRODUCT_NAN). */
ALWAYS_INLINE struct DotTerms dot_terms_ps(V128 p, unsigned step, bool intel) {
    if (!intel)
        return (struct DotTerms){even_floats(p, p), odd_floats(p, p)};
    return step == 0 ? (struct DotTerms){_mm_shuffle_epi32(p, 0xb1), p}
                     : (struct DotTerms){p, _mm_shuffle_epi32(p, 0x4e)};
}
ALWAYS_INLINE struct DotTerms dot_terms_pd(V128 p, unsigned step, bool intel) {
    (void)step;
    return intel ? (struct DotTerms){p, _mm_shuffle_epi32(p, 0x4e)}
                 : (struct DotTerms){_mm_unpacklo_epi64(p, p), _mm_unpackhi_epi64(p, p)};
}

ALWAYS_INLINE V128 kernel_dpps(V128 a, V128 b, unsigned imm, bool intel) {
    V128 counts = vec_dpps_mask(imm >> 4), p = kernel_mulps(_mm_and_si128(counts, a), _mm_and_si128(counts, b));
    for (unsigned step = 0; step < 2; step++) {
        struct DotTerms of = dot_terms_ps(p, step, intel);
        p = kernel_addps(of.a, of.b);
    }
    return _mm_and_si128(vec_dpps_mask(imm), p);
}
ALWAYS_INLINE V128 kernel_dppd(V128 a, V128 b, unsigned imm, bool intel) {
    V128 counts = vec_dppd_mask(imm >> 4), p = kernel_mulpd(_mm_and_si128(counts, a), _mm_and_si128(counts, b));
    struct DotTerms of = dot_terms_pd(p, 0, intel);
    return _mm_and_si128(vec_dppd_mask(imm), kernel_addpd(of.a, of.b));
}

#endif
