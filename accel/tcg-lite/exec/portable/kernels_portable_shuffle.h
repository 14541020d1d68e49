/* SPDX-License-Identifier: MIT */
/** Shuffles and shifts by bytes in plain C: what PSHUFB does for hosts that have it. */
#ifndef TWIN86_TCG_KERNELS_PORTABLE_SHUFFLE_H
#define TWIN86_TCG_KERNELS_PORTABLE_SHUFFLE_H

#include "accel/tcg-lite/exec/portable/kernels_portable.h"

PORTABLE V128 portable_pslldq(V128 a, unsigned n) {
    return n > 15 ? _mm_setzero_si128() : (V128)((unsigned __int128)a << (8 * n));
}
PORTABLE V128 portable_psrldq(V128 a, unsigned n) {
    return n > 15 ? _mm_setzero_si128() : (V128)((unsigned __int128)a >> (8 * n));
}

PORTABLE V128 portable_shufps(V128 a, V128 b, unsigned imm) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 4; k++)
        r.d[k] = (k < 2 ? x : y).d[(imm >> (2 * k)) & 3];
    return r.v;
}
PORTABLE V128 portable_pshufd(V128 a, V128 b, unsigned imm) { return (void)a, portable_shufps(b, b, imm); }

ALWAYS_INLINE uint64_t vec_shuffle_words(uint64_t q, unsigned imm) {
    uint64_t r = 0;
    for (unsigned k = 0; k < 4; k++)
        r |= (q >> (16 * ((imm >> (2 * k)) & 3)) & 0xffff) << (16 * k);
    return r;
}
PORTABLE V128 portable_pshuflw(V128 a, V128 b, unsigned imm) {
    (void)a;
    return (V128){(long long)vec_shuffle_words((uint64_t)b[0], imm), b[1]};
}
PORTABLE V128 portable_pshufhw(V128 a, V128 b, unsigned imm) {
    (void)a;
    return (V128){b[0], (long long)vec_shuffle_words((uint64_t)b[1], imm)};
}

#endif
