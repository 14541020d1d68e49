/* SPDX-License-Identifier: MIT */
/**
 * Debug registers: which enabled breakpoints an access meets (SDM vol. 3, 18.2). Pure functions of env; the results are
 * bits B0-B3 of DR6, 0 when nothing matches.
 */
#ifndef TWIN86_TCG_DEBUG_REGS_H
#define TWIN86_TCG_DEBUG_REGS_H

#include "cpu/env.h"

enum {
    DR6_FIXED = 0xffff0ff0,
    DR7_LOCAL = 0x55,   /* L0-L3 */
    DR7_ENABLES = 0xff, /* L0-L3 and G0-G3 */
    DR7_LE = 1 << 8,
    DR7_FIXED = 1 << 10,
    DR7_GD = 1 << 13,
    DR7_WRITABLE = 0xffff23ff,
};

/** Breakpoint kinds: the R/W fields of DR7. */
enum { DR7_EXEC, DR7_WRITE, DR7_IO, DR7_ACCESS };

/** Bits of DR7's enable fields that are set for breakpoints of `kind`: quick test whether any can match. */
bool dr_any(const CPUX86State *env, unsigned kind);

/** A data access of `size` bytes at a linear address. */
uint32_t dr_match_data(const CPUX86State *env, uint64_t linear, unsigned size, bool write);
/** An instruction that begins at a linear address. */
uint32_t dr_match_exec(const CPUX86State *env, uint64_t linear);
/** IN, OUT, INS or OUTS of `size` bytes. */
uint32_t dr_match_io(const CPUX86State *env, uint16_t port, unsigned size);

/** True when DR7 enables a breakpoint on data; all data accesses must then be looked at. */
static inline bool dr_watches_data(const CPUX86State *env) {
    return (env->dr[7] & DR7_ENABLES) != 0 && (dr_any(env, DR7_WRITE) || dr_any(env, DR7_ACCESS));
}

#endif
