/* SPDX-License-Identifier: MIT */
/** x86gen: refuses rows that contradict one another. */
#include "isa/gen/gen.h"

#include <string.h>

/** Encodings that a row takes, as sets per dimension; rows overlap where every dimension does. */
enum { DIMS = 8 };
static void dimensions(const struct Row *r, uint64_t d[DIMS]) {
    const struct X86Form *f = &r->form;
    d[0] = f->prefixes;
    d[1] = f->when;
    d[2] = f->rex_b;
    d[3] = f->vex_l;
    d[4] = f->vex_w;
    d[5] = (unsigned)f->mod_mem | (unsigned)f->mod_reg << 1;
    d[6] = 0;
    for (unsigned m = 0; m < 64; m++) /* reg and rm bits */
        if (((m ^ f->modrm_value) & f->modrm_mask) == 0)
            d[6] |= 1ull << m;
    d[7] = f->vendor_side;
}

/** +1: a is a proper part of b, -1: b of a, 0: apart, 2: they collide. */
static int relation(const struct Row *a, const struct Row *b) {
    uint64_t x[DIMS], y[DIMS];
    dimensions(a, x);
    dimensions(b, y);
    if (strcmp(a->rule, b->rule) != 0 && a->rule[0] && b->rule[0]) /* a CPU may be on any side of either */
        x[7] = y[7] = BIT_ANY;
    bool a_in_b = true, b_in_a = true;
    for (int k = 0; k < DIMS; k++) {
        if (!(x[k] & y[k]))
            return 0;
        a_in_b &= (x[k] & ~y[k]) == 0;
        b_in_a &= (y[k] & ~x[k]) == 0;
    }
    return a_in_b && !b_in_a ? 1 : b_in_a && !a_in_b ? -1 : 2;
}

void gen_check_overlaps(struct Gen *g) {
    for (int i = 1; i < g->row_count; i++) {
        for (int j = i + 1; j < g->row_count; j++) {
            const struct Row *a = &g->row[i], *b = &g->row[j];
            if (a->map != b->map || a->last < b->first || b->last < a->first)
                continue;
            if (relation(a, b) == 2)
                gen_error(g, b->line, "%s %s (%s) collides with line %d: %s %s (%s)", b->mnemonic, b->operands,
                          b->opcode, a->line, a->mnemonic, a->operands, a->opcode);
            else if (!(a->form.attr & ATTR_MODRM) != !(b->form.attr & ATTR_MODRM) && relation(a, b) &&
                     (a->form.when & b->form.when))
                gen_error(g, b->line, "%s: has%s ModRM byte, unlike line %d: %s", b->opcode,
                          b->form.attr & ATTR_MODRM ? " a" : " no", a->line, a->opcode);
        }
    }
}
