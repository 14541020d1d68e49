/* SPDX-License-Identifier: MIT */
/**
 * What instructions need beyond random operands: addresses that lead to memory, branch targets that are pads, divisors
 * that fit, images that can be restored. Without it most cases would fault.
 */
#ifndef TWIN86_DIFF_TUNE_H
#define TWIN86_DIFF_TUNE_H

#include "diff/generate.h"

/** A case in the making. */
struct Tune {
    struct DiffRng *r;
    struct GenBatch *b;
    struct DiffState *s;
    struct GenGroup *q;
    const struct DiffEncode *e;
    const struct X86Form *form;
    const struct X86Row *row;
    uint64_t window, target; /* GEN_WINDOW bytes, and where in them the memory operand shall lie */
    uint64_t own;            /* the case's plain window: `window`, unless that is at an edge */
};

/** False: this encoding is one of another instruction on CPUs that have more features than the model. */
bool tune_allowed(const struct DiffEncode *e, const struct GenGroup *q);

/** Settle what the group's bytes say: branch displacements, frame sizes. Changes bytes, not the length. */
void tune_code(struct DiffRng *r, const struct DiffEncode *e, struct GenGroup *q);

/** Settle registers and memory of one case; last of all, aim its memory operand at t->target. */
void tune_case(struct Tune *t);

/** Write to the case's memory as it is before the run; what lies outside of its windows is left out. */
void tune_poke(struct Tune *t, uint64_t linear, const void *bytes, unsigned n);

#endif
