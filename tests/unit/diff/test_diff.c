/* SPDX-License-Identifier: MIT */
/* Cases as text: what is written is read again, and nothing that can stand in a file does harm. */
#include "diff/case.h"
#include "diff/generate/values.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** Segments and control registers, as selectors alone or in full. */
static void random_system(struct DiffRng *r, struct DiffCase *c) {
    struct DiffOwnSystem *y = &c->system;
    bool paragraphs = c->mode == DIFF_REAL16 || c->mode == DIFF_V8086;
    y->segments = (uint8_t)diff_below(r, 1u << SEG_COUNT);
    for (unsigned k = 0; k < SEG_COUNT; k++) {
        uint16_t selector = (uint16_t)diff_rnd(r);
        uint32_t ar = c->mode == DIFF_V8086 ? 0xf3 : k == SEG_CS ? 0x9b : 0x93;
        y->seg[k] = paragraphs && diff_one_in(r, 2)
                        ? (struct X86Segment){selector, ar, 0xffff, (uint64_t)selector << 4}
                        : (struct X86Segment){selector, diff_below(r, 0x20000), (uint32_t)diff_rnd(r), diff_rnd(r)};
    }
    y->has_cr0 = diff_one_in(r, 2);
    y->cr0 = diff_rnd(r);
    y->has_xcr0 = diff_one_in(r, 2);
    y->xcr0 = diff_rnd(r);
    y->any = y->segments != 0 || y->has_cr0 || y->has_xcr0;
    c->a20_off = c->mode == DIFF_REAL16 && diff_one_in(r, 2);
}

/** Expected memory, some of it masked, and system registers. */
static void random_expectations(struct DiffRng *r, struct DiffCase *c) {
    uint8_t bytes[64];
    diff_fill(r, CLASS_RANDOM, bytes, sizeof(bytes));
    case_expect_begin(c);
    for (unsigned k = 0; k < DIFF_SYSTEM; k++)
        if (diff_one_in(r, 9)) {
            c->expected_system |= 1ull << k;
            c->out_system.v[k] = diff_rnd(r);
            c->mask_system.v[k] = diff_one_in(r, 2) ? diff_rnd(r) : UINT64_MAX;
        }
    for (unsigned k = diff_below(r, 3); k > 0; k--) {
        uint64_t at = 0x30000 + k * 0x1000;
        ck_assert(case_add_bytes(c, at, bytes, 1 + diff_below(r, 31), true) && case_add_page(c, at, 3));
        if (diff_one_in(r, 2))
            ck_assert_int_eq(case_mask_byte(c, at, (uint8_t)diff_rnd(r)), 1);
    }
    c->rest = diff_one_in(r, 2);
}

static void random_case(struct DiffRng *r, struct DiffCase *c) {
    uint8_t bytes[64];
    unsigned mode = diff_below(r, DIFF_MODES);
    case_init(c, (enum DiffMode)mode, mode == DIFF_REAL16 ? 0 : mode == DIFF_V8086 ? 3 : 3 * diff_below(r, 2));
    snprintf(c->name, sizeof(c->name), "case%u", diff_below(r, 1000));
    if (diff_one_in(r, 3))
        snprintf(c->cpu, sizeof(c->cpu), "max,vendor=GenuineIntel");
    for (unsigned k = 0; k < DIFF_FIELDS; k++)
        if (diff_one_in(r, 3))
            for (unsigned n = 0; n < diff_fields[k].size; n++)
                ((uint8_t *)&c->in)[diff_fields[k].offset + n] = (uint8_t)diff_rnd(r);
    if (diff_one_in(r, 4))
        c->in.rip = 0;
    c->code = 0x10000;
    c->code_bytes = 1 + diff_below(r, 15);
    diff_fill(r, CLASS_RANDOM, bytes, sizeof(bytes));
    ck_assert(case_add_bytes(c, c->code, bytes, c->code_bytes, false) && case_add_page(c, c->code, DIFF_PAGE_USER));
    for (unsigned k = diff_below(r, 4); k > 0; k--) {
        uint64_t at = 0x20000 + k * 0x1000 + diff_below(r, 4096 - 64);
        ck_assert(case_add_page(c, at, (uint8_t)diff_below(r, 8)));
        ck_assert(case_add_bytes(c, at, bytes, 1 + diff_below(r, 31), false));
    }
    memset(&c->out, 0, sizeof(c->out));
    random_system(r, c);
    random_expectations(r, c);
    for (unsigned k = 0; k < DIFF_FIELDS; k++)
        if (diff_one_in(r, 5)) {
            case_add(&c->expected, k);
            ((uint8_t *)&c->out)[diff_fields[k].offset] = (uint8_t)diff_rnd(r);
            ((uint8_t *)&c->mask)[diff_fields[k].offset] = (uint8_t)diff_rnd(r);
        }
    c->fault = (enum CaseFault)diff_below(r, 3);
    if (c->fault == FAULT_NONE && c->rest) /* need not be said */
        c->fault = FAULT_ANY;
    if (c->fault == FAULT_IS) {
        c->out.vector = diff_below(r, DIFF_TRIPLE_FAULT + 1);
        c->fault_parts = c->out.vector < DIFF_TRIPLE_FAULT ? diff_below(r, 4) : 0;
        c->out.error = c->fault_parts & CASE_FAULT_ERROR ? (uint32_t)diff_rnd(r) : 0;
        c->out.cr2 = c->fault_parts & CASE_FAULT_CR2 ? diff_rnd(r) : 0;
    }
}

static char *to_text(const struct DiffCase *c, size_t *n) {
    char *text;
    FILE *f = open_memstream(&text, n);
    ck_assert_ptr_nonnull(f);
    case_write(c, f);
    fclose(f);
    return text;
}

START_TEST(text_round_trip) {
    struct DiffCase *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
    struct DiffRng r;
    diff_rng_init(&r, 1, 0);
    for (unsigned n = 0; n < 300; n++) {
        char why[256];
        size_t size, again;
        struct CaseReader reader;
        random_case(&r, a);
        char *text = to_text(a, &size);
        case_reader_init(&reader, "x", text, size);
        ck_assert_msg(case_read(&reader, b, why, sizeof(why)) == 1, "%s", why);
        char *second = to_text(b, &again);
        ck_assert_uint_eq(size, again);
        ck_assert_mem_eq(text, second, size);
        for (unsigned k = 0; k < DIFF_FIELDS; k++)
            ck_assert_mem_eq(diff_field_at(&a->in, &diff_fields[k]), diff_field_at(&b->in, &diff_fields[k]),
                             diff_fields[k].size);
        ck_assert_int_eq(case_read(&reader, b, why, sizeof(why)), 0);
        free(text);
        free(second);
    }
    free(a);
    free(b);
}
END_TEST

/** A text in which bytes and pieces are changed, exchanged, lost. */
static void mutate(struct DiffRng *r, char *text, size_t n) {
    static const char words[] = " \n#0x9f-case end mem code expect mask page mode st0 ymm1 18446744073709551616";
    for (unsigned k = 1 + diff_below(r, 8); k > 0; k--) {
        size_t at = diff_below(r, (unsigned)n), from = diff_below(r, (unsigned)n), length = diff_below(r, 12);
        switch (diff_below(r, 4)) {
        case 0: text[at] = (char)diff_rnd(r); break;
        case 1: text[at] = words[diff_below(r, sizeof(words) - 1)]; break;
        case 2:
            for (size_t j = 0; j < length && at + j < n && from + j < n; j++)
                text[at + j] = text[from + j];
            break;
        default:
            for (size_t j = 0; j < length && at + j < n; j++)
                text[at + j] = words[(from + j) % (sizeof(words) - 1)];
        }
    }
}

START_TEST(malformed_text) {
    struct DiffCase *c = calloc(1, sizeof(*c));
    struct DiffRng r;
    unsigned refused = 0;
    diff_rng_init(&r, 2, 0);
    for (unsigned n = 0; n < 20000; n++) {
        char why[256] = "";
        size_t size;
        struct CaseReader reader;
        random_case(&r, c);
        char *text = to_text(c, &size);
        mutate(&r, text, size);
        case_reader_init(&reader, "x", text, size);
        int e;
        while ((e = case_read(&reader, c, why, sizeof(why))) > 0)
            ck_assert(c->used <= CASE_MAX_BYTES && c->pieces <= CASE_MAX_PIECES && c->pages <= CASE_MAX_PAGES);
        if (e != 0) { /* and what follows is read */
            ck_assert_int_eq(e, -EINVAL);
            ck_assert(strncmp(why, "x:", 2) == 0 && strchr(why, '\n') == NULL);
            refused++;
            unsigned line = reader.line, more = 0;
            while ((e = case_read(&reader, c, why, sizeof(why))) != 0)
                ck_assert_uint_lt(more++, size);
            ck_assert(reader.p == reader.end && reader.line >= line);
        }
        free(text);
    }
    ck_assert_uint_gt(refused, 5000);
    free(c);
}
END_TEST

Suite *diff_suite(void) {
    Suite *s = suite_create("diff");
    TCase *t = tcase_create("cases");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, text_round_trip);
    tcase_add_test(t, malformed_text);
    suite_add_tcase(s, t);
    return s;
}
