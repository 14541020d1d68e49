/* SPDX-License-Identifier: MIT */
/**
 * System control port A (92h): fast A20 gate (bit 1) and fast reset (bit 0, on its rise). Machine lock held.
 */
#ifndef TWIN86_DEVICES_PORT92_H
#define TWIN86_DEVICES_PORT92_H

#include "devices/state.h"
#include "memory/bus.h"

struct Port92State {
    uint8_t value;
};

struct Port92 {
    struct Port92State state;
    void (*set_a20)(void *opaque, bool enabled); /* may be NULL */
    void (*reset)(void *opaque);                 /* may be NULL */
    void *opaque;
};

void port92_init(struct Port92 *p, void (*set_a20)(void *opaque, bool enabled), void (*reset)(void *opaque),
                 void *opaque);
/** A20 reads as enabled afterwards; set_a20 is not called. */
void port92_reset(struct Port92 *p);
extern const struct StateTable port92_state_table;
/** The state was restored: A20 follows, by set_a20. */
void port92_restored(struct Port92 *p);
/** Map the port at `base` (92h). Returns 0 or -errno. */
int port92_map(struct Port92 *p, struct Bus *bus, uint16_t base);
/** Somebody else (the keyboard controller) switched A20: let bit 1 show it. Calls nothing. */
void port92_a20_changed(struct Port92 *p, bool enabled);

#endif
