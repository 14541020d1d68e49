/* SPDX-License-Identifier: MIT */
/** Kernels of SSSE3: integers. Per 128-bit lane, also for VEX.256; those for MMX have names of their own where the half
 *  that MMX uses is not what the low half of the wide instruction gives. */
#ifndef TWIN86_TCG_KERNELS_VEC_SSSE3_H
#define TWIN86_TCG_KERNELS_VEC_SSSE3_H

#include "accel/tcg-lite/exec/portable/kernels_portable_ssse3.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_host.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_shuffle.h"

VEC_HOST(k_phaddw, HOST_SSSE3, "phaddw", p_phaddw)
VEC_HOST(k_phaddd, HOST_SSSE3, "phaddd", p_phaddd)
VEC_HOST(k_phaddsw, HOST_SSSE3, "phaddsw", p_phaddsw)
VEC_HOST(k_phsubw, HOST_SSSE3, "phsubw", p_phsubw)
VEC_HOST(k_phsubd, HOST_SSSE3, "phsubd", p_phsubd)
VEC_HOST(k_phsubsw, HOST_SSSE3, "phsubsw", p_phsubsw)
VEC_HOST(k_pmaddubsw, HOST_SSSE3, "pmaddubsw", p_pmaddubsw)
VEC_HOST(k_pmulhrsw, HOST_SSSE3, "pmulhrsw", p_pmulhrsw)
VEC_HOST(k_psignb, HOST_SSSE3, "psignb", p_psignb)
VEC_HOST(k_psignw, HOST_SSSE3, "psignw", p_psignw)
VEC_HOST(k_psignd, HOST_SSSE3, "psignd", p_psignd)
VEC_HOST_UNARY(k_pabsb, HOST_SSSE3, "pabsb", p_pabsb)
VEC_HOST_UNARY(k_pabsw, HOST_SSSE3, "pabsw", p_pabsw)
VEC_HOST_UNARY(k_pabsd, HOST_SSSE3, "pabsd", p_pabsd)

/** The 32 bytes a:b shifted down by imm bytes. The host's PALIGNR takes constants only. */
ALWAYS_INLINE V128 k_palignr(V128 a, V128 b, unsigned imm) {
    if (UNLIKELY(!host_has(HOST_SSSE3)))
        return p_palignr(a, b, imm);
    if (imm > 31)
        return _mm_setzero_si128();
    V128 from_a = _mm_loadu_si128((const V128 *)(vec_window + imm));
    V128 from_b = _mm_loadu_si128((const V128 *)(vec_window + 16 + imm));
    return _mm_or_si128(k_pshufb(a, from_a), k_pshufb(b, from_b));
}

/* ---- MMX: the operands' high halves are 0, the result's is ignored ---- */

ALWAYS_INLINE V128 k_pshufb_mmx(V128 a, V128 b) { return k_pshufb(a, _mm_and_si128(b, _mm_set1_epi8((char)0x87))); }
ALWAYS_INLINE V128 k_phaddw_mmx(V128 a, V128 b) { return k_phaddw(_mm_unpacklo_epi64(a, b), a); }
ALWAYS_INLINE V128 k_phaddd_mmx(V128 a, V128 b) { return k_phaddd(_mm_unpacklo_epi64(a, b), a); }
ALWAYS_INLINE V128 k_phaddsw_mmx(V128 a, V128 b) { return k_phaddsw(_mm_unpacklo_epi64(a, b), a); }
ALWAYS_INLINE V128 k_phsubw_mmx(V128 a, V128 b) { return k_phsubw(_mm_unpacklo_epi64(a, b), a); }
ALWAYS_INLINE V128 k_phsubd_mmx(V128 a, V128 b) { return k_phsubd(_mm_unpacklo_epi64(a, b), a); }
ALWAYS_INLINE V128 k_phsubsw_mmx(V128 a, V128 b) { return k_phsubsw(_mm_unpacklo_epi64(a, b), a); }
ALWAYS_INLINE V128 k_palignr_mmx(V128 a, V128 b, unsigned imm) {
    return k_psrldq(_mm_unpacklo_epi64(b, a), _mm_cvtsi32_si128((int)imm));
}

#endif
