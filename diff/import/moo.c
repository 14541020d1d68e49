/* SPDX-License-Identifier: MIT */
#include "diff/import/moo.h"
#include "base/bytes.h"
#include "base/why.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/** What is left of a payload. */
struct Span {
    const uint8_t *p;
    size_t n;
};

/** A chunk: its four letters, and its payload. */
struct Chunk {
    char id[5];
    struct Span data;
    size_t at; /* in the file */
};

static int fail(const struct MooFile *m, size_t at, char *why, size_t n, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
static int fail(const struct MooFile *m, size_t at, char *why, size_t n, const char *fmt, ...) {
    va_list ap;
    why_set(why, n, 0, "%s: byte %zu: ", m->file, at);
    va_start(ap, fmt);
    why_addv(why, n, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

/* ---- numbers ---- */

/** A number of that many bytes off the front. False: there is none left. */
static bool take(struct Span *s, unsigned bytes, uint32_t *v) {
    if (s->n < bytes)
        return false;
    *v = (uint32_t)get_le(s->p, bytes);
    s->p += bytes;
    s->n -= bytes;
    return true;
}

/** A size and as many items of `unit` bytes. */
static bool take_list(struct Span s, unsigned unit, const uint8_t **p, uint32_t *count) {
    if (!take(&s, 4, count) || *count > s.n / unit)
        return false;
    *p = s.p;
    return true;
}

/* ---- chunks ---- */

static bool is(const struct Chunk *c, const char *id) { return memcmp(c->id, id, 4) == 0; }

/** The next chunk off the front of `s`. 1; 0 at its end; -1: it is cut off. */
static int take_chunk(const struct MooFile *m, struct Span *s, struct Chunk *c) {
    uint32_t size;
    if (s->n == 0)
        return 0;
    c->at = (size_t)(s->p - m->data);
    if (s->n < 8)
        return -1;
    for (unsigned k = 0; k < 4; k++) /* messages name it */
        c->id[k] = s->p[k] >= ' ' && s->p[k] < 0x7f ? (char)s->p[k] : '?';
    c->id[4] = '\0';
    s->p += 4;
    s->n -= 4;
    take(s, 4, &size);
    if (size > s->n)
        return -1;
    c->data = (struct Span){s->p, size};
    s->p += size;
    s->n -= size;
    return 1;
}

/* ---- registers ---- */

static const uint8_t order16[] = {MOO_AX, MOO_BX, MOO_CX, MOO_DX, MOO_CS, MOO_SS, MOO_DS,
                                  MOO_ES, MOO_SP, MOO_BP, MOO_SI, MOO_DI, MOO_IP, MOO_FLAGS};
static const uint8_t order32[] = {MOO_CR0, MOO_CR3, MOO_AX, MOO_BX, MOO_CX, MOO_DX, MOO_SI,
                                  MOO_DI,  MOO_BP,  MOO_SP, MOO_CS, MOO_DS, MOO_ES, MOO_FS,
                                  MOO_GS,  MOO_SS,  MOO_IP, MOO_FLAGS, MOO_DR6, MOO_DR7};

/** A bit mask of registers, then the values of those: REGS and RMSK (16 bits), RG32 and RM32. Bits that mean nothing
 *  have values all the same, which are skipped. */
static bool read_regs(struct Span s, bool wide, struct MooRegs *r) {
    unsigned size = wide ? 4 : 2, known = wide ? sizeof(order32) : sizeof(order16);
    uint32_t bits, v;
    if (!take(&s, size, &bits))
        return false;
    for (unsigned k = 0; k < 8 * size; k++) {
        if (!(bits >> k & 1))
            continue;
        if (!take(&s, size, &v))
            return false;
        if (k >= known)
            continue;
        unsigned reg = wide ? order32[k] : order16[k];
        r->v[reg] = v;
        r->present |= 1u << reg;
    }
    return true;
}

/** A chunk of masks; true where it is one. *ok: it is whole. */
static bool read_mask(const struct Chunk *c, struct MooRegs *mask, bool *ok) {
    if (!is(c, "RMSK") && !is(c, "RM32"))
        return false;
    *ok = read_regs(c->data, is(c, "RM32"), mask);
    return true;
}

/* ---- a test ---- */

/** INIT or FINA. */
static int read_state(const struct MooFile *m, struct Span s, struct MooState *state, struct MooRegs *mask, char *why,
                      size_t n) {
    struct Chunk c;
    int r;
    while ((r = take_chunk(m, &s, &c)) > 0) {
        bool ok = true;
        if (is(&c, "REGS") || is(&c, "RG32"))
            ok = read_regs(c.data, is(&c, "RG32"), &state->regs);
        else if (is(&c, "RAM "))
            ok = take_list(c.data, 5, &state->ram.entry, &state->ram.n);
        else
            read_mask(&c, mask, &ok);
        if (!ok)
            return fail(m, c.at, why, n, "the chunk %s ends before what it says it holds", c.id);
    }
    return r == 0 ? 0 : fail(m, c.at, why, n, "a chunk within INIT or FINA goes beyond its end");
}

static int read_part(const struct MooFile *m, const struct Chunk *c, struct MooTest *t, char *why, size_t n) {
    const uint8_t *text = NULL;
    bool ok = true;
    if (is(c, "NAME")) {
        ok = take_list(c->data, 1, &text, &t->name_size);
        t->name = (const char *)text;
    } else if (is(c, "BYTS")) {
        ok = take_list(c->data, 1, &t->bytes, &t->size);
    } else if (is(c, "INIT")) {
        return read_state(m, c->data, &t->before, &t->mask, why, n);
    } else if (is(c, "FINA")) {
        return read_state(m, c->data, &t->after, &t->mask, why, n);
    } else if (is(c, "EXCP")) {
        struct Span s = c->data;
        uint32_t vector = 0;
        ok = take(&s, 1, &vector) && take(&s, 4, &t->flags_at);
        t->vector = (uint8_t)vector;
        t->interrupt = true;
    }
    return ok ? 0 : fail(m, c->at, why, n, "the chunk %s ends before what it says it holds", c->id);
}

static int read_test(const struct MooFile *m, const struct Chunk *test, struct MooTest *t, char *why, size_t n) {
    struct Span s = test->data;
    struct Chunk c;
    *t = (struct MooTest){.mask = m->mask};
    if (!take(&s, 4, &t->index))
        return fail(m, test->at, why, n, "a TEST without its index");
    int r;
    while ((r = take_chunk(m, &s, &c)) > 0) {
        int e = read_part(m, &c, t, why, n);
        if (e != 0)
            return e;
    }
    if (r < 0)
        return fail(m, c.at, why, n, "a chunk of test %u goes beyond the test's end", t->index);
    return 1;
}

/* ---- a file ---- */

int moo_open(struct MooFile *m, const char *file, const uint8_t *data, size_t size, char *why, size_t n) {
    *m = (struct MooFile){.file = file, .data = data, .size = size};
    struct Span s = {data, size};
    struct Chunk c;
    if (take_chunk(m, &s, &c) <= 0 || !is(&c, "MOO ") || c.data.n < 12)
        return fail(m, 0, why, n, "no MOO file: it would begin with a chunk MOO of 12 bytes or more");
    if (c.data.p[0] != 1)
        return fail(m, 0, why, n, "MOO files of version %u.%u are not known, those of 1.x are", c.data.p[0],
                    c.data.p[1]);
    m->tests = get_le32(c.data.p + 4);
    memcpy(m->cpu, c.data.p + 8, 4);
    for (unsigned k = 4; k > 0 && (m->cpu[k - 1] == ' ' || m->cpu[k - 1] == '\0'); k--)
        m->cpu[k - 1] = '\0';
    m->at = size - s.n;
    return 0;
}

int moo_next(struct MooFile *m, struct MooTest *t, char *why, size_t n) {
    struct Span s = {m->data + m->at, m->size - m->at};
    struct Chunk c;
    int r;
    while ((r = take_chunk(m, &s, &c)) > 0) {
        bool ok = true;
        m->at = m->size - s.n;
        if (is(&c, "TEST"))
            return read_test(m, &c, t, why, n);
        if (read_mask(&c, &m->mask, &ok) && !ok)
            return fail(m, c.at, why, n, "the chunk %s ends before what it says it holds", c.id);
    }
    return r == 0 ? 0 : fail(m, m->at, why, n, "the last chunk goes beyond the end of the file");
}
