/* SPDX-License-Identifier: MIT */
/**
 * Regions: the pieces of guest-physical address space.
 *
 * A region is RAM or ROM (a host pointer) or MMIO (callbacks). It says nothing of where it is mapped; the bus does.
 * This folder knows no CPU, no engine and no device.
 */
#ifndef TWIN86_MEMORY_REGION_H
#define TWIN86_MEMORY_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum RegionKind {
    REGION_RAM,
    REGION_ROM, /* reads come from host memory, writes are discarded (or given to ops->write if set) */
    REGION_MMIO,
};

/**
 * Callbacks of an MMIO region or of a port range. Offsets are relative to the region's start; `size` is 1, 2, 4 or 8
 * and always within [min_size, max_size], offsets are multiples of it: the bus splits or widens what the guest asks
 * (a read that is widened drops the surplus bytes; a write that is widened carries zeros in them). Called with the
 * machine lock held. A callback never fails: what a device does not decode reads as all ones and ignores writes.
 */
struct IoOps {
    uint64_t (*read)(void *opaque, uint64_t offset, unsigned size);
    void (*write)(void *opaque, uint64_t offset, uint64_t value, unsigned size);
    uint8_t min_size; /* bytes; 0 means 1 */
    uint8_t max_size; /* bytes; 0 means 4 for MMIO, 1 for ports */
};

struct Region {
    const char *name; /* for `info mtree` and messages; not owned */
    enum RegionKind kind;
    uint64_t size;           /* bytes, a multiple of 4096 for RAM and ROM */
    uint8_t *host;           /* RAM and ROM: `size` bytes of host memory; NULL for MMIO */
    uint8_t *page_flags;     /* RAM: one byte for each 4 KiB page, PAGE_FLAG_*; NULL otherwise. Access atomically */
    uint64_t *page_code;     /* RAM: for each page a bit for each 64 bytes of it that may be decoded: code that one of
                                several vCPUs has. Access atomically */
    const struct IoOps *ops; /* MMIO */
    void *opaque;
    int memfd; /* shared RAM: the file behind `host`; else -1 */
};

enum {
    PAGE_FLAG_CODE = 1 << 0,  /* an engine holds decoded code from this page: writes must be announced */
    PAGE_FLAG_DIRTY = 1 << 1, /* written since the flag was cleared (only kept while dirty logging is on) */
};

/** Make RAM of `size` bytes, in huge pages where the host has them; untouched pages cost nothing. Returns 0 or -errno.
 */
int region_init_ram(struct Region *r, const char *name, uint64_t size);

/** The same backed by a memfd, for RAM that another process maps too; that mostly rules out huge pages. */
int region_init_shared_ram(struct Region *r, const char *name, uint64_t size);

/**
 * The next range of RAM, from *at on, that was ever touched: all else is zero. *at and *end get its bounds, multiples
 * of 4096. False: there is none. Costs a few system calls.
 */
bool region_next_touched(const struct Region *r, uint64_t *at, uint64_t *end);

/** Make ROM of `size` bytes (rounded up to 4096) holding a copy of `data`; the rest is zero. Returns 0 or -errno. */
int region_init_rom(struct Region *r, const char *name, const void *data, size_t data_size, uint64_t size);

/** Make an MMIO region. Never fails. */
void region_init_mmio(struct Region *r, const char *name, uint64_t size, const struct IoOps *ops, void *opaque);

/** Free what region_init_* allocated. The region must no longer be mapped. */
void region_destroy(struct Region *r);

#endif
