/* SPDX-License-Identifier: MIT */
#include "accel/tcg-lite/run/links.h"

#include <stdlib.h>
#include <string.h>

enum { LINKS_FIRST = 1 << 12, LINKS_MAX = 1 << 20, PAGE_BITS = 12 };

/** Links that are to be forgotten. */
struct LinkList {
    struct BlockLink **link;
    unsigned count, room;
};

/** A physical page that was executed. [0] by supervisor, [1] by user code. */
struct CodePage {
    uint64_t phys;
    uint64_t linear[2], generation[2]; /* where, and in which generation of ways */
    struct CodePage *next;
};

struct Links {
    struct LinkList list[2]; /* of supervisor and user code */
    bool local_super;        /* supervisor code was executed in a page that is not global */
    uint64_t entered[2][64]; /* hashes of the linear pages that were executed */
    struct CodePage *page[1 << PAGE_BITS];
};

struct Links *links_new(void) { return calloc(1, sizeof(struct Links)); }

void links_free(struct Links *l) {
    for (unsigned k = 0; l != NULL && k < 1u << PAGE_BITS; k++)
        for (struct CodePage *p = l->page[k], *next; p != NULL; p = next) {
            next = p->next;
            free(p);
        }
    for (unsigned user = 0; l != NULL && user < 2; user++)
        free(l->list[user].link);
    free(l);
}

static void clear_exec(struct Tcg *t, bool user) {
    for (unsigned n = 0; n < EXEC_TLB_SIZE; n++)
        t->exec_tlb[user][n].tag = TLB_NONE;
}

static unsigned entered_bit(uint64_t linear) { return (unsigned)((linear >> 12 ^ linear >> 24) & 4095); }

static void forget(struct Tcg *t, bool user) {
    struct Links *l = t->links;
    for (unsigned k = 0; k < l->list[user].count; k++)
        block_unlink(l->list[user].link[k]);
    l->list[user].count = 0;
    clear_exec(t, user);
    memset(l->entered[user], 0, sizeof(l->entered[user]));
    t->link_generation[user]++;
    if (!user)
        l->local_super = false;
}

static void new_key(struct Tcg *t) {
    t->mode_key = t->link_generation[(t->mode & MODE_USER) != 0] << MODE_BITS | t->mode;
}

void tcg_forget_links(struct Tcg *t, unsigned which) {
    if (which & LINKS_SUPER)
        forget(t, false);
    if (which & LINKS_USER)
        forget(t, true);
    new_key(t);
}

void tcg_forget_page(struct Tcg *t, uint64_t linear) {
    unsigned bit = entered_bit(linear), which = 0;
    for (unsigned user = 0; user < 2; user++)
        if (t->links->entered[user][bit >> 6] >> (bit & 63) & 1)
            which |= user ? LINKS_USER : LINKS_SUPER;
    tcg_forget_links(t, which);
}

void tcg_forget_local_links(struct Tcg *t) { tcg_forget_links(t, t->links->local_super ? LINKS_ALL : LINKS_USER); }

void tcg_links_gone(struct Tcg *t) {
    t->links->list[0].count = t->links->list[1].count = 0;
    tcg_forget_links(t, LINKS_ALL);
}

/** Both lie in one page, and only there. In other than 64-bit code CS has a say, too. */
static bool stays_in_page(const struct Block *from, const struct Block *to) {
    return (from->mode & MODE_CODE) == MODE_CODE64 && ((from->phys ^ to->phys) & ~0xfffull) == 0 &&
           from->phys_next == BLOCK_NO_PAGE && to->phys_next == BLOCK_NO_PAGE;
}

/** Room for one more: a large program has more ways than any list that is made in advance. */
static bool has_room(struct LinkList *l) {
    if (LIKELY(l->count < l->room))
        return true;
    unsigned room = l->room == 0 ? LINKS_FIRST : l->room * 2;
    struct BlockLink **link = room <= LINKS_MAX ? realloc(l->link, room * sizeof(struct BlockLink *)) : NULL;
    if (link == NULL)
        return false;
    l->link = link;
    l->room = room;
    return true;
}

void tcg_link(struct Tcg *t, const struct Insn *from, struct BlockLink *link, struct Block *b) {
    bool user = (t->mode & MODE_USER) != 0;
    struct LinkList *l = &t->links->list[user];
    if (!b->cached)
        return;
    link->hint = b;
    if (from == NULL || !stays_in_page(block_of(from), b)) {
        if (!has_room(l))
            tcg_forget_links(t, user ? LINKS_USER : LINKS_SUPER);
        if (l->room == 0) /* no memory at all: it stays unknown */
            return;
        l->link[l->count++] = link;
    }
    link->target = b;
}

static struct CodePage *code_page(struct Links *l, uint64_t phys) {
    struct CodePage **slot = &l->page[(phys >> 12) & ((1u << PAGE_BITS) - 1)];
    for (struct CodePage *p = *slot; p != NULL; p = p->next)
        if (p->phys == phys)
            return p;
    struct CodePage *p = calloc(1, sizeof(*p));
    if (p != NULL) {
        *p = (struct CodePage){.phys = phys, .generation = {UINT64_MAX, UINT64_MAX}, .next = *slot};
        *slot = p;
    }
    return p;
}

void tcg_page_entered(struct Tcg *t, struct ExecTlbEntry *e, uint64_t linear, uint64_t phys, bool user, bool global) {
    struct CodePage *p = code_page(t->links, phys);
    if (p == NULL || (p->generation[user] == t->link_generation[user] && p->linear[user] != linear))
        tcg_forget_links(t, user ? LINKS_USER : LINKS_SUPER);
    if (p != NULL) {
        p->linear[user] = linear;
        p->generation[user] = t->link_generation[user];
    }
    t->links->entered[user][entered_bit(linear) >> 6] |= 1ull << (entered_bit(linear) & 63);
    if (!user && !global)
        t->links->local_super = true;
    e->tag = linear;
    e->phys = phys;
}
