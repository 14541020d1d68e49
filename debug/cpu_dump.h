/* SPDX-License-Identifier: MIT */
/** Registers as text for a person, in the manner of QEMU's `info registers`, with flags and control bits by name. */
#ifndef TWIN86_DEBUG_CPU_DUMP_H
#define TWIN86_DEBUG_CPU_DUMP_H

#include "cpu/env.h"

#include <stdio.h>

/** GPRs, RIP, RFLAGS, segments with their hidden parts, tables, CRs, DRs, EFER: about 20 lines of up to 100 columns.
 *  64-bit registers are shown in long mode, else 32-bit ones. */
void cpu_dump(const CPUX86State *env, FILE *f);
/** x87, MMX and SSE registers. */
void cpu_dump_fpu(const CPUX86State *env, FILE *f);

/** "CF ZF IF" and so on, highest first; IOPL when not 0. */
void cpu_print_flags(uint64_t rflags, FILE *f);
/** "#PF"; "int 80h"-style names are the caller's. NULL for a vector that is no architectural exception. */
const char *cpu_exception_name(uint8_t vector);
/** cs:rip or ss:rsp with as many digits as the mode needs. */
void cpu_print_far(const CPUX86State *env, uint16_t selector, uint64_t offset, FILE *f);

#endif
