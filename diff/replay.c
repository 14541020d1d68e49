/* SPDX-License-Identifier: MIT */
/* `twin86 diff replay`: the cases of files, on two engines. */
#include "diff/case_files.h"
#include "diff/case_run.h"
#include "diff/diff.h"
#include "diff/recorder.h"
#include "diff/report.h"

#include "debug/disas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct Replay {
    struct CaseFilesRun files; /* comes first */
    struct Recorder *recorder; /* of the model that came first; NULL: there is none yet */
    char recorder_cpu[CASE_CPU];
    const Twin86DiffReplay *options;
    struct CpuModel model; /* of the case that is being run */
    const struct DiffRunnerOps *oracle;
    struct Comparison *cmp;
    struct Disas *disas;
};

/** The model that is given, else the one that the case names, else one of the host's vendor; without what the host's
 *  processor lacks. */
static int choose_model(struct Replay *r, char *why, size_t n) {
    const char *given = r->options->cpu;
    char reason[256];
    bool named = given == NULL && r->files.c->cpu[0] != '\0';
    int e = named ? cpu_model_parse(&r->model, r->files.c->cpu, reason, sizeof(reason))
                  : diff_model_parse(&r->model, given, reason, sizeof(reason));
    if (e != 0)
        return snprintf(why, n, "%s:%u: %s", r->files.file, r->files.c->line, reason), e;
    diff_host_model(&r->model);
    return 0;
}

static void report(struct Replay *r, enum Verdict verdict, unsigned explained) {
    fprintf(r->files.report, "%s:%u: ", r->files.file, r->files.c->line);
    diff_report_head(r->files.report, r->disas, r->files.c->mode, r->cmp);
    if (verdict != DIFFERENT) {
        fprintf(r->files.report, "  %s\n",
                verdict == SAME        ? "the same"
                : verdict == UNDEFINED ? "the same but for undefined flags"
                                       : explanations[explained].why);
        return;
    }
    diff_report_state(r->files.report, r->cmp);
    diff_report_system(r->files.report, r->cmp);
    diff_report_memory(r->files.report, r->cmp);
    if (r->options->shrink)
        case_write(r->files.c, r->files.report);
}

/** Write the case with what the oracle makes of it. A file is for one model. */
static int record(struct Replay *r, char *why, size_t n) {
    const char *cpu = r->options->cpu != NULL ? r->options->cpu : r->files.c->cpu;
    const struct RecorderSetup setup = {r->options->record, r->oracle, &r->model, cpu[0] != '\0' ? cpu : NULL};
    int e = 0;
    if (r->options->record == NULL)
        return 0;
    if (r->recorder == NULL) {
        snprintf(r->recorder_cpu, sizeof(r->recorder_cpu), "%s", r->files.c->cpu);
        e = recorder_open(&r->recorder, &setup, why, n);
    } else if (r->options->cpu == NULL && strcmp(r->recorder_cpu, r->files.c->cpu) != 0) {
        e = (snprintf(why, n,
                      "%s:%u: --record: this case is for another CPU model than the first; --cpu gives one to "
                      "all",
                      r->files.file, r->files.c->line),
             -EINVAL);
    }
    if (e == 0 && (e = recorder_add(r->recorder, r->files.c, why, n)) == 0)
        fprintf(r->files.report, "  not recorded: it does not do the same twice, or ends where it has no business\n");
    return e < 0 ? e : 0;
}

static int run_case(struct CaseFilesRun *files, char *why, size_t n) {
    struct Replay *r = (struct Replay *)files;
    struct CasePair pair;
    enum Verdict verdict;
    unsigned explained;
    char reason[256];
    int e = choose_model(r, why, n);
    if (e != 0)
        return e;
    e = case_pair_open(&pair, r->files.c, r->oracle, &r->model, reason, sizeof(reason));
    if (e == -EINVAL) /* this case can't be run there; others may */
        return case_files_unfit(files, reason), 0;
    if (e != 0)
        return snprintf(why, n, "%s:%u: %s", r->files.file, r->files.c->line, reason), e;
    e = case_pair_run(&pair, r->files.c, r->cmp, &verdict, &explained, why, n);
    if (e == 0 && verdict == DIFFERENT && r->options->shrink) {
        case_shrink(&pair, r->files.c);
        e = case_pair_run(&pair, r->files.c, r->cmp, &verdict, &explained, why, n);
    }
    if (e == 0) {
        files->cases++;
        files->bad += verdict == DIFFERENT;
        report(r, verdict, explained);
    }
    case_pair_close(&pair);
    return e == 0 ? record(r, why, n) : e;
}

int twin86_diff_replay(const Twin86DiffReplay *o, FILE *report, char *why, size_t why_size) {
    struct Replay r = {.files = {.report = report, .only = o->only, .show = UINT64_MAX, .run = run_case}, .options = o};
    char closing[512];
    int e = o->cpu != NULL ? cpu_model_parse(&r.model, o->cpu, why, why_size) : 0;
    if (e == 0)
        e = diff_find_engines(o->engines, true, NULL, &r.oracle, why, why_size);
    if (e != 0)
        return e;
    r.cmp = malloc(sizeof(*r.cmp));
    r.disas = disas_new();
    if (r.cmp == NULL || r.disas == NULL)
        e = (snprintf(why, why_size, "%s", strerror(ENOMEM)), -ENOMEM);
    if (e == 0)
        e = case_files_run(&r.files, o->file, o->files, why, why_size);
    int closed = recorder_close(r.recorder, closing, sizeof(closing));
    if (e == 0 && (e = closed) != 0)
        snprintf(why, why_size, "%s", closing);
    if (e == 0)
        e = case_files_end(&r.files, "differ", why, why_size);
    free(r.cmp);
    disas_free(r.disas);
    return e;
}
