/* SPDX-License-Identifier: MIT */
/* Descriptors, segment registers and the stacks of privilege levels (SDM vol. 3, chapters 3 and 5). See sys.h. */
#include "accel/tcg-lite/sys/sys.h"

/* ---- descriptors ---- */

/* Where `size` bytes of a selector's descriptor stand; false when they reach beyond the table. */
static bool locate(const struct Tcg *t, uint16_t selector, unsigned size, uint64_t *linear) {
    const CPUX86State *env = t->env;
    uint64_t base = env->gdt.base;
    uint32_t limit = env->gdt.limit;
    if (selector & 4) {
        if (env->ldt.ar & AR_UNUSABLE)
            return false;
        base = env->ldt.base;
        limit = env->ldt.limit;
    }
    if ((uint32_t)(selector & ~7) + size - 1 > limit)
        return false;
    *linear = base + (selector & ~7);
    return true;
}

bool desc_fetch(struct Tcg *t, uint16_t selector, struct Desc *d) {
    if (!locate(t, selector, 8, &d->linear))
        return false;
    d->lo = mem_load_sys(t, d->linear, 8);
    d->hi = 0;
    return true;
}

bool desc_fetch_system(struct Tcg *t, uint16_t selector, struct Desc *d) {
    if (!desc_fetch(t, selector, d))
        return false;
    if (!x86_long_mode(t->env))
        return true;
    if (!locate(t, selector, 16, &d->linear))
        return false;
    d->hi = mem_load_sys(t, d->linear + 8, 8);
    return true;
}

void desc_require(struct Tcg *t, uint16_t selector, struct Desc *d, enum X86Vector vector, uint32_t ext) {
    if (!desc_fetch(t, selector, d))
        selector_fault(t, vector, selector, ext);
}

/* Other processors change other bits of the same byte, so these are locked accesses (SDM vol. 3, 9.1.2.1). */

void desc_mark_accessed(struct Tcg *t, struct Desc *d) {
    if (d->lo & 1ull << 40)
        return;
    d->lo |= 1ull << 40;
    mem_change_byte_sys(t, d->linear + 5, 1, 1);
}

bool desc_set_busy(struct Tcg *t, struct Desc *d, bool busy) {
    uint64_t bit = (uint64_t)DESC_TSS_BUSY_BIT << 40;
    d->lo = busy ? d->lo | bit : d->lo & ~bit;
    uint8_t before = mem_change_byte_sys(t, d->linear + 5, DESC_TSS_BUSY_BIT, busy ? DESC_TSS_BUSY_BIT : 0);
    return (before & DESC_TSS_BUSY_BIT) == 0;
}

struct X86Segment desc_segment(uint16_t selector, const struct Desc *d) {
    return (struct X86Segment){
        .selector = selector,
        .ar = desc_ar(d->lo),
        .limit = desc_limit(d->lo),
        .base = desc_base(d->lo),
    };
}

/* ---- data and stack segments ---- */

void segment_set_null(struct X86Segment *s, uint16_t selector) {
    s->selector = selector;
    s->base = 0;
    s->ar = AR_UNUSABLE;
}

void segment_set_real(struct X86Segment *s, uint16_t selector, bool v8086) {
    s->selector = selector;
    s->base = (uint64_t)selector << 4;
    if (v8086) {
        s->limit = 0xffff;
        s->ar = AR_P | AR_DPL | AR_S | AR_WRITABLE | AR_ACCESSED;
    } else { /* limit, size and granularity stay as protected mode left them */
        s->ar = (s->ar & (AR_DB | AR_G | AR_AVL)) | AR_P | AR_S | AR_WRITABLE | AR_ACCESSED;
    }
}

struct X86Segment stack_segment_null(unsigned cpl) {
    return (struct X86Segment){.selector = (uint16_t)cpl, .ar = AR_UNUSABLE | cpl << AR_DPL_SHIFT, .limit = 0xffffffff};
}

void stack_segment_check(struct Tcg *t, uint16_t selector, unsigned cpl, enum X86Vector vector, uint32_t ext,
                         struct X86Segment *s) {
    struct Desc d;
    if (selector_null(selector))
        tcg_fault_error(t, vector, ext);
    desc_require(t, selector, &d, vector, ext);
    if ((selector & 3u) != cpl || desc_dpl(d.lo) != cpl || !desc_is_writable_data(d.lo))
        selector_fault(t, vector, selector, ext);
    if (!desc_present(d.lo))
        selector_fault(t, VEC_SS, selector, ext);
    desc_mark_accessed(t, &d);
    *s = desc_segment(selector, &d);
}

static void load_stack_segment(struct Tcg *t, uint16_t selector) {
    CPUX86State *env = t->env;
    unsigned cpl = x86_cpl(env);
    if (!selector_null(selector)) {
        struct X86Segment s;
        stack_segment_check(t, selector, cpl, VEC_GP, 0, &s);
        env->seg[SEG_SS] = s;
        return;
    }
    if (!x86_code64(env) || cpl == 3 || (selector & 3u) != cpl)
        tcg_fault_error(t, VEC_GP, 0);
    env->seg[SEG_SS] = stack_segment_null(cpl);
}

static void load_data_segment(struct Tcg *t, unsigned seg, uint16_t selector) {
    CPUX86State *env = t->env;
    struct Desc d;
    if (selector_null(selector)) {
        segment_set_null(&env->seg[seg], selector);
        return;
    }
    desc_require(t, selector, &d, VEC_GP, 0);
    bool code = desc_is_code(d.lo);
    if (!desc_s(d.lo) || (code && !(desc_type(d.lo) & AR_READABLE)))
        selector_fault(t, VEC_GP, selector, 0);
    unsigned dpl = desc_dpl(d.lo);
    if (!(code && desc_is_conforming(d.lo)) && ((selector & 3u) > dpl || x86_cpl(env) > dpl))
        selector_fault(t, VEC_GP, selector, 0);
    if (!desc_present(d.lo))
        selector_fault(t, VEC_NP, selector, 0);
    desc_mark_accessed(t, &d);
    env->seg[seg] = desc_segment(selector, &d);
}

void segment_load(struct Tcg *t, unsigned seg, uint16_t selector) {
    CPUX86State *env = t->env;
    if (!x86_protected(env) || x86_v8086(env))
        segment_set_real(&env->seg[seg], selector, x86_v8086(env));
    else if (seg == SEG_SS)
        load_stack_segment(t, selector);
    else
        load_data_segment(t, seg, selector);
}

void segments_drop_privileged(struct Tcg *t, unsigned cpl) {
    static const uint8_t data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    for (unsigned k = 0; k < sizeof(data); k++) {
        struct X86Segment *s = &t->env->seg[data[k]];
        bool conforming = (s->ar & (AR_CODE | AR_CONFORMING)) == (AR_CODE | AR_CONFORMING);
        if ((s->ar & AR_UNUSABLE) || conforming || ((s->ar & AR_DPL) >> AR_DPL_SHIFT) >= cpl)
            continue;
        s->selector = 0; /* and what is hidden stays: in 64-bit code the bases of FS and GS count (SDM vol. 2, IRET) */
        s->ar = AR_UNUSABLE;
    }
}

/* ---- code segments ---- */

void code_segment_check(struct Tcg *t, uint16_t selector, const struct Desc *d, bool privilege_ok, uint32_t ext) {
    uint32_t ar = desc_ar(d->lo);
    bool both = x86_long_mode(t->env) && (ar & (AR_L | AR_DB)) == (AR_L | AR_DB);
    if (!desc_is_code(d->lo) || both || !privilege_ok)
        selector_fault(t, VEC_GP, selector, ext);
    if (!desc_present(d->lo))
        selector_fault(t, VEC_NP, selector, ext);
}

void code_offset_check(struct Tcg *t, const struct Desc *d, uint64_t rip, uint32_t ext) {
    bool ok = desc_code64(t, d) ? x86_canonical(t->env, rip) : (uint32_t)rip <= desc_limit(d->lo);
    if (!ok)
        tcg_fault_error(t, VEC_GP, ext);
}

void code_segment_load(struct Tcg *t, uint16_t selector, struct Desc *d, unsigned cpl) {
    desc_mark_accessed(t, d);
    t->env->seg[SEG_CS] = desc_segment((uint16_t)((selector & ~3) | cpl), d);
}

/* ---- stacks ---- */

void push_stack_current(const struct Tcg *t, struct PushStack *p, uint32_t ext) {
    const CPUX86State *env = t->env;
    p->ss = env->seg[SEG_SS];
    p->sp = env->gpr[REG_SP];
    p->flat64 = x86_code64(env);
    p->user = x86_cpl(env) == 3;
    p->aligned = false;
    p->error = ext;
}

void push_stack_from_tss(struct Tcg *t, struct PushStack *p, unsigned cpl, uint32_t ext) {
    const struct X86Segment *tr = &t->env->tr;
    bool wide = x86_long_mode(t->env), half = !(tr->ar & 8);
    unsigned at = half ? 2 + 4 * cpl : 4 + 8 * cpl, last = at + (wide ? 7 : half ? 3 : 5);
    if (last > tr->limit)
        selector_fault(t, VEC_TS, tr->selector, ext);
    p->flat64 = wide;
    p->user = cpl == 3;
    p->aligned = false;
    p->sp = mem_load_sys(t, tr->base + at, wide ? 8 : half ? 2 : 4);
    if (wide) {
        p->ss = stack_segment_null(cpl);
        p->error = ext;
        return;
    }
    uint16_t selector = (uint16_t)mem_load_sys(t, tr->base + at + (half ? 2 : 4), 2);
    stack_segment_check(t, selector, cpl, VEC_TS, ext, &p->ss);
    p->error = (selector & 0xfffcu) | ext;
}

static uint64_t stack_mask(const struct PushStack *p) {
    return p->flat64 ? UINT64_MAX : p->ss.ar & AR_DB ? UINT32_MAX : UINT16_MAX;
}

void push_value(struct Tcg *t, struct PushStack *p, unsigned size, uint64_t value) {
    uint64_t sp = p->sp - size, at = sp & stack_mask(p);
    bool ok = p->flat64 ? x86_canonical(t->env, at) && x86_canonical(t->env, at + size - 1)
                        : segment_holds(&p->ss, (uint32_t)at, size);
    if (!ok)
        tcg_fault_error(t, VEC_SS, p->error);
    uint64_t linear = p->flat64 ? at : (uint32_t)(p->ss.base + at);
    if (p->aligned)
        mem_store_slow(t, t->insn, linear, size, value);
    else
        mem_store_as(t, p->user, linear, size, value);
    p->sp = sp;
}

uint64_t push_stack_sp(const struct Tcg *t, const struct PushStack *p) {
    uint64_t mask = stack_mask(p);
    if (mask == UINT32_MAX)
        return (uint32_t)p->sp;
    return (t->env->gpr[REG_SP] & ~mask) | (p->sp & mask);
}

static uint64_t current_mask(const struct Tcg *t) {
    if (x86_code64(t->env))
        return UINT64_MAX;
    return t->env->seg[SEG_SS].ar & AR_DB ? UINT32_MAX : UINT16_MAX;
}

uint64_t stack_peek(struct Tcg *t, unsigned offset, unsigned size) {
    uint64_t at = (t->env->gpr[REG_SP] + offset) & current_mask(t);
    return mem_load(t, t->insn, mem_linear(t, t->insn, SEG_SS, at, size, ACCESS_READ), size);
}

uint64_t stack_moved(const struct Tcg *t, uint64_t n) {
    uint64_t sp = t->env->gpr[REG_SP], mask = current_mask(t);
    if (mask == UINT32_MAX)
        return (uint32_t)(sp + n);
    return (sp & ~mask) | ((sp + n) & mask);
}

/* ---- operands ---- */

uint64_t operand_read(struct Tcg *t, const struct Insn *i, unsigned bits) {
    if (!i->mem)
        return gpr_read(t->env, i->rm, bits);
    return mem_load(t, i, ea_linear(t->env, i, t, EA_FULL, bits / 8, ACCESS_READ), bits / 8);
}

void operand_write_word(struct Tcg *t, const struct Insn *i, uint64_t value) {
    if (i->mem)
        mem_store(t, i, ea_linear(t->env, i, t, EA_FULL, 2, ACCESS_WRITE), 2, value);
    else
        gpr_write(t->env, i->rm, insn_bits(i), value);
}
