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
    uint64_t differs_in; /* the batch of the last difference, plus 1 */
};

enum { SHOW_FORM = 3, SHOW_MAX = 40 }; /* differences that are shown of one form, and in all */

/** One of them. */
struct InsnDifference {
    uint64_t batch;
    unsigned number, row; /* of the case in its batch; of the form */
    char *text;
};

enum { INSN_MAX_SHARDS = 1000000 };

/** A run, or what several have found. */
struct InsnRun {
    struct CpuModel model;
    enum DiffMode mode;
    unsigned cpl;
    char mode_name[24]; /* "long64 CPL 3" */
    bool qemu;          /* of the oracle */
    bool system;        /* engines that run anything, and tell of system registers */
    unsigned rows;      /* so many take part */
    struct Generator *gen;
    struct GenBatch *batch;
    struct DiffRunner *a, *b; /* the software, the oracle */
    uint8_t *after;           /* each case's memory right after the software's run */
    struct DiffState *out_a, *out_b;
    struct RowCoverage *row; /* x86_row_count */
    uint64_t cases, different, skipped;
    uint64_t strayed;    /* not compared: see insn_strays */
    uint64_t disturbed;  /* what the oracle said at first does not count: see insn_ask_again */
    uint64_t *explained; /* by explanation */
    struct DiffRng rng;
    FILE *report;
    const char *save; /* folder for differing cases */
    bool shrink;
    bool undefined; /* flags that are undefined count, too */
    unsigned length; /* instructions of a case */
    uint64_t number; /* of the batch */
    char *identity;  /* what is run: lines of text */
    unsigned shards; /* the run is in so many parts, of which batches belong to one in turn */
    bool *have;      /* by shard: it is this run, or a part of what this one tells of */
    struct InsnDifference *difference; /* those that are shown */
    unsigned differences;
    struct Disas *disas;
    struct InsnRecord *record; /* NULL: none is wanted */
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

/**
 * The oracle runs case k once more, until nothing disturbs it; what comes out takes the first result's place. A virtual
 * machine's processor was seen to raise a #UD that it never raised again, and systems lose registers of a program that
 * they do not know of. False: each time it was disturbed, or could not be run.
 */
bool insn_ask_again(struct InsnRun *r, unsigned k);

/** Keep what the software made of the case's memory in `kept` (3 * GEN_WINDOW bytes), or put it back. */
void insn_own_memory(struct InsnRun *r, unsigned k, uint8_t *kept, bool back);

/* ---- insn_report.c ---- */

/** Print a difference, which counts for this row, and save its case; not if there were many, or many of its form. */
void insn_report(struct InsnRun *r, unsigned k, unsigned row, const struct Comparison *c);
/** Keep a difference; the text (malloc) is the run's then. False: out of memory. */
bool insn_add_difference(struct InsnRun *r, uint64_t batch, unsigned number, unsigned row, char *text);
/** The end of a run's report: coverage if it is wanted (`html`: to that file instead), `file` for `diff merge` unless
 *  it is NULL, counts. 0; 1: something differs; -errno with one line in `why`. */
int insn_conclude(struct InsnRun *r, bool coverage, const char *html, const char *file, char *why, size_t n);
/** Everything that belongs to it, and itself. */
void insn_free(struct InsnRun *r);

/* ---- insn_file.c ---- */

/** What is run, as lines of text, which are the same for all shards of a run. To be freed; NULL: out of memory. */
char *insn_identity(const struct InsnRun *r, const Twin86DiffInsn *o);
/** 0 or -EINVAL with one line in `why`. */
int insn_file_write(const struct InsnRun *r, const char *path, char *why, size_t n);
/** Add what the file tells of. 0, -ENOMEM or -EINVAL with one line in `why`: malformed, of another run, there already.
 */
int insn_file_read(struct InsnRun *r, const char *path, char *why, size_t n);

struct DiffCase;

/** The case as it was before the run; `c` is as insn_comparison made it. False: there is no room for it. */
bool insn_take_case(struct InsnRun *r, unsigned k, const struct Comparison *c, struct DiffCase *out);

/* ---- insn_record.c ---- */

/** If the options ask for it: the file for cases. 0 or -errno with one line in `why`. */
int insn_record_open(struct InsnRun *r, const Twin86DiffInsn *o, char *why, size_t n);
/** 0 or -errno with one line in `why`: the file is not whole. */
int insn_record_close(struct InsnRun *r, char *why, size_t n);
/** Case k, which both engines have run, counts for this row: write it if there are few of its kind. 0 or -errno. */
int insn_record(struct InsnRun *r, unsigned k, unsigned row, char *why, size_t n);

/* ---- insn_coverage.c ---- */

void insn_coverage_text(const struct InsnRun *r, FILE *f);
void insn_coverage_html(const struct InsnRun *r, FILE *f);

#endif
