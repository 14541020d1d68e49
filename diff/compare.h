/* SPDX-License-Identifier: MIT */
/** Comparing what two engines made of a case: flags that the table calls undefined do not count; what is left may be
 *  explained. */
#ifndef TWIN86_DIFF_COMPARE_H
#define TWIN86_DIFF_COMPARE_H

#include "diff/fields.h"
#include "diff/run/frame.h"
#include "isa/isa.h"

enum { COMPARE_RANGES = 256, COMPARE_INSNS = 16 };

/** A piece of the memory that a case has: before, and what it became. */
struct CompareRange {
    uint64_t linear;
    unsigned n;
    const uint8_t *before;
    uint8_t *a, *b;
};

/** An instruction of a case. */
struct CompareInsn {
    const struct X86Row *row;
    const struct X86Insn *insn;
    const uint8_t *bytes; /* insn->len of them */
    uint64_t rip;
};

/** Two results of one case. Explanations change them: they must be copies. */
struct Comparison {
    struct CompareInsn insn[COMPARE_INSNS]; /* the first, and what follows it if there are no branches */
    unsigned insns;
    const struct DiffState *in;
    enum DiffMode mode;
    const char *oracle; /* b's engine */
    bool qemu;          /* it is what QEMU emulates: see compare_oracle_is_qemu */
    bool undefined;     /* flags that are undefined count, too */
    bool system;        /* these are there, too */
    struct DiffSystem system_a, system_b;
    struct DiffState a, b; /* a: the software's, b: the hardware's */
    struct CompareRange range[COMPARE_RANGES];
    unsigned ranges;
};

/** Another instruction, behind those that there are. */
static inline void compare_add(struct Comparison *c, const struct X86Row *row, const struct X86Insn *insn,
                               const uint8_t *bytes) {
    uint64_t rip = c->in->rip;
    if (c->insns > 0)
        rip = c->insn[c->insns - 1].rip + c->insn[c->insns - 1].insn->len;
    if (c->insns < COMPARE_INSNS)
        c->insn[c->insns++] = (struct CompareInsn){row, insn, bytes, rip};
}

enum Verdict { SAME, UNDEFINED, EXPLAINED, DIFFERENT };

/**
 * Mask what is undefined and apply explanations; *explained is then the number of one that was needed. What still
 * differs in `c` afterwards is what matters.
 */
enum Verdict compare(struct Comparison *c, unsigned *explained);

/** Whether this engine's results are those of QEMU's emulation of a processor. Takes long (CPUID). */
bool compare_oracle_is_qemu(const char *engine);

/** RFLAGS bits of FB_* bits. */
uint64_t compare_flag_bits(uint8_t fb);

/* ---- explained.c ---- */

/** A known difference between engines and hardware that is no bug of ours. */
struct Explanation {
    const char *name;
    const char *why; /* with the SDM's section, or what was measured */
    /** Make the parts of a and b equal that it explains by this instruction of the case. */
    void (*apply)(struct Comparison *c, const struct CompareInsn *i);
};

extern const struct Explanation explanations[];
extern const unsigned explanation_count;

#endif
