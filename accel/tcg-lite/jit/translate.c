/* SPDX-License-Identifier: MIT */
/* A block into host code: what its instructions are, what is needed of their flags, then one emitter after the other.
 */
#include "accel/tcg-lite/jit/emit_int.h"
#include "accel/tcg-lite/run/flow.h"
#include "accel/tcg-lite/run/loop.h"
#include "accel/tcg-lite/watch/watch.h"
#include "memory/bus.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum { HOT = 50 };            /* entries before a block is translated */
enum { RUN_MIN = 3 };         /* Jit.run_min */
enum { CODE_MAX = 96 << 10 }; /* of one block */
enum { INSN_BYTES = 15, FLUSH_ROOM = 256 };

/* ---- reading the block again ---- */

static bool copy_page(struct Tcg *t, uint64_t phys, uint8_t *to, unsigned n) {
    uint64_t offset, avail;
    struct Region *r = bus_find(t->cpu->bus, phys, &offset, &avail);
    if (r == NULL || r->host == NULL || r->kind == REGION_MMIO || avail < n)
        return false;
    memcpy(to, r->host + offset, n);
    return true;
}

static bool copy_bytes(struct Emit *e) {
    const struct Block *b = e->b;
    unsigned first = 4096 - (unsigned)(b->phys & 0xfff);
    if (b->phys_next == BLOCK_NO_PAGE)
        return copy_page(e->t, b->phys, e->bytes, b->bytes);
    return copy_page(e->t, b->phys, e->bytes, first) &&
           copy_page(e->t, b->phys_next, e->bytes + first, b->bytes - first);
}

static bool is_prefix(uint8_t b) {
    return b == 0x66 || b == 0x67 || b == 0xf0 || b == 0xf2 || b == 0xf3 || b == 0x2e || b == 0x36 || b == 0x3e ||
           b == 0x26 || b == 0x64 || b == 0x65;
}

/** Bytes of ModRM, SIB and displacement. */
static unsigned modrm_length(const uint8_t *p) {
    unsigned mod = p[0] >> 6, rm = p[0] & 7;
    if (mod == 3)
        return 1;
    unsigned n = rm == 4 ? 2 : 1;
    if (mod == 1)
        return n + 1;
    return mod == 2 || (mod == 0 && (rm == 5 || (rm == 4 && (p[1] & 7) == 5))) ? n + 4 : n;
}

/** C5 and C4: what of them stays as it is. REX.W is VEX.W. */
static const uint8_t *scan_vex(struct EmitInsn *x, const uint8_t *p) {
    static const uint8_t prefix[] = {0, 0x66, 0xf3, 0xf2};
    bool three = *p == 0xc4;
    unsigned last = p[three ? 2 : 1];
    x->map = three ? p[1] & 31 : OP_0F; /* as OP_0F, OP_0F38, OP_0F3A */
    x->rex = three && (last & 0x80) ? 8 : 0;
    x->osize = (last & 3) == 1;
    x->mandatory = (last & 3) > 1 ? prefix[last & 3] : 0;
    return p + (three ? 3 : 2);
}

/** What an encoder has to know of the encoding (64-bit code). */
static void scan(struct EmitInsn *x, const uint8_t *p, const uint8_t *end) {
    for (; is_prefix(*p); p++) {
        if (*p == 0xf2 || *p == 0xf3)
            x->mandatory = *p;
        else if (*p == 0x66)
            x->osize = true;
    }
    if ((*p & 0xf0) == 0x40)
        x->rex = *p++;
    x->vex = x86_forms[x->d.isa.row].attr & ATTR_VEX;
    x->map = OP_ONE;
    if (x->vex) {
        p = scan_vex(x, p);
    } else if (*p == 0x0f) {
        p++;
        x->map = *p == 0x38 ? OP_0F38 : *p == 0x3a ? OP_0F3A : OP_0F;
        p += x->map != OP_0F;
    }
    x->opcode = *p++;
    if (x86_forms[x->d.isa.row].attr & ATTR_MODRM) {
        x->modrm = *p;
        p += modrm_length(p);
    }
    x->imm = p;
    x->imm_len = (uint8_t)(end - p);
}

/** It is what the block has: a device may have written there since, which is told at the next edge. */
static bool is_same(const struct TcgDecoded *d, const struct Insn *i) {
    struct Insn now = d->insn;
    now.fn = i->fn;
    if (d->isa.jcc) {
        now.exit_link = i->exit_link;
        now.behind = i->behind;
    }
    return (i->fn == d->insn.fn || i->fn == d->fn_no_flags) && memcmp(&now, i, sizeof(now)) == 0;
}

static bool read_insns(struct Emit *e) {
    const struct Block *b = e->b;
    unsigned off = 0;
    for (unsigned k = 0; k < b->count; k++) {
        struct EmitInsn *x = &e->insn[k];
        memset(x, 0, sizeof(*x));
        x->i = &b->insn[k];
        unsigned have = b->bytes - off;
        if (tcg_decode(&e->t->cpu->model, b->mode, e->bytes + off, have < INSN_BYTES ? have : INSN_BYTES, &x->d) !=
                DECODE_OK ||
            !tcg_block_place(&x->d, off, k) || !is_same(&x->d, x->i))
            return false;
        scan(x, e->bytes + off, e->bytes + off + x->i->len);
        off += x->i->len;
    }
    e->n = b->count;
    return off == b->bytes;
}

/* ---- flags ---- */

/** It shows the flags to nobody: it can neither fault nor leave to an instruction that does. As in liveness.c. */
static bool is_harmless(const struct Emit *e, const struct EmitInsn *x) {
    if (x->emitter == emit_vec && !(e->b->mode & MODE_SIMD_CHECK))
        return true;
    const struct X86Row *row = &x86_rows[x->d.isa.row];
    bool plain = row->feature == CPUID_NONE || row->feature == CPUID_CMOV;
    bool own = x->emitter != NULL && x->emitter != emit_call_exec;
    return row->faults == 0 && (plain || own) && !emit_uses_stack(x->emitter) && !row->stores && row->address == 0;
}

static void find_needs(struct Emit *e) {
    uint8_t live = FB_ALL;
    for (unsigned k = e->n; k-- > 0;) {
        struct EmitInsn *x = &e->insn[k];
        const struct Decoded *d = &x->d.isa;
        x->need = live;
        live = (uint8_t)((live & ~d->flags_written) | d->flags_read);
        if (d->insn.mem || d->flow || d->jcc || !is_harmless(e, x))
            live = FB_ALL;
    }
}

/* ---- which instructions get host code ---- */

static void choose(struct Emit *e) {
    for (unsigned k = 0; k < e->n; k++) {
        e->insn[k].emitter = emit_find(&e->insn[k]);
        e->vec_wide |= (e->insn[k].emitter == emit_vec || e->insn[k].emitter == emit_zeroupper) && e->insn[k].vex;
    }
    for (unsigned k = 0, end; k < e->n; k = end + (end == k)) {
        unsigned own = 0;
        for (end = k; end < e->n && e->insn[end].emitter != NULL; end++)
            own += e->insn[end].emitter != emit_call_exec;
        if (own < (end < e->n ? e->jit->run_min : 1))
            for (unsigned n = k; n < end; n++)
                e->insn[n].emitter = NULL;
    }
}

/* ---- one instruction ---- */

static void enter_here(struct Emit *e) {
    struct JitEntry *entry = &e->entries->entry[e->k];
    entry->code = (uint32_t)(e->a.p - e->jit->code.write);
    e->insn[e->k].vec_have = e->vec_have;
    e->insn[e->k].in = e->pending;
    entry->host_flags = e->pending.kind == PENDING_ADX;
    uint8_t host = e->host;
    for (unsigned n = e->k; n < e->n && host != 0; n++) {
        const struct Decoded *d = &e->insn[n].d.isa;
        entry->host_flags |= (d->flags_read & host) != 0;
        host &= (uint8_t)~d->flags_written;
    }
}

static void leave_here(struct Emit *e) {
    emit_bail_always(e);
    e->vec_have = e->vec_dirty = 0;
    e->pending.kind = PENDING_NONE;
    e->host = 0;
    e->plain = false;
}

/** What an emitter may change before it finds that it can't. */
static void take_back(struct Emit *e, const struct EmitState *b, unsigned outs) {
    e->a.p = b->p;
    e->a.bad = false;
    e->pending = b->pending;
    e->outs = outs;
    e->host = b->host;
    e->plain = b->plain;
    e->vec_have = b->vec_have;
    e->vec_dirty = b->vec_dirty;
    memcpy(e->look, b->look, sizeof(e->look));
    e->entries->entry[e->k].code = 0;
}

static bool try_emit(struct Emit *e, struct EmitInsn *x, EmitFn emitter) {
    struct EmitState before = emit_state(e);
    unsigned outs = e->outs;
    e->failed |= e->a.bad;
    e->spoilt = false;
    e->written = 0;
    x->emitter = emitter;
    enter_here(e);
    if (!emitter(e, x) || e->a.bad) {
        take_back(e, &before, outs);
        return false;
    }
    if (e->spoilt)
        e->pending.kind = PENDING_NONE;
    look_after(e, x);
    return true;
}

static void emit_one(struct Emit *e) {
    struct EmitInsn *x = &e->insn[e->k];
    x->at = e->a.p;
    if (x->emitter != NULL && x->emitter != emit_call_exec && try_emit(e, x, x->emitter)) {
        e->jit->insns++;
        if (e->own.known && e->own.k == e->k)
            e->own.after = emit_state(e);
        return;
    }
    if (x->emitter != NULL && emit_may_call(x) && try_emit(e, x, emit_call_exec)) {
        e->jit->called++;
        return;
    }
    bool again = e->k > 0 && e->insn[e->k - 1].emitter == NULL; /* the interpreter is already there */
    x->emitter = NULL;
    e->jit->left++;
    if (!again)
        leave_here(e);
    look_after(e, x);
}

/* ---- code out of line ---- */

static void emit_outs(struct Emit *e) {
    for (unsigned k = 0; k < e->outs; k++) { /* emit_taken adds some */
        struct Out o = e->out[k];
        if (o.kind == OUT_BAIL && emit_bailed(e, &o))
            continue;
        asm_here(&e->a, o.jump);
        switch (o.kind) {
        case OUT_BAIL: emit_bail_here(e, &o); break;
        case OUT_MISS: emit_miss(e, &o); break;
        case OUT_LOOK: look_slow(e, &o); break;
        case OUT_TAKEN: emit_taken(e, &o); break;
        case OUT_LINK: emit_link_slow(e, &o); break;
        case OUT_FIND: emit_find_slow(e, &o); break;
        case OUT_EDGE:
            if (o.again) {
                vec_move_seldom(e, o.vec_dirty, true);
                vec_end(e);
                flags_flush_seldom(e, &o.pending);
            }
            asm_const_ptr(&e->a, TEMP, e->b);
            asm_store(&e->a, 64, AT_TCG(slow_block), TEMP);
            asm_lea(&e->a, TEMP, AT_TCG(edge));
            asm_jmp_to(&e->a, e->jit->leave);
            break;
        }
    }
}

/** It may leave to the interpreter, which then comes back behind it. */
static bool may_leave(const struct EmitInsn *x) {
    return x->emitter == NULL || x->d.isa.insn.mem || emit_uses_stack(x->emitter) || x86_rows[x->d.isa.row].faults != 0;
}

/** Ways in where code expects vector registers, or CF and OF, in the host's. */
static void emit_entries(struct Emit *e) {
    for (unsigned k = 0; k < e->n; k++) {
        struct JitEntry *entry = &e->entries->entry[k];
        uint16_t have = e->insn[k].vec_have;
        bool kept = flags_are_kept(&e->insn[k].in), split = e->insn[k].in.kind == PENDING_ADX;
        if (entry->code == 0 || (have == 0 && !kept && !split))
            continue;
        const uint8_t *there = e->jit->code.write + entry->code;
        entry->code = 0;
        if (k == 0 || !may_leave(&e->insn[k - 1]))
            continue;
        entry->code = (uint32_t)(e->a.p - e->jit->code.write);
        if (split) {
            flags_split_store(e, FB_C);
            flags_split_store(e, FB_O);
        }
        if (entry->host_flags)
            vec_move(e, have, false);
        else
            vec_move_seldom(e, have, false);
        if (kept)
            flags_rebuild(e, &e->insn[k].in);
        asm_jmp_to(&e->a, there);
    }
}

/* ---- the block ---- */

static void emit_often(struct Emit *e) {
    e->loop = e->a.p;
    emit_entry(e);
    for (e->k = 0; e->k < e->n; e->k++)
        emit_one(e);
    if (e->b->falls && e->insn[e->n - 1].emitter != NULL)
        emit_falls(e);
    e->often_end = e->a.p;
    if (e->own.known && !e->a.bad)
        emit_rounds(e);
}

/** What is out of line has a place of its own, so that what is executed lies close together. */
static void emit_seldom(struct Emit *e) {
    emit_outs(e);
    emit_entries(e);
    e->entries->stale = e->a.p;
    asm_const_ptr(&e->a, ADDR, e->b);
    asm_jmp_to(&e->a, e->jit->no_code - e->jit->code.run);
}

/* The sanitizer would look for a function's type in front of the generated code. */
__attribute__((no_sanitize("undefined"))) static EXEC_FN exec_jit(CPUX86State *env, const struct Insn *i,
                                                                  struct Tcg *t) {
#ifdef TCG_TAIL_CALLS
    if (t->jit_calls) { /* behind an instruction that host code has called */
        t->jit_calls = false;
        return;
    }
#endif
    const struct JitEntry *entry = &block_of(i)->jit->entry[i->idx];
    const struct Jit *j = t->jit;
    const void *code = j->code.write + j->code.run + entry->code;
    const struct Insn *next =
        entry->host_flags ? j->enter[1](t, env, code, jit_flags_image(t)) : j->enter[0](t, env, code, 0);
    uintptr_t way = (uintptr_t)next;
    if (way & LEAVE_BAIL) {
        next = (const struct Insn *)(way & ~(uintptr_t)LEAVE_BAIL);
        const struct JitEntry *bailed = &block_of(next)->jit->entry[next->idx];
        if (next->fn == exec_jit) /* else it has become stale */
            GO_ON_AT(entry_fn(bailed), next);
    }
    CONTINUE(next);
}

bool jit_may_go_on(const struct Insn *i) { return i->fn == exec_jit || i->fn == exec_behind; }

/** The interpreter may come back into host code behind each instruction that it executes. */
static void install(struct Emit *e) {
    struct Block *b = e->b;
    for (unsigned k = 0; k < e->n + b->falls; k++) {
        struct JitEntry *entry = &e->entries->entry[k];
        bool called = k > 0 && e->insn[k - 1].emitter == emit_call_exec, missed = k < e->n && e->jit->miss != NULL;
        if (entry->code == 0 && !called && !missed)
            continue;
        (void)entry_set_fn(entry, b->insn[k].fn); /* is_near has seen all of them */
        entry->row = k < e->n ? e->insn[k].d.isa.row : 0;
        b->insn[k].fn = entry->code != 0 ? exec_jit : exec_behind;
    }
    b->jit = e->entries;
    chain_install(e);
    if (e->entries->entry[0].code != 0)
        b->code = e->loop + e->jit->code.run;
}

/** Its exec functions can be said in struct JitEntry. */
static bool is_near(const struct Block *b) {
    struct JitEntry entry;
    bool near = true;
    for (unsigned k = 0; k < b->count + (unsigned)b->falls; k++)
        near &= entry_set_fn(&entry, b->insn[k].fn);
    return near;
}

static size_t entries_size(const struct Block *b) {
    return (sizeof(struct JitBlock) + (b->count + 1u) * sizeof(struct JitEntry) + 15) & ~(size_t)15;
}

static void translate(struct Tcg *t, struct Block *b, struct Emit *e) {
    struct Jit *j = t->jit;
    e->t = t;
    e->jit = j;
    e->b = b;
    if (!copy_bytes(e) || !read_insns(e))
        return;
    choose(e);
    find_needs(e);
    struct JitCode *c = &j->code;
    jit_code_ahead(c);
    uint8_t *seldom = c->write + c->half + c->seldom;
    e->entries = (struct JitBlock *)seldom;
    memset(e->entries, 0, entries_size(b));
    e->a = (struct Asm){.p = c->write + c->used, .end = c->write + c->half};
    emit_often(e);
    size_t often = (size_t)(e->a.p - c->write);
    e->a.p = seldom + entries_size(b);
    e->a.end = c->write + c->size;
    emit_seldom(e);
    if (e->failed || e->a.bad || !is_near(b))
        return;
    j->blocks++;
    j->bytes += often - c->used + (size_t)(e->a.p - seldom);
    c->used = (often + 15) & ~(size_t)15;
    c->seldom = ((size_t)(e->a.p - c->write) - c->half + 15) & ~(size_t)15;
    install(e);
    if (t->cpu->trace != NULL && t->cpu->trace->translated != NULL)
        jit_show(e, c->write + often, seldom + entries_size(b));
}

/* Code is dropped all at once, with the blocks, where nothing runs: at the next edge. */
static bool has_room(struct Tcg *t) {
    struct Jit *j = t->jit;
    if (j->code.half - j->code.used >= CODE_MAX && j->code.half - j->code.seldom >= CODE_MAX)
        return true;
    if (!j->is_full) {
        j->is_full = true;
        j->full++;
        cpu_post(t->cpu, CPU_EVENT_CODE);
    }
    return false;
}

static int64_t now_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static EXEC_FN exec_count(CPUX86State *env, const struct Insn *i, struct Tcg *t) {
    struct Block *b = block_of(i);
    if (++b->heat >= t->jit->hot && has_room(t)) {
        tcg_block_mend(t);
        b->insn[0].fn = b->first;
        memset(t->jit->emit, 0, offsetof(struct Emit, insn));
        int64_t begun = now_ns();
        translate(t, b, t->jit->emit);
        t->jit->ns += (uint64_t)(now_ns() - begun);
        GO_ON(b->insn[0].fn);
    }
    GO_ON(b->first);
}

/* ---- life-cycle ---- */

void jit_begin_block(struct Tcg *t, struct Block *b) {
    const uint32_t wanted = MODE_CODE | MODE_FLAT | MODE_STEP, have = MODE_CODE64 | MODE_FLAT;
    b->heat = 0;
    b->jit = NULL;
    b->code = t->jit != NULL ? t->jit->no_code : NULL;
    if (t->jit == NULL || (b->mode & wanted) != have || tcg_watch_executes(t) || !b->cached)
        return;
    b->first = b->insn[0].fn;
    b->insn[0].fn = exec_count;
}

void jit_forget_block(const struct Jit *j, struct Block *b) {
    if (j == NULL)
        return;
    if (b->jit != NULL && b->code != j->no_code)
        chain_cut(j, b);
    b->code = j->no_code;
}

void jit_flush(struct Jit *j) {
    if (j == NULL)
        return;
    j->code.used = j->fixed;
    j->code.seldom = 0;
    j->is_full = false;
}

struct Jit *jit_new(size_t bytes, bool eager, bool misses) {
    struct Jit *j = calloc(1, sizeof(*j));
    if (j == NULL)
        return NULL;
    j->miss = misses ? calloc(x86_row_count, sizeof(*j->miss)) : NULL;
    j->hot = eager ? 1 : HOT;
    j->run_min = eager ? 1 : RUN_MIN;
    j->emit = malloc(sizeof(*j->emit));
    int r = j->emit == NULL || (misses && j->miss == NULL) ? -ENOMEM : jit_code_open(&j->code, bytes);
    if (r != 0) {
        jit_free(j);
        errno = -r;
        return NULL;
    }
    struct Asm a = {.p = j->code.write, .end = j->code.write + bytes};
    world_make(j, &a);
    j->code.used = j->fixed = ((size_t)(a.p - j->code.write) + 63) & ~(size_t)63;
    return j;
}

void jit_free(struct Jit *j) {
    if (j == NULL)
        return;
    jit_code_close(&j->code);
    free(j->miss);
    free(j->emit);
    free(j);
}
