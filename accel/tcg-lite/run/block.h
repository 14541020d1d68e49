/* SPDX-License-Identifier: MIT */
/**
 * The cache of decoded blocks of one vCPU: a hash by physical address and mode, lists by page, and an arena in eight
 * segments that are filled one after the other. When all are full, the blocks of the oldest are forgotten.
 */
#ifndef TWIN86_TCG_BLOCK_H
#define TWIN86_TCG_BLOCK_H

#include "accel/tcg-lite/run/tcg.h"

/** NULL: no memory. */
struct BlockCache *tcg_blocks_new(size_t arena_bytes);
void tcg_blocks_free(struct BlockCache *c);

/**
 * The block at env->rip (exact, t->insn NULL) for `mode`, decoded now if need be; faults if the fetch faults. With
 * MODE_STEP in `mode` it holds one instruction. `hint` (or NULL): perhaps this one.
 */
struct Block *tcg_block_find(struct Tcg *t, uint32_t mode, struct Block *hint);

/** Let the block of i end behind i, where something is due: what follows is looked up anew. For accesses to devices in
 *  the middle of a block. */
void tcg_block_cut(struct Tcg *t, const struct Insn *i);

/** Blocks with bytes at an offset within a page whose bit in `map` is set become stale. */
void tcg_blocks_cut_at(struct Tcg *t, const uint64_t map[64]);

/** Counts how often blocks were forgotten to get their memory back: pointers to blocks from before are dead. */
uint64_t tcg_blocks_flushes(const struct Tcg *t);

/** AccelOps.describe. */
void tcg_describe(const void *engine, char *buf, size_t n);

/** The links of b: two of its last instruction, then one for each conditional branch. */
ALWAYS_INLINE struct BlockLink *block_links(struct Block *b) {
    return (struct BlockLink *)&b->insn[b->count + b->falls];
}

/** Pseudo-instructions (loop.c). */
EXEC_FN tcg_x_fallthrough(CPUX86State *env, const struct Insn *i, struct Tcg *t);
EXEC_FN tcg_x_stale(CPUX86State *env, const struct Insn *i, struct Tcg *t);
EXEC_FN tcg_x_lookup(CPUX86State *env, const struct Insn *i, struct Tcg *t);
EXEC_FN tcg_x_link(CPUX86State *env, const struct Insn *i, struct Tcg *t);
EXEC_FN tcg_x_edge(CPUX86State *env, const struct Insn *i, struct Tcg *t);
EXEC_FN tcg_x_break(CPUX86State *env, const struct Insn *i, struct Tcg *t);
EXEC_FN tcg_x_leave(CPUX86State *env, const struct Insn *i, struct Tcg *t);

#endif
