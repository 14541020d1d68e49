/* SPDX-License-Identifier: MIT */
/**
 * x86gen: when a sequence's function stores guest registers and flags.
 *
 * What is written for the last time is stored at once: it has to be some time, and then its variable is free. What is
 * written again later in the sequence waits, and is stored only on ways out: a branch that is taken, the slow path of a
 * memory access, which may fault. A loop stores only there, and before an instruction that works on the guest's state.
 */
#include "accel/tcg-lite/gen/gen_fuse.h"

bool gen_fuse_foreign(const struct Gen *g, const struct Fused *f, int n) {
    return !gen_fn_local(g, f->fn[n]) && !gen_fn_exit(g, f->fn[n]);
}

static struct Dirty join(struct Dirty a, struct Dirty b) {
    return (struct Dirty){a.gpr | b.gpr, a.vector | b.vector, a.cc || b.cc};
}
static struct Dirty without(struct Dirty a, struct Dirty b) {
    return (struct Dirty){a.gpr & (uint16_t)~b.gpr, a.vector & (uint16_t)~b.vector, a.cc && !b.cc};
}

/** What instruction n, which is not foreign, writes. */
static struct Dirty written(const struct Gen *g, const struct Fused *f, int n) {
    struct Dirty d = {0};
    if (gen_fn_exit(g, f->fn[n]))
        return d;
    d.cc = gen_fn_flags(g, f->fn[n]);
    if (f->use_count == 0)
        return d;
    struct GenUse field[GEN_FIELDS_MAX];
    int fields = gen_fn_fields(g, f->fn[n], field), at = 0;
    uint16_t implicit = gen_fuse_implicit(g, f);
    while (at < f->use_count && f->use[at].insn != n)
        at++;
    for (int k = 0; k < fields; k++)
        if (field[k].written)
            *(field[k].vector ? &d.vector : &d.gpr) |= (uint16_t)(1 << gen_fuse_slot(f->use[at + k].name, implicit));
    d.gpr |= gen_fn_implicit_written(g, f->fn[n]);
    return d;
}

void gen_dirty(const struct Gen *g, const struct Fused *f, bool loop, struct DirtyPlan *plan) {
    struct Dirty all = {0}, again = {0}; /* what is written at all; what later instructions will write */
    *plan = (struct DirtyPlan){0};
    for (int n = f->count - 1; n >= 0; n--) {
        if (gen_fuse_foreign(g, f, n)) {
            again = (struct Dirty){0};
            continue;
        }
        struct Dirty d = written(g, f, n);
        plan->store[n] = loop ? (struct Dirty){0} : without(d, again);
        again = join(again, d);
        all = join(all, d);
    }
    for (int n = 0; n < f->count; n++) {
        if (loop) {
            plan->before[n] = plan->behind[n] = all; /* the first time round that stores what has just been read */
            continue;
        }
        if (n > 0)
            plan->before[n] = without(plan->behind[n - 1], plan->store[n - 1]);
        if (!gen_fuse_foreign(g, f, n))
            plan->behind[n] = join(plan->before[n], written(g, f, n));
    }
}
