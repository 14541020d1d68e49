/* SPDX-License-Identifier: MIT */
/**
 * What the portable kernels (kernels_portable_*.h, functions p_*) share: they are for hosts without the guest's
 * instruction, so they are plain C on the lanes of a vector, out of line, and need not be fast.
 */
#ifndef TWIN86_TCG_KERNELS_PORTABLE_H
#define TWIN86_TCG_KERNELS_PORTABLE_H

#include "accel/tcg-lite/exec/vec/kernels_vec_int.h"

#define PORTABLE static NOINLINE __attribute__((unused))

union Lanes {
    V128 v;
    uint8_t b[16];
    uint16_t w[8];
    uint32_t d[4];
    uint64_t q[2];
    int8_t sb[16];
    int16_t sw[8];
    int32_t sd[4];
    int64_t sq[2];
};

ALWAYS_INLINE union Lanes lanes_of(V128 v) { return (union Lanes){.v = v}; }

ALWAYS_INLINE int16_t saturate_s16(int v) { return (int16_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : v); }
ALWAYS_INLINE uint16_t saturate_u16(int v) { return (uint16_t)(v > 65535 ? 65535 : v < 0 ? 0 : v); }
ALWAYS_INLINE uint32_t rol32(uint32_t v, unsigned n) { return v << n | v >> (32 - n); }
ALWAYS_INLINE uint32_t ror32(uint32_t v, unsigned n) { return v >> n | v << (32 - n); }

#endif
