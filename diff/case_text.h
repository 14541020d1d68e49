/* SPDX-License-Identifier: MIT */
/** Words of the case format that reading and writing share. */
#ifndef TWIN86_DIFF_CASE_TEXT_H
#define TWIN86_DIFF_CASE_TEXT_H

#include "diff/case.h"

/** What a page allows. */
struct CaseAttribute {
    const char *name;
    uint8_t attr;
};
enum { CASE_ATTRIBUTES = 3 };
extern const struct CaseAttribute case_attributes[CASE_ATTRIBUTES];

/** By enum X86Seg. */
extern const char case_segments[SEG_COUNT][3];

/** Control registers that a case can set. */
struct CaseControl {
    const char *name;
    uint16_t value, has; /* offsets within struct DiffOwnSystem */
};
enum { CASE_CONTROLS = 4 };
extern const struct CaseControl case_controls[CASE_CONTROLS];

/** Real-address and v8086 mode: a selector is a paragraph. */
static inline bool case_paragraphs(enum DiffMode mode) { return mode == DIFF_REAL16 || mode == DIFF_V8086; }

/** The segment that a selector alone makes in these modes. */
struct X86Segment case_paragraph_segment(enum DiffMode mode, unsigned seg, uint16_t selector);

/** Base of a segment at the start: the case's own, or the mode's. */
uint64_t case_base(const struct DiffCase *c, unsigned seg);

#endif
