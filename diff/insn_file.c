/* SPDX-License-Identifier: MIT */
/*
 * A run's result as a file: what was run, which shards of it, counts, and differences as text. Files of shards of one
 * run add up to what the run would have found alone.
 */
#include "base/why.h"
#include "diff/insn.h"

#include "diff/diff.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char magic[] = "twin86-diff-insn 1";

/* ---- what was run ---- */

/** FNV-1a over the table of forms: results are counted by its rows. */
static uint64_t table_digest(void) {
    uint64_t h = 0xcbf29ce484222325;
    for (unsigned k = 0; k < x86_row_count; k++) {
        const char *text[] = {x86_rows[k].opcode, x86_rows[k].mnemonic, x86_rows[k].operands};
        for (unsigned n = 0; n < 3; n++)
            for (const char *p = text[n] != NULL ? text[n] : ""; *p != '\0'; p++)
                h = (h ^ (uint8_t)*p) * 0x100000001b3;
    }
    return h;
}

char *insn_identity(const struct InsnRun *r, const Twin86DiffInsn *o) {
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL)
        return NULL;
    fprintf(f, "seed %" PRIu64 "\ncases %" PRIu64 "\nlength %u\nmode %u %u\n", o->seed, o->cases, r->length, r->mode,
            r->cpl);
    fprintf(f, "engines %s %s\nsystem %d\nqemu %d\nundefined %d\nforms %s\n", r->a->ops->name, r->b->ops->name,
            r->system, r->qemu, r->undefined, o->forms != NULL ? o->forms : "*");
    fprintf(f, "vendor %u\nfeatures", r->model.vendor);
    for (unsigned k = 0; k < FEAT_WORDS; k++)
        fprintf(f, " %#x", r->model.feature[k]);
    fprintf(f, "\ntable %u %#" PRIx64 "\n", x86_row_count, table_digest());
    if (fclose(f) != 0) {
        free(text);
        return NULL;
    }
    for (char *p = text; *p != '\0'; p++) /* what a pattern may hold */
        if ((unsigned char)*p < ' ' && *p != '\n')
            *p = '?';
    return text;
}

/* ---- writing ---- */

static void write_counts(const struct InsnRun *r, FILE *f) {
    fprintf(f, "shards %u\nshard", r->shards);
    for (unsigned k = 0; k < r->shards; k++)
        if (r->have[k])
            fprintf(f, " %u", k + 1);
    fprintf(f, "\ncompared %" PRIu64 "\nskipped %" PRIu64 "\nstrayed %" PRIu64 "\ndisturbed %" PRIu64 "\n",
            r->cases, r->skipped, r->strayed, r->disturbed);
    for (unsigned k = 0; k < explanation_count; k++)
        if (r->explained[k] != 0)
            fprintf(f, "explained %s %" PRIu64 "\n", explanations[k].name, r->explained[k]);
    for (unsigned k = 0; k < x86_row_count; k++) {
        const struct RowCoverage *c = &r->row[k];
        if (c->cases != 0 || c->faults != 0)
            fprintf(f, "form %u %" PRIu64 " %" PRIu64 " %#x %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", k, c->cases,
                    c->faults, c->vectors, c->different, c->explained, c->undefined);
    }
}

static void write_differences(const struct InsnRun *r, FILE *f) {
    for (unsigned k = 0; k < r->differences; k++) {
        const struct InsnDifference *d = &r->difference[k];
        fprintf(f, "difference %" PRIu64 " %u %u\n", d->batch, d->number, d->row);
        for (const char *p = d->text; *p != '\0';) {
            size_t n = strcspn(p, "\n");
            fprintf(f, "|%.*s\n", (int)n, p);
            p += n + (p[n] == '\n');
        }
    }
}

int insn_file_write(const struct InsnRun *r, const char *path, char *why, size_t n) {
    FILE *f = fopen(path, "we");
    if (f != NULL) {
        fprintf(f, "%s\n%s", magic, r->identity);
        write_counts(r, f);
        write_differences(r, f);
        fprintf(f, "end\n");
    }
    bool failed = f != NULL && ferror(f);
    if (f == NULL || fclose(f) != 0 || failed)
        return snprintf(why, n, "--report: %s can't be written: %s", path, strerror(errno)), -EINVAL;
    return 0;
}

/* ---- reading ---- */

/** A file under the eyes: the line is a string of its own in `text`. */
struct Reader {
    struct InsnRun *r;
    const char *path;
    char *text, *next, *line; /* line: what follows its first word */
    char word[16];
    unsigned number;
    char *why;
    size_t n;
};

static int fail(const struct Reader *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(const struct Reader *f, const char *fmt, ...) {
    va_list ap;
    why_set(f->why, f->n, 0, "%s:%u: ", f->path, f->number);
    va_start(ap, fmt);
    why_addv(f->why, f->n, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

/** The next line, and its first word apart. False at the end. */
static bool next_line(struct Reader *f) {
    if (*f->next == '\0')
        return false;
    char *line = f->next;
    size_t n = strcspn(line, "\n");
    f->next = line + n + (line[n] == '\n');
    line[n] = '\0';
    f->number++;
    size_t length = strcspn(line, " ");
    snprintf(f->word, sizeof(f->word), "%.*s", (int)(length < 15 ? length : 15), line);
    f->line = line + length;
    return true;
}

/** A number off the front of the line. */
static bool take(struct Reader *f, uint64_t max, uint64_t *v) {
    char *end;
    while (*f->line == ' ')
        f->line++;
    if (*f->line < '0' || *f->line > '9')
        return false;
    errno = 0;
    *v = strtoull(f->line, &end, 0);
    f->line = end;
    return errno == 0 && *v <= max && (*end == ' ' || *end == '\0');
}

static int read_shards(struct Reader *f) {
    struct InsnRun *r = f->r;
    uint64_t v;
    if (!take(f, INSN_MAX_SHARDS, &v) || v == 0)
        return fail(f, "a number of shards up to %d is wanted", INSN_MAX_SHARDS);
    if (r->have != NULL && v != r->shards)
        return fail(f, "this is of a run in %u shards, files before it are of one in %u", (unsigned)v, r->shards);
    if (r->have == NULL && (r->have = calloc(v, sizeof(*r->have))) == NULL)
        return snprintf(f->why, f->n, "%s", strerror(ENOMEM)), -ENOMEM;
    r->shards = (unsigned)v;
    return 0;
}

static int read_shard(struct Reader *f) {
    struct InsnRun *r = f->r;
    uint64_t v;
    if (r->have == NULL)
        return fail(f, "`shards` comes first");
    while (*f->line != '\0') {
        if (!take(f, r->shards, &v) || v == 0)
            return fail(f, "a shard is a number from 1 to %u", r->shards);
        if (r->have[v - 1])
            return fail(f, "shard %u is there already", (unsigned)v);
        r->have[v - 1] = true;
    }
    return 0;
}

static int read_explained(struct Reader *f) {
    char *space = strrchr(f->line, ' ');
    uint64_t v;
    if (space == NULL || space == f->line)
        return fail(f, "a name and a number are wanted");
    *space = '\0';
    const char *name = f->line + 1;
    f->line = space + 1;
    for (unsigned k = 0; k < explanation_count; k++)
        if (strcmp(explanations[k].name, name) == 0 && take(f, UINT64_MAX, &v)) {
            f->r->explained[k] += v;
            return 0;
        }
    return fail(f, "this twin86 has no explanation of such a name, or its number is missing");
}

static int read_form(struct Reader *f) {
    uint64_t k, v[6];
    if (!take(f, x86_row_count - 1, &k))
        return fail(f, "the number of a form is wanted");
    for (unsigned n = 0; n < 6; n++)
        if (!take(f, n == 2 ? UINT32_MAX : UINT64_MAX, &v[n]))
            return fail(f, "a form has seven numbers");
    struct RowCoverage *c = &f->r->row[k];
    c->cases += v[0];
    c->faults += v[1];
    c->vectors |= (uint32_t)v[2];
    c->different += v[3];
    c->explained += v[4];
    c->undefined += v[5];
    f->r->different += v[3];
    return 0;
}

/** The lines that follow and begin with a bar, as one text; NULL: out of memory. */
static char *read_text(struct Reader *f) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return NULL;
    while (*f->next == '|') {
        char *line = f->next + 1;
        size_t n = strcspn(line, "\n");
        f->next = line + n + (line[n] == '\n');
        f->number++;
        fprintf(out, "%.*s\n", (int)n, line);
    }
    return fclose(out) == 0 ? text : NULL;
}

static int read_difference(struct Reader *f) {
    uint64_t batch, number, row;
    if (!take(f, UINT64_MAX, &batch) || !take(f, DIFF_BATCH, &number) || !take(f, x86_row_count - 1, &row))
        return fail(f, "a difference has the numbers of batch, case and form");
    char *text = read_text(f);
    if (text == NULL || !insn_add_difference(f->r, batch, (unsigned)number, (unsigned)row, text))
        return free(text), snprintf(f->why, f->n, "%s", strerror(ENOMEM)), -ENOMEM;
    return 0;
}

static int read_count(struct Reader *f, uint64_t *sum) {
    uint64_t v;
    if (!take(f, UINT64_MAX, &v))
        return fail(f, "a number is wanted");
    *sum += v;
    return 0;
}

static int read_line(struct Reader *f) {
    struct InsnRun *r = f->r;
    if (strcmp(f->word, "shards") == 0)
        return read_shards(f);
    if (strcmp(f->word, "shard") == 0)
        return read_shard(f);
    if (strcmp(f->word, "compared") == 0)
        return read_count(f, &r->cases);
    if (strcmp(f->word, "skipped") == 0)
        return read_count(f, &r->skipped);
    if (strcmp(f->word, "strayed") == 0)
        return read_count(f, &r->strayed);
    if (strcmp(f->word, "disturbed") == 0)
        return read_count(f, &r->disturbed);
    if (strcmp(f->word, "explained") == 0)
        return read_explained(f);
    if (strcmp(f->word, "form") == 0)
        return read_form(f);
    if (strcmp(f->word, "difference") == 0)
        return read_difference(f);
    return fail(f, "'%s' is not known", f->word);
}

/** What was run is the text up to the shards; all files have the same. */
static int read_identity(struct Reader *f) {
    char *end = strstr(f->next, "\nshards ");
    if (!next_line(f) || strncmp(f->text, magic, sizeof(magic)) != 0 || end == NULL || end < f->next)
        return fail(f, "this is no report of `twin86 diff insn --report`, or one of another version");
    size_t n = (size_t)(end + 1 - f->next);
    char *identity = strndup(f->next, n);
    if (identity == NULL)
        return snprintf(f->why, f->n, "%s", strerror(ENOMEM)), -ENOMEM;
    bool first = f->r->identity == NULL, same = !first && strcmp(identity, f->r->identity) == 0;
    for (const char *p = identity; *p != '\0'; p++)
        f->number += *p == '\n';
    f->next += n;
    if (first) {
        f->r->identity = identity;
        return 0;
    }
    free(identity);
    return same ? 0
                : fail(f, "this is of another run: seed, cases, forms, mode, engines, CPU model or twin86 itself are "
                          "not those of the files before it");
}

int insn_file_read(struct InsnRun *r, const char *path, char *why, size_t n) {
    size_t size;
    char *data = diff_read_file(path, &size, why, n);
    if (data == NULL)
        return -EINVAL;
    struct Reader f = {.r = r, .path = path, .text = strndup(data, size), .why = why, .n = n};
    free(data);
    if (f.text == NULL)
        return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
    f.next = f.text;
    int e = read_identity(&f);
    bool ended = false;
    while (e == 0 && !ended && next_line(&f))
        if (!(ended = strcmp(f.word, "end") == 0))
            e = read_line(&f);
    if (e == 0 && !ended)
        e = fail(&f, "the report is cut off: `end` is missing");
    free(f.text);
    return e;
}
