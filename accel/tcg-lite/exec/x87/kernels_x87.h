/* SPDX-License-Identifier: MIT */
/**
 * x87 kernels: each executes the guest's own instruction on the host and returns the host's status word after it.
 *
 * The host's stack is empty before and after, its TOP 0, so that TOP in the returned word tells what the instruction
 * did: X87_LEFT_ONE is set when an odd number of registers was in use, i.e. whether it pushed or popped. With an
 * unmasked exception the instruction has done what it does then (nothing, or a result with a wrapped exponent).
 */
#ifndef TWIN86_TCG_KERNELS_X87_H
#define TWIN86_TCG_KERNELS_X87_H

#include "accel/tcg-lite/exec/kernels_cond.h"
#include "accel/tcg-lite/exec/vec/host_cpu.h"
#include "accel/tcg-lite/exec/x87/fpu_host.h"

enum { X87_LEFT_ONE = 1 << FSW_TOP_SHIFT };

#define X87_CLOBBERS "cc", "st", "st(1)", "st(2)"
/* Status word to AX; then FNCLEX if an exception is pending, or the next waiting instruction would trap on the host. */
#define X87_STATUS "fnstsw %%ax\n\ttestb $0x80, %%al\n\tjz 1f\n\tfnclex\n1:\n\t"
/* Run BODY when the stack holds one value, else skip it. */
#define X87_IF_ONE "testl $0x0800, %%eax\n\tjz 2f\n\t"

/* dst = dst OP src. CODE: the instruction's bytes with operands ST(0), ST(1). */
#define X87_BINARY(NAME, CODE)                                                                                         \
    ALWAYS_INLINE uint32_t NAME(struct X87Reg *dst, const struct X87Reg *src) {                                        \
        uint32_t sw;                                                                                                   \
        __asm__ volatile("fldt %2\n\tfldt %0\n\t.byte " CODE "\n\t" X87_STATUS "fstpt %0\n\tfstp %%st(0)"              \
                         : "+m"(*dst), "=&a"(sw)                                                                       \
                         : "m"(*src)                                                                                   \
                         : X87_CLOBBERS);                                                                              \
        return sw;                                                                                                     \
    }

X87_BINARY(kernel_fadd, "0xd8, 0xc1")
X87_BINARY(kernel_fmul, "0xd8, 0xc9")
X87_BINARY(kernel_fsub, "0xd8, 0xe1")
X87_BINARY(kernel_fsubr, "0xd8, 0xe9")
X87_BINARY(kernel_fdiv, "0xd8, 0xf1")
X87_BINARY(kernel_fdivr, "0xd8, 0xf9")
X87_BINARY(kernel_fprem, "0xd9, 0xf8")
X87_BINARY(kernel_fprem1, "0xd9, 0xf5")
X87_BINARY(kernel_fscale, "0xd9, 0xfd")

/* dst = dst OP memory. */
#define X87_BINARY_MEM(NAME, INSN)                                                                                     \
    ALWAYS_INLINE uint32_t NAME(struct X87Reg *dst, const uint64_t *src) {                                             \
        uint32_t sw;                                                                                                   \
        __asm__ volatile("fldt %0\n\t" INSN " %2\n\t" X87_STATUS "fstpt %0"                                            \
                         : "+m"(*dst), "=&a"(sw)                                                                       \
                         : "m"(*src)                                                                                   \
                         : X87_CLOBBERS);                                                                              \
        return sw;                                                                                                     \
    }

X87_BINARY_MEM(kernel_fadd_m32, "fadds")
X87_BINARY_MEM(kernel_fmul_m32, "fmuls")
X87_BINARY_MEM(kernel_fsub_m32, "fsubs")
X87_BINARY_MEM(kernel_fsubr_m32, "fsubrs")
X87_BINARY_MEM(kernel_fdiv_m32, "fdivs")
X87_BINARY_MEM(kernel_fdivr_m32, "fdivrs")
X87_BINARY_MEM(kernel_fadd_m64, "faddl")
X87_BINARY_MEM(kernel_fmul_m64, "fmull")
X87_BINARY_MEM(kernel_fsub_m64, "fsubl")
X87_BINARY_MEM(kernel_fsubr_m64, "fsubrl")
X87_BINARY_MEM(kernel_fdiv_m64, "fdivl")
X87_BINARY_MEM(kernel_fdivr_m64, "fdivrl")
X87_BINARY_MEM(kernel_fiadd_m16, "fiadds")
X87_BINARY_MEM(kernel_fimul_m16, "fimuls")
X87_BINARY_MEM(kernel_fisub_m16, "fisubs")
X87_BINARY_MEM(kernel_fisubr_m16, "fisubrs")
X87_BINARY_MEM(kernel_fidiv_m16, "fidivs")
X87_BINARY_MEM(kernel_fidivr_m16, "fidivrs")
X87_BINARY_MEM(kernel_fiadd_m32, "fiaddl")
X87_BINARY_MEM(kernel_fimul_m32, "fimull")
X87_BINARY_MEM(kernel_fisub_m32, "fisubl")
X87_BINARY_MEM(kernel_fisubr_m32, "fisubrl")
X87_BINARY_MEM(kernel_fidiv_m32, "fidivl")
X87_BINARY_MEM(kernel_fidivr_m32, "fidivrl")

/* Comparisons: nothing but the status word. */
#define X87_COMPARE(NAME, CODE)                                                                                        \
    ALWAYS_INLINE uint32_t NAME(const struct X87Reg *a, const struct X87Reg *b) {                                      \
        uint32_t sw;                                                                                                   \
        __asm__ volatile("fldt %2\n\tfldt %1\n\t.byte " CODE "\n\t" X87_STATUS "fstp %%st(0)\n\tfstp %%st(0)"          \
                         : "=&a"(sw)                                                                                   \
                         : "m"(*a), "m"(*b)                                                                            \
                         : X87_CLOBBERS);                                                                              \
        return sw;                                                                                                     \
    }

X87_COMPARE(kernel_fcom, "0xd8, 0xd1")
X87_COMPARE(kernel_fucom, "0xdd, 0xe1")

#define X87_COMPARE_MEM(NAME, INSN)                                                                                    \
    ALWAYS_INLINE uint32_t NAME(const struct X87Reg *a, const uint64_t *b) {                                           \
        uint32_t sw;                                                                                                   \
        __asm__ volatile("fldt %1\n\t" INSN " %2\n\t" X87_STATUS "fstp %%st(0)"                                        \
                         : "=&a"(sw)                                                                                   \
                         : "m"(*a), "m"(*b)                                                                            \
                         : X87_CLOBBERS);                                                                              \
        return sw;                                                                                                     \
    }

X87_COMPARE_MEM(kernel_fcom_m32, "fcoms")
X87_COMPARE_MEM(kernel_fcom_m64, "fcoml")
X87_COMPARE_MEM(kernel_ficom_m16, "ficoms")
X87_COMPARE_MEM(kernel_ficom_m32, "ficoml")

/* Comparisons that set EFLAGS; *flags gets CF, PF and ZF in EFLAGS positions. */
#define X87_COMPARE_FLAGS(NAME, CODE)                                                                                  \
    ALWAYS_INLINE uint32_t NAME(const struct X87Reg *a, const struct X87Reg *b, uint32_t *flags) {                     \
        uint32_t sw;                                                                                                   \
        uint8_t c, p, z;                                                                                               \
        __asm__ volatile("fldt %5\n\tfldt %4\n\t.byte " CODE "\n\tsetc %1\n\tsetp %2\n\tsetz %3\n\t" X87_STATUS        \
                         "fstp %%st(0)\n\tfstp %%st(0)"                                                                \
                         : "=&a"(sw), "=&q"(c), "=&q"(p), "=&q"(z)                                                     \
                         : "m"(*a), "m"(*b)                                                                            \
                         : X87_CLOBBERS);                                                                              \
        *flags = c | (uint32_t)p << 2 | (uint32_t)z << 6;                                                              \
        return sw;                                                                                                     \
    }

X87_COMPARE_FLAGS(kernel_fcomi, "0xdb, 0xf1")
X87_COMPARE_FLAGS(kernel_fucomi, "0xdb, 0xe9")

/* ST(0) = OP ST(0), or only its condition codes. */
#define X87_UNARY(NAME, INSN)                                                                                          \
    ALWAYS_INLINE uint32_t NAME(struct X87Reg *r) {                                                                    \
        uint32_t sw;                                                                                                   \
        __asm__ volatile("fldt %0\n\t" INSN "\n\t" X87_STATUS "fstpt %0" : "+m"(*r), "=&a"(sw) : : X87_CLOBBERS);      \
        return sw;                                                                                                     \
    }

X87_UNARY(kernel_ftst, "ftst")
X87_UNARY(kernel_fxam, "fxam")
X87_UNARY(kernel_f2xm1, "f2xm1")
X87_UNARY(kernel_fsqrt, "fsqrt")
X87_UNARY(kernel_frndint, "frndint")
X87_UNARY(kernel_fsin, "fsin")
X87_UNARY(kernel_fcos, "fcos")

/* ST(1) = f(ST(1), ST(0)), pop. X87_LEFT_ONE: it popped, and *st1 is the result. */
#define X87_BINARY_POP(NAME, INSN)                                                                                     \
    ALWAYS_INLINE uint32_t NAME(struct X87Reg *st1, const struct X87Reg *st0) {                                        \
        uint32_t sw;                                                                                                   \
        __asm__ volatile("fldt %0\n\tfldt %2\n\t" INSN "\n\t" X87_STATUS X87_IF_ONE                                    \
                         "fstpt %0\n\tjmp 3f\n2:\n\tfstp %%st(0)\n\tfstp %%st(0)\n3:"                                  \
                         : "+m"(*st1), "=&a"(sw)                                                                       \
                         : "m"(*st0)                                                                                   \
                         : X87_CLOBBERS);                                                                              \
        return sw;                                                                                                     \
    }

X87_BINARY_POP(kernel_fyl2x, "fyl2x")
X87_BINARY_POP(kernel_fyl2xp1, "fyl2xp1")
X87_BINARY_POP(kernel_fpatan, "fpatan")

/* ST(0) = f(ST(0)), push g. X87_LEFT_ONE: it did not push (an exception, or C2: operand out of range). */
#define X87_UNARY_PUSH(NAME, INSN)                                                                                     \
    ALWAYS_INLINE uint32_t NAME(struct X87Reg *st0, struct X87Reg *pushed) {                                           \
        uint32_t sw;                                                                                                   \
        __asm__ volatile("fldt %0\n\t" INSN "\n\t" X87_STATUS "testl $0x0800, %%eax\n\tjnz 2f\n\tfstpt %2\n2:\n\t"     \
                         "fstpt %0"                                                                                    \
                         : "+m"(*st0), "=&a"(sw), "+m"(*pushed)                                                        \
                         :                                                                                             \
                         : X87_CLOBBERS);                                                                              \
        return sw;                                                                                                     \
    }

X87_UNARY_PUSH(kernel_fptan, "fptan")
X87_UNARY_PUSH(kernel_fsincos, "fsincos")
X87_UNARY_PUSH(kernel_fxtract, "fxtract")

/* Push memory. X87_LEFT_ONE: pushed, *dst is the value. */
#define X87_LOAD(NAME, INSN)                                                                                           \
    ALWAYS_INLINE uint32_t NAME(struct X87Reg *dst, const uint64_t *src) {                                             \
        uint32_t sw;                                                                                                   \
        __asm__ volatile(INSN " %2\n\t" X87_STATUS X87_IF_ONE "fstpt %0\n2:"                                           \
                         : "+m"(*dst), "=&a"(sw)                                                                       \
                         : "m"(*(const uint64_t(*)[2])src)                                                             \
                         : X87_CLOBBERS);                                                                              \
        return sw;                                                                                                     \
    }

X87_LOAD(kernel_fld_m32, "flds")
X87_LOAD(kernel_fld_m64, "fldl")
X87_LOAD(kernel_fild_m16, "filds")
X87_LOAD(kernel_fild_m32, "fildl")
X87_LOAD(kernel_fild_m64, "fildll")
X87_LOAD(kernel_fbld, "fbld")

/* Push a constant. */
#define X87_CONSTANT(NAME, INSN)                                                                                       \
    ALWAYS_INLINE uint32_t NAME(struct X87Reg *dst) {                                                                  \
        uint32_t sw;                                                                                                   \
        __asm__ volatile(INSN "\n\tfnstsw %%ax\n\tfstpt %0" : "=m"(*dst), "=&a"(sw) : : X87_CLOBBERS);                 \
        return sw;                                                                                                     \
    }

X87_CONSTANT(kernel_fld1, "fld1")
X87_CONSTANT(kernel_fldl2t, "fldl2t")
X87_CONSTANT(kernel_fldl2e, "fldl2e")
X87_CONSTANT(kernel_fldpi, "fldpi")
X87_CONSTANT(kernel_fldlg2, "fldlg2")
X87_CONSTANT(kernel_fldln2, "fldln2")
X87_CONSTANT(kernel_fldz, "fldz")

/* Store and pop. X87_LEFT_ONE: neither stored nor popped. */
#define X87_STORE(NAME, INSN)                                                                                          \
    ALWAYS_INLINE uint32_t NAME(const struct X87Reg *src, uint64_t *out) {                                             \
        uint32_t sw;                                                                                                   \
        __asm__ volatile("fldt %2\n\t" INSN " %0\n\t" X87_STATUS X87_IF_ONE "fstp %%st(0)\n2:"                         \
                         : "+m"(*(uint64_t(*)[2])out), "=&a"(sw)                                                       \
                         : "m"(*src)                                                                                   \
                         : X87_CLOBBERS);                                                                              \
        return sw;                                                                                                     \
    }

X87_STORE(kernel_fst_m32, "fstps")
X87_STORE(kernel_fst_m64, "fstpl")
X87_STORE(kernel_fist_m16, "fistps")
X87_STORE(kernel_fist_m32, "fistpl")
X87_STORE(kernel_fist_m64, "fistpll")
X87_STORE(kernel_fbst, "fbstp")

/* FISTTP; hosts without SSE3 do it by FISTP with rounding towards zero. */
#define X87_STORE_TRUNCATED(NAME, INSN, ROUNDING_INSN)                                                                 \
    ALWAYS_INLINE uint32_t NAME(const struct X87Reg *src, uint64_t *out) {                                             \
        uint32_t sw;                                                                                                   \
        uint16_t own, truncating;                                                                                      \
        if (LIKELY(host_has(HOST_SSE3))) {                                                                             \
            __asm__ volatile("fldt %2\n\t" INSN " %0\n\t" X87_STATUS X87_IF_ONE "fstp %%st(0)\n2:"                     \
                             : "+m"(*(uint64_t(*)[2])out), "=&a"(sw)                                                   \
                             : "m"(*src)                                                                               \
                             : X87_CLOBBERS);                                                                          \
            return sw;                                                                                                 \
        }                                                                                                              \
        __asm__ volatile("fnstcw %0" : "=m"(own));                                                                     \
        truncating = own | FCW_RC;                                                                                     \
        __asm__ volatile("fldcw %4\n\tfldt %2\n\t" ROUNDING_INSN " %0\n\t" X87_STATUS X87_IF_ONE                       \
                         "fstp %%st(0)\n2:\n\tfldcw %3"                                                                \
                         : "+m"(*(uint64_t(*)[2])out), "=&a"(sw)                                                       \
                         : "m"(*src), "m"(own), "m"(truncating)                                                        \
                         : X87_CLOBBERS);                                                                              \
        return sw;                                                                                                     \
    }

X87_STORE_TRUNCATED(kernel_fistt_m16, "fisttps", "fistps")
X87_STORE_TRUNCATED(kernel_fistt_m32, "fisttpl", "fistpl")
X87_STORE_TRUNCATED(kernel_fistt_m64, "fisttpll", "fistpll")

/* Moves and sign changes touch only bits. */
ALWAYS_INLINE void kernel_fchs(struct X87Reg *r) { r->sign_exp ^= 0x8000; }
ALWAYS_INLINE void kernel_fabs(struct X87Reg *r) { r->sign_exp &= 0x7fff; }

#endif
