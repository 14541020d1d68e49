/* SPDX-License-Identifier: MIT */
/**
 * Reading MOO files, in which the SingleStepTests project keeps what old x86 processors did with single instructions.
 * Written from the format's description, "MOO File Format Specification, Version 1.1" (github.com/dbalsom/moo,
 * doc/moo_format_v1.md).
 *
 * A file is a row of chunks: four letters, the payload's size as 32 bits, the payload, which may be chunks again. All
 * numbers are little-endian; chunks that nobody knows are skipped.
 */
#ifndef TWIN86_DIFF_MOO_H
#define TWIN86_DIFF_MOO_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Registers, in the order of REX-less encodings; the 16-bit ones are the lower halves. */
enum MooReg {
    MOO_AX,
    MOO_CX,
    MOO_DX,
    MOO_BX,
    MOO_SP,
    MOO_BP,
    MOO_SI,
    MOO_DI,
    MOO_ES,
    MOO_CS,
    MOO_SS,
    MOO_DS,
    MOO_FS,
    MOO_GS,
    MOO_IP,
    MOO_FLAGS,
    MOO_CR0,
    MOO_CR3,
    MOO_DR6,
    MOO_DR7,
    MOO_REGS
};

/** Values of some of the registers. */
struct MooRegs {
    uint32_t present; /* bit by enum MooReg */
    uint32_t v[MOO_REGS];
};

/** Addresses and the bytes there: five bytes each. */
struct MooRam {
    const uint8_t *entry;
    uint32_t n;
};

static inline uint32_t moo_address(const struct MooRam *m, uint32_t k) { return get_le32(m->entry + 5 * (size_t)k); }
static inline uint8_t moo_byte(const struct MooRam *m, uint32_t k) { return m->entry[5 * (size_t)k + 4]; }

struct MooState {
    struct MooRegs regs;
    struct MooRam ram;
};

/** One instruction. Pointers lead into the file. */
struct MooTest {
    uint32_t index; /* in its file */
    const char *name; /* name_size characters, as the file has them */
    uint32_t name_size;
    const uint8_t *bytes;
    uint32_t size; /* of bytes */
    struct MooState before, after;
    struct MooRegs mask; /* of registers after it only these bits are defined */
    bool interrupt;      /* an exception, or a software interrupt */
    uint8_t vector;
    uint32_t flags_at; /* where the interrupt pushed FLAGS */
};

struct MooFile {
    const char *file; /* for messages */
    const uint8_t *data;
    size_t size, at;
    char cpu[5];    /* "8088", "C286", "386E", without blanks at its end */
    uint32_t tests; /* so many, says its head */
    struct MooRegs mask;
};

/** A file of `size` bytes, which must stay. 0, or -EINVAL with one line in `why`. */
int moo_open(struct MooFile *m, const char *file, const uint8_t *data, size_t size, char *why, size_t n);

/** The next test. 1; 0 at the end; -EINVAL with one line in `why`: the file is damaged from here on. */
int moo_next(struct MooFile *m, struct MooTest *t, char *why, size_t n);

#endif
