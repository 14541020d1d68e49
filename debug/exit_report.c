/* SPDX-License-Identifier: MIT */
#include "debug/exit_report.h"
#include "debug/msr_names.h"
#include "debug/sched_report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void exit_describe_place(const struct ExitKey *k, char *text, size_t n) {
    unsigned long long p = k->place;
    text[0] = '\0';
    switch ((enum ExitPlace)k->kind) {
    case EXIT_PLACE_PORT: snprintf(text, n, "%s port %llx", k->write ? "out" : "in ", p); break;
    case EXIT_PLACE_ADDRESS: snprintf(text, n, "%s %llx", k->write ? "write" : "read ", p); break;
    case EXIT_PLACE_MSR: snprintf(text, n, "%llx %s", p, msr_name((uint32_t)p)); break;
    case EXIT_PLACE_LEAF: snprintf(text, n, "leaf %llx", p); break;
    case EXIT_PLACE_VECTOR: snprintf(text, n, "vector %llu", p); break;
    case EXIT_PLACE_CR: snprintf(text, n, "%s CR%llu", k->write ? "to" : "from", p); break;
    case EXIT_PLACE_DR: snprintf(text, n, "%s DR%llu", k->write ? "to" : "from", p); break;
    default: break;
    }
}

/* ---- text ---- */

/* What rows that follow one another add up to. */
struct Sum {
    const struct ExitKey *key;
    uint64_t count, ns;
    uint64_t rip, rip_count; /* the most frequent one */
    bool rip_known;
    unsigned rips;
};

static void add(struct Sum *s, const struct ExitRow *row) {
    if (s->count == 0)
        s->key = &row->key;
    s->count += row->count;
    s->ns += row->ns;
    s->rips++;
    if (row->count > s->rip_count) {
        s->rip = row->key.rip;
        s->rip_count = row->count;
        s->rip_known = !row->key.no_rip;
    }
}

static int more(const void *a, const void *b) {
    const struct Sum *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return exits_compare_kinds(x->key, y->key);
}

static bool same_reason(const struct ExitKey *a, const struct ExitKey *b) {
    return a->class == b->class && a->reason == b->reason && strcmp(a->name, b->name) == 0;
}

struct Table {
    const struct ExitReport *report;
    FILE *f;
    uint64_t total, total_ns; /* of the class */
};

static void put_columns(const struct Table *t, const struct Sum *s) {
    fprintf(t->f, "%12" PRIu64 " %6.2f %11.3f %6.2f %9.3f", s->count, 100.0 * (double)s->count / (double)t->total,
            (double)s->ns / 1e6, t->total_ns != 0 ? 100.0 * (double)s->ns / (double)t->total_ns : 0.0,
            (double)s->ns / 1e3 / (double)s->count);
}

static void put_rip(const struct Table *t, const struct Sum *s) {
    char symbol[128];
    if (!s->rip_known)
        return;
    fprintf(t->f, "  %" PRIx64 "%s", s->rip, symbols_text(t->report->symbols, s->rip, symbol, sizeof(symbol)));
    if (s->rips > 1)
        fprintf(t->f, " %.0f %% of %u", 100.0 * (double)s->rip_count / (double)s->count, s->rips);
}

/* A reason, and its places, most frequent first. rows[0..n) are all of that reason. */
static void put_reason(const struct Table *t, const struct ExitRow *rows, size_t n) {
    enum { PLACES_SHOWN = 16 };
    struct Sum all = {0}, *place = calloc(n, sizeof(*place));
    size_t places = 0;
    char text[64], name[48];
    for (size_t i = 0; i < n; i++) {
        add(&all, &rows[i]);
        if (place == NULL)
            continue;
        if (places == 0 || exits_compare_kinds(place[places - 1].key, &rows[i].key) != 0)
            places++;
        add(&place[places - 1], &rows[i]);
    }
    if (rows[0].key.class == EXIT_CLASS_EXIT && rows[0].key.reason != EXIT_NONE)
        snprintf(name, sizeof(name), "%2d %s", rows[0].key.reason, rows[0].key.name);
    else
        snprintf(name, sizeof(name), "   %s", rows[0].key.name);
    fprintf(t->f, "%-32s", name);
    put_columns(t, &all);
    bool detailed = places > 1 || rows[0].key.kind != EXIT_PLACE_NONE;
    if (!detailed)
        put_rip(t, &all);
    fputc('\n', t->f);
    if (detailed && places > 0)
        qsort(place, places, sizeof(*place), more);
    for (size_t i = 0; detailed && i < places && i < PLACES_SHOWN; i++) {
        exit_describe_place(place[i].key, text, sizeof(text));
        fprintf(t->f, "     %-27s", text);
        put_columns(t, &place[i]);
        put_rip(t, &place[i]);
        fputc('\n', t->f);
    }
    if (detailed && places > PLACES_SHOWN)
        fprintf(t->f, "     %zu more\n", places - PLACES_SHOWN);
    free(place);
}

static void put_class(const struct ExitReport *report, const struct ExitCounts *r, enum ExitClass class, FILE *f) {
    static const char *const titles[EXIT_CLASSES] = {
        "Exits", "Privileged instructions that don't exit, but would trap at CPL 3 without VT-x",
        "Sensitive instructions at CPL 0 that would not even trap at CPL 3"};
    struct Table t = {.report = report, .f = f};
    size_t first = r->count, end = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (r->rows[i].key.class != class)
            continue;
        first = i < first ? i : first;
        end = i + 1;
        t.total += r->rows[i].count;
        t.total_ns += r->rows[i].ns;
    }
    if (first >= end)
        return;
    fprintf(f, "\n%s: %" PRIu64 "\n", titles[class], t.total);
    fprintf(f, "%-32s%12s %6s %11s %6s %9s  %s\n", "   reason or instruction", "count", "%", "host ms", "%", "us each",
            "RIP");
    for (size_t i = first; i < end;) {
        size_t n = 1;
        while (i + n < end && same_reason(&r->rows[i].key, &r->rows[i + n].key))
            n++;
        put_reason(&t, &r->rows[i], n);
        i += n;
    }
}

static void put_kernel(const struct ExitCounts *r, FILE *f) {
    if (r->kernel_count == 0)
        return;
    fputs("\nCounted by KVM itself (those above included):\n", f);
    for (unsigned i = 0; i < r->kernel_count; i++) {
        const struct ExitKernel *k = &r->kernel[i];
        if (k->count == 0)
            continue;
        fprintf(f, "   %-29s%12" PRIu64, k->name, k->count);
        if (k->reason != EXIT_NONE)
            fprintf(f, "  %d %s", k->reason, exit_reason_name(k->reason));
        fputc('\n', f);
    }
}

static void put_counts(const struct ExitReport *report, const struct ExitCounts *c, FILE *f) {
    if (c->instructions != 0)
        fprintf(f, ", %" PRIu64 " instructions", c->instructions);
    fputc('\n', f);
    for (unsigned k = 0; k < EXIT_CLASSES; k++)
        put_class(report, c, (enum ExitClass)k, f);
    put_kernel(c, f);
    if (c->merged != 0)
        fprintf(f, "\nThe RIPs of %" PRIu64 " events were not kept: there are too many.\n", c->merged);
}

void exit_report_text(const struct ExitReport *r, FILE *f) {
    fprintf(f, "Exit statistics of %s: %s; %.3f s", r->engine,
            r->real ? "real exits to user space" : "what would exit under KVM on VT-x", (double)r->run_ns / 1e9);
    if (r->cpus > 1)
        fprintf(f, ", %u CPUs together", r->cpus);
    put_counts(r, &r->all, f);
    for (unsigned i = 0; r->cpus > 1 && i < r->cpus; i++) {
        fprintf(f, "\nCPU %u alone", i);
        put_counts(r, &r->cpu[i], f);
    }
    fprintf(f, "\n%s on the host\n", r->cpus > 1 ? "CPUs" : "CPU");
    sched_report_text(r->sched, r->cpus, r->run_ns, f);
}

/* ---- JSON. All strings are our own, and need no escapes. ---- */

static void put_hex(FILE *f, const char *name, bool known, uint64_t v) {
    if (known)
        fprintf(f, ",\"%s\":\"0x%" PRIx64 "\"", name, v);
    else
        fprintf(f, ",\"%s\":null", name);
}

static bool has_direction(const struct ExitKey *k) {
    return k->kind != EXIT_PLACE_NONE && k->kind != EXIT_PLACE_LEAF && k->kind != EXIT_PLACE_VECTOR;
}

static void put_row(const struct ExitRow *row, FILE *f) {
    const struct ExitKey *k = &row->key;
    fprintf(f, "{\"class\":\"%s\",\"name\":\"%s\"", exit_class_name((enum ExitClass)k->class), k->name);
    if (k->reason != EXIT_NONE)
        fprintf(f, ",\"reason\":%d", k->reason);
    else
        fputs(",\"reason\":null", f);
    if (k->kind != EXIT_PLACE_NONE)
        fprintf(f, ",\"kind\":\"%s\"", exit_place_name((enum ExitPlace)k->kind));
    else
        fputs(",\"kind\":null", f);
    put_hex(f, "place", k->kind != EXIT_PLACE_NONE, k->place);
    fprintf(f, ",\"direction\":%s", !has_direction(k) ? "null" : k->write ? "\"write\"" : "\"read\"");
    put_hex(f, "rip", !k->no_rip, k->rip);
    fprintf(f, ",\"count\":%" PRIu64 ",\"ns\":%" PRIu64 "}", row->count, row->ns);
}

/* "instructions":...,"merged":...,"kernel":[...],"rows":[...] */
static void put_json(const struct ExitCounts *c, FILE *f) {
    fprintf(f, "\"instructions\":%" PRIu64 ",\"merged\":%" PRIu64 ",\n", c->instructions, c->merged);
    fputs("\"kernel\":[", f);
    for (unsigned i = 0; i < c->kernel_count; i++) {
        fprintf(f, "%s{\"name\":\"%s\",\"reason\":", i == 0 ? "" : ",\n", c->kernel[i].name);
        if (c->kernel[i].reason != EXIT_NONE)
            fprintf(f, "%d", c->kernel[i].reason);
        else
            fputs("null", f);
        fprintf(f, ",\"count\":%" PRIu64 "}", c->kernel[i].count);
    }
    fputs("],\n\"rows\":[", f);
    for (size_t i = 0; i < c->count; i++) {
        fputs(i == 0 ? "\n" : ",\n", f);
        put_row(&c->rows[i], f);
    }
    fputs("]", f);
}

void exit_report_json(const struct ExitReport *r, FILE *f) {
    fprintf(f, "{\"format\":\"" EXIT_REPORT_FORMAT "\",\"version\":%d,\n\"engine\":\"%s\",\"real\":%s,\n",
            EXIT_REPORT_VERSION, r->engine, r->real ? "true" : "false");
    fprintf(f, "\"run_ns\":%" PRIu64 ",", r->run_ns);
    put_json(&r->all, f);
    fputs(",\n\"scheduling\":", f);
    sched_report_json(r->sched, r->cpus, f);
    for (unsigned i = 0; r->cpus > 1 && i < r->cpus; i++) {
        fprintf(f, "%s{\"cpu\":%u,", i == 0 ? ",\n\"cpus\":[\n" : ",\n", i);
        put_json(&r->cpu[i], f);
        fputs("}", f);
    }
    fputs(r->cpus > 1 ? "]}\n" : "}\n", f);
}
