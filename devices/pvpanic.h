/* SPDX-License-Identifier: MIT */
/**
 * pvpanic, the port by which a guest tells that its kernel has panicked (QEMU, docs/specs/pvpanic.rst): bit 0, it is
 * over; bit 1, a crash kernel takes over, and the host shall not interfere. Reading gives the bits that the device
 * knows. Linux's pvpanic-mmio finds it in ACPI as QEMU0001. No guest-visible state.
 */
#ifndef TWIN86_DEVICES_PVPANIC_H
#define TWIN86_DEVICES_PVPANIC_H

#include "devices/device_log.h"
#include "memory/bus.h"

#define PVPANIC_IOPORT 0x505

enum {
    PVPANIC_PANICKED = 1 << 0,
    PVPANIC_CRASH_LOADED = 1 << 1,
    PVPANIC_EVENTS = PVPANIC_PANICKED | PVPANIC_CRASH_LOADED
};

struct Pvpanic {
    uint8_t events;                               /* bits that it knows */
    void (*report)(void *opaque, uint32_t event); /* one bit: the worse one. Machine lock held */
    void *opaque;
    const struct DeviceLog *log; /* NULL: nobody looks */
};

void pvpanic_init(struct Pvpanic *p, uint8_t events, void (*report)(void *opaque, uint32_t event), void *opaque);
/** Map its port. 0 or -errno of the bus. */
int pvpanic_map(struct Pvpanic *p, struct Bus *bus, uint16_t port);

#endif
