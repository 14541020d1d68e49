/* SPDX-License-Identifier: MIT */
/**
 * What the host CPU can do beyond SSE2, which every x86-64 host has. Kernels are written as
 *
 *     if (!host_has(HOST_X))
 *         return p_NAME(a, b);    (kernels_portable_*.h)
 *     __asm__("name %1, %0" ...);
 *
 * host_has is a test of one byte and a predictable branch. With configure's --disable-host-simd it is false, so that
 * the portable kernels can be tested on any host.
 */
#ifndef TWIN86_TCG_HOST_CPU_H
#define TWIN86_TCG_HOST_CPU_H

#include "accel/tcg-lite/run/insn.h"

enum HostFeature {
    HOST_SSE3,
    HOST_SSSE3,
    HOST_SSE41,
    HOST_SSE42,
    HOST_POPCNT,
    HOST_LZCNT,
    HOST_BMI1,
    HOST_BMI2,
    HOST_AES,
    HOST_PCLMULQDQ,
    HOST_SHA,
    HOST_GFNI,
    /* VEX-encoded: the host's OS lets us use them too */
    HOST_AVX,
    HOST_AVX2,
    HOST_FMA,
    HOST_F16C,
};

#ifdef TWIN86_NO_HOST_SIMD
ALWAYS_INLINE bool host_has(enum HostFeature f) {
    (void)f;
    return false;
}
#else
ALWAYS_INLINE bool host_has(enum HostFeature f) {
    switch (f) {
    case HOST_SSE3: return __builtin_cpu_supports("sse3");
    case HOST_SSSE3: return __builtin_cpu_supports("ssse3");
    case HOST_SSE41: return __builtin_cpu_supports("sse4.1");
    case HOST_SSE42: return __builtin_cpu_supports("sse4.2");
    case HOST_POPCNT: return __builtin_cpu_supports("popcnt");
    case HOST_LZCNT: return __builtin_cpu_supports("lzcnt");
    case HOST_BMI1: return __builtin_cpu_supports("bmi");
    case HOST_BMI2: return __builtin_cpu_supports("bmi2");
    case HOST_AES: return __builtin_cpu_supports("aes");
    case HOST_PCLMULQDQ: return __builtin_cpu_supports("pclmul");
    case HOST_SHA: return __builtin_cpu_supports("sha");
    case HOST_GFNI: return __builtin_cpu_supports("gfni");
    case HOST_AVX: return __builtin_cpu_supports("avx");
    case HOST_AVX2: return __builtin_cpu_supports("avx2");
    case HOST_FMA: return __builtin_cpu_supports("fma");
    case HOST_F16C: return __builtin_cpu_supports("f16c");
    default: return false;
    }
}
#endif

#endif
