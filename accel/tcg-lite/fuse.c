/* SPDX-License-Identifier: MIT */
#include "accel/tcg-lite/fuse.h"

#include <stdlib.h>

/** An open-addressed hash of x86_fusions by (first, second). */
struct FuseIndex {
    unsigned mask;
    const struct X86Fusion *slot[];
};

static unsigned slot_of(const struct FuseIndex *index, ExecFn first, ExecFn second) {
    uint64_t h = ((uintptr_t)first * 0x9e3779b97f4a7c15ull) ^ ((uintptr_t)second * 0xc2b2ae3d27d4eb4full);
    return (unsigned)(h >> 32) & index->mask;
}

struct FuseIndex *fuse_index_new(void) {
    unsigned size = 16;
    while (size < 2 * x86_fusion_count)
        size *= 2;
    struct FuseIndex *index = calloc(1, sizeof(*index) + size * sizeof(index->slot[0]));
    if (index == NULL)
        return NULL;
    index->mask = size - 1;
    for (unsigned k = 0; k < x86_fusion_count; k++) {
        unsigned at = slot_of(index, x86_fusions[k].first, x86_fusions[k].second);
        while (index->slot[at] != NULL)
            at = (at + 1) & index->mask;
        index->slot[at] = &x86_fusions[k];
    }
    return index;
}

void fuse_index_free(struct FuseIndex *index) { free(index); }

/** NULL: they are not fused. */
static ExecFn fuse_find(const struct FuseIndex *index, ExecFn first, ExecFn second) {
    for (unsigned at = slot_of(index, first, second); index->slot[at] != NULL; at = (at + 1) & index->mask) {
        if (index->slot[at]->first == first && index->slot[at]->second == second)
            return index->slot[at]->both;
    }
    return NULL;
}

void fuse_pick(const struct FuseIndex *index, struct Insn *insn, unsigned n) {
    for (unsigned k = 0, next; k < n; k = next) {
        ExecFn both;
        for (next = k + 1; next < n && (both = fuse_find(index, insn[k].fn, insn[next].fn)) != NULL; next++)
            insn[k].fn = both;
    }
}
