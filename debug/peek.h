/* SPDX-License-Identifier: MIT */
/**
 * Look at guest memory as a debugger does: without setting accessed and dirty bits, without faults, and without
 * touching devices, whose registers may change when read.
 */
#ifndef TWIN86_DEBUG_PEEK_H
#define TWIN86_DEBUG_PEEK_H

#include "cpu/cpu.h"

/** The linear address of seg:offset under the CPU's present mode. */
uint64_t peek_linear(const CPUX86State *env, enum X86Seg seg, uint64_t offset);

/** Translate as the page tables are now; false: nothing is mapped there. As peek_memory. */
bool peek_translate(struct CPUState *cpu, uint64_t linear, uint64_t *phys);

/**
 * Copy up to `n` bytes from linear address `linear`; returns how many could be read: less than `n` where the page is
 * not present, the address not canonical, or no RAM or ROM is there. In the vCPU's thread, or stopped; env up to date.
 */
size_t peek_memory(struct CPUState *cpu, uint64_t linear, void *buf, size_t n);

#endif
