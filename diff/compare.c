/* SPDX-License-Identifier: MIT */
#include "diff/compare.h"

#include "diff/diff.h"

#include <string.h>

uint64_t compare_flag_bits(uint8_t fb) {
    static const uint16_t bits[6] = {FLAG_CF, FLAG_PF, FLAG_AF, FLAG_ZF, FLAG_SF, FLAG_OF}; /* in the order of FB_* */
    uint64_t v = 0;
    for (unsigned k = 0; k < 6; k++)
        if (fb >> k & 1)
            v |= bits[k];
    return v;
}

bool compare_oracle_is_qemu(const char *engine) {
    return (!strcmp(engine, "kvm") || !strcmp(engine, "host")) && diff_host_is_qemu();
}

static bool equal(const struct Comparison *c) {
    for (unsigned k = 0; k < c->ranges; k++)
        if (memcmp(c->range[k].a, c->range[k].b, c->range[k].n))
            return false;
    if (c->system && memcmp(&c->system_a, &c->system_b, sizeof(c->system_a)) != 0)
        return false;
    return diff_state_equal(&c->a, &c->b);
}

enum Verdict compare(struct Comparison *c, unsigned *explained) {
    if (equal(c))
        return SAME;
    /* #DB: a trap. A fault elsewhere is the next instruction's, beyond the segment's limit */
    bool ends = c->a.vector == DIFF_NO_FAULT || c->a.vector == VEC_DB || c->a.rip != c->insn[0].rip || c->insns > 1;
    if (ends && !c->undefined) {
        uint64_t undefined = 0;
        for (unsigned k = 0; k < c->insns; k++)
            undefined |= compare_flag_bits(c->insn[k].row->flags_undefined);
        c->a.rflags &= ~undefined;
        c->b.rflags &= ~undefined;
        if (equal(c))
            return UNDEFINED;
    }
    for (unsigned k = 0; k < explanation_count; k++)
        for (unsigned n = 0; n < c->insns; n++) {
            explanations[k].apply(c, &c->insn[n]);
            *explained = k;
            if (equal(c))
                return EXPLAINED;
        }
    return DIFFERENT;
}
