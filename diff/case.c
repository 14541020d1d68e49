/* SPDX-License-Identifier: MIT */
/* Cases in memory, and what the text of one may leave out. */
#include "diff/case_run.h"
#include "diff/case_text.h"

#include <string.h>

const struct CaseAttribute case_attributes[CASE_ATTRIBUTES] = {
    {"write", DIFF_PAGE_WRITE}, {"user", DIFF_PAGE_USER}, {"nx", DIFF_PAGE_NX}};

const char case_segments[SEG_COUNT][3] = {"es", "cs", "ss", "ds", "fs", "gs"};

#define CONTROL(name) {#name, offsetof(struct DiffOwnSystem, name), offsetof(struct DiffOwnSystem, has_##name)}
const struct CaseControl case_controls[CASE_CONTROLS] = {CONTROL(cr0), CONTROL(cr4), CONTROL(efer), CONTROL(xcr0)};

void case_init(struct DiffCase *c, enum DiffMode mode, unsigned cpl) {
    c->name[0] = c->cpu[0] = c->note[0] = '\0';
    c->mode = mode;
    c->cpl = cpl;
    diff_state_init(&c->in);
    c->system = (struct DiffOwnSystem){.any = false};
    c->a20_off = false;
    c->pages = c->pieces = c->expected_from = c->used = c->code_at = c->code_bytes = 0;
    c->code = 0;
    c->judged = false;
    c->rest = REST_ANY;
    c->expected = (struct CaseFields){{0, 0}};
    c->expected_system = 0;
    c->fault = FAULT_ANY;
    c->fault_parts = 0;
}

void case_expect_begin(struct DiffCase *c) {
    if (c->judged)
        return;
    c->judged = true;
    memset(&c->mask, 0xff, sizeof(c->mask));
    memset(&c->mask_system, 0xff, sizeof(c->mask_system));
}

bool case_add_page(struct DiffCase *c, uint64_t linear, uint8_t attr) {
    linear &= ~0xfffull;
    for (unsigned k = 0; k < c->pages; k++)
        if (c->page[k].linear == linear) {
            c->page[k].attr = attr;
            return true;
        }
    if (c->pages == CASE_MAX_PAGES)
        return false;
    c->page[c->pages++] = (struct DiffPage){linear, attr};
    return true;
}

bool case_add_default_pages(struct DiffCase *c, uint64_t linear, unsigned n, bool code) {
    for (uint64_t at = linear & ~0xfffull; at - (linear & ~0xfffull) < (linear & 0xfff) + n; at += 4096) {
        unsigned k = 0;
        while (k < c->pages && c->page[k].linear != at)
            k++;
        if (k == c->pages && !case_add_page(c, at, (uint8_t)(DIFF_PAGE_USER | (code ? 0 : DIFF_PAGE_WRITE))))
            return false;
    }
    return true;
}

bool case_add_bytes(struct DiffCase *c, uint64_t linear, const void *bytes, unsigned n, bool expected) {
    if (c->pieces == CASE_MAX_PIECES || n > CASE_MAX_BYTES - c->used)
        return false;
    memcpy(c->bytes + c->used, bytes, n);
    c->piece[c->pieces++] = (struct CasePiece){linear, c->used, n, 0};
    c->used += n;
    if (!expected)
        c->expected_from = c->pieces;
    return true;
}

/** The mask of an expected piece, which is made if need be; NULL: no more room. */
static uint8_t *piece_mask(struct DiffCase *c, struct CasePiece *p) {
    if (p->mask == 0) {
        if (p->n > CASE_MAX_BYTES - c->used)
            return NULL;
        p->mask = c->used;
        memset(c->bytes + c->used, 0xff, p->n);
        c->used += p->n;
    }
    return c->bytes + p->mask;
}

int case_mask_byte(struct DiffCase *c, uint64_t linear, uint8_t bits) {
    bool found = false;
    for (unsigned k = c->expected_from; k < c->pieces; k++) {
        struct CasePiece *p = &c->piece[k];
        if (linear - p->linear >= p->n)
            continue;
        uint8_t *mask = piece_mask(c, p);
        if (mask == NULL)
            return -1;
        mask[linear - p->linear] = bits;
        found = true;
    }
    return found;
}

/* ---- what need not be said ---- */

struct X86Segment case_paragraph_segment(enum DiffMode mode, unsigned seg, uint16_t selector) {
    uint32_t ar = mode == DIFF_V8086 ? 0xf3 : seg == SEG_CS ? 0x9b : 0x93;
    return (struct X86Segment){.selector = selector, .ar = ar, .limit = 0xffff, .base = (uint64_t)selector << 4};
}

uint64_t case_base(const struct DiffCase *c, unsigned seg) {
    if (c->system.segments >> seg & 1)
        return c->system.seg[seg].base;
    return case_paragraphs(c->mode) ? 0x10000ull * (seg + 1) : 0; /* as set_segments of space.c */
}

void case_usual(const struct DiffCase *c, struct DiffState *s) {
    diff_state_init(s);
    s->rip = c->code - (c->mode == DIFF_LONG64 ? 0 : case_base(c, SEG_CS));
    s->fs_base = case_base(c, SEG_FS);
    s->gs_base = case_base(c, SEG_GS);
}

/* ---- memory ---- */

void case_page(const struct DiffCase *c, uint64_t linear, uint8_t page[4096]) {
    memset(page, ((linear ^ c->code) & ~0xfffull) == 0 ? CASE_FILLER : 0, 4096);
    for (unsigned k = 0; k < c->expected_from; k++) {
        const struct CasePiece *p = &c->piece[k];
        uint64_t skip = p->linear < linear ? linear - p->linear : 0, at = p->linear + skip - linear;
        if (skip < p->n && at < 4096) {
            uint64_t left = p->n - skip, room = 4096 - at;
            memcpy(page + at, c->bytes + p->at + skip, left < room ? left : room);
        }
    }
}

/* A fault whose RIP is too far away for the first instruction's is the next one's, to which that has led: hardware,
 * which does not count instructions, runs into it. */
uint32_t case_usual_count(const struct DiffCase *c) {
    enum { LONGEST = 15 }; /* bytes of an instruction: SDM vol. 2, 2.3.11 */
    unsigned rip = (unsigned)diff_field_find("rip", 3);
    return c->fault == FAULT_IS && case_has(&c->expected, rip) && c->out.rip - c->in.rip > LONGEST ? 2 : 1;
}
