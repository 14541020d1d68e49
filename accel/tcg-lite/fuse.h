/* SPDX-License-Identifier: MIT */
/**
 * Frequent sequences of instructions that one exec function does (fuse.tab). Their struct Insn stay as they are, one by
 * one: only the first one's function is another, which goes through all of them.
 */
#ifndef TWIN86_TCG_FUSE_H
#define TWIN86_TCG_FUSE_H

#include "accel/tcg-lite/insn.h"

#include <stdbool.h>

enum { FUSE_MAX = 6, FUSE_SAME_MAX = 12 }; /* instructions, equalities */

/** Instructions with the functions fn[0] ... are done by `all`, if certain fields of theirs are equal: bytes at `field`
 *  in the struct Insn number `insn`. */
struct X86Fusion {
    ExecFn all;
    uint8_t count, same_count;
    ExecFn fn[FUSE_MAX];
    struct {
        uint8_t insn[2], field[2];
    } same[FUSE_SAME_MAX];
};
extern const struct X86Fusion x86_fusions[];
extern const unsigned x86_fusion_count;

struct FuseIndex;

/** NULL when out of memory. */
struct FuseIndex *fuse_index_new(void);
void fuse_index_free(struct FuseIndex *index);
/** Put fused functions into a block's n instructions: those that leave the fewest jumps and know the most of each. */
void fuse_pick(const struct FuseIndex *index, struct Insn *insn, unsigned n);

#endif
