/* SPDX-License-Identifier: MIT */
/* Flags beside an unmasked overflow or underflow, lane by lane. See xm_flags.h. */
#include "accel/tcg-lite/exec/vec/xm_flags.h"

#include "accel/tcg-lite/exec/vec/kernels_vec_fp.h"

enum { FCW_SINGLE = 0x7f, FCW_DOUBLE = 0x27f }; /* precision; all masked */
enum { X87_BIAS = 16383 };

bool vec_tiny(V128 v, enum VecLanes lanes) {
    union VecReg r;
    _mm_store_si128((V128 *)&r, v);
    unsigned n = lanes == LANES_PS ? 4 : lanes == LANES_PD || lanes == LANES_PS2 ? 2 : 1;
    for (unsigned k = 0; k < n; k++) {
        if (lanes == LANES_SD || lanes == LANES_PD) {
            if (!(r.q[k] << 1 >> 53) && r.q[k] << 1)
                return true;
        } else if (!(r.d[k] << 1 >> 24) && r.d[k] << 1) {
            return true;
        }
    }
    return false;
}

/** A finite float or double as the x87 has it. */
static struct X87Reg extend(uint64_t v, bool doubles) {
    unsigned m = doubles ? 52 : 23, bits = doubles ? 64 : 32, bias = doubles ? 1023 : 127;
    uint16_t sign = v >> (bits - 1) & 1 ? 0x8000 : 0;
    unsigned exponent = (unsigned)(v >> m) & (2 * bias + 1);
    uint64_t mantissa = (v & ((1ull << m) - 1)) << (63 - m);
    if (exponent)
        return (struct X87Reg){mantissa | 1ull << 63, (uint16_t)(sign | (exponent + X87_BIAS - bias))};
    if (!mantissa)
        return (struct X87Reg){0, sign};
    unsigned up = (unsigned)__builtin_clzll(mantissa);
    return (struct X87Reg){mantissa << up, (uint16_t)(sign | (X87_BIAS - bias + 1 - up))};
}

/** (What the x87 did before must not count: FNCLEX.) PE of x OP y with fcw's precision and rounding and the x87's range
 * of exponents. */
#define X87_INEXACT(NAME, CODE)                                                                                        \
    static bool NAME(struct X87Reg x, struct X87Reg y, uint16_t fcw) {                                                 \
        uint16_t own, sw;                                                                                              \
        __asm__ volatile("fnclex\n\tfnstcw %1\n\tfldcw %2\n\tfldt %3\n\tfldt %4\n\t.byte " CODE                        \
                         "\n\tfnstsw %%ax\n\tfstp %%st(0)\n\tfnclex\n\tfldcw %1"                                       \
                         : "=&a"(sw), "=m"(own)                                                                        \
                         : "m"(fcw), "m"(x), "m"(y)                                                                    \
                         : "st", "st(1)", "memory");                                                                   \
        return sw & FSW_PE;                                                                                            \
    }
X87_INEXACT(sum_inexact, "0xde, 0xc1")
X87_INEXACT(difference_inexact, "0xde, 0xe9")
X87_INEXACT(product_inexact, "0xde, 0xc9")
X87_INEXACT(quotient_inexact, "0xde, 0xf9")

static bool unbounded_inexact(enum XmKind kind, uint64_t a, uint64_t b, bool doubles, uint32_t mxcsr) {
    static const struct X87Reg one = {1ull << 63, X87_BIAS};
    struct X87Reg x = extend(a, doubles), y = extend(b, doubles);
    uint16_t fcw = (uint16_t)((doubles && kind != XM_NARROW ? FCW_DOUBLE : FCW_SINGLE) | (mxcsr >> 13 & 3) << 10);
    switch (kind) {
    case XM_ADD: return sum_inexact(x, y, fcw);
    case XM_SUB: return difference_inexact(x, y, fcw);
    case XM_MUL: return product_inexact(x, y, fcw);
    case XM_DIV: return quotient_inexact(x, y, fcw);
    default: return product_inexact(y, one, fcw);
    }
}

static V128 compute(enum XmKind kind, V128 a, V128 b, bool doubles) {
    switch (kind) {
    case XM_ADD: return doubles ? kernel_addsd(a, b) : kernel_addss(a, b);
    case XM_SUB: return doubles ? kernel_subsd(a, b) : kernel_subss(a, b);
    case XM_MUL: return doubles ? kernel_mulsd(a, b) : kernel_mulss(a, b);
    case XM_DIV: return doubles ? kernel_divsd(a, b) : kernel_divss(a, b);
    default: return kernel_cvtsd2ss(a, b);
    }
}

static uint32_t lane_flags(enum XmKind kind, uint64_t a, uint64_t b, bool doubles, uint32_t mxcsr) {
    uint32_t modes = (mxcsr & ~(uint32_t)MXCSR_FLAGS) | MXCSR_MASKS;
    host_set_mxcsr(mxcsr & MXCSR_UM ? modes : modes & ~(uint32_t)MXCSR_FTZ);
    V128 r = compute(kind, (V128){(long long)a, 0}, (V128){(long long)b, 0}, doubles);
    uint32_t flags = host_mxcsr() & MXCSR_FLAGS;
    if (!(mxcsr & MXCSR_UM) && vec_tiny(r, doubles && kind != XM_NARROW ? LANES_SD : LANES_SS))
        flags |= MXCSR_UE;
    if (flags & ~(mxcsr >> MXCSR_MASK_SHIFT) & (MXCSR_OE | MXCSR_UE)) {
        flags &= ~(uint32_t)MXCSR_PE;
        flags |= unbounded_inexact(kind, a, b, doubles, mxcsr) ? MXCSR_PE : 0;
    }
    return flags;
}

uint32_t xm_flags(const struct XmOperation *o, uint32_t mxcsr) {
    bool doubles = o->lanes == LANES_SD || o->lanes == LANES_PD || o->kind == XM_NARROW;
    unsigned n = o->lanes == LANES_PS ? 4 : o->lanes == LANES_PD || o->lanes == LANES_PS2 ? 2 : 1;
    uint32_t own = host_mxcsr(), flags = 0;
    for (unsigned k = 0; k < n * o->halves; k++) {
        union VecReg a, b;
        unsigned lane = k % n;
        _mm_store_si128((V128 *)&a, o->a[k / n]);
        _mm_store_si128((V128 *)&b, o->b[k / n]);
        enum XmKind kind = o->kind != XM_SUB_ADD ? o->kind : lane & 1 ? XM_ADD : XM_SUB;
        flags |= doubles ? lane_flags(kind, a.q[lane], b.q[lane], true, mxcsr)
                         : lane_flags(kind, a.d[lane], b.d[lane], false, mxcsr);
    }
    host_set_mxcsr(own);
    return flags;
}
