/* SPDX-License-Identifier: MIT */
/** Expressions: numbers, $registers and C's integer operators. */
#ifndef TWIN86_DEBUG_MONITOR_EXPR_H
#define TWIN86_DEBUG_MONITOR_EXPR_H

#include "cpu/env.h"
#include "debug/symbols.h"

#include <stddef.h>

/**
 * Evaluate the expression at *text in 64 bits, unsigned but for the sign of what is printed: 12, 0x1f, 017, 'A', $rip,
 * $eax, $cs.base, a symbol's name (`symbols` may be NULL); ( ) ~ ! - + * / % << >> & ^ |. *text is moved behind it;
 * blanks end it where an operator could not follow. 0, or -EINVAL with one line in `why`. `env` must be up to date.
 */
int expr_eval(const CPUX86State *env, const struct Symbols *symbols, const char **text, uint64_t *value, char *why,
              size_t n);

/** The register of that name, without '$': those of machine/regs.h and eax, ax, al, r8d, eip, sp, eflags, ..., and
 *  pc, the linear address of the next instruction.
 *  False: there is none. */
bool expr_register(const CPUX86State *env, const char *name, size_t length, uint64_t *value);

#endif
