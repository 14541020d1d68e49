/* SPDX-License-Identifier: MIT */
/** x86gen: the exec functions that have been decided on (gen_functions.c), and what is made of several of them
 * (gen_fuse.c).
 */
#ifndef TWIN86_TCG_GEN_FN_H
#define TWIN86_TCG_GEN_FN_H

#include "accel/tcg-lite/run/functions.h"
#include "isa/gen/gen.h"

/* ---- gen_functions.c: functions are numbers from 0 ---- */

void gen_emit_functions(struct Gen *g);
/** The row's kernel is a helper, a function that is not inlined. */
bool gen_is_help(const struct Row *r);

int gen_fn_by_name(const char *name); /* without "exec_"; -1: there is none */
const char *gen_fn_name(int fn);      /* without "exec_"; NULL: there are not so many */
const struct Row *gen_fn_row(const struct Gen *g, int fn);
enum FnKind gen_fn_kind(int fn);
unsigned gen_fn_bits(int fn);
bool gen_fn_flow(const struct Gen *g, int fn);
/** A conditional branch: its shape says whether it is taken, "SHAPE_taken" what to go on with then. */
bool gen_fn_exit(const struct Gen *g, int fn);
/** What stands for the arguments of a function: the state, the instruction, its successor in the block. */
struct GenArgs {
    const char *env, *insn, *next;
};
/** Write the call of the shape. */
void gen_emit_call(const struct Gen *g, FILE *o, int fn, struct GenArgs args);
/** The same as a statement, with the jumps out of the block. */
void gen_emit_insn(const struct Gen *g, FILE *o, int fn, struct GenArgs args, bool last);
/** It stores to memory, so it may overwrite its own block. */
bool gen_fn_stores(const struct Gen *g, int fn);
/** It leaves new flags. */
bool gen_fn_flags(const struct Gen *g, int fn);
/** It pushes or pops 64 bits. */
bool gen_fn_stack(const struct Gen *g, int fn);
/** It can be a part of a longer function: any straight one, and as the last a branch. */
bool gen_fn_can_fuse(const struct Gen *g, int fn, bool last);
/** A unit for fused functions. */
int gen_fuse_unit(struct Gen *g, const char *name);

/* ---- gen_local.c ---- */

/** A function that reaches the guest's registers only through `env` and fields of the instruction, so that both may be
 *  copies (gen_fuse_emit.c). */
bool gen_fn_local(const struct Gen *g, int fn);
/** A field of struct Insn that names a register; in the order of the operands, of an address the base first. */
enum GenField { FIELD_RM, FIELD_REG, FIELD_BASE, FIELD_INDEX, FIELD_VREG };
struct GenUse {
    enum GenField field;
    bool vector, byte, written;
};
enum { GEN_FIELDS_MAX = 8 };
/** Those of a local function (else none); how many. */
int gen_fn_fields(const struct Gen *g, int fn, struct GenUse out[GEN_FIELDS_MAX]);
/** General registers that a local function uses, or writes, without a field for them: a set by number. */
uint16_t gen_fn_implicit(const struct Gen *g, int fn);
uint16_t gen_fn_implicit_written(const struct Gen *g, int fn);
/* ---- gen_fuse.c, gen_fuse_emit.c ---- */

void gen_fuse_parse(struct Gen *g, const char *path);
void gen_fuse_unit_functions(const struct Gen *g, FILE *o, int unit);
void gen_fuse_declare(const struct Gen *g, FILE *o);
/** A sequence calls it as "call_NAME", which does the instruction and returns. */
bool gen_fuse_calls(const struct Gen *g, int fn);
/** What profile.h says of a function's registers: "reg,rm.b 0x5". */
void gen_fuse_describe(const struct Gen *g, FILE *o, int fn);
void gen_fuse_table(const struct Gen *g, FILE *o);

#endif
