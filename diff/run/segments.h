/* SPDX-License-Identifier: MIT */
/** The segments that a case starts with. */
#ifndef TWIN86_DIFF_SEGMENTS_H
#define TWIN86_DIFF_SEGMENTS_H

#include "diff/generate/space.h"
#include "diff/run/state.h"

/** Those of the space, but for what the record has of its own, and then what `own` has; it may be NULL. */
void diff_segments(const struct DiffSpace *s, const struct DiffState *in, const struct DiffOwnSystem *own,
                   struct X86Segment seg[SEG_COUNT]);

#endif
