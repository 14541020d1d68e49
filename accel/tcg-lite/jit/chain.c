/* SPDX-License-Identifier: MIT */
/*
 * Ways from block to block in host code. A direct branch is a jump that leads to code which looks for the target until
 * it is known, then to the target's own code. It is the host's form of the interpreter's link (run/links.h): set when
 * it is taken while the link is known, and taken back with the link (block_unlink). A block that becomes stale keeps
 * jumps that lead to it; its first instruction is overwritten by one that leads away.
 *
 * Only the vCPU's own thread, in C, or another while this one stands still changes code, and never where the vCPU is.
 */
#include "accel/tcg-lite/jit/emit.h"
#include "accel/tcg-lite/run/flow.h"
#include "accel/tcg-lite/run/links.h"

static void put_displacement(uint8_t *at, const uint8_t *target) {
    int32_t d = (int32_t)(target - (at + sizeof(d)));
    memcpy(at, &d, sizeof(d));
}

void chain_install(struct Emit *e) {
    for (unsigned k = 0; k < e->outs; k++) {
        const struct Out *o = &e->out[k];
        if (o->kind != OUT_LINK)
            continue;
        const struct Insn *from = o->k < e->n ? e->insn[o->k].i : &e->b->insn[o->k];
        o->link->jump = o->jump;
        memcpy(&o->link->slow, o->jump, sizeof(o->link->slow));
        o->link->behind = (uint32_t)((uintptr_t)o->link - (uintptr_t)from);
    }
}

void chain_cut(const struct Jit *j, const struct Block *b) {
    uint8_t *code = (uint8_t *)(uintptr_t)b->code - j->code.run;
    code[0] = 0xe9;
    put_displacement(code + 1, b->jit->stale);
}

/* As follow_new in run/loop.c, but for what is due and for faults: those are left to it. */
struct Block *chain_follow(struct Tcg *t, uint64_t rip, struct BlockLink *link) {
    struct Block *b = link->target;
    t->jit->followed++;
    if (b == NULL) {
        if (t->icount >= atomic_load_explicit(&t->limit, memory_order_relaxed))
            return NULL;
        b = tcg_block_known(t, rip, link->hint);
        if (b == NULL)
            return NULL;
        tcg_link(t, (const struct Insn *)((uintptr_t)link - link->behind), link, b);
    }
    if (b->code != t->jit->no_code && link->target == b)
        put_displacement(link->jump, (const uint8_t *)b->code - t->jit->code.run);
    return b;
}

/* As lookup in run/loop.c, likewise. */
struct Block *chain_find(struct Tcg *t, uint64_t rip) {
    t->jit->found++;
    if (t->icount >= atomic_load_explicit(&t->limit, memory_order_relaxed))
        return NULL;
    struct JumpCacheEntry *e = &t->jump_cache[tcg_jump_index(rip)];
    uint64_t flushes = tcg_blocks_flushes(t);
    struct Block *b = tcg_block_known(t, rip, e->rip == rip && e->flushes == flushes ? e->block : NULL);
    if (b != NULL && b->cached)
        *e = (struct JumpCacheEntry){.rip = rip, .key = t->mode_key, .block = b, .flushes = flushes};
    return b;
}
