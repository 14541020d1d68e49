/* SPDX-License-Identifier: MIT */
#include "accel/tcg-lite/run/liveness.h"

/**
 * It shows the flags to no fault handler, or its operand is in memory. Only the base instruction set is looked at.
 */
static bool is_harmless(const struct X86Row *row) {
    return row->faults == 0 && (row->feature == CPUID_NONE || row->feature == CPUID_CMOV);
}

void liveness_pick(struct TcgDecoded *d, unsigned n) {
    uint8_t live = FB_ALL;
    for (unsigned k = n; k-- > 0;) {
        const struct Decoded *x = &d[k].isa;
        if (x->flow)
            live = FB_ALL;
        if (((x->flags_written | x->flags_maybe) & live) == 0)
            d[k].insn.fn = d[k].fn_no_flags;
        live = (uint8_t)((live & ~x->flags_written) | x->flags_read);
        if (x->insn.mem || !is_harmless(&x86_rows[x->row])) /* a fault comes before its own flags */
            live = FB_ALL;
    }
}
