/* SPDX-License-Identifier: MIT */
/* Far JMP, CALL and RET in every mode (SDM vol. 2, JMP, CALL, RET; vol. 3, 5.8 and 8.3). */
#include "accel/tcg-lite/exec/helpers.h"
#include "accel/tcg-lite/run/area.h"
#include "accel/tcg-lite/run/flow.h"
#include "accel/tcg-lite/run/mode.h"
#include "accel/tcg-lite/sys/sys.h"

/** A far branch on its way. */
struct Far {
    const struct Insn *i;
    uint16_t selector;
    uint64_t offset;
    bool call;
    unsigned size;     /* of what CALL pushes: 2, 4 or 8 */
    uint64_t next_rip; /* what CALL pushes */
};

static void push_return(struct Tcg *t, struct PushStack *p, const struct Far *f, unsigned size) {
    push_value(t, p, size, t->env->seg[SEG_CS].selector);
    push_value(t, p, size, f->next_rip);
}

/* Real-address and v8086 mode: no descriptors. */
static void far_real(struct Tcg *t, const struct Far *f) {
    CPUX86State *env = t->env;
    bool vm = x86_v8086(env);
    if (f->offset > env->seg[SEG_CS].limit)
        tcg_fault_error(t, VEC_GP, 0);
    if (f->call) {
        struct PushStack p;
        push_stack_current(t, &p, 0);
        p.aligned = true;
        push_return(t, &p, f, f->size);
        env->gpr[REG_SP] = push_stack_sp(t, &p);
    }
    segment_set_real(&env->seg[SEG_CS], f->selector, vm);
    if (!vm)
        env->seg[SEG_CS].ar |= AR_CODE;
    env->rip = f->offset;
}

/* To a code segment whose descriptor has passed its checks, at the same privilege. */
static void far_same_level(struct Tcg *t, const struct Far *f, uint16_t selector, struct Desc *d, uint64_t offset,
                           unsigned size) {
    CPUX86State *env = t->env;
    if (!desc_code64(t, d))
        offset = (uint32_t)offset;
    /* the return address is in memory already when the target faults */
    bool late = f->call && tcg_as_intel(t, RULE_CALL_PUSHES_FIRST);
    if (!late)
        code_offset_check(t, d, offset, 0);
    desc_mark_accessed(t, d);
    if (f->call) {
        struct PushStack p;
        push_stack_current(t, &p, 0);
        p.aligned = true;
        /* from compatibility mode to 64-bit code, through a gate, on Intel's also without: its stack already */
        if (size == 8 || (late && desc_code64(t, d)))
            p.flat64 = true;
        push_return(t, &p, f, size);
        if (late)
            code_offset_check(t, d, offset, 0);
        env->gpr[REG_SP] = push_stack_sp(t, &p);
    }
    code_segment_load(t, selector, d, x86_cpl(env));
    env->rip = offset;
}

static void far_code(struct Tcg *t, const struct Far *f, struct Desc *d) {
    unsigned cpl = x86_cpl(t->env), rpl = f->selector & 3, dpl = desc_dpl(d->lo);
    bool ok = desc_is_conforming(d->lo) ? dpl <= cpl : rpl <= cpl && dpl == cpl;
    code_segment_check(t, f->selector, d, ok, 0);
    uint64_t offset = f->size == 2 ? f->offset & 0xffff : f->offset;
    far_same_level(t, f, f->selector, d, offset, f->size);
}

/* A call gate's parameters, from the caller's stack; all read before the first is pushed. */
static void push_parameters(struct Tcg *t, struct PushStack *p, unsigned count, unsigned size) {
    uint32_t words[31];
    for (unsigned k = 0; k < count; k++)
        words[k] = (uint32_t)stack_peek(t, k * size, size);
    while (count > 0)
        push_value(t, p, size, words[--count]);
}

static void call_inner(struct Tcg *t, const struct Far *f, uint64_t gate, uint16_t selector, struct Desc *d,
                       uint64_t offset, unsigned size) {
    CPUX86State *env = t->env;
    unsigned cpl = desc_dpl(d->lo);
    struct PushStack p;
    push_stack_from_tss(t, &p, cpl, 0);
    code_offset_check(t, d, offset, 0);
    desc_mark_accessed(t, d);
    push_value(t, &p, size, env->seg[SEG_SS].selector);
    push_value(t, &p, size, env->gpr[REG_SP]);
    if (size != 8)
        push_parameters(t, &p, (gate >> 32) & 31, size);
    push_return(t, &p, f, size);

    env->gpr[REG_SP] = push_stack_sp(t, &p);
    env->seg[SEG_SS] = p.ss;
    code_segment_load(t, selector, d, cpl);
    env->rip = offset;
}

static void far_call_gate(struct Tcg *t, const struct Far *f, const struct Desc *gate) {
    bool wide = x86_long_mode(t->env);
    unsigned cpl = x86_cpl(t->env), size = wide ? 8 : desc_type(gate->lo) & 8 ? 4 : 2;
    uint16_t selector = gate_selector(gate->lo);
    struct Desc d;

    if (wide && ((gate->hi >> 40) & 31) != 0)
        selector_fault(t, VEC_GP, f->selector, 0);
    if (selector_null(selector))
        tcg_fault_error(t, VEC_GP, 0);
    desc_require(t, selector, &d, VEC_GP, 0);
    unsigned dpl = desc_dpl(d.lo);
    bool conforming = desc_is_conforming(d.lo), code64 = (desc_ar(d.lo) & (AR_L | AR_DB)) == AR_L;
    bool ok = f->call || conforming ? dpl <= cpl : dpl == cpl;
    code_segment_check(t, selector, &d, ok && (!wide || code64), 0);
    uint64_t offset = gate_offset(gate->lo) | (wide ? gate->hi << 32 : 0);
    if (size == 2)
        offset &= 0xffff;
    if (f->call && !conforming && dpl < cpl)
        call_inner(t, f, gate->lo, selector, &d, offset, size);
    else
        far_same_level(t, f, selector, &d, offset, size);
}

static void far_system(struct Tcg *t, const struct Far *f) {
    struct Desc d;
    if (!desc_fetch_system(t, f->selector, &d))
        selector_fault(t, VEC_GP, f->selector, 0);
    unsigned type = desc_type(d.lo), dpl = desc_dpl(d.lo);
    const unsigned legacy = 1 << DESC_TSS16 | 1 << DESC_TSS | 1 << DESC_CALL16 | 1 << DESC_CALL | 1 << DESC_TASK_GATE;
    unsigned allowed = x86_long_mode(t->env) ? 1 << DESC_CALL : legacy;
    if (!((allowed >> type) & 1) || dpl < x86_cpl(t->env) || dpl < (f->selector & 3u))
        selector_fault(t, VEC_GP, f->selector, 0);
    if (!desc_present(d.lo))
        selector_fault(t, VEC_NP, f->selector, 0);
    struct TaskSource from = {.how = f->call ? TASK_CALL : TASK_JMP, .rip = f->next_rip, .flags = tcg_rflags(t)};
    switch (type) {
    case DESC_CALL16:
    case DESC_CALL: far_call_gate(t, f, &d); break;
    case DESC_TASK_GATE: task_switch_gate(t, &from, d.lo); break;
    default: task_switch(t, &from, f->selector, &d); break;
    }
}

static void far_branch(struct Tcg *t, const struct Insn *i, uint16_t selector, uint64_t offset, bool call) {
    struct Far f = {i, selector, offset, call, 1u << i->osize, tcg_next_rip(t, i)};
    struct Desc d;
    if (!x86_protected(t->env) || x86_v8086(t->env)) {
        far_real(t, &f);
    } else {
        if (selector_null(selector))
            tcg_fault_error(t, VEC_GP, 0);
        desc_require(t, selector, &d, VEC_GP, 0);
        if (desc_s(d.lo))
            far_code(t, &f, &d);
        else
            far_system(t, &f);
    }
    tcg_update_mode(t);
}

/* m16:16, m16:32, m16:64 */
static void far_indirect(struct Tcg *t, const struct Insn *i, bool call) {
    /* a fault of the offset comes before the selector's address is looked at (measured on Zen in 64-bit code) */
    unsigned size = far_offset_size(t, i);
    uint64_t offset = mem_load(t, i, mem_part(t, i, 0, size, ACCESS_READ), size);
    uint16_t selector = (uint16_t)mem_load(t, i, mem_part(t, i, size, 2, ACCESS_READ), 2);
    far_branch(t, i, selector, offset, call);
}

void helper_jmp_far_imm(struct Tcg *t, const struct Insn *i) {
    far_branch(t, i, (uint16_t)(i->uimm >> 32), (uint32_t)i->uimm, false);
}
void helper_call_far_imm(struct Tcg *t, const struct Insn *i) {
    far_branch(t, i, (uint16_t)(i->uimm >> 32), (uint32_t)i->uimm, true);
}
void helper_jmp_far_mem(struct Tcg *t, const struct Insn *i) { far_indirect(t, i, false); }
void helper_call_far_mem(struct Tcg *t, const struct Insn *i) { far_indirect(t, i, true); }

/* ---- RETF ---- */

static void ret_real(struct Tcg *t, unsigned size, uint16_t extra) {
    CPUX86State *env = t->env;
    bool vm = x86_v8086(env);
    uint16_t selector = (uint16_t)stack_peek(t, size, size); /* first, see ret_protected */
    uint64_t rip = stack_peek(t, 0, size);
    if (rip > env->seg[SEG_CS].limit)
        tcg_fault_error(t, VEC_GP, 0);
    env->gpr[REG_SP] = stack_moved(t, 2 * size + extra);
    segment_set_real(&env->seg[SEG_CS], selector, vm);
    if (!vm)
        env->seg[SEG_CS].ar |= AR_CODE;
    env->rip = rip;
}

void return_code_check(struct Tcg *t, uint16_t selector, struct Desc *d) {
    unsigned rpl = selector & 3;
    if (selector_null(selector))
        tcg_fault_error(t, VEC_GP, 0);
    desc_require(t, selector, d, VEC_GP, 0);
    unsigned dpl = desc_dpl(d->lo);
    bool ok = rpl >= x86_cpl(t->env) && (desc_is_conforming(d->lo) ? dpl <= rpl : dpl == rpl);
    code_segment_check(t, selector, d, ok, 0);
}

void return_stack_check(struct Tcg *t, uint16_t selector, const struct Desc *code, unsigned cpl,
                        struct X86Segment *ss) {
    if (selector_null(selector) && desc_code64(t, code) && cpl != 3) {
        if ((selector & 3u) != cpl)
            tcg_fault_error(t, VEC_GP, 0);
        *ss = stack_segment_null(cpl);
        return;
    }
    stack_segment_check(t, selector, cpl, VEC_GP, 0, ss);
}

uint64_t return_sp(const struct Tcg *t, const struct Desc *code, const struct X86Segment *ss, uint64_t sp) {
    if (desc_code64(t, code))
        return sp;
    if (ss->ar & AR_DB)
        return (uint32_t)sp;
    return (t->env->gpr[REG_SP] & ~0xffffull) | (sp & 0xffff);
}

static void ret_protected(struct Tcg *t, unsigned size, uint16_t extra) {
    CPUX86State *env = t->env;
    struct Desc d;
    struct X86Segment ss;
    /* in the order in which processors of both vendors read them (measured, by CR2 where nothing is mapped) */
    uint16_t selector = (uint16_t)stack_peek(t, size, size);
    uint64_t rip = stack_peek(t, 0, size), sp = 0;
    return_code_check(t, selector, &d);
    unsigned cpl = selector & 3;
    bool outer = cpl > x86_cpl(env);
    if (!desc_code64(t, &d))
        rip = (uint32_t)rip;
    if (outer) {
        sp = stack_peek(t, 2 * size + extra, size);
        return_stack_check(t, (uint16_t)stack_peek(t, 3 * size + extra, size), &d, cpl, &ss);
    }
    code_offset_check(t, &d, rip, 0);
    desc_mark_accessed(t, &d);

    if (outer) {
        env->gpr[REG_SP] = return_sp(t, &d, &ss, sp + extra);
        env->seg[SEG_SS] = ss;
    } else {
        env->gpr[REG_SP] = stack_moved(t, 2 * size + extra);
    }
    code_segment_load(t, selector, &d, cpl);
    if (outer)
        segments_drop_privileged(t, cpl);
    env->rip = rip;
}

static void ret_far(struct Tcg *t, const struct Insn *i, uint16_t extra) {
    if (!x86_protected(t->env) || x86_v8086(t->env))
        ret_real(t, 1u << i->osize, extra);
    else
        ret_protected(t, 1u << i->osize, extra);
    tcg_update_mode(t);
}

void helper_retf(struct Tcg *t, const struct Insn *i) { ret_far(t, i, 0); }
void helper_retf_imm(struct Tcg *t, const struct Insn *i) { ret_far(t, i, (uint16_t)i->imm); }
