/* SPDX-License-Identifier: MIT */
/* Reads and writes of guest-physical memory. */
#include "memory/bus_internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE_SIZE = 4096, MMIO_DEFAULT_MAX = 4 };

struct IoPiece io_piece(const struct IoOps *ops, unsigned default_max, uint64_t offset, uint64_t len) {
    unsigned max = ops && ops->max_size ? ops->max_size : default_max;
    unsigned min = ops && ops->min_size ? ops->min_size : 1;
    unsigned size = 8;
    while (size > 1 && (size > max || size > len || offset % size)) {
        size /= 2;
    }
    if (size >= min) {
        return (struct IoPiece){.offset = offset, .size = size, .take = size};
    }
    struct IoPiece p = {.offset = offset / min * min, .size = min};
    p.skip = (unsigned)(offset - p.offset);
    p.take = len < min - p.skip ? (unsigned)len : min - p.skip;
    return p;
}

uint64_t io_read(const struct IoOps *ops, void *opaque, uint64_t offset, unsigned size) {
    return ops && ops->read ? ops->read(opaque, offset, size) : UINT64_MAX;
}

void io_write(const struct IoOps *ops, void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    if (ops && ops->write) {
        ops->write(opaque, offset, value, size);
    }
}

static uint64_t low_bytes(uint64_t value, unsigned size) {
    return size < 8 ? value & ((1ull << (8 * size)) - 1) : value;
}

static void mmio_read(struct Bus *bus, struct Region *r, uint64_t offset, uint8_t *buf, size_t len) {
    bus_enter(bus);
    while (len) {
        struct IoPiece p = io_piece(r->ops, MMIO_DEFAULT_MAX, offset, len);
        uint64_t value = io_read(r->ops, r->opaque, p.offset, p.size) >> (8 * p.skip);
        memcpy(buf, &value, p.take);
        buf += p.take;
        offset += p.take;
        len -= p.take;
    }
    bus_leave(bus);
}

static void mmio_write(struct Bus *bus, struct Region *r, uint64_t offset, const uint8_t *buf, size_t len) {
    bus_enter(bus);
    while (len) {
        struct IoPiece p = io_piece(r->ops, MMIO_DEFAULT_MAX, offset, len);
        uint64_t value = 0;
        memcpy(&value, buf, p.take);
        io_write(r->ops, r->opaque, p.offset, value << (8 * p.skip), p.size);
        buf += p.take;
        offset += p.take;
        len -= p.take;
    }
    bus_leave(bus);
}

/* ---- devices, holes, writes to ROM; the tap sees them ---- */

static void device_read(struct Bus *bus, struct Region *r, uint64_t offset, const struct BusAccess *a) {
    const struct BusTap *tap = bus->tap;
    if (tap && tap->instead) {
        tap->instead(tap->opaque, a);
        return;
    }
    if (r) {
        mmio_read(bus, r, offset, a->data, a->size);
    } else {
        memset(a->data, 0xff, a->size);
    }
    if (tap && tap->after) {
        tap->after(tap->opaque, a);
    }
}

static void device_write(struct Bus *bus, struct Region *r, uint64_t offset, const struct BusAccess *a) {
    const struct BusTap *tap = bus->tap;
    if (tap && tap->instead) {
        tap->instead(tap->opaque, a);
        return;
    }
    if (r && r->ops) {
        mmio_write(bus, r, offset, a->data, a->size);
    }
    if (tap && tap->after) {
        tap->after(tap->opaque, a);
    }
}

/* After RAM was written: keep the dirty flags and announce code that became stale. */
static void ram_written(struct Bus *bus, struct Region *r, uint64_t offset, uint64_t gpa, uint64_t len) {
    bool dirty = bus_dirty_logging(bus);
    /* An engine sets the code flag and then reads the page; so the data must be out before the flag is looked at. */
    atomic_thread_fence(memory_order_seq_cst);
    while (len) {
        uint64_t n = PAGE_SIZE - offset % PAGE_SIZE;
        n = len < n ? len : n;
        uint8_t *flags = &r->page_flags[offset / PAGE_SIZE];
        if (dirty) {
            __atomic_fetch_or(flags, PAGE_FLAG_DIRTY, __ATOMIC_RELAXED);
        }
        if (__atomic_load_n(flags, __ATOMIC_ACQUIRE) & PAGE_FLAG_CODE) {
            bus_announce_code(bus, gpa, n);
        }
        offset += n;
        gpa += n;
        len -= n;
    }
}

void bus_read(struct Bus *bus, uint64_t gpa, void *buf, size_t len) {
    uint8_t *out = buf;
    while (len) {
        uint64_t offset, avail;
        struct Region *r = bus_find(bus, gpa, &offset, &avail);
        size_t n = avail < len ? avail : len;
        if (r && r->kind != REGION_MMIO) {
            memcpy(out, r->host + offset, n);
        } else {
            device_read(bus, r, offset, &(struct BusAccess){.address = gpa, .data = out, .size = n});
        }
        out += n;
        gpa += n;
        len -= n;
    }
}

void bus_write(struct Bus *bus, uint64_t gpa, const void *buf, size_t len) {
    const uint8_t *in = buf;
    while (len) {
        uint64_t offset, avail;
        struct Region *r = bus_find(bus, gpa, &offset, &avail);
        size_t n = avail < len ? avail : len;
        if (r && r->kind == REGION_RAM) {
            memcpy(r->host + offset, in, n);
            ram_written(bus, r, offset, gpa, n);
        } else {
            device_write(bus, r, offset,
                         &(struct BusAccess){.write = true, .address = gpa, .data = (void *)in, .size = n});
        }
        in += n;
        gpa += n;
        len -= n;
    }
}

/* A file's pages go by a hole in it; the host may refuse either, for memory that is locked, and then keeps them. */
static void give_back(struct Region *r, uint64_t offset, uint64_t size) {
    if (r->memfd >= 0) {
        fallocate(r->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size);
    } else {
        madvise(r->host + offset, size, MADV_DONTNEED);
    }
}

bool bus_discard(struct Bus *bus, uint64_t gpa, uint64_t size) {
    bool all = true;
    while (size) {
        uint64_t offset, avail;
        struct Region *r = bus_find(bus, gpa, &offset, &avail);
        uint64_t n = avail < size ? avail : size;
        if (r && r->kind == REGION_RAM && offset % PAGE_SIZE == 0 && n % PAGE_SIZE == 0) {
            give_back(r, offset, n);
            ram_written(bus, r, offset, gpa, n);
        } else {
            all = false;
        }
        gpa += n;
        size -= n;
    }
    return all;
}

void bus_ram_written(struct Bus *bus, uint64_t gpa, size_t len) {
    while (len) {
        uint64_t offset, avail;
        struct Region *r = bus_find(bus, gpa, &offset, &avail);
        size_t n = avail < len ? avail : len;
        if (r && r->kind == REGION_RAM) {
            ram_written(bus, r, offset, gpa, n);
        }
        gpa += n;
        len -= n;
    }
}

/* Aligned accesses are single host accesses: page tables and descriptors are read while other CPUs change them. */
static uint64_t host_load(const uint8_t *p, unsigned size) {
    switch (size) {
    case 1: return __atomic_load_n(p, __ATOMIC_RELAXED);
    case 2: return __atomic_load_n((const uint16_t *)p, __ATOMIC_RELAXED);
    case 4: return __atomic_load_n((const uint32_t *)p, __ATOMIC_RELAXED);
    default: return __atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED);
    }
}

static void host_store(uint8_t *p, uint64_t value, unsigned size) {
    switch (size) {
    case 1: __atomic_store_n(p, (uint8_t)value, __ATOMIC_RELAXED); return;
    case 2: __atomic_store_n((uint16_t *)p, (uint16_t)value, __ATOMIC_RELAXED); return;
    case 4: __atomic_store_n((uint32_t *)p, (uint32_t)value, __ATOMIC_RELAXED); return;
    default: __atomic_store_n((uint64_t *)p, value, __ATOMIC_RELAXED);
    }
}

uint64_t bus_read_uint(struct Bus *bus, uint64_t gpa, unsigned size) {
    if (gpa % size == 0) {
        uint64_t offset, avail;
        struct Region *r = bus_find(bus, gpa, &offset, &avail);
        if (r && r->kind != REGION_MMIO && avail >= size) {
            return host_load(r->host + offset, size);
        }
    }
    uint64_t value = 0;
    bus_read(bus, gpa, &value, size);
    return value;
}

void bus_write_uint(struct Bus *bus, uint64_t gpa, uint64_t value, unsigned size) {
    if (gpa % size == 0) {
        uint64_t offset, avail;
        struct Region *r = bus_find(bus, gpa, &offset, &avail);
        if (r && r->kind == REGION_RAM && avail >= size) {
            host_store(r->host + offset, value, size);
            ram_written(bus, r, offset, gpa, size);
            return;
        }
    }
    value = low_bytes(value, size);
    bus_write(bus, gpa, &value, size);
}
