/* SPDX-License-Identifier: MIT */
/** AES, SHA, GFNI and PCLMULQDQ in plain C (SDM vol. 2; FIPS 197, FIPS 180-4). */
#ifndef TWIN86_TCG_KERNELS_PORTABLE_CRYPTO_H
#define TWIN86_TCG_KERNELS_PORTABLE_CRYPTO_H

#include "accel/tcg-lite/exec/portable/kernels_portable.h"

/* ---- GF(2^8) with x^8 + x^4 + x^3 + x + 1, the field of AES and GFNI ---- */

ALWAYS_INLINE uint8_t gf_times(uint8_t a, uint8_t b) {
    unsigned r = 0, x = a;
    for (unsigned k = 0; k < 8; k++) {
        r ^= b >> k & 1 ? x : 0;
        x = x << 1 ^ (x & 0x80 ? 0x11b : 0);
    }
    return (uint8_t)r;
}
/** a^254: the inverse, and 0 of 0. */
PORTABLE uint8_t gf_inverse(uint8_t a) {
    uint8_t r = 1, power = a;
    for (unsigned k = 1; k < 8; k++) { /* 254 = 2 + 4 + ... + 128 */
        power = gf_times(power, power);
        r = gf_times(r, power);
    }
    return r;
}
/** The product of an 8x8 bit matrix, whose first row is its highest byte, and x. */
ALWAYS_INLINE uint8_t gf_matrix(uint64_t matrix, uint8_t x) {
    unsigned r = 0;
    for (unsigned k = 0; k < 8; k++)
        r |= (unsigned)__builtin_parity((uint8_t)(matrix >> (8 * (7 - k))) & x) << k;
    return (uint8_t)r;
}

PORTABLE V128 portable_gf2p8mulb(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    for (unsigned k = 0; k < 16; k++)
        x.b[k] = gf_times(x.b[k], y.b[k]);
    return x.v;
}
/* The constant of imm8 is added by the kernel. */
PORTABLE V128 portable_gf2p8affineqb(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    for (unsigned k = 0; k < 16; k++)
        x.b[k] = gf_matrix(y.q[k / 8], x.b[k]);
    return x.v;
}
PORTABLE V128 portable_gf2p8affineinvqb(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    for (unsigned k = 0; k < 16; k++)
        x.b[k] = gf_matrix(y.q[k / 8], gf_inverse(x.b[k]));
    return x.v;
}

/* ---- AES: byte r + 4c is row r, column c of the state ---- */

enum { AES_AFFINE_CONSTANT = 0x63 };
/* The S-box is an inverse and this affine map; its reverse the other matrix, after the constant. */
#define AES_AFFINE 0xf1e3c78f1f3e7cf8ull
#define AES_AFFINE_REVERSE 0xa44992254a942952ull

ALWAYS_INLINE uint8_t aes_sub(uint8_t x) { return gf_matrix(AES_AFFINE, gf_inverse(x)) ^ AES_AFFINE_CONSTANT; }
ALWAYS_INLINE uint8_t aes_sub_back(uint8_t x) {
    return gf_inverse(gf_matrix(AES_AFFINE_REVERSE, x ^ AES_AFFINE_CONSTANT));
}

/** SubBytes and ShiftRows. */
PORTABLE V128 aes_sub_shift(V128 v) {
    union Lanes x = lanes_of(v), r;
    for (unsigned k = 0; k < 16; k++)
        r.b[k] = aes_sub(x.b[(5 * k) & 15]); /* row k % 4 comes from k % 4 columns to the right */
    return r.v;
}
PORTABLE V128 aes_sub_shift_back(V128 v) {
    union Lanes x = lanes_of(v), r;
    for (unsigned k = 0; k < 16; k++)
        r.b[(5 * k) & 15] = aes_sub_back(x.b[k]);
    return r.v;
}
/** Each column times the circulant matrix whose first row is given, lowest byte first. */
PORTABLE V128 aes_mix(V128 v, uint32_t row) {
    union Lanes x = lanes_of(v), r;
    for (unsigned k = 0; k < 16; k++) {
        r.b[k] = 0;
        for (unsigned j = 0; j < 4; j++)
            r.b[k] ^= gf_times(x.b[(k & 12) | ((k + j) & 3)], (uint8_t)(row >> (8 * j)));
    }
    return r.v;
}
enum { AES_MIX = 0x01010302, AES_MIX_BACK = 0x090d0b0e };

PORTABLE V128 portable_aesimc(V128 b) { return aes_mix(b, AES_MIX_BACK); }
PORTABLE V128 portable_aesenc(V128 a, V128 b) { return _mm_xor_si128(aes_mix(aes_sub_shift(a), AES_MIX), b); }
PORTABLE V128 portable_aesenclast(V128 a, V128 b) { return _mm_xor_si128(aes_sub_shift(a), b); }
PORTABLE V128 portable_aesdec(V128 a, V128 b) { return _mm_xor_si128(aes_mix(aes_sub_shift_back(a), AES_MIX_BACK), b); }
PORTABLE V128 portable_aesdeclast(V128 a, V128 b) { return _mm_xor_si128(aes_sub_shift_back(a), b); }

/** SubWord and RotWord of words 1 and 3; the round constant is added by the kernel. */
PORTABLE V128 portable_aeskeygenassist(V128 b) {
    union Lanes x = lanes_of(b), r;
    for (unsigned k = 0; k < 4; k++) {
        r.b[k] = aes_sub(x.b[4 + k]);
        r.b[8 + k] = aes_sub(x.b[12 + k]);
    }
    r.d[1] = ror32(r.d[0], 8);
    r.d[3] = ror32(r.d[2], 8);
    return r.v;
}

/** Product without carries of the low quadwords. */
PORTABLE V128 portable_pclmulqdq(V128 a, V128 b) {
    unsigned __int128 r = 0, x = (uint64_t)a[0];
    for (unsigned k = 0; k < 64; k++)
        r ^= (uint64_t)b[0] >> k & 1 ? x << k : 0;
    return (V128)r;
}

/* ---- SHA-1 ---- */

PORTABLE V128 portable_sha1nexte(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b);
    y.d[3] += rol32(x.d[3], 30);
    return y.v;
}
PORTABLE V128 portable_sha1msg1(V128 a, V128 b) {
    return _mm_xor_si128(a, _mm_unpacklo_epi64(_mm_srli_si128(b, 8), a));
}
PORTABLE V128 portable_sha1msg2(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    r.d[3] = rol32(x.d[3] ^ y.d[2], 1);
    r.d[2] = rol32(x.d[2] ^ y.d[1], 1);
    r.d[1] = rol32(x.d[1] ^ y.d[0], 1);
    r.d[0] = rol32(x.d[0] ^ r.d[3], 1);
    return r.v;
}
/** Four rounds of the kind 0..3: a is A B C D from the top, b the next words with E added to the first. */
PORTABLE V128 portable_sha1rnds4(V128 a, V128 b, unsigned imm) {
    static const uint32_t constant[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    union Lanes x = lanes_of(a), y = lanes_of(b);
    uint32_t A = x.d[3], B = x.d[2], C = x.d[1], D = x.d[0], E = 0;
    for (unsigned k = 0; k < 4; k++) {
        uint32_t f = imm == 0 ? (B & C) ^ (~B & D) : imm == 2 ? (B & C) ^ (B & D) ^ (C & D) : B ^ C ^ D;
        uint32_t sum = f + rol32(A, 5) + y.d[3 - k] + E + constant[imm];
        E = D, D = C, C = rol32(B, 30), B = A, A = sum;
    }
    return _mm_set_epi32((int)A, (int)B, (int)C, (int)D);
}

/* ---- SHA-256 ---- */

ALWAYS_INLINE uint32_t sha256_s0(uint32_t v) { return ror32(v, 7) ^ ror32(v, 18) ^ v >> 3; }
ALWAYS_INLINE uint32_t sha256_s1(uint32_t v) { return ror32(v, 17) ^ ror32(v, 19) ^ v >> 10; }

PORTABLE V128 portable_sha256msg1(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 4; k++)
        r.d[k] = x.d[k] + sha256_s0(k < 3 ? x.d[k + 1] : y.d[0]);
    return r.v;
}
PORTABLE V128 portable_sha256msg2(V128 a, V128 b) {
    union Lanes x = lanes_of(a), y = lanes_of(b), r;
    for (unsigned k = 0; k < 4; k++)
        r.d[k] = x.d[k] + sha256_s1(k < 2 ? y.d[k + 2] : r.d[k - 2]);
    return r.v;
}
/** Two rounds: a is C D G H from the top, b is A B E F, c has words and constants in its low half. */
PORTABLE V128 portable_sha256rnds2(V128 a, V128 b, V128 c) {
    union Lanes x = lanes_of(a), y = lanes_of(b), w = lanes_of(c);
    uint32_t A = y.d[3], B = y.d[2], C = x.d[3], D = x.d[2], E = y.d[1], F = y.d[0], G = x.d[1], H = x.d[0];
    for (unsigned k = 0; k < 2; k++) {
        uint32_t choose = (E & F) ^ (~E & G), majority = (A & B) ^ (A & C) ^ (B & C);
        uint32_t t1 = H + choose + (ror32(E, 6) ^ ror32(E, 11) ^ ror32(E, 25)) + w.d[k];
        uint32_t t2 = majority + (ror32(A, 2) ^ ror32(A, 13) ^ ror32(A, 22));
        H = G, G = F, F = E, E = D + t1, D = C, C = B, B = A, A = t1 + t2;
    }
    return _mm_set_epi32((int)A, (int)B, (int)E, (int)F);
}

#endif
