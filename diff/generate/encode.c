/* SPDX-License-Identifier: MIT */
#include "diff/generate/encode.h"

#include <stdlib.h>
#include <string.h>

struct DiffOpcode *diff_opcodes(void) {
    struct DiffOpcode *o = calloc(x86_row_count, sizeof(*o));
    if (o == NULL)
        return NULL;
    for (unsigned map = 0; map < MAP_COUNT; map++)
        for (unsigned op = 0; op < 256; op++)
            for (unsigned k = 0; k < x86_slots[map][op].count; k++) {
                struct DiffOpcode *at = &o[x86_candidates[x86_slots[map][op].first + k]];
                if (!at->exists)
                    *at = (struct DiffOpcode){.map = (uint8_t)map, .first = (uint8_t)op, .exists = true};
                at->count++;
            }
    return o;
}

/** Bytes under construction. */
struct Writer {
    struct DiffInsn *i;
    struct DiffRng *r;
    unsigned n;
};

static void byte(struct Writer *w, unsigned v) {
    if (w->n < sizeof(w->i->bytes))
        w->i->bytes[w->n++] = (uint8_t)v;
}

/** A value of a set of BIT_*. */
static unsigned pick_bit(struct DiffRng *r, unsigned set) {
    return set == BIT_ANY ? (unsigned)(diff_rnd(r) >> 40 & 1) : set == BIT_SET;
}

/* ---- prefixes ---- */

static unsigned mandatory(unsigned prefixes) {
    return prefixes == PFX_66 ? 0x66 : prefixes == PFX_F3 ? 0xf3 : prefixes == PFX_F2 ? 0xf2 : 0;
}

/** Legacy prefixes in any order; those that hide a mandatory one are left out when `legal`. */
static void legacy_prefixes(struct Writer *w, const struct X86Form *f, bool memory, bool legal) {
    struct DiffRng *r = w->r;
    uint8_t list[8];
    unsigned n = 0;
    bool any = f->prefixes == PFX_ANY;
    if (mandatory(f->prefixes))
        list[n++] = (uint8_t)mandatory(f->prefixes);
    if (any && diff_one_in(r, 4))
        list[n++] = 0x66;
    else if (!any && !legal && diff_one_in(r, 4))
        list[n++] = 0x66;
    if ((any && diff_one_in(r, f->attr & ATTR_REP ? 2 : 48)) || (!legal && diff_one_in(r, 8)))
        list[n++] = diff_rnd(r) >> 63 ? 0xf2 : 0xf3;
    if (diff_one_in(r, 16))
        list[n++] = 0x67;
    if (diff_one_in(r, memory ? 12 : 64)) {
        static const uint8_t segments[] = {0x64, 0x65, 0x64, 0x65, 0x26, 0x2e, 0x36, 0x3e};
        list[n++] = segments[diff_below(r, 8)];
    }
    if ((f->attr & ATTR_LOCK) && memory ? diff_one_in(r, 4) : (!legal && diff_one_in(r, 4)))
        list[n++] = 0xf0;
    for (unsigned k = n; k > 1; k--) { /* shuffle */
        unsigned j = diff_below(r, k);
        uint8_t t = list[k - 1];
        list[k - 1] = list[j];
        list[j] = t;
    }
    for (unsigned k = 0; k < n; k++)
        byte(w, list[k]);
}

static void rex_prefix(struct Writer *w, const struct X86Form *f) {
    bool wide = pick_bit(w->r, f->vex_w), b = pick_bit(w->r, f->rex_b);
    if (f->vex_w == BIT_ANY && f->rex_b == BIT_ANY && diff_one_in(w->r, 3))
        return;
    unsigned rex = 0x40 | (unsigned)wide << 3 | (unsigned)(diff_rnd(w->r) >> 62) << 1 | b;
    if (rex != 0x40 || f->vex_w == BIT_ANY)
        byte(w, rex);
}

static void vex_prefix(struct Writer *w, const struct X86Form *f, unsigned map, bool legal, bool code64) {
    struct DiffRng *r = w->r;
    static const uint8_t pp_of[16] = {[PFX_66] = 1, [PFX_F3] = 2, [PFX_F2] = 3};
    unsigned pp = pp_of[f->prefixes & 15], l = pick_bit(r, f->vex_l), wide = pick_bit(r, f->vex_w);
    unsigned vvvv = f->vvvv_kind != KIND_RAW || (!legal && diff_one_in(r, 4)) ? diff_below(r, 16) : 0;
    unsigned rxb = code64 ? diff_below(r, 8) : 0;
    if (!code64)
        vvvv &= 7;
    unsigned last = (~vvvv & 15) << 3 | l << 2 | pp;
    if (map == MAP_VEX_0F && wide == 0 && !(rxb & 3) && diff_one_in(r, 2)) {
        byte(w, 0xc5);
        byte(w, last | (rxb & 4 ? 0 : 0x80));
        return;
    }
    byte(w, 0xc4);
    byte(w, (~rxb & 7) << 5 | (map - MAP_VEX));
    byte(w, last | wide << 7);
}

/* ---- ModRM ---- */

static void displacement(struct Writer *w, unsigned size) {
    uint32_t v = (uint32_t)(diff_rnd(w->r) >> 32);
    if (size == 4 && !diff_one_in(w->r, 8))
        v = (v & 0x7ff) - 0x400;
    w->i->disp_at = (uint8_t)w->n;
    w->i->disp_size = (uint8_t)size;
    for (unsigned k = 0; k < size; k++)
        byte(w, v >> (8 * k) & 0xff);
}

static void modrm(struct Writer *w, const struct X86Form *f, bool memory, unsigned asize) {
    unsigned m = (unsigned)(diff_rnd(w->r) >> 56);
    m = memory ? (m % 3) << 6 | (m & 0x3f) : m | 0xc0;
    if (f->attr & ATTR_MODREG)
        m |= 0xc0;
    m = (m & ~(unsigned)f->modrm_mask) | f->modrm_value;
    byte(w, m);
    if (m >= 0xc0)
        return;
    unsigned mod = m >> 6, rm = m & 7, base = rm;
    if (asize == 1) {
        if (mod == 1 || mod == 2 || rm == 6)
            displacement(w, mod == 1 ? 1 : 2);
        return;
    }
    if (rm == 4) {
        unsigned sib = (unsigned)(diff_rnd(w->r) >> 56);
        base = sib & 7;
        byte(w, sib);
    }
    if (mod == 1)
        displacement(w, 1);
    else if (mod == 2 || base == 5)
        displacement(w, 4);
}

/* ---- the whole ---- */

static enum DecodeStatus decode(const struct DiffEncode *e, struct DiffInsn *i) {
    enum DecodeStatus s = x86_decode(e->model, e->mode, i->bytes, 15, &i->d);
    i->len = i->d.insn.len;
    return s;
}

static void escapes(struct Writer *w, unsigned map) {
    if (map == MAP_ONE)
        return;
    byte(w, 0x0f);
    if (map != MAP_0F)
        byte(w, map == MAP_0F38 ? 0x38 : 0x3a);
}

/** Immediates: bytes that follow until the decoder is content. */
static void immediate(struct Writer *w) {
    w->i->imm_at = (uint8_t)w->n;
    uint64_t v = diff_integer(w->r), random = diff_rnd(w->r);
    for (unsigned k = 0; w->n < 16; k++)
        byte(w, k < 8 ? v >> (8 * k) & 0xff : random >> (8 * (k & 7)) & 0xff);
}

bool diff_encode(const struct DiffEncode *e, struct DiffRng *r, unsigned row, bool legal, struct DiffInsn *out) {
    const struct X86Form *f = &x86_forms[row];
    const struct DiffOpcode *op = &e->opcodes[row];
    bool code64 = (e->mode & MODE_CODE) == MODE_CODE64;
    bool memory = (f->attr & ATTR_MODRM) && f->mod_mem && (!f->mod_reg || diff_rnd(r) >> 63);
    struct Writer w = {.i = out, .r = r};
    memset(out, 0, sizeof(*out));
    if (op->map >= MAP_VEX) {
        if (diff_one_in(r, 16))
            byte(&w, diff_rnd(r) >> 63 ? 0x67 : 0x64 | (unsigned)(diff_rnd(r) >> 63));
        if (!legal && diff_one_in(r, 4))
            byte(&w, diff_rnd(r) >> 63 ? 0x66 : 0xf0);
        vex_prefix(&w, f, op->map, legal, code64);
    } else {
        legacy_prefixes(&w, f, memory, legal);
        if (code64)
            rex_prefix(&w, f);
        escapes(&w, op->map);
    }
    bool addr67 = memchr(out->bytes, 0x67, w.n) != NULL;
    byte(&w, op->first + (op->count > 1 ? diff_below(r, op->count) : 0u));
    unsigned asize = code64 ? (addr67 ? 2 : 3) : ((e->mode & MODE_CODE) == MODE_CODE32) != addr67 ? 2 : 1;
    if (f->attr & ATTR_MODRM)
        modrm(&w, f, memory, asize);
    immediate(&w);
    if (decode(e, out) != DECODE_OK)
        return false;
    if (out->imm_at > out->len)
        out->imm_at = out->len;
    memset(out->bytes + out->len, 0, sizeof(out->bytes) - out->len);
    return !legal || out->d.row == row;
}

bool diff_redecode(const struct DiffEncode *e, unsigned row, struct DiffInsn *i) {
    unsigned len = i->len;
    return decode(e, i) == DECODE_OK && i->d.row == row && i->len == len;
}
