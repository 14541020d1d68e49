/* SPDX-License-Identifier: MIT */
/**
 * The engine's exec(), what brings a block to its end, and faults on their way there.
 */
#ifndef TWIN86_TCG_LOOP_H
#define TWIN86_TCG_LOOP_H

#include "accel/follow.h"
#include "accel/tcg-lite/run/tcg.h"

/** AccelOps.exec. */
enum VcpuExit tcg_exec(struct CPUState *cpu);
/** AccelFollowOps.step (step.c). */
enum VcpuExit tcg_step(struct CPUState *cpu, const struct AccelStep *s);

/** Ask that exec() return `why` at the next block edge. */
void tcg_request_exit(struct Tcg *t, enum VcpuExit why);

/** Raise an exception on behalf of instruction i (NULL: env->rip is exact). Faults report the instruction's own RIP. */
_Noreturn void tcg_raise(struct Tcg *t, const struct Insn *i, enum X86Vector vector);
_Noreturn void tcg_raise_error(struct Tcg *t, const struct Insn *i, enum X86Vector vector, uint32_t error);
/** As above for helpers that have set t->insn. */
_Noreturn static inline void tcg_fault(struct Tcg *t, enum X86Vector vector) { tcg_raise(t, t->insn, vector); }
_Noreturn static inline void tcg_fault_error(struct Tcg *t, enum X86Vector vector, uint32_t error) {
    tcg_raise_error(t, t->insn, vector, error);
}

/** Choose t->limit anew: after anything that may let an event in (IF, shadows, TF, DR7, new events). */
void tcg_recheck(struct Tcg *t);
/** The string instruction at env->rip is left between two of its repetitions, and goes on unless an event comes. */
void tcg_repeat_later(struct Tcg *t);
/** An event waits that the next block edge would serve: long instructions stop early. */
bool tcg_event_due(const struct Tcg *t);
/** Instructions completed before i; makes cpu->insn_count (and with -icount the clock) exact. Before device code. */
void tcg_sync_count(struct Tcg *t, const struct Insn *i);

/** Pseudo-instructions. */
EXEC_FN tcg_exec_fallthrough(CPUX86State *env, const struct Insn *i, struct Tcg *t);
EXEC_FN tcg_exec_stale(CPUX86State *env, const struct Insn *i, struct Tcg *t);
EXEC_FN tcg_exec_lookup(CPUX86State *env, const struct Insn *i, struct Tcg *t);
EXEC_FN tcg_exec_link(CPUX86State *env, const struct Insn *i, struct Tcg *t);
EXEC_FN tcg_exec_edge(CPUX86State *env, const struct Insn *i, struct Tcg *t);
EXEC_FN tcg_exec_break(CPUX86State *env, const struct Insn *i, struct Tcg *t);
EXEC_FN tcg_exec_leave(CPUX86State *env, const struct Insn *i, struct Tcg *t);

#endif
