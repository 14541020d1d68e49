/* SPDX-License-Identifier: MIT */
#include "devices/apic/apic_bus.h"
#include "devices/apic/lapic.h"

void apic_bus_init(struct ApicBus *bus) { *bus = (struct ApicBus){0}; }

void apic_bus_add_lapic(struct ApicBus *bus, struct Lapic *lapic) {
    struct Lapic **p = &bus->lapics;
    while (*p)
        p = &(*p)->next;
    lapic->next = NULL;
    *p = lapic;
}

void apic_bus_add_listener(struct ApicBus *bus, struct ApicEoiListener *listener) {
    listener->next = bus->listeners;
    bus->listeners = listener;
}

/* Lowest priority: the data sheets leave ties open; the least id makes runs repeatable. */
static bool deliver_lowest(struct ApicBus *bus, const struct ApicMessage *msg, const struct Lapic *except) {
    struct Lapic *best = NULL;
    unsigned least = 0;
    for (struct Lapic *l = bus->lapics; l; l = l->next) {
        if (l == except || !lapic_matches(l, msg) || !lapic_accepts_fixed(l))
            continue;
        unsigned priority = lapic_settled_priority(l);
        if (best && priority >= least)
            continue;
        best = l;
        least = priority;
    }
    return best && lapic_receive(best, msg);
}

bool apic_bus_deliver(struct ApicBus *bus, const struct ApicMessage *msg, const struct Lapic *except) {
    if (msg->mode == APIC_DM_LOWEST)
        return deliver_lowest(bus, msg, except);
    bool accepted = false;
    for (struct Lapic *l = bus->lapics; l; l = l->next) {
        if (l != except && lapic_matches(l, msg))
            accepted |= lapic_receive(l, msg);
    }
    return accepted;
}

void apic_bus_msi(struct ApicBus *bus, uint64_t address, uint32_t data) {
    if (address >> 20 != 0xfee)
        return;
    struct ApicMessage msg = {
        .dest = address >> 12 & 0xff,
        .vector = data & 0xff,
        .mode = data >> 8 & 7,
        .logical = address & 1 << 2, /* heeded with or without the redirection hint, as chipsets do */
        .level = data & 1 << 15,
    };
    msg.broadcast = !msg.logical && msg.dest == 0xff;
    apic_bus_deliver(bus, &msg, NULL);
}

void apic_bus_eoi(struct ApicBus *bus, uint8_t vector) {
    for (struct ApicEoiListener *l = bus->listeners; l; l = l->next)
        l->eoi(l->opaque, vector);
}

static struct Lapic *current_lapic(struct ApicBus *bus) {
    return bus->current ? bus->current(bus->current_opaque) : bus->lapics;
}

/* Whose registers an access means; NULL: nobody's. */
static struct Lapic *lapic_at(const struct ApicPage *page) {
    struct Lapic *l = current_lapic(page->bus);
    return l && lapic_page(l) == page->at ? l : NULL;
}

static uint64_t page_read(void *opaque, uint64_t offset, unsigned size) {
    struct Lapic *l = lapic_at(opaque);
    (void)size;
    return l ? lapic_mmio_read(l, offset) : UINT32_MAX;
}

static void page_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Lapic *l = lapic_at(opaque);
    (void)size;
    if (l)
        lapic_mmio_write(l, offset, (uint32_t)value);
}

void apic_page_init(struct ApicPage *page, struct ApicBus *bus) {
    static const struct IoOps ops = {.read = page_read, .write = page_write, .min_size = 4, .max_size = 4};
    *page = (struct ApicPage){.bus = bus};
    region_init_mmio(&page->region, "local APIC", 4096, &ops, page);
}
