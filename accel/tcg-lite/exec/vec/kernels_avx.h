/* SPDX-License-Identifier: MIT */
/**
 * Kernels that only VEX instructions need. Those of one 128-bit lane have the types of kernels_vec_int.h; where
 * elements cross lanes they take and give both.
 */
#ifndef TWIN86_TCG_KERNELS_AVX_H
#define TWIN86_TCG_KERNELS_AVX_H

#include "accel/tcg-lite/exec/portable/kernels_portable_avx.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_fp.h"
#include "accel/tcg-lite/exec/vec/kernels_vec_host.h"

/** The value of a YMM register or memory operand; of 128-bit operands hi is 0. */
typedef struct {
    V128 lo, hi;
} V256;

/* NAME(a, b): INSN b, a, r */
#define VEC_VEX(NAME, FEATURE, INSN, PORTABLE_FN)                                                                      \
    ALWAYS_INLINE V128 NAME(V128 a, V128 b) {                                                                          \
        if (UNLIKELY(!host_has(FEATURE)))                                                                              \
            return PORTABLE_FN(a, b);                                                                                  \
        V128 r;                                                                                                        \
        __asm__(INSN " %2, %1, %0" : "=x"(r) : "x"(a), "x"(b));                                                        \
        return r;                                                                                                      \
    }

VEC_VEX(kernel_permilps, HOST_AVX, "vpermilps", portable_permilps)
VEC_VEX(kernel_permilpd, HOST_AVX, "vpermilpd", portable_permilpd)
VEC_VEX(kernel_psllvd, HOST_AVX2, "vpsllvd", portable_psllvd)
VEC_VEX(kernel_psllvq, HOST_AVX2, "vpsllvq", portable_psllvq)
VEC_VEX(kernel_psrlvd, HOST_AVX2, "vpsrlvd", portable_psrlvd)
VEC_VEX(kernel_psrlvq, HOST_AVX2, "vpsrlvq", portable_psrlvq)
VEC_VEX(kernel_psravd, HOST_AVX2, "vpsravd", portable_psravd)

/* Element 0 of b, the rest of a. */
ALWAYS_INLINE V128 kernel_movss(V128 a, V128 b) { return (V128)_mm_move_ss((__m128)a, (__m128)b); }
ALWAYS_INLINE V128 kernel_movsd(V128 a, V128 b) { return (V128){b[0], a[1]}; }

ALWAYS_INLINE V128 kernel_permilpd_imm(V128 a, V128 b, unsigned imm) {
    (void)a;
    return kernel_shufpd(b, b, imm);
}

/* ---- VCMPPS and its kin: 32 predicates ---- */

/**
 * A predicate is the set of relations for which it holds, and whether a quiet NaN signals (SDM vol. 2, CMPPD, table of
 * predicates). Bit 4 of the immediate turns the latter over.
 */
enum { CMP_LT = 1, CMP_EQ = 2, CMP_GT = 4, CMP_UNORD = 8, CMP_SIGNALS = 16 };
ALWAYS_INLINE unsigned cmp_predicate(unsigned imm) {
    static const uint8_t table[16] = {
        CMP_EQ,
        CMP_LT | CMP_SIGNALS,
        CMP_LT | CMP_EQ | CMP_SIGNALS,
        CMP_UNORD,
        CMP_LT | CMP_GT | CMP_UNORD,
        CMP_EQ | CMP_GT | CMP_UNORD | CMP_SIGNALS,
        CMP_GT | CMP_UNORD | CMP_SIGNALS,
        CMP_LT | CMP_EQ | CMP_GT,
        CMP_EQ | CMP_UNORD,
        CMP_LT | CMP_UNORD | CMP_SIGNALS,
        CMP_LT | CMP_EQ | CMP_UNORD | CMP_SIGNALS,
        0,
        CMP_LT | CMP_GT,
        CMP_EQ | CMP_GT | CMP_SIGNALS,
        CMP_GT | CMP_SIGNALS,
        CMP_LT | CMP_EQ | CMP_GT | CMP_UNORD,
    };
    return table[imm & 15] ^ (imm & 16);
}
ALWAYS_INLINE V128 cmp_mask(unsigned set, unsigned relation) { return _mm_set1_epi32(set & relation ? -1 : 0); }

/**
 * From SSE's three comparisons. Only those that are quiet see NaNs, unless the predicate signals; each raises the same
 * for denormals, so doing several changes nothing. a keeps what INSN does not compare.
 */
#define VEC_CMP32(NAME, EQ, LT, UNORD, MERGE)                                                                          \
    ALWAYS_INLINE V128 NAME(V128 a, V128 b, unsigned imm) {                                                            \
        unsigned p = cmp_predicate(imm);                                                                               \
        V128 unord = UNORD(a, b), eq = EQ(a, b), ordered = _mm_xor_si128(unord, _mm_set1_epi32(-1));                   \
        V128 lt = p & CMP_SIGNALS ? LT(a, b) : LT(_mm_and_si128(a, ordered), _mm_and_si128(b, ordered));               \
        lt = _mm_andnot_si128(unord, lt);                                                                              \
        V128 gt = _mm_andnot_si128(_mm_or_si128(lt, eq), ordered);                                                     \
        V128 r = _mm_or_si128(                                                                                         \
            _mm_or_si128(_mm_and_si128(lt, cmp_mask(p, CMP_LT)), _mm_and_si128(eq, cmp_mask(p, CMP_EQ))),              \
            _mm_or_si128(_mm_and_si128(gt, cmp_mask(p, CMP_GT)), _mm_and_si128(unord, cmp_mask(p, CMP_UNORD))));       \
        return MERGE;                                                                                                  \
    }

ALWAYS_INLINE V128 cmp_ps_eq(V128 a, V128 b) { return kernel_cmpps(a, b, 0); }
ALWAYS_INLINE V128 cmp_ps_lt(V128 a, V128 b) { return kernel_cmpps(a, b, 1); }
ALWAYS_INLINE V128 cmp_ps_unord(V128 a, V128 b) { return kernel_cmpps(a, b, 3); }
ALWAYS_INLINE V128 cmp_pd_eq(V128 a, V128 b) { return kernel_cmppd(a, b, 0); }
ALWAYS_INLINE V128 cmp_pd_lt(V128 a, V128 b) { return kernel_cmppd(a, b, 1); }
ALWAYS_INLINE V128 cmp_pd_unord(V128 a, V128 b) { return kernel_cmppd(a, b, 3); }
ALWAYS_INLINE V128 cmp_ss_eq(V128 a, V128 b) { return kernel_cmpss(a, b, 0); }
ALWAYS_INLINE V128 cmp_ss_lt(V128 a, V128 b) { return kernel_cmpss(a, b, 1); }
ALWAYS_INLINE V128 cmp_ss_unord(V128 a, V128 b) { return kernel_cmpss(a, b, 3); }
ALWAYS_INLINE V128 cmp_sd_eq(V128 a, V128 b) { return kernel_cmpsd(a, b, 0); }
ALWAYS_INLINE V128 cmp_sd_lt(V128 a, V128 b) { return kernel_cmpsd(a, b, 1); }
ALWAYS_INLINE V128 cmp_sd_unord(V128 a, V128 b) { return kernel_cmpsd(a, b, 3); }

VEC_CMP32(kernel_vcmpps, cmp_ps_eq, cmp_ps_lt, cmp_ps_unord, r)
VEC_CMP32(kernel_vcmppd, cmp_pd_eq, cmp_pd_lt, cmp_pd_unord, r)
VEC_CMP32(kernel_vcmpss, cmp_ss_eq, cmp_ss_lt, cmp_ss_unord, kernel_movss(a, r))
VEC_CMP32(kernel_vcmpsd, cmp_sd_eq, cmp_sd_lt, cmp_sd_unord, kernel_movsd(a, r))

/* ---- VTESTPS, VTESTPD: ZF when no sign of a & b is set, CF when none of ~a & b ---- */

ALWAYS_INLINE uint32_t kernel_testps(V128 a, V128 b) {
    uint32_t x = kernel_movmskps(a), y = kernel_movmskps(b);
    return (uint32_t)!(~x & y) | (uint32_t)!(x & y) << 6;
}
ALWAYS_INLINE uint32_t kernel_testpd(V128 a, V128 b) {
    uint32_t x = kernel_movmskpd(a), y = kernel_movmskpd(b);
    return (uint32_t)!(~x & y) | (uint32_t)!(x & y) << 6;
}

/* ---- half precision ---- */

ALWAYS_INLINE V128 kernel_cvtph2ps(V128 b) {
    if (UNLIKELY(!host_has(HOST_F16C)))
        return portable_cvtph2ps(b);
    V128 r;
    __asm__ volatile("vcvtph2ps %1, %0" : "=x"(r) : "x"(b));
    return r;
}
/** Bits 1-0 of imm are the rounding mode unless bit 2 says that MXCSR has it. */
ALWAYS_INLINE V128 kernel_cvtps2ph(V128 a, V128 b, unsigned imm) {
    (void)a;
    if (UNLIKELY(!host_has(HOST_F16C)))
        return portable_cvtps2ph(b, imm, MXCSR_MASKS);
    V128 r;
    switch (imm & 4 ? 4 : imm & 3) {
    case 0: __asm__ volatile("vcvtps2ph $0, %1, %0" : "=x"(r) : "x"(b)); break;
    case 1: __asm__ volatile("vcvtps2ph $1, %1, %0" : "=x"(r) : "x"(b)); break;
    case 2: __asm__ volatile("vcvtps2ph $2, %1, %0" : "=x"(r) : "x"(b)); break;
    case 3: __asm__ volatile("vcvtps2ph $3, %1, %0" : "=x"(r) : "x"(b)); break;
    default: __asm__ volatile("vcvtps2ph $4, %1, %0" : "=x"(r) : "x"(b)); break;
    }
    return r;
}
/** Some half is denormal. */
static NOINLINE __attribute__((unused)) bool halves_tiny(V128 v) {
    union Lanes r = lanes_of(v);
    for (unsigned k = 0; k < 8; k++)
        if (!(r.w[k] & 0x7c00) && (r.w[k] & 0x3ff))
            return true;
    return false;
}

/* ---- across lanes ---- */

/** Bits 1-0 of imm choose the low lane among those of a and b, 5-4 the high one; bits 3 and 7 make them 0. */
ALWAYS_INLINE V256 kernel_perm2f128(V256 a, V256 b, unsigned imm) {
    const V128 lane[4] = {a.lo, a.hi, b.lo, b.hi}, zero = _mm_setzero_si128();
    return (V256){imm & 8 ? zero : lane[imm & 3], imm & 0x80 ? zero : lane[(imm >> 4) & 3]};
}
ALWAYS_INLINE V256 kernel_insert128(V256 a, V256 b, unsigned imm) {
    return imm & 1 ? (V256){a.lo, b.lo} : (V256){b.lo, a.hi};
}
ALWAYS_INLINE V256 kernel_permq(V256 b, unsigned imm) {
    const long long q[4] = {b.lo[0], b.lo[1], b.hi[0], b.hi[1]};
    return (V256){(V128){q[imm & 3], q[(imm >> 2) & 3]}, (V128){q[(imm >> 4) & 3], q[(imm >> 6) & 3]}};
}
/** a holds the places, b what lies there. */
ALWAYS_INLINE V256 kernel_permd(V256 a, V256 b, unsigned imm) {
    (void)imm;
    union {
        V256 v;
        uint32_t d[8];
    } x = {a}, y = {b}, r;
    for (unsigned k = 0; k < 8; k++)
        r.d[k] = y.d[x.d[k] & 7];
    return r.v;
}

#endif
