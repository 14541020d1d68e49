/* SPDX-License-Identifier: MIT */
/** SSE4.1 floating point without the host's: rounding on bits. */
#ifndef TWIN86_TCG_KERNELS_PORTABLE_SSE41_FP_H
#define TWIN86_TCG_KERNELS_PORTABLE_SSE41_FP_H

#include "accel/tcg-lite/exec/portable/kernels_portable_sse3.h"
#include "accel/tcg-lite/exec/x87/fpu_host.h"

/* ---- ROUND ---- */

enum { ROUND_NEAREST, ROUND_DOWN, ROUND_UP, ROUND_ZERO, ROUND_MXCSR = 4, ROUND_QUIET = 8 /* no PE */ };
enum { MXCSR_RC_SHIFT = 13 };

/** The integral value next to x, a number of m mantissa bits, and what it raises. */
ALWAYS_INLINE uint64_t round_bits(uint64_t x, unsigned m, unsigned bias, unsigned mode, bool daz, uint32_t *flags) {
    unsigned bits = m == 23 ? 32 : 64;
    uint64_t sign = x & 1ull << (bits - 1), quiet = 1ull << (m - 1), fraction = x & ((1ull << m) - 1);
    unsigned exponent = (unsigned)(x >> m) & (2 * bias + 1);
    if (exponent == 2 * bias + 1 && fraction) {
        *flags |= x & quiet ? 0 : MXCSR_IE;
        return x | quiet;
    }
    if (exponent >= bias + m || x == sign)
        return x;
    if (daz && exponent == 0)
        return sign;
    if (exponent < bias) { /* below 1 */
        *flags |= MXCSR_PE;
        bool away = mode == ROUND_NEAREST ? exponent == bias - 1 && fraction : mode == (sign ? ROUND_DOWN : ROUND_UP);
        return away ? sign | (uint64_t)bias << m : sign;
    }
    uint64_t one = 1ull << (m + bias - exponent), rest = x & (one - 1);
    if (!rest)
        return x;
    *flags |= MXCSR_PE;
    x -= rest;
    bool away = mode == ROUND_NEAREST ? rest > one / 2 || (rest == one / 2 && (x & one))
                                      : mode == (sign ? ROUND_DOWN : ROUND_UP);
    return away ? x + one : x;
}

/** n floats, or n doubles. */
PORTABLE V128 round_lanes(V128 v, unsigned imm, unsigned n, bool doubles) {
    union Lanes x = lanes_of(v);
    uint32_t flags = 0, mxcsr = host_mxcsr();
    unsigned mode = imm & ROUND_MXCSR ? mxcsr >> MXCSR_RC_SHIFT & 3 : imm & 3;
    for (unsigned k = 0; k < n; k++) {
        if (doubles)
            x.q[k] = round_bits(x.q[k], 52, 1023, mode, mxcsr & MXCSR_DAZ, &flags);
        else
            x.d[k] = (uint32_t)round_bits(x.d[k], 23, 127, mode, mxcsr & MXCSR_DAZ, &flags);
    }
    host_set_mxcsr(mxcsr | (imm & ROUND_QUIET ? flags & ~(uint32_t)MXCSR_PE : flags));
    return x.v;
}

PORTABLE V128 portable_roundps(V128 a, V128 b, unsigned imm) { return (void)a, round_lanes(b, imm, 4, false); }
PORTABLE V128 portable_roundpd(V128 a, V128 b, unsigned imm) { return (void)a, round_lanes(b, imm, 2, true); }
PORTABLE V128 portable_roundss(V128 a, V128 b, unsigned imm) {
    union Lanes r = lanes_of(a), x = lanes_of(round_lanes(b, imm, 1, false));
    r.d[0] = x.d[0];
    return r.v;
}
PORTABLE V128 portable_roundsd(V128 a, V128 b, unsigned imm) { return (V128){round_lanes(b, imm, 1, true)[0], a[1]}; }

#endif
