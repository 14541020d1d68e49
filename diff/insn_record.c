/* SPDX-License-Identifier: MIT */
/* `diff insn --record`: some cases of each form, with what the oracle made of them. */
#include "diff/insn.h"

#include "diff/recorder.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** What of a form has been recorded: cases that complete, and those that fault. */
struct Recorded {
    uint64_t cases[2];
    uint64_t group[2]; /* the last case's encoding: number of the batch and of the group, plus 1 */
};

struct InsnRecord {
    struct Recorder *to;
    struct DiffCase *c;
    struct Comparison *cmp;
    uint64_t each; /* so many of each form that complete, half as many that fault; 0: all */
    struct Recorded *row;
};

int insn_record_open(struct InsnRun *r, const Twin86DiffInsn *o, char *why, size_t n) {
    const struct RecorderSetup setup = {.path = o->record, .oracle = r->b->ops, .model = &r->model, .cpu = o->cpu};
    struct InsnRecord *k = calloc(1, sizeof(*k));
    if (o->record == NULL) {
        free(k);
        return 0;
    }
    r->record = k;
    if (k != NULL) {
        k->c = malloc(sizeof(*k->c));
        k->cmp = malloc(sizeof(*k->cmp));
        k->row = calloc(x86_row_count, sizeof(*k->row));
        k->each = o->each;
    }
    if (k == NULL || k->c == NULL || k->cmp == NULL || k->row == NULL)
        return snprintf(why, n, "%s", strerror(ENOMEM)), -ENOMEM;
    return recorder_open(&k->to, &setup, why, n);
}

int insn_record_close(struct InsnRun *r, char *why, size_t n) {
    struct InsnRecord *k = r->record;
    if (k == NULL)
        return 0;
    int e = recorder_close(k->to, why, n);
    free(k->c);
    free(k->cmp);
    free(k->row);
    free(k);
    r->record = NULL;
    return e;
}

/** Whether there are few enough of this form yet; of one encoding there is one. */
static bool wanted(const struct InsnRecord *k, const struct Recorded *row, bool fault, uint64_t group) {
    if (k->each == 0)
        return true;
    return row->cases[fault] < (fault ? (k->each + 1) / 2 : k->each) && row->group[fault] != group;
}

/** The form and a number, as in add-Eb_Gb.3. */
static void name_case(struct DiffCase *c, const struct X86Row *row, uint64_t number) {
    snprintf(c->name, sizeof(c->name), "%.20s%s%.20s.%llu", row->mnemonic, row->operands[0] == '-' ? "" : "-",
             row->operands[0] == '-' ? "" : row->operands, (unsigned long long)number);
    for (char *p = c->name; *p != '\0' && *p != '-' && *p != '.'; p++)
        *p = (char)tolower((unsigned char)*p);
    for (char *p = c->name; *p != '\0'; p++)
        *p = isalnum((unsigned char)*p) || *p == '-' || *p == '.' ? *p : '_';
}

int insn_record(struct InsnRun *r, unsigned k, unsigned row, char *why, size_t n) {
    struct InsnRecord *rec = r->record;
    const struct GenGroup *q = &r->batch->group[r->batch->group_of[k]];
    const struct DiffState *o = &r->out_b[k];
    struct Recorded *done = &rec->row[row];
    bool fault = o->vector != DIFF_NO_FAULT;
    uint64_t group = r->number * DIFF_BATCH + r->batch->group_of[k] + 1;
    if (q->insn[0].d.row == 0 || !wanted(rec, done, fault, group)) /* row 0: which encodings are none changes */
        return 0;
    insn_comparison(r, k, rec->cmp);
    if (!insn_take_case(r, k, rec->cmp, rec->c))
        return 0;
    name_case(rec->c, &x86_rows[row], done->cases[0] + done->cases[1]);
    bool behind = fault && o->rip + q->cs_base - q->code >= q->bytes;
    if (behind && o->vector != VEC_DB) /* a fetch, after the last instruction */
        rec->c->in.insns++;
    int e = recorder_add(rec->to, rec->c, why, n);
    if (e > 0) {
        done->cases[fault]++;
        done->group[fault] = group;
    }
    return e < 0 ? e : 0;
}
