/* SPDX-License-Identifier: MIT */
/**
 * Integer vector kernels: pure functions of 128-bit values. MMX uses them on the low half; AVX can use them on each
 * half of a YMM register, because its instructions work within 128-bit lanes.
 */
#ifndef TWIN86_TCG_KERNELS_VEC_INT_H
#define TWIN86_TCG_KERNELS_VEC_INT_H

#include "accel/tcg-lite/run/insn.h"

#include <emmintrin.h>

typedef __m128i V128;

/* NAME(a, b) = INTRINSIC(a, b) */
#define VEC_INT(NAME, INTRINSIC)                                                                                       \
    ALWAYS_INLINE V128 NAME(V128 a, V128 b) { return INTRINSIC(a, b); }

VEC_INT(kernel_paddb, _mm_add_epi8)
VEC_INT(kernel_paddw, _mm_add_epi16)
VEC_INT(kernel_paddd, _mm_add_epi32)
VEC_INT(kernel_paddq, _mm_add_epi64)
VEC_INT(kernel_psubb, _mm_sub_epi8)
VEC_INT(kernel_psubw, _mm_sub_epi16)
VEC_INT(kernel_psubd, _mm_sub_epi32)
VEC_INT(kernel_psubq, _mm_sub_epi64)
VEC_INT(kernel_paddsb, _mm_adds_epi8)
VEC_INT(kernel_paddsw, _mm_adds_epi16)
VEC_INT(kernel_paddusb, _mm_adds_epu8)
VEC_INT(kernel_paddusw, _mm_adds_epu16)
VEC_INT(kernel_psubsb, _mm_subs_epi8)
VEC_INT(kernel_psubsw, _mm_subs_epi16)
VEC_INT(kernel_psubusb, _mm_subs_epu8)
VEC_INT(kernel_psubusw, _mm_subs_epu16)
VEC_INT(kernel_pmullw, _mm_mullo_epi16)
VEC_INT(kernel_pmulhw, _mm_mulhi_epi16)
VEC_INT(kernel_pmulhuw, _mm_mulhi_epu16)
VEC_INT(kernel_pmuludq, _mm_mul_epu32)
VEC_INT(kernel_pmaddwd, _mm_madd_epi16)
VEC_INT(kernel_pand, _mm_and_si128)
VEC_INT(kernel_pandn, _mm_andnot_si128)
VEC_INT(kernel_por, _mm_or_si128)
VEC_INT(kernel_pxor, _mm_xor_si128)
VEC_INT(kernel_pcmpeqb, _mm_cmpeq_epi8)
VEC_INT(kernel_pcmpeqw, _mm_cmpeq_epi16)
VEC_INT(kernel_pcmpeqd, _mm_cmpeq_epi32)
VEC_INT(kernel_pcmpgtb, _mm_cmpgt_epi8)
VEC_INT(kernel_pcmpgtw, _mm_cmpgt_epi16)
VEC_INT(kernel_pcmpgtd, _mm_cmpgt_epi32)
VEC_INT(kernel_packsswb, _mm_packs_epi16)
VEC_INT(kernel_packssdw, _mm_packs_epi32)
VEC_INT(kernel_packuswb, _mm_packus_epi16)
VEC_INT(kernel_punpcklbw, _mm_unpacklo_epi8)
VEC_INT(kernel_punpcklwd, _mm_unpacklo_epi16)
VEC_INT(kernel_punpckldq, _mm_unpacklo_epi32)
VEC_INT(kernel_punpcklqdq, _mm_unpacklo_epi64)
VEC_INT(kernel_punpckhbw, _mm_unpackhi_epi8)
VEC_INT(kernel_punpckhwd, _mm_unpackhi_epi16)
VEC_INT(kernel_punpckhdq, _mm_unpackhi_epi32)
VEC_INT(kernel_punpckhqdq, _mm_unpackhi_epi64)
VEC_INT(kernel_pavgb, _mm_avg_epu8)
VEC_INT(kernel_pavgw, _mm_avg_epu16)
VEC_INT(kernel_pmaxub, _mm_max_epu8)
VEC_INT(kernel_pmaxsw, _mm_max_epi16)
VEC_INT(kernel_pminub, _mm_min_epu8)
VEC_INT(kernel_pminsw, _mm_min_epi16)
VEC_INT(kernel_psadbw, _mm_sad_epu8)
VEC_INT(kernel_psllw, _mm_sll_epi16)
VEC_INT(kernel_pslld, _mm_sll_epi32)
VEC_INT(kernel_psllq, _mm_sll_epi64)
VEC_INT(kernel_psrlw, _mm_srl_epi16)
VEC_INT(kernel_psrld, _mm_srl_epi32)
VEC_INT(kernel_psrlq, _mm_srl_epi64)
VEC_INT(kernel_psraw, _mm_sra_epi16)
VEC_INT(kernel_psrad, _mm_sra_epi32)

/* MMX forms whose high halves differ: both operands are put into one register first. */
ALWAYS_INLINE V128 kernel_packsswb_mmx(V128 a, V128 b) { return _mm_packs_epi16(_mm_unpacklo_epi64(a, b), a); }
ALWAYS_INLINE V128 kernel_packssdw_mmx(V128 a, V128 b) { return _mm_packs_epi32(_mm_unpacklo_epi64(a, b), a); }
ALWAYS_INLINE V128 kernel_packuswb_mmx(V128 a, V128 b) { return _mm_packus_epi16(_mm_unpacklo_epi64(a, b), a); }
ALWAYS_INLINE V128 kernel_punpckhbw_mmx(V128 a, V128 b) { return _mm_srli_si128(_mm_unpacklo_epi8(a, b), 8); }
ALWAYS_INLINE V128 kernel_punpckhwd_mmx(V128 a, V128 b) { return _mm_srli_si128(_mm_unpacklo_epi16(a, b), 8); }
ALWAYS_INLINE V128 kernel_punpckhdq_mmx(V128 a, V128 b) { return _mm_srli_si128(_mm_unpacklo_epi32(a, b), 8); }

/* SHUFPD: one lane of a, one of b. Other shuffles are in kernels_vec_shuffle.h. */
ALWAYS_INLINE V128 kernel_shufpd(V128 a, V128 b, unsigned imm) {
    return (V128){imm & 1 ? a[1] : a[0], imm & 2 ? b[1] : b[0]};
}

/* Signs to a general register. */
ALWAYS_INLINE uint32_t kernel_pmovmskb(V128 a) { return (uint32_t)_mm_movemask_epi8(a); }
ALWAYS_INLINE uint32_t kernel_movmskps(V128 a) { return (uint32_t)_mm_movemask_ps((__m128)a); }
ALWAYS_INLINE uint32_t kernel_movmskpd(V128 a) { return (uint32_t)_mm_movemask_pd((__m128d)a); }

/* Moves of halves: a is the destination's old value. */
ALWAYS_INLINE V128 kernel_movhlps(V128 a, V128 b) { return (V128){b[1], a[1]}; }
ALWAYS_INLINE V128 kernel_movlps(V128 a, V128 b) { return (V128){b[0], a[1]}; }
ALWAYS_INLINE V128 kernel_movhps(V128 a, V128 b) { return (V128){a[0], b[0]}; }

#endif
