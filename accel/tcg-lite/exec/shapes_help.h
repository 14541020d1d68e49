/* SPDX-License-Identifier: MIT */
/** Shapes of instructions that are procedures, and the CPL check of privileged rows; every generated unit has them. */
#ifndef TWIN86_TCG_SHAPES_HELP_H
#define TWIN86_TCG_SHAPES_HELP_H

#include "accel/tcg-lite/run/block.h"
#include "accel/tcg-lite/run/flow.h"
#include "accel/tcg-lite/run/loop.h"
#include "accel/tcg-lite/run/mem.h"

/** What the generator passes to shapes: see README.md. The kernel follows. */
#define SHAPE_R CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc
#define SHAPE_M CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, enum EaKind ea, int cc

typedef void (*HelpFn)(struct Tcg *t, const struct Insn *i);

/** Privileged instructions raise #GP(0) at CPL > 0, which v8086 mode always is. */
ALWAYS_INLINE void tcg_check_cpl0(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    if (UNLIKELY(x86_cpl(env) != 0))
        tcg_raise_error(t, i, VEC_GP, 0);
}

ALWAYS_INLINE void help(CPUX86State *env, const struct Insn *i, struct Tcg *t, HelpFn h) {
    (void)env;
    t->insn = i;
    h(t, i);
}

/** The block ends here, because the helper may have changed what decoding depends on. */
ALWAYS_INLINE const struct Insn *help_next(CPUX86State *env, const struct Insn *i, struct Tcg *t, HelpFn h) {
    t->insn = i;
    h(t, i);
    t->insn = NULL;
    env->rip = tcg_next_rip(t, i);
    tcg_recheck(t);
    if (UNLIKELY(t->mode != block_of(i)->mode))
        return &t->lookup;
    return tcg_follow(t, NULL, &tcg_links(i)[0]);
}

/** The helper has set env->rip. */
ALWAYS_INLINE const struct Insn *help_jump(CPUX86State *env, const struct Insn *i, struct Tcg *t, HelpFn h) {
    t->insn = i;
    h(t, i);
    t->insn = NULL;
    tcg_recheck(t);
    return tcg_indirect(t, tcg_jump_cached(t, env->rip));
}

#endif
