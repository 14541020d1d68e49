/* SPDX-License-Identifier: MIT */
/** `twin86 diff insn`: cases from the instruction table, through two engines. */
#ifndef TWIN86_DIFF_INSN_H
#define TWIN86_DIFF_INSN_H

#include "diff/compare.h"
#include "diff/generate/generate.h"
#include "include/twin86.h"

#include <stdio.h>

/** What was run of one row. */
struct RowCoverage {
    uint64_t cases, faults;
    uint32_t vectors; /* bit by vector; 31: those above */
    uint64_t different, explained, undefined;
};

/** A run. */
struct InsnRun {
    struct CpuModel model;
    enum DiffMode mode;
    unsigned cpl;
    char mode_name[24]; /* "long64 CPL 3" */
    bool qemu;          /* of the oracle */
    bool system;        /* engines that run anything, and tell of system registers */
    struct Generator *gen;
    struct GenBatch *batch;
    struct DiffRunner *a, *b; /* the software, the oracle */
    uint8_t *after;           /* each case's memory right after the software's run */
    struct DiffState *out_a, *out_b;
    struct RowCoverage *row; /* x86_row_count */
    uint64_t cases, different, skipped;
    uint64_t strayed;    /* not compared: see insn_strays */
    uint64_t *explained; /* by explanation */
    struct DiffRng rng;
    FILE *report;
    const char *save; /* folder for differing cases */
    bool shrink;
    unsigned length; /* instructions of a case */
    unsigned shown;
    struct Disas *disas;
};

/** twin86_diff_insn with these engines. */
int diff_insn_run(const Twin86DiffInsn *o, const struct DiffRunnerOps *a, const struct DiffRunnerOps *b, FILE *out,
                  char *why, size_t why_size);

/** Fill `c` with case k of the batch as it was before the run, and with what came out of both. */
void insn_comparison(struct InsnRun *r, unsigned k, struct Comparison *c);

/** Why a row is left alone in this run, or NULL. */
const char *insn_left_out(const struct InsnRun *r, unsigned row);

/* ---- insn_stray.c ---- */

/**
 * Whether case k, or another that disturbed it, went astray: a wild load, store or branch led to what is not the
 * case's. That is code and memory of other cases, which not every engine has run, and pads, which are other bytes for
 * each engine. To find out, the software runs it again among other bytes, and the oracle by itself: one has another
 * result then. Memory and results are as before in the end.
 */
bool insn_strays(struct InsnRun *r, unsigned k);

/* ---- insn_report.c ---- */

enum { SHOW_FORM = 3 }; /* differences that are shown of one form */

/** Print a difference and save its case; not if there were many, or `enough` of its form. */
void insn_report(struct InsnRun *r, unsigned k, const struct Comparison *c, bool enough);

/* ---- insn_coverage.c ---- */

void insn_coverage_text(const struct InsnRun *r, FILE *f);
void insn_coverage_html(const struct InsnRun *r, FILE *f);

#endif
