/* SPDX-License-Identifier: MIT */
/* Writing cases: what need not be said is left out. */
#include "diff/case_text.h"

#include <string.h>

/* ---- writing ---- */

static void write_bytes(FILE *f, const char *word, uint64_t linear, const uint8_t *p, unsigned n) {
    enum { PER_LINE = 32 };
    for (unsigned at = 0; at < n; at += PER_LINE) {
        fprintf(f, "%s %#llx ", word, (unsigned long long)(linear + at));
        for (unsigned k = at; k < n && k < at + PER_LINE; k++)
            fprintf(f, "%02x", p[k]);
        fputc('\n', f);
    }
}

static void write_fields(FILE *f, const char *prefix, const struct DiffState *s, const struct DiffState *usual,
                         const struct CaseFields *which) {
    char text[2 * 16 + 3];
    for (unsigned k = 0; k < DIFF_FIELDS; k++) {
        const struct DiffField *d = &diff_fields[k];
        if (which != NULL ? !case_has(which, k) : !memcmp(diff_field_at(s, d), diff_field_at(usual, d), d->size))
            continue;
        diff_field_print(d, s, text);
        fprintf(f, "%s%s %s\n", prefix, d->name, text);
    }
}

static void write_system(const struct DiffCase *c, FILE *f) {
    const struct DiffOwnSystem *y = &c->system;
    for (unsigned k = 0; k < SEG_COUNT; k++) {
        if (!(y->segments >> k & 1))
            continue;
        const struct X86Segment *s = &y->seg[k], plain = case_paragraph_segment(c->mode, k, s->selector);
        if (case_paragraphs(c->mode) && s->base == plain.base && s->limit == plain.limit && s->ar == plain.ar)
            fprintf(f, "%s %#x\n", case_segments[k], s->selector);
        else
            fprintf(f, "%s %#x %#llx %#x %#x\n", case_segments[k], s->selector, (unsigned long long)s->base, s->limit,
                    s->ar);
    }
    for (unsigned k = 0; k < CASE_CONTROLS; k++)
        if (*(const bool *)((const uint8_t *)y + case_controls[k].has))
            fprintf(f, "%s %#llx\n", case_controls[k].name,
                    (unsigned long long)*(const uint64_t *)((const uint8_t *)y + case_controls[k].value));
}

/** The piece is a part of what the case executes first. */
static bool is_code(const struct DiffCase *c, const struct CasePiece *p) {
    return p->at - c->code_at < c->code_bytes && p->linear == c->code + (p->at - c->code_at);
}

/** The page is as lines `code` and `mem` make it by themselves. */
static bool is_default_page(const struct DiffCase *c, const struct DiffPage *p) {
    for (unsigned k = 0; k < c->pieces; k++) {
        const struct CasePiece *m = &c->piece[k];
        if (m->n != 0 && p->linear - (m->linear & ~0xfffull) <= (m->linear & 0xfff) + m->n - 1)
            return p->attr == (DIFF_PAGE_USER | (is_code(c, m) ? 0 : DIFF_PAGE_WRITE)); /* the first line counts */
    }
    return false;
}

static void write_pages(const struct DiffCase *c, FILE *f) {
    for (unsigned k = 0; k < c->pages; k++) {
        if (is_default_page(c, &c->page[k]))
            continue;
        fprintf(f, "page %#llx", (unsigned long long)c->page[k].linear);
        for (unsigned a = 0; a < CASE_ATTRIBUTES; a++)
            if (c->page[k].attr & case_attributes[a].attr)
                fprintf(f, " %s", case_attributes[a].name);
        fputc('\n', f);
    }
}

static void write_fault(const struct DiffCase *c, FILE *f) {
    if (c->fault == FAULT_NONE && c->rest == REST_ANY)
        fprintf(f, "expect fault none\n");
    if (c->fault != FAULT_IS)
        return;
    if (c->out.vector == DIFF_TRIPLE_FAULT) {
        fprintf(f, "expect fault triple\n");
        return;
    }
    fprintf(f, "expect fault %u", c->out.vector);
    if (c->fault_parts & CASE_FAULT_ERROR)
        fprintf(f, " error %#x", c->out.error);
    if (c->fault_parts & CASE_FAULT_CR2)
        fprintf(f, " cr2 %#llx", (unsigned long long)c->out.cr2);
    if (c->fault_parts & CASE_FAULT_DR6)
        fprintf(f, " dr6 %#x", c->out.dr6);
    fputc('\n', f);
}

/** Masks of registers, whether expected by name or as a part of the rest. */
static void write_masks(const struct DiffCase *c, FILE *f) {
    struct CaseFields partial = {{0, 0}};
    static const uint8_t ones[16] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    if (!c->judged)
        return;
    for (unsigned k = 0; k < DIFF_FIELDS; k++)
        if ((c->rest || case_has(&c->expected, k)) &&
            memcmp(diff_field_at(&c->mask, &diff_fields[k]), ones, diff_fields[k].size))
            case_add(&partial, k);
    write_fields(f, "mask ", &c->mask, NULL, &partial);
    for (unsigned k = 0; k < DIFF_SYSTEM; k++)
        if ((c->rest || (c->expected_system >> k & 1)) && c->mask_system.v[k] != UINT64_MAX)
            fprintf(f, "mask %s %#llx\n", diff_system_names[k], (unsigned long long)c->mask_system.v[k]);
}

static void write_expected(const struct DiffCase *c, FILE *f) {
    write_fields(f, "expect ", &c->out, NULL, &c->expected);
    for (unsigned k = 0; k < DIFF_SYSTEM; k++)
        if (c->expected_system >> k & 1)
            fprintf(f, "expect %s %#llx\n", diff_system_names[k], (unsigned long long)c->out_system.v[k]);
    for (unsigned k = c->expected_from; k < c->pieces; k++) {
        const struct CasePiece *p = &c->piece[k];
        write_bytes(f, "expect mem", p->linear, c->bytes + p->at, p->n);
        if (p->mask != 0)
            write_bytes(f, "mask mem", p->linear, c->bytes + p->mask, p->n);
    }
    write_fault(c, f);
    if (c->rest != REST_ANY)
        fprintf(f, "expect rest%s\n", c->rest == REST_REGISTERS ? " registers" : "");
    write_masks(c, f);
}

/** A comment behind the line; what could end it is not printed. */
static void write_note(const char *note, FILE *f) {
    if (*note != '\0')
        fputs(" # ", f);
    for (; *note != '\0'; note++)
        fputc((unsigned char)*note < ' ' || *note == 0x7f ? '?' : *note, f);
    fputc('\n', f);
}

void case_write(const struct DiffCase *c, FILE *f) {
    struct DiffState usual;
    case_usual(c, &usual);
    fprintf(f, "case %s", c->name[0] != '\0' ? c->name : "unnamed");
    write_note(c->note, f);
    if (c->mode != DIFF_LONG64 || c->cpl != 3)
        fprintf(f, "mode %s %u\n", diff_mode_names[c->mode], c->cpl);
    if (c->cpu[0] != '\0')
        fprintf(f, "cpu %s\n", c->cpu);
    if (c->a20_off)
        fprintf(f, "a20 off\n");
    if (c->in.insns != case_usual_count(c))
        fprintf(f, "insns %u\n", c->in.insns);
    write_pages(c, f);
    for (unsigned k = 0; k < c->expected_from; k++) {
        const struct CasePiece *p = &c->piece[k];
        write_bytes(f, is_code(c, p) ? "code" : "mem", p->linear, c->bytes + p->at, p->n);
    }
    write_system(c, f);
    write_fields(f, "", &c->in, &usual, NULL);
    write_expected(c, f);
    fprintf(f, "end\n");
}
