/* SPDX-License-Identifier: MIT */
/**
 * The APIC bus: carries interrupt messages from I/O APICs, MSIs and IPIs to local APICs, and EOIs back
 * (SDM vol. 3, 11.6 and 11.12; Intel 82093AA data sheet, chapter 3). No state of its own but the list of who is on it.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_APIC_BUS_H
#define TWIN86_DEVICES_APIC_BUS_H

#include "memory/region.h"

struct Lapic;

/** Delivery modes (SDM vol. 3, 11.6.1); the same codes in ICR, LVT, redirection entries and MSI data. */
enum ApicDeliveryMode {
    APIC_DM_FIXED,
    APIC_DM_LOWEST,
    APIC_DM_SMI,
    APIC_DM_RESERVED,
    APIC_DM_NMI,
    APIC_DM_INIT,
    APIC_DM_SIPI, /* ICR only */
    APIC_DM_EXTINT,
};

struct ApicMessage {
    uint32_t dest; /* APIC id, or logical destination */
    uint8_t vector;
    uint8_t mode;   /* enum ApicDeliveryMode */
    bool logical;   /* dest is a logical destination */
    bool broadcast; /* physical: to everybody (the sender knows how wide its destination field is) */
    bool level;     /* level-triggered: the EOI is broadcast */
};

/** Somebody who wants to hear of EOIs of level-triggered interrupts: an I/O APIC. Embedded in it. */
struct ApicEoiListener {
    void (*eoi)(void *opaque, uint8_t vector);
    void *opaque;
    struct ApicEoiListener *next;
};

struct ApicBus {
    struct Lapic *lapics; /* in order of being added */
    struct ApicEoiListener *listeners;
    /** Which local APIC the running vCPU's access to the APIC page is for. Needed with more than one; else NULL. */
    struct Lapic *(*current)(void *opaque);
    void *current_opaque;
};

void apic_bus_init(struct ApicBus *bus);
void apic_bus_add_lapic(struct ApicBus *bus, struct Lapic *lapic);
void apic_bus_add_listener(struct ApicBus *bus, struct ApicEoiListener *listener);

/** Deliver to all that the destination names; lowest priority: to the one running at the lowest, then with the least
 *  id. Returns whether somebody accepted it. `except` (may be NULL) gets nothing. */
bool apic_bus_deliver(struct ApicBus *bus, const struct ApicMessage *msg, const struct Lapic *except);
/** A message signaled interrupt: a device's write of `data` to `address` FEExxxxxh (SDM vol. 3, 11.11). */
void apic_bus_msi(struct ApicBus *bus, uint64_t address, uint32_t data);
/** A local APIC ended a level-triggered interrupt. */
void apic_bus_eoi(struct ApicBus *bus, uint8_t vector);

/** A page at which local APICs are: FEE00000h, or where else a guest has moved some of them. */
struct ApicPage {
    struct ApicBus *bus;
    uint64_t at; /* 0: nowhere */
    struct Region region;
};

/** Its region, 4 KiB of MMIO. Accesses go to the current CPU's APIC; if that is elsewhere, nothing answers. */
void apic_page_init(struct ApicPage *page, struct ApicBus *bus);

#endif
