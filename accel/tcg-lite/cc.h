/* SPDX-License-Identifier: MIT */
/**
 * Lazy arithmetic flags: two words from which every flag follows by the same formula, whatever instruction set them.
 *
 *   res  the result, sign-extended to 64 bits: ZF = (res == 0), SF = sign, PF = parity of the low byte
 *   aux  bit 31: CF   bit 30: CF ^ OF   bit 3: AF
 *        bit 16: inverts SF   bits 15-8: inverted into the byte whose parity is PF  (only cc_load makes these non-zero)
 *
 * For an n-bit addition the vector of carries out of each bit holds CF in bit n-1, the carry into the sign in bit n-2
 * (OF is their exclusive or) and AF in bit 3, so setting the flags is a handful of ALU operations and two stores.
 */
#ifndef TWIN86_TCG_CC_H
#define TWIN86_TCG_CC_H

#include "accel/tcg-lite/insn.h"

struct Cc {
    int64_t res;
    uint32_t aux;
};

enum { CC_AUX_CF = 31, CC_AUX_PO = 30, CC_AUX_SD = 16, CC_AUX_PDB = 8, CC_AUX_AF = 3 };
#define CC_AUX_KEPT ((3u << 30) | (1u << 3)) /* the bits that a carry vector may set */

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

/** r = a + b or a + b + 1, untruncated. Below 64 bits the carry out of bit n is what a ^ b ^ r has in bit n + 1,
 *  whatever stands above the operands. */
ALWAYS_INLINE void cc_set_add(struct Cc *cc, uint64_t a, uint64_t b, uint64_t r, unsigned bits) {
    cc_set_carries(cc, r, bits == 64 ? (a & b) | ((a | b) & ~r) : (a ^ b ^ r) >> 1, bits);
}

/** r = a - b or a - b - 1, untruncated. */
ALWAYS_INLINE void cc_set_sub(struct Cc *cc, uint64_t a, uint64_t b, uint64_t r, unsigned bits) {
    cc_set_carries(cc, r, bits == 64 ? (~a & b) | ((~a | b) & r) : (a ^ b ^ r) >> 1, bits);
}

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

ALWAYS_INLINE bool cc_cf(const struct Cc *cc) { return cc->aux >> CC_AUX_CF; }
ALWAYS_INLINE bool cc_of(const struct Cc *cc) { return ((cc->aux >> CC_AUX_CF) ^ (cc->aux >> CC_AUX_PO)) & 1; }
ALWAYS_INLINE bool cc_af(const struct Cc *cc) { return (cc->aux >> CC_AUX_AF) & 1; }
ALWAYS_INLINE bool cc_zf(const struct Cc *cc) { return cc->res == 0; }
ALWAYS_INLINE bool cc_sf(const struct Cc *cc) { return ((uint64_t)cc->res >> 63) ^ ((cc->aux >> CC_AUX_SD) & 1); }
ALWAYS_INLINE bool cc_pf(const struct Cc *cc) {
    return !__builtin_parity((uint8_t)cc->res ^ (uint8_t)(cc->aux >> CC_AUX_PDB));
}

/** Change CF (and OF) alone, keeping the others: for rotates, BT, INC, DEC, CLC ... */
ALWAYS_INLINE void cc_put_cf_of(struct Cc *cc, bool cf, bool of) {
    cc->aux = (cc->aux & ~(3u << 30)) | (uint32_t)cf << CC_AUX_CF | (uint32_t)(cf ^ of) << CC_AUX_PO;
}
ALWAYS_INLINE void cc_put_cf(struct Cc *cc, bool cf) { cc_put_cf_of(cc, cf, cc_of(cc)); }

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

/** Condition of Jcc, SETcc, CMOVcc: `cond` is the opcode's low four bits. */
ALWAYS_INLINE bool cc_cond(const struct Cc *cc, unsigned cond) {
    bool v;
    switch (cond >> 1) {
    case 0: v = cc_of(cc); break;
    case 1: v = cc_cf(cc); break;
    case 2: v = cc_zf(cc); break;
    case 3: v = (int)cc_cf(cc) | (int)cc_zf(cc); break;
    case 4: v = cc_sf(cc); break;
    case 5: v = cc_pf(cc); break;
    case 6: v = cc_sf(cc) ^ cc_of(cc); break;
    default: v = (cc_sf(cc) ^ cc_of(cc)) | (int)cc_zf(cc); break;
    }
    return v ^ (cond & 1);
}

#endif
