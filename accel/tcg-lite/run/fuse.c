/* SPDX-License-Identifier: MIT */
#include "accel/tcg-lite/run/fuse.h"
#include "accel/tcg-lite/run/block.h"
#include "accel/tcg-lite/run/tcg.h"

#include <stdlib.h>
#include <string.h>

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

static bool registers_fit(const struct X86Fusion *f, const struct Insn *insn) {
    uint8_t bound[FUSE_NONE];
    uint32_t taken = f->fixed;

    memset(bound, 0xff, sizeof(bound));
    for (unsigned k = 0; k < f->use_count; k++) {
        const struct X86FusionUse *u = &f->use[k];
        uint8_t v = ((const uint8_t *)&insn[u->insn])[u->field];
        if (u->name >= FUSE_NONE) {
            if (v != (u->name == FUSE_NONE ? INSN_REG_NONE : INSN_REG_RIP))
                return false;
            continue;
        }
        if (u->name < FUSE_VECTOR && ((v & 7) != u->high || (v >>= 3) >= REG_COUNT))
            return false;
        if (u->name >= FUSE_FIXED && u->name < FUSE_VECTOR) {
            if (v != u->name - FUSE_FIXED)
                return false;
            continue;
        }
        if (bound[u->name] == v)
            continue;
        if (bound[u->name] != 0xff || v >= REG_COUNT)
            return false;
        uint32_t bit = 1u << (u->name < FUSE_VECTOR ? v : v + REG_COUNT);
        if (taken & bit)
            return false;
        bound[u->name] = v;
        taken |= bit;
    }
    return true;
}

static bool fits(const struct X86Fusion *f, const struct Insn *insn, unsigned n) {
    if (f->count > n)
        return false;
    for (unsigned k = 0; k < f->count; k++)
        if (insn[k].fn != f->fn[k])
            return false;
    return registers_fit(f, insn);
}

/** In a sequence that knows its registers an instruction costs less. Next to what a loop saves nothing counts. */
enum { COST_JUMP = 8, COST_INSN = 2, COST_INSN_NAMED = 1, COST_LOOP = -BLOCK_MAX_INSNS * (COST_JUMP + COST_INSN) };

void fuse_put(const struct X86Fusion *f, struct Insn *insn) {
    struct Insn old[FUSE_MAX];
    memcpy(old, insn, f->count * sizeof(*insn));
    for (unsigned k = 0; k < f->move_count; k++)
        memcpy((uint8_t *)insn + f->move[k].to, (const uint8_t *)old + f->move[k].from, f->move[k].size);
    insn->fn = f->all;
}

/** The block's first instructions, which it begins anew with the last of them. */
static bool is_loop(const struct X86Fusion *f, const struct Insn *insn) {
    return f->loop != NULL && insn->off == 0 && insn[f->count - 1].imm == 0;
}

bool fuse_put_loop(const struct X86Fusion *f, struct Insn *insn) {
    if (!is_loop(f, insn))
        return false;
    fuse_put(f, insn);
    insn->fn = f->loop;
    return true;
}

void fuse_pick(const struct FuseIndex *index, struct Insn *insn, unsigned n, bool loops) {
    int cost[BLOCK_MAX_INSNS + 1] = {0};
    const struct X86Fusion *pick[BLOCK_MAX_INSNS] = {0};

    for (unsigned k = n; k-- > 0;) {
        cost[k] = cost[k + 1] + COST_JUMP + COST_INSN;
        if (k + 1 == n)
            continue;
        for (unsigned at = index->slot[slot_of(index, insn[k].fn, insn[k + 1].fn)]; at != 0; at = index->next[at - 1]) {
            const struct X86Fusion *f = &x86_fusions[at - 1];
            int own = COST_JUMP + f->count * (f->use_count > 0 ? COST_INSN_NAMED : COST_INSN);
            if (f->count <= n - k && loops && is_loop(f, insn + k))
                own = COST_LOOP;
            if (cost[k + f->count < n ? k + f->count : n] + own >= cost[k] || !fits(f, insn + k, n - k))
                continue;
            cost[k] = cost[k + f->count] + own;
            pick[k] = f;
        }
    }
    for (unsigned k = 0; k < n; k += pick[k] != NULL ? pick[k]->count : 1) {
        if (pick[k] != NULL && !(loops && fuse_put_loop(pick[k], insn + k)))
            fuse_put(pick[k], insn + k);
    }
}
