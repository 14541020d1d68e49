/* SPDX-License-Identifier: MIT */
/* Batches: code slots, windows, random state; what single instructions need on top is in tune.c. */
#include "diff/generate/generate.h"

#include "diff/generate/tune.h"

#include <stdlib.h>
#include <string.h>

enum { POOL = 65536, GEN_OPERAND = 64 };

struct Generator {
    const struct CpuModel *model;
    struct DiffOpcode *opcodes;
    uint8_t *class;   /* by row: class_of */
    uint16_t *row;
    unsigned rows, length;
    enum DiffMode mode;
    unsigned cpl;
    bool qemu, system;
    const CPUX86State *env;
    const struct GenLayout *layout;
    bool avx; /* the upper halves of YMM exist */
    uint64_t seed;
    uint8_t pool[CLASSES][POOL]; /* filled anew for each batch; registers are copied out of it */
    uint8_t floats[POOL];        /* 80-bit numbers, 16 bytes apart */
};

/* ---- pages ---- */

const struct GenLayout *gen_layout(enum DiffMode mode) {
    static const struct GenLayout wide = {0x10000000, 0x10400000,     0x10800000,    DIFF_BATCH,
                                          GEN_EDGES,  GEN_CODE_PAGES, GEN_DATA_PAGES},
                                  low = {0x10000, 0x20000, 0x70000, 256, 16, 256 / GEN_SLOTS_PAGE + 2, 256 / 4 + 1},
                                  real = {0x10000, 0x20000, 0x70000, 256, 0, 256 / GEN_SLOTS_PAGE + 2, 256 / 4 + 1};
    return mode == DIFF_REAL16 ? &real : gen_mode16(mode) ? &low : &wide;
}

uint32_t gen_decode_mode(enum DiffMode mode) {
    static const uint32_t code[DIFF_MODES] = {MODE_CODE16 | MODE_REAL,
                                              MODE_CODE16 | MODE_VM86,
                                              MODE_CODE16,
                                              MODE_CODE32,
                                              MODE_CODE16,
                                              MODE_CODE32,
                                              MODE_CODE64};
    return code[mode] | MODE_SSE | MODE_AVX;
}

unsigned gen_pages(enum DiffMode mode, struct DiffPage *page) {
    const struct GenLayout *l = gen_layout(mode);
    unsigned n = 0;
    for (unsigned k = 0; k < l->code_pages; k++)
        page[n++] = (struct DiffPage){l->code + k * 4096, DIFF_PAGE_USER};
    for (unsigned k = 0; k < l->data_pages; k++)
        page[n++] = (struct DiffPage){l->data + k * 4096, DIFF_PAGE_USER | DIFF_PAGE_WRITE | DIFF_PAGE_NX};
    static const uint8_t attr[GEN_EDGE_KINDS] = {[EDGE_READ_ONLY] = DIFF_PAGE_USER,
                                                 [EDGE_SUPERVISOR] = DIFF_PAGE_WRITE,
                                                 [EDGE_WRITABLE] = DIFF_PAGE_USER | DIFF_PAGE_WRITE};
    for (unsigned k = 0; k < l->edges; k++) {
        uint64_t at = l->edge + k * GEN_EDGE_SIZE;
        page[n++] = (struct DiffPage){at + 4096, DIFF_PAGE_USER | DIFF_PAGE_WRITE | DIFF_PAGE_NX};
        if (k % GEN_EDGE_KINDS != EDGE_UNMAPPED)
            page[n++] = (struct DiffPage){at + 8192, attr[k % GEN_EDGE_KINDS] | DIFF_PAGE_NX};
    }
    return n;
}

const uint8_t *gen_window_before(const struct GenBatch *b, uint64_t linear) {
    const struct GenLayout *l = b->layout;
    if (linear - l->data < l->data_pages * 4096)
        return b->data + (linear - l->data);
    unsigned edge = (unsigned)((linear - l->edge) / GEN_EDGE_SIZE), at = (unsigned)((linear - l->edge) % GEN_EDGE_SIZE);
    return edge < l->edges && at >= 4096 && at < 3 * 4096 ? &b->edge[edge][at - 4096] : NULL;
}

/* ---- life ---- */

/** What the operands of a row are likely to be. */
static enum DiffClass class_of(unsigned row) {
    const char *op = x86_rows[row].operands;
    if (strstr(op, "ps") || strstr(op, "ss"))
        return CLASS_SINGLE;
    if (strstr(op, "pd") || strstr(op, "sd"))
        return CLASS_DOUBLE;
    if (x86_forms[row].attr & ATTR_X87)
        return CLASS_EXTENDED;
    return CLASS_INTEGERS;
}

void gen_free(struct Generator *g) {
    if (g == NULL)
        return;
    free(g->opcodes);
    free(g->class);
    free(g->row);
    free(g);
}

struct Generator *gen_new(const struct GenSetup *p) {
    struct Generator *g = calloc(1, sizeof(*g));
    if (g == NULL)
        return NULL;
    g->model = p->model;
    g->seed = p->seed;
    g->avx = cpu_has(p->model, CPUID_AVX);
    g->opcodes = diff_opcodes();
    g->row = malloc(p->rows * sizeof(*p->row));
    g->rows = p->rows;
    g->length = p->length;
    g->mode = p->mode;
    g->cpl = p->cpl;
    g->qemu = p->qemu;
    g->system = p->system;
    g->env = p->env;
    g->layout = gen_layout(p->mode);
    g->class = malloc(x86_row_count);
    if (g->opcodes == NULL || g->row == NULL || g->class == NULL) {
        gen_free(g);
        return NULL;
    }
    memcpy(g->row, p->row, p->rows * sizeof(*p->row));
    for (unsigned k = 0; k < x86_row_count; k++)
        g->class[k] = (uint8_t)class_of(k);
    return g;
}

static struct DiffEncode encoder(const struct Generator *g) {
    return (struct DiffEncode){g->model, gen_decode_mode(g->mode), g->cpl, g->opcodes, g->qemu};
}

/* ---- registers ---- */

static const uint8_t *from_pool(struct Generator *g, struct DiffRng *r, unsigned class, unsigned n) {
    return g->pool[class] + (diff_rnd(r) >> 32) % (POOL - n) / 8 * 8;
}

static void fill_vectors(struct Generator *g, struct DiffRng *r, enum DiffClass main, struct DiffState *s) {
    uint64_t choice = diff_rnd(r);
    for (unsigned k = 0; k < 16; k++, choice >>= 4) {
        unsigned class = choice & 8 ? main : (choice & 7) % CLASSES;
        const uint8_t *p = from_pool(g, r, class, 32);
        memcpy(s->fx + FXSAVE_XMM + 16 * k, p, 16);
        memcpy(s->ymmh[k], p + 16, g->avx ? 16 : 0);
    }
}

/** Control and status words, tags: now and then something is pending or unmasked. */
static void fill_fpu(struct Generator *g, struct DiffRng *r, uint32_t attr, struct DiffState *s) {
    uint64_t v = diff_rnd(r), w = diff_rnd(r);
    bool used = (attr & (ATTR_X87 | ATTR_MMX | ATTR_WAIT)) != 0;
    uint16_t fcw = 0x37f, fsw = (uint16_t)(v & 0x7f00 & ~0x8000u);
    uint8_t ftw = (uint8_t)(v >> 16);
    if (used) {
        fcw = (uint16_t)(0x40 | (v >> 20 & 0xc00) | ((v >> 32 & 3) ? 0x300 : v >> 34 & 0x300) |
                         ((v >> 40 & 15) == 0 ? w & 0x3f : 0x3f));
        if ((v >> 44 & 3) == 0) /* sticky flags; rarely one that is unmasked */
            fsw |= (uint16_t)(w >> 8 & ((v >> 46 & 15) == 0 ? 0x7f : (fcw & 0x3f) | 0x40));
        fsw = diff_x87_status(fsw, fcw);
        unsigned top = fsw >> 11 & 7, n = w >> 16 & 7;
        if (w >> 20 & 3) /* as after pushes */
            ftw = (uint8_t)(((1u << (n + 1)) - 1) << top | ((1u << (n + 1)) - 1) >> (8 - top));
        if ((w >> 22 & 3) == 0)
            ftw = 0xff;
    }
    put_le(s->fx + FXSAVE_FCW, fcw, 2);
    put_le(s->fx + FXSAVE_FSW, fsw, 2);
    s->fx[FXSAVE_FTW] = ftw;
    put_le(s->fx + FXSAVE_FOP, w >> 24 & 0x7ff, 2);
    put_le(s->fx + FXSAVE_FIP, w >> 32 & 0x7fffffff, 8);
    put_le(s->fx + FXSAVE_FDP, v >> 32 & 0x7fffffff, 8);
    for (unsigned k = 0; k < 8; k++) {
        memcpy(s->fx + FXSAVE_ST + 16 * k, g->floats + (diff_rnd(r) >> 32) % (POOL / 16) * 16, 10);
        if (attr & ATTR_MMX)
            memcpy(s->fx + FXSAVE_ST + 16 * k, from_pool(g, r, CLASS_INTEGERS, 8), 8);
    }
}

/** `unmask`: this group may meet unmasked exceptions. */
static void fill_mxcsr(struct DiffRng *r, bool unmask, struct DiffState *s) {
    uint64_t v = diff_rnd(r);
    uint32_t mxcsr = 0x1f80;
    if (v & 3)
        mxcsr |= (uint32_t)(v >> 8 & 0xe07f) & ((v >> 32 & 3) ? 0x7fbf : 0xffff); /* rounding, FTZ, DAZ, flags */
    if (unmask)
        mxcsr &= ~(uint32_t)(v >> 40 & 0x1f80);
    put_le(s->fx + FXSAVE_MXCSR, mxcsr, 4);
}

static void fill_gpr(const struct Generator *g, struct DiffRng *r, uint64_t window, struct DiffState *s) {
    for (unsigned k = 0; k < REG_COUNT; k++)
        s->gpr[k] = diff_integer(r);
    uint64_t v = diff_rnd(r);
    s->gpr[REG_SP] = window + 0x2c0 + ((v & 7) == 0 ? v >> 8 & 0xff : v >> 8 & 0xf8);
    s->rflags = FLAG_ONE | FLAG_IF | (v >> 16 & (FLAG_ARITH | FLAG_ID));
    if ((v >> 40 & 3) == 0)
        s->rflags |= FLAG_DF;
    if ((v >> 42 & 63) == 0)
        s->rflags |= FLAG_TF;
    if ((v >> 48 & 15) == 0)
        s->rflags |= FLAG_AC;
    s->fs_base = (uint64_t)((int64_t)diff_rnd(r) >> 17); /* canonical */
    s->gs_base = (uint64_t)((int64_t)diff_rnd(r) >> 17);
    if (g->mode == DIFF_LONG64)
        return;
    s->fs_base &= 0xfffffff;
    s->gs_base &= 0xfffffff;
    for (unsigned k = 0; k < REG_COUNT; k++) /* no other is there; upper halves are nobody's */
        s->gpr[k] = k < 8 ? (uint32_t)s->gpr[k] : 0;
    if (g->mode == DIFF_V8086)
        s->rflags |= FLAG_VM | (diff_one_in(r, 4) ? 0 : FLAG_IOPL);
}

/* ---- segments ---- */

/** What the local table may give a program: beside bases, limits and types. */
static bool has_local_segments(const struct Generator *g) {
    return g->cpl == 3 && (g->mode == DIFF_COMPAT16 || g->mode == DIFF_COMPAT32);
}

/** A segment whose limit lies about the case's memory, of which the middle is at `offset`. */
static void shape_data(struct DiffRng *r, uint32_t offset, bool stack, struct DiffSegment *s) {
    uint64_t v = diff_rnd(r);
    s->ar = AR_S | AR_P | AR_DPL | AR_WRITABLE | AR_ACCESSED | (v & 1 ? AR_DB : 0);
    s->limit = offset - GEN_WINDOW / 2 + (v >> 32) % GEN_WINDOW;
    if ((v & 6) == 0)
        s->ar |= AR_EXPAND_DOWN;
    if ((v & 0x38) == 0 && !stack)
        s->ar &= ~AR_WRITABLE;
    if ((v & 0xc0) == 0) { /* limits in pages */
        s->limit |= 0xfff;
        s->ar |= AR_G;
    }
}

/** Code that ends with its segment, or can't be read. */
static void shape_code(const struct Generator *g, struct DiffRng *r, struct GenGroup *q) {
    uint64_t v = diff_rnd(r);
    uint32_t offset = (uint32_t)(q->code - q->cs_base), beyond = offset + 0x4000;
    q->cs_ar = AR_S | AR_P | AR_DPL | AR_CODE | AR_ACCESSED | (v & 3 ? AR_READABLE : 0);
    q->cs_ar |= g->mode == DIFF_COMPAT32 ? AR_DB : 0;
    q->cs_limit = v & 4 ? beyond : offset + (v >> 32) % q->bytes; /* it cuts an instruction, or the end of the last */
    if (v & 8) {
        q->cs_limit = beyond | 0xfff;
        q->cs_ar |= AR_G;
    }
}

/** Segments about the case's memory: of each case in a 16-bit mode, of some in 32-bit compatibility mode. */
static void fill_segments(const struct Generator *g, const struct GenGroup *q, struct Tune *t) {
    struct DiffState *s = t->s;
    bool shaped = has_local_segments(g) && diff_one_in(t->r, 6);
    for (unsigned k = 0; k < SEG_COUNT; k++)
        t->base[k] = 0;
    struct DiffSegments own = {.given = 0}; /* the record has those of an earlier batch */
    diff_segments_put(s, &own);
    if (!gen_mode16(g->mode) && !shaped && q->cs_base == 0)
        return;
    own.given = 1;
    own.cs = (struct DiffSegment){(uint32_t)q->cs_base, q->cs_limit, q->cs_ar, 0};
    if (gen_mode16(g->mode) || shaped) {
        own.data.base = (uint32_t)(t->window & ~15ull) - 0x4000;
        own.ss.base = (uint32_t)(t->own & ~15ull) - 0x4000;
        s->gpr[REG_SP] = (s->gpr[REG_SP] - own.ss.base) & 0xffff;
    }
    if (shaped && !diff_one_in(t->r, 4))
        shape_data(t->r, (uint32_t)t->window + GEN_WINDOW / 2 - own.data.base, false, &own.data);
    if (shaped && diff_one_in(t->r, 2))
        shape_data(t->r, (uint32_t)s->gpr[REG_SP], true, &own.ss);
    if (gen_mode16(g->mode))
        s->fs_base = s->gs_base = own.data.base + 0x1230;
    t->base[SEG_DS] = t->base[SEG_ES] = own.data.base;
    t->base[SEG_SS] = own.ss.base;
    diff_segments_put(s, &own);
}

/** Of the group's code segment. */
static uint16_t code_selector(const struct Generator *g, uint64_t cs_base) {
    static const uint16_t own[DIFF_MODES][2] = {[DIFF_PROT16] = {DIFF_CS16_0, DIFF_CS16_3},
                                                [DIFF_PROT32] = {DIFF_CS32_0, DIFF_CS32_3},
                                                [DIFF_COMPAT16] = {DIFF_CS16_0, DIFF_LDT_CS},
                                                [DIFF_COMPAT32] = {DIFF_CS32_0, DIFF_CS32_3},
                                                [DIFF_LONG64] = {DIFF_CS64_0, DIFF_CS64_3}};
    if (own[g->mode][0] == 0)
        return (uint16_t)(cs_base >> 4);
    return g->mode == DIFF_COMPAT32 && cs_base != 0 ? DIFF_LDT_CS : own[g->mode][g->cpl == 3];
}

/* ---- code ---- */

/** Give the group a slot, where it may lie across a page boundary, and its pads. */
static void place_code(const struct Generator *g, struct DiffRng *r, struct GenGroup *q, unsigned slot) {
    unsigned page = slot / GEN_SLOTS_PAGE, index = 1 + slot % GEN_SLOTS_PAGE;
    q->slot = g->layout->code + page * 4096u + index * GEN_SLOT;
    q->code = q->slot + 32;
    q->pad[1] = q->slot;
    q->pad[2] = q->slot + GEN_SLOT - DIFF_PAD_SIZE;
    if (index == GEN_SLOTS_PAGE && q->bytes > 1 && diff_one_in(r, 2)) {
        q->code = q->slot + GEN_SLOT - 1 - diff_below(r, q->bytes - 1u);
        q->pad[2] = q->slot + GEN_SLOT + 96;
    }
    q->pad[0] = q->code + q->bytes;
    bool local = has_local_segments(g);
    q->cs_base = gen_mode16(g->mode) || (local && diff_one_in(r, 6)) ? (q->slot & ~0xfffull) - 0x2000 : 0;
    q->cs = code_selector(g, q->cs_base);
    q->cs_limit = q->cs_ar = 0;
    if (local && q->cs_base != 0 && (g->mode == DIFF_COMPAT32 || diff_one_in(r, 6)))
        shape_code(g, r, q);
}

/* ---- cases ---- */

/** The case's memory: its own window, or (rarely, while there are any) one at the edge of a mapping. */
static uint64_t take_window(struct GenBatch *b, unsigned k, bool edge) {
    if (!edge || b->edges == b->layout->edges)
        return b->layout->data + 512 + k * (uint64_t)GEN_WINDOW;
    return b->layout->edge + b->edges++ * (uint64_t)GEN_EDGE_SIZE + 8192 - GEN_WINDOW / 2;
}

static bool is_edge(const struct GenBatch *b, uint64_t window) { return window >= b->layout->edge; }

/** Where in its window the operand shall lie. */
static uint64_t choose_target(const struct GenBatch *b, struct DiffRng *r, uint64_t window, bool vector) {
    uint64_t v = diff_rnd(r), middle = window + GEN_WINDOW / 2;
    if (is_edge(b, window) || ((middle & 0xfff) == 0 && (v & 3) == 0)) /* about the boundary */
        return is_edge(b, window) && (v >> 8 & 15) == 0 ? middle - 4096 - (v >> 16 & 7) : middle + (v >> 16 & 127) - 96;
    uint64_t at = window + 64 + (v >> 32) % (GEN_WINDOW - 192);
    if (v & (vector ? 0x30 : 0x10))
        at &= ~63ull;
    else if (v & 0x40)
        at &= ~7ull;
    return at;
}

/** Values that make sense to all instructions of the case; then their addresses. */
static void tune_all(struct Generator *g, struct Tune *t) {
    uint64_t target[GEN_MAX_LENGTH], at = t->q->code;
    uint16_t fixed = 0;
    for (unsigned n = 0; n < t->q->length; n++) {
        t->insn = &t->q->insn[n];
        unsigned row = n == 0 ? t->q->row : t->insn->d.row;
        const struct X86Form *f = &x86_forms[row];
        enum DiffClass class =
            diff_one_in(t->r, 4) ? (enum DiffClass)diff_below(t->r, CLASSES) : (enum DiffClass)g->class[row];
        t->form = f;
        t->row = &x86_rows[row];
        t->target = choose_target(t->b, t->r, t->window, f->reg_kind == KIND_VEC || f->rm_kind == KIND_VEC);
        tune_poke(t, t->target, from_pool(g, t->r, class, GEN_OPERAND), GEN_OPERAND);
        tune_case(t);
        target[n] = t->target;
    }
    for (unsigned n = 0; n < t->q->length; at += t->insn->len, n++) {
        t->insn = &t->q->insn[n];
        t->form = &x86_forms[n == 0 ? t->q->row : t->insn->d.row];
        t->at = at;
        t->target = target[n];
        tune_aim(t, &fixed);
    }
}

static void make_case(struct Generator *g, struct DiffRng *r, struct GenBatch *b, struct GenGroup *q, unsigned k,
                      bool edge, bool unmask) {
    struct DiffState *s = &b->in[k];
    const struct DiffEncode e = encoder(g);
    struct Tune t = {.r = r, .b = b, .s = s, .q = q, .e = &e, .cpl = g->cpl, .env = g->env};
    if (gen_mode16(g->mode) && q->insn[0].d.insn.mem && q->insn[0].d.insn.seg == SEG_SS)
        edge = false; /* the stack's segment does not reach there */
    t.window = take_window(b, k, edge);
    t.own = b->layout->data + 512 + k * (uint64_t)GEN_WINDOW;
    b->window[k] = t.window;
    s->xheader[0] = XCR0_X87 | XCR0_SSE | (g->avx ? XCR0_AVX : 0);
    s->insns = q->length;
    uint32_t attr = 0;
    for (unsigned n = 0; n < q->length; n++)
        attr |= x86_forms[n == 0 ? q->row : q->insn[n].d.row].attr;
    fill_gpr(g, r, t.own, s);
    fill_vectors(g, r, (enum DiffClass)g->class[q->row], s);
    fill_fpu(g, r, attr, s);
    fill_mxcsr(r, unmask, s);
    s->rip = q->code - q->cs_base;
    fill_segments(g, q, &t);
    tune_all(g, &t);
    for (unsigned n = 0; n < REG_COUNT && g->mode != DIFF_LONG64; n++)
        s->gpr[n] = (uint32_t)s->gpr[n];
}

/** The encoding of a new group's first instruction, or of row 0 with whatever bytes came out, for encodings that are
 * none. */
static void encode_first(struct Generator *g, struct DiffRng *r, struct GenGroup *q) {
    const struct DiffEncode e = encoder(g);
    bool legal = !diff_one_in(r, 64);
    for (unsigned tries = 0; tries < 40; tries++)
        if (diff_encode(&e, r, q->row, legal, &q->insn[0]) && tune_allowed(&e, &q->insn[0], g->system))
            return;
    q->insn[0] = (struct DiffInsn){.bytes = {0x90}, .len = 1, .imm_at = 1}; /* it can't be had here: NOP */
    q->row = 0;
}

/** Whether its bytes hold an address, so that each case needs its own. */
static bool holds_address(const struct DiffInsn *d) {
    const struct X86Insn *i = &d->d.insn;
    return i->mem && (i->base == INSN_REG_RIP || (i->base == INSN_REG_NONE && i->index == INSN_REG_NONE));
}

/** What the instructions of a sequence have done so far. */
struct Sequence {
    uint16_t changed, fixed; /* registers that may be other than at the start; that hold addresses by now */
    uint8_t undefined;       /* flags that depend on the processor (FB_*) */
};

static void sequence_add(struct Sequence *s, const struct DiffInsn *i) {
    struct TuneUse u = tune_use(i);
    s->changed |= u.changed;
    s->fixed |= u.address;
    s->undefined = (uint8_t)((s->undefined & ~i->d.flags_written) | x86_rows[i->d.row].flags_undefined);
}

/** Whether `i` makes sense after them, and its result does not depend on what is undefined. */
static bool sequence_takes(const struct Sequence *s, const struct DiffInsn *i) {
    struct TuneUse u = tune_use(i);
    const struct X86Insn *n = &i->d.insn;
    if (!tune_follows(i) || (u.address & s->changed) || (i->d.flags_read & s->undefined))
        return false;
    if (!n->mem || holds_address(i))
        return true;
    unsigned base = n->base != INSN_REG_NONE ? n->base : n->index;
    return base != INSN_REG_RIP && !(s->fixed >> base / 8 & 1) && base != REG_SP * 8;
}

static void encode_more(struct Generator *g, struct DiffRng *r, struct GenGroup *q) {
    const struct DiffEncode e = encoder(g);
    struct Sequence s = {0};
    q->length = 1;
    q->bytes = q->insn[0].len;
    sequence_add(&s, &q->insn[0]);
    for (unsigned tries = 0; tries < 20 * g->length && q->length < g->length && tune_leads(&q->insn[q->length - 1]);
         tries++) {
        struct DiffInsn *i = &q->insn[q->length];
        if (!diff_encode(&e, r, g->row[diff_below(r, g->rows)], true, i) || !tune_allowed(&e, i, g->system) ||
            !sequence_takes(&s, i) || q->bytes + i->len > GEN_MAX_BYTES)
            continue;
        if (i->d.flow && q->length + 1u < g->length && !diff_one_in(r, 8))
            continue;
        sequence_add(&s, i);
        q->bytes += i->len;
        q->length++;
    }
}

static void make_group(struct Generator *g, struct DiffRng *r, struct GenBatch *b, unsigned row) {
    struct GenGroup *q = &b->group[b->groups];
    q->row = (uint16_t)row;
    encode_first(g, r, q);
    encode_more(g, r, q);
    place_code(g, r, q, b->groups);
    const struct DiffEncode e = encoder(g);
    bool address = false;
    uint64_t at = q->code;
    for (unsigned n = 0; n < q->length; n++) {
        tune_code(r, &e, q, &q->insn[n], at);
        at += q->insn[n].len;
        address |= holds_address(&q->insn[n]);
    }
    bool illegal = q->insn[0].d.row == 0, edge = !illegal && diff_one_in(r, 24), unmask = diff_one_in(r, 24);
    unsigned count = address || illegal ? 1 : edge ? 4 : unmask ? 8 : g->system ? 2 : GEN_MAX_COUNT;
    q->first = (uint16_t)b->count;
    unsigned left = g->layout->cases - b->count;
    q->count = (uint16_t)(count < left ? count : left);
    for (unsigned k = 0; k < q->count; k++) {
        b->group_of[b->count] = (uint16_t)b->groups;
        make_case(g, r, b, q, b->count, edge, unmask);
        b->count++;
    }
    b->groups++;
}

static void fill_pools(struct Generator *g, struct DiffRng *r) {
    for (unsigned c = 0; c < CLASSES; c++)
        diff_fill(r, (enum DiffClass)c, g->pool[c], POOL);
    for (unsigned k = 0; k < POOL; k += 16)
        diff_float80(r, g->floats + k);
}

static void fill_memory(struct Generator *g, struct DiffRng *r, struct GenBatch *b) {
    for (unsigned at = 0; at < sizeof(b->data); at += GEN_WINDOW)
        memcpy(b->data + at, from_pool(g, r, diff_below(r, CLASSES), GEN_WINDOW), GEN_WINDOW);
    for (unsigned k = 0; k < GEN_EDGES; k++)
        memcpy(b->edge[k], from_pool(g, r, diff_below(r, CLASSES), sizeof(b->edge[k])), sizeof(b->edge[k]));
}

void gen_batch(struct Generator *g, uint64_t number, struct GenBatch *b) {
    struct DiffRng r;
    diff_rng_init(&r, g->seed, number);
    b->count = b->groups = b->edges = 0;
    b->layout = g->layout;
    b->mode = g->mode;
    fill_pools(g, &r);
    fill_memory(g, &r, b);
    /* rows in turn, from a place that moves on with every batch */
    for (uint64_t at = number * (g->layout->cases / GEN_MAX_COUNT); b->count < g->layout->cases; at++)
        make_group(g, &r, b, g->row[at % g->rows]);
}

static void load_group(const struct GenBatch *b, const struct GenGroup *q, struct DiffRunner *r, uint8_t *code) {
    const struct GenLayout *l = b->layout;
    for (unsigned n = 0; n < GEN_MAX_PADS; n++)
        r->ops->pad(r, code + (q->pad[n] - l->code), q->pad[n]);
    uint8_t *at = code + (q->code - l->code);
    for (unsigned n = 0; n < q->length; at += q->insn[n].len, n++)
        memcpy(at, q->insn[n].bytes, q->insn[n].len);
}

static void load_data(const struct GenBatch *b, const struct DiffSpace *s) {
    const struct GenLayout *l = b->layout;
    memcpy(diff_space_at(s, l->data), b->data, l->data_pages * 4096);
    for (unsigned k = 0; k < b->edges; k++) {
        uint8_t *p = diff_space_at(s, l->edge + k * GEN_EDGE_SIZE + 4096);
        memcpy(p, b->edge[k], k % GEN_EDGE_KINDS == EDGE_UNMAPPED ? 4096 : 8192);
    }
}

void gen_load(const struct GenBatch *b, struct DiffRunner *r) {
    const struct GenLayout *l = b->layout;
    uint8_t *code = diff_space_at(&r->space, l->code);
    memset(code, 0xcc, l->code_pages * 4096);
    for (unsigned k = 0; k < b->groups; k++)
        load_group(b, &b->group[k], r, code);
    load_data(b, &r->space);
    r->ops->code_changed(r);
}

void gen_load_alone(const struct GenBatch *b, struct DiffRunner *r, unsigned group) {
    const struct GenLayout *l = b->layout;
    uint8_t *code = diff_space_at(&r->space, l->code);
    uint64_t slot = b->group[group].slot - l->code;
    memset(code, 0xf4, l->code_pages * 4096); /* HLT */
    memset(code + slot, 0xcc, (slot + GEN_SLOT) % 4096 == 0 ? 2 * GEN_SLOT : GEN_SLOT);
    load_group(b, &b->group[group], r, code);
    load_data(b, &r->space);
    r->ops->code_changed(r);
}
