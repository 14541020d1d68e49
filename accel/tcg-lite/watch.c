/* SPDX-License-Identifier: MIT */
/* Hooks in blocks, and the history of the last instructions. See watch.h. */
#include "accel/tcg-lite/watch.h"
#include "cpu/exits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- hooks ---- */

ALWAYS_INLINE void record(CPUX86State *env, const struct Block *b, struct Tcg *t) {
    struct TcgWatch *w = t->watch;
    struct HistoryEntry *e = &w->entry[w->next++ & w->mask];
    e->block = b;
    e->rip = env->rip;
    e->count_cs = (t->icount - b->count) << 16 | env->seg[SEG_CS].selector;
}

/* The first instruction of a block: it goes into the history. */
static EXEC_FN x_record(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    const struct Block *b = block_of(i);
    record(env, b, t);
#ifdef TCG_TAIL_CALLS
    __attribute__((musttail)) return b->extra->first(env, i, t);
#else
    return b->extra->first(env, i, t);
#endif
}

/* An instruction that begins a block, is counted, or follows one that was. */
static EXEC_FN x_counted(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    const struct Block *b = block_of(i);
    exits_end(t->cpu->exits);
    if (i->idx == 0 && t->watch->entry != NULL)
        record(env, b, t);
    if (b->extra->kind[i->idx] != 0)
        tcg_exit_insn(t, i, b->extra->kind[i->idx]);
#ifdef TCG_TAIL_CALLS
    __attribute__((musttail)) return b->extra->fn[i->idx](env, i, t);
#else
    return b->extra->fn[i->idx](env, i, t);
#endif
}

size_t tcg_extra_size(const struct TcgWatch *w, unsigned n, unsigned bytes) {
    size_t each = w->counting ? sizeof(ExecFn) + 1 : 0;
    return sizeof(struct BlockExtra) + n * each + bytes;
}

void tcg_extra_fill(struct Tcg *t, struct Block *b, void *room, const struct Decoded *d, const uint8_t *bytes) {
    const struct TcgWatch *w = t->watch;
    struct BlockExtra *x = room;
    ExecFn *fn = (ExecFn *)(x + 1);
    uint8_t *kind = (uint8_t *)(fn + (w->counting ? b->count : 0)), *copy = kind + (w->counting ? b->count : 0);
    memcpy(copy, bytes, b->bytes);
    *x = (struct BlockExtra){.first = b->insn[0].fn, .bytes = copy};
    b->extra = x;
    if (!w->counting) {
        if (w->entry != NULL)
            b->insn[0].fn = x_record;
        return;
    }
    x->fn = fn;
    x->kind = kind;
    for (unsigned k = 0; k < b->count; k++) {
        fn[k] = b->insn[k].fn;
        kind[k] = w->kinds[d[k].row];
        if (k == 0 || kind[k] != 0 || kind[k - 1] != 0)
            b->insn[k].fn = x_counted;
    }
}

/* ---- history ---- */

static unsigned done_in(const struct HistoryEntry *e, uint64_t end) {
    uint64_t n = (end - (e->count_cs >> 16)) & (UINT64_MAX >> 16);
    return n < e->block->count ? (unsigned)n : e->block->count;
}

static uint64_t insn_rip(const struct HistoryEntry *e, unsigned k) {
    uint64_t rip = e->rip + e->block->insn[k].off;
    return (e->block->mode & MODE_CODE) == MODE_CODE64 ? rip : (uint32_t)rip;
}

/* Is this the conditional branch that led from the midst of e's block to `rip`? Only branches have their own end in
 * `disp` (block.c). */
static bool left_by(const struct HistoryEntry *e, const struct Insn *i, uint64_t rip) {
    uint64_t target = e->rip + i->uimm;
    bool branch = !i->mem && i->disp == (int32_t)i->off + i->len;
    return branch && ((e->block->mode & MODE_CODE) == MODE_CODE64 ? target == rip : (uint32_t)target == (uint32_t)rip);
}

/* How many instructions of entry `at` were begun: one that did not complete has faulted, unless what follows begins
 * with it again or a branch led there. */
static unsigned begun(const struct TcgWatch *w, uint64_t at, const struct CPUState *cpu) {
    const struct HistoryEntry *e = &w->entry[at & w->mask], *next = &w->entry[(at + 1) & w->mask];
    bool last = at + 1 == w->next;
    uint64_t rip = last ? cpu->env.rip : next->rip;
    unsigned n = done_in(e, last ? cpu->insn_count : next->count_cs >> 16);
    if (n == e->block->count || (n > 0 && left_by(e, &e->block->insn[n - 1], rip)))
        return n;
    return n + ((rip == insn_rip(e, n)) == last); /* of the last one RIP says whether it has faulted */
}

static void tell(const struct HistoryEntry *e, unsigned k, void (*fn)(void *opaque, const struct AccelExecuted *x),
                 void *opaque) {
    static const uint8_t bits[] = {[MODE_CODE16] = 16, [MODE_CODE32] = 32, [MODE_CODE64] = 64};
    const struct Insn *i = &e->block->insn[k];
    const struct AccelExecuted x = {
        .number = (e->count_cs >> 16) + k,
        .rip = insn_rip(e, k),
        .cs = (uint16_t)e->count_cs,
        .bits = bits[e->block->mode & MODE_CODE],
        .size = i->len,
        .bytes = e->block->extra->bytes + i->off,
    };
    fn(opaque, &x);
}

void tcg_history(struct CPUState *cpu, unsigned n, void (*fn)(void *opaque, const struct AccelExecuted *e),
                 void *opaque) {
    const struct Tcg *t = cpu->engine;
    const struct TcgWatch *w = t->watch;
    if (w == NULL || w->entry == NULL)
        return;
    uint64_t oldest = w->next > w->mask + 1 ? w->next - w->mask - 1 : 0, at = w->next, sum = 0;
    if (n > cpu->trace->history)
        n = cpu->trace->history;
    while (at > oldest && sum < n)
        sum += begun(w, --at, cpu);
    unsigned skip = sum > n ? (unsigned)(sum - n) : 0; /* of the first entry */
    for (; at < w->next; at++, skip = 0) {
        unsigned end = begun(w, at, cpu);
        for (unsigned k = skip; k < end; k++)
            tell(&w->entry[at & w->mask], k, fn, opaque);
    }
}

/* What of a block the history needs: all but the links. */
static size_t kept_size(const struct Block *b) {
    return sizeof(*b) + b->count * sizeof(struct Insn) + ((sizeof(struct BlockExtra) + b->bytes + 63) & ~(size_t)63);
}

static const struct Block *keep(const struct Block *b, uint8_t *at) {
    struct Block *copy = (struct Block *)at;
    memcpy(copy, b, sizeof(*b) + b->count * sizeof(struct Insn));
    struct BlockExtra *x = (struct BlockExtra *)&copy->insn[b->count];
    *x = (struct BlockExtra){.bytes = (uint8_t *)(x + 1)};
    memcpy(x + 1, b->extra->bytes, b->bytes);
    copy->extra = x;
    return copy;
}

void tcg_history_keep(struct TcgWatch *w) {
    if (w == NULL || w->entry == NULL)
        return;
    uint64_t oldest = w->next > w->mask + 1 ? w->next - w->mask - 1 : 0;
    size_t size = 0, used = 0;
    for (uint64_t k = oldest; k < w->next; k++)
        size += kept_size(w->entry[k & w->mask].block);
    uint8_t *pool = size != 0 ? aligned_alloc(64, (size + 63) & ~(size_t)63) : NULL;
    if (pool == NULL) /* nothing to keep, or no memory: the history begins anew */
        w->next = 0;
    const struct Block *last = NULL, *copy = NULL;
    for (uint64_t k = oldest; pool != NULL && k < w->next; k++) {
        struct HistoryEntry *e = &w->entry[k & w->mask];
        if (e->block != last) {
            last = e->block;
            copy = keep(last, pool + used);
            used += kept_size(last);
        }
        e->block = copy;
    }
    free(w->kept);
    w->kept = pool;
}

/* ---- life ---- */

static int init_history(struct TcgWatch *w, unsigned wanted) {
    uint64_t size = 1;
    while (size < wanted)
        size *= 2;
    w->mask = size - 1;
    w->entry = calloc(size, sizeof(*w->entry));
    return w->entry != NULL ? 0 : -ENOMEM;
}

int tcg_watch_init(struct Tcg *t, bool own) {
    const struct CpuTrace *trace = t->cpu->trace;
    bool counting = own && t->cpu->exits != NULL;
    bool looking = own && trace != NULL && (trace->insn != NULL || trace->decoded != NULL || trace->history != 0);
    if (!counting && !looking)
        return 0;
    struct TcgWatch *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return -ENOMEM;
    t->watch = w;
    w->last_exit = UINT64_MAX;
    w->counting = counting;
    if (counting && (w->kinds = tcg_exit_kinds()) == NULL)
        return -ENOMEM;
    return looking && trace->history != 0 ? init_history(w, trace->history) : 0;
}

void tcg_watch_free(struct Tcg *t) {
    if (t->watch == NULL)
        return;
    free((void *)t->watch->kinds);
    free(t->watch->entry);
    free(t->watch->kept);
    free(t->watch);
    t->watch = NULL;
}
