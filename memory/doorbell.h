/* SPDX-License-Identifier: MIT */
/**
 * Doorbells: registers of devices to which writing says nothing but "look". An engine can have a write to one signal an
 * eventfd without leaving the guest (KVM_IOEVENTFD); whoever added it then does what the write would have done. Where
 * no engine does so, the write reaches the device as any other.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_MEMORY_DOORBELL_H
#define TWIN86_MEMORY_DOORBELL_H

#include "memory/bus.h"

/** Part of its owner, who keeps it until it is taken out. */
struct BusDoorbell {
    struct BusDoorbell *next;
    const struct Region *region;
    uint64_t offset; /* within the region; the register has 16 bits */
    int fd;          /* an eventfd, the owner's */
};

/** An engine says that it can. */
void bus_want_doorbells(struct Bus *bus);
bool bus_doorbells_wanted(const struct Bus *bus);

/** Engines learn of it when the region is next mapped. */
void bus_add_doorbell(struct Bus *bus, struct BusDoorbell *d);
/** Take one out, whichever; NULL: there is none. */
struct BusDoorbell *bus_take_doorbell(struct Bus *bus);
void bus_for_each_doorbell(struct Bus *bus, void (*fn)(void *opaque, struct BusDoorbell *d), void *opaque);
/** Where the guest finds it now. False: nowhere. */
bool bus_find_doorbell(struct Bus *bus, const struct BusDoorbell *d, uint64_t *gpa);

#endif
