/* SPDX-License-Identifier: MIT */
/*
 * Hardware task switches (SDM vol. 3, 8.3). Up to the commit, faults belong to the old task and nothing but memory of
 * its TSS has changed; from then on they are raised in the new task, at its first instruction.
 */
#include "accel/tcg-lite/run/mode.h"
#include "accel/tcg-lite/sys/debug_regs.h"
#include "accel/tcg-lite/sys/sys.h"
#include "accel/tcg-lite/watch/watch.h"

/** A task's registers as its TSS holds them. */
struct TaskState {
    uint32_t cr3, eip, eflags, gpr[8];
    uint16_t selector[SEG_COUNT], ldt;
    bool trap;
};

/** Where they stand: the general registers and segments follow one another in encoding order. */
static const struct TssLayout {
    uint8_t eip, eflags, gpr, segments, segment_count, ldt, word; /* word: bytes of a register */
    uint8_t min_limit;
} layouts[2] = {
    {14, 16, 18, 34, 4, 42, 2, 0x2b}, /* 16-bit */
    {32, 36, 40, 72, 6, 96, 4, 0x67}, /* 32-bit */
};
enum { TSS_CR3 = 28, TSS_TRAP = 100 };

static const struct TssLayout *layout_of(uint32_t ar_or_type) { return &layouts[(ar_or_type >> 3) & 1]; }

static void read_tss(struct Tcg *t, const struct TssLayout *l, uint64_t base, struct TaskState *s) {
    bool wide = l->word == 4;
    s->cr3 = wide ? (uint32_t)mem_load_sys(t, base + TSS_CR3, 4) : 0;
    s->eip = (uint32_t)mem_load_sys(t, base + l->eip, l->word);
    s->eflags = (uint32_t)mem_load_sys(t, base + l->eflags, l->word);
    for (unsigned k = 0; k < 8; k++) {
        s->gpr[k] = (uint32_t)mem_load_sys(t, base + l->gpr + k * l->word, l->word);
        if (!wide)
            s->gpr[k] |= 0xffff0000; /* as processors leave the upper halves */
    }
    for (unsigned k = 0; k < SEG_COUNT; k++)
        s->selector[k] = k < l->segment_count ? (uint16_t)mem_load_sys(t, base + l->segments + k * l->word, 2) : 0;
    s->ldt = (uint16_t)mem_load_sys(t, base + l->ldt, 2);
    s->trap = wide && (mem_load_sys(t, base + TSS_TRAP, 1) & 1);
}

/* Save the dynamic fields; the whole range is probed first. */
static void write_tss(struct Tcg *t, uint64_t eip, uint64_t eflags) {
    CPUX86State *env = t->env;
    const struct TssLayout *l = layout_of(env->tr.ar);
    uint64_t base = env->tr.base, last = base + l->segments + l->segment_count * l->word - 1;
    mem_probe_write_sys(t, base + l->eip, 4);
    mem_probe_write_sys(t, last, 1);
    mem_store_sys(t, base + l->eip, l->word, eip);
    mem_store_sys(t, base + l->eflags, l->word, eflags);
    for (unsigned k = 0; k < 8; k++)
        mem_store_sys(t, base + l->gpr + k * l->word, l->word, env->gpr[k]);
    for (unsigned k = 0; k < l->segment_count; k++)
        mem_store_sys(t, base + l->segments + k * l->word, 2, env->seg[k].selector);
}

/* ---- loading the new task's segments: all faults are #TS, #NP or #SS in the new task ---- */

static void load_ldt(struct Tcg *t, uint16_t selector, uint32_t ext) {
    struct Desc d;
    t->env->ldt = (struct X86Segment){.selector = selector, .ar = AR_UNUSABLE};
    if (selector_null(selector))
        return;
    if ((selector & 4) || !desc_fetch(t, selector, &d) || desc_s(d.lo) || desc_type(d.lo) != DESC_LDT ||
        !desc_present(d.lo))
        selector_fault(t, VEC_TS, selector, ext);
    t->env->ldt = desc_segment(selector, &d);
}

static void load_code(struct Tcg *t, uint16_t selector, uint32_t ext) {
    struct Desc d;
    unsigned rpl = selector & 3;
    if (selector_null(selector))
        selector_fault(t, VEC_TS, selector, ext);
    desc_require(t, selector, &d, VEC_TS, ext);
    unsigned dpl = desc_dpl(d.lo);
    if (!desc_is_code(d.lo) || (desc_is_conforming(d.lo) ? dpl > rpl : dpl != rpl))
        selector_fault(t, VEC_TS, selector, ext);
    if (!desc_present(d.lo))
        selector_fault(t, VEC_NP, selector, ext);
    code_segment_load(t, selector, &d, rpl);
}

static void load_data(struct Tcg *t, unsigned seg, uint16_t selector, unsigned cpl, uint32_t ext) {
    struct Desc d;
    if (selector_null(selector))
        return;
    desc_require(t, selector, &d, VEC_TS, ext);
    bool code = desc_is_code(d.lo), conforming = code && desc_is_conforming(d.lo);
    unsigned dpl = desc_dpl(d.lo);
    if (!desc_s(d.lo) || (code && !(desc_type(d.lo) & AR_READABLE)) ||
        (!conforming && (dpl < cpl || dpl < (selector & 3u))))
        selector_fault(t, VEC_TS, selector, ext);
    if (!desc_present(d.lo))
        selector_fault(t, VEC_NP, selector, ext);
    desc_mark_accessed(t, &d);
    t->env->seg[seg] = desc_segment(selector, &d);
}

static void load_segments(struct Tcg *t, const struct TaskState *s, uint32_t ext) {
    CPUX86State *env = t->env;
    load_ldt(t, s->ldt, ext);
    if (s->eflags & FLAG_VM) {
        for (unsigned k = 0; k < SEG_COUNT; k++)
            segment_set_real(&env->seg[k], s->selector[k], true);
        return;
    }
    unsigned cpl = s->selector[SEG_CS] & 3;
    load_code(t, s->selector[SEG_CS], ext);
    stack_segment_check(t, s->selector[SEG_SS], cpl, VEC_TS, ext, &env->seg[SEG_SS]);
    for (unsigned k = 0; k < SEG_COUNT; k++)
        if (k != SEG_CS && k != SEG_SS)
            load_data(t, k, s->selector[k], cpl, ext);
}

/* ---- the switch ---- */

static void clear_old_busy(struct Tcg *t) {
    struct Desc old;
    if (desc_fetch(t, t->env->tr.selector, &old))
        desc_set_busy(t, &old, false);
}

/* The point of no return: registers become the new task's, segments hold selectors only. */
static void commit(struct Tcg *t, const struct TaskState *s, uint16_t selector, const struct Desc *tss) {
    CPUX86State *env = t->env;
    env->tr = desc_segment(selector, tss);
    env->cr0 |= CR0_TS;
    env->dr[7] &= ~(uint64_t)(DR7_LOCAL | DR7_LE);
    for (unsigned k = 0; k < 8; k++)
        env->gpr[k] = s->gpr[k];
    env->rip = s->eip;
    t->insn = NULL;
    for (unsigned k = 0; k < SEG_COUNT; k++)
        segment_set_null(&env->seg[k], s->selector[k]);
    unsigned cpl = s->eflags & FLAG_VM ? 3 : s->selector[SEG_CS] & 3;
    env->seg[SEG_SS].ar = AR_UNUSABLE | cpl << AR_DPL_SHIFT;
    const uint32_t known = FLAG_ARITH | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT | FLAG_RF | FLAG_VM |
                           FLAG_AC | FLAG_VIF | FLAG_VIP | FLAG_ID;
    tcg_set_rflags(t, s->eflags & known);
    if ((env->cr0 & CR0_PG) && (tss->lo >> 43 & 1))
        tcg_set_cr3(t, s->cr3);
    tcg_update_mode(t);
}

void task_switch(struct Tcg *t, const struct TaskSource *from, uint16_t selector, struct Desc *tss) {
    CPUX86State *env = t->env;
    const struct TssLayout *l = layout_of(desc_type(tss->lo));
    uint64_t base = desc_base(tss->lo);
    struct TaskState s;

    if (UNLIKELY(t->watch != NULL) && t->watch->counting)
        tcg_exit_plain(t, EXIT_TASK_SWITCH);
    if (desc_limit(tss->lo) < l->min_limit)
        selector_fault(t, VEC_TS, selector, from->ext);
    read_tss(t, l, base, &s);
    bool nested = from->how == TASK_CALL || from->how == TASK_EVENT;
    mem_probe_write_sys(t, tss->linear + 5, 1);
    if (nested) {
        mem_probe_write_sys(t, base, 2);
        s.eflags |= FLAG_NT;
    }
    write_tss(t, from->rip, from->how == TASK_IRET ? from->flags & ~(uint64_t)FLAG_NT : from->flags);
    if (nested)
        mem_store_sys(t, base, 2, env->tr.selector);
    else
        clear_old_busy(t);
    desc_set_busy(t, tss, true);

    commit(t, &s, selector, tss);
    load_segments(t, &s, from->ext);
    tcg_update_mode(t);
    if (s.eip > env->seg[SEG_CS].limit)
        tcg_fault_error(t, VEC_GP, from->ext);
    if (from->has_error) {
        struct PushStack p;
        push_stack_current(t, &p, from->ext);
        push_value(t, &p, l->word, from->error);
        env->gpr[REG_SP] = push_stack_sp(t, &p);
    }
    if (s.trap)
        t->env->pending_db |= DR6_BT;
}

void task_switch_gate(struct Tcg *t, const struct TaskSource *from, uint64_t gate) {
    uint16_t selector = gate_selector(gate);
    struct Desc d;
    if ((selector & 4) || !desc_fetch(t, selector, &d))
        selector_fault(t, VEC_GP, selector, from->ext);
    unsigned type = desc_type(d.lo);
    if (desc_s(d.lo) || (type != DESC_TSS16 && type != DESC_TSS))
        selector_fault(t, VEC_GP, selector, from->ext);
    if (!desc_present(d.lo))
        selector_fault(t, VEC_NP, selector, from->ext);
    task_switch(t, from, selector, &d);
}
