/* SPDX-License-Identifier: MIT */
/** SSE3 by SSE2: the same additions with operands brought together first. Lanes that don't count are 0, which raises
 *  nothing. */
#ifndef TWIN86_TCG_KERNELS_PORTABLE_SSE3_H
#define TWIN86_TCG_KERNELS_PORTABLE_SSE3_H

#include "accel/tcg-lite/exec/portable/kernels_portable.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_fp.h"

PORTABLE V128 portable_addsubps(V128 a, V128 b) {
    const V128 odd = _mm_set_epi32(-1, 0, -1, 0);
    V128 sum = kernel_addps(_mm_and_si128(odd, a), _mm_and_si128(odd, b));
    V128 difference = kernel_subps(_mm_andnot_si128(odd, a), _mm_andnot_si128(odd, b));
    return _mm_or_si128(_mm_and_si128(odd, sum), _mm_andnot_si128(odd, difference));
}
PORTABLE V128 portable_addsubpd(V128 a, V128 b) {
    V128 sum = kernel_addsd(_mm_srli_si128(a, 8), _mm_srli_si128(b, 8));
    return _mm_unpacklo_epi64(kernel_subsd(a, b), sum);
}

ALWAYS_INLINE V128 even_floats(V128 a, V128 b) { return (V128)_mm_shuffle_ps((__m128)a, (__m128)b, 0x88); }
ALWAYS_INLINE V128 odd_floats(V128 a, V128 b) { return (V128)_mm_shuffle_ps((__m128)a, (__m128)b, 0xdd); }

PORTABLE V128 portable_haddps(V128 a, V128 b) { return kernel_addps(even_floats(a, b), odd_floats(a, b)); }
PORTABLE V128 portable_hsubps(V128 a, V128 b) { return kernel_subps(even_floats(a, b), odd_floats(a, b)); }
PORTABLE V128 portable_haddpd(V128 a, V128 b) {
    return kernel_addpd(_mm_unpacklo_epi64(a, b), _mm_unpackhi_epi64(a, b));
}
PORTABLE V128 portable_hsubpd(V128 a, V128 b) {
    return kernel_subpd(_mm_unpacklo_epi64(a, b), _mm_unpackhi_epi64(a, b));
}

#endif
