/* SPDX-License-Identifier: MIT */
#include "devices/pvpanic.h"

static uint64_t pvpanic_read(void *opaque, uint64_t offset, unsigned size) {
    const struct Pvpanic *p = opaque;
    (void)offset, (void)size;
    return p->events;
}

static void pvpanic_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Pvpanic *p = opaque;
    (void)offset, (void)size;
    if (value & ~(uint64_t)p->events)
        device_error(p->log, "pvpanic", "unknown event", value);
    value &= p->events;
    if (value == 0)
        return;
    device_error(p->log, "pvpanic", "the guest's kernel has panicked, event", value);
    if (p->report != NULL)
        p->report(p->opaque, value & PVPANIC_PANICKED ? PVPANIC_PANICKED : PVPANIC_CRASH_LOADED);
}

static const struct IoOps pvpanic_ops = {.read = pvpanic_read, .write = pvpanic_write, .min_size = 1, .max_size = 1};

void pvpanic_init(struct Pvpanic *p, uint8_t events, void (*report)(void *opaque, uint32_t event), void *opaque) {
    p->events = events & PVPANIC_EVENTS;
    p->report = report;
    p->opaque = opaque;
}

int pvpanic_map(struct Pvpanic *p, struct Bus *bus, uint16_t port) {
    return bus_map_ports(bus, port, 1, "pvpanic", &pvpanic_ops, p);
}
