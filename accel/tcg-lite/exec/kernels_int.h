/* SPDX-License-Identifier: MIT */
/**
 * Integer kernels: values in, value out, flags into *cc. Operands are zero-extended from `bits` (immediates
 * sign-extended), results may have rubbish above `bits`. Flags that the SDM leaves undefined are as AMD's Zen leaves
 * them, which never depends on anything odd: measured, and compared with the host by tests/unit/tcg/test_kernels.c.
 */
#ifndef TWIN86_TCG_KERNELS_INT_H
#define TWIN86_TCG_KERNELS_INT_H

#include "accel/tcg-lite/exec/cc.h"

typedef uint64_t (*IntKernel)(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits);

ALWAYS_INLINE uint64_t int_mask(unsigned bits) { return bits == 64 ? ~0ull : (1ull << bits) - 1; }
ALWAYS_INLINE bool int_bit(uint64_t v, unsigned n) { return (v >> n) & 1; }

/* ---- addition, subtraction, logic ---- */

ALWAYS_INLINE uint64_t kernel_add(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    uint64_t r = a + b;
    cc_set_add(cc, b, r, bits);
    return r;
}
ALWAYS_INLINE uint64_t kernel_adc(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    uint64_t r = a + b + cc_cf(cc);
    cc_set_adc(cc, a, b, r, bits);
    return r;
}
ALWAYS_INLINE uint64_t kernel_sub(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    uint64_t r = a - b;
    cc_set_sub(cc, b, r, bits);
    return r;
}
ALWAYS_INLINE uint64_t kernel_sbb(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    uint64_t r = a - b - cc_cf(cc);
    cc_set_sbb(cc, a, b, r, bits);
    return r;
}
ALWAYS_INLINE uint64_t kernel_and(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    cc_set_logic(cc, a & b, bits);
    return a & b;
}
ALWAYS_INLINE uint64_t kernel_or(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    cc_set_logic(cc, a | b, bits);
    return a | b;
}
ALWAYS_INLINE uint64_t kernel_xor(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    cc_set_logic(cc, a ^ b, bits);
    return a ^ b;
}

/* ---- one operand (b is not used) ---- */

ALWAYS_INLINE uint64_t kernel_inc(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    (void)b;
    bool cf = cc_cf(cc);
    uint64_t r = kernel_add(cc, a, 1, bits);
    cc_put_cf(cc, cf);
    return r;
}
ALWAYS_INLINE uint64_t kernel_dec(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    (void)b;
    bool cf = cc_cf(cc);
    uint64_t r = kernel_sub(cc, a, 1, bits);
    cc_put_cf(cc, cf);
    return r;
}
ALWAYS_INLINE uint64_t kernel_not(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    (void)cc, (void)b, (void)bits;
    return ~a;
}
ALWAYS_INLINE uint64_t kernel_neg(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    (void)b;
    return kernel_sub(cc, 0, a, bits);
}

/* ---- shifts and rotates: b is the unmasked count; a masked count of 0 changes no flag ---- */

ALWAYS_INLINE unsigned shift_count(uint64_t b, unsigned bits) { return b & (bits == 64 ? 63 : 31); }

/* Results come without a branch, so that variants that need no flags have none. A count of 0 leaves the flags. */
ALWAYS_INLINE uint64_t kernel_shl(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    unsigned n = shift_count(b, bits);
    uint64_t r = a << n & int_mask(bits);
    if (n != 0) {
        bool cf = n <= bits && int_bit(a, bits - n);
        cc_set_parts(cc, r, bits, cf, int_bit(r, bits - 1) ^ cf, true);
    }
    return r;
}
ALWAYS_INLINE uint64_t kernel_shr(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    unsigned n = shift_count(b, bits);
    uint64_t r = a >> n;
    if (n != 0)
        cc_set_parts(cc, r, bits, a >> (n - 1) & 1, int_bit(r, bits - 2), true);
    return r;
}
ALWAYS_INLINE uint64_t kernel_sar(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    unsigned n = shift_count(b, bits);
    int64_t s = cc_sext(a, bits), r = s >> n;
    if (n != 0)
        cc_set_parts(cc, (uint64_t)r, bits, s >> (n - 1) & 1, false, true);
    return (uint64_t)r;
}
ALWAYS_INLINE uint64_t int_rotate_left(uint64_t a, unsigned n, unsigned bits) {
    switch (bits) { /* the compiler knows these as one instruction */
    case 32: return (uint32_t)a << (n & 31) | (uint32_t)a >> (-n & 31);
    case 64: return a << (n & 63) | a >> (-n & 63);
    default: return (a << (n & (bits - 1)) | a >> (-n & (bits - 1))) & int_mask(bits);
    }
}
ALWAYS_INLINE uint64_t kernel_rol(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    unsigned n = shift_count(b, bits);
    uint64_t r = int_rotate_left(a, n, bits);
    if (n != 0)
        cc_put_cf_of(cc, r & 1, int_bit(r, bits - 1) ^ (r & 1));
    return r;
}
ALWAYS_INLINE uint64_t kernel_ror(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    unsigned n = shift_count(b, bits);
    uint64_t r = int_rotate_left(a, -n, bits);
    if (n != 0)
        cc_put_cf_of(cc, int_bit(r, bits - 1), int_bit(r, bits - 1) ^ int_bit(r, bits - 2));
    return r;
}
/** Rotates through carry turn a value of bits + 1; a whole turn still sets OF. */
ALWAYS_INLINE uint64_t kernel_rcl(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    unsigned n = shift_count(b, bits), m = bits < 32 ? n % (bits + 1) : n;
    if (n == 0)
        return a;
    bool cf = cc_cf(cc), out = m ? int_bit(a, bits - m) : cf;
    uint64_t r = a;
    if (m)
        r = (a << m | (uint64_t)cf << (m - 1) | (m > 1 ? a >> (bits + 1 - m) : 0)) & int_mask(bits);
    cc_put_cf_of(cc, out, int_bit(r, bits - 1) ^ out);
    return r;
}
ALWAYS_INLINE uint64_t kernel_rcr(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    unsigned n = shift_count(b, bits), m = bits < 32 ? n % (bits + 1) : n;
    if (n == 0)
        return a;
    bool cf = cc_cf(cc), out = m ? int_bit(a, m - 1) : cf;
    uint64_t r = a;
    if (m)
        r = ((m < bits ? a >> m : 0) | (uint64_t)cf << (bits - m) | (m > 1 ? a << (bits + 1 - m) : 0)) & int_mask(bits);
    cc_put_cf_of(cc, out, int_bit(r, bits - 1) ^ int_bit(r, bits - 2));
    return r;
}

typedef uint64_t (*DoubleShiftKernel)(struct Cc *cc, uint64_t a, uint64_t b, uint64_t count, unsigned bits);

/** SHLD, SHRD. With 16-bit operands and counts from 16 (undefined) Zen rotates the second operand. */
ALWAYS_INLINE uint64_t kernel_shld(struct Cc *cc, uint64_t a, uint64_t b, uint64_t count, unsigned bits) {
    unsigned n = shift_count(count, bits);
    if (n == 0)
        return a;
    bool cf, of;
    uint64_t r;
    if (bits == 16 && n >= 16) {
        r = (uint16_t)(b << (n - 16) | b >> (32 - n));
        cf = of = n == 16 && (a & 1);
    } else {
        r = (a << n | b >> (bits - n)) & int_mask(bits);
        cf = int_bit(a, bits - n);
        of = int_bit(r, bits - 1) ^ cf;
    }
    cc_set_parts(cc, r, bits, cf, of, true);
    return r;
}
ALWAYS_INLINE uint64_t kernel_shrd(struct Cc *cc, uint64_t a, uint64_t b, uint64_t count, unsigned bits) {
    unsigned n = shift_count(count, bits);
    if (n == 0)
        return a;
    bool cf;
    uint64_t r;
    if (bits == 16 && n >= 16) {
        r = (uint16_t)(b >> (n - 16) | b << (32 - n));
        cf = n == 16 && int_bit(a, 15);
    } else {
        r = (a >> n | b << (bits - n)) & int_mask(bits);
        cf = int_bit(a, n - 1);
    }
    cc_set_parts(cc, r, bits, cf, int_bit(r, bits - 1) ^ int_bit(r, bits - 2), true);
    return r;
}

/* By 16 to 31 bits words are undefined (SDM vol. 2, SHLD). The kernels above do as AMD's processors; Intel's shift the
 * 48 bits destination, source, destination (RULE_SHLD_16). Their OF follows no rule; here it is 0. */
ALWAYS_INLINE uint64_t kernel_shld_word(struct Cc *cc, uint64_t a, uint64_t b, unsigned n) {
    uint64_t bits = a << 32 | b << 16 | a, r = (uint16_t)(bits << n >> 32);
    cc_set_parts(cc, r, 16, int_bit(bits, 48 - n), false, false);
    return r;
}
ALWAYS_INLINE uint64_t kernel_shrd_word(struct Cc *cc, uint64_t a, uint64_t b, unsigned n) {
    uint64_t bits = a << 32 | b << 16 | a, r = (uint16_t)(bits >> n);
    cc_set_parts(cc, r, 16, int_bit(bits, n - 1), false, false);
    return r;
}

/* ---- multiplication and division ---- */

/** IMUL with two or three operands. SF, ZF, AF, PF stay. */
ALWAYS_INLINE uint64_t kernel_imul2(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    int64_t r;
    bool overflow = __builtin_mul_overflow(cc_sext(a, bits), cc_sext(b, bits), &r);
    overflow |= r != cc_sext((uint64_t)r, bits);
    cc_put_cf_of(cc, overflow, overflow);
    return (uint64_t)r;
}

/** *hi:*lo is the double-width operand and result; false: #DE. */
typedef bool (*MulDivKernel)(struct Cc *cc, uint64_t *lo, uint64_t *hi, uint64_t src, unsigned bits);

ALWAYS_INLINE bool kernel_mul(struct Cc *cc, uint64_t *lo, uint64_t *hi, uint64_t src, unsigned bits) {
    unsigned __int128 r = (unsigned __int128)*lo * src;
    *lo = (uint64_t)r & int_mask(bits);
    *hi = (uint64_t)(r >> bits);
    cc_put_cf_of(cc, *hi != 0, *hi != 0);
    return true;
}
ALWAYS_INLINE bool kernel_imul(struct Cc *cc, uint64_t *lo, uint64_t *hi, uint64_t src, unsigned bits) {
    __int128 r = (__int128)cc_sext(*lo, bits) * cc_sext(src, bits);
    bool overflow = r != cc_sext((uint64_t)r, bits);
    *lo = (uint64_t)r & int_mask(bits);
    *hi = (uint64_t)(r >> bits) & int_mask(bits);
    cc_put_cf_of(cc, overflow, overflow);
    return true;
}

/** After a division: AF is 1, SF, ZF, PF are 0, CF and OF stay. */
ALWAYS_INLINE void divide_flags(struct Cc *cc) {
    cc->aux = cc_kept_cf_of(cc) | 1u << CC_AUX_AF;
    cc->res = 1;
}

/** hi:lo / src for hi < src, so that the quotient fits. */
ALWAYS_INLINE uint64_t divide_128(uint64_t hi, uint64_t lo, uint64_t src, uint64_t *rest) {
    uint64_t q;
    __asm__("divq %4" : "=a"(q), "=d"(*rest) : "0"(lo), "1"(hi), "r"(src) : "cc");
    return q;
}

ALWAYS_INLINE bool kernel_div(struct Cc *cc, uint64_t *lo, uint64_t *hi, uint64_t src, unsigned bits) {
    if (*hi >= src)
        return false; /* src is 0, or the quotient is too big */
    if (bits == 64) {
        *lo = divide_128(*hi, *lo, src, hi);
    } else {
        uint64_t n = *hi << bits | *lo;
        *lo = n / src;
        *hi = n % src;
    }
    divide_flags(cc);
    return true;
}

ALWAYS_INLINE bool kernel_idiv(struct Cc *cc, uint64_t *lo, uint64_t *hi, uint64_t src, unsigned bits) {
    uint64_t mask = int_mask(bits), l = *lo, h = *hi, d = src, q, rest;
    bool minus = int_bit(h, bits - 1), minus_d = int_bit(src, bits - 1);
    if (minus) { /* negate hi:lo */
        l = -l & mask;
        h = (~h + (l == 0)) & mask;
    }
    if (minus_d)
        d = -d & mask;
    if (h >= d)
        return false;
    if (bits == 64) {
        q = divide_128(h, l, d, &rest);
    } else {
        uint64_t n = h << bits | l;
        q = n / d;
        rest = n % d;
    }
    if (q > (mask >> 1) + (minus != minus_d))
        return false;
    *lo = (minus != minus_d ? -q : q) & mask;
    *hi = (minus ? -rest : rest) & mask;
    divide_flags(cc);
    return true;
}

/* ---- decimal adjustment (SDM vol. 2): value is AX, and so is the result ---- */

typedef uint16_t (*DecimalKernel)(struct Cc *cc, uint16_t ax);

/** SF, ZF, PF, OF are those of adding (or subtracting) the adjustment: Zen's way for the undefined ones. */
ALWAYS_INLINE uint16_t decimal_adjust(struct Cc *cc, uint16_t v, uint16_t by, int sign, bool cf, bool af,
                                      unsigned bits) {
    uint64_t r = sign > 0 ? kernel_add(cc, v, by, bits) : kernel_sub(cc, v, by, bits);
    cc_set_parts(cc, r, bits, cf, cc_of(cc), af);
    return (uint16_t)r;
}
ALWAYS_INLINE uint16_t decimal_packed(struct Cc *cc, uint16_t ax, int sign) {
    uint8_t al = (uint8_t)ax;
    bool cf = cc_cf(cc) || al > 0x99, af = (al & 15) > 9 || cc_af(cc);
    bool borrow = sign < 0 && af && al < 6; /* DAS: from the low digit's adjustment alone */
    al = (uint8_t)decimal_adjust(cc, al, (af ? 6 : 0) + (cf ? 0x60 : 0), sign, cf || borrow, af, 8);
    return (uint16_t)((ax & 0xff00) | al);
}
ALWAYS_INLINE uint16_t kernel_daa(struct Cc *cc, uint16_t ax) { return decimal_packed(cc, ax, 1); }
ALWAYS_INLINE uint16_t kernel_das(struct Cc *cc, uint16_t ax) { return decimal_packed(cc, ax, -1); }

ALWAYS_INLINE uint16_t decimal_ascii(struct Cc *cc, uint16_t ax, int sign) {
    bool adjust = (ax & 15) > 9 || cc_af(cc);
    return decimal_adjust(cc, ax, adjust ? 0x106 : 0, sign, adjust, adjust, 16) & 0xff0f;
}
ALWAYS_INLINE uint16_t kernel_aaa(struct Cc *cc, uint16_t ax) { return decimal_ascii(cc, ax, 1); }
ALWAYS_INLINE uint16_t kernel_aas(struct Cc *cc, uint16_t ax) { return decimal_ascii(cc, ax, -1); }

/* ---- bits ---- */

/** What becomes of the word in which one bit was tested. */
typedef uint64_t (*BitKernel)(uint64_t word, uint64_t mask);
ALWAYS_INLINE uint64_t kernel_bt(uint64_t word, uint64_t mask) {
    (void)mask;
    return word;
}
ALWAYS_INLINE uint64_t kernel_bts(uint64_t word, uint64_t mask) { return word | mask; }
ALWAYS_INLINE uint64_t kernel_btr(uint64_t word, uint64_t mask) { return word & ~mask; }
ALWAYS_INLINE uint64_t kernel_btc(uint64_t word, uint64_t mask) { return word ^ mask; }

/** BSF, BSR of b != 0: PF from the result, everything else 0. */
ALWAYS_INLINE uint64_t scan_result(struct Cc *cc, unsigned r) {
    cc->res = (int64_t)(r | 0x100); /* ZF = 0 even when r is 0 */
    cc->aux = 0;
    return r;
}
ALWAYS_INLINE uint64_t kernel_bsf(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    (void)a, (void)bits;
    return scan_result(cc, (unsigned)__builtin_ctzll(b));
}
ALWAYS_INLINE uint64_t kernel_bsr(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    (void)a, (void)bits;
    return scan_result(cc, 63u - (unsigned)__builtin_clzll(b));
}

/** TZCNT, LZCNT: ZF when the count is 0, CF when the source is; SF, AF, PF 0; OF stays. */
ALWAYS_INLINE uint64_t count_result(struct Cc *cc, unsigned r, bool zero_source) {
    bool of = cc_of(cc);
    cc->res = r != 0; /* 1: ZF 0, PF 0; 0: ZF 1, and PF turned off below */
    cc->aux = r == 0 ? 1u << CC_AUX_PDB : 0;
    cc_put_cf_of(cc, zero_source, of);
    return r;
}
ALWAYS_INLINE uint64_t kernel_tzcnt(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    (void)a;
    return count_result(cc, b ? (unsigned)__builtin_ctzll(b) : bits, b == 0);
}
ALWAYS_INLINE uint64_t kernel_lzcnt(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    (void)a;
    return count_result(cc, b ? (unsigned)__builtin_clzll(b) - (64 - bits) : bits, b == 0);
}
ALWAYS_INLINE uint64_t kernel_popcnt(struct Cc *cc, uint64_t a, uint64_t b, unsigned bits) {
    (void)a, (void)bits;
    cc->res = b != 0;
    cc->aux = b == 0 ? 1u << CC_AUX_PDB : 0;
    return (uint64_t)__builtin_popcountll(b);
}

ALWAYS_INLINE uint64_t int_bswap(uint64_t v, unsigned bits) {
    return bits == 64   ? __builtin_bswap64(v)
           : bits == 32 ? __builtin_bswap32((uint32_t)v)
                        : __builtin_bswap16((uint16_t)v);
}

#endif
