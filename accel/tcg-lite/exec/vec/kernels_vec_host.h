/* SPDX-License-Identifier: MIT */
/**
 * Forms of vector kernels that are one instruction of the host where it has that, and a portable function elsewhere.
 * V128 a is the destination's old value (VEX: the first source), b the second source, c what is implicitly XMM0.
 */
#ifndef TWIN86_TCG_KERNELS_VEC_HOST_H
#define TWIN86_TCG_KERNELS_VEC_HOST_H

#include "accel/tcg-lite/exec/vec/host_cpu.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_int.h"

/* NAME(a, b): INSN b, a */
#define VEC_HOST(NAME, FEATURE, INSN, PORTABLE_FN)                                                                     \
    ALWAYS_INLINE V128 NAME(V128 a, V128 b) {                                                                          \
        if (UNLIKELY(!host_has(FEATURE)))                                                                              \
            return PORTABLE_FN(a, b);                                                                                  \
        __asm__(INSN " %1, %0" : "+x"(a) : "x"(b));                                                                    \
        return a;                                                                                                      \
    }

/* NAME(b): INSN b, r */
#define VEC_HOST_UNARY(NAME, FEATURE, INSN, PORTABLE_FN)                                                               \
    ALWAYS_INLINE V128 NAME(V128 b) {                                                                                  \
        if (UNLIKELY(!host_has(FEATURE)))                                                                              \
            return PORTABLE_FN(b);                                                                                     \
        V128 r;                                                                                                        \
        __asm__(INSN " %1, %0" : "=x"(r) : "x"(b));                                                                    \
        return r;                                                                                                      \
    }

/* NAME(a, b, c): INSN b, a with XMM0 = c */
#define VEC_HOST_XMM0(NAME, FEATURE, INSN, PORTABLE_FN)                                                                \
    ALWAYS_INLINE V128 NAME(V128 a, V128 b, V128 c) {                                                                  \
        if (UNLIKELY(!host_has(FEATURE)))                                                                              \
            return PORTABLE_FN(a, b, c);                                                                               \
        __asm__(INSN " %%xmm0, %1, %0" : "+x"(a) : "x"(b), "Yz"(c));                                                   \
        return a;                                                                                                      \
    }

/* Floating point: as in kernels_vec_fp.h, where the modes are the guest's and flags gather. */
#define VEC_HOST_FP(NAME, FEATURE, INSN, PORTABLE_FN)                                                                  \
    ALWAYS_INLINE V128 NAME(V128 a, V128 b) {                                                                          \
        if (UNLIKELY(!host_has(FEATURE)))                                                                              \
            return PORTABLE_FN(a, b);                                                                                  \
        __asm__ volatile(INSN " %1, %0" : "+x"(a) : "x"(b));                                                           \
        return a;                                                                                                      \
    }

#endif
