/* SPDX-License-Identifier: MIT */
/* The port space. Everything here runs under the machine lock, as the callbacks do. */
#include "memory/bus_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_DEFAULT_MAX = 1 }; /* a device on an 8-bit bus: wider accesses become several */

/* Give every port of [base, base + count) to the last range that holds it. */
static void assign_owners(struct Bus *bus, unsigned base, unsigned count) {
    memset(&bus->port_owner[base], 0, count * sizeof(*bus->port_owner));
    for (size_t i = 0; i < bus->port_range_count; i++) {
        const struct PortRange *r = &bus->port_ranges[i];
        unsigned first = r->base > base ? r->base : base;
        unsigned end = r->base + r->count < base + count ? r->base + r->count : base + count;
        for (unsigned port = first; port < end; port++)
            bus->port_owner[port] = (uint16_t)(i + 1);
    }
}

static int ports_reserve(struct Bus *bus, size_t count) {
    if (count >= UINT16_MAX)
        return -ENOSPC;
    if (count <= bus->port_range_capacity)
        return 0;
    size_t capacity = count < 32 ? 32 : 2 * count;
    struct PortRange *p = realloc(bus->port_ranges, capacity * sizeof(*p));
    if (!p)
        return -ENOMEM;
    bus->port_ranges = p;
    bus->port_range_capacity = capacity;
    return 0;
}

int bus_map_ports(struct Bus *bus, uint16_t base, unsigned count, const char *name, const struct IoOps *ops,
                  void *opaque) {
    if (count == 0 || count > PORT_COUNT - (unsigned)base)
        return -EINVAL;
    pthread_mutex_lock(bus->lock);
    int err = ports_reserve(bus, bus->port_range_count + 1);
    if (!err) {
        bus->port_ranges[bus->port_range_count++] =
            (struct PortRange){.base = base, .count = count, .name = name, .ops = ops, .opaque = opaque};
        assign_owners(bus, base, count);
    }
    pthread_mutex_unlock(bus->lock);
    return err;
}

static bool is_range(const struct PortRange *r, uint16_t base, unsigned count, const void *opaque) {
    return r->base == base && r->count == count && r->opaque == opaque;
}

void bus_unmap_ports(struct Bus *bus, uint16_t base, unsigned count, const void *opaque) {
    pthread_mutex_lock(bus->lock);
    size_t i = bus->port_range_count;
    while (i > 0 && !is_range(&bus->port_ranges[i - 1], base, count, opaque))
        i--;
    if (i > 0) {
        memmove(&bus->port_ranges[i - 1], &bus->port_ranges[i],
                (bus->port_range_count - i) * sizeof(*bus->port_ranges));
        bus->port_range_count--;
        assign_owners(bus, 0, PORT_COUNT); /* the indices behind it have moved */
    }
    pthread_mutex_unlock(bus->lock);
}

void bus_for_each_ports(struct Bus *bus, void (*fn)(void *opaque, uint16_t first, uint16_t last, const char *name),
                        void *opaque) {
    for (unsigned port = 0, end; port < PORT_COUNT; port = end) {
        unsigned owner = bus->port_owner[port];
        for (end = port + 1; end < PORT_COUNT && bus->port_owner[end] == owner;)
            end++;
        if (owner != 0)
            fn(opaque, (uint16_t)port, (uint16_t)(end - 1), bus->port_ranges[owner - 1].name);
    }
}

const char *bus_port_name(struct Bus *bus, uint16_t port) {
    pthread_mutex_lock(bus->lock);
    unsigned owner = bus->port_owner[port];
    const char *name = owner != 0 ? bus->port_ranges[owner - 1].name : NULL;
    pthread_mutex_unlock(bus->lock);
    return name;
}

/* The callback that serves the front of `len` bytes at `port`, or one port that nobody owns (*range is then NULL). */
static struct IoPiece port_piece(const struct Bus *bus, uint16_t port, unsigned len, const struct PortRange **range) {
    unsigned owner = bus->port_owner[port];
    if (owner == 0) {
        *range = NULL;
        return (struct IoPiece){.size = 1, .take = 1};
    }
    *range = &bus->port_ranges[owner - 1];
    unsigned run = 1; /* later mappings may own ports in the middle */
    while (run < len && port + run < PORT_COUNT && bus->port_owner[port + run] == owner)
        run++;
    return io_piece((*range)->ops, PORT_DEFAULT_MAX, port - (*range)->base, run);
}

static void read_ports(struct Bus *bus, uint16_t port, uint8_t *buf, unsigned size) {
    bus_enter(bus);
    for (unsigned done = 0; done < size;) {
        const struct PortRange *r;
        struct IoPiece p = port_piece(bus, (uint16_t)(port + done), size - done, &r);
        uint64_t value = r ? io_read(r->ops, r->opaque, p.offset, p.size) >> (8 * p.skip) : 0xff;
        memcpy(buf + done, &value, p.take);
        done += p.take;
    }
    bus_leave(bus);
}

static void write_ports(struct Bus *bus, uint16_t port, const uint8_t *buf, unsigned size) {
    bus_enter(bus);
    for (unsigned done = 0; done < size;) {
        const struct PortRange *r;
        struct IoPiece p = port_piece(bus, (uint16_t)(port + done), size - done, &r);
        if (r) {
            uint64_t piece = 0;
            memcpy(&piece, buf + done, p.take);
            io_write(r->ops, r->opaque, p.offset, piece << (8 * p.skip), p.size);
        }
        done += p.take;
    }
    bus_leave(bus);
}

uint32_t bus_port_read(struct Bus *bus, uint16_t port, unsigned size) {
    const struct BusTap *tap = bus->tap;
    uint32_t value = 0;
    struct BusAccess a = {.port = true, .address = port, .data = &value, .size = size};
    if (tap && tap->instead) {
        tap->instead(tap->opaque, &a);
        return value;
    }
    read_ports(bus, port, (uint8_t *)&value, size);
    if (tap && tap->after)
        tap->after(tap->opaque, &a);
    return value;
}

void bus_port_write(struct Bus *bus, uint16_t port, uint32_t value, unsigned size) {
    const struct BusTap *tap = bus->tap;
    struct BusAccess a = {.port = true, .write = true, .address = port, .data = &value, .size = size};
    if (tap && tap->instead) {
        tap->instead(tap->opaque, &a);
        return;
    }
    write_ports(bus, port, (const uint8_t *)&value, size);
    if (tap && tap->after)
        tap->after(tap->opaque, &a);
}
