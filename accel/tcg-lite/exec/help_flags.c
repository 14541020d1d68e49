/* SPDX-License-Identifier: MIT */
/*
 * Instructions on EFLAGS with their privilege rules, among them those of v8086 mode and of CR4.VME and CR4.PVI, which
 * give less privileged code an interrupt flag of its own, VIF (SDM vol. 3, 21.3 and 21.4).
 */
#include "accel/tcg-lite/exec/helpers.h"
#include "accel/tcg-lite/exec/shapes_stack.h"
#include "accel/tcg-lite/run/mode.h"
#include "accel/tcg-lite/sys/sys.h"

/* The flag that CLI and STI act on here: IF, VIF, or 0 for #GP(0). */
static uint32_t interrupt_flag(const CPUX86State *env) {
    unsigned iopl = x86_iopl(env), cpl = x86_cpl(env);
    if (!x86_protected(env) || iopl >= cpl)
        return FLAG_IF;
    if (x86_v8086(env))
        return env->cr4 & CR4_VME ? FLAG_VIF : 0;
    return cpl == 3 && (env->cr4 & CR4_PVI) ? FLAG_VIF : 0;
}

void helper_cli(struct Tcg *t, const struct Insn *i) {
    (void)i;
    uint32_t flag = interrupt_flag(t->env);
    if (flag == 0)
        tcg_fault_error(t, VEC_GP, 0);
    t->env->rflags &= ~(uint64_t)flag;
}

void helper_sti(struct Tcg *t, const struct Insn *i) {
    (void)i;
    CPUX86State *env = t->env;
    uint32_t flag = interrupt_flag(env);
    if (flag == 0 || (flag == FLAG_VIF && (env->rflags & FLAG_VIP)))
        tcg_fault_error(t, VEC_GP, 0);
    if (flag == FLAG_IF && !(env->rflags & FLAG_IF))
        env->int_shadow = SHADOW_STI;
    env->rflags |= flag;
}

/* v8086 code below IOPL 3 sees VIF as IF, in 16-bit images, with CR4.VME; else it may not look at all. */
static bool uses_vif(struct Tcg *t, const struct Insn *i) {
    const CPUX86State *env = t->env;
    if (!x86_v8086(env) || x86_iopl(env) == 3)
        return false;
    if (!(env->cr4 & CR4_VME) || i->osize != 1)
        tcg_fault_error(t, VEC_GP, 0);
    return true;
}

void helper_pushf(struct Tcg *t, const struct Insn *i) {
    uint64_t flags = tcg_rflags(t);
    uint64_t image = flags & ~(uint64_t)(FLAG_VM | FLAG_RF);
    if (uses_vif(t, i)) {
        image = (image & ~(uint64_t)FLAG_IF) | FLAG_IOPL;
        image |= flags & FLAG_VIF ? FLAG_IF : 0;
    }
    stack_push(t->env, i, t, image, insn_bits(i));
}

static void popf_vif(struct Tcg *t, uint64_t image) {
    uint64_t flags = tcg_rflags(t);
    const uint64_t may = FLAG_ARITH | FLAG_DF | FLAG_NT;
    if ((image & FLAG_TF) || ((image & FLAG_IF) && (flags & FLAG_VIP)))
        tcg_fault_error(t, VEC_GP, 0);
    flags = (flags & ~(may | FLAG_VIF | FLAG_TF)) | (image & may);
    t->env->gpr[REG_SP] = stack_moved(t, 2);
    tcg_set_rflags(t, image & FLAG_IF ? flags | FLAG_VIF : flags);
}

void helper_popf(struct Tcg *t, const struct Insn *i) {
    CPUX86State *env = t->env;
    bool vif = uses_vif(t, i);
    unsigned size = insn_bits(i) / 8, cpl = x86_cpl(env);
    uint64_t image = stack_peek(t, 0, size), may = FLAG_ARITH | FLAG_TF | FLAG_DF | FLAG_NT | FLAG_AC | FLAG_ID;
    if (vif) {
        popf_vif(t, image);
        return;
    }
    if (cpl == 0)
        may |= FLAG_IOPL;
    if (cpl <= x86_iopl(env))
        may |= FLAG_IF;
    if (size == 2)
        may &= 0xffff;
    env->gpr[REG_SP] = stack_moved(t, size);
    tcg_set_rflags(t, (tcg_rflags(t) & ~(may | FLAG_RF)) | (image & may));
}

static void set_ac(struct Tcg *t, bool ac) {
    if (x86_cpl(t->env) != 0)
        tcg_fault(t, VEC_UD);
    uint64_t flags = tcg_rflags(t) & ~(uint64_t)FLAG_AC;
    tcg_set_rflags(t, ac ? flags | FLAG_AC : flags);
}
void helper_stac(struct Tcg *t, const struct Insn *i) {
    (void)i;
    set_ac(t, true);
}
void helper_clac(struct Tcg *t, const struct Insn *i) {
    (void)i;
    set_ac(t, false);
}
