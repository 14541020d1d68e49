/* SPDX-License-Identifier: MIT */
#include "memory/doorbell.h"

#include "memory/bus_internal.h"

enum { REGISTER_SIZE = 2 };

void bus_want_doorbells(struct Bus *bus) { bus->doorbells_wanted = true; }
bool bus_doorbells_wanted(const struct Bus *bus) { return bus->doorbells_wanted; }

void bus_add_doorbell(struct Bus *bus, struct BusDoorbell *d) {
    d->next = bus->doorbells;
    bus->doorbells = d;
}

struct BusDoorbell *bus_take_doorbell(struct Bus *bus) {
    struct BusDoorbell *d = bus->doorbells;
    if (d != NULL)
        bus->doorbells = d->next;
    return d;
}

void bus_for_each_doorbell(struct Bus *bus, void (*fn)(void *opaque, struct BusDoorbell *d), void *opaque) {
    for (struct BusDoorbell *d = bus->doorbells; d != NULL; d = d->next)
        fn(opaque, d);
}

struct Search {
    const struct BusDoorbell *d;
    uint64_t gpa;
    bool found;
};

static void look_in_range(void *opaque, const struct BusMapping *m, uint64_t offset) {
    struct Search *s = opaque;
    uint64_t at = s->d->offset - offset;
    if (s->found || m->region != s->d->region || s->d->offset < offset || at >= m->size || m->size - at < REGISTER_SIZE)
        return;
    s->gpa = m->base + at;
    s->found = true;
}

bool bus_find_doorbell(struct Bus *bus, const struct BusDoorbell *d, uint64_t *gpa) {
    struct Search s = {.d = d};
    bus_for_each(bus, look_in_range, &s);
    *gpa = s.gpa;
    return s.found;
}
