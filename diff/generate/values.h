/* SPDX-License-Identifier: MIT */
/**
 * Random numbers, and values of which bugs are made: boundaries, small numbers, every class of floating-point number.
 */
#ifndef TWIN86_DIFF_VALUES_H
#define TWIN86_DIFF_VALUES_H

#include <stdbool.h>
#include <stdint.h>

struct DiffRng {
    uint64_t s[2];
};

/** Independent streams: of one seed, by number. */
static inline void diff_rng_init(struct DiffRng *r, uint64_t seed, uint64_t stream) {
    for (unsigned k = 0; k < 2; k++) { /* splitmix64 */
        uint64_t z = (seed + 0x9e3779b97f4a7c15ull * (2 * stream + k + 1));
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        r->s[k] = z ^ (z >> 31);
    }
    r->s[0] |= 1;
}

static inline uint64_t diff_rnd(struct DiffRng *r) { /* xorshift128+ */
    uint64_t a = r->s[0], b = r->s[1];
    r->s[0] = b;
    a ^= a << 23;
    a ^= a >> 17 ^ b ^ b >> 26;
    r->s[1] = a;
    return a + b;
}
/** 0 to n - 1; n < 2^31. */
static inline unsigned diff_below(struct DiffRng *r, unsigned n) { return (unsigned)(((diff_rnd(r) >> 32) * n) >> 32); }
static inline bool diff_one_in(struct DiffRng *r, unsigned n) { return diff_below(r, n) == 0; }

/** A general register or memory word. */
uint64_t diff_integer(struct DiffRng *r);
uint32_t diff_float32(struct DiffRng *r);
uint64_t diff_float64(struct DiffRng *r);
void diff_float80(struct DiffRng *r, uint8_t out[10]);

/** What a vector or memory operand is filled with. */
enum DiffClass {
    CLASS_RANDOM,
    CLASS_INTEGERS, /* lanes of every width near their boundaries */
    CLASS_SINGLE,
    CLASS_DOUBLE,
    CLASS_EXTENDED, /* 80-bit, packed BCD, 16- and 32-bit words */
    CLASSES
};

/** `n` bytes, a multiple of 16. */
void diff_fill(struct DiffRng *r, enum DiffClass c, uint8_t *out, unsigned n);

#endif
