/* SPDX-License-Identifier: MIT */
#include "diff/run/segments.h"

#include <string.h>

static bool has_local(const struct DiffSpace *s) { return s->mode == DIFF_COMPAT16 || s->mode == DIFF_COMPAT32; }

/** One of the record's. In compatibility modes what is not Linux's own is in the local table. */
static void take(struct X86Segment *g, const struct DiffSegment *from, uint16_t local) {
    g->base = from->base;
    if (from->ar != 0) {
        g->limit = from->limit;
        g->ar = from->ar;
    }
    if (local != 0 && (from->ar != 0 || from->base != 0))
        g->selector = local;
}

static void take_record(const struct DiffSpace *s, const struct DiffState *in, struct X86Segment seg[SEG_COUNT]) {
    bool paragraphs = s->mode == DIFF_REAL16 || s->mode == DIFF_V8086;
    bool local = has_local(s);
    struct DiffSegments r;
    diff_segments_get(in, &r);
    if (!r.given)
        return;
    take(&seg[SEG_CS], &r.cs, local ? DIFF_LDT_CS : 0);
    take(&seg[SEG_SS], &r.ss, local ? DIFF_LDT_SS : 0);
    take(&seg[SEG_DS], &r.data, local ? DIFF_LDT_DS : 0);
    take(&seg[SEG_ES], &r.data, local ? DIFF_LDT_DS : 0);
    for (unsigned k = 0; k < SEG_COUNT && paragraphs; k++)
        seg[k].selector = (uint16_t)(seg[k].base >> 4);
}

void diff_segments(const struct DiffSpace *s, const struct DiffState *in, const struct DiffOwnSystem *own,
                   struct X86Segment seg[SEG_COUNT]) {
    memcpy(seg, s->env.seg, SEG_COUNT * sizeof(*seg));
    seg[SEG_FS].base = in->fs_base;
    seg[SEG_GS].base = in->gs_base;
    if (has_local(s) && in->fs_base != 0)
        seg[SEG_FS].selector = DIFF_LDT_FS;
    if (has_local(s) && in->gs_base != 0)
        seg[SEG_GS].selector = DIFF_LDT_GS;
    take_record(s, in, seg);
    for (unsigned k = 0; own != NULL && k < SEG_COUNT; k++)
        if (own->segments >> k & 1) {
            uint64_t base = seg[k].base;
            seg[k] = own->seg[k];
            if (k == SEG_FS || k == SEG_GS)
                seg[k].base = base;
        }
}
