/* SPDX-License-Identifier: MIT */
/* The guest's floating-point modes on the host. See fpu_host.h. */
#include "accel/tcg-lite/exec/x87/fpu_host.h"

#include "cpu/cpu.h"
#include "cpu/env_check.h"

struct X87Pointers x87_pointers(const struct Tcg *t) {
    const CPUX86State *env = t->env;
    struct X87Pointers p = {env->fop & 0x7ff, env->fcs, env->fds, env->fip, env->fdp};
    if (tcg_as_intel(t, RULE_X87_OPCODE))
        p.fop = t->x87_raised.fop & 0x7ff;
    if (tcg_as_intel(t, RULE_X87_DATA_POINTER))
        p.fdp = t->x87_raised.fdp;
    if (tcg_as_intel(t, RULE_X87_FCS_FDS))
        p.fcs = p.fds = 0;
    return p;
}

void x87_set_pointers(struct Tcg *t, struct X87Pointers p) {
    CPUX86State *env = t->env;
    env->fop = p.fop & 0x7ff;
    env->fcs = p.fcs;
    env->fds = p.fds;
    env->fip = p.fip;
    env->fdp = p.fdp;
    t->x87_raised = (struct X87Raised){env->fop, p.fdp};
}

void x87_note_raised(struct Tcg *t, const struct Insn *i) {
    t->x87_raised.fop = t->env->fop;
    if (i->mem)
        t->x87_raised.fdp = t->env->fdp;
}

void tcg_fp_enter(struct Tcg *t) {
    uint16_t fcw;
    t->x87_raised = (struct X87Raised){t->env->fop, t->env->fdp};
    t->host_mxcsr = host_mxcsr();
    __asm__ volatile("fnstcw %0" : "=m"(fcw));
    t->host_fcw = fcw;
    host_set_mxcsr((t->env->mxcsr & MXCSR_ON_HOST) | MXCSR_MASKS);
    /* An empty stack with TOP = 0: kernels tell from TOP what an instruction has pushed or popped. */
    __asm__ volatile("fninit\n\tfldcw %0" : : "m"(t->env->fcw));
}

void tcg_fp_leave(struct Tcg *t) {
    x87_set_pointers(t, x87_pointers(t));
    t->env->mxcsr = tcg_mxcsr(t);
    host_set_mxcsr((uint32_t)t->host_mxcsr);
    uint16_t fcw = t->host_fcw;
    __asm__ volatile("fnclex\n\tfldcw %0" : : "m"(fcw));
}

uint32_t tcg_mxcsr_mask(const struct Tcg *t) { return cpu_model_mxcsr(&t->cpu->model); }

void tcg_set_mxcsr(struct Tcg *t, uint32_t v) {
    t->env->mxcsr = v;
    host_set_mxcsr((v & MXCSR_ON_HOST) | MXCSR_MASKS);
}

void tcg_set_fcw(struct Tcg *t, uint16_t v) {
    CPUX86State *env = t->env;
    env->xinuse |= XCR0_X87;
    env->fcw = (v & FCW_SETTABLE) | FCW_ONE;
    env->fsw = x87_summary(env->fsw, env->fcw);
    /* Flags first: FLDCW that unmasks one would make it pending on the host. */
    __asm__ volatile("fnclex\n\tfldcw %0" : : "m"(env->fcw));
}
