/* SPDX-License-Identifier: MIT */
/* `twin86 diff replay`: the cases of files, on two engines. */
#include "diff/case_run.h"
#include "diff/diff.h"
#include "diff/report.h"

#include "debug/disas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct Replay {
    const Twin86DiffReplay *options;
    struct CpuModel model; /* of the case that is being run */
    const struct DiffRunnerOps *oracle;
    struct DiffCase *c;
    struct Comparison *cmp;
    struct Disas *disas;
    FILE *report;
    uint64_t cases, different;
};

/** The model that is given, else the one that the case names, else one of the host's vendor; without what the host's
 *  processor lacks. */
static int choose_model(struct Replay *r, const char *path, char *why, size_t n) {
    const char *given = r->options->cpu;
    char reason[256];
    bool named = given == NULL && r->c->cpu[0] != '\0';
    int e = named ? cpu_model_parse(&r->model, r->c->cpu, reason, sizeof(reason))
                  : diff_model_parse(&r->model, given, reason, sizeof(reason));
    if (e != 0)
        return snprintf(why, n, "%s:%u: %s", path, r->c->line, reason), e;
    diff_host_model(&r->model);
    return 0;
}

static int run_case(struct Replay *r, const char *path, char *why, size_t n) {
    struct CasePair pair;
    enum Verdict verdict;
    unsigned explained;
    int e = choose_model(r, path, why, n);
    if (e == 0)
        e = case_pair_open(&pair, r->c, r->oracle, &r->model, why, n);
    if (e != 0)
        return e;
    e = case_pair_run(&pair, r->c, r->cmp, &verdict, &explained, why, n);
    if (e == 0 && verdict == DIFFERENT && r->options->shrink) {
        case_shrink(&pair, r->c);
        e = case_pair_run(&pair, r->c, r->cmp, &verdict, &explained, why, n);
    }
    if (e == 0) {
        r->cases++;
        fprintf(r->report, "%s:%u: ", path, r->c->line);
        diff_report_head(r->report, r->disas, r->c->mode, r->cmp);
        if (verdict == DIFFERENT) {
            r->different++;
            diff_report_state(r->report, r->cmp);
            diff_report_memory(r->report, r->cmp);
            if (r->options->shrink)
                case_write(r->c, r->report);
        } else {
            fprintf(r->report, "  %s\n",
                    verdict == SAME        ? "the same"
                    : verdict == UNDEFINED ? "the same but for undefined flags"
                                           : explanations[explained].why);
        }
    }
    case_pair_close(&pair);
    return e;
}

static int run_file(struct Replay *r, const char *path, char *why, size_t n) {
    struct CaseReader reader;
    size_t size;
    char *text = diff_read_file(path, &size, why, n);
    if (text == NULL)
        return -EINVAL;
    case_reader_init(&reader, path, text, size);
    const char *only = r->options->only;
    int e = 1, failed;
    while (e > 0 && (e = case_read(&reader, r->c, why, n)) > 0)
        if (only == NULL || diff_name_wanted(only, r->c->name))
            e = (failed = run_case(r, path, why, n)) == 0 ? 1 : failed;
    free(text);
    return e;
}

int twin86_diff_replay(const Twin86DiffReplay *o, FILE *report, char *why, size_t why_size) {
    struct Replay r = {.options = o, .report = report};
    int e = o->cpu != NULL ? cpu_model_parse(&r.model, o->cpu, why, why_size) : 0;
    if (e == 0)
        e = diff_find_engines(o->engines, true, NULL, &r.oracle, why, why_size);
    if (e != 0)
        return e;
    r.c = malloc(sizeof(*r.c));
    r.cmp = malloc(sizeof(*r.cmp));
    r.disas = disas_new();
    if (r.c == NULL || r.cmp == NULL || r.disas == NULL)
        e = (snprintf(why, why_size, "%s", strerror(ENOMEM)), -ENOMEM);
    for (unsigned k = 0; e == 0 && k < o->files; k++)
        e = run_file(&r, o->file[k], why, why_size);
    if (e == 0 && r.cases == 0 && o->only != NULL)
        e = (snprintf(why, why_size, "--only '%s': no case has such a name", o->only), -EINVAL);
    if (e == 0) {
        fprintf(report, "%llu cases, %llu differ\n", (unsigned long long)r.cases, (unsigned long long)r.different);
        e = r.different != 0;
    }
    free(r.c);
    free(r.cmp);
    disas_free(r.disas);
    return e;
}
