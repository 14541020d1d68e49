/* SPDX-License-Identifier: MIT */
/** Kernels of SSE4.1: integers and blends; floating point is in kernels_vec_sse41_fp.h. Per 128-bit lane, also for
 *  VEX.256, but for PHMINPOSUW and INSERTPS, which have no such form, and PMOVSX, PMOVZX, which widen the low part. */
#ifndef TWIN86_TCG_KERNELS_VEC_SSE41_H
#define TWIN86_TCG_KERNELS_VEC_SSE41_H

#include "accel/tcg-lite/exec/portable/kernels_portable_sse41.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_ssse3.h"

VEC_HOST(kernel_pminsb, HOST_SSE41, "pminsb", portable_pminsb)
VEC_HOST(kernel_pmaxsb, HOST_SSE41, "pmaxsb", portable_pmaxsb)
VEC_HOST(kernel_pminuw, HOST_SSE41, "pminuw", portable_pminuw)
VEC_HOST(kernel_pmaxuw, HOST_SSE41, "pmaxuw", portable_pmaxuw)
VEC_HOST(kernel_pminsd, HOST_SSE41, "pminsd", portable_pminsd)
VEC_HOST(kernel_pmaxsd, HOST_SSE41, "pmaxsd", portable_pmaxsd)
VEC_HOST(kernel_pminud, HOST_SSE41, "pminud", portable_pminud)
VEC_HOST(kernel_pmaxud, HOST_SSE41, "pmaxud", portable_pmaxud)
VEC_HOST(kernel_pmulld, HOST_SSE41, "pmulld", portable_pmulld)
VEC_HOST(kernel_pmuldq, HOST_SSE41, "pmuldq", portable_pmuldq)
VEC_HOST(kernel_pcmpeqq, HOST_SSE41, "pcmpeqq", portable_pcmpeqq)
VEC_HOST(kernel_packusdw, HOST_SSE41, "packusdw", portable_packusdw)
VEC_HOST_UNARY(kernel_phminposuw, HOST_SSE41, "phminposuw", portable_phminposuw)

VEC_HOST_UNARY(kernel_pmovsxbw, HOST_SSE41, "pmovsxbw", portable_pmovsxbw)
VEC_HOST_UNARY(kernel_pmovsxbd, HOST_SSE41, "pmovsxbd", portable_pmovsxbd)
VEC_HOST_UNARY(kernel_pmovsxbq, HOST_SSE41, "pmovsxbq", portable_pmovsxbq)
VEC_HOST_UNARY(kernel_pmovsxwd, HOST_SSE41, "pmovsxwd", portable_pmovsxwd)
VEC_HOST_UNARY(kernel_pmovsxwq, HOST_SSE41, "pmovsxwq", portable_pmovsxwq)
VEC_HOST_UNARY(kernel_pmovsxdq, HOST_SSE41, "pmovsxdq", portable_pmovsxdq)

/* SSE2's interleaving with zeros is as good as PMOVZX. */
ALWAYS_INLINE V128 kernel_pmovzxbw(V128 b) { return _mm_unpacklo_epi8(b, _mm_setzero_si128()); }
ALWAYS_INLINE V128 kernel_pmovzxwd(V128 b) { return _mm_unpacklo_epi16(b, _mm_setzero_si128()); }
ALWAYS_INLINE V128 kernel_pmovzxdq(V128 b) { return _mm_unpacklo_epi32(b, _mm_setzero_si128()); }
ALWAYS_INLINE V128 kernel_pmovzxbd(V128 b) { return kernel_pmovzxwd(kernel_pmovzxbw(b)); }
ALWAYS_INLINE V128 kernel_pmovzxwq(V128 b) { return kernel_pmovzxdq(kernel_pmovzxwd(b)); }
ALWAYS_INLINE V128 kernel_pmovzxbq(V128 b) { return kernel_pmovzxdq(kernel_pmovzxbd(b)); }

/* ---- blends: lanes of b where the sign of c, or the bit of imm, is 1 ---- */

VEC_HOST_XMM0(kernel_pblendvb, HOST_SSE41, "pblendvb", portable_pblendvb)
VEC_HOST_XMM0(kernel_blendvps, HOST_SSE41, "blendvps", portable_blendvps)
VEC_HOST_XMM0(kernel_blendvpd, HOST_SSE41, "blendvpd", portable_blendvpd)

ALWAYS_INLINE V128 kernel_pblendw(V128 a, V128 b, unsigned imm) {
    const V128 bits = _mm_set_epi16(128, 64, 32, 16, 8, 4, 2, 1);
    return select_bits(a, b, _mm_cmpeq_epi16(_mm_and_si128(_mm_set1_epi16((short)imm), bits), bits));
}
ALWAYS_INLINE V128 kernel_blendps(V128 a, V128 b, unsigned imm) {
    const V128 bits = _mm_set_epi32(8, 4, 2, 1);
    return select_bits(a, b, _mm_cmpeq_epi32(_mm_and_si128(_mm_set1_epi32((int)imm), bits), bits));
}
ALWAYS_INLINE V128 kernel_blendpd(V128 a, V128 b, unsigned imm) {
    return (V128){imm & 1 ? b[0] : a[0], imm & 2 ? b[1] : a[1]};
}

/* ---- the rest ---- */

/** Bit 2 of imm says where in a, bits 1-0 where in b (VEX.256 has bits 5-3 for the high lane). */
ALWAYS_INLINE V128 kernel_mpsadbw(V128 a, V128 b, unsigned imm) {
    if (UNLIKELY(!host_has(HOST_SSE41)))
        return portable_mpsadbw(a, b, imm);
    a = kernel_pshufb(a, _mm_loadu_si128((const V128 *)(vec_window + 16 + (imm & 4))));
    b = kernel_pshufb(b, _mm_loadu_si128((const V128 *)(vec_window + 16 + 4 * (imm & 3))));
    __asm__("mpsadbw $0, %1, %0" : "+x"(a) : "x"(b));
    return a;
}

/** From a register: bits 7-6 of imm choose the float of b, 5-4 its place in a, 3-0 what becomes 0. */
ALWAYS_INLINE V128 kernel_insertps(V128 a, V128 b, unsigned imm) {
    const V128 places = _mm_set_epi32(0x30, 0x20, 0x10, 0), bits = _mm_set_epi32(8, 4, 2, 1);
    V128 all = _mm_set1_epi32((int)imm), place = _mm_cmpeq_epi32(_mm_and_si128(all, _mm_set1_epi32(0x30)), places);
    b = imm & 0x80 ? _mm_unpackhi_epi32(b, b) : _mm_unpacklo_epi32(b, b);
    b = imm & 0x40 ? _mm_unpackhi_epi64(b, b) : _mm_unpacklo_epi64(b, b);
    return _mm_andnot_si128(_mm_cmpeq_epi32(_mm_and_si128(all, bits), bits), select_bits(a, b, place));
}
/** From memory, where there is one float. */
ALWAYS_INLINE V128 kernel_insertps_mem(V128 a, V128 b, unsigned imm) { return kernel_insertps(a, b, imm & 0x3f); }

/** ZF: a & b is 0; CF: ~a & b is 0. VEX.256 takes the AND of what its halves give. */
ALWAYS_INLINE uint32_t kernel_ptest(V128 a, V128 b) {
    if (UNLIKELY(!host_has(HOST_SSE41)))
        return portable_ptest(a, b);
    bool z, c;
    __asm__("ptest %3, %2" : "=@ccz"(z), "=@ccc"(c) : "x"(a), "x"(b));
    return (uint32_t)c | (uint32_t)z << 6;
}

#endif
