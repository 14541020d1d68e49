/* SPDX-License-Identifier: MIT */
/** SSE4.2 in plain C (SDM vol. 1, 12.11; vol. 2, 4.1). */
#ifndef TWIN86_TCG_KERNELS_PORTABLE_SSE42_H
#define TWIN86_TCG_KERNELS_PORTABLE_SSE42_H

#include "accel/tcg-lite/exec/portable/kernels_portable.h"

PORTABLE V128 portable_pcmpgtq(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    for (unsigned k = 0; k < 2; k++)
        x.q[k] = x.sq[k] > y.sq[k] ? ~0ull : 0;
    return x.v;
}

/* ---- string comparison ---- */

/* The parts of imm8. */
enum {
    PCMPSTR_WORDS = 1 << 0,
    PCMPSTR_SIGNED = 1 << 1,
    PCMPSTR_ANY = 0,
    PCMPSTR_RANGES = 1 << 2,
    PCMPSTR_EACH = 2 << 2,
    PCMPSTR_ORDERED = 3 << 2,
    PCMPSTR_AGGREGATION = 3 << 2,
    PCMPSTR_NEGATE = 1 << 4,
    PCMPSTR_VALID_ONLY = 1 << 5, /* negate only what lies within the second string */
    PCMPSTR_TOP = 1 << 6,        /* the highest index; a mask of elements rather than of bits */
};

ALWAYS_INLINE int pcmpstr_element(const union Lanes *v, unsigned k, unsigned imm) {
    switch (imm & 3) {
    case 0: return v->b[k];
    case PCMPSTR_WORDS: return v->w[k];
    case PCMPSTR_SIGNED: return v->sb[k];
    default: return v->sw[k];
    }
}

/** Bit of IntRes1 for element j of the second string. */
ALWAYS_INLINE bool pcmpstr_bit(const union Lanes *x, unsigned x_len, const union Lanes *y, unsigned y_len, unsigned j,
                               unsigned imm) {
    unsigned n = imm & PCMPSTR_WORDS ? 8 : 16;
    int c = pcmpstr_element(y, j, imm);
    switch (imm & PCMPSTR_AGGREGATION) {
    case PCMPSTR_ANY:
        for (unsigned k = 0; k < x_len; k++)
            if (j < y_len && pcmpstr_element(x, k, imm) == c)
                return true;
        return false;
    case PCMPSTR_RANGES:
        for (unsigned k = 0; k + 1 < x_len; k += 2)
            if (j < y_len && pcmpstr_element(x, k, imm) <= c && c <= pcmpstr_element(x, k + 1, imm))
                return true;
        return false;
    case PCMPSTR_EACH: return j < x_len && j < y_len ? pcmpstr_element(x, j, imm) == c : j >= x_len && j >= y_len;
    default:
        for (unsigned k = 0; k < x_len && j + k < n; k++)
            if (j + k >= y_len || pcmpstr_element(x, k, imm) != pcmpstr_element(y, j + k, imm))
                return false;
        return true;
    }
}

/** IntRes1: the bits before imm's polarity. Lengths are in elements, at most 16 or 8. */
PORTABLE uint32_t portable_pcmpstr(V128 a, unsigned a_len, V128 b, unsigned b_len, unsigned imm) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    uint32_t r = 0;
    for (unsigned j = 0; j < (imm & PCMPSTR_WORDS ? 8 : 16); j++)
        r |= (uint32_t)pcmpstr_bit(&x, a_len, &y, b_len, j, imm) << j;
    return r;
}

#endif
