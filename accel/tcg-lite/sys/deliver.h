/* SPDX-License-Identifier: MIT */
/**
 * Delivery of interrupts and exceptions.
 */
#ifndef TWIN86_TCG_DELIVER_H
#define TWIN86_TCG_DELIVER_H

#include "accel/tcg-lite/run/tcg.h"

enum TcgEvent {
    EVENT_FAULT,
    EVENT_SOFTWARE /* INT n, INT3, INTO */,
    EVENT_ICEBP /* INT1 */,
    EVENT_EXTERNAL /* interrupts, NMI */
};

/**
 * Deliver an event through the IDT (or real-mode IVT): checks, stack switch, frame, new CS:RIP. env->rip is exact and
 * is what gets pushed; t->insn is NULL. Raises faults itself by tcg_raise. Ends with tcg_update_mode.
 */
void tcg_deliver(struct Tcg *t, enum TcgEvent kind, uint8_t vector, bool has_error, uint32_t error);

/** What becomes of a fault `second` raised while `first` (a vector, TCG_BENIGN, or -1) was being delivered. */
enum TcgCombined { FAULT_SERIAL, FAULT_DOUBLE, FAULT_TRIPLE };
enum TcgCombined tcg_combine_fault(int first, int second);

#endif
