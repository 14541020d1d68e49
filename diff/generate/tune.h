/* SPDX-License-Identifier: MIT */
/**
 * What instructions need beyond random operands: addresses that lead to memory, branch targets that are pads, divisors
 * that fit, images that can be restored. Without it most cases would fault.
 */
#ifndef TWIN86_DIFF_TUNE_H
#define TWIN86_DIFF_TUNE_H

#include "diff/generate/generate.h"

/** A case in the making. */
struct Tune {
    struct DiffRng *r;
    struct GenBatch *b;
    struct DiffState *s;
    struct GenGroup *q;
    struct DiffInsn *insn; /* one of the group's, and where it lies */
    uint64_t at;
    const struct DiffEncode *e;
    const struct X86Form *form;
    const struct X86Row *row;
    uint64_t window, target;  /* GEN_WINDOW bytes, and where in them the memory operand shall lie */
    uint64_t base[SEG_COUNT]; /* of segments, but for FS and GS */
    unsigned cpl;
    const CPUX86State *env; /* what cases start from */
    uint64_t own;           /* the case's plain window: `window`, unless that is at an edge */
};

/** False: this encoding is one of another instruction on CPUs that have more features than the model. */
bool tune_allowed(const struct DiffEncode *e, const struct DiffInsn *i, bool system);

/** VEX.L of an instruction that has a VEX prefix. */
bool tune_vex_l(const uint8_t *bytes);

/** Settle what the bytes of an instruction at `at` say: branch displacements, frame sizes. Changes bytes, not the
 *  length. */
void tune_code(struct DiffRng *r, const struct DiffEncode *e, const struct GenGroup *q, struct DiffInsn *i,
               uint64_t at);

/** Settle registers and memory of one case as t->insn wants them, but for its memory operand; may move t->target. */
void tune_case(struct Tune *t);
/** Aim its memory operand at t->target: by a register that is not in `*fixed` (bit by number), which grows. */
void tune_aim(struct Tune *t, uint16_t *fixed);

/** What a sequence must know of an instruction: registers that it may change, and that address memory (bit by number;
 *  both more rather than less). */
struct TuneUse {
    uint16_t changed, address;
};
struct TuneUse tune_use(const struct DiffInsn *i);
/** Whether it may follow others: what it needs to make sense are no registers or memory that they may have changed. */
bool tune_follows(const struct DiffInsn *i);
/** Whether others may follow it, who see all that it has written. */
bool tune_leads(const struct DiffInsn *i);

/** Write to the case's memory as it is before the run; what lies outside of its windows is left out. */
void tune_poke(struct Tune *t, uint64_t linear, const void *bytes, unsigned n);

/* ---- tune_system.c: MOV to control and debug registers, selectors, tables, MSRs ... ---- */

void tune_control_register(struct Tune *t);
void tune_debug_register(struct Tune *t);
void tune_selector(struct Tune *t);
void tune_pop_selector(struct Tune *t);
void tune_load_far(struct Tune *t);
void tune_table(struct Tune *t);
void tune_msr(struct Tune *t);
void tune_xsetbv(struct Tune *t);
void tune_invpcid(struct Tune *t);
void tune_lmsw(struct Tune *t);

#endif
