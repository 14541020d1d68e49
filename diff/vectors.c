/* SPDX-License-Identifier: MIT */
/* `twin86 diff vectors`: files of cases with expectations, on tcg-lite. */
#include "diff/case_files.h"
#include "diff/case_run.h"
#include "diff/diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MODELS = 4 };

/** A CPU model that cases are for, and an engine of it. */
struct ModelRunner {
    char cpu[CASE_CPU]; /* as cases name it; "": the one that the options give, or max */
    struct CpuModel model;
    struct DiffRunner *runner;
};

struct Vectors {
    struct CaseFilesRun files; /* comes first */
    const Twin86DiffVectors *options;
    struct ModelRunner model[MODELS]; /* the last one used comes first */
    struct DiffRunner *runner;        /* of the case that is being run */
    struct CaseResult result;
    bool said; /* this case's name */
};

/* ---- judging ---- */

static void complain(struct Vectors *v, const char *what) {
    if (v->said || v->files.bad >= v->options->show) {
        v->said = true;
        return;
    }
    v->said = true;
    fprintf(v->files.report, "%s:%u: %s: %s\n", v->files.file, v->files.c->line,
            v->files.c->name[0] != '\0' ? v->files.c->name : "unnamed", what);
}

static void show(struct Vectors *v, const char *name, const char *expected, const char *got) {
    complain(v, "differs");
    if (v->files.bad < v->options->show)
        fprintf(v->files.report, "  %-7s expected %s, got %s\n", name, expected, got);
}

static bool same_bytes(const uint8_t *a, const uint8_t *b, const uint8_t *mask, unsigned n) {
    bool same = true;
    for (unsigned k = 0; k < n; k++)
        same &= ((a[k] ^ b[k]) & mask[k]) == 0;
    return same;
}

/** Fields of this set shall be as in `wanted`. */
static void judge_fields(struct Vectors *v, const struct CaseFields *set, const struct DiffState *wanted) {
    char expected[40], got[40];
    for (unsigned k = 0; k < DIFF_FIELDS; k++) {
        const struct DiffField *f = &diff_fields[k];
        if (!case_has(set, k) || same_bytes(diff_field_at(wanted, f), diff_field_at(&v->result.out, f),
                                            diff_field_at(&v->files.c->mask, f), f->size))
            continue;
        diff_field_print(f, wanted, expected);
        diff_field_print(f, &v->result.out, got);
        show(v, f->name, expected, got);
    }
}

/** The same of the system's registers. */
static void judge_system(struct Vectors *v, uint64_t set, const struct DiffSystem *wanted) {
    char expected[40], got[40];
    for (unsigned k = 0; k < DIFF_SYSTEM; k++) {
        bool known = v->result.known >> k & 1;
        if (!(set >> k & 1) || (known && ((wanted->v[k] ^ v->result.system.v[k]) & v->files.c->mask_system.v[k]) == 0))
            continue;
        snprintf(expected, sizeof(expected), "%#llx", (unsigned long long)wanted->v[k]);
        snprintf(got, sizeof(got), known ? "%#llx" : "none: a handler has its own",
                 (unsigned long long)v->result.system.v[k]);
        show(v, diff_system_names[k], expected, got);
    }
}

static void show_byte(struct Vectors *v, uint64_t linear, uint8_t e, uint8_t g) {
    char at[24], expected[8], got[8];
    snprintf(at, sizeof(at), "%#llx", (unsigned long long)linear);
    snprintf(expected, sizeof(expected), "%02x", e);
    snprintf(got, sizeof(got), "%02x", g);
    show(v, at, expected, got);
}

static void judge_memory(struct Vectors *v) {
    const struct DiffCase *c = v->files.c;
    for (unsigned k = c->expected_from; k < c->pieces; k++) {
        const struct CasePiece *p = &c->piece[k];
        for (unsigned n = 0; n < p->n; n++) {
            const uint8_t *m = diff_space_at(&v->runner->space, p->linear + n);
            uint8_t e = c->bytes[p->at + n], mask = p->mask != 0 ? c->bytes[p->mask + n] : 0xff;
            if (m == NULL || ((*m ^ e) & mask) == 0)
                continue;
            show_byte(v, p->linear + n, e, *m);
            break;
        }
    }
}

/* ---- "expect rest" ---- */

/** Put what the page holds now where the case says otherwise what to expect, or where a handler's frame lies. */
static void excuse(const struct Vectors *v, uint64_t linear, const uint8_t *now, uint8_t *wanted) {
    const struct DiffCase *c = v->files.c;
    for (unsigned k = c->expected_from; k < c->pieces; k++)
        for (unsigned n = 0; n < c->piece[k].n; n++) {
            uint64_t at = c->piece[k].linear + n - linear;
            if (at < 4096)
                wanted[at] = now[at];
        }
    for (unsigned n = 0; n < v->result.frame.bytes; n++) {
        uint64_t at = diff_frame_at(&v->result.frame, n) - linear;
        if (at < 4096)
            wanted[at] = now[at];
    }
}

static void judge_page(struct Vectors *v, uint64_t linear) {
    const uint8_t *now = diff_space_at(&v->runner->space, linear);
    uint8_t wanted[4096];
    case_page(v->files.c, linear, wanted);
    if (memcmp(wanted, now, sizeof(wanted)) == 0)
        return;
    excuse(v, linear, now, wanted);
    for (unsigned k = 0; k < sizeof(wanted); k++)
        if (wanted[k] != now[k]) {
            show_byte(v, linear + k, wanted[k], now[k]);
            break;
        }
}

static void judge_rest(struct Vectors *v) {
    const struct DiffCase *c = v->files.c;
    static const struct CaseFields all = {{UINT64_MAX, UINT64_MAX}};
    struct CaseFields others = {{all.bits[0] & ~c->expected.bits[0], all.bits[1] & ~c->expected.bits[1]}};
    unsigned rip = (unsigned)diff_field_find("rip", 3);
    others.bits[rip / 64] &= ~(1ull << rip % 64);
    v->result.before.rflags |= FLAG_ONE;
    judge_fields(v, &others, &v->result.before);
    judge_system(v, v->result.known & ~c->expected_system, &v->result.system_before);
    if (c->rest == REST_REGISTERS)
        return;
    for (unsigned k = 0; k < c->pages; k++)
        judge_page(v, c->page[k].linear);
    uint64_t stray = diff_tcg_stray_write(v->runner, &v->result.frame);
    if (stray != UINT64_MAX)
        show_byte(v, stray, 0, v->runner->space.ram.host[stray]);
}

/* ---- faults ---- */

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
        used += snprintf(out + used, n - (size_t)used, " cr2 %#llx", (unsigned long long)s->cr2);
    if (parts & CASE_FAULT_DR6)
        snprintf(out + used, n - (size_t)used, " dr6 %#x", s->dr6);
}

static void judge_fault(struct Vectors *v) {
    const struct DiffCase *c = v->files.c;
    const struct DiffState *o = &v->result.out;
    if (c->fault == FAULT_ANY && !c->rest)
        return;
    struct DiffState none = {.vector = DIFF_NO_FAULT};
    const struct DiffState *e = c->fault == FAULT_IS ? &c->out : &none;
    if (o->vector == e->vector && (!(c->fault_parts & CASE_FAULT_ERROR) || o->error == e->error) &&
        (!(c->fault_parts & CASE_FAULT_CR2) || o->cr2 == e->cr2) &&
        (!(c->fault_parts & CASE_FAULT_DR6) || o->dr6 == e->dr6))
        return;
    char expected[80], got[80];
    fault_text(e, c->fault_parts, expected, sizeof(expected));
    fault_text(o, c->fault_parts, got, sizeof(got));
    show(v, "fault", expected, got);
}

static void judge(struct Vectors *v) {
    v->said = false;
    judge_fault(v);
    judge_fields(v, &v->files.c->expected, &v->files.c->out);
    judge_system(v, v->files.c->expected_system, &v->files.c->out_system);
    judge_memory(v);
    if (v->files.c->rest && v->result.known != 0)
        judge_rest(v);
    v->files.cases++;
    v->files.bad += v->said;
}

/* ---- files ---- */

static void close_runner(struct ModelRunner *m) {
    if (m->runner != NULL)
        m->runner->ops->close(m->runner);
    m->runner = NULL;
}

/** The runner of the model that the case is for becomes the one in use. */
static int choose_runner(struct Vectors *v, char *why, size_t n) {
    const char *given = v->options->cpu, *cpu = given == NULL ? v->files.c->cpu : "";
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
            r = diff_tcg_open_any(&v->model[0].runner, &v->model[0].model, why, n);
    }
    v->runner = v->model[0].runner;
    return r;
}

static int run_case(struct CaseFilesRun *files, char *why, size_t n) {
    struct Vectors *v = (struct Vectors *)files;
    char reason[256];
    int e = choose_runner(v, reason, sizeof(reason));
    if (e != 0)
        return snprintf(why, n, "%s:%u: %s", files->file, files->c->line, reason), e;
    e = diff_tcg_case(v->runner, files->c, &v->result, reason, sizeof(reason));
    if (e == 0)
        judge(v);
    else if (e == -EINVAL)
        case_files_unfit(files, reason);
    else
        return snprintf(why, n, "%s:%u: %s: %s", files->file, files->c->line, files->c->name, reason), e;
    return 0;
}

int twin86_diff_vectors(const Twin86DiffVectors *o, FILE *report, char *why, size_t why_size) {
    struct Vectors v = {.files = {.report = report, .only = o->only, .show = o->show, .run = run_case}, .options = o};
    struct CpuModel model;
    int r = o->cpu != NULL ? cpu_model_parse(&model, o->cpu, why, why_size) : 0;
    if (r == 0)
        r = case_files_run(&v.files, o->file, o->files, why, why_size);
    if (r == 0)
        r = case_files_end(&v.files, "failed", why, why_size);
    for (unsigned k = 0; k < MODELS; k++)
        close_runner(&v.model[k]);
    return r;
}
