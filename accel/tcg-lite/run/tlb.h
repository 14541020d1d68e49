/* SPDX-License-Identifier: MIT */
/**
 * What mem.c needs of the TLB.
 */
#ifndef TWIN86_TCG_TLB_H
#define TWIN86_TCG_TLB_H

#include "accel/tcg-lite/run/tcg.h"
#include "cpu/pagewalk.h"

/**
 * Translate the page of `linear` for context `mmu` and remember it; sets accessed and (write) dirty bits. Raises #PF on
 * behalf of i. The linear address must be canonical.
 */
struct TlbEntry *tcg_tlb_fill(struct Tcg *t, const struct Insn *i, unsigned mmu, uint64_t linear, bool write);

#endif
