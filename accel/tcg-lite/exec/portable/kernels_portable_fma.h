/* SPDX-License-Identifier: MIT */
/**
 * Fused multiply-add by integers, for hosts without FMA: one rounding, in MXCSR's mode, with its DAZ, FTZ and sticky
 * flags (SDM vol. 1, 14.5).
 */
#ifndef TWIN86_TCG_KERNELS_PORTABLE_FMA_H
#define TWIN86_TCG_KERNELS_PORTABLE_FMA_H

#include "accel/tcg-lite/exec/portable/kernels_portable.h"
#include "accel/tcg-lite/exec/x87/fpu_host.h"

enum FmaKind { FMA_ADD, FMA_SUB, FMA_NADD, FMA_NSUB, FMA_ADDSUB, FMA_SUBADD };
enum FmaLanes { FMA_SS, FMA_PS, FMA_SD, FMA_PD };

/** A binary format: bits of fraction and exponent. */
struct FmaFormat {
    unsigned fraction, exponent;
};

/** A finite operand: (-1)^negative * m * 2^e. */
struct FmaNumber {
    bool negative;
    int e;
    uint64_t m;
};

enum { FMA_IE = 1, FMA_DE = 2, FMA_OE = 8, FMA_UE = 16, FMA_PE = 32 };

static uint64_t fma_exponent_mask(struct FmaFormat f) { return ((1ull << f.exponent) - 1) << f.fraction; }
static uint64_t fma_fraction_mask(struct FmaFormat f) { return (1ull << f.fraction) - 1; }
static uint64_t fma_sign_mask(struct FmaFormat f) { return 1ull << (f.fraction + f.exponent); }
static bool fma_is_nan(uint64_t v, struct FmaFormat f) {
    return (v & fma_exponent_mask(f)) == fma_exponent_mask(f) && (v & fma_fraction_mask(f)) != 0;
}
static bool fma_is_inf(uint64_t v, struct FmaFormat f) { return (v & ~fma_sign_mask(f)) == fma_exponent_mask(f); }
static bool fma_is_denormal(uint64_t v, struct FmaFormat f) {
    return !(v & fma_exponent_mask(f)) && (v & fma_fraction_mask(f)) != 0;
}

static struct FmaNumber fma_unpack(uint64_t v, struct FmaFormat f) {
    int biased = (int)((v & fma_exponent_mask(f)) >> f.fraction), bias = (1 << (f.exponent - 1)) - 1;
    uint64_t m = v & fma_fraction_mask(f);
    if (biased != 0)
        m |= 1ull << f.fraction;
    return (struct FmaNumber){(v & fma_sign_mask(f)) != 0, (biased ? biased : 1) - bias - (int)f.fraction, m};
}

static unsigned fma_width(unsigned __int128 m) {
    uint64_t high = (uint64_t)(m >> 64);
    return high ? 128 - (unsigned)__builtin_clzll(high) : (uint64_t)m ? 64 - (unsigned)__builtin_clzll((uint64_t)m) : 0;
}

/** m >> n; what is lost makes the last bit 1. */
static unsigned __int128 fma_shift_jam(unsigned __int128 m, int n) {
    if (n <= 0)
        return m << -n;
    if (n > 127)
        return m != 0;
    return m >> n | ((m & (((unsigned __int128)1 << n) - 1)) != 0);
}

/** Drop n bits (0 to 126) of m in rounding mode rc. */
static uint64_t fma_round(unsigned __int128 m, int n, unsigned rc, bool negative, bool *inexact) {
    unsigned __int128 lost = n ? m & (((unsigned __int128)1 << n) - 1) : 0,
                      half = n ? (unsigned __int128)1 << (n - 1) : 1;
    uint64_t kept = (uint64_t)(m >> n);
    *inexact = lost != 0;
    bool up = rc == 0   ? lost > half || (lost == half && (kept & 1))
              : rc == 1 ? negative && lost
              : rc == 2 ? !negative && lost
                        : false;
    return kept + up;
}

/** (-1)^negative * m * 2^e, rounded; m is not 0. The result of an unmasked overflow or underflow means nothing; PE is
 *  then that of an unbounded exponent. */
static uint64_t fma_pack(bool negative, unsigned __int128 m, int e, struct FmaFormat f, uint32_t mxcsr,
                         uint32_t *flags) {
    int bias = (1 << (f.exponent - 1)) - 1, least = 1 - bias - (int)f.fraction; /* of the last bit of a denormal */
    unsigned rc = mxcsr >> 13 & 3;
    uint64_t sign = negative ? fma_sign_mask(f) : 0, one = 1ull << f.fraction;
    bool inexact;
    int drop = (int)fma_width(m) - (int)f.fraction - 1; /* with unbounded exponent */
    if (drop < 0) {
        m <<= -drop;
        e += drop;
        drop = 0;
    }
    uint64_t r = fma_round(m, drop, rc, negative, &inexact);
    int at = e + drop;
    if (r == one << 1) {
        r >>= 1;
        at++;
    }
    bool tiny = at < least;
    if (tiny) {
        if (!(mxcsr & MXCSR_UM)) {
            *flags |= FMA_UE | (inexact ? FMA_PE : 0);
            return sign;
        }
        if (mxcsr & MXCSR_FTZ) {
            *flags |= FMA_UE | FMA_PE;
            return sign;
        }
        int more = least - e;
        if (more > 126) {
            m = 1;
            more = 2;
        }
        r = fma_round(m, more, rc, negative, &inexact);
        *flags |= inexact ? FMA_UE | FMA_PE : 0;
        return sign | r; /* a carry makes the least normal number */
    }
    int biased = at - least + 1;
    if (biased >= (1 << f.exponent) - 1) {
        *flags |= FMA_OE | (inexact || (mxcsr & MXCSR_OM) ? FMA_PE : 0);
        bool infinity = rc == 0 || (rc == 1 && negative) || (rc == 2 && !negative);
        return sign | (infinity ? fma_exponent_mask(f) : fma_exponent_mask(f) - 1);
    }
    *flags |= inexact ? FMA_PE : 0;
    return sign | (uint64_t)biased << f.fraction | (r & fma_fraction_mask(f));
}

static uint64_t fma_finite(struct FmaNumber x, struct FmaNumber y, struct FmaNumber z, struct FmaFormat f,
                           uint32_t mxcsr, uint32_t *flags) {
    bool negative = x.negative != y.negative;
    unsigned __int128 p = (unsigned __int128)x.m * y.m, q = z.m;
    int pe = x.e + y.e, qe = z.e;
    if (p == 0 && q == 0) {
        bool minus = negative == z.negative ? negative : (mxcsr >> 13 & 3) == 1;
        return minus ? fma_sign_mask(f) : 0;
    }
    if (q == 0)
        return fma_pack(negative, p, pe, f, mxcsr, flags);
    if (p == 0)
        return fma_pack(z.negative, q, qe, f, mxcsr, flags);
    /* Both with bit 126 as their highest, then the smaller one shifted to the exponent of the greater: at least 20 bits
     * below those of either are there before anything is lost. */
    int up = 127 - (int)fma_width(p), uq = 127 - (int)fma_width(q);
    p <<= up, pe -= up;
    q <<= uq, qe -= uq;
    if (pe > qe) {
        q = fma_shift_jam(q, pe - qe);
        qe = pe;
    } else {
        p = fma_shift_jam(p, qe - pe);
        pe = qe;
    }
    if (negative == z.negative)
        return fma_pack(negative, fma_shift_jam(p, 1) + fma_shift_jam(q, 1), pe + 1, f, mxcsr, flags);
    if (p == q)
        return (mxcsr >> 13 & 3) == 1 ? fma_sign_mask(f) : 0;
    return p > q ? fma_pack(negative, p - q, pe, f, mxcsr, flags) : fma_pack(z.negative, q - p, pe, f, mxcsr, flags);
}

/** (-1)^minus_product * x * y + (-1)^minus_z * z */
static uint64_t fma_one(uint64_t x, uint64_t y, uint64_t z, bool minus_product, bool minus_z, struct FmaFormat f,
                        uint32_t mxcsr, uint32_t *flags) {
    uint64_t in[3] = {x, y, z}, quiet = 1ull << (f.fraction - 1), nan = 0;
    bool denormal = false;
    for (unsigned k = 0; k < 3; k++) {
        if (fma_is_denormal(in[k], f) && (mxcsr & MXCSR_DAZ))
            in[k] &= fma_sign_mask(f);
        denormal |= fma_is_denormal(in[k], f);
    }
    for (unsigned k = 3; k-- > 0;)
        if (fma_is_nan(in[k], f)) {
            nan = in[k] | quiet;
            *flags |= in[k] & quiet ? 0 : FMA_IE;
        }
    if (nan)
        return nan;
    struct FmaNumber a = fma_unpack(in[0], f), b = fma_unpack(in[1], f), c = fma_unpack(in[2], f);
    a.negative ^= minus_product;
    c.negative ^= minus_z;
    bool infinite = fma_is_inf(in[0], f) || fma_is_inf(in[1], f);
    if ((infinite && (a.m == 0 || b.m == 0)) ||
        (infinite && fma_is_inf(in[2], f) && (a.negative != b.negative) != c.negative)) {
        *flags |= FMA_IE;
        return fma_sign_mask(f) | fma_exponent_mask(f) | quiet;
    }
    *flags |= denormal ? FMA_DE : 0;
    if (infinite)
        return (a.negative != b.negative ? fma_sign_mask(f) : 0) | fma_exponent_mask(f);
    if (fma_is_inf(in[2], f))
        return (c.negative ? fma_sign_mask(f) : 0) | fma_exponent_mask(f);
    return fma_finite(a, b, c, f, mxcsr, flags);
}

/** Lanes that a scalar does not have come from `old`. `masks`: those of MXCSR, as the guest has them. */
PORTABLE V128 portable_fma(V128 old, V128 a, V128 b, V128 c, enum FmaKind kind, enum FmaLanes lanes, uint32_t masks) {
    static const struct FmaFormat formats[2] = {{23, 8}, {52, 11}};
    union Lanes x = lanes_of(a), y = lanes_of(b), z = lanes_of(c), r = lanes_of(old);
    bool wide = lanes == FMA_SD || lanes == FMA_PD;
    unsigned n = lanes == FMA_PS ? 4 : lanes == FMA_PD ? 2 : 1;
    uint32_t own = host_mxcsr(), mxcsr = (own & ~(uint32_t)MXCSR_MASKS) | masks, flags = 0;
    for (unsigned k = 0; k < n; k++) {
        bool odd = k & 1, minus_product = kind == FMA_NADD || kind == FMA_NSUB;
        bool minus_z =
            kind == FMA_SUB || kind == FMA_NSUB || (kind == FMA_ADDSUB && !odd) || (kind == FMA_SUBADD && odd);
        uint64_t v = fma_one(wide ? x.q[k] : x.d[k], wide ? y.q[k] : y.d[k], wide ? z.q[k] : z.d[k], minus_product,
                             minus_z, formats[wide], mxcsr, &flags);
        if (wide)
            r.q[k] = v;
        else
            r.d[k] = (uint32_t)v;
    }
    host_set_mxcsr(own | flags);
    return r.v;
}

#endif
