/* SPDX-License-Identifier: MIT */
/** x86gen: the exec functions (gen_functions.c). */
#ifndef TWIN86_TCG_GEN_FN_H
#define TWIN86_TCG_GEN_FN_H

#include "accel/tcg-lite/run/functions.h"
#include "isa/gen/gen.h"

void gen_emit_functions(struct Gen *g);
/** The row's kernel is a helper, a function that is not inlined. */
bool gen_is_help(const struct Row *r);

#endif
