/* SPDX-License-Identifier: MIT */
/** Single cases, with whatever pages they name, on one engine or on two. */
#ifndef TWIN86_DIFF_CASE_RUN_H
#define TWIN86_DIFF_CASE_RUN_H

#include "diff/case.h"
#include "diff/compare.h"
#include "diff/run/runner.h"

/** INT3: what pages with code are filled with, where a case says nothing else. */
enum { CASE_FILLER = 0xcc };

/* ---- tcg-lite, fast (runner_tcg.c) ---- */

/** A runner of tcg-lite runs this case: its memory is set up, `in.insns` instructions are executed, or fewer when one
 *  faults. Modes and pages may differ from case to case; cheapest where they don't. 0 or -errno as open. */
int diff_tcg_case(struct DiffRunner *r, const struct DiffCase *c, struct DiffState *out, char *why, size_t n);

/** Write a case's initial memory into a space that has its pages; what it does not name is 0, or CASE_FILLER. */
void case_load(const struct DiffCase *c, const struct DiffSpace *s);

/* ---- two engines (case_pair.c) ---- */

/** tcg-lite and another, made for the pages of one case. */
struct CasePair {
    const struct CpuModel *model;
    struct DiffRunner *a, *b;
    bool qemu;                             /* of b */
    struct Decoded decoded[COMPARE_INSNS]; /* the case's instructions */
    uint8_t *before, *after_a, *after_b;   /* all pages of the case */
};

/** 0 or -errno with one line in `why`. */
int case_pair_open(struct CasePair *p, const struct DiffCase *c, const struct DiffRunnerOps *oracle,
                   const struct CpuModel *model, char *why, size_t n);
void case_pair_close(struct CasePair *p);
/** Run a case that has the same pages; *cmp refers to memory of *p and *c. *verdict is as compare() says. */
int case_pair_run(struct CasePair *p, const struct DiffCase *c, struct Comparison *cmp, enum Verdict *verdict,
                  unsigned *explained, char *why, size_t n);

/* ---- shrink.c ---- */

/** Reduce a differing case to what matters: as many registers and as much memory as possible become 0. */
void case_shrink(struct CasePair *p, struct DiffCase *c);

#endif
