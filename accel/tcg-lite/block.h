/* SPDX-License-Identifier: MIT */
/**
 * The cache of decoded blocks of one vCPU: a hash by physical address and mode, lists by page, and an arena from which
 * blocks are taken until it is full; then all are forgotten at once.
 */
#ifndef TWIN86_TCG_BLOCK_H
#define TWIN86_TCG_BLOCK_H

#include "accel/tcg-lite/tcg.h"

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

/** Counts flushes of the whole cache: pointers to blocks from before are dead. */
uint64_t tcg_blocks_flushes(const struct Tcg *t);

/** Pseudo-instructions (loop.c). */
EXEC_FN tcg_x_fallthrough(CPUX86State *env, const struct Insn *i, struct Tcg *t);
EXEC_FN tcg_x_stale(CPUX86State *env, const struct Insn *i, struct Tcg *t);
EXEC_FN tcg_x_lookup(CPUX86State *env, const struct Insn *i, struct Tcg *t);
EXEC_FN tcg_x_link(CPUX86State *env, const struct Insn *i, struct Tcg *t);
EXEC_FN tcg_x_edge(CPUX86State *env, const struct Insn *i, struct Tcg *t);
EXEC_FN tcg_x_break(CPUX86State *env, const struct Insn *i, struct Tcg *t);
EXEC_FN tcg_x_leave(CPUX86State *env, const struct Insn *i, struct Tcg *t);

#endif
