/* SPDX-License-Identifier: MIT */
/*
 * Building, finding and forgetting blocks.
 */
#include "accel/tcg-lite/run/block.h"
#include "accel/tcg-lite/jit/jit.h"
#include "accel/tcg-lite/run/functions.h"
#include "accel/tcg-lite/run/links.h"
#include "accel/tcg-lite/run/liveness.h"
#include "accel/tcg-lite/run/loop.h"
#include "accel/tcg-lite/run/tlb.h"
#include "accel/tcg-lite/watch/debugger.h"
#include "accel/tcg-lite/watch/watch.h"
#include "cpu/exclusive.h"
#include "cpu/pagewalk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HASH_BITS = 17, PAGE_HASH_BITS = 12 };
enum { WRITTEN_MAX = 32 };
/** Parts of the arena: an eighth of it, but no more than so many bytes. */
enum { SEGMENTS_MIN = 8, SEGMENT_MAX = 2 << 20 };
/**
 * The arena grows as long as its oldest segment is younger than this, in instructions: what is forgotten within a third
 * of a second or so will be decoded again, which costs a tenth of a second a segment. So a guest takes memory by what
 * it executes, not for all that it has ever executed. With 1 << 28 or 1 << 29 gcc is level, and an idle Debian takes
 * 5 MiB less, or 4 more.
 */
enum { YOUNG = 5 << 26 };
/** Memory is asked of the host in so many bytes at a time: page faults are dear. */
enum { AHEAD = 256 << 10 };
enum { INSN_MAX_BYTES = 15 };

/** What others have written in pages with code. */
struct Written {
    uint64_t phys, size;
};

/** A part of the arena. */
struct Segment {
    uint64_t begun; /* Tcg.icount then */
    bool going;     /* its blocks are being forgotten */
    bool empty;     /* they are */
};

struct BlockCache {
    struct Block *hash[1 << HASH_BITS];
    struct Block *page_hash[1 << PAGE_HASH_BITS]; /* chains of blocks that have bytes in a page with this hash */
    uint8_t *arena;
    size_t arena_size, segment_size;
    struct Segment *segment;
    size_t used;                       /* bytes of segment[current] */
    size_t ready;                      /* bytes of the arena that the host has been asked for */
    unsigned current, begun, segments; /* the first `begun` of them have blocks, or had */
    uint64_t flushes, recycled, built;
    struct TcgDecoded decoded[BLOCK_MAX_INSNS];      /* while a block is being built */
    uint8_t bytes[BLOCK_MAX_INSNS * INSN_MAX_BYTES]; /* likewise, if somebody watches */
    struct Block *cut;                               /* ends early this once (tcg_block_cut), or NULL: */
    unsigned cut_from;                               /* where, */
    ExecFn cut_fn[BLOCK_MAX_INSNS + 1];              /* and what was there */
    pthread_mutex_t written_lock;
    struct Written written[WRITTEN_MAX]; /* written_lock: since tcg_code_serve, */
    unsigned written_count;              /* so many; more than WRITTEN_MAX: not all are known */
};

struct BlockCache *tcg_blocks_new(size_t arena_bytes) {
    struct BlockCache *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return NULL;
    pthread_mutex_init(&c->written_lock, NULL);
    c->arena_size = arena_bytes;
    c->segment_size = arena_bytes / SEGMENTS_MIN < SEGMENT_MAX ? arena_bytes / SEGMENTS_MIN : SEGMENT_MAX;
    c->segments = (unsigned)(arena_bytes / c->segment_size);
    c->segment = calloc(c->segments, sizeof(*c->segment));
    c->begun = 1;
    c->arena = mmap(NULL, arena_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (c->arena != MAP_FAILED && c->segment != NULL)
        return c;
    tcg_blocks_free(c);
    return NULL;
}

void tcg_blocks_free(struct BlockCache *c) {
    if (c == NULL)
        return;
    if (c->arena != MAP_FAILED)
        munmap(c->arena, c->arena_size);
    free(c->segment);
    pthread_mutex_destroy(&c->written_lock);
    free(c);
}

uint64_t tcg_blocks_flushes(const struct Tcg *t) { return t->blocks->flushes; }

static size_t bytes_in_use(const struct BlockCache *c) {
    bool last = c->current + 1 == c->begun;
    return last ? c->current * c->segment_size + c->used : c->begun * c->segment_size;
}

void tcg_describe(const void *engine, char *buf, size_t n) {
    const struct Tcg *t = engine;
    const struct BlockCache *c = t->blocks;
    snprintf(
        buf, n,
        "blocks: %" PRIu64 " decoded, %.1f of %.1f MiB used, %" PRIu64 " segments recycled; %" PRIu64 " split locks",
        c->built, (double)bytes_in_use(c) / (1 << 20), (double)c->arena_size / (1 << 20), c->recycled, t->split_locks);
    size_t used = strlen(buf);
    if (t->jit != NULL && used + 2 < n) {
        memcpy(buf + used, "; ", 3);
        jit_describe(t->jit, buf + used + 2, n - used - 2);
    }
}

void tcg_info(const void *engine, FILE *f) {
    const struct Tcg *t = engine;
    const struct BlockCache *c = t->blocks;
    fprintf(f, "blocks decoded          %" PRIu64 ", in %.1f of %.1f MiB, %" PRIu64 " segments recycled\n", c->built,
            (double)bytes_in_use(c) / (1 << 20), (double)c->arena_size / (1 << 20), c->recycled);
    if (t->jit != NULL)
        jit_info(t->jit, f);
    else
        fputs("no translator: jit=off, or the host has no executable memory for it\n", f);
}

static unsigned hash_of(uint64_t phys, uint32_t mode) {
    uint64_t h = (phys ^ ((uint64_t)mode << 40)) * 0x9e3779b97f4a7c15ull;
    return (unsigned)(h >> (64 - HASH_BITS));
}

static struct Block **page_chain(struct BlockCache *c, uint64_t page) {
    return &c->page_hash[(page >> 12) & ((1u << PAGE_HASH_BITS) - 1)];
}

static bool has_bytes_in(const struct Block *b, uint64_t page) {
    return (b->phys & ~0xfffull) == page || b->phys_next == page;
}

/** What follows b in `chain`. A block in two chains has a link for each. */
static struct Block **chain_next(struct BlockCache *c, struct Block *b, struct Block **chain) {
    return &b->page_next[page_chain(c, b->phys & ~0xfffull) == chain ? 0 : 1];
}

/* ---- forgetting ---- */

static void clear_code_flag(struct Tcg *t, uint64_t page) {
    uint64_t offset, avail;
    struct Region *r = bus_find(t->cpu->bus, page, &offset, &avail);
    if (r != NULL && r->page_flags != NULL)
        __atomic_and_fetch(&r->page_flags[offset >> 12], (uint8_t)~PAGE_FLAG_CODE, __ATOMIC_RELAXED);
}

/* Of several vCPUs none is to be stopped for a store beside all that is decoded in its page. So who decodes marks the
 * bytes before it reads them, and who stores looks after it has stored: one of the two sees the other. */

/** The bits of Region.page_code for `size` bytes, not 0, within a page. */
static uint64_t code_bits(uint64_t phys, uint64_t size) {
    unsigned first = (unsigned)(phys & 0xfff) >> 6, last = (unsigned)((phys & 0xfff) + size - 1) >> 6;
    return (~0ull << first) & (~0ull >> (63 - last));
}

static void mark_code(uint64_t *map, uint64_t phys, uint64_t size) {
    if (LIKELY(map == NULL))
        return;
    uint64_t bits = code_bits(phys, size);
    if ((__atomic_load_n(map, __ATOMIC_RELAXED) & bits) != bits)
        __atomic_or_fetch(map, bits, __ATOMIC_SEQ_CST);
}

/** Those of a block in `page`. */
static uint64_t block_bits(const struct Block *b, uint64_t page) {
    uint64_t in_page = 4096 - (b->phys & 0xfff), bits = 0;
    if ((b->phys & ~0xfffull) == page)
        bits = code_bits(b->phys, b->bytes < in_page ? b->bytes : in_page);
    return b->phys_next == page ? bits | code_bits(page, INSN_MAX_BYTES) : bits;
}

/** There are still blocks in a page, with these bits. */
static void keep_bits(struct Tcg *t, uint64_t page, uint64_t bits) {
    uint64_t offset, avail;
    struct Region *r = bits != 0 && !cpu_is_alone(t->cpu) ? bus_find(t->cpu->bus, page, &offset, &avail) : NULL;
    if (r != NULL && r->page_code != NULL)
        __atomic_or_fetch(&r->page_code[offset >> 12], bits, __ATOMIC_SEQ_CST);
}

/* The pages of a block that goes are data again, if no other vCPU may have code there. */
static void forget_flags(struct Tcg *t, const struct Block *b) {
    if (!cpu_is_alone(t->cpu))
        return;
    clear_code_flag(t, b->phys & ~0xfffull);
    if (b->phys_next != BLOCK_NO_PAGE)
        clear_code_flag(t, b->phys_next);
}

void tcg_blocks_flush(struct Tcg *t) {
    struct BlockCache *c = t->blocks;
    tcg_block_mend(t);
    tcg_history_keep(t->watch);
    for (unsigned k = 0; k < 1u << PAGE_HASH_BITS; k++) {
        for (struct Block *b = c->page_hash[k], *next; b != NULL; b = next) {
            next = *chain_next(c, b, &c->page_hash[k]);
            forget_flags(t, b);
            c->hash[hash_of(b->phys, b->mode)] = NULL;
        }
        c->page_hash[k] = NULL;
    }
    madvise(c->arena, c->begun * c->segment_size, MADV_DONTNEED);
    c->used = c->ready = c->current = 0;
    c->begun = 1;
    c->segment[0] = (struct Segment){.begun = t->icount};
    c->flushes++;
    tcg_links_gone(t);
    jit_flush(t->jit);
}

static void unhash(struct BlockCache *c, const struct Block *b) {
    for (struct Block **p = &c->hash[hash_of(b->phys, b->mode)]; *p != NULL; p = &(*p)->hash_next) {
        if (*p == b) {
            *p = b->hash_next;
            break;
        }
    }
}

/* ---- recycling ---- */

static bool is_going(const struct BlockCache *c, const struct Block *b) {
    return b != NULL && c->segment[((uintptr_t)b - (uintptr_t)c->arena) / c->segment_size].going;
}

/** Blocks that stay may know the way to some that go. */
static void forget_links_to_going(const struct BlockCache *c, struct Block *b) {
    struct BlockLink *link = block_links(b);
    for (unsigned k = 0; k < 2u + b->exits; k++)
        if (is_going(c, link[k].target) || is_going(c, link[k].hint)) {
            block_unlink(&link[k]);
            link[k].hint = NULL;
        }
}

/** Forget the blocks of the segments that are going. Pages that lose their last one keep PAGE_FLAG_CODE until something
 *  is written there. */
static void recycle(struct Tcg *t) {
    struct BlockCache *c = t->blocks;
    tcg_history_keep(t->watch);
    tcg_forget_links(t, LINKS_ALL); /* also the list of links, some of which go */
    for (unsigned k = 0; k < 1u << PAGE_HASH_BITS; k++) {
        for (struct Block **p = &c->page_hash[k]; *p != NULL;) {
            struct Block *b = *p, **next = chain_next(c, b, &c->page_hash[k]);
            if (is_going(c, b)) {
                unhash(c, b);
                *p = *next;
            } else {
                forget_links_to_going(c, b);
                p = next;
            }
        }
    }
    for (unsigned k = 0; k < c->begun; k++) {
        c->segment[k].empty |= c->segment[k].going;
        c->recycled += c->segment[k].going;
        c->segment[k].going = false;
    }
    c->flushes++;
}

/** Of those that are neither empty nor going: the one that was begun first. */
static struct Segment *oldest_segment(const struct BlockCache *c) {
    struct Segment *oldest = NULL;
    for (unsigned k = 0; k < c->begun; k++) {
        struct Segment *s = &c->segment[k];
        if (!s->empty && !s->going && (oldest == NULL || s->begun < oldest->begun))
            oldest = s;
    }
    return oldest;
}

static struct Segment *empty_segment(const struct BlockCache *c) {
    for (unsigned k = 0; k < c->begun; k++)
        if (c->segment[k].empty)
            return &c->segment[k];
    return NULL;
}

/** It looks at all blocks, so that of many segments an eighth goes at once. */
static void recycle_oldest(struct Tcg *t) {
    struct BlockCache *c = t->blocks;
    for (unsigned k = 0; k < c->begun / SEGMENTS_MIN; k++)
        oldest_segment(c)->going = true;
    recycle(t);
}

static void next_segment(struct Tcg *t) {
    struct BlockCache *c = t->blocks;
    struct Segment *next = empty_segment(c);
    bool small = c->begun < SEGMENTS_MIN, young = t->icount - oldest_segment(c)->begun < YOUNG;
    if (next == NULL && (small || (young && c->begun < c->segments)))
        next = &c->segment[c->begun++];
    if (next == NULL) {
        recycle_oldest(t);
        next = empty_segment(c);
    }
    *next = (struct Segment){.begun = t->icount};
    c->current = (unsigned)(next - c->segment);
    c->used = 0;
}

/* ---- staleness ---- */

/** For good. */
static bool is_gone(const struct BlockCache *c, const struct Block *b) { return b->stale && b != c->cut; }

/** Links from block to block in a page stay, so those to stale blocks are to be cut. */
static void cut_links(struct BlockCache *c, struct Block **chain) {
    for (struct Block *b = *chain; b != NULL; b = *chain_next(c, b, chain)) {
        struct BlockLink *link = block_links(b);
        for (unsigned k = 0; k < 2u + b->exits; k++)
            if (link[k].target != NULL && is_gone(c, link[k].target)) {
                block_unlink(&link[k]);
                link[k].hint = NULL;
            }
    }
}

static unsigned slots_of(const struct Block *b) { return b->count + (unsigned)b->falls; }

/** Nobody finds it any more; whoever is in it leaves it at the next instruction. Its memory stays until its segment
 *  is recycled. */
static void make_stale(struct Tcg *t, struct Block *b) {
    struct BlockCache *c = t->blocks;
    unhash(c, b);
    jit_forget_block(t->jit, b);
    if (b == c->cut)
        c->cut = NULL;
    b->stale = true;
    for (unsigned k = 0; k < slots_of(b); k++)
        b->insn[k].fn = tcg_exec_stale;
}

/* Until it has been left the block is stale. Not for good: a driver's way to its device would be decoded anew each time
 * that an interrupt is due there. */
void tcg_block_cut(struct Tcg *t, const struct Insn *i) {
    struct BlockCache *c = t->blocks;
    struct Block *b = block_of(i);
    tcg_block_mend(t);
    if (i->idx + 1u >= b->count || b->stale)
        return;
    c->cut = b;
    c->cut_from = i->idx + 1u;
    b->stale = true;
    for (unsigned k = c->cut_from; k < slots_of(b); k++) {
        c->cut_fn[k] = b->insn[k].fn;
        b->insn[k].fn = tcg_exec_stale;
    }
}

void tcg_block_mend(struct Tcg *t) {
    struct BlockCache *c = t->blocks;
    struct Block *b = c->cut;
    if (b == NULL)
        return;
    c->cut = NULL;
    b->stale = false;
    for (unsigned k = c->cut_from; k < slots_of(b); k++)
        b->insn[k].fn = c->cut_fn[k];
}

static bool in_map(const struct Block *b, const uint64_t map[64]) {
    for (unsigned k = 0; k < b->bytes; k++) {
        unsigned at = (unsigned)(b->phys + k) & 0xfff;
        if ((map[at >> 6] >> (at & 63)) & 1)
            return true;
    }
    return false;
}

void tcg_blocks_cut_at(struct Tcg *t, const uint64_t map[64]) {
    struct BlockCache *c = t->blocks;
    tcg_block_mend(t);
    for (unsigned k = 0; k < 1u << PAGE_HASH_BITS; k++)
        for (struct Block *b = c->page_hash[k]; b != NULL; b = *chain_next(c, b, &c->page_hash[k]))
            if (!b->stale && in_map(b, map))
                make_stale(t, b);
    for (unsigned k = 0; k < 1u << PAGE_HASH_BITS; k++)
        cut_links(c, &c->page_hash[k]);
}

static bool overlaps(const struct Block *b, uint64_t phys, uint64_t size) {
    if (b->phys < phys + size && phys < b->phys + b->bytes)
        return true;
    return b->phys_next != BLOCK_NO_PAGE && b->phys_next < phys + size && phys < b->phys_next + INSN_MAX_BYTES;
}

bool tcg_code_forget(struct Tcg *t, uint64_t phys, uint64_t size) {
    uint64_t page = phys & ~0xfffull;
    struct Block **chain = page_chain(t->blocks, page);
    bool any_left = false, any_gone = false;
    uint64_t bits = 0;
    for (struct Block **p = chain; *p != NULL;) {
        struct Block *b = *p, **next = chain_next(t->blocks, b, chain);
        if (!is_gone(t->blocks, b) && overlaps(b, phys, size))
            make_stale(t, b);
        if (is_gone(t->blocks, b)) {
            any_gone = true;
            *p = *next;
            continue;
        }
        any_left |= has_bytes_in(b, page);
        bits |= block_bits(b, page);
        p = next;
    }
    if (any_gone)
        cut_links(t->blocks, chain);
    keep_bits(t, page, bits);
    return any_left;
}

void tcg_code_written(struct Tcg *t, uint64_t phys, uint64_t size) {
    while (size > 0) {
        uint64_t in_page = 4096 - (phys & 0xfff);
        uint64_t n = size < in_page ? size : in_page;
        if (!tcg_code_forget(t, phys, n) && cpu_is_alone(t->cpu))
            clear_code_flag(t, phys);
        phys += n;
        size -= n;
    }
}

/* Posted with the lock: an event without a range is another's. */
void tcg_code_announce(struct Tcg *t, uint64_t phys, uint64_t size) {
    struct BlockCache *c = t->blocks;
    pthread_mutex_lock(&c->written_lock);
    struct Written *last = c->written_count - 1 < WRITTEN_MAX ? &c->written[c->written_count - 1] : NULL;
    if (last != NULL && phys >= last->phys && phys - last->phys <= last->size) { /* once more, or what follows it */
        uint64_t end = phys - last->phys + size;
        last->size = end > last->size ? end : last->size;
    } else if (c->written_count < WRITTEN_MAX)
        c->written[c->written_count++] = (struct Written){phys, size};
    else
        c->written_count = WRITTEN_MAX + 1;
    cpu_post(t->cpu, CPU_EVENT_CODE);
    pthread_mutex_unlock(&c->written_lock);
}

void tcg_code_serve(struct Tcg *t) {
    struct BlockCache *c = t->blocks;
    struct Written written[WRITTEN_MAX];
    pthread_mutex_lock(&c->written_lock);
    cpu_retract(t->cpu, CPU_EVENT_CODE);
    unsigned count = c->written_count;
    c->written_count = 0;
    memcpy(written, c->written, sizeof(written));
    pthread_mutex_unlock(&c->written_lock);
    if (count == 0 || count > WRITTEN_MAX) {
        tcg_blocks_flush(t);
        return;
    }
    for (unsigned k = 0; k < count; k++)
        tcg_code_written(t, written[k].phys, written[k].size);
}

/* Now and then all are asked even for a store beside code: what they had decoded may be gone, and the page be data. */
void tcg_code_stored(struct Tcg *t, uint64_t *map, uint64_t phys, uint64_t size) {
    enum { BESIDE_MAX = 256 };
    if (LIKELY(cpu_is_alone(t->cpu))) {
        tcg_code_written(t, phys, size);
        return;
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!(__atomic_load_n(map, __ATOMIC_SEQ_CST) & code_bits(phys, size)) && ++t->beside_code % BESIDE_MAX != 0)
        return;
    cpu_exclusive_begin(t->cpu->group, t->cpu);
    __atomic_store_n(map, 0, __ATOMIC_SEQ_CST); /* those that have code there mark it again */
    if (!bus_announce_code_stored(t->cpu->bus, phys, size))
        clear_code_flag(t, phys);
    cpu_exclusive_end(t->cpu->group);
}

/* ---- building ---- */

/** Where the bytes of the block come from. */
struct Fetch {
    const struct ExecTlbEntry *page;
    struct ExecTlbEntry second; /* the next page, once a first instruction has reached into it */
    uint64_t linear;            /* of the block's first byte */
    uint64_t limit;             /* bytes from there that CS allows */
    bool known;                 /* nothing may fault */
};

static void page_bytes(struct Tcg *t, const struct ExecTlbEntry *e, unsigned offset, uint8_t *out, unsigned n) {
    if (e->host != NULL)
        memcpy(out, e->host + offset, n);
    else
        bus_read(t->cpu->bus, e->phys + offset, out, n);
}

static bool is_protected(const struct ExecTlbEntry *e) {
    return e->page_flags == NULL || (__atomic_load_n(e->page_flags, __ATOMIC_RELAXED) & PAGE_FLAG_CODE);
}

/** A page about to hold decoded code: writes to it must be seen from now on. */
static void protect(struct Tcg *t, const struct ExecTlbEntry *e) {
    if (is_protected(e))
        return;
    if (LIKELY(cpu_is_alone(t->cpu))) {
        __atomic_or_fetch(e->page_flags, PAGE_FLAG_CODE, __ATOMIC_SEQ_CST);
        if (!bus_dirty_logging(t->cpu->bus)) /* all stores are slow then */
            tcg_tlb_protect_code(t, e->phys);
        return;
    }
    cpu_exclusive_begin(t->cpu->group, t->cpu); /* no other vCPU may store there on its fast path any more */
    __atomic_or_fetch(e->page_flags, PAGE_FLAG_CODE, __ATOMIC_SEQ_CST);
    if (!bus_dirty_logging(t->cpu->bus))
        bus_announce_code_begins(t->cpu->bus, e->phys);
    cpu_exclusive_end(t->cpu->group);
}

/**
 * Up to 15 bytes at `off` from the block's start, within CS.limit. Only the block's first instruction may reach into
 * the next page (`cross`), for fetching from there can fault.
 */
static unsigned fetch(struct Tcg *t, struct Fetch *f, unsigned off, bool cross, uint8_t out[INSN_MAX_BYTES]) {
    unsigned in_page = (unsigned)((f->linear + off) & 0xfff), n = 4096 - in_page;
    uint64_t allowed = f->limit - off;
    if (n > INSN_MAX_BYTES)
        n = INSN_MAX_BYTES;
    if (n > allowed)
        n = (unsigned)allowed;
    bool more_pages = cross && n < INSN_MAX_BYTES && n < allowed;
    if (more_pages) { /* before any byte is read: another vCPU may store meanwhile */
        uint64_t next = f->linear + off + n;
        f->second = *tcg_exec_page(t, (t->mode & MODE_CODE) == MODE_CODE64 ? next : (uint32_t)next);
        do { /* while the one has been waited for, the other may have become data again */
            protect(t, &f->second);
            protect(t, f->page);
        } while (!is_protected(&f->second));
    }
    mark_code(f->page->page_code, in_page, n);
    page_bytes(t, f->page, in_page, out, n);
    if (!more_pages)
        return n;
    unsigned more = INSN_MAX_BYTES - n;
    if (more > allowed - n)
        more = (unsigned)(allowed - n);
    mark_code(f->second.page_code, 0, more);
    page_bytes(t, &f->second, 0, out + n, more);
    return n + more;
}

bool tcg_block_place(struct TcgDecoded *d, unsigned off, unsigned idx) {
    struct Insn *i = &d->insn;
    i->off = (uint16_t)off;
    i->idx = (uint8_t)idx;
    if (d->isa.rip_relative) {
        int64_t disp = (int64_t)i->disp + off;
        if (disp > INT32_MAX)
            return false;
        i->disp = (int32_t)disp;
    }
    if (x86_rows[d->isa.row].operands[0] == 'J') { /* see shapes_flow.h */
        i->imm += off + i->len;
        i->disp = (int32_t)(off + i->len);
    }
    return true;
}

/** Decode from the block's start; returns the number of instructions (at least 1), *bytes, and how many *exits it has.
 */
static unsigned decode_run(struct Tcg *t, struct Fetch *f, uint32_t mode, unsigned *bytes, unsigned *exits) {
    struct TcgDecoded *d = t->blocks->decoded;
    unsigned max = mode & MODE_STEP ? 1 : BLOCK_MAX_INSNS, off = 0, n = 0;
    uint8_t buf[INSN_MAX_BYTES];

    *exits = 0;
    while (n < max && (n == 0 || !tcg_break_offset(t, f->linear + off)) &&
           (n == 0 || (((f->linear + off) & ~0xfffull) == (f->linear & ~0xfffull) && off < f->limit))) {
        unsigned have = fetch(t, f, off, false, buf);
        enum DecodeStatus s = tcg_decode(&t->cpu->model, mode, buf, have, &d[n]);
        if (s == DECODE_MORE && n > 0)
            break;
        if (s == DECODE_MORE) {
            have = fetch(t, f, off, true, buf);
            s = tcg_decode(&t->cpu->model, mode, buf, have, &d[n]);
        }
        if (s != DECODE_OK) { /* too long, or beyond CS.limit */
            if (n > 0)
                break;
            tcg_raise_error(t, NULL, VEC_GP, 0);
        }
        if (!tcg_block_place(&d[n], off, n))
            break;
        if (UNLIKELY(t->watch != NULL))
            memcpy(t->blocks->bytes + off, buf, d[n].insn.len);
        off += d[n].insn.len;
        *exits += d[n].isa.jcc;
        if (d[n++].isa.flow || *exits == BLOCK_MAX_EXITS)
            break;
    }
    *bytes = off;
    return n;
}

/* Of a block of so many instructions, what observers want to know included. */
static size_t block_size(const struct Tcg *t, unsigned count, unsigned exits, unsigned bytes, size_t *extra_at) {
    *extra_at = sizeof(struct Block) + (count + 1) * sizeof(struct Insn) + (2 + exits) * sizeof(struct BlockLink);
    size_t extra = UNLIKELY(t->watch != NULL) ? tcg_extra_size(t->watch, count, bytes) : 0;
    return (*extra_at + extra + 63) & ~(size_t)63;
}

static void ask_ahead(struct BlockCache *c, size_t end) {
    size_t n = c->arena_size - c->ready < AHEAD ? c->arena_size - c->ready : AHEAD;
    if (end <= c->ready || n == 0)
        return;
    madvise(c->arena + c->ready, n, MADV_POPULATE_WRITE); /* where the host has no such thing, pages come by faults */
    c->ready += n;
}

static struct Block *arena_take(struct Tcg *t, size_t size) {
    struct BlockCache *c = t->blocks;
    if (c->used + size > c->segment_size)
        next_segment(t);
    size_t at = c->current * c->segment_size + c->used;
    struct Block *b = (struct Block *)(c->arena + at);
    ask_ahead(c, at + size);
    c->used += size;
    c->built++;
    return b;
}

static void insert(struct BlockCache *c, struct Block *b) {
    b->cached = true;
    struct Block **h = &c->hash[hash_of(b->phys, b->mode)];
    b->hash_next = *h;
    *h = b;
    struct Block **p = page_chain(c, b->phys & ~0xfffull);
    b->page_next[0] = *p;
    *p = b;
    if (b->phys_next == BLOCK_NO_PAGE)
        return;
    struct Block **p2 = page_chain(c, b->phys_next);
    if (p2 == p) /* one chain serves both pages */
        return;
    b->page_next[1] = *p2;
    *p2 = b;
}

static void fill(struct Block *b, const struct TcgDecoded *d, unsigned n, unsigned bytes) {
    b->count = (uint8_t)n;
    b->falls = !d[n - 1].isa.flow;
    b->exits = 0;
    struct BlockLink *link = block_links(b) + 2;
    for (unsigned k = 0; k < n; k++) {
        b->insn[k] = d[k].insn;
        if (!d[k].isa.jcc)
            continue;
        b->insn[k].exit_link = (uint8_t)(link + b->exits++ - (struct BlockLink *)&b->insn[k]);
        b->insn[k].behind = (uint8_t)(n - 1 - k);
    }
    if (b->falls)
        b->insn[n] = (struct Insn){
            .fn = tcg_exec_fallthrough, .idx = (uint8_t)n, .disp = (int32_t)bytes, .off = (uint16_t)bytes};
    memset(block_links(b), 0, (2u + b->exits) * sizeof(struct BlockLink));
    b->bytes = (uint16_t)bytes;
    b->stale = b->cached = false;
    b->extra_at = 0;
}

static void watch_block(struct Tcg *t, struct Block *b, void *room) {
    const struct CpuTrace *trace = t->cpu->trace;
    tcg_extra_fill(t, b, room, t->blocks->decoded, t->blocks->bytes);
    if (trace != NULL && trace->decoded != NULL)
        trace->decoded(trace->opaque, t->cpu, t->env->rip, t->blocks->bytes, b->bytes);
}

/** Where a debugger has a breakpoint, at this address or one with the same offset in its page. */
static struct Block *build_break(struct Tcg *t, struct Fetch *f, uint64_t phys, uint32_t mode) {
    protect(t, f->page);
    mark_code(f->page->page_code, phys, 1);
    size_t extra_at;
    struct Block *b = arena_take(t, block_size(t, 1, 0, 0, &extra_at));
    b->phys = phys;
    b->phys_next = BLOCK_NO_PAGE;
    b->mode = mode;
    b->count = 1;
    b->bytes = 1;
    b->exits = 0;
    b->falls = b->stale = b->cached = false;
    b->extra_at = 0;
    b->insn[0] = (struct Insn){.fn = tcg_exec_break, .len = 1};
    b->jit = NULL;
    jit_forget_block(t->jit, b);
    memset(block_links(b), 0, 2 * sizeof(struct BlockLink));
    if (f->page->host != NULL)
        insert(t->blocks, b);
    return b;
}

static struct Block *build(struct Tcg *t, struct Fetch *f, uint64_t phys, uint32_t mode) {
    unsigned bytes, exits;

    tcg_block_mend(t); /* before its memory may be recycled */
    if (UNLIKELY(tcg_break_offset(t, f->linear)) && !(mode & MODE_STEP))
        return build_break(t, f, phys, mode);
    protect(t, f->page);
    unsigned n = decode_run(t, f, mode, &bytes, &exits);
    if (!(mode & MODE_STEP))
        liveness_pick(t->blocks->decoded, n);
    size_t extra_at, size = block_size(t, n, exits, bytes, &extra_at);
    struct Block *b = arena_take(t, size);
    bool crosses = (phys & 0xfff) + bytes > 4096;
    b->phys = phys;
    b->phys_next = crosses ? f->second.phys : BLOCK_NO_PAGE;
    b->mode = mode;
    if (crosses)
        protect(t, &f->second);
    fill(b, t->blocks->decoded, n, bytes);
    if (UNLIKELY(t->watch != NULL))
        watch_block(t, b, (uint8_t *)b + extra_at);
    if (f->page->host != NULL) /* what is not memory may read differently next time */
        insert(t->blocks, b);
    jit_begin_block(t, b);
    return b;
}

/** The second page of a block that crosses must still be where it was. */
static bool still_maps(struct Tcg *t, const struct Block *b, const struct Fetch *f) {
    if (LIKELY(b->phys_next == BLOCK_NO_PAGE))
        return true;
    uint64_t next = (f->linear | 0xfff) + 1;
    next = (t->mode & MODE_CODE) == MODE_CODE64 ? next : (uint32_t)next;
    const struct ExecTlbEntry *e = f->known ? tcg_exec_page_known(t, next) : tcg_exec_page(t, next);
    return e != NULL && e->phys == b->phys_next;
}

static bool is_at(struct Tcg *t, const struct Block *b, uint64_t phys, uint32_t mode, const struct Fetch *f) {
    return b->phys == phys && b->mode == mode && b->bytes <= f->limit && still_maps(t, b, f);
}

/** The block at f->linear, if it is there. f->page is its page, which may be another's once this returns. */
static struct Block *find(struct Tcg *t, const struct Fetch *f, uint64_t phys, uint32_t mode, struct Block *hint) {
    if (hint != NULL && !hint->stale && is_at(t, hint, phys, mode, f))
        return hint;
    for (struct Block *b = t->blocks->hash[hash_of(phys, mode)]; b != NULL; b = b->hash_next)
        if (is_at(t, b, phys, mode, f))
            return b;
    return NULL;
}

struct Block *tcg_block_known(struct Tcg *t, uint64_t rip, struct Block *hint) {
    bool code64 = (t->mode & MODE_CODE) == MODE_CODE64;
    uint64_t linear = code64 ? rip : (uint32_t)(t->cs_base + rip);
    if (!code64 && rip > t->cs_limit)
        return NULL;
    struct Fetch f = {.linear = linear, .limit = code64 ? UINT64_MAX : t->cs_limit - rip + 1, .known = true};
    f.page = tcg_exec_page_known(t, linear);
    return f.page != NULL ? find(t, &f, f.page->phys | (linear & 0xfff), t->mode, hint) : NULL;
}

struct Block *tcg_block_find(struct Tcg *t, uint32_t mode, struct Block *hint) {
    CPUX86State *env = t->env;
    bool code64 = (mode & MODE_CODE) == MODE_CODE64;
    uint64_t linear = env->rip;

    if (!code64) {
        if (env->rip > t->cs_limit)
            tcg_raise_error(t, NULL, VEC_GP, 0);
        linear = (uint32_t)(t->cs_base + env->rip);
    }
    struct Fetch f = {.page = tcg_exec_page(t, linear), .linear = linear};
    f.limit = code64 ? UINT64_MAX : t->cs_limit - env->rip + 1;
    struct ExecTlbEntry first = *f.page; /* the TLB slot may be refilled by the next page's translation */
    uint64_t phys = first.phys | (linear & 0xfff);
    struct Block *b = find(t, &f, phys, mode, hint);
    if (b != NULL)
        return b;
    f.page = &first;
    return build(t, &f, phys, mode);
}
