/* SPDX-License-Identifier: MIT */
/** Files of cases with what the oracle made of them as expectations. */
#ifndef TWIN86_DIFF_RECORDER_H
#define TWIN86_DIFF_RECORDER_H

#include "diff/case_run.h"

struct Recorder;

struct RecorderSetup {
    const char *path; /* of the file, which is written anew */
    const struct DiffRunnerOps *oracle;
    const struct CpuModel *model; /* cut down to what the host has */
    const char *cpu;              /* as -cpu takes it: whose cases they are; NULL: "max" of the model's vendor */
};

/** 0 or -errno with one line in `why`. */
int recorder_open(struct Recorder **out, const struct RecorderSetup *setup, char *why, size_t n);

/**
 * Reduce the case to what matters, measure it, and write it; what it expects by now does not count. 1; 0: it was left
 * out, because the oracle did not do the same twice, or ended where the case has no business; -errno with one line in
 * `why`. The case is changed.
 */
int recorder_add(struct Recorder *r, struct DiffCase *c, char *why, size_t n);

/** Close the file (NULL: nothing). 0 or -errno with one line in `why`: it is not whole. */
int recorder_close(struct Recorder *r, char *why, size_t n);

#endif
