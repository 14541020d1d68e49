/* SPDX-License-Identifier: MIT */
#include "diff/compare.h"

#include <string.h>

uint64_t compare_flag_bits(uint8_t fb) {
    static const uint16_t bits[6] = {FLAG_CF, FLAG_PF, FLAG_AF, FLAG_ZF, FLAG_SF, FLAG_OF}; /* in the order of FB_* */
    uint64_t v = 0;
    for (unsigned k = 0; k < 6; k++)
        if (fb >> k & 1)
            v |= bits[k];
    return v;
}

static bool equal(const struct Comparison *c) {
    for (unsigned k = 0; k < c->ranges; k++)
        if (memcmp(c->range[k].a, c->range[k].b, c->range[k].n))
            return false;
    return diff_state_equal(&c->a, &c->b);
}

enum Verdict compare(struct Comparison *c, unsigned *explained) {
    if (equal(c))
        return SAME;
    if (c->a.vector == DIFF_NO_FAULT) {
        uint64_t undefined = compare_flag_bits(c->row->flags_undefined);
        c->a.rflags &= ~undefined;
        c->b.rflags &= ~undefined;
        if (equal(c))
            return UNDEFINED;
    }
    for (unsigned k = 0; k < explanation_count; k++) {
        explanations[k].apply(c);
        *explained = k;
        if (equal(c))
            return EXPLAINED;
    }
    return DIFFERENT;
}
