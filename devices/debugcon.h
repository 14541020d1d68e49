/* SPDX-License-Identifier: MIT */
/**
 * Debug console, as Bochs and QEMU have it: a byte written to port E9h appears on the host; a read gives E9h, by which
 * guests find it. No guest-visible state. Machine lock held.
 */
#ifndef TWIN86_DEVICES_DEBUGCON_H
#define TWIN86_DEVICES_DEBUGCON_H

#include "devices/chardev.h"
#include "memory/bus.h"

#define DEBUGCON_PORT 0xe9

struct Debugcon {
    struct CharBackend backend;
};

void debugcon_init(struct Debugcon *d, struct CharBackend backend);
/** Map it at `base` (DEBUGCON_PORT). Returns 0 or -errno. */
int debugcon_map(struct Debugcon *d, struct Bus *bus, uint16_t base);

#endif
