/* SPDX-License-Identifier: MIT */
/* What a difference looks like, and its file. */
#include "diff/insn.h"

#include "diff/case_run.h"
#include "diff/report.h"
#include "diff/run/segments.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** Those that the generator has chosen. */
static void take_segments(const struct InsnRun *r, struct DiffCase *out) {
    struct DiffSegments own;
    diff_segments_get(&out->in, &own);
    if (!own.given)
        return;
    diff_segments(&r->a->space, &out->in, NULL, out->system.seg);
    memset(out->in.fx + DIFF_FX_SEGMENTS, 0, sizeof(own)); /* not there in files */
    out->system.any = true;
    out->system.segments = (1 << SEG_COUNT) - 1;
}

bool insn_take_case(struct InsnRun *r, unsigned k, const struct Comparison *c, struct DiffCase *out) {
    const struct GenGroup *q = &r->batch->group[r->batch->group_of[k]];
    case_init(out, r->mode, r->cpl);
    snprintf(out->name, sizeof(out->name), "%s", c->insn[0].row->mnemonic);
    out->in = *c->in;
    take_segments(r, out);
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
        uint64_t first = m->linear & ~0xfffull;
        for (uint64_t at = first; at - first < (m->linear & 0xfff) + m->n; at += 4096)
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

/** Files of all shards may go to one folder: their names say which case it is. */
static void save(struct InsnRun *r, unsigned k, const struct Comparison *c, FILE *out) {
    struct DiffCase *file = malloc(sizeof(*file));
    char path[512], name[CASE_NAME];
    if (file == NULL || !insn_take_case(r, k, c, file)) {
        free(file);
        return;
    }
    if (r->shrink)
        shrink(r, file);
    snprintf(name, sizeof(name), "%s", file->name);
    for (char *p = name; *p != '\0'; p++)
        *p = (char)(isalnum((unsigned char)*p) ? tolower((unsigned char)*p) : '_');
    snprintf(path, sizeof(path), "%s/diff-%s-%llu-%u.case", r->save, name, (unsigned long long)r->number, k);
    FILE *f = fopen(path, "w");
    if (f != NULL) {
        case_write(file, f);
        fclose(f);
        fprintf(out, "  saved as %s\n", path);
    } else {
        fprintf(out, "  %s can't be written: %s\n", path, strerror(errno));
    }
    free(file);
}

bool insn_add_difference(struct InsnRun *r, uint64_t batch, unsigned number, unsigned row, char *text) {
    if ((r->differences & (r->differences - 1)) == 0) { /* full at powers of two */
        size_t room = r->differences != 0 ? 2 * (size_t)r->differences : 1;
        struct InsnDifference *more = realloc(r->difference, room * sizeof(*more));
        if (more == NULL)
            return false;
        r->difference = more;
    }
    r->difference[r->differences++] = (struct InsnDifference){batch, number, row, text};
    return true;
}

void insn_report(struct InsnRun *r, unsigned k, unsigned row, const struct Comparison *c) {
    char *text = NULL;
    size_t size;
    if (r->differences >= SHOW_MAX || r->row[row].different > SHOW_FORM)
        return;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL)
        return;
    diff_report_head(f, r->disas, r->mode, c);
    diff_report_state(f, c);
    diff_report_system(f, c);
    diff_report_memory(f, c);
    if (r->save != NULL)
        save(r, k, c, f);
    bool whole = fclose(f) == 0;
    if (whole)
        fputs(text, r->report);
    if (!whole || !insn_add_difference(r, r->number, k, row, text))
        free(text);
}
