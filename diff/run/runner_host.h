/* SPDX-License-Identifier: MIT */
/** What the two ways of running cases on the real CPU have in common: by a stub (runner_host.c), by signal frames. */
#ifndef TWIN86_DIFF_RUNNER_HOST_H
#define TWIN86_DIFF_RUNNER_HOST_H

#include "diff/run/runner.h"

/** Modes compat16 and compat32, which diff_host_runner opens. */
extern const struct DiffRunnerOps diff_host_frame_runner;
int diff_host_frames_open(struct DiffRunner **out, const struct DiffSetup *setup, char *why, size_t n);

/** Of what a handler of signals has told of an exception: leave what belongs to this vector, and put right what a
 *  process sees otherwise. */
void diff_host_finish(const struct DiffSpace *s, struct DiffState *o);

#endif
