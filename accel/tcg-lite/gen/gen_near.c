/* SPDX-License-Identifier: MIT */
/** x86gen: which memory accesses of a sequence are likely to meet in a page (struct PageNear in fused.h). */
#include "accel/tcg-lite/gen/gen_fuse.h"

#include <string.h>

enum { FUSE_SP = FUSE_FIXED + 4 };

/** The register at which the address of n's memory operand begins; FUSE_NONE: there is none, or that says little. */
static uint8_t base_of(const struct Gen *g, const struct Fused *f, int n) {
    uint8_t base = FUSE_NONE;
    if (!strcmp(gen_fn_row(g, f->fn[n])->shape, "lea"))
        return FUSE_NONE;
    for (int k = 0; k < f->use_count; k++) {
        if (f->use[k].insn != n)
            continue;
        if (f->use[k].field == FIELD_BASE && f->use[k].name < FUSE_VECTOR)
            base = f->use[k].name;
        else if (f->use[k].field == FIELD_INDEX && f->use[k].name != FUSE_NONE)
            return FUSE_NONE;
    }
    return base;
}

/** Instruction n moves a register to somewhere else entirely: not by a push or by adding a constant. */
static bool moves(const struct Gen *g, const struct Fused *f, int n, uint8_t name) {
    struct GenUse field[GEN_FIELDS_MAX];
    int fields = gen_fn_fields(g, f->fn[n], field), at = 0;
    const struct Row *r = gen_fn_row(g, f->fn[n]);
    if (gen_fn_exit(g, f->fn[n]))
        return false;
    if (!gen_fn_local(g, f->fn[n]))
        return true;
    if (!strcmp(r->shape, "rmw_imm") && (!strcmp(r->kernel, "add") || !strcmp(r->kernel, "sub")))
        return false;
    bool fixed = name >= FUSE_FIXED && name < FUSE_VECTOR && !(name == FUSE_SP && gen_fn_stack(g, f->fn[n]));
    if (fixed && (gen_fn_implicit_written(g, f->fn[n]) >> (name - FUSE_FIXED) & 1))
        return true;
    while (at < f->use_count && f->use[at].insn != n)
        at++;
    for (int k = 0; k < fields && at + k < f->use_count; k++)
        if (field[k].written && f->use[at + k].name == name)
            return true;
    return false;
}

/** The last access before instruction n's that begins at the same register; NULL: none. */
static const char *last(const struct Gen *g, const struct Fused *f, int n, uint8_t base, int *insn) {
    for (int k = n - 1; base != FUSE_NONE && k >= 0 && !moves(g, f, k, base); k--) {
        *insn = k;
        if (base_of(g, f, k) == base)
            return "operand";
        if (base == FUSE_SP && gen_fn_stack(g, f->fn[k]))
            return "stack";
    }
    return NULL;
}

void gen_near(const struct Gen *g, FILE *o, const struct Fused *f, int n) {
    int k;
    const char *field = last(g, f, n, base_of(g, f, n), &k);
    if (field != NULL)
        fprintf(o, "    i%d.operand = i%d.%s;\n", n, k, field);
    field = gen_fn_stack(g, f->fn[n]) ? last(g, f, n, FUSE_SP, &k) : NULL;
    if (field != NULL)
        fprintf(o, "    i%d.stack = i%d.%s;\n", n, k, field);
}
