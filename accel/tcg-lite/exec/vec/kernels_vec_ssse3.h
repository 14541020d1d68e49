/* SPDX-License-Identifier: MIT */
/** Kernels of SSSE3: integers. Per 128-bit lane, also for VEX.256; those for MMX have names of their own where the half
 *  that MMX uses is not what the low half of the wide instruction gives. */
#ifndef TWIN86_TCG_KERNELS_VEC_SSSE3_H
#define TWIN86_TCG_KERNELS_VEC_SSSE3_H

#include "accel/tcg-lite/exec/portable/kernels_portable_ssse3.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_host.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_shuffle.h"

VEC_HOST(kernel_phaddw, HOST_SSSE3, "phaddw", portable_phaddw)
VEC_HOST(kernel_phaddd, HOST_SSSE3, "phaddd", portable_phaddd)
VEC_HOST(kernel_phaddsw, HOST_SSSE3, "phaddsw", portable_phaddsw)
VEC_HOST(kernel_phsubw, HOST_SSSE3, "phsubw", portable_phsubw)
VEC_HOST(kernel_phsubd, HOST_SSSE3, "phsubd", portable_phsubd)
VEC_HOST(kernel_phsubsw, HOST_SSSE3, "phsubsw", portable_phsubsw)
VEC_HOST(kernel_pmaddubsw, HOST_SSSE3, "pmaddubsw", portable_pmaddubsw)
VEC_HOST(kernel_pmulhrsw, HOST_SSSE3, "pmulhrsw", portable_pmulhrsw)
VEC_HOST(kernel_psignb, HOST_SSSE3, "psignb", portable_psignb)
VEC_HOST(kernel_psignw, HOST_SSSE3, "psignw", portable_psignw)
VEC_HOST(kernel_psignd, HOST_SSSE3, "psignd", portable_psignd)
VEC_HOST_UNARY(kernel_pabsb, HOST_SSSE3, "pabsb", portable_pabsb)
VEC_HOST_UNARY(kernel_pabsw, HOST_SSSE3, "pabsw", portable_pabsw)
VEC_HOST_UNARY(kernel_pabsd, HOST_SSSE3, "pabsd", portable_pabsd)

/** The 32 bytes a:b shifted down by imm bytes. The host's PALIGNR takes constants only. */
ALWAYS_INLINE V128 kernel_palignr(V128 a, V128 b, unsigned imm) {
    if (UNLIKELY(!host_has(HOST_SSSE3)))
        return portable_palignr(a, b, imm);
    if (imm > 31)
        return _mm_setzero_si128();
    V128 from_a = _mm_loadu_si128((const V128 *)(vec_window + imm));
    V128 from_b = _mm_loadu_si128((const V128 *)(vec_window + 16 + imm));
    return _mm_or_si128(kernel_pshufb(a, from_a), kernel_pshufb(b, from_b));
}

/* ---- MMX: the operands' high halves are 0, the result's is ignored ---- */

ALWAYS_INLINE V128 kernel_pshufb_mmx(V128 a, V128 b) {
    return kernel_pshufb(a, _mm_and_si128(b, _mm_set1_epi8((char)0x87)));
}
ALWAYS_INLINE V128 kernel_phaddw_mmx(V128 a, V128 b) { return kernel_phaddw(_mm_unpacklo_epi64(a, b), a); }
ALWAYS_INLINE V128 kernel_phaddd_mmx(V128 a, V128 b) { return kernel_phaddd(_mm_unpacklo_epi64(a, b), a); }
ALWAYS_INLINE V128 kernel_phaddsw_mmx(V128 a, V128 b) { return kernel_phaddsw(_mm_unpacklo_epi64(a, b), a); }
ALWAYS_INLINE V128 kernel_phsubw_mmx(V128 a, V128 b) { return kernel_phsubw(_mm_unpacklo_epi64(a, b), a); }
ALWAYS_INLINE V128 kernel_phsubd_mmx(V128 a, V128 b) { return kernel_phsubd(_mm_unpacklo_epi64(a, b), a); }
ALWAYS_INLINE V128 kernel_phsubsw_mmx(V128 a, V128 b) { return kernel_phsubsw(_mm_unpacklo_epi64(a, b), a); }
ALWAYS_INLINE V128 kernel_palignr_mmx(V128 a, V128 b, unsigned imm) {
    return kernel_psrldq(_mm_unpacklo_epi64(b, a), _mm_cvtsi32_si128((int)imm));
}

#endif
