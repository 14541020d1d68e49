/* SPDX-License-Identifier: MIT */
/** Kernels of SSE3: floating point across and between lanes. Per 128-bit lane, also for VEX.256. */
#ifndef TWIN86_TCG_KERNELS_VEC_SSE3_H
#define TWIN86_TCG_KERNELS_VEC_SSE3_H

#include "accel/tcg-lite/exec/portable/kernels_portable_sse3.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_host.h"

VEC_HOST_FP(kernel_addsubps, HOST_SSE3, "addsubps", portable_addsubps)
VEC_HOST_FP(kernel_addsubpd, HOST_SSE3, "addsubpd", portable_addsubpd)
VEC_HOST_FP(kernel_haddps, HOST_SSE3, "haddps", portable_haddps)
VEC_HOST_FP(kernel_haddpd, HOST_SSE3, "haddpd", portable_haddpd)
VEC_HOST_FP(kernel_hsubps, HOST_SSE3, "hsubps", portable_hsubps)
VEC_HOST_FP(kernel_hsubpd, HOST_SSE3, "hsubpd", portable_hsubpd)

ALWAYS_INLINE V128 kernel_movddup(V128 b) { return _mm_unpacklo_epi64(b, b); }
ALWAYS_INLINE V128 kernel_movsldup(V128 b) { return _mm_shuffle_epi32(b, 0xa0); }
ALWAYS_INLINE V128 kernel_movshdup(V128 b) { return _mm_shuffle_epi32(b, 0xf5); }

#endif
