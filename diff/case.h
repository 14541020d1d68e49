/* SPDX-License-Identifier: MIT */
/** Cases as text: docs/diff-cases.md describes the format. */
#ifndef TWIN86_DIFF_CASE_H
#define TWIN86_DIFF_CASE_H

#include "diff/fields.h"
#include "diff/run/frame.h"

#include <stdio.h>

enum { CASE_NAME = 64, CASE_CPU = 128, CASE_NOTE = 96 };
enum { CASE_MAX_PAGES = 256, CASE_MAX_PIECES = 1024, CASE_MAX_BYTES = 65536 };

/** Bytes of memory. */
struct CasePiece {
    uint64_t linear;
    uint32_t at, n; /* in DiffCase.bytes */
    uint32_t mask;  /* there as well, of expected memory: the bits that count; 0: all do */
};

/** A set of fields. */
struct CaseFields {
    uint64_t bits[2];
};
_Static_assert(DIFF_FIELDS <= 128, "");
static inline bool case_has(const struct CaseFields *f, unsigned k) { return f->bits[k / 64] >> (k % 64) & 1; }
static inline void case_add(struct CaseFields *f, unsigned k) { f->bits[k / 64] |= 1ull << (k % 64); }

enum CaseFault { FAULT_ANY, FAULT_NONE, FAULT_IS }; /* what a case expects */

/** What of a fault is expected beyond its vector. */
enum { CASE_FAULT_ERROR = 1, CASE_FAULT_CR2 = 2, CASE_FAULT_DR6 = 4 };

/** What a case expects of all that it does not name: that it does not change, and that nothing faults. */
enum CaseRest { REST_ANY, REST_REGISTERS, REST_ALL };

struct DiffCase {
    char name[CASE_NAME];
    char note[CASE_NOTE]; /* for people, behind `case NAME`; not read */
    unsigned line; /* where it begins in its file */
    char cpu[CASE_CPU]; /* the CPU model that it is for, as -cpu takes it; "": it does not say */
    enum DiffMode mode;
    unsigned cpl;
    struct DiffState in;
    struct DiffOwnSystem system; /* instead of the mode's */
    bool a20_off;                /* real16: bit 20 of addresses is 0 */
    struct DiffPage page[CASE_MAX_PAGES]; /* every page that has memory */
    unsigned pages;
    struct CasePiece piece[CASE_MAX_PIECES]; /* initial memory, then expected memory */
    unsigned pieces, expected_from;
    uint8_t bytes[CASE_MAX_BYTES];
    unsigned used;
    uint64_t code;                /* where its first `code` line is */
    unsigned code_at, code_bytes; /* in bytes */

    bool judged; /* masks are there: case_expect_begin */
    enum CaseRest rest;
    struct CaseFields expected;
    struct DiffState out, mask; /* what is expected, and the bits that count */
    uint64_t expected_system;   /* bit by number in diff_system_names */
    struct DiffSystem out_system, mask_system;
    enum CaseFault fault;
    unsigned fault_parts;
};
_Static_assert(DIFF_SYSTEM <= 64, "");

/** A file being read. */
struct CaseReader {
    const char *file; /* for messages */
    const char *p, *end;
    unsigned line;
    char cpu[CASE_CPU]; /* of the `cpu` line outside of cases that was met last */
};

void case_reader_init(struct CaseReader *r, const char *file, const char *text, size_t n);

/** The next case. 1; 0 at the end; -EINVAL with "FILE:LINE: what is wrong, what would be right" in `why`: the case is
 *  malformed; one may go on with that which begins behind it. */
int case_read(struct CaseReader *r, struct DiffCase *c, char *why, size_t n);

/** Begin an empty case in this mode. */
void case_init(struct DiffCase *c, enum DiffMode mode, unsigned cpl);
/** Something is going to be expected: all bits count until a mask says otherwise. May be called again. */
void case_expect_begin(struct DiffCase *c);
/** Add memory (`expected`: after the run; all other memory comes before). False: there is no more room. Pages must be
 *  added by themselves. */
bool case_add_bytes(struct DiffCase *c, uint64_t linear, const void *bytes, unsigned n, bool expected);
/** Of expected memory at this address only these bits count. 1; 0: none is expected there; -1: no more room. */
int case_mask_byte(struct DiffCase *c, uint64_t linear, uint8_t bits);
/** Add a page, or change its attributes. False: no more room. */
bool case_add_page(struct DiffCase *c, uint64_t linear, uint8_t attr);
/** Add those of these bytes' pages that there are not, as lines `mem` and `code` do. False: no more room. */
bool case_add_default_pages(struct DiffCase *c, uint64_t linear, unsigned n, bool code);
/** How many instructions are run of a case that does not say it. */
uint32_t case_usual_count(const struct DiffCase *c);
/** What registers hold that a case does not name; it has its mode, code and segments. */
void case_usual(const struct DiffCase *c, struct DiffState *s);

/** Write a case; what is as it would be without being named is left out. */
void case_write(const struct DiffCase *c, FILE *f);

#endif
