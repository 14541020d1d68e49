/* SPDX-License-Identifier: MIT */
/*
 * Delivery of exceptions and interrupts: through the IVT in real-address mode, through gates in protected, v8086 and
 * long mode (SDM vol. 3, chapter 6 and 21.1.4; vol. 2, INT n). Everything is checked and the frame is written before
 * any register changes; what a failed delivery leaves behind is only bytes below a stack pointer.
 */
#include "accel/tcg-lite/exec/x87/fpu_host.h"
#include "accel/tcg-lite/run/flow.h"
#include "accel/tcg-lite/run/mode.h"
#include "accel/tcg-lite/sys/debug_regs.h"
#include "accel/tcg-lite/sys/sys.h"
#include "accel/tcg-lite/watch/watch.h"

/* ---- double faults (SDM vol. 3, table 6-5) ---- */

enum FaultClass { CLASS_BENIGN, CLASS_CONTRIBUTORY, CLASS_PAGE, CLASS_DOUBLE };

static enum FaultClass fault_class(int vector) {
    switch (vector) {
    case VEC_DE:
    case VEC_TS:
    case VEC_NP:
    case VEC_SS:
    case VEC_GP: return CLASS_CONTRIBUTORY;
    case VEC_PF: return CLASS_PAGE;
    case VEC_DF: return CLASS_DOUBLE;
    default: return CLASS_BENIGN;
    }
}

enum TcgCombined tcg_combine_fault(int first, int second) {
    static const uint8_t table[4][4] = {
        /* first \ second    benign        contributory  page          double */
        [CLASS_BENIGN] = {FAULT_SERIAL, FAULT_SERIAL, FAULT_SERIAL, FAULT_SERIAL},
        [CLASS_CONTRIBUTORY] = {FAULT_SERIAL, FAULT_DOUBLE, FAULT_SERIAL, FAULT_SERIAL},
        [CLASS_PAGE] = {FAULT_SERIAL, FAULT_DOUBLE, FAULT_DOUBLE, FAULT_SERIAL},
        [CLASS_DOUBLE] = {FAULT_SERIAL, FAULT_TRIPLE, FAULT_TRIPLE, FAULT_TRIPLE},
    };
    return table[fault_class(first)][fault_class(second)];
}

/* ---- delivery ---- */

/** What is being delivered, and what was found on the way. */
struct Delivery {
    uint8_t vector;
    bool software; /* INT n, INT3, INTO: the gate's DPL counts, EXT is 0 */
    bool has_error;
    uint32_t error;
    uint32_t ext; /* EXT bit of error codes raised meanwhile */
    uint64_t rip; /* to return to */
    uint64_t flags;
};

static void deliver_real(struct Tcg *t, const struct Delivery *v) {
    CPUX86State *env = t->env;
    struct PushStack p;
    if (v->vector * 4u + 3 > env->idt.limit)
        tcg_fault_error(t, VEC_GP, v->vector * 8u + 2);
    uint32_t entry = (uint32_t)mem_load_sys(t, env->idt.base + v->vector * 4u, 4);
    push_stack_current(t, &p, 0);
    push_value(t, &p, 2, v->flags);
    push_value(t, &p, 2, env->seg[SEG_CS].selector);
    push_value(t, &p, 2, v->rip);

    env->gpr[REG_SP] = push_stack_sp(t, &p);
    segment_set_real(&env->seg[SEG_CS], entry >> 16, false);
    env->seg[SEG_CS].ar |= AR_CODE;
    env->rip = entry & 0xffff;
    tcg_set_rflags(t, v->flags & ~(uint64_t)(FLAG_IF | FLAG_TF | FLAG_AC | FLAG_RF));
}

/* The interrupt stack table (SDM vol. 3, 6.14.5). */
static uint64_t ist_pointer(struct Tcg *t, unsigned ist, uint32_t ext) {
    const struct X86Segment *tr = &t->env->tr;
    unsigned at = 28 + 8 * ist;
    if (at + 7 > tr->limit)
        selector_fault(t, VEC_TS, tr->selector, ext);
    return mem_load_sys(t, tr->base + at, 8);
}

/* Choose the stack for a handler at privilege `cpl`. True: SS changes with it. */
static bool choose_stack(struct Tcg *t, struct PushStack *p, unsigned cpl, unsigned ist, uint32_t ext) {
    bool wide = x86_long_mode(t->env), inner = cpl < x86_cpl(t->env);
    if (inner && ist == 0)
        push_stack_from_tss(t, p, cpl, ext);
    else
        push_stack_current(t, p, ext);
    if (ist != 0) {
        p->sp = ist_pointer(t, ist, ext);
        p->user = cpl == 3;
        if (inner)
            p->ss = stack_segment_null(cpl);
    }
    if (wide) { /* always 64-bit code from here on; the frame is 16-byte aligned */
        p->flat64 = true;
        p->sp &= ~15ull;
    }
    return inner;
}

static void push_frame(struct Tcg *t, struct PushStack *p, const struct Delivery *v, unsigned size, bool with_stack) {
    CPUX86State *env = t->env;
    if (v->flags & FLAG_VM) {
        push_value(t, p, size, env->seg[SEG_GS].selector);
        push_value(t, p, size, env->seg[SEG_FS].selector);
        push_value(t, p, size, env->seg[SEG_DS].selector);
        push_value(t, p, size, env->seg[SEG_ES].selector);
    }
    if (with_stack) {
        push_value(t, p, size, env->seg[SEG_SS].selector);
        push_value(t, p, size, env->gpr[REG_SP]);
    }
    push_value(t, p, size, v->flags);
    push_value(t, p, size, env->seg[SEG_CS].selector);
    push_value(t, p, size, v->rip);
    if (v->has_error)
        push_value(t, p, size, v->error);
}

/* Through an interrupt or trap gate. */
static void deliver_gate(struct Tcg *t, const struct Delivery *v, uint64_t lo, uint64_t hi) {
    CPUX86State *env = t->env;
    bool wide = x86_long_mode(env), vm = x86_v8086(env);
    unsigned type = desc_type(lo), size = wide ? 8 : type & 8 ? 4 : 2, cpl = x86_cpl(env);
    uint16_t selector = gate_selector(lo);
    struct Desc d;

    if (selector_null(selector))
        tcg_fault_error(t, VEC_GP, v->ext);
    desc_require(t, selector, &d, VEC_GP, v->ext);
    code_segment_check(t, selector, &d, desc_dpl(d.lo) <= cpl, v->ext);
    unsigned new_cpl = desc_is_conforming(d.lo) ? cpl : desc_dpl(d.lo);
    bool bad = (wide && (desc_ar(d.lo) & (AR_L | AR_DB)) != AR_L) || (vm && new_cpl != 0);
    if (bad)
        selector_fault(t, VEC_GP, selector, v->ext);
    uint64_t offset = gate_offset(lo) | (wide ? hi << 32 : 0);
    if (size == 2)
        offset &= 0xffff;

    struct PushStack p;
    bool switched = choose_stack(t, &p, new_cpl, wide ? (lo >> 32) & 7 : 0, v->ext);
    code_offset_check(t, &d, offset, v->ext);
    desc_mark_accessed(t, &d);
    push_frame(t, &p, v, size, switched || wide);

    env->gpr[REG_SP] = push_stack_sp(t, &p);
    if (switched)
        env->seg[SEG_SS] = p.ss;
    if (vm)
        for (unsigned s = 0; s < SEG_COUNT; s++)
            if (s != SEG_SS && s != SEG_CS)
                segment_set_null(&env->seg[s], 0);
    code_segment_load(t, selector, &d, new_cpl);
    env->rip = offset;
    uint64_t clear = FLAG_TF | FLAG_VM | FLAG_RF | FLAG_NT | (type & 1 ? 0 : FLAG_IF);
    tcg_set_rflags(t, tcg_rflags(t) & ~clear);
}

static bool gate_type_ok(bool wide, uint64_t lo) {
    const uint16_t legacy = 1 << DESC_TASK_GATE | 1 << DESC_INT16 | 1 << DESC_TRAP16;
    const uint16_t both = 1 << DESC_INT | 1 << DESC_TRAP;
    return !desc_s(lo) && (((wide ? both : both | legacy) >> desc_type(lo)) & 1);
}

static void deliver_protected(struct Tcg *t, const struct Delivery *v) {
    CPUX86State *env = t->env;
    bool wide = x86_long_mode(env);
    unsigned size = wide ? 16 : 8, at = v->vector * size;
    uint32_t code = v->vector * 8u | 2 | v->ext;

    if (at + size - 1 > env->idt.limit)
        tcg_fault_error(t, VEC_GP, code);
    uint64_t lo = mem_load_sys(t, env->idt.base + at, 8);
    uint64_t hi = wide ? mem_load_sys(t, env->idt.base + at + 8, 8) : 0;
    if (!gate_type_ok(wide, lo) || (v->software && desc_dpl(lo) < x86_cpl(env)))
        tcg_fault_error(t, VEC_GP, code);
    if (!desc_present(lo))
        tcg_fault_error(t, VEC_NP, code);
    if (desc_type(lo) == DESC_TASK_GATE) {
        struct TaskSource from = {TASK_EVENT, v->rip, v->flags, v->has_error, v->error, v->ext};
        task_switch_gate(t, &from, lo);
    } else {
        deliver_gate(t, v, lo, hi);
    }
}

/* RF in the pushed image is set for faults, so that an instruction breakpoint at RIP does not strike again (SDM vol. 3,
 * 18.3.1.1); not for debug exceptions, traps and aborts. */
static uint64_t flags_image(const struct Tcg *t, enum TcgEvent kind, uint8_t vector) {
    uint64_t flags = tcg_rflags(t);
    bool fault = kind == EVENT_FAULT && vector != VEC_DB && vector != VEC_DF && vector != VEC_MC;
    return fault ? flags | FLAG_RF : flags;
}

static void trace_event(struct Tcg *t, enum TcgEvent kind, uint8_t vector, bool has_error, uint32_t error) {
    const struct CpuTrace *trace = t->cpu->trace;
    if (trace->event == NULL)
        return;
    uint64_t rip = t->env->rip;
    t->env->rflags = tcg_rflags(t);
    t->env->mxcsr = tcg_mxcsr(t);
    tcg_sync_count(t, t->insn);
    if (t->insn != NULL) /* INT n and kin: RIP is still that of the block */
        t->env->rip = tcg_this_rip(t, t->insn);
    const struct CpuEvent event = {
        .vector = vector,
        .has_error = has_error,
        .external = kind == EVENT_EXTERNAL,
        .software = kind == EVENT_SOFTWARE,
        .between = t->delivering == TCG_BENIGN,
        .error = error,
    };
    trace->event(trace->opaque, t->cpu, &event);
    t->env->rip = rip;
}

static void count_event(struct Tcg *t, enum TcgEvent kind, uint8_t vector) {
    if (kind == EVENT_EXTERNAL)
        tcg_exit_interrupt(t, vector);
    else if (kind == EVENT_FAULT || kind == EVENT_ICEBP)
        tcg_exit_exception(t, vector);
}

void deliver_event(struct Tcg *t, enum TcgEvent kind, uint8_t vector, bool has_error, uint32_t error,
                   uint64_t return_rip) {
    if (kind == EVENT_FAULT || kind == EVENT_EXTERNAL)
        cpu_count_event(t->cpu);
    if (t->cpu->trace != NULL)
        trace_event(t, kind, vector, has_error, error);
    if (UNLIKELY(t->watch != NULL) && t->watch->counting)
        count_event(t, kind, vector);
    struct Delivery v = {
        .vector = vector,
        .software = kind == EVENT_SOFTWARE,
        .has_error = has_error && x86_protected(t->env),
        .error = error,
        .ext = kind == EVENT_SOFTWARE ? 0 : 1,
        .rip = return_rip,
        .flags = flags_image(t, kind, vector),
    };
    if (x86_protected(t->env))
        deliver_protected(t, &v);
    else
        deliver_real(t, &v);
    t->tf_armed = t->shadow_running = t->repeating = false;
    t->env->int_shadow = SHADOW_NONE; /* ends with the delivery of an exception, too (SDM vol. 3, 6.8.3) */
    if (vector == VEC_DB && kind != EVENT_SOFTWARE)
        t->env->dr[7] &= ~(uint64_t)DR7_GD;
    tcg_update_mode(t);
}

void tcg_deliver(struct Tcg *t, enum TcgEvent kind, uint8_t vector, bool has_error, uint32_t error) {
    deliver_event(t, kind, vector, has_error, error, t->env->rip);
}
