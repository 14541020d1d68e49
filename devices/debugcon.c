/* SPDX-License-Identifier: MIT */
#include "devices/debugcon.h"

#define DEBUGCON_READBACK 0xe9

static uint64_t debugcon_read(void *opaque, uint64_t offset, unsigned size) {
    (void)opaque, (void)offset, (void)size;
    return DEBUGCON_READBACK;
}

static void debugcon_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Debugcon *d = opaque;
    uint8_t byte = value;

    (void)offset, (void)size;
    char_write(&d->backend, &byte, 1);
}

static const struct IoOps debugcon_ops = {.read = debugcon_read, .write = debugcon_write, .min_size = 1, .max_size = 1};

void debugcon_init(struct Debugcon *d, struct CharBackend backend) { d->backend = backend; }

int debugcon_map(struct Debugcon *d, struct Bus *bus, uint16_t base) {
    return bus_map_ports(bus, base, 1, "debugcon", &debugcon_ops, d);
}
