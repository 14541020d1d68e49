/* SPDX-License-Identifier: MIT */
/** Kernels of SSE4.2: PCMPGTQ (per 128-bit lane, also for VEX.256) and the string comparisons. */
#ifndef TWIN86_TCG_KERNELS_VEC_SSE42_H
#define TWIN86_TCG_KERNELS_VEC_SSE42_H

#include "accel/tcg-lite/exec/portable/kernels_portable_sse42.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_host.h"

VEC_HOST(kernel_pcmpgtq, HOST_SSE42, "pcmpgtq", portable_pcmpgtq)

/* ---- string comparison ---- */

/** What PCMPESTRI and its kin come to: IntRes2 and the flags. */
struct PcmpStr {
    uint32_t bits;  /* one for each element of the second string */
    uint32_t flags; /* CF, ZF, SF, OF in EFLAGS positions; AF and PF are 0 */
};

/** Elements before the first that is 0. */
ALWAYS_INLINE unsigned pcmpstr_length(V128 v, unsigned imm) {
    const V128 zero = _mm_setzero_si128();
    if (imm & PCMPSTR_WORDS)
        return (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(_mm_cmpeq_epi16(v, zero)) | 0x10000) / 2;
    return (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, zero)) | 0x10000);
}
/** An explicit length: the value of a register of 32 or 64 bits. */
ALWAYS_INLINE unsigned pcmpstr_explicit(int64_t v, unsigned imm) {
    int64_t n = imm & PCMPSTR_WORDS ? 8 : 16;
    return (unsigned)(v > n || v < -n ? n : v < 0 ? -v : v);
}

#define PCMPSTR_CASE(IMM)                                                                                              \
    case IMM: __asm__("pcmpestrm $" #IMM ", %2, %1" : "=Yz"(r) : "x"(a), "x"(b), "a"(a_len), "d"(b_len) : "cc"); break;

/** IntRes1; lengths in elements. */
ALWAYS_INLINE uint32_t pcmpstr_compare(V128 a, unsigned a_len, V128 b, unsigned b_len, unsigned imm) {
    if (UNLIKELY(!host_has(HOST_SSE42)))
        return portable_pcmpstr(a, a_len, b, b_len, imm);
    V128 r;
    switch (imm & 15) {
        PCMPSTR_CASE(0)
        PCMPSTR_CASE(1)
        PCMPSTR_CASE(2)
        PCMPSTR_CASE(3)
        PCMPSTR_CASE(4)
        PCMPSTR_CASE(5)
        PCMPSTR_CASE(6)
        PCMPSTR_CASE(7)
        PCMPSTR_CASE(8)
        PCMPSTR_CASE(9)
        PCMPSTR_CASE(10)
        PCMPSTR_CASE(11)
        PCMPSTR_CASE(12)
        PCMPSTR_CASE(13)
        PCMPSTR_CASE(14)
    default: __asm__("pcmpestrm $15, %2, %1" : "=Yz"(r) : "x"(a), "x"(b), "a"(a_len), "d"(b_len) : "cc"); break;
    }
    return (uint32_t)_mm_cvtsi128_si32(r);
}

/** Compare the first a_len elements of a with the first b_len of b as imm says. */
ALWAYS_INLINE struct PcmpStr kernel_pcmpstr(V128 a, unsigned a_len, V128 b, unsigned b_len, unsigned imm) {
    unsigned n = imm & PCMPSTR_WORDS ? 8 : 16;
    uint32_t bits = pcmpstr_compare(a, a_len, b, b_len, imm);
    if (imm & PCMPSTR_NEGATE)
        bits ^= imm & PCMPSTR_VALID_ONLY ? (1u << b_len) - 1 : (1u << n) - 1;
    return (struct PcmpStr){bits, (bits ? FLAG_CF : 0) | (b_len < n ? FLAG_ZF : 0) | (a_len < n ? FLAG_SF : 0) |
                                      (bits & 1 ? FLAG_OF : 0)};
}

/** The index for ECX: lowest or highest bit, or the number of elements. */
ALWAYS_INLINE uint32_t pcmpstr_index(uint32_t bits, unsigned imm) {
    if (!bits)
        return imm & PCMPSTR_WORDS ? 8 : 16;
    return (uint32_t)(imm & PCMPSTR_TOP ? 31 - __builtin_clz(bits) : __builtin_ctz(bits));
}
/** The mask for XMM0: the bits, or elements of ones. */
ALWAYS_INLINE V128 pcmpstr_mask(uint32_t bits, unsigned imm) {
    if (!(imm & PCMPSTR_TOP))
        return _mm_cvtsi32_si128((int)bits);
    V128 all = _mm_set1_epi16((short)bits);
    if (imm & PCMPSTR_WORDS) {
        const V128 select = _mm_set_epi16(128, 64, 32, 16, 8, 4, 2, 1);
        return _mm_cmpeq_epi16(_mm_and_si128(all, select), select);
    }
    const V128 select = _mm_set1_epi64x((long long)0x8040201008040201);
    all = _mm_unpacklo_epi8(all, all); /* low byte, high byte, twice each */
    all = _mm_shufflelo_epi16(all, 0x00), all = _mm_shuffle_epi32(all, 0x00);
    V128 high = _mm_set1_epi8((char)(bits >> 8));
    return _mm_cmpeq_epi8(_mm_and_si128(_mm_unpacklo_epi64(all, high), select), select);
}

#endif
