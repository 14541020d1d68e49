/* SPDX-License-Identifier: MIT */
/*
 * Accesses of one block that lie near each other at the same base register, as pushes, locals and a structure's fields
 * do, look into the TLB once: for all bytes from the first to the last. If these are in one page that may be accessed,
 * the frame has the host's address of the first, and the others use it. Otherwise, or if the block was entered in its
 * midst, the frame has 0, and each looks for its own bytes, out of line.
 */
#include "accel/tcg-lite/jit/emit_int.h"
#include "accel/tcg-lite/run/mem.h"

enum { FAR = 1 << 30 }; /* displacements from there on are left alone, lest sums of them overflow */
enum { SPAN = 512 };    /* bytes: the larger, the more often they lie in two pages */

static struct HostRm slot(const struct Emit *e, const struct Look *l) {
    return rm_mem(FRAME, (int32_t)(offsetof(struct Frame, look) + 8 * (size_t)(l - e->look)));
}

/* ---- what the instructions ahead do ---- */

/** It adds a constant to `base`, if it does nothing else with it. */
static bool moves_by(const struct EmitInsn *x, unsigned base, int32_t *by) {
    const struct Insn *i = x->i;
    if (base == REG_SP * 8 && x->emitter == emit_push)
        *by = -8;
    else if (base == REG_SP * 8 && x->emitter == emit_pop && i->rm != REG_SP * 8)
        *by = 8;
    else if (x->emitter == emit_alu_imm && i->rm == base && !i->mem && i->osize == 3 && (x->modrm >> 3 & 7) == ALU_ADD)
        *by = (int32_t)i->imm;
    else if (x->emitter == emit_alu_imm && i->rm == base && !i->mem && i->osize == 3 && (x->modrm >> 3 & 7) == ALU_SUB)
        *by = (int32_t)-i->imm;
    else
        return false;
    return *by > -SPAN && *by < SPAN;
}

/** Perhaps it writes `base`: what is guessed wrong makes a look cover too much, or too little. */
static bool may_write(const struct EmitInsn *x, unsigned base) {
    const struct X86Form *f = &x86_forms[x->d.isa.row];
    return (!x->i->mem && f->rm_kind == KIND_GPR && x->i->rm / 8 == base / 8) ||
           (f->reg_kind == KIND_GPR && x->i->reg / 8 == base / 8 && x->emitter != emit_mov_store) ||
           (x86_rows[x->d.isa.row].writes >> (base / 8) & 1);
}

static unsigned likely_size(const struct EmitInsn *x) { return x->emitter == emit_vec ? x->i->vl ? 32 : 16 : 8; }

/** Widen [lo, hi) by `size` bytes at `at`, if it stays small. */
static bool widen(int32_t *lo, int32_t *hi, int64_t at, unsigned size) {
    int64_t l = at < *lo ? at : *lo, h = at + size > *hi ? at + size : *hi;
    if (h - l > SPAN || l != (int32_t)l || h != (int32_t)h)
        return false;
    *lo = (int32_t)l;
    *hi = (int32_t)h;
    return true;
}

/** Its operand in memory is written; what is not listed is said to be read only, which costs a look more. */
static bool writes_memory(const struct EmitInsn *x) {
    static const EmitFn writers[] = {emit_mov_store, emit_mov_imm, emit_inc_dec, emit_not,
                                     emit_neg,       emit_shift,   emit_setcc};
    if (x->emitter == emit_alu)
        return (x->opcode & 7) < 2 && (x->opcode >> 3 & 7) != ALU_CMP;
    if (x->emitter == emit_alu_imm)
        return (x->modrm >> 3 & 7) != ALU_CMP;
    for (unsigned k = 0; k < sizeof(writers) / sizeof(writers[0]); k++)
        if (x->emitter == writers[k])
            return true;
    return false;
}

/** How many later accesses at `base` are near these bytes, which become all of theirs. One look does for reading and
 *  for writing, if writing comes for certain. */
static unsigned accesses_ahead(const struct Emit *e, unsigned base, int32_t *lo, int32_t *hi, bool *write) {
    int64_t moved = 0;
    unsigned found = 0;
    bool certain = true;
    for (unsigned k = e->k; k < e->n; k++) {
        const struct EmitInsn *x = &e->insn[k];
        const struct Insn *i = x->i;
        int32_t by = 0;
        if (x->emitter == NULL || x->emitter == emit_call_exec)
            break;
        bool moves = moves_by(x, base, &by);
        certain &= !x->d.isa.jcc;
        if (k > e->k && i->mem && i->base == base && i->index == INSN_REG_NONE) {
            bool near = widen(lo, hi, moved + i->disp, likely_size(x));
            found += near;
            *write |= near && certain && writes_memory(x);
        }
        if (k > e->k && base == REG_SP * 8 && (x->emitter == emit_push || x->emitter == emit_pop))
            found += widen(lo, hi, moved + (x->emitter == emit_push ? -8 : 0), 8);
        if (!moves && may_write(x, base))
            break;
        moved += by;
    }
    return found;
}

/* ---- the look ---- */

static void note(struct Out *o, const struct Look *l, int32_t disp, unsigned size, bool write) {
    o->base = l->base;
    o->delta = disp;
    o->beyond = disp - l->lo;
    o->size = (uint8_t)size;
    o->write = write;
    o->look = NO_LOOK;
}

/** ADDR: what l's slot has. */
static void use(struct Emit *e, const struct Look *l, int32_t disp, unsigned size, bool write) {
    struct Asm *a = &e->a;
    asm_load(a, 64, ADDR, slot(e, l));
    asm_op(a, (struct HostOp){.opcode = 0x85, .wide = true}, ADDR, rm_reg(ADDR));
    struct Out *o = emit_out(e, asm_jcc(a, COND_E), OUT_LOOK);
    note(o, l, disp, size, write);
    o->back = a->p;
}

/** Look for all that l covers. */
static void begin(struct Emit *e, const struct Look *l, int32_t disp, unsigned size, bool write) {
    struct Asm *a = &e->a;
    asm_lea(a, ADDR, rm_mem(guest_read(e, l->base, ADDR), l->lo));
    struct Out *o = emit_lookup_or(e, (unsigned)(l->hi - l->lo), l->write, OUT_LOOK);
    note(o, l, disp, size, write);
    o->look = (uint8_t)(l - e->look);
    asm_store(a, 64, slot(e, l), ADDR);
    o->back = a->p;
}

static struct Look *find(struct Emit *e, unsigned base) {
    for (unsigned k = 0; k < LOOKS; k++)
        if (e->look[k].known && e->look[k].base == base)
            return &e->look[k];
    return NULL;
}

bool look_shared(struct Emit *e, unsigned base, int32_t disp, unsigned size, bool write, struct HostRm *rm) {
    e->a.bad |= lookup_index(size) == LOOKUP_SIZES;
    struct Look *l = find(e, base);
    if (l != NULL && disp >= l->lo && disp + (int64_t)size <= l->hi && (l->write || !write)) {
        use(e, l, disp, size, write);
        *rm = rm_mem(ADDR, disp - l->lo);
        e->host = 0;
        return true;
    }
    struct Look wanted = {.known = true, .write = write, .base = (uint8_t)base, .lo = disp};
    wanted.hi = (int32_t)(disp + size);
    if (disp > FAR || disp < -FAR || accesses_ahead(e, base, &wanted.lo, &wanted.hi, &wanted.write) == 0)
        return false;
    if (l == NULL)
        l = &e->look[e->next_look++ % LOOKS];
    *l = wanted;
    begin(e, l, disp, size, write);
    *rm = rm_mem(ADDR, disp - l->lo);
    e->host = 0;
    return true;
}

void look_slow(struct Emit *e, const struct Out *o) {
    struct Asm *a = &e->a;
    if (o->look != NO_LOOK)
        asm_store_imm(a, 64, slot(e, &e->look[o->look]), 0);
    asm_lea(a, ADDR, rm_mem(guest_read(e, o->base, ADDR), (int32_t)o->delta));
    asm_call_to(a, e->jit->lookup[o->write][lookup_index(o->size)]);
    if (o->beyond == 0) {
        asm_jmp_to(a, o->back);
        emit_bail_here(e, o);
        return;
    }
    uint8_t *found = asm_jmp(a);
    emit_bail_here(e, o);
    asm_here(a, found);
    asm_lea(a, ADDR, rm_mem(ADDR, -o->beyond));
    asm_jmp_to(a, o->back);
}

void look_after(struct Emit *e, const struct EmitInsn *x) {
    for (unsigned k = 0; k < LOOKS; k++) {
        struct Look *l = &e->look[k];
        int32_t by;
        if (x->emitter == NULL || x->emitter == emit_call_exec) { /* the TLB may have changed */
            l->known = false;
        } else if (l->known && (e->written >> (l->base / 8) & 1)) {
            l->known = moves_by(x, l->base, &by);
            if (l->known) {
                l->lo -= by;
                l->hi -= by;
            }
        }
    }
    e->written = 0;
}
