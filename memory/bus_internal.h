/* SPDX-License-Identifier: MIT */
/** What the bus's files share. */
#ifndef TWIN86_MEMORY_BUS_INTERNAL_H
#define TWIN86_MEMORY_BUS_INTERNAL_H

#include "memory/bus.h"

#include <stdatomic.h>

/** A call of bus_map: the order in the list is the priority. */
struct Mapping {
    uint64_t base, size, offset;
    struct Region *region;
};

/**
 * One visible range of the flattened map. Readers take it without a lock, hence the atomics; a torn set of ranges is
 * noticed by the sequence count and read again.
 */
struct Range {
    _Atomic uint64_t base, last, offset;
    struct Region *_Atomic region;
};

/**
 * The flattened map, sorted by base. The array is overwritten in place under the sequence count, so it never has to be
 * freed while somebody reads; when it grows, the old one (at most as large in sum as the new one) stays until bus_free.
 */
struct View {
    struct View *older;
    size_t capacity;
    struct Range range[];
};

struct PortRange {
    uint16_t base;
    unsigned count;
    const char *name;
    const struct IoOps *ops;
    void *opaque;
};

enum { PORT_COUNT = 65536 };

struct Bus {
    pthread_mutex_t *lock;

    struct Mapping *mappings;
    size_t mapping_count, mapping_capacity;

    _Atomic uint64_t sequence; /* odd while the view changes */
    struct View *_Atomic view;
    _Atomic size_t range_count;
    _Atomic size_t last_ram; /* the range of RAM that was found last: most often the next one, too */

    struct PortRange *port_ranges; /* in order of priority */
    size_t port_range_count, port_range_capacity;
    uint16_t *port_owner; /* for each port 1 + index into port_ranges, or 0 */

    struct BusListener *_Atomic listeners;
    struct BusDoorbell *doorbells;
    bool doorbells_wanted;
    const struct BusTap *tap;
    void (*before)(void *opaque); /* bus_set_before; NULL: nothing */
    void *before_opaque;
    unsigned depth; /* under the lock: accesses under way, each within the one before */
    _Atomic bool a20, dirty_logging;
};

/** Around device code. */
static inline void bus_enter(struct Bus *bus) {
    pthread_mutex_lock(bus->lock);
    if (bus->depth++ == 0 && bus->before != NULL)
        bus->before(bus->before_opaque);
}
static inline void bus_leave(struct Bus *bus) {
    bus->depth--;
    pthread_mutex_unlock(bus->lock);
}

/** Tell every listener. */
void bus_announce_mapping(struct Bus *bus, uint64_t gpa, uint64_t size);
void bus_announce_code(struct Bus *bus, uint64_t gpa, uint64_t size);

/**
 * The size of the next callback for `len` bytes at `offset`: the largest power of two that is naturally aligned, fits,
 * and that `ops` take. When it must be widened, the callback covers bytes before or after those asked for.
 */
struct IoPiece {
    uint64_t offset; /* of the callback; a multiple of size */
    unsigned size;   /* of the callback */
    unsigned skip;   /* bytes of the callback before the first one asked for */
    unsigned take;   /* bytes of the callback that were asked for, from skip on */
};
struct IoPiece io_piece(const struct IoOps *ops, unsigned default_max, uint64_t offset, uint64_t len);

/** Calls that tolerate absent callbacks. */
uint64_t io_read(const struct IoOps *ops, void *opaque, uint64_t offset, unsigned size);
void io_write(const struct IoOps *ops, void *opaque, uint64_t offset, uint64_t value, unsigned size);

#endif
