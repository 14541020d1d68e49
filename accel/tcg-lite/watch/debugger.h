/* SPDX-License-Identifier: MIT */
/**
 * A debugger's stops.
 */
#ifndef TWIN86_TCG_DEBUGGER_H
#define TWIN86_TCG_DEBUGGER_H

#include "accel/tcg-lite/run/tcg.h"

/** Make blocks, TLB and mode follow cpu->debug; on entry to exec(). */
void tcg_debug_follow(struct Tcg *t);
/** Bytes of memory were accessed: stop after the instruction if they are watched. i may be NULL. */
void tcg_debug_access(struct Tcg *t, const struct Insn *i, uint64_t linear, unsigned size, bool write);
/** A debugger has a breakpoint at this offset in some page. */
ALWAYS_INLINE bool tcg_break_offset(const struct Tcg *t, uint64_t linear) {
    return (t->break_map[(linear >> 6) & 63] >> (linear & 63)) & 1;
}

#endif
