/* SPDX-License-Identifier: MIT */
/* Reading cases: a line is a word and its arguments. Made for files of millions of cases. */
#include "diff/case.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

void case_reader_init(struct CaseReader *r, const char *file, const char *text, size_t n) {
    *r = (struct CaseReader){.file = file, .p = text, .end = text + n};
}

void case_init(struct DiffCase *c, enum DiffMode mode, unsigned cpl) {
    c->name[0] = c->cpu[0] = '\0';
    c->mode = mode;
    c->cpl = cpl;
    diff_state_init(&c->in);
    c->system.any = false;
    c->system.segments = 0;
    c->system.has_cr0 = c->system.has_cr4 = c->system.has_efer = c->system.has_xcr0 = false;
    c->pages = c->pieces = c->expected_from = c->used = c->code_at = c->code_bytes = 0;
    c->code = 0;
    c->expected = (struct CaseFields){{0, 0}};
    c->fault = FAULT_ANY;
    c->fault_parts = 0;
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

bool case_add_bytes(struct DiffCase *c, uint64_t linear, const void *bytes, unsigned n, bool expected) {
    if (c->pieces == CASE_MAX_PIECES || n > CASE_MAX_BYTES - c->used)
        return false;
    memcpy(c->bytes + c->used, bytes, n);
    c->piece[c->pieces++] = (struct CasePiece){linear, c->used, n};
    c->used += n;
    if (!expected)
        c->expected_from = c->pieces;
    return true;
}

/* ---- words ---- */

/** A line under the eyes. */
struct Line {
    struct CaseReader *r;
    struct DiffCase *c;
    const char *p, *end;
    char *why;
    size_t n;
};

struct Word {
    const char *p;
    size_t n;
};

static int fail(const struct Line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(const struct Line *l, const char *fmt, ...) {
    va_list ap;
    int used = snprintf(l->why, l->n, "%s:%u: ", l->r->file, l->r->line);
    va_start(ap, fmt);
    if (used >= 0 && (size_t)used < l->n)
        vsnprintf(l->why + used, l->n - (size_t)used, fmt, ap);
    va_end(ap);
    for (char *p = l->why; *p != '\0'; p++) /* what the file holds is shown, but in one line */
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    return -EINVAL;
}

static struct Word next_word(struct Line *l) {
    while (l->p < l->end && (*l->p == ' ' || *l->p == '\t'))
        l->p++;
    const char *start = l->p;
    while (l->p < l->end && *l->p != ' ' && *l->p != '\t')
        l->p++;
    return (struct Word){start, (size_t)(l->p - start)};
}

static bool is(struct Word w, const char *s) { return w.n == strlen(s) && !memcmp(w.p, s, w.n); }

#define SHOW(w) (int)((w).n < 40 ? (w).n : 40), (w).p

static int digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/** A number of at most `size` bytes into little-endian bytes: decimal, or hexadecimal after 0x. */
static bool parse_wide(struct Word w, uint8_t *out, unsigned size) {
    if (w.n < 3 || w.p[0] != '0' || (w.p[1] | 0x20) != 'x') {
        uint64_t v = 0;
        if (w.n == 0)
            return false;
        for (size_t k = 0; k < w.n; k++)
            if (w.p[k] < '0' || w.p[k] > '9' || __builtin_mul_overflow(v, 10, &v) ||
                __builtin_add_overflow(v, (uint64_t)(w.p[k] - '0'), &v))
                return false;
        if (size < 8 && v >> (8 * size))
            return false;
        memset(out, 0, size);
        memcpy(out, &v, size < 8 ? size : 8);
        return true;
    }
    if (w.n <= 18 && size <= 8) { /* the many */
        uint64_t v = 0;
        int bad = 0;
        for (size_t k = 2; k < w.n; k++) {
            int d = digit(w.p[k]);
            bad |= d;
            v = v << 4 | (unsigned)d;
        }
        memcpy(out, &v, size);
        return bad >= 0 && (size == 8 || v >> (8 * size) == 0);
    }
    memset(out, 0, size);
    for (size_t k = w.n, nibble = 0; k-- > 2; nibble++) {
        int d = digit(w.p[k]);
        if (d < 0 || (nibble >= 2 * size && d != 0))
            return false;
        if (nibble < 2 * size)
            out[nibble / 2] |= (uint8_t)(d << (nibble & 1 ? 4 : 0));
    }
    return true;
}

static bool parse_number(struct Word w, uint64_t *v) { return parse_wide(w, (uint8_t *)v, 8); }

static int want_number(struct Line *l, const char *what, uint64_t max, uint64_t *v) {
    struct Word w = next_word(l);
    if (w.n == 0)
        return fail(l, "%s is missing", what);
    if (!parse_number(w, v) || *v > max)
        return fail(l, "'%.*s' is no %s; a number up to %#llx is wanted, as in 18 or 0x12", SHOW(w), what,
                    (unsigned long long)max);
    return 0;
}

static int want_end(struct Line *l) {
    struct Word w = next_word(l);
    return w.n == 0 ? 0 : fail(l, "'%.*s' is too much in this line", SHOW(w));
}

/* ---- what lines say ---- */

static int read_mode(struct Line *l) {
    struct Word w = next_word(l);
    uint64_t cpl;
    unsigned m = 0;
    while (m < DIFF_MODES && !is(w, diff_mode_names[m]))
        m++;
    if (m == DIFF_MODES)
        return fail(l, "'%.*s' is no mode; there are real16, v8086, prot16, prot32, compat16, compat32, long64",
                    SHOW(w));
    int r = want_number(l, "privilege level", 3, &cpl);
    if (r != 0)
        return r;
    if (cpl != 0 && cpl != 3)
        return fail(l, "cases run at privilege level 0 or 3");
    if ((m == DIFF_REAL16 && cpl != 0) || (m == DIFF_V8086 && cpl != 3))
        return fail(l, "mode %s is always at privilege level %u", diff_mode_names[m], m == DIFF_V8086 ? 3u : 0u);
    l->c->mode = (enum DiffMode)m;
    l->c->cpl = (unsigned)cpl;
    return want_end(l);
}

static const struct {
    const char *name;
    uint8_t attr;
} attributes[] = {{"write", DIFF_PAGE_WRITE}, {"user", DIFF_PAGE_USER}, {"nx", DIFF_PAGE_NX}};

static int read_page(struct Line *l) {
    uint64_t at;
    uint8_t attr = 0;
    int r = want_number(l, "address", UINT64_MAX, &at);
    if (r != 0)
        return r;
    if (at & 0xfff)
        return fail(l, "a page begins at a multiple of 0x1000, not at %#llx", (unsigned long long)at);
    for (struct Word w = next_word(l); w.n != 0; w = next_word(l)) {
        unsigned k = 0;
        while (k < 3 && !is(w, attributes[k].name))
            k++;
        if (k == 3)
            return fail(l, "'%.*s' is no attribute of a page; there are write, user, nx", SHOW(w));
        attr |= attributes[k].attr;
    }
    return case_add_page(l->c, at, attr) ? 0 : fail(l, "more than %d pages", CASE_MAX_PAGES);
}

/** Pages that no `page` line has named so far. */
static bool default_pages(struct DiffCase *c, uint64_t linear, unsigned n, bool code) {
    for (uint64_t at = linear & ~0xfffull; at - (linear & ~0xfffull) < (linear & 0xfff) + n; at += 4096) {
        unsigned k = 0;
        while (k < c->pages && c->page[k].linear != at)
            k++;
        if (k == c->pages && !case_add_page(c, at, (uint8_t)(DIFF_PAGE_USER | (code ? 0 : DIFF_PAGE_WRITE))))
            return false;
    }
    return true;
}

static int read_bytes(struct Line *l, bool code, bool expected) {
    struct DiffCase *c = l->c;
    uint64_t at;
    int r = want_number(l, "address", UINT64_MAX, &at);
    if (r != 0)
        return r;
    if (c->pieces == CASE_MAX_PIECES)
        return fail(l, "more than %d lines of memory", CASE_MAX_PIECES);
    unsigned from = c->used;
    for (struct Word w = next_word(l); w.n != 0; w = next_word(l)) {
        if (w.n & 1)
            return fail(l, "'%.*s' has an odd number of digits; bytes have two each", SHOW(w));
        if (w.n / 2 > CASE_MAX_BYTES - c->used)
            return fail(l, "more than %d bytes of memory in a case", CASE_MAX_BYTES);
        for (size_t k = 0; k < w.n; k += 2) {
            int high = digit(w.p[k]), low = digit(w.p[k + 1]);
            if (high < 0 || low < 0)
                return fail(l, "'%.*s' is not made of hexadecimal digits", SHOW(w));
            c->bytes[c->used++] = (uint8_t)(high << 4 | low);
        }
    }
    unsigned n = c->used - from;
    if (n == 0)
        return fail(l, "bytes are missing");
    if (at + n - 1 < at)
        return fail(l, "these bytes go beyond the last address");
    c->piece[c->pieces++] = (struct CasePiece){at, from, n};
    if (!expected)
        c->expected_from = c->pieces;
    if (!default_pages(c, at, n, code))
        return fail(l, "more than %d pages", CASE_MAX_PAGES);
    if (code && c->code_bytes == 0) {
        c->code = at;
        c->code_bytes = n;
        c->code_at = from;
    } else if (code && at == c->code + c->code_bytes && from == c->code_at + c->code_bytes) {
        c->code_bytes += n; /* goes on */
    }
    return 0;
}

static int read_fault(struct Line *l) {
    struct DiffCase *c = l->c;
    uint64_t v;
    struct Word w = next_word(l);
    if (is(w, "none")) {
        c->fault = FAULT_NONE;
        return want_end(l);
    }
    c->fault = FAULT_IS;
    if (is(w, "triple")) {
        c->out.vector = DIFF_TRIPLE_FAULT;
        return want_end(l);
    }
    if (!parse_number(w, &v) || v >= DIFF_TRIPLE_FAULT)
        return fail(l, "'%.*s' is no exception; none, triple or a vector up to 253 is wanted", SHOW(w));
    c->out.vector = (uint32_t)v;
    for (w = next_word(l); w.n != 0; w = next_word(l)) {
        bool error = is(w, "error");
        if (!error && !is(w, "cr2"))
            return fail(l, "'%.*s' says nothing of a fault; error N and cr2 N do", SHOW(w));
        int r = want_number(l, error ? "error code" : "address", error ? UINT32_MAX : UINT64_MAX, &v);
        if (r != 0)
            return r;
        c->fault_parts |= error ? CASE_FAULT_ERROR : CASE_FAULT_CR2;
        if (error)
            c->out.error = (uint32_t)v;
        else
            c->out.cr2 = v;
    }
    return 0;
}

/** A register's value into `s`; -1 where `name` is none. */
static int read_field(struct Line *l, struct Word name, struct DiffState *s, struct CaseFields *set) {
    uint8_t ymm[32];
    bool wide = name.n >= 4 && !memcmp(name.p, "ymm", 3) && name.p[3] != 'h';
    char low[8];
    int k;
    if (wide && name.n < sizeof(low)) { /* both halves */
        memcpy(low, name.p, name.n);
        low[0] = 'x';
        k = diff_field_find(low, name.n);
    } else {
        k = diff_field_find(name.p, name.n);
    }
    if (k < 0)
        return -1;
    const struct DiffField *f = &diff_fields[k];
    unsigned size = wide ? 32 : f->size;
    struct Word w = next_word(l);
    if (!parse_wide(w, ymm, size))
        return fail(l, "'%.*s' is no value for %.*s; a number of at most %u bits is wanted, as in 0x12", SHOW(w),
                    SHOW(name), size * 8);
    memcpy((uint8_t *)s + f->offset, ymm, f->size);
    if (set != NULL)
        case_add(set, (unsigned)k);
    if (wide) {
        memcpy((uint8_t *)s + diff_fields[k + 16].offset, ymm + 16, 16);
        if (set != NULL)
            case_add(set, (unsigned)k + 16);
    }
    return want_end(l);
}

static int read_segment(struct Line *l, unsigned seg) {
    struct CaseSystem *y = &l->c->system;
    uint64_t v[4];
    static const char *const what[4] = {"selector", "base", "limit", "access rights"};
    static const uint64_t max[4] = {0xffff, UINT64_MAX, 0xffffffff, 0x1ffff};
    for (unsigned k = 0; k < 4; k++) {
        int r = want_number(l, what[k], max[k], &v[k]);
        if (r != 0)
            return r;
    }
    y->any = true;
    y->segments |= (uint8_t)(1 << seg);
    y->seg[seg] = (struct X86Segment){(uint16_t)v[0], (uint32_t)v[3], (uint32_t)v[2], v[1]};
    return want_end(l);
}

/** Segment and control registers; -1 where `name` is none. */
static int read_system(struct Line *l, struct Word name) {
    static const char *const segments[SEG_COUNT] = {"es", "cs", "ss", "ds", "fs", "gs"};
    struct CaseSystem *y = &l->c->system;
    const struct {
        const char *name;
        bool *has;
        uint64_t *v;
    } controls[] = {{"cr0", &y->has_cr0, &y->cr0},
                    {"cr4", &y->has_cr4, &y->cr4},
                    {"efer", &y->has_efer, &y->efer},
                    {"xcr0", &y->has_xcr0, &y->xcr0}};
    for (unsigned k = 0; k < SEG_COUNT; k++)
        if (is(name, segments[k]))
            return read_segment(l, k);
    for (unsigned k = 0; k < 4; k++)
        if (is(name, controls[k].name)) {
            *controls[k].has = y->any = true;
            int r = want_number(l, name.n == 3 ? "control register" : "value", UINT64_MAX, controls[k].v);
            return r != 0 ? r : want_end(l);
        }
    return -1;
}

static void begin_expected(struct DiffCase *c) {
    if (c->expected.bits[0] == 0 && c->expected.bits[1] == 0)
        memset(&c->mask, 0xff, sizeof(c->mask));
}

static int read_expect(struct Line *l) {
    struct Word w = next_word(l);
    if (is(w, "mem"))
        return read_bytes(l, false, true);
    if (is(w, "fault"))
        return read_fault(l);
    begin_expected(l->c);
    int r = read_field(l, w, &l->c->out, &l->c->expected);
    return r == -1 ? fail(l, "'%.*s' can't be expected; registers, mem and fault can", SHOW(w)) : r;
}

static int read_mask(struct Line *l) {
    struct Word w = next_word(l);
    begin_expected(l->c);
    int r = read_field(l, w, &l->c->mask, NULL);
    return r == -1 ? fail(l, "'%.*s' is no register", SHOW(w)) : r;
}

static int read_name(struct Line *l) {
    struct Word w = next_word(l);
    size_t n = w.n < CASE_NAME - 1 ? w.n : CASE_NAME - 1;
    memcpy(l->c->name, w.p, n);
    l->c->name[n] = '\0';
    return want_end(l);
}

/** A CPU model; whether there is such a one is seen when it is wanted. */
static int read_cpu(struct Line *l, char cpu[CASE_CPU]) {
    struct Word w = next_word(l);
    if (w.n == 0 || w.n >= CASE_CPU)
        return fail(l, "a CPU model of 1 to %d characters is wanted, such as max,vendor=GenuineIntel", CASE_CPU - 1);
    memcpy(cpu, w.p, w.n);
    cpu[w.n] = '\0';
    return want_end(l);
}

static int read_line(struct Line *l, struct Word word) {
    struct DiffCase *c = l->c;
    if (is(word, "cpu"))
        return read_cpu(l, c->cpu);
    if (is(word, "mode"))
        return read_mode(l);
    if (is(word, "mem"))
        return c->pieces != c->expected_from ? fail(l, "`mem` comes before `expect mem`") : read_bytes(l, false, false);
    if (is(word, "code"))
        return c->pieces != c->expected_from ? fail(l, "`code` comes before `expect mem`") : read_bytes(l, true, false);
    if (is(word, "page"))
        return read_page(l);
    if (is(word, "expect"))
        return read_expect(l);
    if (is(word, "mask"))
        return read_mask(l);
    if (is(word, "insns")) {
        uint64_t v;
        int r = want_number(l, "number of instructions", 1000000, &v);
        c->in.insns = (uint32_t)v;
        return r != 0 ? r : v == 0 ? fail(l, "at least one instruction is run") : want_end(l);
    }
    int r = read_field(l, word, &c->in, NULL);
    if (r == -1)
        r = read_system(l, word);
    return r != -1
               ? r
               : fail(l,
                      "'%.*s' is not known; there are mode, cpu, code, mem, page, insns, expect, mask, end and "
                      "registers",
                      SHOW(word));
}

static int check(struct Line *l) {
    struct DiffCase *c = l->c;
    if (c->code_bytes == 0)
        return fail(l, "the case that begins in line %u has no `code`", c->line);
    if (c->in.rip == 0)
        c->in.rip = c->code - (c->system.segments & (1 << SEG_CS) ? c->system.seg[SEG_CS].base
                               : c->mode <= DIFF_V8086            ? 0x20000
                                                                  : 0);
    c->in.xheader[0] = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    return 1;
}

/** The next line without comment and blanks at its end. False at the end of the file. */
static bool next_line(struct Line *l) {
    struct CaseReader *r = l->r;
    if (r->p == r->end)
        return false;
    const char *eol = memchr(r->p, '\n', (size_t)(r->end - r->p));
    l->p = r->p;
    l->end = eol != NULL ? eol : r->end;
    r->p = eol != NULL ? eol + 1 : r->end;
    r->line++;
    const char *comment = memchr(l->p, '#', (size_t)(l->end - l->p));
    if (comment != NULL)
        l->end = comment;
    while (l->end > l->p && (l->end[-1] == '\r' || l->end[-1] == ' ' || l->end[-1] == '\t'))
        l->end--;
    return true;
}

int case_read(struct CaseReader *r, struct DiffCase *c, char *why, size_t n) {
    struct Line l = {.r = r, .c = c, .why = why, .n = n};
    bool begun = false;
    while (next_line(&l)) {
        struct Word w = next_word(&l);
        if (w.n == 0)
            continue;
        int e;
        if (is(w, "case")) {
            if (begun)
                return fail(&l, "the case that begins in line %u has no `end`", c->line);
            case_init(c, DIFF_LONG64, 3);
            memcpy(c->cpu, r->cpu, sizeof(c->cpu));
            c->line = r->line;
            begun = true;
            e = read_name(&l);
        } else if (!begun && is(w, "cpu")) {
            e = read_cpu(&l, r->cpu);
        } else if (!begun) {
            return fail(&l, "'%.*s' stands outside of a case; `case NAME` begins one", SHOW(w));
        } else if (is(w, "end")) {
            e = want_end(&l);
            return e != 0 ? e : check(&l);
        } else {
            e = read_line(&l, w);
        }
        if (e != 0)
            return e;
    }
    return begun ? fail(&l, "the case that begins in line %u has no `end`", c->line) : 0;
}

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
    static const char *const segments[SEG_COUNT] = {"es", "cs", "ss", "ds", "fs", "gs"};
    const struct CaseSystem *y = &c->system;
    for (unsigned k = 0; k < SEG_COUNT; k++)
        if (y->segments >> k & 1)
            fprintf(f, "%s %#x %#llx %#x %#x\n", segments[k], y->seg[k].selector, (unsigned long long)y->seg[k].base,
                    y->seg[k].limit, y->seg[k].ar);
    if (y->has_cr0)
        fprintf(f, "cr0 %#llx\n", (unsigned long long)y->cr0);
    if (y->has_cr4)
        fprintf(f, "cr4 %#llx\n", (unsigned long long)y->cr4);
    if (y->has_efer)
        fprintf(f, "efer %#llx\n", (unsigned long long)y->efer);
    if (y->has_xcr0)
        fprintf(f, "xcr0 %#llx\n", (unsigned long long)y->xcr0);
}

void case_write(const struct DiffCase *c, FILE *f) {
    struct DiffState usual;
    diff_state_init(&usual);
    fprintf(f, "case %s\nmode %s %u\n", c->name[0] != '\0' ? c->name : "unnamed", diff_mode_names[c->mode], c->cpl);
    if (c->cpu[0] != '\0')
        fprintf(f, "cpu %s\n", c->cpu);
    if (c->in.insns != 1)
        fprintf(f, "insns %u\n", c->in.insns);
    for (unsigned k = 0; k < c->pages; k++) {
        fprintf(f, "page %#llx", (unsigned long long)c->page[k].linear);
        for (unsigned a = 0; a < 3; a++)
            if (c->page[k].attr & attributes[a].attr)
                fprintf(f, " %s", attributes[a].name);
        fputc('\n', f);
    }
    for (unsigned k = 0; k < c->expected_from; k++) {
        const struct CasePiece *p = &c->piece[k];
        bool code = p->linear == c->code && p->n == c->code_bytes;
        write_bytes(f, code ? "code" : "mem", p->linear, c->bytes + p->at, p->n);
    }
    write_system(c, f);
    write_fields(f, "", &c->in, &usual, NULL);
    write_fields(f, "expect ", &c->out, NULL, &c->expected);
    for (unsigned k = c->expected_from; k < c->pieces; k++)
        write_bytes(f, "expect mem", c->piece[k].linear, c->bytes + c->piece[k].at, c->piece[k].n);
    if (c->fault == FAULT_NONE)
        fprintf(f, "expect fault none\n");
    if (c->fault == FAULT_IS && c->out.vector == DIFF_TRIPLE_FAULT) {
        fprintf(f, "expect fault triple\n");
    } else if (c->fault == FAULT_IS) {
        fprintf(f, "expect fault %u", c->out.vector);
        if (c->fault_parts & CASE_FAULT_ERROR)
            fprintf(f, " error %#x", c->out.error);
        if (c->fault_parts & CASE_FAULT_CR2)
            fprintf(f, " cr2 %#llx", (unsigned long long)c->out.cr2);
        fputc('\n', f);
    }
    struct CaseFields partial = {{0, 0}};
    static const uint8_t ones[16] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    for (unsigned k = 0; k < DIFF_FIELDS; k++)
        if (case_has(&c->expected, k) && memcmp(diff_field_at(&c->mask, &diff_fields[k]), ones, diff_fields[k].size))
            case_add(&partial, k);
    write_fields(f, "mask ", &c->mask, NULL, &partial);
    fprintf(f, "end\n");
}
