/* SPDX-License-Identifier: MIT */
/* `twin86 exits A.json B.json`: two files of exit statistics side by side. Nothing in them is trusted. */
#include "debug/exit_report.h"

#include <errno.h>
#include <string.h>

#ifndef HAVE_JSON_C

int exit_compare(const char *const file[2], bool rip, bool all, FILE *f, char *why, size_t n) {
    (void)file, (void)rip, (void)all, (void)f;
    snprintf(why, n, "this twin86 was built without json-c, and can't read JSON");
    return -ENOTSUP;
}

#else

#include <inttypes.h>
#include <json.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { ROWS_MOST = 1 << 20 };
#define FILE_MOST (256l << 20)

/* One file. Rows' names point into `root`. */
struct Side {
    struct json_object *root;
    const char *engine;
    bool real;
    uint64_t run_ns, instructions;
    struct ExitRow *rows;
    size_t count;
    uint64_t total[EXIT_CLASSES];
    uint64_t kernel[EXIT_REASONS]; /* by reason: what KVM counted by itself */
};

/* ---- reading ---- */

static const char *string_of(struct json_object *o, const char *name) {
    struct json_object *v;
    return json_object_object_get_ex(o, name, &v) && json_object_is_type(v, json_type_string)
               ? json_object_get_string(v)
               : NULL;
}

static bool number_of(struct json_object *o, const char *name, uint64_t *n) {
    struct json_object *v;
    if (!json_object_object_get_ex(o, name, &v) || !json_object_is_type(v, json_type_int) ||
        json_object_get_int64(v) < 0)
        return false;
    *n = (uint64_t)json_object_get_int64(v);
    return true;
}

/* "0x..." or null. */
static bool hex_of(struct json_object *o, const char *name, bool *known, uint64_t *n) {
    struct json_object *v;
    *n = 0;
    *known = json_object_object_get_ex(o, name, &v) && v != NULL;
    if (!*known)
        return true;
    if (!json_object_is_type(v, json_type_string))
        return false;
    const char *text = json_object_get_string(v);
    char *end;
    errno = 0;
    *n = strtoull(text, &end, 16);
    return strncmp(text, "0x", 2) == 0 && end != text + 2 && *end == '\0' && errno == 0;
}

static bool reason_of(struct json_object *o, int16_t *reason) {
    struct json_object *v;
    uint64_t n;
    *reason = EXIT_NONE;
    if (!json_object_object_get_ex(o, "reason", &v) || v == NULL)
        return true;
    bool ok = number_of(o, "reason", &n) && n < EXIT_REASONS;
    *reason = ok ? (int16_t)n : EXIT_NONE;
    return ok;
}

static bool read_row(struct json_object *o, struct ExitRow *row) {
    const char *class = string_of(o, "class"), *kind = string_of(o, "kind"), *direction = string_of(o, "direction");
    bool placed, rip;
    *row = (struct ExitRow){.key.name = string_of(o, "name")};
    if (class == NULL || row->key.name == NULL || !reason_of(o, &row->key.reason) ||
        !hex_of(o, "place", &placed, &row->key.place) || !hex_of(o, "rip", &rip, &row->key.rip) ||
        !number_of(o, "count", &row->count) || !number_of(o, "ns", &row->ns) || row->count == 0)
        return false;
    unsigned c = 0, k = 0;
    while (c < EXIT_CLASSES && strcmp(class, exit_class_name((enum ExitClass)c)) != 0)
        c++;
    while (k < EXIT_PLACES && strcmp(kind != NULL ? kind : "", exit_place_name((enum ExitPlace)k)) != 0)
        k++;
    row->key.class = (uint8_t)c;
    row->key.kind = (uint8_t)k;
    row->key.write = direction != NULL && strcmp(direction, "write") == 0;
    row->key.no_rip = !rip;
    return c < EXIT_CLASSES && k < EXIT_PLACES && placed == (k != EXIT_PLACE_NONE);
}

static int order_rows(const void *a, const void *b) {
    const struct ExitRow *x = a, *y = b;
    int r = exits_compare_kinds(&x->key, &y->key);
    return r != 0 ? r : x->key.rip < y->key.rip ? -1 : x->key.rip > y->key.rip;
}

static bool read_rows(struct Side *s) {
    struct json_object *rows;
    if (!json_object_object_get_ex(s->root, "rows", &rows) || !json_object_is_type(rows, json_type_array) ||
        json_object_array_length(rows) > ROWS_MOST)
        return false;
    size_t n = json_object_array_length(rows);
    s->rows = calloc(n + 1, sizeof(*s->rows));
    if (s->rows == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!read_row(json_object_array_get_idx(rows, i), &s->rows[s->count++]))
            return false;
    qsort(s->rows, s->count, sizeof(*s->rows), order_rows);
    return true;
}

static bool read_kernel(struct Side *s) {
    struct json_object *list;
    if (!json_object_object_get_ex(s->root, "kernel", &list))
        return true;
    if (!json_object_is_type(list, json_type_array))
        return false;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        int16_t reason;
        uint64_t count;
        if (!json_object_is_type(o, json_type_object) || !reason_of(o, &reason) || !number_of(o, "count", &count))
            return false;
        if (reason != EXIT_NONE)
            s->kernel[reason] += count;
    }
    return true;
}

static bool understand(struct Side *s) {
    struct json_object *real;
    uint64_t version;
    const char *format = string_of(s->root, "format");
    s->engine = string_of(s->root, "engine");
    if (format == NULL || strcmp(format, EXIT_REPORT_FORMAT) != 0 || s->engine == NULL ||
        !number_of(s->root, "version", &version) || version != EXIT_REPORT_VERSION)
        return false;
    s->real = json_object_object_get_ex(s->root, "real", &real) && json_object_get_boolean(real);
    return number_of(s->root, "run_ns", &s->run_ns) && number_of(s->root, "instructions", &s->instructions) &&
           read_rows(s) && read_kernel(s);
}

static int open_side(struct Side *s, const char *path, char *why, size_t n) {
    struct stat st;
    if (stat(path, &st) != 0) {
        int e = errno;
        snprintf(why, n, "%s can't be read: %s", path, strerror(e));
        return -e;
    }
    if (!S_ISREG(st.st_mode) || st.st_size > FILE_MOST) {
        snprintf(why, n, "%s is no file of exit statistics; -exit-stats json,file=PATH writes one", path);
        return -EINVAL;
    }
    s->root = json_object_from_file(path);
    if (s->root == NULL || !json_object_is_type(s->root, json_type_object) || !understand(s)) {
        snprintf(why, n, "%s holds no exit statistics of version %d; -exit-stats json,file=PATH writes them", path,
                 EXIT_REPORT_VERSION);
        return -EINVAL;
    }
    return 0;
}

static void close_side(struct Side *s) {
    free(s->rows);
    json_object_put(s->root);
}

/* ---- side by side ---- */

/* The same kind of event on both sides; a count of 0: not there. */
struct Pair {
    const struct ExitKey *key;
    struct ExitRow row[2];
    bool detail; /* of the reason above it */
};

struct Output {
    FILE *f;
    const struct Side *side;
    bool rip, all;
};

static void put_side(const struct Output *o, const struct Pair *p, unsigned i) {
    const struct ExitRow *row = &p->row[i];
    uint64_t total = o->side[i].total[p->key->class];
    if (row->count == 0)
        fprintf(o->f, " %11s %6s %11s", "-", "", "");
    else
        fprintf(o->f, " %11" PRIu64 " %6.2f %11.3f", row->count, 100.0 * (double)row->count / (double)total,
                (double)row->ns / 1e6);
}

static void put_pair(const struct Output *o, const struct Pair *p, const char *name) {
    fprintf(o->f, "%-36.36s", name);
    put_side(o, p, 0);
    fputs("  |", o->f);
    put_side(o, p, 1);
    if (p->row[0].count != 0 && p->row[1].count != 0)
        fprintf(o->f, "  | %9.3f", (double)p->row[1].count / (double)p->row[0].count);
    else
        fputs("  |         -", o->f);
    if (p->detail && o->rip && !p->key->no_rip)
        fprintf(o->f, "  %" PRIx64, p->key->rip);
    fputc('\n', o->f);
}

static bool same_reason(const struct ExitKey *a, const struct ExitKey *b) {
    return a->class == b->class && a->reason == b->reason && strcmp(a->name, b->name) == 0;
}

/* The next kind of event of both sides together, with *at moved on; false: there are no more. */
static bool next_pair(const struct Side *side, size_t at[2], bool rip, struct Pair *p) {
    const struct ExitRow *row[2];
    for (unsigned i = 0; i < 2; i++)
        row[i] = at[i] < side[i].count ? &side[i].rows[at[i]] : NULL;
    if (row[0] == NULL && row[1] == NULL)
        return false;
    int r = row[0] == NULL ? 1 : row[1] == NULL ? -1 : exits_compare_kinds(&row[0]->key, &row[1]->key);
    if (r == 0 && rip && row[0]->key.rip != row[1]->key.rip)
        r = row[0]->key.rip < row[1]->key.rip ? -1 : 1;
    *p = (struct Pair){.key = &row[r > 0]->key, .detail = true};
    for (unsigned i = 0; i < 2; i++)
        if (r == 0 || (r > 0) == (i == 1))
            p->row[i] = *row[i], at[i]++;
    return true;
}

static uint64_t larger(const struct Pair *p) {
    return p->row[0].count > p->row[1].count ? p->row[0].count : p->row[1].count;
}

static int more(const void *a, const void *b) {
    uint64_t x = larger(a), y = larger(b);
    if (x != y)
        return x > y ? -1 : 1;
    return exits_compare_kinds(((const struct Pair *)a)->key, ((const struct Pair *)b)->key);
}

/* A reason: its sum, then its places, most frequent first. */
static void put_reason(const struct Output *o, struct Pair *pairs, size_t n) {
    enum { SHOWN = 12 };
    struct Pair sum = {.key = pairs[0].key};
    char name[64], place[48];
    bool placed = pairs[0].key->kind != EXIT_PLACE_NONE || n > 1;
    for (size_t k = 0; k < n; k++)
        for (unsigned i = 0; i < 2; i++) {
            sum.row[i].count += pairs[k].row[i].count;
            sum.row[i].ns += pairs[k].row[i].ns;
        }
    if (sum.key->class == EXIT_CLASS_EXIT && sum.key->reason != EXIT_NONE)
        snprintf(name, sizeof(name), "%2d %s", sum.key->reason, sum.key->name);
    else
        snprintf(name, sizeof(name), "   %s", sum.key->name);
    put_pair(o, &sum, name);
    qsort(pairs, n, sizeof(*pairs), more);
    for (size_t k = 0; placed && k < n; k++) {
        if (!o->all && k == SHOWN) {
            fprintf(o->f, "     %zu more (--all shows them)\n", n - k);
            break;
        }
        exit_describe_place(pairs[k].key, place, sizeof(place));
        snprintf(name, sizeof(name), "     %s", place);
        put_pair(o, &pairs[k], name);
    }
}

static void put_heading(const struct Output *o, unsigned class) {
    static const char *const titles[EXIT_CLASSES] = {"Exits", "Privileged instructions that don't exit",
                                                     "Sensitive instructions at CPL 0"};
    fprintf(o->f, "\n%-36s", titles[class]);
    for (unsigned i = 0; i < 2; i++)
        fprintf(o->f, "%s %11s %6s %11s", i == 0 ? "" : "  |", "count", "%", "host ms");
    fputs("  |  B over A\n", o->f);
}

/* Exits that one side has only as a number of the host kernel's. */
static void put_kernel(const struct Output *o) {
    bool any = false;
    for (unsigned reason = 0; reason < EXIT_REASONS; reason++) {
        if (o->side[0].kernel[reason] == 0 && o->side[1].kernel[reason] == 0)
            continue;
        if (!any)
            fprintf(o->f, "\n%-36s %11s  %20s %11s\n", "Counted by KVM itself", "A", "|", "B");
        any = true;
        char name[64];
        const char *text = exit_reason_name((int)reason);
        snprintf(name, sizeof(name), "%2u %s", reason, text != NULL ? text : "");
        fprintf(o->f, "%-36s %11" PRIu64 "  %20s %11" PRIu64 "\n", name, o->side[0].kernel[reason], "|",
                o->side[1].kernel[reason]);
    }
}

static int compare(const struct Output *o, struct Side *side) {
    size_t most = side[0].count + side[1].count, n = 0, at[2] = {0, 0};
    struct Pair *pairs = calloc(most + 1, sizeof(*pairs));
    if (pairs == NULL)
        return -ENOMEM;
    while (next_pair(side, at, o->rip, &pairs[n]))
        n++;
    unsigned class = EXIT_CLASSES;
    for (size_t i = 0, next; i < n; i = next) {
        for (next = i + 1; next < n && same_reason(pairs[i].key, pairs[next].key); next++)
            ;
        if (pairs[i].key->class != class)
            put_heading(o, class = pairs[i].key->class);
        put_reason(o, &pairs[i], next - i);
    }
    put_kernel(o);
    free(pairs);
    return 0;
}

int exit_compare(const char *const file[2], bool rip, bool all, FILE *f, char *why, size_t n) {
    struct Side side[2] = {{0}, {0}};
    int r = 0;
    for (unsigned i = 0; r == 0 && i < 2; i++)
        r = open_side(&side[i], file[i], why, n);
    for (unsigned i = 0; r == 0 && i < 2; i++) {
        if (!rip)
            side[i].count = exits_without_rip(side[i].rows, side[i].count);
        for (size_t k = 0; k < side[i].count; k++)
            side[i].total[side[i].rows[k].key.class] += side[i].rows[k].count;
        fprintf(f, "%c: %s (%s), %s; %.3f s", 'A' + (int)i, file[i], side[i].engine,
                side[i].real ? "real exits" : "what would exit", (double)side[i].run_ns / 1e9);
        if (side[i].instructions != 0)
            fprintf(f, ", %" PRIu64 " instructions", side[i].instructions);
        fputc('\n', f);
    }
    const struct Output o = {f, side, rip, all};
    if (r == 0 && (r = compare(&o, side)) != 0)
        snprintf(why, n, "out of memory");
    close_side(&side[0]);
    close_side(&side[1]);
    return r;
}

#endif
