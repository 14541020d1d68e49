/* SPDX-License-Identifier: MIT */
/**
 * An interrupt wire: what a device raises and lowers without knowing who listens.
 */
#ifndef TWIN86_DEVICES_IRQ_H
#define TWIN86_DEVICES_IRQ_H

#include <stdbool.h>
#include <stddef.h>

/** A wire's far end. `line` is the listener's input number. Called with the machine lock held. */
struct IrqWire {
    void (*set)(void *opaque, int line, bool level);
    void *opaque;
    int line;
};

/** Drive the wire. A wire with no listener (set == NULL) is legal and does nothing. */
static inline void irq_set(const struct IrqWire *w, bool level) {
    if (w->set != NULL)
        w->set(w->opaque, w->line, level);
}

#endif
