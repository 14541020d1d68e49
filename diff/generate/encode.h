/* SPDX-License-Identifier: MIT */
/**
 * Encodings of a row of the instruction table: every prefix, register, addressing form and immediate that it has.
 */
#ifndef TWIN86_DIFF_ENCODE_H
#define TWIN86_DIFF_ENCODE_H

#include "diff/generate/values.h"
#include "isa/isa.h"

/** Where a row is found: the decoder's tables turned round. */
struct DiffOpcode {
    uint8_t map; /* enum X86Map */
    uint8_t first, count;
    bool exists;
};

/** x86_row_count of them, malloc'ed; NULL when out of memory. */
struct DiffOpcode *diff_opcodes(void);

/** An instruction as encoded. */
struct DiffInsn {
    uint8_t bytes[16];
    uint8_t len;
    uint8_t disp_at, disp_size; /* of the displacement; size 0: there is none */
    uint8_t imm_at;             /* where the immediate begins; len: there is none */
    struct Decoded d;
};

/** How the generator wants it. */
struct DiffEncode {
    const struct CpuModel *model;
    uint32_t mode; /* MODE_*, as x86_decode takes it */
    unsigned cpl;
    const struct DiffOpcode *opcodes;
    bool qemu; /* leave out encodings that end QEMU */
};

/**
 * A random encoding of `row`. False: it came out as something else (another row, or #UD because of its prefixes) and
 * `legal` was asked for.
 */
bool diff_encode(const struct DiffEncode *e, struct DiffRng *r, unsigned row, bool legal, struct DiffInsn *out);

/** Decode anew after bytes were changed; true: still `row`, with the same length. */
bool diff_redecode(const struct DiffEncode *e, unsigned row, struct DiffInsn *i);

#endif
