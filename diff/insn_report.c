/* SPDX-License-Identifier: MIT */
/* What a difference looks like, and its file. */
#include "diff/insn.h"

#include "diff/case_run.h"
#include "diff/report.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SHOW_MAX = 40 }; /* differences that are shown in all */

/** The case as it was before the run. */
static bool take_case(struct InsnRun *r, unsigned k, const struct Comparison *c, struct DiffCase *out) {
    const struct GenGroup *q = &r->batch->group[r->batch->group_of[k]];
    case_init(out, r->mode, r->cpl);
    snprintf(out->name, sizeof(out->name), "%s", c->insn[0].row->mnemonic);
    out->in = *c->in;
    out->code = q->code;
    out->code_bytes = q->bytes;
    out->code_at = 0;
    uint8_t code[GEN_MAX_BYTES + 16];
    for (unsigned n = 0, at = 0; n < q->length; at += q->insn[n].len, n++)
        memcpy(code + at, q->insn[n].bytes, q->insn[n].len);
    bool ok = case_add_bytes(out, q->code, code, q->bytes, false);
    for (unsigned at = 0; at < (q->code & 0xfff) + q->bytes + DIFF_PAD_SIZE; at += 4096)
        ok = ok && case_add_page(out, q->code + at, DIFF_PAGE_USER);
    for (unsigned n = 0; n < c->ranges; n++) {
        const struct CompareRange *m = &c->range[n];
        ok = ok && case_add_bytes(out, m->linear, m->before, m->n, false);
        for (uint64_t at = m->linear & ~0xfffull; at < m->linear + m->n; at += 4096)
            ok = ok && case_add_page(out, at, diff_space_page(&r->a->space, at)->attr);
    }
    return ok;
}

static void shrink(struct InsnRun *r, struct DiffCase *c) {
    struct CasePair pair;
    char why[256];
    if (case_pair_open(&pair, c, r->b->ops, &r->model, why, sizeof(why)) != 0)
        return;
    case_shrink(&pair, c);
    case_pair_close(&pair);
}

static void save(struct InsnRun *r, unsigned k, const struct Comparison *c) {
    struct DiffCase *file = malloc(sizeof(*file));
    char path[512], name[CASE_NAME];
    if (file == NULL || !take_case(r, k, c, file)) {
        free(file);
        return;
    }
    if (r->shrink)
        shrink(r, file);
    snprintf(name, sizeof(name), "%s", file->name);
    for (char *p = name; *p != '\0'; p++)
        *p = (char)(isalnum((unsigned char)*p) ? tolower((unsigned char)*p) : '_');
    snprintf(path, sizeof(path), "%s/diff-%s-%u.case", r->save, name, r->shown);
    FILE *f = fopen(path, "w");
    if (f != NULL) {
        case_write(file, f);
        fclose(f);
        fprintf(r->report, "  saved as %s\n", path);
    } else {
        fprintf(r->report, "  %s can't be written: %s\n", path, strerror(errno));
    }
    free(file);
}

void insn_report(struct InsnRun *r, unsigned k, const struct Comparison *c, bool enough) {
    if (r->shown >= SHOW_MAX || enough)
        return;
    r->shown++;
    diff_report_head(r->report, r->disas, r->mode, c);
    diff_report_state(r->report, c);
    diff_report_system(r->report, c);
    diff_report_memory(r->report, c);
    if (r->save != NULL)
        save(r, k, c);
}
