/* SPDX-License-Identifier: MIT */
/**
 * Floating-point vector kernels. Each executes the guest's own instruction on the host, whose MXCSR holds the guest's
 * modes and gathers the guest's flags; asm volatile keeps the compiler from computing, moving or dropping it.
 */
#ifndef TWIN86_TCG_KERNELS_VEC_FP_H
#define TWIN86_TCG_KERNELS_VEC_FP_H

#include "accel/tcg-lite/exec/vec/kernels_vec_int.h"

/* a = a OP b; scalar instructions keep the rest of a. */
#define VEC_FP(NAME, INSN)                                                                                             \
    ALWAYS_INLINE V128 NAME(V128 a, V128 b) {                                                                          \
        __asm__ volatile(INSN " %1, %0" : "+x"(a) : "x"(b));                                                           \
        return a;                                                                                                      \
    }

VEC_FP(kernel_addps, "addps")
VEC_FP(kernel_addpd, "addpd")
VEC_FP(kernel_addss, "addss")
VEC_FP(kernel_addsd, "addsd")
VEC_FP(kernel_subps, "subps")
VEC_FP(kernel_subpd, "subpd")
VEC_FP(kernel_subss, "subss")
VEC_FP(kernel_subsd, "subsd")
VEC_FP(kernel_mulps, "mulps")
VEC_FP(kernel_mulpd, "mulpd")
VEC_FP(kernel_mulss, "mulss")
VEC_FP(kernel_mulsd, "mulsd")
VEC_FP(kernel_divps, "divps")
VEC_FP(kernel_divpd, "divpd")
VEC_FP(kernel_divss, "divss")
VEC_FP(kernel_divsd, "divsd")
VEC_FP(kernel_minps, "minps")
VEC_FP(kernel_minpd, "minpd")
VEC_FP(kernel_minss, "minss")
VEC_FP(kernel_minsd, "minsd")
VEC_FP(kernel_maxps, "maxps")
VEC_FP(kernel_maxpd, "maxpd")
VEC_FP(kernel_maxss, "maxss")
VEC_FP(kernel_maxsd, "maxsd")
VEC_FP(kernel_sqrtss, "sqrtss")
VEC_FP(kernel_sqrtsd, "sqrtsd")
VEC_FP(kernel_rcpss, "rcpss")
VEC_FP(kernel_rsqrtss, "rsqrtss")
VEC_FP(kernel_cvtss2sd, "cvtss2sd")
VEC_FP(kernel_cvtsd2ss, "cvtsd2ss")

/* OP b */
#define VEC_FP_UNARY(NAME, INSN)                                                                                       \
    ALWAYS_INLINE V128 NAME(V128 b) {                                                                                  \
        V128 r;                                                                                                        \
        __asm__ volatile(INSN " %1, %0" : "=x"(r) : "x"(b));                                                           \
        return r;                                                                                                      \
    }

VEC_FP_UNARY(kernel_sqrtps, "sqrtps")
VEC_FP_UNARY(kernel_sqrtpd, "sqrtpd")
VEC_FP_UNARY(kernel_rcpps, "rcpps")
VEC_FP_UNARY(kernel_rsqrtps, "rsqrtps")
VEC_FP_UNARY(kernel_cvtdq2ps, "cvtdq2ps")
VEC_FP_UNARY(kernel_cvtps2dq, "cvtps2dq")
VEC_FP_UNARY(kernel_cvttps2dq, "cvttps2dq")
VEC_FP_UNARY(kernel_cvtdq2pd, "cvtdq2pd")
VEC_FP_UNARY(kernel_cvtpd2dq, "cvtpd2dq")
VEC_FP_UNARY(kernel_cvttpd2dq, "cvttpd2dq")
VEC_FP_UNARY(kernel_cvtps2pd, "cvtps2pd")
VEC_FP_UNARY(kernel_cvtpd2ps, "cvtpd2ps")

/* Comparisons by the predicate in imm; the upper bits of imm mean nothing without VEX. */
#define VEC_FP_COMPARE(NAME, INSN)                                                                                     \
    ALWAYS_INLINE V128 NAME(V128 a, V128 b, unsigned imm) {                                                            \
        switch (imm & 7) {                                                                                             \
        case 0: __asm__ volatile(INSN " $0, %1, %0" : "+x"(a) : "x"(b)); break;                                        \
        case 1: __asm__ volatile(INSN " $1, %1, %0" : "+x"(a) : "x"(b)); break;                                        \
        case 2: __asm__ volatile(INSN " $2, %1, %0" : "+x"(a) : "x"(b)); break;                                        \
        case 3: __asm__ volatile(INSN " $3, %1, %0" : "+x"(a) : "x"(b)); break;                                        \
        case 4: __asm__ volatile(INSN " $4, %1, %0" : "+x"(a) : "x"(b)); break;                                        \
        case 5: __asm__ volatile(INSN " $5, %1, %0" : "+x"(a) : "x"(b)); break;                                        \
        case 6: __asm__ volatile(INSN " $6, %1, %0" : "+x"(a) : "x"(b)); break;                                        \
        default: __asm__ volatile(INSN " $7, %1, %0" : "+x"(a) : "x"(b)); break;                                       \
        }                                                                                                              \
        return a;                                                                                                      \
    }

VEC_FP_COMPARE(kernel_cmpps, "cmpps")
VEC_FP_COMPARE(kernel_cmppd, "cmppd")
VEC_FP_COMPARE(kernel_cmpss, "cmpss")
VEC_FP_COMPARE(kernel_cmpsd, "cmpsd")

/* COMISS and its kin: ZF, PF, CF in EFLAGS positions. */
#define VEC_FP_COMI(NAME, INSN)                                                                                        \
    ALWAYS_INLINE uint32_t NAME(V128 a, V128 b) {                                                                      \
        uint8_t c, p, z;                                                                                               \
        __asm__ volatile(INSN " %4, %3\n\tsetc %0\n\tsetp %1\n\tsetz %2"                                               \
                         : "=&q"(c), "=&q"(p), "=&q"(z)                                                                \
                         : "x"(a), "x"(b)                                                                              \
                         : "cc");                                                                                      \
        return c | (uint32_t)p << 2 | (uint32_t)z << 6;                                                                \
    }

VEC_FP_COMI(kernel_comiss, "comiss")
VEC_FP_COMI(kernel_comisd, "comisd")
VEC_FP_COMI(kernel_ucomiss, "ucomiss")
VEC_FP_COMI(kernel_ucomisd, "ucomisd")

/* From a general register of 32 or 64 bits; the rest of a stays. */
#define VEC_FP_FROM_INT(NAME, INSN)                                                                                    \
    ALWAYS_INLINE V128 NAME(V128 a, uint64_t v, unsigned bits) {                                                       \
        if (bits == 64)                                                                                                \
            __asm__ volatile(INSN "q %1, %0" : "+x"(a) : "r"(v));                                                      \
        else                                                                                                           \
            __asm__ volatile(INSN "l %1, %0" : "+x"(a) : "r"((uint32_t)v));                                            \
        return a;                                                                                                      \
    }
VEC_FP_FROM_INT(kernel_cvtsi2ss, "cvtsi2ss")
VEC_FP_FROM_INT(kernel_cvtsi2sd, "cvtsi2sd")

/* To a general register. */
#define VEC_FP_TO_INT(NAME, INSN)                                                                                      \
    ALWAYS_INLINE uint64_t NAME(V128 b, unsigned bits) {                                                               \
        uint64_t r;                                                                                                    \
        uint32_t d;                                                                                                    \
        if (bits == 64) {                                                                                              \
            __asm__ volatile(INSN " %1, %0" : "=r"(r) : "x"(b));                                                       \
            return r;                                                                                                  \
        }                                                                                                              \
        __asm__ volatile(INSN " %1, %0" : "=r"(d) : "x"(b));                                                           \
        return d;                                                                                                      \
    }
VEC_FP_TO_INT(kernel_cvtss2si, "cvtss2si")
VEC_FP_TO_INT(kernel_cvttss2si, "cvttss2si")
VEC_FP_TO_INT(kernel_cvtsd2si, "cvtsd2si")
VEC_FP_TO_INT(kernel_cvttsd2si, "cvttsd2si")

/* Between MMX and XMM registers: an MMX operand is a vector whose high half is 0. */
ALWAYS_INLINE V128 kernel_cvtpi2ps(V128 a, V128 b) { return kernel_movlps(a, kernel_cvtdq2ps(b)); }
ALWAYS_INLINE V128 kernel_cvtpi2pd(V128 a, V128 b) {
    (void)a;
    return kernel_cvtdq2pd(b);
}
ALWAYS_INLINE V128 kernel_cvtps2pi(V128 b) { return kernel_cvtps2dq(_mm_move_epi64(b)); }
ALWAYS_INLINE V128 kernel_cvttps2pi(V128 b) { return kernel_cvttps2dq(_mm_move_epi64(b)); }

#endif
