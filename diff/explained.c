/* SPDX-License-Identifier: MIT */
/*
 * Differences between tcg-lite and hardware that are no bugs: each with the SDM's section or what was measured. The
 * report counts them by name. Flags that the SDM leaves undefined are in x86.tab, not here.
 */
#include "accel/tcg-lite/mem.h"
#include "diff/compare.h"

#include <string.h>

static bool is(const struct Comparison *c, const char *mnemonic) { return !strcmp(c->row->mnemonic, mnemonic); }

/** Linear address of the memory operand. */
static uint64_t operand(const struct Comparison *c) {
    CPUX86State env = {.rip = c->in->rip};
    memcpy(env.gpr, c->in->gpr, sizeof(env.gpr));
    uint64_t base = c->insn->seg == SEG_FS ? c->in->fs_base : c->insn->seg == SEG_GS ? c->in->gs_base : 0;
    return base + ea_offset(&env, c->insn);
}

static void forget_memory(struct Comparison *c, uint64_t linear, unsigned n) {
    for (unsigned k = 0; k < c->ranges; k++) {
        struct CompareRange *m = &c->range[k];
        for (unsigned j = 0; j < n; j++)
            if (linear + j - m->linear < m->n)
                m->a[linear + j - m->linear] = m->b[linear + j - m->linear];
    }
}

static bool saves_x87(const struct Comparison *c) {
    return is(c, "FXSAVE") || is(c, "XSAVE") || is(c, "XSAVEOPT") || is(c, "XSAVEC");
}

static void mxcsr_mask(struct Comparison *c) {
    if (saves_x87(c))
        forget_memory(c, operand(c) + FXSAVE_MXCSR_MASK, 4);
}

static void pointers_not_stored(struct Comparison *c) {
    if (saves_x87(c) && !(diff_get16(c->in->fx + FXSAVE_FSW) & 0x80)) {
        forget_memory(c, operand(c) + FXSAVE_FOP, 2);
        forget_memory(c, operand(c) + FXSAVE_FIP, 16);
    }
}

/** Where they are in DiffState. */
static bool no_pointers(const struct DiffState *s) {
    return diff_get16(s->fx + FXSAVE_FOP) == 0 && diff_get64(s->fx + FXSAVE_FIP) == 0 &&
           diff_get64(s->fx + FXSAVE_FDP) == 0;
}

static void pointers_lost(struct Comparison *c) {
    if (no_pointers(&c->b)) {
        memset(c->a.fx + FXSAVE_FOP, 0, 2);
        memset(c->a.fx + FXSAVE_FIP, 0, 16);
    }
    if (diff_get64(c->b.fx + FXSAVE_FDP) == 0)
        memset(c->a.fx + FXSAVE_FDP, 0, 8);
}

const struct Explanation explanations[] = {
    {"mxcsr-mask", "FXSAVE and XSAVE store MXCSR_MASK, which is the processor's own (SDM vol. 1, 11.6.6)", mxcsr_mask},
    {"x87-pointers-not-stored",
     "AMD: FXSAVE and XSAVE store FOP, FIP and FDP only while an exception is pending (APM vol. 2, 11.4.4; measured)",
     pointers_not_stored},
    {"x87-pointers-lost",
     "for the same reason the host's kernel loses them when it switches tasks: all three are 0 (measured)",
     pointers_lost},
};
const unsigned explanation_count = sizeof(explanations) / sizeof(explanations[0]);
