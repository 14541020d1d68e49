/* SPDX-License-Identifier: MIT */
/* The guest's floating-point modes on the host. See fpu_host.h. */
#include "accel/tcg-lite/exec/x87/fpu_host.h"

#include "cpu/cpu.h"

void tcg_fp_enter(struct Tcg *t) {
    uint16_t fcw;
    t->host_mxcsr = host_mxcsr();
    __asm__ volatile("fnstcw %0" : "=m"(fcw));
    t->host_fcw = fcw;
    host_set_mxcsr((t->env->mxcsr & tcg_mxcsr_mask(t)) | MXCSR_MASKS);
    /* An empty stack with TOP = 0: kernels tell from TOP what an instruction has pushed or popped. */
    __asm__ volatile("fninit\n\tfldcw %0" : : "m"(t->env->fcw));
}

void tcg_fp_leave(struct Tcg *t) {
    t->env->mxcsr = tcg_mxcsr(t);
    host_set_mxcsr((uint32_t)t->host_mxcsr);
    uint16_t fcw = t->host_fcw;
    __asm__ volatile("fnclex\n\tfldcw %0" : : "m"(fcw));
}

uint32_t tcg_mxcsr_mask(const struct Tcg *t) {
    /* DAZ came with SSE2 (SDM vol. 1, 11.6.6). */
    return cpu_has(&t->cpu->model, CPUID_SSE2) ? 0xffff : 0xffbf;
}

void tcg_set_mxcsr(struct Tcg *t, uint32_t v) {
    t->env->mxcsr = v;
    host_set_mxcsr(v | MXCSR_MASKS);
}

void tcg_set_fcw(struct Tcg *t, uint16_t v) {
    CPUX86State *env = t->env;
    env->fcw = (v & FCW_SETTABLE) | FCW_ONE;
    env->fsw = x87_summary(env->fsw, env->fcw);
    /* Flags first: FLDCW that unmasks one would make it pending on the host. */
    __asm__ volatile("fnclex\n\tfldcw %0" : : "m"(env->fcw));
}
