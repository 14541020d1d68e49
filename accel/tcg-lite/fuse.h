/* SPDX-License-Identifier: MIT */
/**
 * Frequent sequences of instructions that one exec function does (fuse.tab). Their struct Insn stay as they are, one by
 * one: only the first one's function is another, which goes through all of them.
 */
#ifndef TWIN86_TCG_FUSE_H
#define TWIN86_TCG_FUSE_H

#include "accel/tcg-lite/insn.h"

#include <stdbool.h>

/** `first` (a function that may be fused itself), then `second`, are done by `both`. */
struct X86Fusion {
    ExecFn first, second, both;
};
extern const struct X86Fusion x86_fusions[];
extern const unsigned x86_fusion_count;

struct FuseIndex;

/** NULL when out of memory. */
struct FuseIndex *fuse_index_new(void);
void fuse_index_free(struct FuseIndex *index);
/** Put fused functions into a block's n instructions, longest sequences first come. */
void fuse_pick(const struct FuseIndex *index, struct Insn *insn, unsigned n);

#endif
