/* SPDX-License-Identifier: MIT */
/** SSE4.1 integers and blends in plain C (SDM vol. 2). */
#ifndef TWIN86_TCG_KERNELS_PORTABLE_SSE41_H
#define TWIN86_TCG_KERNELS_PORTABLE_SSE41_H

#include "accel/tcg-lite/exec/portable/kernels_portable.h"

/* ---- signed and unsigned, smaller and larger ---- */

PORTABLE V128 portable_pminsb(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    for (unsigned k = 0; k < 16; k++)
        x.sb[k] = y.sb[k] < x.sb[k] ? y.sb[k] : x.sb[k];
    return x.v;
}
PORTABLE V128 portable_pmaxsb(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    for (unsigned k = 0; k < 16; k++)
        x.sb[k] = y.sb[k] > x.sb[k] ? y.sb[k] : x.sb[k];
    return x.v;
}
PORTABLE V128 portable_pminuw(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    for (unsigned k = 0; k < 8; k++)
        x.w[k] = y.w[k] < x.w[k] ? y.w[k] : x.w[k];
    return x.v;
}
PORTABLE V128 portable_pmaxuw(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    for (unsigned k = 0; k < 8; k++)
        x.w[k] = y.w[k] > x.w[k] ? y.w[k] : x.w[k];
    return x.v;
}
PORTABLE V128 portable_pminsd(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    for (unsigned k = 0; k < 4; k++)
        x.sd[k] = y.sd[k] < x.sd[k] ? y.sd[k] : x.sd[k];
    return x.v;
}
PORTABLE V128 portable_pmaxsd(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    for (unsigned k = 0; k < 4; k++)
        x.sd[k] = y.sd[k] > x.sd[k] ? y.sd[k] : x.sd[k];
    return x.v;
}
PORTABLE V128 portable_pminud(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    for (unsigned k = 0; k < 4; k++)
        x.d[k] = y.d[k] < x.d[k] ? y.d[k] : x.d[k];
    return x.v;
}
PORTABLE V128 portable_pmaxud(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    for (unsigned k = 0; k < 4; k++)
        x.d[k] = y.d[k] > x.d[k] ? y.d[k] : x.d[k];
    return x.v;
}

/* ---- arithmetic, comparison, packing ---- */

PORTABLE V128 portable_pmulld(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    for (unsigned k = 0; k < 4; k++)
        x.d[k] *= y.d[k];
    return x.v;
}
PORTABLE V128 portable_pmuldq(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 2; k++)
        r.sq[k] = (int64_t)x.sd[2 * k] * y.sd[2 * k];
    return r.v;
}
PORTABLE V128 portable_pcmpeqq(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    for (unsigned k = 0; k < 2; k++)
        x.q[k] = x.q[k] == y.q[k] ? ~0ull : 0;
    return x.v;
}
PORTABLE V128 portable_packusdw(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 4; k++) {
        r.w[k] = saturate_u16(x.sd[k]);
        r.w[k + 4] = saturate_u16(y.sd[k]);
    }
    return r.v;
}
/** The smallest word and the first place where it stands. */
PORTABLE V128 portable_phminposuw(V128 b) {
    union Lanes x = lanes_of(b), r = {.q = {0, 0}};
    r.w[0] = x.w[0];
    for (unsigned k = 1; k < 8; k++) {
        if (x.w[k] < r.w[0]) {
            r.w[0] = x.w[k];
            r.w[1] = (uint16_t)k;
        }
    }
    return r.v;
}
/** Distances of four bytes of b to the eight runs of four in a. */
PORTABLE V128 portable_mpsadbw(V128 a, V128 b, unsigned imm) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    unsigned from = imm & 4, block = (imm & 3) * 4;
    for (unsigned k = 0; k < 8; k++) {
        int sum = 0;
        for (unsigned j = 0; j < 4; j++)
            sum += __builtin_abs(x.b[from + k + j] - y.b[block + j]);
        r.w[k] = (uint16_t)sum;
    }
    return r.v;
}

/* ---- widening ---- */

PORTABLE V128 portable_pmovsxbw(V128 b) { return _mm_srai_epi16(_mm_unpacklo_epi8(b, b), 8); }
PORTABLE V128 portable_pmovsxwd(V128 b) { return _mm_srai_epi32(_mm_unpacklo_epi16(b, b), 16); }
PORTABLE V128 portable_pmovsxbd(V128 b) { return portable_pmovsxwd(portable_pmovsxbw(b)); }
PORTABLE V128 portable_pmovsxdq(V128 b) { return _mm_unpacklo_epi32(b, _mm_srai_epi32(b, 31)); }
PORTABLE V128 portable_pmovsxbq(V128 b) { return portable_pmovsxdq(portable_pmovsxbd(b)); }
PORTABLE V128 portable_pmovsxwq(V128 b) { return portable_pmovsxdq(portable_pmovsxwd(b)); }

/* ---- blends by the sign of each lane of c ---- */

ALWAYS_INLINE V128 select_bits(V128 a, V128 b, V128 mask) {
    return _mm_or_si128(_mm_and_si128(mask, b), _mm_andnot_si128(mask, a));
}
PORTABLE V128 portable_pblendvb(V128 a, V128 b, V128 c) {
    return select_bits(a, b, _mm_cmpgt_epi8(_mm_setzero_si128(), c));
}
PORTABLE V128 portable_blendvps(V128 a, V128 b, V128 c) { return select_bits(a, b, _mm_srai_epi32(c, 31)); }
PORTABLE V128 portable_blendvpd(V128 a, V128 b, V128 c) {
    return select_bits(a, b, _mm_shuffle_epi32(_mm_srai_epi32(c, 31), 0xf5));
}

/* ---- PTEST ---- */

ALWAYS_INLINE bool all_zero(V128 v) { return _mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_setzero_si128())) == 0xffff; }

PORTABLE uint32_t portable_ptest(V128 a, V128 b) {
    return (all_zero(_mm_and_si128(a, b)) ? FLAG_ZF : 0) | (all_zero(_mm_andnot_si128(a, b)) ? FLAG_CF : 0);
}

#endif
