/* SPDX-License-Identifier: MIT */
/**
 * A parallel NOR flash chip on an 8-bit bus with the Intel command set (Intel StrataFlash 28F128J3 data sheet, "Command
 * Set"; JEDEC JESD68 and JEP137B, "CFI"), as firmware finds it below 4 GiB.
 *
 * Reads give the array until a write begins a command; from then on they give the status register, identifier codes or
 * the CFI table, until the guest asks for the array again. Erasing and programming take no time: the chip is always
 * ready. As in QEMU's device, which firmware is written for, clearing the status register clears its ready bit too,
 * until the next erasure or programming.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_PFLASH_H
#define TWIN86_DEVICES_PFLASH_H

#include "devices/device_log.h"
#include "devices/state.h"
#include "memory/bus.h"

enum {
    PFLASH_BLOCK_SIZE = 4096, /* what is erased at once */
    PFLASH_BUFFER_SIZE = 256, /* what is programmed at once, at most; a power of two */
};

struct PflashState {
    uint32_t at;       /* the buffer's first byte */
    uint16_t left;     /* data bytes that a buffered write still takes */
    uint8_t read_mode; /* what reads give: enum PflashRead */
    uint8_t step;      /* what the next write is: enum PflashStep */
    uint8_t status;    /* the status register */
    uint8_t unused[7];
    uint8_t data[PFLASH_BUFFER_SIZE];   /* the write buffer */
    uint8_t filled[PFLASH_BUFFER_SIZE]; /* 1: that byte was given */
};

struct PflashHost {
    /** `size` bytes at `offset` have changed. 0, or -errno: they can't be kept; the guest is told. May be NULL. */
    int (*changed)(void *opaque, uint32_t offset, uint32_t size);
    void *opaque;
};

struct Pflash {
    struct PflashState state;
    struct Bus *bus;
    struct Region array;    /* while reads give the array: ROM */
    struct Region commands; /* while they don't */
    uint64_t base;
    uint32_t size;
    bool readonly;
    struct PflashHost host;
    const struct DeviceLog *log; /* NULL: nobody looks */
};

/** Make it with a copy of `size` bytes (a multiple of 4096, at most 16 MiB). 0, -EINVAL or -ENOMEM. */
int pflash_init(struct Pflash *p, const void *contents, uint32_t size, bool readonly, const struct PflashHost *host);
/** Off the bus. Safe on a zeroed struct. */
void pflash_destroy(struct Pflash *p);
/** The RP# pin: reads give the array; contents stay. */
void pflash_reset(struct Pflash *p);
/** What the guest sees of it but the contents. */
extern const struct StateTable pflash_state_table;
/** The state was restored: the mapping follows. */
void pflash_restored(struct Pflash *p);
/** Map it at `base`. 0 or -errno. */
int pflash_map(struct Pflash *p, struct Bus *bus, uint64_t base);

#endif
