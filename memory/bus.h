/* SPDX-License-Identifier: MIT */
/**
 * The bus: guest-physical address space and port space, shared by every engine and by devices that do DMA.
 *
 * Reads and writes of any size and alignment are split so that each piece lies in one region and has a size that the
 * region's callbacks accept. Unmapped addresses and ports read as all ones and ignore writes.
 *
 * Thread rules: mapping changes happen with the machine lock held while no vCPU runs, or from device code: then the
 * vCPU whose access it was goes on behind its instruction when all others have seen the change. RAM access is
 * lock-free; callbacks are made with the machine lock held (the bus takes it; it is recursive).
 */
#ifndef TWIN86_MEMORY_BUS_H
#define TWIN86_MEMORY_BUS_H

#include "memory/region.h"

#include <pthread.h>

struct Bus;

/** What an engine is told. Called in the thread that made the change. */
struct BusListener {
    void (*mapping_changed)(void *opaque, uint64_t gpa, uint64_t size);
    /* Bytes in a page with PAGE_FLAG_CODE were written by somebody else than the engine's own vCPU store path. */
    void (*code_written)(void *opaque, uint64_t gpa, uint64_t size);
    /* Of several vCPUs, while none of them runs: a page is about to get PAGE_FLAG_CODE, so stores to
     * it must be seen from now on. */
    void (*code_begins)(void *opaque, uint64_t gpa);
    /* The same: bytes in a page with that flag were stored by a vCPU. True: there is still code of this one's. */
    bool (*code_stored)(void *opaque, uint64_t gpa, uint64_t size);
    /* Set PAGE_FLAG_DIRTY where the engine knows of writes that are not in the flags yet. */
    void (*sync_dirty)(void *opaque);
    void *opaque;
    struct BusListener *next; /* owned by the bus */
};

/** One mapped region, as `bus_find` reports it. */
struct BusMapping {
    uint64_t base; /* guest-physical address of the range */
    uint64_t size; /* bytes visible from base on */
    struct Region *region;
};

/** Make a machine lock: a recursive mutex. */
void bus_lock_init(pthread_mutex_t *lock);

/** `lock` is the machine lock (bus_lock_init), taken around every callback. Returns NULL when out of memory. */
struct Bus *bus_new(pthread_mutex_t *lock);
void bus_free(struct Bus *bus);

/**
 * Map `region` at guest-physical `base`. Later mappings win where they overlap earlier ones (so ROM can shadow RAM).
 * Returns 0, -EINVAL for a wrap or misalignment (RAM and ROM are page-granular), or -ENOMEM.
 */
int bus_map(struct Bus *bus, uint64_t base, struct Region *region);
/** As bus_map, but only `size` bytes of `region`, starting at `offset` within it (an alias). */
int bus_map_part(struct Bus *bus, uint64_t base, struct Region *region, uint64_t offset, uint64_t size);
/** Remove every mapping of `region`. */
void bus_unmap(struct Bus *bus, struct Region *region);

/**
 * Find what is mapped at `gpa`. On success *offset is the offset within the region and *avail the number of bytes from
 * gpa on that stay in this mapping and are not shadowed. Returns NULL for a hole (*avail is then the hole's length).
 * Lock-free.
 */
struct Region *bus_find(struct Bus *bus, uint64_t gpa, uint64_t *offset, uint64_t *avail);

/**
 * Call `fn` for each flattened, visible range in address order; `offset` is that of m->base within the region. With the
 * machine lock held.
 */
void bus_for_each(struct Bus *bus, void (*fn)(void *opaque, const struct BusMapping *m, uint64_t offset), void *opaque);

/** Read `len` bytes; holes give 0xff. Any thread. */
void bus_read(struct Bus *bus, uint64_t gpa, void *buf, size_t len);
/** Write `len` bytes; ROM and holes ignore them. Announces writes to code pages to the listeners. Any thread. */
void bus_write(struct Bus *bus, uint64_t gpa, const void *buf, size_t len);

/**
 * Give the RAM in these whole pages back to the host: they read as zero until they are written again, which is
 * announced as a write is. What is no RAM stays as it is. `gpa` and `size` are multiples of 4096. Any thread. False:
 * not all was RAM.
 */
bool bus_discard(struct Bus *bus, uint64_t gpa, uint64_t size);

/** Bytes of RAM were written through bus_ram_ptr: as bus_write tells of its own. Any thread. */
void bus_ram_written(struct Bus *bus, uint64_t gpa, size_t len);

/** One little-endian access of 1, 2, 4 or 8 bytes. */
uint64_t bus_read_uint(struct Bus *bus, uint64_t gpa, unsigned size);
void bus_write_uint(struct Bus *bus, uint64_t gpa, uint64_t value, unsigned size);

/** Tell all listeners of code_begins; of code_stored: true if one of them has said so. For engines. */
void bus_announce_code_begins(struct Bus *bus, uint64_t gpa);
bool bus_announce_code_stored(struct Bus *bus, uint64_t gpa, uint64_t size);

/** Host pointer to `len` bytes of RAM at gpa, or NULL if that is not wholly RAM in one mapping. For loaders and DMA. */
void *bus_ram_ptr(struct Bus *bus, uint64_t gpa, size_t len);

/** Map ports [base, base + count). Later mappings win. Returns 0 or -errno. */
int bus_map_ports(struct Bus *bus, uint16_t base, unsigned count, const char *name, const struct IoOps *ops,
                  void *opaque);
/** Undo the last bus_map_ports with this base, count and `opaque`; what it covered is visible again. */
void bus_unmap_ports(struct Bus *bus, uint16_t base, unsigned count, const void *opaque);

/** Call `fn` for each visible range of ports, in order. With the machine lock held. */
void bus_for_each_ports(struct Bus *bus, void (*fn)(void *opaque, uint16_t first, uint16_t last, const char *name),
                        void *opaque);
/** The name of what is at a port, or NULL if nothing is. */
const char *bus_port_name(struct Bus *bus, uint16_t port);

/** IN and OUT of 1, 2 or 4 bytes. */
uint32_t bus_port_read(struct Bus *bus, uint16_t port, unsigned size);
void bus_port_write(struct Bus *bus, uint16_t port, uint32_t value, unsigned size);

/** An access by a CPU to what is neither RAM nor ROM: a device, or nothing at all; writes to ROM too. */
struct BusAccess {
    bool port, write;
    uint64_t address; /* of the first byte */
    void *data;
    size_t size;
};

/** Somebody between the CPU and the devices. Either function may be NULL. */
struct BusTap {
    void (*instead)(void *opaque, const struct BusAccess *a); /* of the devices; a read fills `data` */
    void (*after)(void *opaque, const struct BusAccess *a);   /* `data` is what was read or written */
    void *opaque;
};

/** Set it (kept by the caller) or, with NULL, take it away. While no vCPU runs. */
void bus_set_tap(struct Bus *bus, const struct BusTap *tap);

/** Call `fn` before a device answers, but not within another device's answer: what is due by the guest's clock happens
 *  before the guest looks. Lock held. Set once, before a vCPU runs. */
void bus_set_before(struct Bus *bus, void (*fn)(void *opaque), void *opaque);

int bus_add_listener(struct Bus *bus, const struct BusListener *listener); /* copies it; 0 or -ENOMEM */
void bus_remove_listeners(struct Bus *bus, void *opaque);                  /* all with that opaque */

/**
 * Dirty logging: while on, bus writes set PAGE_FLAG_DIRTY of the RAM pages they touch, and engines do so for the stores
 * of their vCPUs. A change is announced as mapping_changed over everything, so that engines drop cached write access.
 */
void bus_set_dirty_logging(struct Bus *bus, bool enabled);
bool bus_dirty_logging(const struct Bus *bus);
/** Bring the flags up to date: hardware notes the guest's stores elsewhere. Before looking at them. Any thread. */
void bus_sync_dirty(struct Bus *bus);

/**
 * The A20 gate: when off, bit 20 of every CPU physical address is forced to 0. The CPU side applies the mask
 * (`gpa & bus_a20_mask()`); DMA does not. A change is announced as mapping_changed over everything.
 */
void bus_set_a20(struct Bus *bus, bool enabled);
bool bus_a20(const struct Bus *bus);
uint64_t bus_a20_mask(const struct Bus *bus);

#endif
