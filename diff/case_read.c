/* SPDX-License-Identifier: MIT */
/* Reading cases: a line is a word and its arguments. Made for files of millions of cases. */
#include "base/why.h"
#include "diff/case_text.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

void case_reader_init(struct CaseReader *r, const char *file, const char *text, size_t n) {
    *r = (struct CaseReader){.file = file, .p = text, .end = text + n};
}

/* ---- words ---- */

/** A line under the eyes. */
struct Line {
    struct CaseReader *r;
    struct DiffCase *c;
    const char *start, *p, *end;
    char *why;
    size_t n;
    uint8_t paragraphs;      /* bit by enum X86Seg: a selector alone was given */
    struct CaseFields given; /* registers that the case names */
    bool over;               /* a malformed case ends here: what follows belongs to another */
    bool counted;            /* the case says how many instructions are run */
};

struct Word {
    const char *p;
    size_t n;
};

static int fail(const struct Line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(const struct Line *l, const char *fmt, ...) {
    va_list ap;
    why_set(l->why, l->n, 0, "%s:%u: ", l->r->file, l->r->line);
    va_start(ap, fmt);
    why_addv(l->why, l->n, fmt, ap);
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
        while (k < CASE_ATTRIBUTES && !is(w, case_attributes[k].name))
            k++;
        if (k == CASE_ATTRIBUTES)
            return fail(l, "'%.*s' is no attribute of a page; there are write, user, nx", SHOW(w));
        attr |= case_attributes[k].attr;
    }
    return case_add_page(l->c, at, attr) ? 0 : fail(l, "more than %d pages", CASE_MAX_PAGES);
}

/** An address, and bytes at the end of c->bytes. The number of them, or -EINVAL. */
static int want_bytes(struct Line *l, uint64_t *at) {
    struct DiffCase *c = l->c;
    int r = want_number(l, "address", UINT64_MAX, at);
    if (r != 0)
        return r;
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
    if (*at + n - 1 < *at)
        return fail(l, "these bytes go beyond the last address");
    return (int)n;
}

static int read_bytes(struct Line *l, bool code, bool expected) {
    struct DiffCase *c = l->c;
    uint64_t at;
    unsigned from = c->used;
    if (c->pieces == CASE_MAX_PIECES)
        return fail(l, "more than %d lines of memory", CASE_MAX_PIECES);
    int n = want_bytes(l, &at);
    if (n < 0)
        return n;
    c->piece[c->pieces++] = (struct CasePiece){at, from, (unsigned)n, 0};
    if (!expected)
        c->expected_from = c->pieces;
    if (!case_add_default_pages(c, at, (unsigned)n, code))
        return fail(l, "more than %d pages", CASE_MAX_PAGES);
    if (code && c->code_bytes == 0) {
        c->code = at;
        c->code_bytes = (unsigned)n;
        c->code_at = from;
    } else if (code && at == c->code + c->code_bytes && from == c->code_at + c->code_bytes) {
        c->code_bytes += (unsigned)n; /* goes on */
    }
    return 0;
}

static int read_memory_mask(struct Line *l) {
    struct DiffCase *c = l->c;
    uint64_t at;
    unsigned from = c->used;
    int n = want_bytes(l, &at);
    for (int k = 0; k < n; k++) {
        int r = case_mask_byte(c, at + (unsigned)k, c->bytes[from + (unsigned)k]);
        if (r <= 0)
            return r < 0 ? fail(l, "more than %d bytes of memory in a case", CASE_MAX_BYTES)
                         : fail(l, "no `expect mem` line before this one has the byte at %#llx",
                                (unsigned long long)at + (unsigned)k);
    }
    return n < 0 ? n : 0;
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
    if (!parse_number(w, &v) || v > 255)
        return fail(l, "'%.*s' is no exception; none, triple or a vector up to 255 is wanted", SHOW(w));
    c->out.vector = (uint32_t)v;
    for (w = next_word(l); w.n != 0; w = next_word(l)) {
        static const struct {
            const char *name, *what;
            unsigned part;
            uint64_t max;
        } parts[] = {{"error", "error code", CASE_FAULT_ERROR, UINT32_MAX},
                     {"cr2", "address", CASE_FAULT_CR2, UINT64_MAX},
                     {"dr6", "value", CASE_FAULT_DR6, DIFF_DR6}};
        unsigned k = 0;
        while (k < 3 && !is(w, parts[k].name))
            k++;
        if (k == 3)
            return fail(l, "'%.*s' says nothing of a fault; error N, cr2 N and dr6 N do", SHOW(w));
        int r = want_number(l, parts[k].what, parts[k].max, &v);
        if (r != 0)
            return r;
        c->fault_parts |= parts[k].part;
        c->out.error = parts[k].part == CASE_FAULT_ERROR ? (uint32_t)v : c->out.error;
        c->out.cr2 = parts[k].part == CASE_FAULT_CR2 ? v : c->out.cr2;
        c->out.dr6 = parts[k].part == CASE_FAULT_DR6 ? (uint32_t)v : c->out.dr6;
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
    struct DiffOwnSystem *y = &l->c->system;
    uint64_t v[4];
    static const char *const what[4] = {"selector", "base", "limit", "access rights"};
    static const uint64_t max[4] = {0xffff, UINT64_MAX, 0xffffffff, 0x1ffff};
    int r = want_number(l, what[0], max[0], &v[0]);
    if (r != 0)
        return r;
    y->any = true;
    y->segments |= (uint8_t)(1 << seg);
    l->paragraphs &= (uint8_t)~(1 << seg);
    y->seg[seg] = (struct X86Segment){.selector = (uint16_t)v[0]};
    if (l->p == l->end) {
        l->paragraphs |= (uint8_t)(1 << seg);
        return 0;
    }
    for (unsigned k = 1; k < 4; k++)
        if ((r = want_number(l, what[k], max[k], &v[k])) != 0)
            return r;
    y->seg[seg] = (struct X86Segment){(uint16_t)v[0], (uint32_t)v[3], (uint32_t)v[2], v[1]};
    return want_end(l);
}

static int read_a20(struct Line *l) {
    struct Word w = next_word(l);
    if (!is(w, "off"))
        return fail(l, "'%.*s' says nothing of A20; it is on unless a line says `a20 off`", SHOW(w));
    l->c->a20_off = true;
    return want_end(l);
}

/** Segment and control registers; -1 where `name` is none. */
static int read_system(struct Line *l, struct Word name) {
    struct DiffOwnSystem *y = &l->c->system;
    for (unsigned k = 0; k < SEG_COUNT; k++)
        if (is(name, case_segments[k]))
            return read_segment(l, k);
    for (unsigned k = 0; k < CASE_CONTROLS; k++)
        if (is(name, case_controls[k].name)) {
            uint64_t *v = (uint64_t *)((uint8_t *)y + case_controls[k].value);
            *(bool *)((uint8_t *)y + case_controls[k].has) = y->any = true;
            int r = want_number(l, name.n == 3 ? "control register" : "value", UINT64_MAX, v);
            return r != 0 ? r : want_end(l);
        }
    return -1;
}

/** A system register's value, as frame.h names them; -1 where `name` is none. */
static int read_system_field(struct Line *l, struct Word name, struct DiffSystem *s, uint64_t *set) {
    for (unsigned k = 0; k < DIFF_SYSTEM; k++)
        if (is(name, diff_system_names[k])) {
            int r = want_number(l, "value", UINT64_MAX, &s->v[k]);
            if (set != NULL)
                *set |= 1ull << k;
            return r != 0 ? r : want_end(l);
        }
    return -1;
}

static int read_expect(struct Line *l) {
    struct DiffCase *c = l->c;
    struct Word w = next_word(l);
    if (is(w, "mem"))
        return read_bytes(l, false, true);
    if (is(w, "fault"))
        return read_fault(l);
    case_expect_begin(c);
    if (is(w, "rest")) {
        w = next_word(l);
        c->rest = w.n == 0 ? REST_ALL : REST_REGISTERS;
        return w.n == 0 || is(w, "registers")
                   ? want_end(l)
                   : fail(l, "'%.*s' is no part of the rest; `expect rest registers` leaves memory out", SHOW(w));
    }
    int r = read_field(l, w, &c->out, &c->expected);
    if (r == -1)
        r = read_system_field(l, w, &c->out_system, &c->expected_system);
    return r == -1 ? fail(l, "'%.*s' can't be expected; registers, mem, fault and rest can", SHOW(w)) : r;
}

static int read_mask(struct Line *l) {
    struct Word w = next_word(l);
    if (is(w, "mem"))
        return read_memory_mask(l);
    case_expect_begin(l->c);
    int r = read_field(l, w, &l->c->mask, NULL);
    if (r == -1)
        r = read_system_field(l, w, &l->c->mask_system, NULL);
    return r == -1 ? fail(l, "'%.*s' is neither mem nor a register", SHOW(w)) : r;
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
    if (is(word, "a20"))
        return read_a20(l);
    if (is(word, "insns")) {
        uint64_t v;
        int r = want_number(l, "number of instructions", 1000000, &v);
        c->in.insns = (uint32_t)v;
        l->counted = true;
        return r != 0 ? r : v == 0 ? fail(l, "at least one instruction is run") : want_end(l);
    }
    int r = read_field(l, word, &c->in, &l->given);
    if (r == -1)
        r = read_system(l, word);
    return r != -1
               ? r
               : fail(l,
                      "'%.*s' is not known; there are mode, cpu, code, mem, page, insns, expect, mask, end and "
                      "registers",
                      SHOW(word));
}

/** Segments of which only the selector was given. */
static int fill_segments(struct Line *l) {
    struct DiffCase *c = l->c;
    for (unsigned k = 0; k < SEG_COUNT; k++) {
        if (!(l->paragraphs >> k & 1))
            continue;
        if (!case_paragraphs(c->mode))
            return fail(l, "%s has a selector alone; in mode %s base, limit and access rights follow", case_segments[k],
                        diff_mode_names[c->mode]);
        c->system.seg[k] = case_paragraph_segment(c->mode, k, c->system.seg[k].selector);
    }
    return 0;
}

/** Registers that are not 0 where a case does not name them. */
static void fill_registers(struct Line *l) {
    struct DiffState usual;
    static const char *const names[] = {"rip", "fs_base", "gs_base"};
    case_usual(l->c, &usual);
    for (unsigned k = 0; k < 3; k++) {
        unsigned f = (unsigned)diff_field_find(names[k], strlen(names[k]));
        if (!case_has(&l->given, f))
            memcpy((uint8_t *)&l->c->in + diff_fields[f].offset, diff_field_at(&usual, &diff_fields[f]),
                   diff_fields[f].size);
    }
}

static int check(struct Line *l) {
    struct DiffCase *c = l->c;
    if (c->code_bytes == 0)
        return fail(l, "the case that begins in line %u has no `code`", c->line);
    if (c->a20_off && c->mode != DIFF_REAL16)
        return fail(l, "`a20 off` is for mode real16");
    int r = fill_segments(l);
    if (r != 0)
        return r;
    fill_registers(l);
    if (!l->counted)
        c->in.insns = case_usual_count(c);
    c->in.xheader[0] = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    return 1;
}

/** The next line without comment and blanks at its end. False at the end of the file. */
static bool next_line(struct Line *l) {
    struct CaseReader *r = l->r;
    if (r->p == r->end)
        return false;
    const char *eol = memchr(r->p, '\n', (size_t)(r->end - r->p));
    l->start = l->p = r->p;
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

/** Go on behind the `end` of a malformed case, or with the next `case`. */
static void skip_case(struct Line *l) {
    while (next_line(l)) {
        struct Word w = next_word(l);
        if (is(w, "end"))
            return;
        if (is(w, "case")) {
            l->r->p = l->start;
            l->r->line--;
            return;
        }
    }
}

static int read_case(struct Line *l) {
    struct CaseReader *r = l->r;
    struct DiffCase *c = l->c;
    bool begun = false;
    while (next_line(l)) {
        struct Word w = next_word(l);
        if (w.n == 0)
            continue;
        int e;
        if (is(w, "case")) {
            if (begun) {
                e = fail(l, "the case that begins in line %u has no `end`", c->line);
                l->over = true;
                r->p = l->start;
                r->line--;
                return e;
            }
            case_init(c, DIFF_LONG64, 3);
            memcpy(c->cpu, r->cpu, sizeof(c->cpu));
            c->line = r->line;
            begun = true;
            e = read_name(l);
        } else if (!begun && is(w, "cpu")) {
            e = read_cpu(l, r->cpu);
        } else if (!begun) {
            return fail(l, "'%.*s' stands outside of a case; `case NAME` begins one", SHOW(w));
        } else if (is(w, "end")) {
            l->over = true;
            e = want_end(l);
            return e != 0 ? e : check(l);
        } else {
            e = read_line(l, w);
        }
        if (e != 0)
            return e;
    }
    return begun ? fail(l, "the case that begins in line %u has no `end`", c->line) : 0;
}

int case_read(struct CaseReader *r, struct DiffCase *c, char *why, size_t n) {
    struct Line l = {.r = r, .c = c, .why = why, .n = n};
    int e = read_case(&l);
    if (e < 0 && !l.over)
        skip_case(&l);
    return e;
}
