/* SPDX-License-Identifier: MIT */
/* What differs between two sides. See lockstep.h. */
#include "diff/guest/lockstep.h"

#include <inttypes.h>
#include <string.h>

enum { WORD = 8 };

void lock_diffs_clear(struct LockDiffs *d) { d->count = 0, d->total = 0; }

static struct LockDiff *next(struct LockDiffs *d, enum LockKind kind) {
    d->total++;
    if (d->count == LOCK_DIFFS)
        return NULL;
    struct LockDiff *i = &d->item[d->count++];
    *i = (struct LockDiff){.kind = kind};
    return i;
}

void lock_diffs_add(struct LockDiffs *d, enum LockKind kind, const char *name, const char *a, const char *b) {
    struct LockDiff *i = next(d, kind);
    if (i == NULL)
        return;
    snprintf(i->name, sizeof(i->name), "%s", name);
    snprintf(i->value[0], sizeof(i->value[0]), "%s", a);
    snprintf(i->value[1], sizeof(i->value[1]), "%s", b);
}

static void add_number(struct LockDiffs *d, enum LockKind kind, const char *name, uint64_t a, uint64_t b) {
    char text[2][24];
    if (a == b)
        return;
    snprintf(text[0], sizeof(text[0]), "%" PRIu64, a);
    snprintf(text[1], sizeof(text[1]), "%" PRIu64, b);
    lock_diffs_add(d, kind, name, text[0], text[1]);
}

/* ---- registers ---- */

static void put_field(const CPUX86State *env, const struct EnvField *f, char *text, size_t n) {
    const uint8_t *p = env_field_at(env, f);
    size_t used = 0;
    for (unsigned i = f->size; i-- > 0 && used + 2 < n;)
        used += (size_t)snprintf(text + used, n - used, "%02x%s", p[i], i % 8 == 0 && i != 0 ? "_" : "");
}

static bool field_differs(const CPUX86State *a, const CPUX86State *b, unsigned i, const struct LockMask *mask) {
    const struct EnvField *f = &env_fields[i];
    if (memcmp(env_field_at(a, f), env_field_at(b, f), f->size) == 0)
        return false;
    if (mask == NULL || mask->ignore[i] == 0)
        return true;
    return f->size <= WORD && ((env_field_read(a, f) ^ env_field_read(b, f)) & ~mask->ignore[i]) != 0;
}

bool lock_same_env(const CPUX86State *a, const CPUX86State *b, const struct LockMask *mask) {
    for (unsigned i = 0; i < env_field_count; i++)
        if (field_differs(a, b, i, mask))
            return false;
    return true;
}

void lock_compare_env(const CPUX86State *a, const CPUX86State *b, const struct LockMask *mask, struct LockDiffs *d) {
    for (unsigned i = 0; i < env_field_count; i++) {
        if (!field_differs(a, b, i, mask))
            continue;
        struct LockDiff *item = next(d, LOCK_FIELD);
        if (item == NULL)
            continue;
        item->field = &env_fields[i];
        snprintf(item->name, sizeof(item->name), "%s", item->field->name);
        put_field(a, item->field, item->value[0], sizeof(item->value[0]));
        put_field(b, item->field, item->value[1], sizeof(item->value[1]));
    }
}

/* ---- devices ---- */

static void compare_state(const struct DeviceState *state, const void *a, const void *b, struct LockDiffs *d) {
    struct StateDifference first;
    char label[80];
    if (!state_differ(state->table, a, b, &first))
        return;
    snprintf(label, sizeof(label), "%s %s", state->name, first.name);
    lock_diffs_add(d, LOCK_DEVICE, label, first.value[0], first.value[1]);
}

void lock_compare_devices(const struct Machine *a, const struct Machine *b, struct LockDiffs *d) {
    add_number(d, LOCK_RUN, "instructions", machine_cpu(a, 0)->insn_count, machine_cpu(b, 0)->insn_count);
    add_number(d, LOCK_RUN, "halted", machine_cpu(a, 0)->halted, machine_cpu(b, 0)->halted);
    add_number(d, LOCK_RUN, "random numbers taken", machine_cpu(a, 0)->random_count, machine_cpu(b, 0)->random_count);
    add_number(d, LOCK_DEVICE, "virtual time (ns)", (uint64_t)clock_now(a->clock), (uint64_t)clock_now(b->clock));
    for (unsigned i = 0; i < machine_device_state_count; i++)
        compare_state(&machine_device_states[i], machine_device_state(a, i, 0), machine_device_state(b, i, 0), d);
}

/* ---- RAM ---- */

static void add_word(struct LockDiffs *d, uint64_t gpa, const uint8_t *a, const uint8_t *b) {
    struct LockDiff *i = next(d, LOCK_RAM);
    if (i == NULL)
        return;
    i->gpa = gpa;
    snprintf(i->name, sizeof(i->name), "RAM %010" PRIx64, gpa);
    for (unsigned s = 0; s < 2; s++) {
        uint64_t v;
        memcpy(&v, s == 0 ? a : b, WORD);
        snprintf(i->value[s], sizeof(i->value[s]), "%016" PRIx64, v);
    }
}

void lock_compare_words(const struct Region *a, const struct Region *b, uint64_t at, uint64_t end,
                        struct LockDiffs *d) {
    for (; at < end; at += WORD)
        if (memcmp(a->host + at, b->host + at, WORD) != 0)
            add_word(d, at, a->host + at, b->host + at);
}

/* The next range that one of them has touched, from *at on. */
static bool next_range(const struct Region *a, const struct Region *b, uint64_t *at, uint64_t *end) {
    uint64_t other = *at, other_end;
    bool first = region_next_touched(a, at, end), second = region_next_touched(b, &other, &other_end);
    if (second && (!first || other < *at)) {
        *at = other;
        *end = other_end;
    }
    return first || second;
}

/* Call `fn` for pieces of RAM that are not the same. */
static void for_pieces(const struct Region *a, const struct Region *b,
                       void (*fn)(void *opaque, uint64_t from, uint64_t to), void *opaque) {
    enum { PIECE = 4096 };
    for (uint64_t at = 0, end; next_range(a, b, &at, &end);) {
        for (; at < end; at += PIECE)
            if (memcmp(a->host + at, b->host + at, PIECE) != 0)
                fn(opaque, at, at + PIECE);
    }
}

struct Comparison {
    const struct Region *a, *b;
    struct LockDiffs *d;
};

static void add_words(void *opaque, uint64_t from, uint64_t to) {
    struct Comparison *c = opaque;
    lock_compare_words(c->a, c->b, from, to, c->d);
}

void lock_compare_ram(const struct Region *a, const struct Region *b, struct LockDiffs *d) {
    struct Comparison c = {a, b, d};
    for_pieces(a, b, add_words, &c);
}

struct Levelling {
    const struct Region *a, *b;
    bool (*may)(uint64_t a, uint64_t b);
    void (*accept)(void *opaque, uint64_t offset);
    void *opaque;
};

static void level_words(void *opaque, uint64_t from, uint64_t to) {
    struct Levelling *l = opaque;
    for (; from < to; from += WORD) {
        uint64_t a, b;
        memcpy(&a, l->a->host + from, WORD);
        memcpy(&b, l->b->host + from, WORD);
        if (a != b && l->may(a, b))
            l->accept(l->opaque, from);
    }
}

void lock_level_ram(const struct Region *a, const struct Region *b, bool (*may)(uint64_t a, uint64_t b),
                    void (*accept)(void *opaque, uint64_t offset), void *opaque) {
    struct Levelling l = {a, b, may, accept, opaque};
    for_pieces(a, b, level_words, &l);
}

void lock_compare_watched(const struct Region *a, const struct Region *b, const struct LockDiffs *watch,
                          struct LockDiffs *d) {
    for (unsigned i = 0; i < watch->count; i++)
        if (watch->item[i].kind == LOCK_RAM)
            lock_compare_words(a, b, watch->item[i].gpa, watch->item[i].gpa + WORD, d);
}
