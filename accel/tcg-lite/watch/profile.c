/* SPDX-License-Identifier: MIT */
#include "accel/tcg-lite/watch/profile.h"
#include "accel/tcg-lite/run/block.h"

#include <stdlib.h>
#include <string.h>

enum { HASH_BITS = 16 };

/** What of an instruction a sequence depends on. */
struct Counted {
    ExecFn fn;
    uint8_t reg, rm, base, index, vreg;
    bool hooked;
    uint64_t times; /* if hooked; others are executed as often as the one before them */
};

/** Blocks with the same content. */
struct Record {
    struct Record *next;
    unsigned count;
    struct Counted insn[];
};

struct TcgProfile {
    FILE *file;
    struct Record *hash[1 << HASH_BITS];
};

/* ---- counting ---- */

/** In the arena, behind the block's links. */
static struct Record **record_of(const struct Block *b) {
    return (struct Record **)(block_links((struct Block *)(uintptr_t)b) + 2 + b->exits);
}

static EXEC_FN exec_profile(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    struct Counted *c = &(*record_of(block_of(i)))->insn[i->idx];
    c->times++;
    GO_ON(c->fn);
}

/** A conditional branch has no registers, and its link is at another place in each block. */
static struct Counted counted(const struct Insn *i, bool exit, bool hooked) {
    if (exit)
        return (struct Counted){.fn = i->fn, .hooked = hooked};
    return (struct Counted){i->fn, i->reg, i->rm, i->base, i->index, i->vreg, hooked, 0};
}

static bool same(const struct Counted *a, const struct Counted *b) {
    return a->fn == b->fn && a->reg == b->reg && a->rm == b->rm && a->base == b->base && a->index == b->index &&
           a->vreg == b->vreg;
}

static bool is_of(const struct Record *r, const struct Block *b, const struct TcgDecoded *d) {
    if (r->count != b->count)
        return false;
    for (unsigned k = 0; k < b->count; k++) {
        struct Counted c = counted(&b->insn[k], d[k].isa.jcc, false);
        if (!same(&r->insn[k], &c))
            return false;
    }
    return true;
}

static struct Record **slot_of(struct TcgProfile *p, const struct Block *b) {
    uint64_t h = b->count;
    for (unsigned k = 0; k < b->count; k++)
        h = (h ^ (uintptr_t)b->insn[k].fn ^ (uint64_t)b->insn[k].reg << 48 ^ (uint64_t)b->insn[k].rm << 56) *
            0x9e3779b97f4a7c15ull;
    return &p->hash[h >> (64 - HASH_BITS)];
}

static struct Record *record(struct TcgProfile *p, const struct Block *b, const struct TcgDecoded *d) {
    struct Record **slot = slot_of(p, b), *r = *slot;
    while (r != NULL && !is_of(r, b, d))
        r = r->next;
    if (r != NULL || (r = calloc(1, sizeof(*r) + b->count * sizeof(r->insn[0]))) == NULL)
        return r;
    r->count = b->count;
    for (unsigned k = 0; k < b->count; k++)
        r->insn[k] = counted(&b->insn[k], d[k].isa.jcc, k == 0 || d[k - 1].isa.jcc);
    r->next = *slot;
    *slot = r;
    return r;
}

void tcg_profile_block(struct TcgProfile *p, struct Block *b, const struct TcgDecoded *d) {
    struct Record *r = record(p, b, d);
    *record_of(b) = r;
    for (unsigned k = 0; r != NULL && k < b->count; k++)
        if (r->insn[k].hooked)
            b->insn[k].fn = exec_profile;
}

/* ---- writing ---- */

struct Name {
    ExecFn fn;
    const char *text;
};

static int by_fn(const void *a, const void *b) {
    uintptr_t x = (uintptr_t)((const struct Name *)a)->fn, y = (uintptr_t)((const struct Name *)b)->fn;
    return (x > y) - (x < y);
}

/** Every exec function's, by address; the caller frees it. */
static struct Name *names(unsigned *count) {
    struct Name *name = calloc(x86_fn_count, sizeof(*name));
    const char *text = x86_fn_names;
    *count = 0;
    for (unsigned k = 0; name != NULL && k < x86_fn_count; k++, text += strlen(text) + 1)
        if (*text != '\0')
            name[(*count)++] = (struct Name){x86_fns[k], text};
    if (name != NULL)
        qsort(name, *count, sizeof(*name), by_fn);
    return name;
}

static void put_record(FILE *f, const struct Record *r, const struct Name *name, unsigned count) {
    uint64_t times = 0;
    if (r->insn[0].times == 0)
        return;
    fprintf(f, "block\n");
    for (unsigned k = 0; k < r->count; k++) {
        const struct Counted *c = &r->insn[k];
        const struct Name key = {.fn = c->fn}, *n = bsearch(&key, name, count, sizeof(*name), by_fn);
        if (c->hooked)
            times = c->times;
        fprintf(f, "%llu %s %u %u %u %u %u\n", (unsigned long long)times, n != NULL ? n->text : "!other - 0x0", c->reg,
                c->rm, c->base, c->index, c->vreg);
    }
}

/* ---- life ---- */

struct TcgProfile *tcg_profile_new(FILE *file) {
    struct TcgProfile *p = calloc(1, sizeof(*p));
    if (p != NULL)
        p->file = file;
    return p;
}

void tcg_profile_free(struct TcgProfile *p) {
    unsigned count;
    struct Name *name = p != NULL ? names(&count) : NULL;
    if (p == NULL)
        return;
    flockfile(p->file);
    for (unsigned k = 0; k < 1u << HASH_BITS; k++)
        for (struct Record *r = p->hash[k], *next; r != NULL; r = next) {
            next = r->next;
            if (name != NULL)
                put_record(p->file, r, name, count);
            free(r);
        }
    funlockfile(p->file);
    free(name);
    free(p);
}
