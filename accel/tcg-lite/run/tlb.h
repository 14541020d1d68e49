/* SPDX-License-Identifier: MIT */
/**
 * Translations of linear addresses: for data by context (MMU_*), for instruction fetch by privilege.
 */
#ifndef TWIN86_TCG_TLB_H
#define TWIN86_TCG_TLB_H

#include "accel/tcg-lite/run/tcg.h"
#include "cpu/pagewalk.h"

void tcg_tlb_init(struct Tcg *t);
void tcg_tlb_flush(struct Tcg *t); /* everything, globals too */
void tcg_tlb_flush_non_global(struct Tcg *t);
void tcg_tlb_flush_page(struct Tcg *t, uint64_t linear); /* INVLPG */
/** The next access to this physical page for writing takes the slow path (it now holds decoded code). */
void tcg_tlb_protect_code(struct Tcg *t, uint64_t phys);
/** Translate for instruction fetch at the current CPL; raises #PF or #GP (t->insn must be NULL). */
const struct ExecTlbEntry *tcg_exec_page(struct Tcg *t, uint64_t linear);
/** The same; NULL where that would raise. */
const struct ExecTlbEntry *tcg_exec_page_known(struct Tcg *t, uint64_t linear);

/**
 * Translate the page of `linear` for context `mmu` and remember it; sets accessed and (write) dirty bits. Raises #PF on
 * behalf of i. The linear address must be canonical.
 */
struct TlbEntry *tcg_tlb_fill(struct Tcg *t, const struct Insn *i, unsigned mmu, uint64_t linear, bool write);

#endif
