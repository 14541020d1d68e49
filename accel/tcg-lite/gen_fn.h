/* SPDX-License-Identifier: MIT */
/** x86gen: the exec functions that have been decided on (gen_emit.c), and what is made of several of them (gen_fuse.c).
 */
#ifndef TWIN86_TCG_GEN_FN_H
#define TWIN86_TCG_GEN_FN_H

#include "accel/tcg-lite/gen.h"

/* ---- gen_emit.c: functions are numbers from 0 ---- */

int gen_fn_by_name(const char *name); /* without "x_"; -1: there is none */
const char *gen_fn_name(int fn);      /* without "x_" */
bool gen_fn_flow(const struct Gen *g, int fn);
/** A conditional branch: its shape says whether it is taken, "SHAPE_taken" what to go on with then. */
bool gen_fn_exit(const struct Gen *g, int fn);
/** Write the call that carries out instruction `insn`, whose successor in the block is `next`, with the jumps out of
 *  the block. */
void gen_emit_insn(const struct Gen *g, FILE *o, int fn, const char *insn, const char *next, bool last);
/** It may write guest memory, and so overwrite the code that comes next. */
bool gen_fn_stores(const struct Gen *g, int fn);
/** It can be a part of a longer function: any straight one, and as the last a branch. */
bool gen_fn_can_fuse(const struct Gen *g, int fn, bool last);
/** A unit for fused functions. */
int gen_fuse_unit(struct Gen *g, const char *name);

/* ---- gen_fuse.c ---- */

void gen_fuse_parse(struct Gen *g, const char *path);
void gen_fuse_unit_functions(const struct Gen *g, FILE *o, int unit);
void gen_fuse_declare(FILE *o);
void gen_fuse_table(FILE *o);

#endif
