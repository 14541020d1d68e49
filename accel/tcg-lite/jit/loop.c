/* SPDX-License-Identifier: MIT */
/*
 * Blocks that branch to their own begin. The first round's code is any block's: it begins with nothing pending, and the
 * interpreter may enter it anywhere. Where it takes the branch it goes on in the code of the later rounds, which begins
 * with the state there: flags that follow from registers, vector registers in the host's. So nothing is stored and
 * loaded between rounds. When the later rounds' own branch comes with another state than they begin with, the first
 * round's code is next.
 *
 * All ways to the interpreter lead to the block's instructions, from where it comes back to the first round. The later
 * rounds call nothing that may overwrite the block, and a round begins with a look at what is due, as a block does. So
 * nobody is there when the block becomes stale. Ways to other blocks end in the first round's jumps.
 */
#include "accel/tcg-lite/jit/emit_int.h"

struct EmitState emit_state(const struct Emit *e) {
    struct EmitState s = {e->a.p, e->pending, e->host, e->plain, e->vec_have, e->vec_dirty, {{0}}};
    memcpy(s.look, e->look, sizeof(s.look));
    return s;
}

static bool same_look(const struct Look *a, const struct Look *b) {
    return a->known == b->known && a->write == b->write && a->base == b->base && a->lo == b->lo && a->hi == b->hi;
}

/** Code that was made for s is right for what holds now. */
static bool fits(const struct Emit *e, const struct EmitState *s) {
    for (unsigned k = 0; k < LOOKS; k++)
        if (s->look[k].known && !same_look(&e->look[k], &s->look[k]))
            return false;
    return flags_same_pending(&e->pending, &s->pending) && (s->host & ~e->host) == 0 && s->plain <= e->plain &&
           ((s->vec_have | s->vec_dirty) & ~e->vec_have) == 0 && (e->vec_dirty & ~s->vec_dirty) == 0;
}

bool own_branch_fits(const struct Emit *e, const struct EmitInsn *x) {
    return e->rounds.p != NULL && e->k == e->own.k && x->i->imm == 0 && fits(e, &e->rounds);
}

void own_branch(struct Emit *e, const struct Out *out) {
    if (e->rounds.p != NULL)
        return;
    e->own.known = true;
    e->own.k = e->k;
    e->own.out = (unsigned)(out - e->out);
    e->own.taken = emit_state(e);
}

void emit_entry(struct Emit *e) {
    struct Asm *a = &e->a;
    asm_load(a, 64, TEMP, AT_TCG(icount));
    asm_alu_imm(a, ALU_ADD, 64, rm_reg(TEMP), e->b->count);
    asm_store(a, 64, AT_TCG(icount), TEMP);
    asm_alu(a, ALU_CMP, 64, TEMP, AT_TCG(limit));
    emit_out(e, asm_jcc(a, COND_A), OUT_EDGE)->again = e->rounds.p != NULL;
}

/** As the driver does it; but there is no way into it, and none to anything but its own emitter. */
static bool emit_again(struct Emit *e, const struct EmitInsn *x) {
    e->spoilt = false;
    e->written = 0;
    if (!x->emitter(e, x) || e->a.bad)
        return false;
    if (e->spoilt)
        e->pending.kind = PENDING_NONE;
    look_after(e, x);
    return true;
}

static bool has_emitter(const struct EmitInsn *x) { return x->emitter != NULL && x->emitter != emit_call_exec; }

static bool emit_body(struct Emit *e) {
    for (e->k = 0; e->k < e->n; e->k++) {
        if (!has_emitter(&e->insn[e->k]) || !emit_again(e, &e->insn[e->k]))
            return false;
        if (e->k == e->own.k && fits(e, &e->own.after)) { /* what comes now is there already */
            asm_jmp_to(&e->a, e->own.after.p);
            return true;
        }
    }
    if (e->b->falls)
        emit_falls(e);
    return true;
}

void emit_rounds(struct Emit *e) {
    enum { LEAST = 32 }; /* ways out that are left for what comes */
    unsigned outs = e->outs;
    const struct EmitState *s = &e->own.taken;
    if (s->pending.kind == PENDING_ADX)
        return;
    e->rounds = *s;
    e->rounds.p = e->a.p;
    e->rounds.host = 0;
    e->rounds.plain = false;
    memset(e->rounds.look, 0, sizeof(e->rounds.look));
    e->pending = s->pending;
    e->vec_have = s->vec_have;
    e->vec_dirty = s->vec_dirty;
    e->host = 0;
    e->plain = false;
    e->k = 0;
    memset(e->look, 0, sizeof(e->look));
    e->next_look = 0;
    emit_entry(e);
    if (emit_body(e) && !e->a.bad && e->outs + LEAST < OUT_MAX) {
        e->out[e->own.out].again = true;
        return;
    }
    e->a.p = e->rounds.p;
    e->a.bad = false;
    e->outs = outs;
    e->rounds.p = NULL;
}
