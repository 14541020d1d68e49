/* SPDX-License-Identifier: MIT */
/** A case without what does not matter to what it does. */
#ifndef TWIN86_DIFF_REDUCE_H
#define TWIN86_DIFF_REDUCE_H

#include "diff/case_run.h"

enum { REDUCE_PAGES = 16 };

/**
 * Make registers plain, memory 0, and pages vanish, as long as `r`, a runner of tcg-lite, does the same with it: bits
 * that come out differently are those that go through the case unchanged. Expectations are not looked at. Cases of more
 * than REDUCE_PAGES pages stay as they are. False: out of memory, or the case can't be run.
 */
bool case_reduce(struct DiffRunner *r, struct DiffCase *c);

#endif
