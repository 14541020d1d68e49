/* SPDX-License-Identifier: MIT */
/* Software interrupts, BOUND, and the fast system calls (SDM vol. 2; AMD APM vol. 2, 6.1). */
#include "accel/tcg-lite/exec/helpers.h"
#include "accel/tcg-lite/run/area.h"
#include "accel/tcg-lite/run/flow.h"
#include "accel/tcg-lite/run/mode.h"
#include "accel/tcg-lite/sys/sys.h"

/* ---- INT n and kin ---- */

static void software_interrupt(struct Tcg *t, const struct Insn *i, enum TcgEvent kind, uint8_t vector) {
    deliver_event(t, kind, vector, false, 0, tcg_next_rip(t, i));
}

/* With CR4.VME a map of 256 bits below the TSS's I/O map says which INT n of v8086 code its own handlers serve (bit
 * clear) and which the protected-mode ones (SDM vol. 3, table 21-2). */
static bool redirected_to_v8086(struct Tcg *t, uint8_t vector) {
    const struct X86Segment *tr = &t->env->tr;
    if (!(t->env->cr4 & CR4_VME) || !(tr->ar & 8))
        return false;
    uint32_t map = (uint32_t)mem_load_sys(t, tr->base + 102, 2), at = map - 32 + vector / 8;
    if (map < 32 || at > tr->limit)
        tcg_fault_error(t, VEC_GP, 0);
    return !((mem_load_sys(t, tr->base + at, 1) >> (vector % 8)) & 1);
}

static void interrupt_within_v8086(struct Tcg *t, const struct Insn *i, uint8_t vector) {
    CPUX86State *env = t->env;
    uint64_t flags = tcg_rflags(t), image = flags;
    bool own_if = x86_iopl(env) < 3;
    if (own_if) {
        image = (image | FLAG_IOPL) & ~(uint64_t)FLAG_IF;
        image |= flags & FLAG_VIF ? FLAG_IF : 0;
    }
    uint32_t entry = (uint32_t)mem_load_sys(t, vector * 4u, 4);
    struct PushStack p;
    push_stack_current(t, &p, 0);
    push_value(t, &p, 2, image);
    push_value(t, &p, 2, env->seg[SEG_CS].selector);
    push_value(t, &p, 2, tcg_next_rip(t, i));

    env->gpr[REG_SP] = push_stack_sp(t, &p);
    segment_set_real(&env->seg[SEG_CS], entry >> 16, true);
    env->rip = entry & 0xffff;
    t->tf_armed = false;
    tcg_set_rflags(t, flags & ~(uint64_t)(FLAG_TF | FLAG_RF | FLAG_NT | (own_if ? FLAG_VIF : FLAG_IF)));
    tcg_update_mode(t);
}

void helper_int_n(struct Tcg *t, const struct Insn *i) {
    uint8_t vector = (uint8_t)i->uimm;
    if (x86_v8086(t->env)) {
        if (redirected_to_v8086(t, vector)) {
            interrupt_within_v8086(t, i, vector);
            return;
        }
        if (x86_iopl(t->env) < 3)
            tcg_fault_error(t, VEC_GP, 0);
    }
    software_interrupt(t, i, EVENT_SOFTWARE, vector);
}

void helper_int3(struct Tcg *t, const struct Insn *i) { software_interrupt(t, i, EVENT_SOFTWARE, VEC_BP); }
void helper_int1(struct Tcg *t, const struct Insn *i) { software_interrupt(t, i, EVENT_ICEBP, VEC_DB); }

void helper_into(struct Tcg *t, const struct Insn *i) {
    if (cc_of(&t->cc))
        software_interrupt(t, i, EVENT_SOFTWARE, VEC_OF);
    else
        t->env->rip = tcg_next_rip(t, i);
}

void helper_bound(struct Tcg *t, const struct Insn *i) {
    unsigned bits = insn_bits(i), size = bits / 8;
    int64_t index = cc_sext(gpr_read(t->env, i->reg, bits), bits);
    if (index < cc_sext(mem_load(t, i, mem_part(t, i, 0, size, ACCESS_READ), size), bits))
        tcg_fault(t, VEC_BR); /* the upper bound is not looked at (measured on an Intel processor) */
    if (index > cc_sext(mem_load(t, i, mem_part(t, i, size, size, ACCESS_READ), size), bits))
        tcg_fault(t, VEC_BR);
}

/* ---- SYSCALL, SYSRET, SYSENTER, SYSEXIT ---- */

/* Flat segments that these instructions load without looking at descriptors. */
static struct X86Segment flat_code(uint16_t selector, unsigned dpl, bool code64) {
    return (struct X86Segment){
        .selector = selector,
        .ar = AR_P | AR_S | AR_CODE | AR_READABLE | AR_ACCESSED | AR_G | (code64 ? AR_L : AR_DB) | dpl << AR_DPL_SHIFT,
        .limit = 0xffffffff,
    };
}

static struct X86Segment flat_stack(uint16_t selector, unsigned dpl) {
    return (struct X86Segment){
        .selector = selector,
        .ar = AR_P | AR_S | AR_WRITABLE | AR_ACCESSED | AR_G | AR_DB | dpl << AR_DPL_SHIFT,
        .limit = 0xffffffff,
    };
}

static bool is_intel(const struct Tcg *t) { return tcg_as_intel(t, RULE_FAST_SYSTEM_CALLS); }

static void fast_call_allowed(struct Tcg *t) {
    const CPUX86State *env = t->env;
    if (!(env->efer & EFER_SCE) || !x86_protected(env) || (is_intel(t) && !x86_code64(env)))
        tcg_fault(t, VEC_UD);
}

void helper_syscall(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    fast_call_allowed(t);
    uint64_t flags = tcg_rflags(t), next = tcg_next_rip(t, i);
    uint16_t selector = (uint16_t)(env->star >> 32) & 0xfffc;
    bool wide = x86_long_mode(env);
    if (wide) {
        env->gpr[REG_CX] = next;
        env->gpr[11] = flags & ~(uint64_t)FLAG_RF;
        env->rip = x86_code64(env) ? env->lstar : env->cstar;
        flags &= ~(env->fmask | FLAG_RF);
    } else {
        env->gpr[REG_CX] = (uint32_t)next;
        env->rip = (uint32_t)env->star;
        flags &= ~(uint64_t)(FLAG_IF | FLAG_VM | FLAG_RF);
    }
    env->seg[SEG_CS] = flat_code(selector, 0, wide);
    env->seg[SEG_SS] = flat_stack((uint16_t)(selector + 8), 0);
    tcg_set_rflags(t, flags);
    t->tf_armed = (flags & FLAG_TF) != 0; /* single stepping looks at TF as the instruction leaves it */
    tcg_update_mode(t);
}

void helper_sysret(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    fast_call_allowed(t);
    require_cpl0(t);
    bool wide = x86_long_mode(env), to64 = wide && i->osize == 3;
    uint64_t rip = to64 ? env->gpr[REG_CX] : (uint32_t)env->gpr[REG_CX];
    if (to64 && is_intel(t) && !x86_canonical(env, rip)) /* AMD's processors fault at the target instead */
        tcg_fault_error(t, VEC_GP, 0);
    uint16_t selector = (uint16_t)(env->star >> 48) & 0xfffc;
    env->seg[SEG_CS] = flat_code((uint16_t)((selector + (to64 ? 16 : 0)) | 3), 3, to64);
    env->seg[SEG_SS] = flat_stack((uint16_t)((selector + 8) | 3), 3);
    env->rip = rip;
    const uint64_t from_r11 = 0x3c7fd7;
    uint64_t flags = wide ? (env->gpr[11] & from_r11) | FLAG_ONE : tcg_rflags(t) | FLAG_IF;
    tcg_set_rflags(t, flags);
    t->tf_armed = (flags & FLAG_TF) != 0;
    tcg_update_mode(t);
}

static void sysenter_allowed(struct Tcg *t) {
    if (x86_long_mode(t->env) && !is_intel(t))
        tcg_fault(t, VEC_UD);
    if (!x86_protected(t->env) || (t->env->sysenter_cs & 0xfffc) == 0)
        tcg_fault_error(t, VEC_GP, 0);
}

void helper_sysenter(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    (void)i;
    sysenter_allowed(t);
    bool wide = x86_long_mode(env);
    uint16_t selector = env->sysenter_cs & 0xfffc;
    env->seg[SEG_CS] = flat_code(selector, 0, wide);
    env->seg[SEG_SS] = flat_stack((uint16_t)(selector + 8), 0);
    env->gpr[REG_SP] = wide ? env->sysenter_esp : (uint32_t)env->sysenter_esp;
    env->rip = wide ? env->sysenter_eip : (uint32_t)env->sysenter_eip;
    tcg_set_rflags(t, tcg_rflags(t) & ~(uint64_t)(FLAG_VM | FLAG_IF | FLAG_RF));
    tcg_update_mode(t);
}

void helper_sysexit(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    sysenter_allowed(t);
    require_cpl0(t);
    bool to64 = x86_long_mode(env) && i->osize == 3;
    uint64_t rip = env->gpr[REG_DX], sp = env->gpr[REG_CX];
    if (to64 && !(x86_canonical(env, rip) && x86_canonical(env, sp)))
        tcg_fault_error(t, VEC_GP, 0);
    uint16_t selector = (uint16_t)((env->sysenter_cs & 0xfffc) + (to64 ? 32 : 16));
    env->seg[SEG_CS] = flat_code(selector | 3, 3, to64);
    env->seg[SEG_SS] = flat_stack((uint16_t)(selector + 8) | 3, 3);
    env->gpr[REG_SP] = to64 ? sp : (uint32_t)sp;
    env->rip = to64 ? rip : (uint32_t)rip;
    tcg_update_mode(t);
}
