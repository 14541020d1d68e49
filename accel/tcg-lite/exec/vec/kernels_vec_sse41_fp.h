/* SPDX-License-Identifier: MIT */
/** Kernels of SSE4.1: floating point. Per 128-bit lane, also for VEX.256. */
#ifndef TWIN86_TCG_KERNELS_VEC_SSE41_FP_H
#define TWIN86_TCG_KERNELS_VEC_SSE41_FP_H

#include "accel/tcg-lite/exec/portable/kernels_portable_sse41_fp.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_host.h"

/* ROUND: bits 1-0 of imm are the mode unless bit 2 says that MXCSR has it; bit 3: no PE. Bits 7-4 mean nothing. */
#define VEC_ROUND_CASE(INSN, IMM)                                                                                      \
    case IMM:                                                                                                          \
        __asm__ volatile(INSN " $" #IMM ", %1, %0" : "+x"(a) : "x"(b));                                                \
        break;
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

VEC_ROUND(k_roundps, "roundps", p_roundps)
VEC_ROUND(k_roundpd, "roundpd", p_roundpd)
VEC_ROUND(k_roundss, "roundss", p_roundss)
VEC_ROUND(k_roundsd, "roundsd", p_roundsd)

/** Bits 7-4 of imm choose the products that count, 3-0 the lanes that get the sum; the others become 0. */
ALWAYS_INLINE V128 vec_dpps_mask(unsigned imm) {
    const V128 bits = _mm_set_epi32(8, 4, 2, 1);
    return _mm_cmpeq_epi32(_mm_and_si128(_mm_set1_epi32((int)imm), bits), bits);
}
ALWAYS_INLINE V128 vec_dppd_mask(unsigned imm) { return (V128){-(long long)(imm & 1), -(long long)(imm >> 1 & 1)}; }

/** A product of two zeros is what the host takes for one that does not count, and raises nothing. */
ALWAYS_INLINE V128 k_dpps(V128 a, V128 b, unsigned imm) {
    V128 counts = vec_dpps_mask(imm >> 4), x = _mm_and_si128(counts, a), y = _mm_and_si128(counts, b);
    if (UNLIKELY(!host_has(HOST_SSE41)))
        x = p_dpps(x, y);
    else
        __asm__ volatile("dpps $255, %1, %0" : "+x"(x) : "x"(y));
    return _mm_and_si128(vec_dpps_mask(imm), x);
}
ALWAYS_INLINE V128 k_dppd(V128 a, V128 b, unsigned imm) {
    V128 counts = vec_dppd_mask(imm >> 4), x = _mm_and_si128(counts, a), y = _mm_and_si128(counts, b);
    if (UNLIKELY(!host_has(HOST_SSE41)))
        x = p_dppd(x, y);
    else
        __asm__ volatile("dppd $255, %1, %0" : "+x"(x) : "x"(y));
    return _mm_and_si128(vec_dppd_mask(imm), x);
}

#endif
