/* SPDX-License-Identifier: MIT */
/** Random numbers that are the same for the same seed: xorshift64*. */
#ifndef TWIN86_TESTS_BLOCK_RANDOM_H
#define TWIN86_TESTS_BLOCK_RANDOM_H

#include <stdint.h>

struct Random {
    uint64_t state; /* not 0 */
};

static inline uint64_t random_next(struct Random *r) {
    r->state ^= r->state << 13;
    r->state ^= r->state >> 7;
    r->state ^= r->state << 17;
    return r->state * 0x2545f4914f6cdd1dull;
}

/** 0 to n - 1. */
static inline uint64_t random_below(struct Random *r, uint64_t n) { return (random_next(r) >> 11) % n; }

#endif
