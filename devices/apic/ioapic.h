/* SPDX-License-Identifier: MIT */
/**
 * I/O APIC (Intel 82093AA data sheet, order 290566-001), with the EOI register of its successors (version 20h; Intel
 * 631xESB/632xESB data sheet, "EOIR").
 *
 * Wires carry assertion, not voltage. The board says which pins it wired active-low; a guest that programs the other
 * polarity sees the inverse, as on hardware.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_IOAPIC_H
#define TWIN86_DEVICES_IOAPIC_H

#include "devices/apic/apic_bus.h"
#include "devices/device_log.h"
#include "devices/irq.h"
#include "devices/state.h"

#define IOAPIC_DEFAULT_BASE 0xfec00000u
#define IOAPIC_VERSION 0x20

enum { IOAPIC_PINS = 24, IOAPIC_PAGE_SIZE = 0x1000 };

struct IoapicState {
    uint64_t redirection[IOAPIC_PINS];
    uint32_t asserted; /* levels of the wires, one bit for each pin */
    uint32_t id;       /* 4 bits */
    uint32_t select;   /* IOREGSEL */
    uint32_t unused;
};

struct Ioapic {
    struct IoapicState state;
    uint32_t active_low; /* pins whose wire is low when asserted */
    uint8_t initial_id;
    struct ApicBus *bus;
    struct ApicEoiListener listener;
    struct Region region;
    const struct DeviceLog *log; /* NULL: nobody looks */
};

/** `active_low`: a bit for each pin that the board wires active-low (PCI interrupts); `id`: 0..15. */
void ioapic_init(struct Ioapic *io, struct ApicBus *bus, uint8_t id, uint32_t active_low);
/** All masked. */
void ioapic_reset(struct Ioapic *io);
extern const struct StateTable ioapic_state_table;

/** An IrqWire's `set`: `opaque` is the struct Ioapic, `line` the pin, 0..23 (others are ignored). */
void ioapic_set_irq(void *opaque, int line, bool level);

/** Registers at IOREGSEL 00h, IOWIN 10h, EOI 40h; `io->region` is this, ready to be mapped at IOAPIC_DEFAULT_BASE. */
extern const struct IoOps ioapic_ops;

#endif
