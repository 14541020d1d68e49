/* SPDX-License-Identifier: MIT */
/**
 * The cache of decoded blocks of one vCPU: a hash by physical address and mode, lists by page, and an arena in segments
 * that are filled one after the other. When these are full the arena grows, or the blocks of the oldest are forgotten.
 */
#ifndef TWIN86_TCG_BLOCK_H
#define TWIN86_TCG_BLOCK_H

#include "accel/tcg-lite/run/tcg.h"

#include <stdio.h>

/** Where a direct branch goes (links.h). */
struct BlockLink {
    struct Block *target; /* NULL: not known, or perhaps no longer true */
    struct Block *hint;   /* where it went last */
    /* the same in host code (jit/chain.c): */
    uint8_t *jump;   /* the displacement of its jump, which leads to the target's code, or, by `slow`, to the */
    int32_t slow;    /* code that looks for it; NULL: there is none */
    uint32_t behind; /* bytes from the branch's struct Insn to here */
};

/** A run of decoded instructions within one physical page (the last may reach into the next page). */
struct Block {
    /* what finding and entering it needs, in one cache line: */
    const void *code; /* host code that other host code goes on in (jit.h); NULL: nothing is translated */
    uint64_t phys;    /* physical address of the first byte */
    struct Block *hash_next;
    uint64_t phys_next; /* physical page of the bytes that reach into the next page, if any */
    uint32_t mode;
    uint16_t bytes;
    uint8_t count;        /* guest instructions */
    uint8_t exits;        /* conditional branches */
    struct JitBlock *jit; /* what the translator knows of it, or NULL */
    ExecFn first;         /* the exec function behind the hook of the first instruction: theirs, or the translator's */
    uint32_t heat;        /* so often was it entered, as long as it is not translated */
    bool stale;           /* its bytes were overwritten */
    bool falls;           /* the last instruction is not the end of the block by itself */
    bool cached;          /* it can be found again */
    struct Block *page_next[2]; /* other blocks that have bytes in the page of phys, in phys_next */
    uint32_t extra_at;          /* what observers want to know is so many bytes from here (watch.h), or 0 */
    /* count of them, then, if it falls, a pseudo-instruction that leads on; then struct BlockLink: the last
     * instruction's, [0] not taken or fall through, [1] taken, and one for each conditional branch, taken */
    struct Insn insn[] __attribute__((aligned(32)));
};

_Static_assert(__builtin_offsetof(struct Block, page_next) == 64, "the first cache line");

#define BLOCK_NO_PAGE UINT64_MAX /* Block.phys_next: there is none */
enum { BLOCK_MAX_INSNS = 112, BLOCK_MAX_EXITS = 8 };
/* struct Insn.exit_link of the first instruction: over all of them, the pseudo-instruction and the other links */
_Static_assert((BLOCK_MAX_INSNS + 1) * (sizeof(struct Insn) / sizeof(struct BlockLink)) + 2 + BLOCK_MAX_EXITS <=
                   UINT8_MAX,
               "a link that the first instruction can't reach");

ALWAYS_INLINE struct Block *block_of(const struct Insn *i) {
    return (struct Block *)((uintptr_t)(i - i->idx) - __builtin_offsetof(struct Block, insn));
}

/** The way is no longer known. */
ALWAYS_INLINE void block_unlink(struct BlockLink *link) {
    link->target = NULL;
    if (link->jump != NULL && memcmp(link->jump, &link->slow, sizeof(link->slow)) != 0)
        memcpy(link->jump, &link->slow, sizeof(link->slow));
}

struct TcgDecoded;
/** What only the block builder knows of an instruction: positions. False: it must begin a block of its own. */
bool tcg_block_place(struct TcgDecoded *d, unsigned off, unsigned idx);

/** NULL: no memory. */
struct BlockCache *tcg_blocks_new(size_t arena_bytes);
void tcg_blocks_free(struct BlockCache *c);

/**
 * The block at env->rip (exact, t->insn NULL) for `mode`, decoded now if need be; faults if the fetch faults. With
 * MODE_STEP in `mode` it holds one instruction. `hint` (or NULL): perhaps this one.
 */
struct Block *tcg_block_find(struct Tcg *t, uint32_t mode, struct Block *hint);

/** The block at `rip`, if there is one already, and fetching from there does not fault; else NULL. */
struct Block *tcg_block_known(struct Tcg *t, uint64_t rip, struct Block *hint);

/** Forget all blocks (when nothing runs in them). */
void tcg_blocks_flush(struct Tcg *t);
/** Bytes in a code page were (or are about to be) written: blocks there become stale, the page is data again. */
void tcg_code_written(struct Tcg *t, uint64_t phys, uint64_t size);
/** The same, by another thread: done at the next edge, by tcg_code_serve for CPU_EVENT_CODE. Any thread. */
void tcg_code_announce(struct Tcg *t, uint64_t phys, uint64_t size);
/** Where nobody has said what was written everything is forgotten. When nothing runs in blocks. */
void tcg_code_serve(struct Tcg *t);
/** The same for a store of the vCPU's own, within a page whose Region.page_code is `map`: what other vCPUs have decoded
 *  of it becomes stale, too, before the store is over. */
void tcg_code_stored(struct Tcg *t, uint64_t *map, uint64_t phys, uint64_t size);
/** Within a page: blocks become stale. True: the page still has some. While the vCPU does not run. */
bool tcg_code_forget(struct Tcg *t, uint64_t phys, uint64_t size);

/** Let the block of i end behind i this once, where something is due: what follows is looked up anew. For accesses to
 *  devices in the middle of a block. */
void tcg_block_cut(struct Tcg *t, const struct Insn *i);
/** The block that tcg_block_cut has cut, if any, has been left: it is whole again. */
void tcg_block_mend(struct Tcg *t);

/** Blocks with bytes at an offset within a page whose bit in `map` is set become stale. */
void tcg_blocks_cut_at(struct Tcg *t, const uint64_t map[64]);

/** Counts how often blocks were forgotten to get their memory back: pointers to blocks from before are dead. */
uint64_t tcg_blocks_flushes(const struct Tcg *t);

/** AccelLookOps.describe. */
void tcg_describe(const void *engine, char *buf, size_t n);
/** AccelLookOps.translator. */
void tcg_info(const void *engine, FILE *f);

/** The links of b: two of its last instruction, then one for each conditional branch. */
ALWAYS_INLINE struct BlockLink *block_links(struct Block *b) {
    return (struct BlockLink *)&b->insn[b->count + b->falls];
}

#endif
