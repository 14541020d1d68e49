/* SPDX-License-Identifier: MIT */
/** A difference as text: the instruction, and only what differs. */
#ifndef TWIN86_DIFF_REPORT_H
#define TWIN86_DIFF_REPORT_H

#include "debug/disas.h"
#include "diff/compare.h"
#include "diff/generate/space.h"

#include <stdio.h>

/** Form, bytes, disassembly of each instruction. */
void diff_report_head(FILE *f, struct Disas *disas, enum DiffMode mode, const struct Comparison *c);
void diff_report_state(FILE *f, const struct Comparison *c);
/** System registers that differ. */
void diff_report_system(FILE *f, const struct Comparison *c);
void diff_report_memory(FILE *f, const struct Comparison *c);

#endif
