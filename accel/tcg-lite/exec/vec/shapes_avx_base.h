/* SPDX-License-Identifier: MIT */
/**
 * What the shapes of VEX vector instructions share: YMM registers, memory operands of any alignment, unmasked
 * exceptions. BITS is 128 or 256. What is written with 128 bits (or fewer) clears the rest of the YMM register.
 *
 * Most instructions work within 128-bit lanes, so the kernels of SSE are called once for each.
 */
#ifndef TWIN86_TCG_SHAPES_AVX_BASE_H
#define TWIN86_TCG_SHAPES_AVX_BASE_H

#include "accel/tcg-lite/exec/vec/kernels_avx.h"
#include "accel/tcg-lite/exec/vec/shapes_sse4.h"

/** How many registers the code can name. */
ALWAYS_INLINE unsigned ymm_count(const struct Tcg *t) { return (t->mode & MODE_CODE) == MODE_CODE64 ? 16 : 8; }

ALWAYS_INLINE V256 ymm_read(const CPUX86State *env, unsigned n, unsigned bits) {
    const V128 *p = (const V128 *)&env->vec[n];
    return (V256){_mm_load_si128(p), bits == 256 ? _mm_load_si128(p + 1) : _mm_setzero_si128()};
}
ALWAYS_INLINE void ymm_write(CPUX86State *env, unsigned n, V256 v) {
    V128 *p = (V128 *)&env->vec[n];
    _mm_store_si128(p, v.lo);
    _mm_store_si128(p + 1, v.hi);
}
/** Write an XMM register as VEX instructions do. */
ALWAYS_INLINE void ymm_write_low(CPUX86State *env, unsigned n, V128 v) {
    ymm_write(env, n, (V256){v, _mm_setzero_si128()});
}

/* ---- memory operands ---- */

/** How many bytes a memory operand has. */
enum YmmMem {
    MEM_8 = 1,
    MEM_16 = 2,
    MEM_32 = 4,
    MEM_64 = 8,
    MEM_128 = 16,
    MEM_VL = 32,    /* as many as BITS says */
    MEM_VL_ALIGNED, /* the same; a misaligned address raises #GP(0) */
    MEM_HALF_VL,    /* half of that, a quarter, an eighth */
    MEM_QUARTER_VL,
    MEM_EIGHTH_VL,
};
ALWAYS_INLINE unsigned ymm_mem_size(unsigned bits, enum YmmMem m) {
    switch (m) {
    case MEM_VL:
    case MEM_VL_ALIGNED: return bits / 8;
    case MEM_HALF_VL: return bits / 16;
    case MEM_QUARTER_VL: return bits / 32;
    case MEM_EIGHTH_VL: return bits / 64;
    default: return (unsigned)m;
    }
}

/* Out of line and through t->operand, so that the fast path needs no stack. */
static NOINLINE const V128 *ymm_load_slow(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size) {
    mem_load_bytes(t, i, linear, t->operand, size);
    return (const V128 *)t->operand;
}
static NOINLINE void ymm_store_slow(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size) {
    mem_store_bytes(t, i, linear, t->operand, size);
}

/** Bytes that the operand does not have are 0. */
ALWAYS_INLINE V256 ymm_load(CPUX86State *env, const struct Insn *i, struct Tcg *t, enum EaKind ea, unsigned bits,
                            enum YmmMem m) {
    unsigned size = ymm_mem_size(bits, m);
    uint64_t linear = ea_linear(env, i, t, ea, size, ACCESS_READ | (m == MEM_VL_ALIGNED ? ACCESS_ALIGNED : 0));
    if (size < 16)
        return (V256){(V128){(long long)mem_load(t, i, linear, size), 0}, _mm_setzero_si128()};
    const V128 *p = mem_host_read(t, linear, size);
    if (UNLIKELY(p == NULL))
        p = ymm_load_slow(t, i, linear, size);
    return (V256){_mm_loadu_si128(p), size == 32 ? _mm_loadu_si128(p + 1) : _mm_setzero_si128()};
}

ALWAYS_INLINE void ymm_store(CPUX86State *env, const struct Insn *i, struct Tcg *t, enum EaKind ea, unsigned bits,
                             enum YmmMem m, V256 v) {
    unsigned size = ymm_mem_size(bits, m);
    uint64_t linear = ea_linear(env, i, t, ea, size, ACCESS_WRITE | (m == MEM_VL_ALIGNED ? ACCESS_ALIGNED : 0));
    if (size < 16) {
        mem_store(t, i, linear, size, (uint64_t)v.lo[0]);
        return;
    }
    V128 *p = mem_host_write(t, linear, size), *to = p != NULL ? p : (V128 *)t->operand;
    _mm_storeu_si128(to, v.lo);
    if (size == 32)
        _mm_storeu_si128(to + 1, v.hi);
    if (UNLIKELY(p == NULL))
        ymm_store_slow(t, i, linear, size);
}

/* ---- unmasked exceptions ---- */

/** `lanes` counts within one half. */
ALWAYS_INLINE bool ymm_tiny(V256 r, enum VecLanes lanes) {
    return lanes != LANES_NONE && (vec_tiny(r.lo, lanes) || vec_tiny(r.hi, lanes));
}
/** As xm_end_binary (shapes_sse_base.h), for a result of one or two halves. */
ALWAYS_INLINE void ymm_xm_end_binary(struct Tcg *t, const struct Insn *i, uint32_t before, unsigned bits, V256 a,
                                     V256 b, V256 r, enum VecLanes lanes, VecBinary k) {
    struct XmOperation o = {.kind = xm_kind(k), .lanes = lanes, .halves = bits == 256 ? 2 : 1};
    xm_operands(&o, 0, a.lo, b.lo, k);
    xm_operands(&o, 1, a.hi, b.hi, k);
    xm_end_of(t, i, before, ymm_tiny(r, lanes), lanes != LANES_NONE ? &o : NULL);
}

#endif
