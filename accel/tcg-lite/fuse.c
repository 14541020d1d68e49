/* SPDX-License-Identifier: MIT */
#include "accel/tcg-lite/fuse.h"
#include "accel/tcg-lite/tcg.h"

#include <stdlib.h>

/** A hash of x86_fusions by their first two functions; chains of indices + 1. */
struct FuseIndex {
    unsigned mask;
    unsigned *next;
    unsigned slot[];
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
    unsigned *next = calloc(x86_fusion_count, sizeof(*next));
    if (index == NULL || next == NULL) {
        free(index);
        free(next);
        return NULL;
    }
    index->mask = size - 1;
    index->next = next;
    for (unsigned k = 0; k < x86_fusion_count; k++) {
        unsigned *slot = &index->slot[slot_of(index, x86_fusions[k].fn[0], x86_fusions[k].fn[1])];
        next[k] = *slot;
        *slot = k + 1;
    }
    return index;
}

void fuse_index_free(struct FuseIndex *index) {
    if (index != NULL)
        free(index->next);
    free(index);
}

static bool fits(const struct X86Fusion *f, const struct Insn *insn, unsigned n) {
    if (f->count > n)
        return false;
    for (unsigned k = 0; k < f->count; k++)
        if (insn[k].fn != f->fn[k])
            return false;
    for (unsigned k = 0; k < f->same_count; k++) {
        const uint8_t *a = (const uint8_t *)&insn[f->same[k].insn[0]], *b = (const uint8_t *)&insn[f->same[k].insn[1]];
        if (a[f->same[k].field[0]] != b[f->same[k].field[1]])
            return false;
    }
    return true;
}

void fuse_pick(const struct FuseIndex *index, struct Insn *insn, unsigned n) {
    enum { JUMP = 2 * FUSE_SAME_MAX }; /* what a jump costs when an equality saves 1 */
    int cost[BLOCK_MAX_INSNS + 1] = {0};
    const struct X86Fusion *pick[BLOCK_MAX_INSNS] = {0};

    for (unsigned k = n; k-- > 0;) {
        cost[k] = cost[k + 1] + JUMP;
        if (k + 1 == n)
            continue;
        for (unsigned at = index->slot[slot_of(index, insn[k].fn, insn[k + 1].fn)]; at != 0; at = index->next[at - 1]) {
            const struct X86Fusion *f = &x86_fusions[at - 1];
            if (cost[k + f->count < n ? k + f->count : n] + JUMP - f->same_count >= cost[k] ||
                !fits(f, insn + k, n - k))
                continue;
            cost[k] = cost[k + f->count] + JUMP - f->same_count;
            pick[k] = f;
        }
    }
    for (unsigned k = 0; k < n; k += pick[k] != NULL ? pick[k]->count : 1) {
        if (pick[k] != NULL)
            insn[k].fn = pick[k]->all;
    }
}
