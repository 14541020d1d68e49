/* SPDX-License-Identifier: MIT */
/**
 * From one block to the next, as exec functions do it: without a call, as long as the way is known (links.h).
 */
#ifndef TWIN86_TCG_FLOW_H
#define TWIN86_TCG_FLOW_H

#include "accel/tcg-lite/run/block.h"

/** RIP after instruction i, wrapped to the code size (64-bit code has no wrap). */
ALWAYS_INLINE uint64_t tcg_next_rip(const struct Tcg *t, const struct Insn *i) {
    uint64_t next = t->env->rip + i->off + i->len;
    return (t->mode & MODE_CODE) == MODE_CODE64 ? next : (uint32_t)next;
}
ALWAYS_INLINE uint64_t tcg_this_rip(const struct Tcg *t, const struct Insn *i) {
    uint64_t rip = t->env->rip + i->off;
    return (t->mode & MODE_CODE) == MODE_CODE64 ? rip : (uint32_t)rip;
}

/** The links of i, the last in its block. */
ALWAYS_INLINE struct BlockLink *tcg_links(const struct Insn *i) { return (struct BlockLink *)(uintptr_t)(i + 1); }
/** The link of conditional branch i. */
ALWAYS_INLINE struct BlockLink *tcg_exit_link(const struct Insn *i) {
    return (struct BlockLink *)(uintptr_t)i + i->exit_link;
}

/** Go on at block b (env->rip already holds its RIP). */
ALWAYS_INLINE const struct Insn *tcg_enter(struct Tcg *t, struct Block *b) {
    t->icount += b->count;
    if (UNLIKELY(t->icount > atomic_load_explicit(&t->limit, memory_order_relaxed))) {
        t->slow_block = b;
        return &t->edge;
    }
    return b->insn;
}

/** Go on at env->rip through the link of i, which changes nothing that decoding or translation depends on. */
ALWAYS_INLINE const struct Insn *tcg_follow(struct Tcg *t, const struct Insn *i, struct BlockLink *link) {
    struct Block *b = link->target;
    if (LIKELY(b != NULL))
        return tcg_enter(t, b);
    t->slow_branch = i;
    t->slow_link = link;
    return &t->link;
}

ALWAYS_INLINE unsigned tcg_jump_index(uint64_t rip) { return (rip ^ (rip >> JUMP_CACHE_BITS)) & (JUMP_CACHE_SIZE - 1); }

/** The block where an indirect branch to `rip` was seen to go, or NULL. That one is known means that rip is canonical
 * and within CS.limit. */
ALWAYS_INLINE struct Block *tcg_jump_cached(const struct Tcg *t, uint64_t rip) {
    const struct JumpCacheEntry *e = &t->jump_cache[tcg_jump_index(rip)];
    if (UNLIKELY(e->rip != rip || e->key != t->mode_key))
        return NULL;
    if (e->block == NULL)
        __builtin_unreachable();
    return e->block;
}

/** Go on at env->rip, to which tcg_jump_cached has given `b`. */
ALWAYS_INLINE const struct Insn *tcg_indirect(struct Tcg *t, struct Block *b) {
    return LIKELY(b != NULL) ? tcg_enter(t, b) : &t->lookup;
}

#endif
