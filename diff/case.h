/* SPDX-License-Identifier: MIT */
/** Cases as text: docs/diff-cases.md describes the format. */
#ifndef TWIN86_DIFF_CASE_H
#define TWIN86_DIFF_CASE_H

#include "diff/fields.h"
#include "diff/generate/space.h"

#include <stdio.h>

enum { CASE_NAME = 64, CASE_CPU = 128, CASE_MAX_PAGES = 256, CASE_MAX_PIECES = 1024, CASE_MAX_BYTES = 65536 };

/** Bytes of memory. */
struct CasePiece {
    uint64_t linear;
    uint32_t at, n; /* in DiffCase.bytes */
};

/** A set of fields. */
struct CaseFields {
    uint64_t bits[2];
};
_Static_assert(DIFF_FIELDS <= 128, "");
static inline bool case_has(const struct CaseFields *f, unsigned k) { return f->bits[k / 64] >> (k % 64) & 1; }
static inline void case_add(struct CaseFields *f, unsigned k) { f->bits[k / 64] |= 1ull << (k % 64); }

/** Control registers and segments that a case sets instead of the mode's own. */
struct CaseSystem {
    bool any;
    uint8_t segments; /* bit by enum X86Seg: given */
    struct X86Segment seg[SEG_COUNT];
    bool has_cr0, has_cr4, has_efer, has_xcr0;
    uint64_t cr0, cr4, efer, xcr0;
};

enum CaseFault { FAULT_ANY, FAULT_NONE, FAULT_IS }; /* what a case expects */

/** What of a fault is expected beyond its vector. */
enum { CASE_FAULT_ERROR = 1, CASE_FAULT_CR2 = 2 };

struct DiffCase {
    char name[CASE_NAME];
    unsigned line; /* where it begins in its file */
    char cpu[CASE_CPU]; /* the CPU model that it is for, as -cpu takes it; "": it does not say */
    enum DiffMode mode;
    unsigned cpl;
    struct DiffState in;
    struct CaseSystem system;
    struct DiffPage page[CASE_MAX_PAGES]; /* every page that has memory */
    unsigned pages;
    struct CasePiece piece[CASE_MAX_PIECES]; /* initial memory, then expected memory */
    unsigned pieces, expected_from;
    uint8_t bytes[CASE_MAX_BYTES];
    unsigned used;
    uint64_t code;                /* where its first `code` line is */
    unsigned code_at, code_bytes; /* in bytes */

    struct CaseFields expected;
    struct DiffState out, mask; /* what is expected, and the bits that count */
    enum CaseFault fault;
    unsigned fault_parts;
};

/** A file being read. */
struct CaseReader {
    const char *file; /* for messages */
    const char *p, *end;
    unsigned line;
    char cpu[CASE_CPU]; /* of the `cpu` line outside of cases that was met last */
};

void case_reader_init(struct CaseReader *r, const char *file, const char *text, size_t n);

/** The next case. 1; 0 at the end; -EINVAL with "FILE:LINE: what is wrong, what would be right" in `why`. */
int case_read(struct CaseReader *r, struct DiffCase *c, char *why, size_t n);

/** Begin an empty case in this mode. */
void case_init(struct DiffCase *c, enum DiffMode mode, unsigned cpl);
/** Add memory (`expected`: after the run). False: there is no more room. Pages must be added by themselves. */
bool case_add_bytes(struct DiffCase *c, uint64_t linear, const void *bytes, unsigned n, bool expected);
/** Add a page, or change its attributes. False: no more room. */
bool case_add_page(struct DiffCase *c, uint64_t linear, uint8_t attr);

/** Write a case; fields that are 0 (or as after a reset of the FPU) are left out. */
void case_write(const struct DiffCase *c, FILE *f);

#endif
