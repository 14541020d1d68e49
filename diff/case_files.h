/* SPDX-License-Identifier: MIT */
/** Files of cases, run one by one: what `vectors` and `replay` have in common. */
#ifndef TWIN86_DIFF_CASE_FILES_H
#define TWIN86_DIFF_CASE_FILES_H

#include "diff/case.h"

struct CaseFilesRun {
    FILE *report;
    const char *only;    /* patterns of names; NULL: all */
    uint64_t show;       /* so many lines tell of cases that are malformed, or can't be run, or are bad */
    struct DiffCase *c;  /* the one that is being run, */
    const char *file;    /* of this file */
    uint64_t cases, bad; /* that were run; of these, that failed or differ */
    uint64_t unfit, malformed;

    /** Run r->c, and count it. 0, or -errno with one line in `why`, which ends the whole. */
    int (*run)(struct CaseFilesRun *r, char *why, size_t n);
};

/** r->c can't be run here, for this reason; others may. */
void case_files_unfit(struct CaseFilesRun *r, const char *reason);
/** Run all cases that are wanted. 0, or -errno with one line in `why`; -EINVAL also when `only` names none. */
int case_files_run(struct CaseFilesRun *r, const char *const *file, unsigned files, char *why, size_t n);
/** The last line of the report, "3 cases, 1 failed"; 0 or 1, or -EINVAL with a line for cases that can't be read. */
int case_files_end(const struct CaseFilesRun *r, const char *bad, char *why, size_t n);

#endif
