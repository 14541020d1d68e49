/* SPDX-License-Identifier: MIT */
/* `twin86 diff merge`: what the shards of a run have found, as if they were one. */
#include "diff/insn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** A number of the identity's line of that name; several: the one at `index`. */
static uint64_t number_of(const struct InsnRun *r, const char *name, unsigned index) {
    const char *p = strstr(r->identity, name);
    p = p != NULL ? p + strlen(name) : "0";
    char *end;
    uint64_t v = 0;
    for (unsigned k = 0; k <= index; k++, p = end)
        v = strtoull(p, &end, 0);
    return v;
}

/** What the report of coverage asks of a run. */
static int prepare(struct InsnRun *r, char *why, size_t n) {
    uint64_t mode = number_of(r, "\nmode ", 0);
    if (mode >= DIFF_MODES)
        return snprintf(why, n, "a report names a mode that there is not"), -EINVAL;
    r->mode = (enum DiffMode)mode;
    r->cpl = (unsigned)number_of(r, "\nmode ", 1);
    r->system = number_of(r, "\nsystem ", 0) != 0;
    r->qemu = number_of(r, "\nqemu ", 0) != 0;
    r->model.vendor = (enum CpuVendor)number_of(r, "\nvendor ", 0);
    for (unsigned k = 0; k < FEAT_WORDS; k++)
        r->model.feature[k] = (uint32_t)number_of(r, "\nfeatures ", k);
    r->model.intel_rules = vendor_model_rules(&r->model);
    snprintf(r->mode_name, sizeof(r->mode_name), "%s CPL %u", diff_mode_names[r->mode], r->cpl);
    return 0;
}

static int by_place(const void *a, const void *b) {
    const struct InsnDifference *x = a, *y = b;
    return x->batch != y->batch ? (x->batch > y->batch) - (x->batch < y->batch)
                                : (x->number > y->number) - (x->number < y->number);
}

/** The differences that one run would have shown; the others go. */
static void show_differences(struct InsnRun *r) {
    unsigned kept = 0, *of_form = calloc(x86_row_count, sizeof(*of_form));
    if (r->differences > 0)
        qsort(r->difference, r->differences, sizeof(*r->difference), by_place);
    for (unsigned k = 0; k < r->differences; k++) {
        struct InsnDifference *d = &r->difference[k];
        if (kept < SHOW_MAX && (of_form == NULL || of_form[d->row]++ < SHOW_FORM)) {
            fputs(d->text, r->report);
            r->difference[kept++] = *d;
        } else {
            free(d->text);
        }
    }
    r->differences = kept;
    free(of_form);
}

/** Say which shards there are not. False: all are there. */
static bool missing(const struct InsnRun *r) {
    enum { SHOWN = 20 };
    unsigned count = 0;
    for (unsigned k = 0; k < r->shards; k++)
        if (!r->have[k] && ++count == 1)
            fprintf(r->report, "missing: of %u shards %u", r->shards, k + 1);
        else if (!r->have[k] && count <= SHOWN)
            fprintf(r->report, ", %u", k + 1);
    if (count > SHOWN)
        fprintf(r->report, " and %u more", count - SHOWN);
    if (count > 0)
        fputc('\n', r->report);
    return count > 0;
}

int twin86_diff_merge(const Twin86DiffMerge *o, FILE *report, char *why, size_t why_size) {
    struct InsnRun *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return snprintf(why, why_size, "%s", strerror(ENOMEM)), -ENOMEM;
    r->report = report;
    r->row = calloc(x86_row_count, sizeof(*r->row));
    r->explained = calloc(explanation_count, sizeof(*r->explained));
    int e = 0;
    if (r->row == NULL || r->explained == NULL)
        e = (snprintf(why, why_size, "%s", strerror(ENOMEM)), -ENOMEM);
    for (unsigned k = 0; e == 0 && k < o->files; k++)
        e = insn_file_read(r, o->file[k], why, why_size);
    if (e == 0)
        e = prepare(r, why, why_size);
    if (e == 0) {
        show_differences(r);
        e = insn_conclude(r, o->coverage, o->html, o->report, why, why_size);
    }
    if (e >= 0 && missing(r))
        e = 1;
    insn_free(r);
    return e;
}
