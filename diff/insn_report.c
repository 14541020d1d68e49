/* SPDX-License-Identifier: MIT */
/* What a difference looks like, and its file. */
#include "diff/insn.h"

#include "diff/case_run.h"
#include "diff/report.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** Code and data of 16-bit modes lie in segments that the generator has chosen. */
static void take_segments(const struct InsnRun *r, struct DiffCase *out) {
    uint8_t *fx = out->in.fx;
    const uint64_t data = diff_get32(fx + DIFF_FX_DATA_BASE), base[SEG_COUNT] = {[SEG_ES] = data,
                                                                                 [SEG_CS] = diff_get32(fx + DIFF_FX_CS_BASE),
                                                                                 [SEG_SS] = diff_get32(fx + DIFF_FX_SS_BASE),
                                                                                 [SEG_DS] = data,
                                                                                 [SEG_FS] = out->in.fs_base,
                                                                                 [SEG_GS] = out->in.gs_base};
    bool paragraphs = r->mode == DIFF_REAL16 || r->mode == DIFF_V8086;
    memset(fx + DIFF_FX_CS_BASE, 0, 12); /* not there in files */
    if (!gen_mode16(r->mode))
        return;
    out->system.any = true;
    for (unsigned k = 0; k < SEG_COUNT; k++) {
        struct X86Segment *s = &out->system.seg[k];
        *s = r->a->space.env.seg[k];
        s->base = base[k];
        s->selector = paragraphs ? (uint16_t)(base[k] >> 4) : s->selector;
        out->system.segments |= (uint8_t)(1 << k);
    }
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
