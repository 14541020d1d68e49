/* SPDX-License-Identifier: MIT */
#include "devices/isa_debug_exit.h"

#include <errno.h>

static uint64_t debug_exit_read(void *opaque, uint64_t offset, unsigned size) {
    (void)opaque, (void)offset, (void)size;
    return 0;
}

static void debug_exit_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct IsaDebugExit *d = opaque;

    (void)offset, (void)size;
    if (d->exit != NULL)
        d->exit(d->opaque, (uint32_t)value << 1 | 1);
}

static const struct IoOps debug_exit_ops = {
    .read = debug_exit_read, .write = debug_exit_write, .min_size = 1, .max_size = 4};

void isa_debug_exit_init(struct IsaDebugExit *d, void (*exit)(void *opaque, uint32_t code), void *opaque) {
    d->exit = exit;
    d->opaque = opaque;
}

int isa_debug_exit_map(struct IsaDebugExit *d, struct Bus *bus, uint16_t iobase, unsigned iosize) {
    if (iosize < 1 || iosize > 4)
        return -EINVAL;
    return bus_map_ports(bus, iobase, iosize, "isa-debug-exit", &debug_exit_ops, d);
}
