/* SPDX-License-Identifier: MIT */
/**
 * Fuzzes the floppy disk controller with the DMA controller behind it: whatever a guest writes to their ports, in
 * whatever order completions, errors, other disks and saved states come, requests to the images lie within them, one at
 * a time, and every command ends.
 *
 * A libFuzzer target (devices.sh). The input is a stream of operations; images are in memory here, so that runs repeat.
 */
#include "devices/dma.h"
#include "devices/floppy/fdc.h"
#include "tests/fuzz/input.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RAM = 128 << 10, DISKS = 3, LARGEST = 2880 << 10 };

/* ---- images ---- */

struct Block {
    uint64_t size;
    bool readonly, write_cache;
    struct BlockRequest *waiting;
    unsigned fail; /* so many requests from now on */
    uint8_t *data;
};

static void demand(bool good, const char *what) {
    if (good)
        return;
    fprintf(stderr, "fuzz_fdc: %s\n", what);
    abort();
}

uint64_t block_size(const struct Block *b) { return b->size; }
bool block_readonly(const struct Block *b) { return b->readonly; }
bool block_write_cache(const struct Block *b) { return b->write_cache; }

void block_submit(struct Block *b, struct BlockRequest *r) {
    demand(b->waiting == NULL, "a second request while one is in flight");
    demand(r->op == BLOCK_FLUSH || (r->bytes == FLOPPY_SECTOR && r->niov == 1 && r->iov->iov_len == r->bytes),
           "lengths");
    demand(r->op == BLOCK_FLUSH || (r->offset <= b->size && r->bytes <= b->size - r->offset), "beyond the image");
    demand(r->op != BLOCK_WRITE || !b->readonly, "write to a read-only image");
    b->waiting = r;
}

void block_cancel(struct Block *b, struct BlockRequest *r) {
    demand(b->waiting == r, "what is taken back is not in flight");
    b->waiting = NULL;
}

static void complete(struct Block *b, int result) {
    struct BlockRequest *r = b->waiting;
    b->waiting = NULL;
    if (result == 0 && r->op == BLOCK_READ)
        memcpy(r->iov->iov_base, b->data + r->offset, r->bytes);
    else if (result == 0 && r->op == BLOCK_WRITE)
        memcpy(b->data + r->offset, r->iov->iov_base, r->bytes);
    r->done(r->opaque, result);
}

static void settle(struct Block *b) {
    for (unsigned i = 0; i < 1000 && b->waiting != NULL; i++) {
        int result = b->fail > 0 ? -EIO : 0;
        b->fail -= result != 0;
        complete(b, result);
    }
    demand(b->waiting == NULL, "a transfer that never ends");
}

/* ---- the machine ---- */

struct Bench {
    pthread_mutex_t lock;
    struct Bus *bus;
    struct Clock *clock;
    struct Region ram;
    struct Dma dma;
    struct Fdc fdc;
    struct Block block[DISKS];
};

static size_t move(void *opaque, void *buf, size_t n, bool to_memory, bool *terminal) {
    return dma_move(opaque, 2, buf, n, to_memory, terminal);
}

static struct Bench *bench(void) {
    static const uint32_t sizes[DISKS] = {1440 << 10, 360 << 10, 1266 << 10};
    static const enum FloppyType types[FDC_DRIVES] = {FLOPPY_288, FLOPPY_120};
    struct Bench *b = calloc(1, sizeof *b);
    demand(b != NULL, "no memory");
    bus_lock_init(&b->lock);
    b->bus = bus_new(&b->lock);
    demand(region_init_ram(&b->ram, "ram", RAM) == 0 && bus_map(b->bus, 0, &b->ram) == 0, "no RAM");
    dma_init(&b->dma);
    b->clock = clock_new(CLOCK_ICOUNT);
    fdc_init(&b->fdc, b->clock, (struct IrqWire){0}, (struct FdcDma){move, &b->dma});
    demand(dma_map(&b->dma, b->bus) == 0 && fdc_map(&b->fdc, b->bus) == 0, "no ports");
    for (unsigned i = 0; i < DISKS; i++) {
        b->block[i] = (struct Block){.size = sizes[i], .write_cache = i != 1, .data = calloc(1, LARGEST)};
        demand(b->block[i].data != NULL, "no memory");
    }
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        struct FdcDriveConfig c = {types[i], &b->block[i]};
        demand(fdc_add_drive(&b->fdc, i, &c) == 0, "no drive");
    }
    return b;
}

static void settle_all(struct Bench *b) {
    for (unsigned i = 0; i < DISKS; i++)
        settle(&b->block[i]);
}

/* As a driver would leave it: the motor of drive 0 on, the channel open. */
static void reset(struct Bench *b) {
    static const uint16_t writes[][2] = {{0xd6, 0xc0}, {0xd4, 0}, {0x3f2, 0x1c}, {0x3f7, 0}, {0x0b, 0x46}, {0x0a, 2}};
    fdc_reset(&b->fdc);
    dma_reset(&b->dma);
    for (unsigned i = 0; i < DISKS; i++)
        b->block[i].fail = 0, b->block[i].readonly = false;
    fdc_set_medium(&b->fdc, 0, &b->block[0]);
    fdc_set_medium(&b->fdc, 1, &b->block[1]);
    for (unsigned i = 0; i < sizeof(writes) / sizeof(writes[0]); i++)
        bus_port_write(b->bus, writes[i][0], writes[i][1], 1);
    bus_port_write(b->bus, 0x05, 0xff, 1);
    bus_port_write(b->bus, 0x05, 0x07, 1);
}

/* ---- operations ---- */

static uint16_t port(uint8_t which) {
    if (which < 0x40)
        return 0x3f0 + (which & 7);
    return which < 0x80 ? which & 15 : which < 0xc0 ? 0x80 + (which & 15) : 0xc0 + (which & 31);
}

static void command(struct Bench *b, struct Input *in) {
    static const uint8_t known[] = {0xe6, 0xc5, 0x4d, 0x4a, 0x0f, 0x07, 0x08, 0x03, 0x13, 0x42, 0x56,
                                    0x51, 0x59, 0x5d, 0x4c, 0x49, 0x8f, 0xcf, 0x0e, 0x12, 0x94, 0x04};
    bus_port_write(b->bus, 0x3f5, known[input_byte(in) % sizeof(known)], 1);
    for (unsigned i = input_byte(in) % 9; i > 0; i--)
        bus_port_write(b->bus, 0x3f5, input_byte(in), 1);
}

static void fifo(struct Bench *b, struct Input *in) {
    unsigned what = input_byte(in);
    for (unsigned i = input_byte(in) * 3u; i > 0; i--) {
        if (what & 1)
            bus_port_read(b->bus, 0x3f5, 1);
        else
            bus_port_write(b->bus, 0x3f5, (uint8_t)i, 1);
    }
}

/* Any saved state is refused, or works. */
static void restore(struct Bench *b, struct Input *in) {
    struct FdcState changed = b->fdc.state;
    size_t n = state_size(&fdc_state_table, 1);
    uint8_t bytes[2048];
    char why[200];
    demand(n <= sizeof bytes, "a larger state");
    settle_all(b);
    state_save(&fdc_state_table, &b->fdc.state, bytes);
    for (unsigned i = input_byte(in) % 8; i > 0; i--)
        bytes[input_byte(in) % 64] = input_byte(in);
    if (state_load(&fdc_state_table, 1, bytes, n, &changed, why, sizeof why) == 0) {
        b->fdc.state = changed;
        fdc_restored(&b->fdc);
    }
}

static void host(struct Bench *b, struct Input *in) {
    uint8_t what = input_byte(in);
    struct Block *disk = &b->block[what >> 4 & 1];
    switch (what % 6) {
    case 0: disk->fail = what >> 5; break;
    case 1: disk->readonly = what & 32; break;
    case 2:
        settle_all(b);
        fdc_set_medium(&b->fdc, what >> 4 & 1, what & 32 ? &b->block[what >> 6 & 1 ? 2 : what >> 4 & 1] : NULL);
        break;
    case 3: fdc_reset(&b->fdc); break;
    case 5:
        clock_advance_to(b->clock, clock_now(b->clock) + (what << 18));
        clock_run(b->clock);
        break;
    case 4:
        if (disk->waiting != NULL)
            complete(disk, 0);
        break;
    }
    settle_all(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct Bench *b;
    struct Input in = {data, size};
    uint8_t which;
    if (b == NULL)
        b = bench();
    reset(b);
    while (in.left > 0) {
        switch (input_byte(&in) % 8) {
        case 0: which = input_byte(&in), bus_port_write(b->bus, port(which), input_byte(&in), 1); break;
        case 1: bus_port_read(b->bus, port(input_byte(&in)), 1); break;
        case 2:
        case 3: command(b, &in); break;
        case 4: fifo(b, &in); break;
        case 5: settle_all(b); break;
        case 6: restore(b, &in); break;
        case 7: host(b, &in); break;
        }
    }
    settle_all(b);
    return 0;
}
