/* SPDX-License-Identifier: MIT */
/** A fuzzer's input, read from its beginning; behind its end there are zeroes. */
#ifndef TWIN86_TESTS_FUZZ_INPUT_H
#define TWIN86_TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct Input {
    const uint8_t *data;
    size_t left;
};

/** The next `bytes` as a little-endian number: 8 at most. */
static inline uint64_t input_number(struct Input *in, unsigned bytes) {
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes && in->left > 0; i++, in->left--)
        v |= (uint64_t)*in->data++ << 8 * i;
    return v;
}

static inline uint8_t input_byte(struct Input *in) { return (uint8_t)input_number(in, 1); }

#endif
