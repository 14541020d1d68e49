/* SPDX-License-Identifier: MIT */
/* State structs by their tables. See state.h. */
#include "devices/state.h"
#include "base/bytes.h"
#include "base/why.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* ---- walking a table ---- */

/* Where an element is: its field, its number in it, and the struct around it. */
struct Place {
    const struct Place *up; /* NULL: in the outermost struct */
    const struct StateField *field;
    unsigned index;
    size_t offset; /* in the outermost struct */
};

typedef bool Visit(void *opaque, const struct Place *p);

/* Call `visit` for each element that is no struct, until it says false. */
static bool walk(const struct StateTable *t, unsigned version, const struct Place *up, Visit *visit, void *opaque) {
    for (const struct StateField *f = t->field; f->name != NULL; f++) {
        for (unsigned i = 0; f->since <= version && i < f->count; i++) {
            struct Place p = {up, f, i, (up != NULL ? up->offset : 0) + f->offset + (size_t)i * f->size};
            bool on = f->kind == STATE_STRUCT ? walk(f->table, version, &p, visit, opaque) : visit(opaque, &p);
            if (!on)
                return false;
        }
    }
    return true;
}

static bool walk_all(const struct StateTable *t, Visit *visit, void *opaque) {
    return walk(t, UINT16_MAX, NULL, visit, opaque);
}

/* "channel[1].count" */
static size_t put_name(const struct Place *p, char *text, size_t n) {
    size_t used = 0;
    if (p->up != NULL) {
        used = put_name(p->up, text, n);
        if (used < n)
            used += (size_t)snprintf(text + used, n - used, ".");
    }
    if (used < n)
        used += (size_t)snprintf(text + used, n - used, "%s", p->field->name);
    if (p->field->count > 1 && used < n)
        used += (size_t)snprintf(text + used, n - used, "[%u]", p->index);
    return used;
}

static uint64_t value_at(const void *state, const struct Place *p) {
    uint64_t v = 0;
    memcpy(&v, (const uint8_t *)state + p->offset, p->field->size);
    return v;
}

static void put_value(const struct StateField *f, uint64_t v, char *text, size_t n) {
    unsigned unused = 64 - 8 * f->size;
    if (f->kind == STATE_SIGNED)
        snprintf(text, n, "%" PRId64, (int64_t)(v << unused) >> unused);
    else if (f->kind == STATE_BOOL)
        snprintf(text, n, "%" PRIu64, v);
    else
        snprintf(text, n, "0x%" PRIx64, v);
}

/* ---- saving ---- */

static bool add_size(void *opaque, const struct Place *p) {
    if (p->field->kind != STATE_NOTHING)
        *(size_t *)opaque += p->field->size;
    return true;
}

size_t state_size(const struct StateTable *t, unsigned version) {
    size_t n = 0;
    walk(t, version, NULL, add_size, &n);
    return n;
}

struct Saving {
    const void *state;
    uint8_t *out;
};

static bool save_element(void *opaque, const struct Place *p) {
    struct Saving *s = opaque;
    if (p->field->kind == STATE_NOTHING)
        return true;
    uint64_t v = value_at(s->state, p);
    put_le(s->out, v, p->field->size);
    s->out += p->field->size;
    return true;
}

void state_save(const struct StateTable *t, const void *state, uint8_t *out) {
    struct Saving s = {state, out};
    walk(t, t->version, NULL, save_element, &s);
}

/* ---- restoring ---- */

struct Loading {
    const struct StateTable *table;
    const uint8_t *in;
    void *state;
    char *why;
    size_t why_size;
};

static void __attribute__((format(printf, 2, 3))) refuse(struct Loading *l, const char *format, ...) {
    va_list ap;
    why_set(l->why, l->why_size, 0, "%s: ", l->table->name);
    va_start(ap, format);
    why_addv(l->why, l->why_size, format, ap);
    va_end(ap);
}

static bool load_element(void *opaque, const struct Place *p) {
    struct Loading *l = opaque;
    const struct StateField *f = p->field;
    if (f->kind == STATE_NOTHING)
        return true;
    uint64_t v = get_le(l->in, f->size), max = f->kind == STATE_BOOL ? 1 : f->max != 0 ? f->max : UINT64_MAX;
    l->in += f->size;
    if (v > max) {
        char name[64];
        put_name(p, name, sizeof(name));
        refuse(l, "%s is 0x%" PRIx64 ", and can be 0x%" PRIx64 " at most", name, v, max);
        return false;
    }
    memcpy((uint8_t *)l->state + p->offset, &v, f->size);
    return true;
}

int state_load(const struct StateTable *t, unsigned version, const uint8_t *in, size_t n, void *state, char *why,
               size_t why_size) {
    struct Loading l = {t, in, state, why, why_size};
    if (version == 0 || version > t->version) {
        refuse(&l, "the state is of version %u; versions 1 to %u are known", version, t->version);
        return -EINVAL;
    }
    if (n != state_size(t, version)) {
        refuse(&l, "the state has %zu bytes instead of %zu", n, state_size(t, version));
        return -EINVAL;
    }
    if (!walk(t, version, NULL, load_element, &l))
        return -EINVAL;
    const char *wrong = t->check != NULL ? t->check(state) : NULL;
    if (wrong == NULL)
        return 0;
    refuse(&l, "%s", wrong);
    return -EINVAL;
}

/* ---- comparing ---- */

struct Comparing {
    const void *a, *b;
    struct StateDifference *d;
};

static bool compare_element(void *opaque, const struct Place *p) {
    struct Comparing *c = opaque;
    if (p->field->kind == STATE_NOTHING)
        return true;
    uint64_t v[2] = {value_at(c->a, p), value_at(c->b, p)};
    if (v[0] == v[1])
        return true;
    put_name(p, c->d->name, sizeof(c->d->name));
    for (unsigned i = 0; i < 2; i++)
        put_value(p->field, v[i], c->d->value[i], sizeof(c->d->value[i]));
    c->d->offset = p->offset;
    return false;
}

bool state_differ(const struct StateTable *t, const void *a, const void *b, struct StateDifference *d) {
    struct Comparing c = {a, b, d};
    return memcmp(a, b, t->size) != 0 && !walk_all(t, compare_element, &c);
}

/* ---- printing ---- */

enum { BYTES_IN_LINE = 16 };

struct Printing {
    const void *state;
    FILE *f;
};

static bool print_element(void *opaque, const struct Place *p) {
    struct Printing *pr = opaque;
    const struct StateField *f = p->field;
    char name[64], text[24];
    if (f->kind == STATE_NOTHING)
        return true;
    uint64_t v = value_at(pr->state, p);
    bool bytes = f->size == 1 && f->count > BYTES_IN_LINE, last = p->index + 1 == f->count;
    if (!bytes || p->index % BYTES_IN_LINE == 0) {
        put_name(p, name, sizeof(name));
        fprintf(pr->f, "  %-24s", name);
    }
    put_value(f, v, text, sizeof(text));
    if (bytes)
        fprintf(pr->f, " %02" PRIx64 "%s", v, last || p->index % BYTES_IN_LINE == BYTES_IN_LINE - 1 ? "\n" : "");
    else
        fprintf(pr->f, " %s\n", text);
    return true;
}

void state_print(const struct StateTable *t, const void *state, FILE *f) {
    struct Printing p = {state, f};
    walk_all(t, print_element, &p);
}

/* ---- for tests ---- */

struct Each {
    void (*fn)(void *opaque, const char *name, const struct StateField *f, size_t offset);
    void *opaque;
};

static bool each(void *opaque, const struct Place *p) {
    struct Each *e = opaque;
    char name[64];
    put_name(p, name, sizeof(name));
    e->fn(e->opaque, name, p->field, p->offset);
    return true;
}

void state_for_each(const struct StateTable *t,
                    void (*fn)(void *opaque, const char *name, const struct StateField *f, size_t offset),
                    void *opaque) {
    struct Each e = {fn, opaque};
    walk_all(t, each, &e);
}
