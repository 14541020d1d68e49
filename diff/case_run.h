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

/** What became of a case. */
struct CaseResult {
    struct DiffState out;
    struct DiffSystem system;
    uint64_t known; /* bit by number in diff_system_names: those of `system` that are known */
    struct DiffFrame frame;
    uint64_t linear; /* where code goes on, as a linear address */
    /* As it was loaded; only of cases that expect something of the rest. */
    struct DiffState before;
    struct DiffSystem system_before;
};

/** Open a runner of tcg-lite with room for the pages of any case. The model must stay. 0 or -errno as open. */
int diff_tcg_open_any(struct DiffRunner **r, const struct CpuModel *model, char *why, size_t n);

/** A runner of tcg-lite runs this case: its memory is set up, `in.insns` instructions are executed, or fewer when one
 *  faults. Modes and pages may differ from case to case; cheapest where they don't. 0 or -errno as open; -EINVAL: this
 *  case can't be run. */
int diff_tcg_case(struct DiffRunner *r, const struct DiffCase *c, struct CaseResult *result, char *why, size_t n);

/** The first byte outside of this frame that the last case, one in real-address mode, has changed in memory that it
 *  does not name; UINT64_MAX: none. */
uint64_t diff_tcg_stray_write(const struct DiffRunner *r, const struct DiffFrame *frame);

/** A page as it is before the case runs: what case_load puts there. */
void case_page(const struct DiffCase *c, uint64_t linear, uint8_t page[4096]);

/** Write a case's initial memory into a space that has its pages; what it does not name is 0, or CASE_FILLER. */
void case_load(const struct DiffCase *c, const struct DiffSpace *s);

/* ---- two engines (case_pair.c) ---- */

/** tcg-lite and another, made for the pages of one case. */
struct CasePair {
    const struct CpuModel *model;
    struct DiffRunner *guide; /* says where a case ends */
    struct DiffRunner *a, *b; /* a: the guide, or, if b runs any mode, tcg-lite in the same way */
    bool qemu;                             /* of b */
    struct Decoded decoded[COMPARE_INSNS]; /* the case's instructions */
    uint8_t *before, *after_a, *after_b;   /* all pages of the case */
    struct CaseResult result;              /* the guide's */
};

/** 0 or -errno with one line in `why`. */
int case_pair_open(struct CasePair *p, const struct DiffCase *c, const struct DiffRunnerOps *oracle,
                   const struct CpuModel *model, char *why, size_t n);
void case_pair_close(struct CasePair *p);
/** Run a case that has the same pages; *cmp refers to memory of *p and *c. *verdict is as compare() says. */
int case_pair_run(struct CasePair *p, const struct DiffCase *c, struct Comparison *cmp, enum Verdict *verdict,
                  unsigned *explained, char *why, size_t n);

/** What the oracle makes of it: *out, and memory in p->before and p->after_b; what the guide makes of it is in
 *  p->result. */
int case_pair_measure(struct CasePair *p, const struct DiffCase *c, struct DiffState *out, char *why, size_t n);
/** The case's instructions, as far as one follows the other, into cmp->insn; they refer to *p and *c. */
void case_pair_decode(struct CasePair *p, const struct DiffCase *c, struct Comparison *cmp);

/* ---- shrink.c ---- */

/** Reduce a differing case to what matters: as many registers and as much memory as possible become 0. */
void case_shrink(struct CasePair *p, struct DiffCase *c);

#endif
