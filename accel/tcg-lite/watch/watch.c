/* SPDX-License-Identifier: MIT */
/* Hooks in blocks, and the history of the last instructions. See watch.h. */
#include "accel/tcg-lite/watch/watch.h"
#include "cpu/exits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- hooks ---- */

enum { HISTORY_LOOK = 64 }; /* entries from one look to the next */

static void look_later(struct TcgWatch *w) {
    size_t left = (size_t)(w->entry[w->current] + w->size - w->next);
    w->end = w->next + (left < HISTORY_LOOK ? left : HISTORY_LOOK);
}

static void begin_half(struct TcgWatch *w, uint64_t count) {
    w->next = w->entry[w->current];
    w->began = count;
    look_later(w);
}

/* The other half of the history begins anew if this one is full or has what it must have. */
static void turn(struct TcgWatch *w, uint64_t count) {
    unsigned n = (unsigned)(w->next - w->entry[w->current]);
    if (n < w->size && count - w->began < w->size) {
        look_later(w);
        return;
    }
    w->older = n;
    w->current = !w->current;
    begin_half(w, count);
}

ALWAYS_INLINE void record(CPUX86State *env, const struct Block *b, const struct Tcg *t) {
    struct HistoryEntry *e = t->watch->next++;
    e->block = b;
    e->rip = env->rip;
    e->count = t->icount;
    e->word[3] = env->seg[SEG_CS].selector;
}

static EXEC_FN exec_record(CPUX86State *env, const struct Insn *i, struct Tcg *t);

/* Apart, so that exec_record makes no call. */
static NOINLINE EXEC_FN exec_turn(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    turn(t->watch, t->icount - block_of(i)->count);
    GO_ON(exec_record);
}

/* The first instruction of a block, so block_of need not look at its index: it goes into the history. */
static EXEC_FN exec_record(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    const struct Block *b = (const struct Block *)((const uint8_t *)i - offsetof(struct Block, insn));
    if (UNLIKELY(t->watch->next == t->watch->end))
        GO_ON(exec_turn);
    record(env, b, t);
    GO_ON(b->first);
}

/* An instruction that begins a block, is counted, or follows one that was. */
static EXEC_FN exec_counted(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    const struct Block *b = block_of(i);
    const struct BlockExtra *x = block_extra(b);
    exits_end(t->cpu->exits);
    if (i->idx == 0 && t->watch->size != 0) {
        if (t->watch->next == t->watch->end)
            turn(t->watch, t->icount - b->count);
        record(env, b, t);
    }
    if (x->row[i->idx] != 0)
        tcg_exit_insn(t, i, &x86_rows[x->row[i->idx]]);
    GO_ON(x->fn[i->idx]);
}

size_t tcg_extra_size(const struct TcgWatch *w, unsigned n, unsigned bytes) {
    size_t each = w->counting ? sizeof(ExecFn) + sizeof(uint16_t) : 0;
    return sizeof(struct BlockExtra) + n * each + bytes;
}

void tcg_extra_fill(struct Tcg *t, struct Block *b, void *room, const struct TcgDecoded *d, const uint8_t *bytes) {
    const struct TcgWatch *w = t->watch;
    struct BlockExtra *x = room;
    ExecFn *fn = (ExecFn *)(x + 1);
    uint16_t *row = (uint16_t *)(fn + (w->counting ? b->count : 0));
    uint8_t *copy = (uint8_t *)(row + (w->counting ? b->count : 0));
    memcpy(copy, bytes, b->bytes);
    *x = (struct BlockExtra){.bytes = copy};
    b->extra_at = (uint32_t)((uint8_t *)x - (uint8_t *)b);
    b->first = b->insn[0].fn;
    if (!w->counting) {
        if (w->size != 0)
            b->insn[0].fn = exec_record;
        return;
    }
    x->fn = fn;
    x->row = row;
    for (unsigned k = 0; k < b->count; k++) {
        fn[k] = b->insn[k].fn;
        row[k] = tcg_exit_counts(&x86_rows[d[k].isa.row]) ? d[k].isa.row : 0;
        if (k == 0 || row[k] != 0 || row[k - 1] != 0)
            b->insn[k].fn = exec_counted;
    }
}

/* ---- history ---- */

/* Number of instructions executed before, 48 bits. */
static uint64_t count_at(const struct HistoryEntry *e) { return (e->count - e->block->count) & (UINT64_MAX >> 16); }

static unsigned done_in(const struct HistoryEntry *e, uint64_t end) {
    uint64_t n = (end - count_at(e)) & (UINT64_MAX >> 16);
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

/* How many entries there are; number 0 is the oldest. */
static unsigned entries(const struct TcgWatch *w) { return w->older + (unsigned)(w->next - w->entry[w->current]); }

static struct HistoryEntry *entry_at(const struct TcgWatch *w, unsigned at) {
    return at < w->older ? &w->entry[!w->current][at] : &w->entry[w->current][at - w->older];
}

/* How many instructions of entry `at` were begun: one that did not complete has faulted, unless what follows begins
 * with it again or a branch led there. */
static unsigned begun(const struct TcgWatch *w, unsigned at, const struct CPUState *cpu) {
    bool last = at + 1 == entries(w);
    const struct HistoryEntry *e = entry_at(w, at), *next = last ? NULL : entry_at(w, at + 1);
    uint64_t rip = last ? cpu->env.rip : next->rip;
    unsigned n = done_in(e, last ? cpu->insn_count : count_at(next));
    if (n == e->block->count || (n > 0 && left_by(e, &e->block->insn[n - 1], rip)))
        return n;
    return n + ((rip == insn_rip(e, n)) == last); /* of the last one RIP says whether it has faulted */
}

static void tell(const struct HistoryEntry *e, unsigned k, void (*fn)(void *opaque, const struct AccelExecuted *x),
                 void *opaque) {
    static const uint8_t bits[] = {[MODE_CODE16] = 16, [MODE_CODE32] = 32, [MODE_CODE64] = 64};
    const struct Insn *i = &e->block->insn[k];
    const struct AccelExecuted x = {
        .number = count_at(e) + k,
        .rip = insn_rip(e, k),
        .cs = e->word[3],
        .bits = bits[e->block->mode & MODE_CODE],
        .size = i->len,
        .bytes = block_extra(e->block)->bytes + i->off,
    };
    fn(opaque, &x);
}

void tcg_history(struct CPUState *cpu, unsigned n, void (*fn)(void *opaque, const struct AccelExecuted *e),
                 void *opaque) {
    const struct Tcg *t = cpu->engine;
    const struct TcgWatch *w = t->watch;
    if (w == NULL || w->size == 0)
        return;
    unsigned at = entries(w), sum = 0;
    if (n > cpu->trace->history)
        n = cpu->trace->history;
    while (at > 0 && sum < n)
        sum += begun(w, --at, cpu);
    unsigned skip = sum > n ? sum - n : 0; /* of the first entry */
    for (; at < entries(w); at++, skip = 0) {
        unsigned end = begun(w, at, cpu);
        for (unsigned k = skip; k < end; k++)
            tell(entry_at(w, at), k, fn, opaque);
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
    memcpy(x + 1, block_extra(b)->bytes, b->bytes);
    copy->extra_at = (uint32_t)((uint8_t *)x - at);
    return copy;
}

/* Nothing of what was is kept. */
static void begin_anew(struct TcgWatch *w) {
    w->older = 0;
    begin_half(w, 0); /* "since then", which may be less: the half is full then before its time */
}

void tcg_history_keep(struct TcgWatch *w) {
    if (w == NULL || w->size == 0)
        return;
    unsigned n = entries(w);
    size_t size = 0, used = 0;
    for (unsigned k = 0; k < n; k++)
        size += kept_size(entry_at(w, k)->block);
    uint8_t *pool = size != 0 ? aligned_alloc(64, (size + 63) & ~(size_t)63) : NULL;
    if (pool == NULL)
        begin_anew(w);
    const struct Block *last = NULL, *copy = NULL;
    for (unsigned k = 0; pool != NULL && k < n; k++) {
        struct HistoryEntry *e = entry_at(w, k);
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
    for (unsigned k = 0; k < 2; k++)
        if ((w->entry[k] = calloc(wanted, sizeof(*w->entry[k]))) == NULL)
            return -ENOMEM;
    w->size = wanted;
    begin_half(w, 0);
    return 0;
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
    return looking && trace->history != 0 ? init_history(w, trace->history) : 0;
}

void tcg_watch_free(struct Tcg *t) {
    if (t->watch == NULL)
        return;
    free(t->watch->entry[0]);
    free(t->watch->entry[1]);
    free(t->watch->kept);
    free(t->watch);
    t->watch = NULL;
}
