/* SPDX-License-Identifier: MIT */
/* Cases that are run again: see insn_ask_again, insn_strays. */
#include "diff/insn.h"

#include <stdlib.h>
#include <string.h>

enum { MEMORY = (GEN_DATA_PAGES + GEN_EDGES * 2) * 4096 };

/** What an engine's memory holds that cases can change: piece 0 is the data, the others are edges. */
struct Piece {
    uint64_t linear;
    uint8_t *at;
    const uint8_t *before;
    size_t n;
};

static struct Piece piece(const struct GenBatch *b, const struct DiffRunner *r, unsigned number) {
    const struct GenLayout *l = b->layout;
    struct Piece p = {l->data, NULL, b->data, l->data_pages * 4096u};
    if (number > 0) {
        unsigned edge = number - 1;
        p.linear = l->edge + edge * (uint64_t)GEN_EDGE_SIZE + 4096;
        p.before = b->edge[edge];
        p.n = edge % GEN_EDGE_KINDS == EDGE_UNMAPPED ? 4096 : 8192;
    }
    p.at = diff_space_at(&r->space, p.linear);
    return p;
}

/** One case on one engine, again. */
struct Again {
    struct InsnRun *run;
    struct DiffRunner *engine;
    const struct Comparison *c; /* the case's own memory */
    struct DiffState *out;
    struct DiffSystem *system; /* may be NULL */
    struct DiffState first;
    struct DiffSystem first_system;
    uint8_t *memory; /* MEMORY bytes: that of all cases after the first run */
};

static void copy_memory(const struct Again *g, bool back) {
    uint8_t *copy = g->memory;
    for (unsigned n = 0; n <= g->run->batch->edges; n++) {
        struct Piece p = piece(g->run->batch, g->engine, n);
        memcpy(back ? p.at : copy, back ? copy : p.at, p.n);
        copy += p.n;
    }
}

/** Other bytes wherever the case has no business: each bit is changed by one of 0 and 0xff. */
static void change_others(const struct Again *g, uint8_t change) {
    for (unsigned n = 0; n <= g->run->batch->edges; n++) {
        struct Piece p = piece(g->run->batch, g->engine, n);
        for (size_t j = 0; j < p.n; j++)
            p.at[j] = p.before[j] ^ change;
    }
    for (unsigned n = 0; n < g->c->ranges; n++) {
        const struct CompareRange *own = &g->c->range[n];
        memcpy(diff_space_at(&g->engine->space, own->linear), own->before, own->n);
    }
}

static bool same_memory(const struct Again *g) {
    const uint8_t *copy = g->memory;
    for (unsigned n = 0; n <= g->run->batch->edges; n++) {
        struct Piece p = piece(g->run->batch, g->engine, n);
        for (unsigned k = 0; k < g->c->ranges; k++) {
            uint64_t at = g->c->range[k].linear - p.linear;
            if (at < p.n && memcmp(p.at + at, copy + at, g->c->range[k].n) != 0)
                return false;
        }
        copy += p.n;
    }
    return true;
}

enum Around { AS_BEFORE, PLAIN, INVERTED };

/** Run case k again, `around`: as it was loaded at first, or alone, with pads of the oracle's and the bytes around as
 * they were before or inverted. True: its result is another now. */
static bool differs(struct Again *g, unsigned k, enum Around around) {
    const uint16_t which = (uint16_t)k;
    const struct GenBatch *b = g->run->batch;
    char why[256];
    g->first = *g->out;
    if (g->system != NULL)
        g->first_system = *g->system;
    copy_memory(g, false);
    g->engine->oracle_pads = around != AS_BEFORE;
    if (around != AS_BEFORE) {
        gen_load_alone(b, g->engine, b->group_of[k]);
        change_others(g, around == INVERTED ? 0xff : 0);
    } else {
        gen_load(b, g->engine);
    }
    bool ran =
        g->engine->ops->run(g->engine, b->in, g->out - k, &which, 1, why, sizeof(why)) == 0; /* fails as before */
    bool other = ran && (!diff_state_equal(&g->first, g->out) || !same_memory(g) ||
                         (g->system != NULL && memcmp(&g->first_system, g->system, sizeof(*g->system)) != 0));
    g->engine->oracle_pads = false;
    gen_load(b, g->engine);
    copy_memory(g, true);
    *g->out = g->first;
    if (g->system != NULL)
        *g->system = g->first_system;
    return other;
}

void insn_own_memory(struct InsnRun *r, unsigned k, uint8_t *kept, bool back) {
    struct Comparison c;
    insn_comparison(r, k, &c);
    for (unsigned n = 0; n < c.ranges; kept += c.range[n].n, n++)
        memcpy(back ? c.range[n].a : kept, back ? kept : c.range[n].a, c.range[n].n);
}

bool insn_ask_again(struct InsnRun *r, unsigned k) {
    enum { TRIES = 20 };
    const uint16_t which = (uint16_t)k;
    char why[256];
    struct Comparison c;
    insn_comparison(r, k, &c);
    for (unsigned tries = 0; tries < TRIES; tries++) {
        for (unsigned n = 0; n < c.ranges; n++)
            memcpy(c.range[n].b, c.range[n].before, c.range[n].n);
        if (r->b->ops->run(r->b, r->batch->in, r->out_b, &which, 1, why, sizeof(why)) != 0)
            return false; /* and it will say so in the next batch */
        if (!r->out_b[k].disturbed)
            return true;
    }
    return false;
}

bool insn_strays(struct InsnRun *r, unsigned k) {
    struct Comparison *c = malloc(sizeof(*c));
    uint8_t *memory = malloc(MEMORY);
    bool strays = false;
    if (c != NULL && memory != NULL) {
        insn_comparison(r, k, c);
        struct Again a = {.run = r, .engine = r->a, .c = c, .out = &r->out_a[k], .memory = memory},
                     b = {.run = r, .engine = r->b, .c = c, .out = &r->out_b[k], .memory = memory};
        a.system = r->a->system != NULL ? &r->a->system[k] : NULL;
        b.system = r->b->system != NULL ? &r->b->system[k] : NULL;
        strays = differs(&a, k, INVERTED) || differs(&a, k, PLAIN) || differs(&b, k, AS_BEFORE);
    }
    free(c);
    free(memory);
    return strays;
}
