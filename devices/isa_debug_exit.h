/* SPDX-License-Identifier: MIT */
/**
 * isa-debug-exit, as QEMU has it: writing v ends the machine with exit code (v << 1) | 1. No guest-visible state.
 */
#ifndef TWIN86_DEVICES_ISA_DEBUG_EXIT_H
#define TWIN86_DEVICES_ISA_DEBUG_EXIT_H

#include "memory/bus.h"

#define ISA_DEBUG_EXIT_IOBASE 0xf4
#define ISA_DEBUG_EXIT_IOSIZE 4

struct IsaDebugExit {
    void (*exit)(void *opaque, uint32_t code); /* always odd; the host keeps the low 8 bits. Machine lock held */
    void *opaque;
};

void isa_debug_exit_init(struct IsaDebugExit *d, void (*exit)(void *opaque, uint32_t code), void *opaque);
/** Map `iosize` (1..4) ports at `iobase`. Returns 0, -EINVAL or -errno of the bus. */
int isa_debug_exit_map(struct IsaDebugExit *d, struct Bus *bus, uint16_t iobase, unsigned iosize);

#endif
