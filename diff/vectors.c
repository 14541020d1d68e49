/* SPDX-License-Identifier: MIT */
/* `twin86 diff vectors`: files of cases with expectations, on tcg-lite. */
#include "diff/case_run.h"
#include "diff/diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MODELS = 4, START_PAGES = 512 };

/** A CPU model that cases are for, and an engine of it. */
struct ModelRunner {
    char cpu[CASE_CPU]; /* as cases name it; "": the one that the options give, or max */
    struct CpuModel model;
    struct DiffRunner *runner;
};

struct Vectors {
    const Twin86DiffVectors *options;
    struct ModelRunner model[MODELS]; /* the last one used comes first */
    struct DiffRunner *runner;        /* of the case that is being run */
    struct DiffCase *c;
    struct DiffState out;
    FILE *report;
    const char *file;
    uint64_t cases, failed;
    bool said; /* this case's name */
};

/* ---- judging ---- */

static void complain(struct Vectors *v, const char *what) {
    if (v->said || v->failed >= v->options->show) {
        v->said = true;
        return;
    }
    v->said = true;
    fprintf(v->report, "%s:%u: %s: %s\n", v->file, v->c->line, v->c->name[0] != '\0' ? v->c->name : "unnamed", what);
}

static void show(struct Vectors *v, const char *name, const char *expected, const char *got) {
    complain(v, "differs");
    if (v->failed < v->options->show)
        fprintf(v->report, "  %-7s expected %s, got %s\n", name, expected, got);
}

static void judge_fields(struct Vectors *v) {
    char expected[40], got[40];
    for (unsigned k = 0; k < DIFF_FIELDS; k++) {
        if (!case_has(&v->c->expected, k))
            continue;
        const struct DiffField *f = &diff_fields[k];
        const uint8_t *e = diff_field_at(&v->c->out, f), *g = diff_field_at(&v->out, f),
                      *m = diff_field_at(&v->c->mask, f);
        bool same = true;
        for (unsigned n = 0; n < f->size; n++)
            same &= ((e[n] ^ g[n]) & m[n]) == 0;
        if (same)
            continue;
        diff_field_print(f, &v->c->out, expected);
        diff_field_print(f, &v->out, got);
        show(v, f->name, expected, got);
    }
}

static void judge_memory(struct Vectors *v) {
    const struct DiffCase *c = v->c;
    for (unsigned k = c->expected_from; k < c->pieces; k++)
        for (unsigned n = 0; n < c->piece[k].n; n++) {
            const uint8_t *p = diff_space_at(&v->runner->space, c->piece[k].linear + n);
            uint8_t e = c->bytes[c->piece[k].at + n];
            char at[24], expected[8], got[8];
            if (p == NULL || *p == e)
                continue;
            snprintf(at, sizeof(at), "%#llx", (unsigned long long)c->piece[k].linear + n);
            snprintf(expected, sizeof(expected), "%02x", e);
            snprintf(got, sizeof(got), "%02x", *p);
            show(v, at, expected, got);
            break;
        }
}

static void fault_text(const struct DiffState *s, unsigned parts, char *out, size_t n) {
    if (s->vector == DIFF_NO_FAULT) {
        snprintf(out, n, "none");
        return;
    }
    if (s->vector == DIFF_TRIPLE_FAULT) {
        snprintf(out, n, "triple");
        return;
    }
    int used = snprintf(out, n, "%u", s->vector);
    if (parts & CASE_FAULT_ERROR)
        used += snprintf(out + used, n - (size_t)used, " error %#x", s->error);
    if (parts & CASE_FAULT_CR2)
        snprintf(out + used, n - (size_t)used, " cr2 %#llx", (unsigned long long)s->cr2);
}

static void judge_fault(struct Vectors *v) {
    const struct DiffCase *c = v->c;
    const struct DiffState *o = &v->out;
    if (c->fault == FAULT_ANY)
        return;
    struct DiffState none = {.vector = DIFF_NO_FAULT};
    const struct DiffState *e = c->fault == FAULT_NONE ? &none : &c->out;
    if (o->vector == e->vector && (!(c->fault_parts & CASE_FAULT_ERROR) || o->error == e->error) &&
        (!(c->fault_parts & CASE_FAULT_CR2) || o->cr2 == e->cr2))
        return;
    char expected[80], got[80];
    fault_text(e, c->fault_parts, expected, sizeof(expected));
    fault_text(o, c->fault_parts, got, sizeof(got));
    show(v, "fault", expected, got);
}

static void judge(struct Vectors *v) {
    v->said = false;
    judge_fault(v);
    judge_fields(v);
    judge_memory(v);
    v->cases++;
    v->failed += v->said;
}

/* ---- files ---- */

char *diff_read_file(const char *path, size_t *size, char *why, size_t n) {
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    size_t used = 0, room = 0;
    if (f == NULL)
        return snprintf(why, n, "%s can't be read: %s", path, strerror(errno)), NULL;
    for (;;) {
        if (room - used < 65536) {
            char *more = realloc(text, room = room * 2 + 131072);
            if (more == NULL)
                break;
            text = more;
        }
        size_t got = fread(text + used, 1, room - used, f);
        used += got;
        if (got == 0)
            break;
    }
    bool failed = ferror(f) != 0;
    fclose(f);
    if (failed || text == NULL) {
        snprintf(why, n, "%s can't be read: %s", path, strerror(failed ? EIO : ENOMEM));
        free(text);
        return NULL;
    }
    *size = used;
    return text;
}

/** A runner with room for the pages of any case. */
static int open_runner(struct ModelRunner *m, char *why, size_t n) {
    struct DiffPage *page = calloc(START_PAGES, sizeof(*page));
    if (page == NULL)
        return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
    for (unsigned k = 0; k < START_PAGES; k++) /* apart, so that there are page tables for all of them */
        page[k].linear = k * 0x200000ull + (k >= 384 ? 0x1000000000 : 0);
    const struct DiffSetup setup = {
        .mode = DIFF_LONG64, .cpl = 3, .model = &m->model, .page = page, .pages = START_PAGES};
    int r = diff_tcg_runner.open(&m->runner, &setup, why, n);
    free(page);
    return r;
}

static void close_runner(struct ModelRunner *m) {
    if (m->runner != NULL)
        m->runner->ops->close(m->runner);
    m->runner = NULL;
}

/** The runner of the model that the case is for becomes the one in use. */
static int choose_runner(struct Vectors *v, char *why, size_t n) {
    const char *given = v->options->cpu, *cpu = given == NULL ? v->c->cpu : "";
    unsigned k = 0;
    while (k < MODELS - 1 && v->model[k].runner != NULL && strcmp(v->model[k].cpu, cpu) != 0)
        k++;
    struct ModelRunner m = v->model[k];
    memmove(v->model + 1, v->model, k * sizeof(m));
    v->model[0] = m;
    int r = 0;
    if (m.runner == NULL || strcmp(m.cpu, cpu) != 0) {
        close_runner(&v->model[0]);
        snprintf(v->model[0].cpu, CASE_CPU, "%s", cpu);
        r = cpu_model_parse(&v->model[0].model, given != NULL ? given : cpu[0] != '\0' ? cpu : "max", why, n);
        if (r == 0)
            r = open_runner(&v->model[0], why, n);
    }
    v->runner = v->model[0].runner;
    return r;
}

static int run_case(struct Vectors *v, char *why, size_t n) {
    char reason[256];
    int e = choose_runner(v, reason, sizeof(reason));
    if (e == 0)
        e = diff_tcg_case(v->runner, v->c, &v->out, reason, sizeof(reason));
    if (e != 0)
        return snprintf(why, n, "%s:%u: %s", v->file, v->c->line, reason), e == -ENOMEM ? e : -EINVAL;
    judge(v);
    return 0;
}

static int run_file(struct Vectors *v, const char *path, char *why, size_t n) {
    const char *only = v->options->only;
    struct CaseReader reader;
    size_t size;
    char *text = diff_read_file(path, &size, why, n);
    int r = text == NULL ? -EINVAL : 1, e;
    v->file = path;
    if (text != NULL)
        case_reader_init(&reader, path, text, size);
    while (r > 0 && (r = case_read(&reader, v->c, why, n)) > 0)
        if (only == NULL || diff_name_wanted(only, v->c->name))
            r = (e = run_case(v, why, n)) == 0 ? 1 : e;
    free(text);
    return r;
}

int twin86_diff_vectors(const Twin86DiffVectors *o, FILE *report, char *why, size_t why_size) {
    struct Vectors v = {.options = o, .report = report};
    v.c = malloc(sizeof(*v.c));
    if (v.c == NULL)
        return snprintf(why, why_size, "%s", strerror(ENOMEM)), -ENOMEM;
    struct CpuModel model;
    int r = o->cpu != NULL ? cpu_model_parse(&model, o->cpu, why, why_size) : 0;
    for (unsigned k = 0; r == 0 && k < o->files; k++)
        r = run_file(&v, o->file[k], why, why_size);
    if (r == 0 && v.cases == 0 && o->only != NULL)
        r = (snprintf(why, why_size, "--only '%s': no case has such a name", o->only), -EINVAL);
    if (r == 0) {
        fprintf(report, "%llu cases, %llu failed\n", (unsigned long long)v.cases, (unsigned long long)v.failed);
        r = v.failed != 0;
    }
    for (unsigned k = 0; k < MODELS; k++)
        close_runner(&v.model[k]);
    free(v.c);
    return r;
}
