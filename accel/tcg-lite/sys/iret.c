/* SPDX-License-Identifier: MIT */
/* IRET in every mode (SDM vol. 2, IRET; vol. 3, 6.12.1, 8.4, 21.2 and 21.3 for v8086 mode). */
#include "accel/tcg-lite/exec/helpers.h"
#include "accel/tcg-lite/run/flow.h"
#include "accel/tcg-lite/run/mode.h"
#include "accel/tcg-lite/sys/debug_regs.h"
#include "accel/tcg-lite/sys/sys.h"

/** The frame's lower three values. */
struct Frame {
    uint64_t rip, flags;
    uint16_t cs;
    unsigned size; /* of each: 2, 4, 8 */
};

/* In the order in which processors of both vendors read them (measured, by CR2 where nothing is mapped). */
static struct Frame peek_frame(struct Tcg *t, unsigned size) {
    struct Frame f = {.size = size};
    f.flags = stack_peek(t, 2 * size, size);
    f.cs = (uint16_t)stack_peek(t, size, size);
    f.rip = stack_peek(t, 0, size);
    return f;
}

/* Intel's processors read SS and RSP with RFLAGS already loaded, in which AC may be set now. */
static void check_loaded_ac(struct Tcg *t, const struct Frame *f) {
    bool armed = x86_cpl(t->env) == 3 && (t->env->cr0 & CR0_AM) && f->size > 2 && (f->flags & FLAG_AC);
    if (armed && (t->env->gpr[REG_SP] & (f->size - 1)) && tcg_as_intel(t, RULE_IRET_AC))
        tcg_fault_error(t, VEC_AC, 0);
}

/* Take the flags in `may` from the frame, but no more than a 16-bit frame holds. */
static uint64_t merge_flags(const struct Tcg *t, const struct Frame *f, uint64_t may) {
    if (f->size == 2)
        may &= 0xffff;
    /* RF matters, and lives on, only where an instruction breakpoint could strike at the next instruction */
    if (!(t->env->dr[7] & DR7_ENABLES))
        may &= ~(uint64_t)FLAG_RF;
    return (tcg_rflags(t) & ~may) | (f->flags & may);
}

enum { FLAGS_USER = FLAG_ARITH | FLAG_TF | FLAG_DF | FLAG_NT | FLAG_RF | FLAG_AC | FLAG_ID };

static void finish_real(struct Tcg *t, const struct Frame *f, uint64_t flags) {
    CPUX86State *env = t->env;
    bool vm = x86_v8086(env);
    if (f->rip > env->seg[SEG_CS].limit)
        tcg_fault_error(t, VEC_GP, 0);
    env->gpr[REG_SP] = stack_moved(t, 3 * f->size);
    segment_set_real(&env->seg[SEG_CS], f->cs, vm);
    if (!vm)
        env->seg[SEG_CS].ar |= AR_CODE;
    env->rip = f->rip;
    tcg_set_rflags(t, flags);
}

static void iret_real(struct Tcg *t, unsigned size) {
    struct Frame f = peek_frame(t, size);
    finish_real(t, &f, merge_flags(t, &f, FLAGS_USER | FLAG_IF | FLAG_IOPL));
}

/* With IOPL 3 as in real mode but for IOPL; otherwise CR4.VME gives v8086 code an IF of its own (SDM vol. 3, 21.3). */
static void iret_v8086(struct Tcg *t, unsigned size) {
    CPUX86State *env = t->env;
    if (x86_iopl(env) == 3) {
        struct Frame f = peek_frame(t, size);
        finish_real(t, &f, merge_flags(t, &f, FLAGS_USER | FLAG_IF));
        return;
    }
    if (size != 2 || !(env->cr4 & CR4_VME))
        tcg_fault_error(t, VEC_GP, 0);
    struct Frame f = peek_frame(t, size);
    if ((f.flags & FLAG_TF) || ((f.flags & FLAG_IF) && (env->rflags & FLAG_VIP)))
        tcg_fault_error(t, VEC_GP, 0);
    uint64_t flags = merge_flags(t, &f, FLAGS_USER) & ~(uint64_t)FLAG_VIF;
    finish_real(t, &f, f.flags & FLAG_IF ? flags | FLAG_VIF : flags);
}

/* Back into v8086 mode; only from CPL 0. */
static void iret_to_v8086(struct Tcg *t, const struct Frame *f) {
    static const uint8_t order[] = {SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS}; /* on the stack after ESP */
    CPUX86State *env = t->env;
    uint16_t selectors[sizeof(order)];
    uint32_t sp = (uint32_t)stack_peek(t, 12, 4);
    for (unsigned k = 0; k < sizeof(order); k++)
        selectors[k] = (uint16_t)stack_peek(t, 16 + 4 * k, 4);
    if (f->rip > 0xffff)
        tcg_fault_error(t, VEC_GP, 0);

    uint64_t may = FLAGS_USER | FLAG_IF | FLAG_IOPL | FLAG_VM | FLAG_VIF | FLAG_VIP;
    uint64_t flags = merge_flags(t, f, may);
    for (unsigned k = 0; k < sizeof(order); k++)
        segment_set_real(&env->seg[order[k]], selectors[k], true);
    segment_set_real(&env->seg[SEG_CS], f->cs, true);
    env->gpr[REG_SP] = sp;
    env->rip = f->rip;
    tcg_set_rflags(t, flags);
}

static void iret_nested_task(struct Tcg *t, uint64_t next_rip) {
    CPUX86State *env = t->env;
    struct Desc d;
    uint16_t selector = (uint16_t)mem_load_sys(t, env->tr.base, 2);
    if ((selector & 4) || !desc_fetch_system(t, selector, &d))
        selector_fault(t, VEC_TS, selector, 0);
    unsigned type = desc_type(d.lo);
    if (desc_s(d.lo) || (type != DESC_TSS16_BUSY && type != DESC_TSS_BUSY))
        selector_fault(t, VEC_TS, selector, 0);
    if (!desc_present(d.lo))
        selector_fault(t, VEC_NP, selector, 0);
    struct TaskSource from = {.how = TASK_IRET, .rip = next_rip, .flags = tcg_rflags(t)};
    task_switch(t, &from, selector, &d);
}

static uint64_t protected_flags(const struct Tcg *t, const struct Frame *f) {
    unsigned cpl = x86_cpl(t->env); /* before the return */
    uint64_t may = FLAGS_USER;
    if (cpl <= x86_iopl(t->env))
        may |= FLAG_IF;
    if (cpl == 0)
        may |= FLAG_IOPL | FLAG_VIF | FLAG_VIP;
    return merge_flags(t, f, may);
}

static void iret_protected(struct Tcg *t, unsigned size) {
    CPUX86State *env = t->env;
    struct Frame f = peek_frame(t, size);
    struct Desc d;
    struct X86Segment ss;
    uint64_t sp = 0;

    if (size == 4 && (f.flags & FLAG_VM) && x86_cpl(env) == 0 && !x86_long_mode(env)) {
        iret_to_v8086(t, &f);
        return;
    }
    return_code_check(t, f.cs, &d);
    unsigned cpl = f.cs & 3;
    bool outer = cpl > x86_cpl(env), with_stack = outer || x86_code64(env); /* 64-bit frames always hold SS:RSP */
    if (!desc_code64(t, &d))
        f.rip = (uint32_t)f.rip;
    if (with_stack) {
        check_loaded_ac(t, &f);
        uint16_t selector = (uint16_t)stack_peek(t, 4 * size, size);
        sp = stack_peek(t, 3 * size, size);
        return_stack_check(t, selector, &d, cpl, &ss);
    }
    code_offset_check(t, &d, f.rip, 0);
    desc_mark_accessed(t, &d);

    uint64_t flags = protected_flags(t, &f);
    if (with_stack) {
        env->gpr[REG_SP] = return_sp(t, &d, &ss, sp);
        env->seg[SEG_SS] = ss;
    } else {
        env->gpr[REG_SP] = stack_moved(t, 3 * size);
    }
    code_segment_load(t, f.cs, &d, cpl);
    if (outer)
        segments_drop_privileged(t, cpl);
    env->rip = f.rip;
    tcg_set_rflags(t, flags);
}

void helper_iret(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    unsigned size = 1u << i->osize;
    env->nmi_blocked = false; /* even if what follows faults (SDM vol. 3, 6.7.1) */
    if (!x86_protected(env)) {
        iret_real(t, size);
    } else if (x86_v8086(env)) {
        iret_v8086(t, size);
    } else if (env->rflags & FLAG_NT) {
        if (x86_long_mode(env))
            tcg_fault_error(t, VEC_GP, 0);
        iret_nested_task(t, tcg_next_rip(t, i));
    } else {
        iret_protected(t, size);
    }
    tcg_update_mode(t);
}
