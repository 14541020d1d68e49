/* SPDX-License-Identifier: MIT */
/* The last instructions of both sides, and how they are told. See lockstep.h. */
#include "debug/cpu_dump.h"
#include "diff/guest/lockstep.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int lock_history_init(struct LockHistory *h, unsigned size) {
    size_t bytes = (size_t)(size + 1) * sizeof(*h->ring);
    *h = (struct LockHistory){.size = size, .ring = aligned_alloc(_Alignof(struct LockMoment), bytes)};
    return h->ring == NULL ? -ENOMEM : 0;
}

void lock_history_destroy(struct LockHistory *h) {
    free(h->ring);
    *h = (struct LockHistory){0};
}

void lock_history_clear(struct LockHistory *h) { h->total = 0; }

struct LockMoment *lock_history_next(struct LockHistory *h) {
    struct LockMoment *m = &h->ring[h->total++ % (h->size + 1)];
    m->note[0] = '\0';
    return m;
}

struct LockMoment *lock_history_back(const struct LockHistory *h, unsigned k) {
    return k < h->total && k <= h->size ? &h->ring[(h->total - 1 - k) % (h->size + 1)] : NULL;
}

void lock_history_resolve(struct LockHistory *h, struct Disas *disas) {
    for (unsigned k = 0; k < h->size; k++) {
        struct LockMoment *m = lock_history_back(h, k);
        if (m == NULL)
            return;
        uint8_t bytes[DISAS_MAX_INSN];
        memcpy(bytes, m->line.bytes, sizeof(bytes));
        if (m->line.text[0] == '\0')
            disas_bytes(disas, m->mode, m->line.address, bytes, m->line.size, &m->line);
    }
}

/* ---- as text ---- */

static void print_bytes(const struct DisasLine *line, FILE *f) {
    unsigned width = 0;
    for (unsigned i = 0; i < line->size; i++)
        width += (unsigned)fprintf(f, "%02x ", line->bytes[i]);
    fprintf(f, "%*s", width < 30 ? (int)(30 - width) : 1, "");
}

/* "rax=0000000000000001 rflags=00000246 [IF ZF PF]": the fields of up to 8 bytes that changed. */
static void print_changes(const CPUX86State *before, const CPUX86State *after, const char *indent, FILE *f) {
    unsigned n = 0;
    for (unsigned i = 0; i < env_field_count; i++) {
        const struct EnvField *field = &env_fields[i];
        if (memcmp(env_field_at(before, field), env_field_at(after, field), field->size) == 0 ||
            strcmp(field->name, "rip") == 0)
            continue;
        if (n++ % 6 == 0)
            fprintf(f, "%s%s", n > 1 ? "\n" : "", indent);
        if (field->size > 8) {
            const union VecReg *v = env_field_at(after, field);
            fprintf(f, " %s=%016" PRIx64 "_%016" PRIx64 "_%016" PRIx64 "_%016" PRIx64, field->name, v->q[3], v->q[2],
                    v->q[1], v->q[0]);
            continue;
        }
        fprintf(f, " %s=%0*" PRIx64, field->name, 2 * field->size, env_field_read(after, field));
        if (strcmp(field->name, "rflags") == 0) {
            fputs(" [", f);
            cpu_print_flags(after->rflags, f);
            fputc(']', f);
        }
    }
    if (n > 0)
        fputc('\n', f);
}

static void print_moment(const struct LockMoment *m, const struct LockMoment *before, const char *const names[2],
                         const struct LockMask *mask, bool marked, FILE *f) {
    const CPUX86State *env = before != NULL ? &before->after[0] : &m->after[0]; /* for the width of addresses */
    fprintf(f, "%s%12" PRIu64 "  ", marked ? "=>" : "  ", m->count);
    cpu_print_far(env, m->cs, m->line.address, f);
    fputs("  ", f);
    print_bytes(&m->line, f);
    fprintf(f, "%s%s%s\n", m->line.text, m->note[0] != '\0' ? "   ; " : "", m->note);
    if (before == NULL)
        return;
    if (lock_same_env(&m->after[0], &m->after[1], mask)) {
        print_changes(&before->after[0], &m->after[0], "                 ", f);
        return;
    }
    for (unsigned s = 0; s < 2; s++) {
        char indent[64];
        snprintf(indent, sizeof(indent), "  %15.40s:", names[s]);
        print_changes(&before->after[s], &m->after[s], indent, f);
    }
}

void lock_history_print(const struct LockHistory *h, const char *const names[2], const struct LockMask *mask,
                        unsigned mark, FILE *f) {
    unsigned n = h->total < h->size ? (unsigned)h->total : h->size;
    fprintf(f, "The last %u instructions of both, and the registers that they changed:\n", n);
    for (unsigned k = n; k-- > 0;)
        print_moment(lock_history_back(h, k), lock_history_back(h, k + 1), names, mask, k == mark, f);
}

void lock_diffs_print(const struct LockDiffs *d, const char *const names[2], FILE *f) {
    fputs("What differs after it:\n", f);
    for (unsigned i = 0; i < d->count; i++)
        fprintf(f, "  %-24s %s: %s\n  %-24s %s: %s\n", d->item[i].name, names[0], d->item[i].value[0], "", names[1],
                d->item[i].value[1]);
    if (d->total > d->count)
        fprintf(f, "  and %" PRIu64 " more\n", d->total - d->count);
}
