/* SPDX-License-Identifier: MIT */
/** SSSE3 in plain C (SDM vol. 2). */
#ifndef TWIN86_TCG_KERNELS_PORTABLE_SSSE3_H
#define TWIN86_TCG_KERNELS_PORTABLE_SSSE3_H

#include "accel/tcg-lite/exec/portable/kernels_portable.h"

PORTABLE V128 portable_pshufb(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 16; k++)
        r.b[k] = y.b[k] & 0x80 ? 0 : x.b[y.b[k] & 15];
    return r.v;
}

/* Sums and differences of neighbours: a's make the low half, b's the high one. */
PORTABLE V128 portable_phaddw(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 4; k++) {
        r.w[k] = (uint16_t)(x.w[2 * k] + x.w[2 * k + 1]);
        r.w[k + 4] = (uint16_t)(y.w[2 * k] + y.w[2 * k + 1]);
    }
    return r.v;
}
PORTABLE V128 portable_phaddd(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 2; k++) {
        r.d[k] = x.d[2 * k] + x.d[2 * k + 1];
        r.d[k + 2] = y.d[2 * k] + y.d[2 * k + 1];
    }
    return r.v;
}
PORTABLE V128 portable_phaddsw(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 4; k++) {
        r.sw[k] = saturate_s16(x.sw[2 * k] + x.sw[2 * k + 1]);
        r.sw[k + 4] = saturate_s16(y.sw[2 * k] + y.sw[2 * k + 1]);
    }
    return r.v;
}
PORTABLE V128 portable_phsubw(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 4; k++) {
        r.w[k] = (uint16_t)(x.w[2 * k] - x.w[2 * k + 1]);
        r.w[k + 4] = (uint16_t)(y.w[2 * k] - y.w[2 * k + 1]);
    }
    return r.v;
}
PORTABLE V128 portable_phsubd(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 2; k++) {
        r.d[k] = x.d[2 * k] - x.d[2 * k + 1];
        r.d[k + 2] = y.d[2 * k] - y.d[2 * k + 1];
    }
    return r.v;
}
PORTABLE V128 portable_phsubsw(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 4; k++) {
        r.sw[k] = saturate_s16(x.sw[2 * k] - x.sw[2 * k + 1]);
        r.sw[k + 4] = saturate_s16(y.sw[2 * k] - y.sw[2 * k + 1]);
    }
    return r.v;
}

/* Unsigned bytes of a times signed bytes of b, neighbours added. */
PORTABLE V128 portable_pmaddubsw(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 8; k++)
        r.sw[k] = saturate_s16(x.b[2 * k] * y.sb[2 * k] + x.b[2 * k + 1] * y.sb[2 * k + 1]);
    return r.v;
}
PORTABLE V128 portable_pmulhrsw(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 8; k++)
        r.w[k] = (uint16_t)(((x.sw[k] * y.sw[k] >> 14) + 1) >> 1);
    return r.v;
}

PORTABLE V128 portable_psignb(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 16; k++)
        r.b[k] = (uint8_t)(y.sb[k] < 0 ? -x.b[k] : y.sb[k] ? x.b[k] : 0);
    return r.v;
}
PORTABLE V128 portable_psignw(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 8; k++)
        r.w[k] = (uint16_t)(y.sw[k] < 0 ? -x.w[k] : y.sw[k] ? x.w[k] : 0);
    return r.v;
}
PORTABLE V128 portable_psignd(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 4; k++)
        r.d[k] = y.sd[k] < 0 ? 0 - x.d[k] : y.sd[k] ? x.d[k] : 0;
    return r.v;
}
PORTABLE V128 portable_pabsb(V128 b) { return portable_psignb(b, b); }
PORTABLE V128 portable_pabsw(V128 b) { return portable_psignw(b, b); }
PORTABLE V128 portable_pabsd(V128 b) { return portable_psignd(b, b); }

/** The 32 bytes a:b shifted down by imm bytes. */
PORTABLE V128 portable_palignr(V128 a, V128 b, unsigned imm) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 16; k++)
        r.b[k] = k + imm < 16 ? y.b[k + imm] : k + imm < 32 ? x.b[k + imm - 16] : 0;
    return r.v;
}

#endif
