/* SPDX-License-Identifier: MIT */
/** Portable kernels of AVX, AVX2 and F16C: see kernels_portable.h. */
#ifndef TWIN86_TCG_KERNELS_PORTABLE_AVX_H
#define TWIN86_TCG_KERNELS_PORTABLE_AVX_H

#include "accel/tcg-lite/exec/portable/kernels_portable.h"
#include "accel/tcg-lite/exec/x87/fpu_host.h"

PORTABLE V128 portable_permilps(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 4; k++)
        r.d[k] = x.d[y.d[k] & 3];
    return r.v;
}
PORTABLE V128 portable_permilpd(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 2; k++)
        r.q[k] = x.q[(y.q[k] >> 1) & 1];
    return r.v;
}

/* ---- shifts by counts of each element ---- */

PORTABLE V128 portable_psllvd(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    for (unsigned k = 0; k < 4; k++)
        x.d[k] = y.d[k] < 32 ? x.d[k] << y.d[k] : 0;
    return x.v;
}
PORTABLE V128 portable_psllvq(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    for (unsigned k = 0; k < 2; k++)
        x.q[k] = y.q[k] < 64 ? x.q[k] << y.q[k] : 0;
    return x.v;
}
PORTABLE V128 portable_psrlvd(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    for (unsigned k = 0; k < 4; k++)
        x.d[k] = y.d[k] < 32 ? x.d[k] >> y.d[k] : 0;
    return x.v;
}
PORTABLE V128 portable_psrlvq(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    for (unsigned k = 0; k < 2; k++)
        x.q[k] = y.q[k] < 64 ? x.q[k] >> y.q[k] : 0;
    return x.v;
}
PORTABLE V128 portable_psravd(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    for (unsigned k = 0; k < 4; k++)
        x.sd[k] >>= y.d[k] < 32 ? y.d[k] : 31;
    return x.v;
}

/* ---- half precision: MXCSR's DAZ and FTZ do not count, denormal halves raise nothing ---- */

enum { HALF_EXP = 0x7c00, HALF_FRACTION = 0x3ff, HALF_QUIET = 0x200 };

static uint32_t half_to_single(uint16_t h, uint32_t *flags) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exp = (h & HALF_EXP) >> 10, f = h & HALF_FRACTION;
    if (exp == 31) {
        if (f && !(f & HALF_QUIET))
            *flags |= 1; /* IE */
        return sign | 0x7f800000 | f << 13 | (f ? 1u << 22 : 0);
    }
    if (exp == 0) {
        if (f == 0)
            return sign;
        unsigned up = (unsigned)__builtin_clz(f) - 21; /* until bit 10 is set */
        return sign | (113 - up) << 23 | ((f << up) & HALF_FRACTION) << 13;
    }
    return sign | (exp + 112) << 23 | f << 13;
}

PORTABLE V128 portable_cvtph2ps(V128 b) {
    union Lanes x = lanes_of(b), r;
    uint32_t flags = 0;
    for (unsigned k = 0; k < 4; k++)
        r.d[k] = half_to_single(x.w[k], &flags);
    host_set_mxcsr(host_mxcsr() | flags);
    return r.v;
}

/** `rounding` as in MXCSR: 0 to nearest even, 1 down, 2 up, 3 towards 0. */
static bool rounds_up(unsigned rounding, bool negative, bool odd, bool half, bool below_half) {
    switch (rounding) {
    case 0: return half && (below_half || odd);
    case 1: return negative && (half || below_half);
    case 2: return !negative && (half || below_half);
    default: return false;
    }
}

/** m * 2^(e - 38), with bit 23 of m set if e > 0, is tiny: rounded to 11 bits, it would still be below 2^-14. */
static bool half_underflows(int e, uint64_t m, unsigned rounding, bool negative) {
    if (e != 0)
        return e < 0;
    uint64_t kept = m >> 13;
    return kept + rounds_up(rounding, negative, kept & 1, m >> 12 & 1, (m & 0xfff) != 0) < 2048;
}

/** m has no more than a half's 11 significant bits. */
static bool half_precise(uint64_t m) {
    unsigned width = 64 - (unsigned)__builtin_clzll(m);
    return width <= 11 || !(m & ((1ull << (width - 11)) - 1));
}

/** With overflow or underflow unmasked in `mxcsr`, PE is that of an unbounded exponent. */
static uint16_t single_to_half(uint32_t s, unsigned rounding, uint32_t mxcsr, uint32_t *flags) {
    uint32_t sign = (s >> 16) & 0x8000, exp = (s >> 23) & 0xff, f = s & 0x7fffff;
    if (exp == 255) {
        if (f && !(f & 1u << 22))
            *flags |= 1; /* IE */
        return (uint16_t)(sign | HALF_EXP | f >> 13 | (f ? HALF_QUIET : 0));
    }
    if (exp == 0 && f && !(mxcsr & MXCSR_DAZ))
        *flags |= 2; /* DE */
    if (exp == 0 && (f == 0 || (mxcsr & MXCSR_DAZ)))
        return (uint16_t)sign;
    uint64_t m = f | (exp ? 1u << 23 : 0);
    int e = (exp ? (int)exp : 1) - 112;                   /* as a half has it */
    unsigned drop = 13 + (e < 1 ? (unsigned)(1 - e) : 0); /* bits below a half's last */
    if (drop > 40)
        drop = 40;
    uint32_t kept = (uint32_t)(m >> drop);
    bool half = (m >> (drop - 1)) & 1, below = (m & ((1ull << (drop - 1)) - 1)) != 0, inexact = half || below;
    kept += rounds_up(rounding, sign != 0, kept & 1, half, below);
    /* The bit above the fraction counts as one in the exponent, which takes care of carries. */
    uint32_t r = e < 1 ? kept : (uint32_t)(e - 1) * 1024 + kept;
    if (r >= HALF_EXP) {
        *flags |= MXCSR_OE | (half_precise(m) && !(mxcsr & MXCSR_OM) ? 0 : MXCSR_PE);
        bool to_infinity = rounding == 0 || (rounding == 1 && sign) || (rounding == 2 && !sign);
        return (uint16_t)(sign | (to_infinity ? HALF_EXP : HALF_EXP - 1));
    }
    bool tiny = half_underflows(e, m, rounding, sign != 0);
    if (tiny && !(mxcsr & MXCSR_UM))
        *flags |= MXCSR_UE | (half_precise(m) ? 0 : MXCSR_PE);
    else if (inexact)
        *flags |= MXCSR_PE | (tiny ? MXCSR_UE : 0);
    return (uint16_t)(sign | r);
}

/** `masks`: those of MXCSR, as the guest has them. */
PORTABLE V128 portable_cvtps2ph(V128 b, unsigned imm, uint32_t masks) {
    union Lanes x = lanes_of(b), r = lanes_of(_mm_setzero_si128());
    uint32_t own = host_mxcsr(), mxcsr = (own & ~(uint32_t)MXCSR_MASKS) | masks, flags = 0;
    unsigned rounding = imm & 4 ? mxcsr >> 13 & 3 : imm & 3;
    for (unsigned k = 0; k < 4; k++)
        r.w[k] = single_to_half(x.d[k], rounding, mxcsr, &flags);
    host_set_mxcsr(own | flags);
    return r.v;
}

#endif
