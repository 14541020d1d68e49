/* SPDX-License-Identifier: MIT */
/**
 * What the engine derives from control state: mode bits, the TLB in use; and registers whose change has side effects.
 */
#ifndef TWIN86_TCG_MODE_H
#define TWIN86_TCG_MODE_H

#include "accel/tcg-lite/run/tcg.h"

/** Recompute t->mode, t->mmu, t->tlb, t->mode_key from env. Call after any change of CR0, CR4, EFER, XCR0, segment
 *  registers, CPL, RFLAGS (TF, VM, AC), DR7 or MXCSR masks. */
void tcg_update_mode(struct Tcg *t);
/** All of RFLAGS, arithmetic flags included. */
static inline uint64_t tcg_rflags(const struct Tcg *t) {
    return (t->env->rflags & ~(uint64_t)FLAG_ARITH) | cc_flags(&t->cc);
}
/** Store all of RFLAGS; the caller has masked what may change. Does tcg_update_mode when TF, VM or AC changed. */
void tcg_set_rflags(struct Tcg *t, uint64_t v);
/** Set CR0, CR3, CR4 with all side effects (flushes, LMA, PDPTE loads) but no privilege or value checks. */
void tcg_set_cr0(struct Tcg *t, uint64_t v);
void tcg_set_cr3(struct Tcg *t, uint64_t v);
void tcg_set_cr4(struct Tcg *t, uint64_t v);
/** Store PKRU; translations whose key has other rights now are forgotten. */
void tcg_set_pkru(struct Tcg *t, uint32_t v);

#endif
