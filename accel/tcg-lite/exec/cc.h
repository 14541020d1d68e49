/* SPDX-License-Identifier: MIT */
/**
 * Lazy arithmetic flags: words from which ZF, SF and PF follow by the same formula, whatever instruction set them,
 * and for CF, OF, AF either bits or what it takes to compute them.
 *
 *   res  the result, sign-extended to 64 bits: ZF = (res == 0), SF = sign, PF = parity of the low byte
 *   src  what was added or subtracted, with rubbish above its bits; matters only to lazy flags
 *   aux  bit 31: CF   bit 30: CF ^ OF   bit 3: AF
 *        bit 16: inverts SF   bits 15-8: inverted into the byte whose parity is PF  (only cc_load makes these non-zero)
 *        bits 7, 17, 18: CF, OF, AF are lazy, they follow from res and src; AF is if one of the others is. Then
 *        bit 6: res is the other operand plus src, not less src   bits 5-3: bytes that the operands lack of eight
 *
 * ADD, SUB, CMP and NEG only store res, src and a constant: hardly anybody reads their CF, OF or AF. INC and DEC do the
 * same with CF as a bit. The others store bits: additions and subtractions with carry from the vector of carries out of
 * each bit, which for n bits holds CF in bit n-1, the carry into the sign in bit n-2 (OF is their exclusive or) and AF
 * in bit 3. Who changes CF or OF alone leaves the rest as lazy as it was.
 */
#ifndef TWIN86_TCG_CC_H
#define TWIN86_TCG_CC_H

#include "accel/tcg-lite/run/insn.h"

struct Cc {
    int64_t res;
    uint64_t src;
    uint32_t aux;
};

enum { CC_AUX_CF = 31, CC_AUX_PO = 30, CC_AUX_SD = 16, CC_AUX_PDB = 8, CC_AUX_AF = 3 };
enum {
    CC_ADDED = 1 << 6,
    CC_LAZY_CF = 1 << 7,
    CC_LAZY_OF = 1 << 17,
    CC_LAZY_AF = 1 << 18,
    CC_LAZY = CC_LAZY_CF | CC_LAZY_OF | CC_LAZY_AF
};
#define CC_AUX_CF_PO (3u << CC_AUX_PO)

ALWAYS_INLINE int64_t cc_sext(uint64_t v, unsigned bits) {
    switch (bits) {
    case 8: return (int8_t)v;
    case 16: return (int16_t)v;
    case 32: return (int32_t)v;
    default: return (int64_t)v;
    }
}

/** Set all flags from a result and the vector of carries (or borrows) out of each bit. */
ALWAYS_INLINE void cc_set_carries(struct Cc *cc, uint64_t r, uint64_t carries, unsigned bits) {
    cc->res = cc_sext(r, bits);
    uint32_t top = bits == 64 ? (uint32_t)(carries >> 32) : (uint32_t)(carries << (32 - bits));
    cc->aux = (top & (3u << 30)) | ((uint32_t)carries & 8);
}

/** r = a + b + carry, untruncated. Below 64 bits the carry out of bit n is what a ^ b ^ r has in bit n + 1,
 *  whatever stands above the operands. */
ALWAYS_INLINE void cc_set_adc(struct Cc *cc, uint64_t a, uint64_t b, uint64_t r, unsigned bits) {
    cc_set_carries(cc, r, bits == 64 ? (a & b) | ((a | b) & ~r) : (a ^ b ^ r) >> 1, bits);
}

/** r = a - b - carry, untruncated. */
ALWAYS_INLINE void cc_set_sbb(struct Cc *cc, uint64_t a, uint64_t b, uint64_t r, unsigned bits) {
    cc_set_carries(cc, r, bits == 64 ? (~a & b) | ((~a | b) & r) : (a ^ b ^ r) >> 1, bits);
}

ALWAYS_INLINE void cc_set_lazy(struct Cc *cc, uint64_t b, uint64_t r, unsigned bits, uint32_t added) {
    cc->res = cc_sext(r, bits);
    cc->src = b;
    cc->aux = CC_LAZY | added | (64 - bits);
}
/** r = something + b */
ALWAYS_INLINE void cc_set_add(struct Cc *cc, uint64_t b, uint64_t r, unsigned bits) {
    cc_set_lazy(cc, b, r, bits, CC_ADDED);
}
/** r = something - b */
ALWAYS_INLINE void cc_set_sub(struct Cc *cc, uint64_t b, uint64_t r, unsigned bits) { cc_set_lazy(cc, b, r, bits, 0); }

/** AND, OR, XOR, TEST: CF = OF = AF = 0. */
ALWAYS_INLINE void cc_set_logic(struct Cc *cc, uint64_t r, unsigned bits) {
    cc->res = cc_sext(r, bits);
    cc->aux = 0;
}

/** SF, ZF, PF from r; CF, OF, AF as given (0 or 1). */
ALWAYS_INLINE void cc_set_parts(struct Cc *cc, uint64_t r, unsigned bits, bool cf, bool of, bool af) {
    cc->res = cc_sext(r, bits);
    cc->aux = (uint32_t)cf << CC_AUX_CF | (uint32_t)(cf ^ of) << CC_AUX_PO | (uint32_t)af << CC_AUX_AF;
}

/* What follows from lazy flags. Where the size of the operands is known at compile time they are taken as such, so that
 * the compiler finds the instruction's own operands again; elsewhere they are moved to the upper bits. */

ALWAYS_INLINE uint64_t cc_zext(uint64_t v, unsigned bits) {
    switch (bits) {
    case 8: return (uint8_t)v;
    case 16: return (uint16_t)v;
    case 32: return (uint32_t)v;
    default: return v;
    }
}
ALWAYS_INLINE bool cc_added(const struct Cc *cc) { return cc->aux & CC_ADDED; }
/** 64 - bits: of aux's low bits bit 6 is CC_ADDED, and bits 2-0 are 0. */
ALWAYS_INLINE unsigned cc_lazy_shift(const struct Cc *cc) { return cc->aux & 63; }
/** The operand that is not src. */
ALWAYS_INLINE uint64_t cc_lazy_other(const struct Cc *cc) {
    uint64_t res = (uint64_t)cc->res;
    return cc_added(cc) ? res - cc->src : res + cc->src;
}

ALWAYS_INLINE bool cc_lazy_below(const struct Cc *cc, uint64_t a, uint64_t b) {
    unsigned shift = cc_lazy_shift(cc);
    if (__builtin_constant_p(shift))
        return cc_zext(a, 64 - shift) < cc_zext(b, 64 - shift);
    return a << shift < b << shift;
}
ALWAYS_INLINE bool cc_lazy_less(const struct Cc *cc, uint64_t a, uint64_t b) {
    unsigned shift = cc_lazy_shift(cc);
    if (__builtin_constant_p(shift))
        return cc_sext(a, 64 - shift) < cc_sext(b, 64 - shift);
    return (int64_t)(a << shift) < (int64_t)(b << shift);
}

ALWAYS_INLINE bool cc_lazy_cf(const struct Cc *cc) {
    return cc_lazy_below(cc, cc_added(cc) ? (uint64_t)cc->res : cc_lazy_other(cc), cc->src);
}
/** SF != OF: the exact sum or difference is negative. a + b < 0 when a <= ~b, which is -b - 1. */
ALWAYS_INLINE bool cc_lazy_negative(const struct Cc *cc) {
    uint64_t a = cc_lazy_other(cc), b = cc->src;
    return cc_added(cc) ? !cc_lazy_less(cc, ~b, a) : cc_lazy_less(cc, a, b);
}
ALWAYS_INLINE bool cc_lazy_af(const struct Cc *cc) {
    return (cc_lazy_other(cc) ^ (uint64_t)cc->res ^ cc->src) >> 4 & 1;
}

ALWAYS_INLINE bool cc_cf(const struct Cc *cc) { return cc->aux & CC_LAZY_CF ? cc_lazy_cf(cc) : cc->aux >> CC_AUX_CF; }
ALWAYS_INLINE bool cc_of(const struct Cc *cc) {
    return cc->aux & CC_LAZY_OF ? cc_lazy_negative(cc) ^ (cc->res < 0)
                                : ((cc->aux >> CC_AUX_CF) ^ (cc->aux >> CC_AUX_PO)) & 1;
}
ALWAYS_INLINE bool cc_af(const struct Cc *cc) {
    return cc->aux & CC_LAZY_AF ? cc_lazy_af(cc) : (cc->aux >> CC_AUX_AF) & 1;
}
ALWAYS_INLINE bool cc_zf(const struct Cc *cc) { return cc->res == 0; }
ALWAYS_INLINE bool cc_sf(const struct Cc *cc) { return ((uint64_t)cc->res >> 63) ^ ((cc->aux >> CC_AUX_SD) & 1); }
ALWAYS_INLINE bool cc_pf(const struct Cc *cc) {
    return !__builtin_parity((uint8_t)cc->res ^ (uint8_t)(cc->aux >> CC_AUX_PDB));
}

/** Change CF (and OF) alone, keeping the others: for rotates, BT, INC, DEC, CLC ... */
ALWAYS_INLINE void cc_put_cf_of(struct Cc *cc, bool cf, bool of) {
    cc->aux = (cc->aux & ~(CC_AUX_CF_PO | CC_LAZY_CF | CC_LAZY_OF)) | (uint32_t)cf << CC_AUX_CF |
              (uint32_t)(cf ^ of) << CC_AUX_PO;
}
/* Bit 30 goes with bit 31, whether CF is lazy or not. */
ALWAYS_INLINE void cc_put_of(struct Cc *cc, bool of) {
    uint32_t po = (cc->aux >> CC_AUX_CF) ^ (uint32_t)of;
    cc->aux = (cc->aux & ~(1u << CC_AUX_PO | CC_LAZY_OF)) | po << CC_AUX_PO;
}
ALWAYS_INLINE void cc_put_cf(struct Cc *cc, bool cf) {
    uint32_t change = (cc->aux >> CC_AUX_CF) ^ (uint32_t)cf;
    cc->aux = (cc->aux ^ (change << CC_AUX_CF | change << CC_AUX_PO)) & ~(uint32_t)CC_LAZY_CF;
}

/** CF and OF where they stand when they are not lazy. Out of line, for those who keep both but not the result. */
__attribute__((const, unused)) static NOINLINE uint32_t cc_settled_cf_of(int64_t res, uint64_t src, uint32_t aux) {
    struct Cc cc = {res, src, aux};
    cc_put_cf_of(&cc, cc_cf(&cc), cc_of(&cc));
    return cc.aux & CC_AUX_CF_PO;
}
ALWAYS_INLINE uint32_t cc_kept_cf_of(const struct Cc *cc) {
    if (UNLIKELY(cc->aux & (CC_LAZY_CF | CC_LAZY_OF)))
        return cc_settled_cf_of(cc->res, cc->src, cc->aux);
    return cc->aux & CC_AUX_CF_PO;
}

/** All six flags in EFLAGS positions. */
ALWAYS_INLINE uint32_t cc_flags(const struct Cc *cc) {
    return (uint32_t)cc_cf(cc) | (uint32_t)cc_pf(cc) << 2 | (uint32_t)cc_af(cc) << 4 | (uint32_t)cc_zf(cc) << 6 |
           (uint32_t)cc_sf(cc) << 7 | (uint32_t)cc_of(cc) << 11;
}

/** Any combination, from EFLAGS positions (ZF with SF or !PF too, which no result has). */
ALWAYS_INLINE void cc_load(struct Cc *cc, uint32_t f) {
    bool zf = (f & FLAG_ZF) != 0, cf = f & FLAG_CF, of = (f & FLAG_OF) != 0;
    cc->res = !zf; /* 0: SF 0, PF 1; 1: SF 0, PF 0 */
    bool pf = zf, want_pf = (f & FLAG_PF) != 0;
    cc->aux = (uint32_t)cf << CC_AUX_CF | (uint32_t)(cf ^ of) << CC_AUX_PO | ((f & FLAG_AF) ? 8 : 0) |
              ((f & FLAG_SF) ? 1u << CC_AUX_SD : 0) | (uint32_t)(pf != want_pf) << CC_AUX_PDB;
}

/** What floating-point comparisons set: CF, PF, ZF from EFLAGS positions (PF only together with ZF); the others are 0.
 */
ALWAYS_INLINE void cc_set_compare(struct Cc *cc, uint32_t f) {
    uint32_t zf = (f >> 6) & 1, equal = zf & ~(f >> 2) & 1;
    cc->res = zf ^ 1; /* 0: PF 1; 1: PF 0 */
    cc->aux = (f & FLAG_CF) * (3u << CC_AUX_PO) | equal << CC_AUX_PDB;
}

/* Conditions of two flags: one comparison after a subtraction. */

ALWAYS_INLINE bool cc_not_above(const struct Cc *cc) {
    uint32_t kind = cc->aux & (CC_LAZY_CF | CC_ADDED);
    if (__builtin_constant_p(kind) && kind == CC_LAZY_CF)
        return !cc_lazy_below(cc, cc->src, cc_lazy_other(cc));
    return (int)cc_cf(cc) | (int)cc_zf(cc);
}
ALWAYS_INLINE bool cc_less(const struct Cc *cc) {
    return cc->aux & CC_LAZY_OF ? cc_lazy_negative(cc) : cc_sf(cc) ^ cc_of(cc);
}
ALWAYS_INLINE bool cc_less_or_equal(const struct Cc *cc) {
    uint32_t kind = cc->aux & (CC_LAZY_OF | CC_ADDED);
    if (__builtin_constant_p(kind) && kind == CC_LAZY_OF)
        return !cc_lazy_less(cc, cc->src, cc_lazy_other(cc));
    return (int)cc_less(cc) | (int)cc_zf(cc);
}

/** Condition of Jcc, SETcc, CMOVcc: `cond` is the opcode's low four bits. */
ALWAYS_INLINE bool cc_cond(const struct Cc *cc, unsigned cond) {
    bool v;
    switch (cond >> 1) {
    case 0: v = cc_of(cc); break;
    case 1: v = cc_cf(cc); break;
    case 2: v = cc_zf(cc); break;
    case 3: v = cc_not_above(cc); break;
    case 4: v = cc_sf(cc); break;
    case 5: v = cc_pf(cc); break;
    case 6: v = cc_less(cc); break;
    default: v = cc_less_or_equal(cc); break;
    }
    return v ^ (cond & 1);
}

#endif
