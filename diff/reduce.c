/* SPDX-License-Identifier: MIT */
#include "diff/reduce.h"

#include <stdlib.h>
#include <string.h>

/* Memory is made 0 in parts of so many bytes at most. */
enum { PART = 1024 };

/** One run: what the case began with and how it ended. */
struct Run {
    struct DiffState in;
    struct CaseResult result;
    struct DiffPage page[REDUCE_PAGES];
    unsigned pages;
    uint8_t before[REDUCE_PAGES][4096], after[REDUCE_PAGES][4096];
};

struct Reducer {
    struct DiffRunner *runner;
    struct DiffCase *c;
    struct Run *base, *trial; /* as it shall be; as it was with the last change */
};

static bool run(struct Reducer *r, struct Run *out) {
    struct DiffCase *c = r->c;
    char why[256];
    out->in = c->in;
    out->pages = c->pages;
    memcpy(out->page, c->page, c->pages * sizeof(c->page[0]));
    if (diff_tcg_case(r->runner, c, &out->result, why, sizeof(why)) != 0)
        return false;
    for (unsigned k = 0; k < c->pages; k++) {
        case_page(c, c->page[k].linear, out->before[k]);
        memcpy(out->after[k], diff_space_at(&r->runner->space, c->page[k].linear), 4096);
    }
    return true;
}

/* ---- the same effect ---- */

/** Bits that differ afterwards are ones that neither run has changed. */
static bool same_bits(const uint8_t *before_a, const uint8_t *after_a, const uint8_t *before_b, const uint8_t *after_b,
                      unsigned n) {
    uint8_t bad = 0;
    for (unsigned k = 0; k < n; k++)
        bad |= (after_a[k] ^ after_b[k]) & ((before_a[k] ^ after_a[k]) | (before_b[k] ^ after_b[k]));
    return bad == 0;
}

static bool same_registers(const struct Run *a, const struct Run *b) {
    for (unsigned k = 0; k < DIFF_FIELDS; k++) {
        const struct DiffField *f = &diff_fields[k];
        if (!same_bits(diff_field_at(&a->in, f), diff_field_at(&a->result.out, f), diff_field_at(&b->in, f),
                       diff_field_at(&b->result.out, f), f->size))
            return false;
    }
    return true;
}

static bool same_fault(const struct DiffState *a, const struct DiffState *b) {
    return a->vector == b->vector && a->error == b->error && a->cr2 == b->cr2 && a->dr6 == b->dr6;
}

/** `b` may lack pages of `a`, which `a` has not changed then. */
static bool same_memory(const struct Run *a, const struct Run *b) {
    for (unsigned k = 0; k < a->pages; k++) {
        unsigned n = 0;
        while (n < b->pages && b->page[n].linear != a->page[k].linear)
            n++;
        const uint8_t *before = n < b->pages ? b->before[n] : a->before[k];
        const uint8_t *after = n < b->pages ? b->after[n] : a->before[k];
        if (memcmp(a->after[k], after, 4096) != 0 && !same_bits(a->before[k], a->after[k], before, after, 4096))
            return false;
    }
    return true;
}

/** CR3 goes by the number of pages. */
static bool same_system(const struct DiffSystem *a, const struct DiffSystem *b) {
    enum { CR3 = 3 };
    return memcmp(a->v, b->v, CR3 * sizeof(a->v[0])) == 0 &&
           memcmp(a->v + CR3 + 1, b->v + CR3 + 1, (DIFF_SYSTEM - CR3 - 1) * sizeof(a->v[0])) == 0;
}

/** The case was changed: whether it does the same. Then this is how it shall be from now on. */
static bool settle(struct Reducer *r) {
    struct Run *a = r->base, *b = r->trial;
    if (!run(r, b) || !same_fault(&a->result.out, &b->result.out) || a->result.linear != b->result.linear ||
        !same_system(&a->result.system, &b->result.system) || !same_registers(a, b) || !same_memory(a, b))
        return false;
    r->base = b;
    r->trial = a;
    return true;
}

/* ---- registers ---- */

/** Fields from `first` on become as in `plain`, all or none. */
static bool try_fields(struct Reducer *r, unsigned first, unsigned count, const struct DiffState *plain) {
    struct DiffState was = r->c->in;
    for (unsigned k = first; k < first + count; k++)
        memcpy((uint8_t *)&r->c->in + diff_fields[k].offset, diff_field_at(plain, &diff_fields[k]),
               diff_fields[k].size);
    if (diff_state_equal(&was, &r->c->in) || settle(r))
        return true;
    r->c->in = was;
    return false;
}

static void reduce_flags(struct Reducer *r, const struct DiffState *plain) {
    for (unsigned bit = 0; bit < 22; bit++) {
        uint64_t was = r->c->in.rflags, differ = was ^ plain->rflags;
        if (!(differ >> bit & 1))
            continue;
        r->c->in.rflags ^= 1ull << bit;
        if (!settle(r))
            r->c->in.rflags = was;
    }
}

static void reduce_registers(struct Reducer *r) {
    struct DiffState plain;
    case_usual(r->c, &plain);
    plain.rip = r->c->in.rip;
    unsigned first = (unsigned)diff_field_find("fcw", 3);
    if (!try_fields(r, first, DIFF_FIELDS - first, &plain)) /* x87 and vectors at once, then one by one */
        for (unsigned k = first; k < DIFF_FIELDS; k++)
            try_fields(r, k, 1, &plain);
    for (unsigned k = 0; k < first; k++)
        try_fields(r, k, 1, &plain);
    reduce_flags(r, &plain);
}

/* ---- memory ---- */

/** Bytes of the case's memory become 0: all of them, or what can be of each half. */
static void reduce_bytes(struct Reducer *r, uint8_t *p, unsigned n) {
    uint8_t was[PART];
    unsigned used = 0;
    for (unsigned k = 0; k < n; k++)
        used |= p[k];
    if (used == 0)
        return;
    memcpy(was, p, n);
    memset(p, 0, n);
    if (settle(r))
        return;
    memcpy(p, was, n);
    if (n == 1)
        return;
    reduce_bytes(r, p, n / 2);
    reduce_bytes(r, p + n / 2, n - n / 2);
}

static bool is_code(const struct DiffCase *c, const struct CasePiece *p) {
    return p->at - c->code_at < c->code_bytes;
}

static void reduce_memory(struct Reducer *r) {
    for (unsigned k = 0; k < r->c->expected_from; k++) {
        const struct CasePiece *p = &r->c->piece[k];
        for (unsigned at = 0, n; at < p->n && !is_code(r->c, p); at += n) {
            n = p->n - at < PART ? p->n - at : PART;
            reduce_bytes(r, r->c->bytes + p->at + at, n);
        }
    }
}

/** The bytes of a piece that are not 0, as pieces; a few zeros between do not part them. False: too many. */
static bool split(const struct DiffCase *c, const struct CasePiece *p, struct CasePiece *out, unsigned *count) {
    enum { GAP = 8 };
    const uint8_t *b = c->bytes + p->at;
    unsigned from = 0;
    while (from < p->n) {
        if (b[from] == 0) {
            from++;
            continue;
        }
        unsigned end = from + 1;
        for (unsigned k = end; k < p->n && k < end + GAP; k++)
            if (b[k] != 0)
                end = k + 1;
        if (*count == CASE_MAX_PIECES)
            return false;
        out[(*count)++] = (struct CasePiece){p->linear + from, p->at + from, end - from, 0};
        from = end;
    }
    return true;
}

/** Initial memory that is 0 need not be named; pages stay. */
static void trim(struct DiffCase *c) {
    static const unsigned most = CASE_MAX_PIECES;
    struct CasePiece *kept = malloc(most * sizeof(*kept));
    unsigned n = 0, expected = c->pieces - c->expected_from;
    bool ok = kept != NULL;
    for (unsigned k = 0; ok && k < c->expected_from; k++) {
        const struct CasePiece *p = &c->piece[k];
        /* what pages with code are filled with is no 0 */
        if (is_code(c, p) || ((p->linear ^ c->code) & ~0xfffull) == 0) {
            ok = n < most;
            if (ok)
                kept[n++] = *p;
        } else {
            ok = split(c, p, kept, &n);
        }
    }
    if (ok && n + expected <= most) {
        memmove(c->piece + n, c->piece + c->expected_from, expected * sizeof(*kept));
        memcpy(c->piece, kept, n * sizeof(*kept));
        c->expected_from = n;
        c->pieces = n + expected;
    }
    free(kept);
}

/* ---- pages ---- */

static void drop_page(struct DiffCase *c, unsigned number) {
    const struct DiffPage page = c->page[number];
    unsigned kept = 0;
    for (unsigned k = 0; k < c->pieces; k++)
        if (((c->piece[k].linear ^ page.linear) & ~0xfffull) != 0 || k >= c->expected_from)
            c->piece[kept++] = c->piece[k];
    c->expected_from -= c->pieces - kept;
    c->pieces = kept;
    memmove(c->page + number, c->page + number + 1, (c->pages - number - 1) * sizeof(page));
    c->pages--;
}

/** A piece across the page's end goes with neither page. */
static bool has_crossing(const struct DiffCase *c, const struct DiffPage *page) {
    for (unsigned k = 0; k < c->pieces; k++) {
        const struct CasePiece *p = &c->piece[k];
        bool first = p->linear - page->linear < 4096, last = p->linear + p->n - 1 - page->linear < 4096;
        if (first != last || (p->linear < page->linear && p->linear + p->n > page->linear + 4096))
            return true;
    }
    return false;
}

static void reduce_pages(struct Reducer *r, struct DiffCase *was) {
    struct DiffCase *c = r->c;
    for (unsigned k = c->pages; k-- > 0;) {
        if (((c->page[k].linear ^ c->code) & ~0xfffull) == 0 || has_crossing(c, &c->page[k]))
            continue;
        memcpy(was, c, sizeof(*c));
        drop_page(c, k);
        if (settle(r))
            continue;
        memcpy(c, was, sizeof(*c));
        uint8_t attr = c->page[k].attr;
        c->page[k].attr = DIFF_PAGE_USER | DIFF_PAGE_WRITE;
        if (c->page[k].attr != attr && !settle(r))
            c->page[k].attr = attr;
    }
}

bool case_reduce(struct DiffRunner *runner, struct DiffCase *c) {
    struct Reducer r = {.runner = runner, .c = c, .base = malloc(sizeof(*r.base)), .trial = malloc(sizeof(*r.trial))};
    struct DiffCase *was = malloc(sizeof(*was));
    enum CaseRest rest = c->rest;
    c->rest = REST_ANY;
    bool ok = r.base != NULL && r.trial != NULL && was != NULL;
    if (ok && c->pages <= REDUCE_PAGES && (ok = run(&r, r.base))) {
        reduce_registers(&r);
        reduce_memory(&r);
        trim(c);
        reduce_pages(&r, was);
    }
    c->rest = rest;
    free(was);
    free(r.base);
    free(r.trial);
    return ok;
}
