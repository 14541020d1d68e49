/* SPDX-License-Identifier: MIT */
/*
 * Reducing a differing case: everything that can be made plain without the difference going away, is. What counts as
 * the same difference: the same kind (fault or not, on either side) in the same instruction.
 */
#include "diff/case_run.h"

#include <stdlib.h>
#include <string.h>

struct Shrinker {
    struct CasePair *pair;
    struct DiffCase *c, *trial;
    struct Comparison *cmp;
    uint16_t row;
    uint32_t vector_a, vector_b;
};

static bool still_differs(struct Shrinker *s) {
    enum Verdict verdict;
    unsigned explained;
    char why[256];
    return case_pair_run(s->pair, s->trial, s->cmp, &verdict, &explained, why, sizeof(why)) == 0 &&
           verdict == DIFFERENT && s->pair->decoded[0].row == s->row && s->cmp->a.vector == s->vector_a &&
           s->cmp->b.vector == s->vector_b;
}

/** Keep the trial if it differs still. */
static bool settle(struct Shrinker *s) {
    bool ok = still_differs(s);
    if (ok)
        memcpy(s->c, s->trial, sizeof(*s->c));
    else
        memcpy(s->trial, s->c, sizeof(*s->c));
    return ok;
}

static void shrink_fields(struct Shrinker *s) {
    struct DiffState plain;
    diff_state_init(&plain);
    for (unsigned k = 0; k < DIFF_FIELDS; k++) {
        const struct DiffField *f = &diff_fields[k];
        uint8_t *p = (uint8_t *)&s->trial->in + f->offset;
        if (!strcmp(f->name, "rip") || !memcmp(p, diff_field_at(&plain, f), f->size))
            continue;
        memcpy(p, diff_field_at(&plain, f), f->size);
        if (settle(s))
            continue;
        for (unsigned n = f->size; n-- > 0;) { /* byte by byte, from the top */
            p[n] = diff_field_at(&plain, f)[n];
            settle(s);
        }
    }
}

/** Zero memory in halves, quarters ... of each piece. */
static void shrink_memory(struct Shrinker *s) {
    for (unsigned k = 0; k < s->c->expected_from; k++) {
        const struct CasePiece *p = &s->c->piece[k];
        if (p->linear == s->c->code)
            continue;
        for (unsigned size = p->n; size >= 1; size /= 2)
            for (unsigned at = 0; at < p->n; at += size) {
                unsigned n = p->n - at < size ? p->n - at : size;
                uint8_t *bytes = s->trial->bytes + p->at + at;
                bool zero = true;
                for (unsigned b = 0; b < n; b++)
                    zero &= bytes[b] == 0;
                if (zero)
                    continue;
                memset(bytes, 0, n);
                settle(s);
            }
    }
}

/** Pieces without zeros at their ends. */
static void trim(struct DiffCase *c) {
    unsigned kept = 0;
    for (unsigned k = 0; k < c->expected_from; k++) {
        struct CasePiece p = c->piece[k];
        while (p.linear != c->code && p.n > 0 && c->bytes[p.at + p.n - 1] == 0)
            p.n--;
        while (p.linear != c->code && p.n > 0 && c->bytes[p.at] == 0)
            p.n--, p.at++, p.linear++;
        if (p.n > 0)
            c->piece[kept++] = p;
    }
    memmove(c->piece + kept, c->piece + c->expected_from, (c->pieces - c->expected_from) * sizeof(c->piece[0]));
    c->pieces -= c->expected_from - kept;
    c->expected_from = kept;
}

void case_shrink(struct CasePair *pair, struct DiffCase *c) {
    struct Shrinker s = {.pair = pair, .c = c, .trial = malloc(sizeof(*c)), .cmp = malloc(sizeof(struct Comparison))};
    enum Verdict verdict;
    unsigned explained;
    char why[256];
    if (s.trial != NULL && s.cmp != NULL &&
        case_pair_run(pair, c, s.cmp, &verdict, &explained, why, sizeof(why)) == 0 && verdict == DIFFERENT) {
        s.row = pair->decoded[0].row;
        s.vector_a = s.cmp->a.vector;
        s.vector_b = s.cmp->b.vector;
        memcpy(s.trial, c, sizeof(*c));
        shrink_fields(&s);
        shrink_memory(&s);
        trim(c);
    }
    free(s.trial);
    free(s.cmp);
}
