/* SPDX-License-Identifier: MIT */
/** Kernels of SSE4.1: integers and blends; floating point is in kernels_vec_sse41_fp.h. Per 128-bit lane, also for
 *  VEX.256, but for PHMINPOSUW and INSERTPS, which have no such form, and PMOVSX, PMOVZX, which widen the low part. */
#ifndef TWIN86_TCG_KERNELS_VEC_SSE41_H
#define TWIN86_TCG_KERNELS_VEC_SSE41_H

#include "accel/tcg-lite/exec/portable/kernels_portable_sse41.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_ssse3.h"

VEC_HOST(k_pminsb, HOST_SSE41, "pminsb", p_pminsb)
VEC_HOST(k_pmaxsb, HOST_SSE41, "pmaxsb", p_pmaxsb)
VEC_HOST(k_pminuw, HOST_SSE41, "pminuw", p_pminuw)
VEC_HOST(k_pmaxuw, HOST_SSE41, "pmaxuw", p_pmaxuw)
VEC_HOST(k_pminsd, HOST_SSE41, "pminsd", p_pminsd)
VEC_HOST(k_pmaxsd, HOST_SSE41, "pmaxsd", p_pmaxsd)
VEC_HOST(k_pminud, HOST_SSE41, "pminud", p_pminud)
VEC_HOST(k_pmaxud, HOST_SSE41, "pmaxud", p_pmaxud)
VEC_HOST(k_pmulld, HOST_SSE41, "pmulld", p_pmulld)
VEC_HOST(k_pmuldq, HOST_SSE41, "pmuldq", p_pmuldq)
VEC_HOST(k_pcmpeqq, HOST_SSE41, "pcmpeqq", p_pcmpeqq)
VEC_HOST(k_packusdw, HOST_SSE41, "packusdw", p_packusdw)
VEC_HOST_UNARY(k_phminposuw, HOST_SSE41, "phminposuw", p_phminposuw)

VEC_HOST_UNARY(k_pmovsxbw, HOST_SSE41, "pmovsxbw", p_pmovsxbw)
VEC_HOST_UNARY(k_pmovsxbd, HOST_SSE41, "pmovsxbd", p_pmovsxbd)
VEC_HOST_UNARY(k_pmovsxbq, HOST_SSE41, "pmovsxbq", p_pmovsxbq)
VEC_HOST_UNARY(k_pmovsxwd, HOST_SSE41, "pmovsxwd", p_pmovsxwd)
VEC_HOST_UNARY(k_pmovsxwq, HOST_SSE41, "pmovsxwq", p_pmovsxwq)
VEC_HOST_UNARY(k_pmovsxdq, HOST_SSE41, "pmovsxdq", p_pmovsxdq)

/* SSE2's interleaving with zeros is as good as PMOVZX. */
ALWAYS_INLINE V128 k_pmovzxbw(V128 b) { return _mm_unpacklo_epi8(b, _mm_setzero_si128()); }
ALWAYS_INLINE V128 k_pmovzxwd(V128 b) { return _mm_unpacklo_epi16(b, _mm_setzero_si128()); }
ALWAYS_INLINE V128 k_pmovzxdq(V128 b) { return _mm_unpacklo_epi32(b, _mm_setzero_si128()); }
ALWAYS_INLINE V128 k_pmovzxbd(V128 b) { return k_pmovzxwd(k_pmovzxbw(b)); }
ALWAYS_INLINE V128 k_pmovzxwq(V128 b) { return k_pmovzxdq(k_pmovzxwd(b)); }
ALWAYS_INLINE V128 k_pmovzxbq(V128 b) { return k_pmovzxdq(k_pmovzxbd(b)); }

/* ---- blends: lanes of b where the sign of c, or the bit of imm, is 1 ---- */

VEC_HOST_XMM0(k_pblendvb, HOST_SSE41, "pblendvb", p_pblendvb)
VEC_HOST_XMM0(k_blendvps, HOST_SSE41, "blendvps", p_blendvps)
VEC_HOST_XMM0(k_blendvpd, HOST_SSE41, "blendvpd", p_blendvpd)

ALWAYS_INLINE V128 k_pblendw(V128 a, V128 b, unsigned imm) {
    const V128 bits = _mm_set_epi16(128, 64, 32, 16, 8, 4, 2, 1);
    return select_bits(a, b, _mm_cmpeq_epi16(_mm_and_si128(_mm_set1_epi16((short)imm), bits), bits));
}
ALWAYS_INLINE V128 k_blendps(V128 a, V128 b, unsigned imm) {
    const V128 bits = _mm_set_epi32(8, 4, 2, 1);
    return select_bits(a, b, _mm_cmpeq_epi32(_mm_and_si128(_mm_set1_epi32((int)imm), bits), bits));
}
ALWAYS_INLINE V128 k_blendpd(V128 a, V128 b, unsigned imm) {
    return (V128){imm & 1 ? b[0] : a[0], imm & 2 ? b[1] : a[1]};
}

/* ---- the rest ---- */

/** Bit 2 of imm says where in a, bits 1-0 where in b (VEX.256 has bits 5-3 for the high lane). */
ALWAYS_INLINE V128 k_mpsadbw(V128 a, V128 b, unsigned imm) {
    if (UNLIKELY(!host_has(HOST_SSE41)))
        return p_mpsadbw(a, b, imm);
    a = k_pshufb(a, _mm_loadu_si128((const V128 *)(vec_window + 16 + (imm & 4))));
    b = k_pshufb(b, _mm_loadu_si128((const V128 *)(vec_window + 16 + 4 * (imm & 3))));
    __asm__("mpsadbw $0, %1, %0" : "+x"(a) : "x"(b));
    return a;
}

/** From a register: bits 7-6 of imm choose the float of b, 5-4 its place in a, 3-0 what becomes 0. */
ALWAYS_INLINE V128 k_insertps(V128 a, V128 b, unsigned imm) {
    const V128 places = _mm_set_epi32(0x30, 0x20, 0x10, 0), bits = _mm_set_epi32(8, 4, 2, 1);
    V128 all = _mm_set1_epi32((int)imm), place = _mm_cmpeq_epi32(_mm_and_si128(all, _mm_set1_epi32(0x30)), places);
    b = imm & 0x80 ? _mm_unpackhi_epi32(b, b) : _mm_unpacklo_epi32(b, b);
    b = imm & 0x40 ? _mm_unpackhi_epi64(b, b) : _mm_unpacklo_epi64(b, b);
    return _mm_andnot_si128(_mm_cmpeq_epi32(_mm_and_si128(all, bits), bits), select_bits(a, b, place));
}
/** From memory, where there is one float. */
ALWAYS_INLINE V128 k_insertps_mem(V128 a, V128 b, unsigned imm) { return k_insertps(a, b, imm & 0x3f); }

/** ZF: a & b is 0; CF: ~a & b is 0. VEX.256 takes the AND of what its halves give. */
ALWAYS_INLINE uint32_t k_ptest(V128 a, V128 b) {
    if (UNLIKELY(!host_has(HOST_SSE41)))
        return p_ptest(a, b);
    bool z, c;
    __asm__("ptest %3, %2" : "=@ccz"(z), "=@ccc"(c) : "x"(a), "x"(b));
    return (uint32_t)c | (uint32_t)z << 6;
}

#endif
