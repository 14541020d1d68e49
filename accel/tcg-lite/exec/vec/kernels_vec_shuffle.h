/* SPDX-License-Identifier: MIT */
/**
 * Shuffles and shifts by bytes. The host's instructions want their selectors as constants, so PSHUFB does the work,
 * with controls made from the guest's imm8.
 */
#ifndef TWIN86_TCG_KERNELS_VEC_SHUFFLE_H
#define TWIN86_TCG_KERNELS_VEC_SHUFFLE_H

#include "accel/tcg-lite/exec/portable/kernels_portable_shuffle.h"
#include "accel/tcg-lite/exec/portable/kernels_portable_ssse3.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_host.h"

VEC_HOST(kernel_pshufb, HOST_SSSE3, "pshufb", portable_pshufb)

/* 16 bytes from offset n select, for PSHUFB, byte k + n - 16 where there is such a byte, and nothing elsewhere. */
static const uint8_t vec_window[64] __attribute__((aligned(64))) = {
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, /* below */
    0,    1,    2,    3,    4,    5,    6,    7,    8,    9,    10,   11,   12,   13,   14,   15,   /* within */
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, /* above */
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80};

ALWAYS_INLINE V128 vec_window_at(unsigned n) { return _mm_loadu_si128((const V128 *)(vec_window + n)); }

/* PSHUFB's bytes for two selectors of two bits: doublewords, and words. */
static const uint64_t vec_two_dwords[16] = {
    0x0302010003020100, 0x0302010007060504, 0x030201000b0a0908, 0x030201000f0e0d0c,
    0x0706050403020100, 0x0706050407060504, 0x070605040b0a0908, 0x070605040f0e0d0c,
    0x0b0a090803020100, 0x0b0a090807060504, 0x0b0a09080b0a0908, 0x0b0a09080f0e0d0c,
    0x0f0e0d0c03020100, 0x0f0e0d0c07060504, 0x0f0e0d0c0b0a0908, 0x0f0e0d0c0f0e0d0c};
static const uint32_t vec_two_words[16] = {0x01000100, 0x01000302, 0x01000504, 0x01000706, 0x03020100, 0x03020302,
                                           0x03020504, 0x03020706, 0x05040100, 0x05040302, 0x05040504, 0x05040706,
                                           0x07060100, 0x07060302, 0x07060504, 0x07060706};

/** PSLLDQ, PSRLDQ: the count, in bytes, is the low byte of b. */
ALWAYS_INLINE V128 kernel_pslldq(V128 a, V128 b) {
    unsigned n = (uint8_t)_mm_cvtsi128_si32(b);
    if (UNLIKELY(!host_has(HOST_SSSE3)))
        return portable_pslldq(a, n);
    return kernel_pshufb(a, vec_window_at(16 - (n > 15 ? 16 : n)));
}
ALWAYS_INLINE V128 kernel_psrldq(V128 a, V128 b) {
    unsigned n = (uint8_t)_mm_cvtsi128_si32(b);
    if (UNLIKELY(!host_has(HOST_SSSE3)))
        return portable_psrldq(a, n);
    return kernel_pshufb(a, vec_window_at(16 + (n > 15 ? 16 : n)));
}

/* a is the destination's old value, imm (8 bits) the selectors. */
ALWAYS_INLINE V128 kernel_pshufd(V128 a, V128 b, unsigned imm) {
    if (UNLIKELY(!host_has(HOST_SSSE3)))
        return portable_pshufd(a, b, imm);
    return kernel_pshufb(b, (V128){(long long)vec_two_dwords[imm & 15], (long long)vec_two_dwords[imm >> 4 & 15]});
}
ALWAYS_INLINE V128 kernel_shufps(V128 a, V128 b, unsigned imm) {
    if (UNLIKELY(!host_has(HOST_SSSE3)))
        return portable_shufps(a, b, imm);
    V128 low = kernel_pshufb(a, _mm_loadl_epi64((const V128 *)&vec_two_dwords[imm & 15]));
    return _mm_unpacklo_epi64(low, kernel_pshufb(b, _mm_loadl_epi64((const V128 *)&vec_two_dwords[imm >> 4 & 15])));
}
ALWAYS_INLINE long long vec_four_words(unsigned imm) {
    return (long long)(vec_two_words[imm & 15] | (uint64_t)vec_two_words[imm >> 4 & 15] << 32);
}
ALWAYS_INLINE V128 kernel_pshuflw(V128 a, V128 b, unsigned imm) {
    if (UNLIKELY(!host_has(HOST_SSSE3)))
        return portable_pshuflw(a, b, imm);
    return kernel_pshufb(b, (V128){vec_four_words(imm), 0x0f0e0d0c0b0a0908});
}
ALWAYS_INLINE V128 kernel_pshufhw(V128 a, V128 b, unsigned imm) {
    if (UNLIKELY(!host_has(HOST_SSSE3)))
        return portable_pshufhw(a, b, imm);
    return kernel_pshufb(b, (V128){0x0706050403020100, vec_four_words(imm) + 0x0808080808080808});
}

#endif
