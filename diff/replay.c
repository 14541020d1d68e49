/* SPDX-License-Identifier: MIT */
/* `twin86 diff replay`: the cases of files, on two engines. */
#include "diff/case_run.h"
#include "diff/diff.h"
#include "diff/recorder.h"
#include "diff/report.h"

#include "debug/disas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct Replay {
    struct Recorder *recorder; /* of the model that came first; NULL: there is none yet */
    char recorder_cpu[CASE_CPU];
    const Twin86DiffReplay *options;
    struct CpuModel model; /* of the case that is being run */
    const struct DiffRunnerOps *oracle;
    struct DiffCase *c;
    struct Comparison *cmp;
    struct Disas *disas;
    FILE *report;
    uint64_t cases, different; /* that were run */
    uint64_t unfit, malformed;
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

static void report(struct Replay *r, const char *path, enum Verdict verdict, unsigned explained) {
    fprintf(r->report, "%s:%u: ", path, r->c->line);
    diff_report_head(r->report, r->disas, r->c->mode, r->cmp);
    if (verdict != DIFFERENT) {
        fprintf(r->report, "  %s\n",
                verdict == SAME        ? "the same"
                : verdict == UNDEFINED ? "the same but for undefined flags"
                                       : explanations[explained].why);
        return;
    }
    diff_report_state(r->report, r->cmp);
    diff_report_system(r->report, r->cmp);
    diff_report_memory(r->report, r->cmp);
    if (r->options->shrink)
        case_write(r->c, r->report);
}

/** Write the case with what the oracle makes of it. A file is for one model. */
static int record(struct Replay *r, const char *path, char *why, size_t n) {
    const char *cpu = r->options->cpu != NULL ? r->options->cpu : r->c->cpu;
    const struct RecorderSetup setup = {r->options->record, r->oracle, &r->model, cpu[0] != '\0' ? cpu : NULL};
    int e = 0;
    if (r->options->record == NULL)
        return 0;
    if (r->recorder == NULL) {
        snprintf(r->recorder_cpu, sizeof(r->recorder_cpu), "%s", r->c->cpu);
        e = recorder_open(&r->recorder, &setup, why, n);
    } else if (r->options->cpu == NULL && strcmp(r->recorder_cpu, r->c->cpu) != 0) {
        e = (snprintf(why, n, "%s:%u: --record: this case is for another CPU model than the first; --cpu gives one to all",
                      path, r->c->line),
             -EINVAL);
    }
    if (e == 0 && (e = recorder_add(r->recorder, r->c, why, n)) == 0)
        fprintf(r->report, "  not recorded: it does not do the same twice, or ends where it has no business\n");
    return e < 0 ? e : 0;
}

static int run_case(struct Replay *r, const char *path, char *why, size_t n) {
    struct CasePair pair;
    enum Verdict verdict;
    unsigned explained;
    char reason[256];
    int e = choose_model(r, path, why, n);
    if (e != 0)
        return e;
    e = case_pair_open(&pair, r->c, r->oracle, &r->model, reason, sizeof(reason));
    if (e == -EINVAL) { /* this case can't be run there; others may */
        fprintf(r->report, "%s:%u: %s\n", path, r->c->line, reason);
        r->unfit++;
        return 0;
    }
    if (e != 0)
        return snprintf(why, n, "%s:%u: %s", path, r->c->line, reason), e;
    e = case_pair_run(&pair, r->c, r->cmp, &verdict, &explained, why, n);
    if (e == 0 && verdict == DIFFERENT && r->options->shrink) {
        case_shrink(&pair, r->c);
        e = case_pair_run(&pair, r->c, r->cmp, &verdict, &explained, why, n);
    }
    if (e == 0) {
        r->cases++;
        r->different += verdict == DIFFERENT;
        report(r, path, verdict, explained);
    }
    case_pair_close(&pair);
    return e == 0 ? record(r, path, why, n) : e;
}

static int run_file(struct Replay *r, const char *path, char *why, size_t n) {
    const char *only = r->options->only;
    struct CaseReader reader;
    size_t size;
    char *text = diff_read_file(path, &size, why, n), malformed[512];
    if (text == NULL)
        return -EINVAL;
    case_reader_init(&reader, path, text, size);
    int e = 0, got;
    while (e == 0 && (got = case_read(&reader, r->c, malformed, sizeof(malformed))) != 0) {
        if (got < 0) {
            fprintf(r->report, "%s\n", malformed);
            r->malformed++;
        } else if (only == NULL || diff_name_wanted(only, r->c->name)) {
            e = run_case(r, path, why, n);
        }
    }
    free(text);
    return e;
}

/** The last line of the report; 0 or 1, or -EINVAL with a line for files that hold what can't be read. */
static int summarize(struct Replay *r, char *why, size_t n) {
    fprintf(r->report, "%llu cases, %llu differ", (unsigned long long)r->cases, (unsigned long long)r->different);
    if (r->unfit != 0)
        fprintf(r->report, ", %llu can't be run", (unsigned long long)r->unfit);
    if (r->malformed != 0)
        fprintf(r->report, ", %llu malformed", (unsigned long long)r->malformed);
    fputc('\n', r->report);
    if (r->malformed != 0)
        return snprintf(why, n, "%llu cases are malformed", (unsigned long long)r->malformed), -EINVAL;
    return r->different != 0 || r->unfit != 0;
}

int twin86_diff_replay(const Twin86DiffReplay *o, FILE *report, char *why, size_t why_size) {
    struct Replay r = {.options = o, .report = report};
    char closing[512];
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
    if (e == 0 && r.cases + r.unfit + r.malformed == 0 && o->only != NULL)
        e = (snprintf(why, why_size, "--only '%s': no case has such a name", o->only), -EINVAL);
    int closed = recorder_close(r.recorder, closing, sizeof(closing));
    if (e == 0 && (e = closed) != 0)
        snprintf(why, why_size, "%s", closing);
    if (e == 0)
        e = summarize(&r, why, why_size);
    free(r.c);
    free(r.cmp);
    disas_free(r.disas);
    return e;
}
