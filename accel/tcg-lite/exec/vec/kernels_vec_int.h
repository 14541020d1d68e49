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

VEC_INT(k_paddb, _mm_add_epi8)
VEC_INT(k_paddw, _mm_add_epi16)
VEC_INT(k_paddd, _mm_add_epi32)
VEC_INT(k_paddq, _mm_add_epi64)
VEC_INT(k_psubb, _mm_sub_epi8)
VEC_INT(k_psubw, _mm_sub_epi16)
VEC_INT(k_psubd, _mm_sub_epi32)
VEC_INT(k_psubq, _mm_sub_epi64)
VEC_INT(k_paddsb, _mm_adds_epi8)
VEC_INT(k_paddsw, _mm_adds_epi16)
VEC_INT(k_paddusb, _mm_adds_epu8)
VEC_INT(k_paddusw, _mm_adds_epu16)
VEC_INT(k_psubsb, _mm_subs_epi8)
VEC_INT(k_psubsw, _mm_subs_epi16)
VEC_INT(k_psubusb, _mm_subs_epu8)
VEC_INT(k_psubusw, _mm_subs_epu16)
VEC_INT(k_pmullw, _mm_mullo_epi16)
VEC_INT(k_pmulhw, _mm_mulhi_epi16)
VEC_INT(k_pmulhuw, _mm_mulhi_epu16)
VEC_INT(k_pmuludq, _mm_mul_epu32)
VEC_INT(k_pmaddwd, _mm_madd_epi16)
VEC_INT(k_pand, _mm_and_si128)
VEC_INT(k_pandn, _mm_andnot_si128)
VEC_INT(k_por, _mm_or_si128)
VEC_INT(k_pxor, _mm_xor_si128)
VEC_INT(k_pcmpeqb, _mm_cmpeq_epi8)
VEC_INT(k_pcmpeqw, _mm_cmpeq_epi16)
VEC_INT(k_pcmpeqd, _mm_cmpeq_epi32)
VEC_INT(k_pcmpgtb, _mm_cmpgt_epi8)
VEC_INT(k_pcmpgtw, _mm_cmpgt_epi16)
VEC_INT(k_pcmpgtd, _mm_cmpgt_epi32)
VEC_INT(k_packsswb, _mm_packs_epi16)
VEC_INT(k_packssdw, _mm_packs_epi32)
VEC_INT(k_packuswb, _mm_packus_epi16)
VEC_INT(k_punpcklbw, _mm_unpacklo_epi8)
VEC_INT(k_punpcklwd, _mm_unpacklo_epi16)
VEC_INT(k_punpckldq, _mm_unpacklo_epi32)
VEC_INT(k_punpcklqdq, _mm_unpacklo_epi64)
VEC_INT(k_punpckhbw, _mm_unpackhi_epi8)
VEC_INT(k_punpckhwd, _mm_unpackhi_epi16)
VEC_INT(k_punpckhdq, _mm_unpackhi_epi32)
VEC_INT(k_punpckhqdq, _mm_unpackhi_epi64)
VEC_INT(k_pavgb, _mm_avg_epu8)
VEC_INT(k_pavgw, _mm_avg_epu16)
VEC_INT(k_pmaxub, _mm_max_epu8)
VEC_INT(k_pmaxsw, _mm_max_epi16)
VEC_INT(k_pminub, _mm_min_epu8)
VEC_INT(k_pminsw, _mm_min_epi16)
VEC_INT(k_psadbw, _mm_sad_epu8)
VEC_INT(k_psllw, _mm_sll_epi16)
VEC_INT(k_pslld, _mm_sll_epi32)
VEC_INT(k_psllq, _mm_sll_epi64)
VEC_INT(k_psrlw, _mm_srl_epi16)
VEC_INT(k_psrld, _mm_srl_epi32)
VEC_INT(k_psrlq, _mm_srl_epi64)
VEC_INT(k_psraw, _mm_sra_epi16)
VEC_INT(k_psrad, _mm_sra_epi32)

/* MMX forms whose high halves differ: both operands are put into one register first. */
ALWAYS_INLINE V128 k_packsswb_mmx(V128 a, V128 b) { return _mm_packs_epi16(_mm_unpacklo_epi64(a, b), a); }
ALWAYS_INLINE V128 k_packssdw_mmx(V128 a, V128 b) { return _mm_packs_epi32(_mm_unpacklo_epi64(a, b), a); }
ALWAYS_INLINE V128 k_packuswb_mmx(V128 a, V128 b) { return _mm_packus_epi16(_mm_unpacklo_epi64(a, b), a); }
ALWAYS_INLINE V128 k_punpckhbw_mmx(V128 a, V128 b) { return _mm_srli_si128(_mm_unpacklo_epi8(a, b), 8); }
ALWAYS_INLINE V128 k_punpckhwd_mmx(V128 a, V128 b) { return _mm_srli_si128(_mm_unpacklo_epi16(a, b), 8); }
ALWAYS_INLINE V128 k_punpckhdq_mmx(V128 a, V128 b) { return _mm_srli_si128(_mm_unpacklo_epi32(a, b), 8); }

/* SHUFPD: one lane of a, one of b. Other shuffles are in kernels_vec_shuffle.h. */
ALWAYS_INLINE V128 k_shufpd(V128 a, V128 b, unsigned imm) {
    return (V128){imm & 1 ? a[1] : a[0], imm & 2 ? b[1] : b[0]};
}

/* Signs to a general register. */
ALWAYS_INLINE uint32_t k_pmovmskb(V128 a) { return (uint32_t)_mm_movemask_epi8(a); }
ALWAYS_INLINE uint32_t k_movmskps(V128 a) { return (uint32_t)_mm_movemask_ps((__m128)a); }
ALWAYS_INLINE uint32_t k_movmskpd(V128 a) { return (uint32_t)_mm_movemask_pd((__m128d)a); }

/* Moves of halves: a is the destination's old value. */
ALWAYS_INLINE V128 k_movhlps(V128 a, V128 b) { return (V128){b[1], a[1]}; }
ALWAYS_INLINE V128 k_movlps(V128 a, V128 b) { return (V128){b[0], a[1]}; }
ALWAYS_INLINE V128 k_movhps(V128 a, V128 b) { return (V128){a[0], b[0]}; }

#endif
