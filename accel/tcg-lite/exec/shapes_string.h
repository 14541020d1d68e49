/* SPDX-License-Identifier: MIT */
/**
 * The shape of string instructions, repeated or not: MOVS, STOS, LODS, CMPS, SCAS.
 */
#ifndef TWIN86_TCG_SHAPES_STRING_H
#define TWIN86_TCG_SHAPES_STRING_H

#include "accel/tcg-lite/run/block.h"
#include "accel/tcg-lite/run/flow.h"
#include "accel/tcg-lite/run/mem.h"

/** Do the instruction, all its repetitions as a rule. False: an event is due, or single steps are wanted, before the
 *  last one; the registers are as after those done, and the instruction is to be started again. */
typedef bool (*StringKernel)(struct Tcg *t, const struct Insn *i);

bool kernel_movs(struct Tcg *t, const struct Insn *i);
bool kernel_stos(struct Tcg *t, const struct Insn *i);
bool kernel_lods(struct Tcg *t, const struct Insn *i);
bool kernel_cmps(struct Tcg *t, const struct Insn *i);
bool kernel_scas(struct Tcg *t, const struct Insn *i);

ALWAYS_INLINE const struct Insn *string_r(CPUX86State *env, const struct Insn *i, struct Tcg *t, unsigned bits, int cc,
                                          StringKernel op) {
    (void)bits, (void)cc;
    t->insn = i;
    if (LIKELY(op(t, i))) {
        t->insn = NULL;
        env->rip = tcg_next_rip(t, i);
        return tcg_follow(t, i, &tcg_links(i)[0]);
    }
    t->insn = NULL;
    t->icount -= block_of(i)->count - i->idx; /* it counts when it is complete */
    env->rip = tcg_this_rip(t, i);
    tcg_repeat_later(t);
    return &t->lookup;
}

#endif
