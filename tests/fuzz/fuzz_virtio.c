/* SPDX-License-Identifier: MIT */
/**
 * Fuzzes virtio over PCI with its block device: whatever a guest writes to its registers and rings, requests to the
 * image lie within it, each comes back once, and nothing ends up in a loop.
 *
 * A libFuzzer target (devices.sh). The input is a stream of operations; the image is in memory, so that runs repeat.
 */
#include "devices/virtio/virtio_blk.h"
#include "devices/virtio/virtio_pci.h"
#include "tests/fuzz/input.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RAM = 64 << 10, DISK = 600 * 512, DEVFN = 2 * PCI_FUNCTIONS, WAITING = VIRTIO_BLK_REQUESTS };
enum { OLD = 0xc000, MSIX = 0xd0010000, BAR = 0xd0000000 };

struct Block {
    uint64_t size;
    bool write_cache;
    struct BlockRequest *waiting[WAITING];
    unsigned count, fail;
    bool at_once; /* what is submitted between plug and unplug is done by then */
    void (*completed)(void *opaque);
    void *opaque;
    uint8_t data[DISK];
};

uint64_t block_size(const struct Block *b) { return b->size; }
bool block_readonly(const struct Block *b) { return (void)b, false; }
bool block_discards(const struct Block *b) { return (void)b, true; }
bool block_write_cache(const struct Block *b) { return b->write_cache; }
void block_set_write_cache(struct Block *b, bool on) { b->write_cache = on; }
void block_set_completed(struct Block *b, void (*fn)(void *opaque), void *opaque) {
    b->completed = fn;
    b->opaque = opaque;
}
uint32_t block_discard_granularity(const struct Block *b) { return (void)b, 4096; }

static void demand(bool good, const char *what) {
    if (good)
        return;
    fprintf(stderr, "fuzz_virtio: %s\n", what);
    abort();
}

void block_submit(struct Block *b, struct BlockRequest *r) {
    bool data = r->op == BLOCK_READ || r->op == BLOCK_WRITE;
    demand(b->count < WAITING, "more requests than there are");
    for (unsigned i = 0; i < b->count; i++)
        demand(b->waiting[i] != r, "submitted twice");
    demand(r->op == BLOCK_FLUSH || (r->offset <= b->size && r->bytes <= b->size - r->offset), "beyond the image");
    uint64_t memory = 0;
    for (int i = 0; i < r->niov; i++)
        memory += r->iov[i].iov_len;
    demand(!data || (r->bytes > 0 && memory == r->bytes), "lengths");
    b->waiting[b->count++] = r;
}

static void take_out(struct Block *b, unsigned i) { b->waiting[i] = b->waiting[--b->count]; }

void block_cancel(struct Block *b, struct BlockRequest *r) {
    unsigned i = 0;
    while (i < b->count && b->waiting[i] != r)
        i++;
    demand(i < b->count, "what is taken back is not in flight");
    take_out(b, i);
}

static void complete(struct Block *b, unsigned which) {
    struct BlockRequest *r = b->waiting[which % b->count];
    take_out(b, which % b->count);
    int result = b->fail > 0 ? -ENOSPC : 0;
    b->fail -= b->fail > 0;
    uint8_t *at = b->data + r->offset;
    for (int i = 0; result == 0 && i < r->niov; at += r->iov[i++].iov_len)
        if (r->op == BLOCK_READ)
            memcpy(r->iov[i].iov_base, at, r->iov[i].iov_len);
        else
            memcpy(at, r->iov[i].iov_base, r->iov[i].iov_len);
    r->done(r->opaque, result);
}

/* As block_complete does it: some of what is in flight, then the end of the batch. */
static void complete_some(struct Block *b, unsigned which, unsigned most) {
    if (b->count == 0)
        return;
    for (; b->count > 0 && most > 0; most--)
        complete(b, which++);
    if (b->completed != NULL)
        b->completed(b->opaque);
}

static void settle(struct Block *b) {
    for (unsigned i = 0; b->count > 0; i++) {
        demand(i < 1000000, "requests that never end");
        complete_some(b, i, 1 + i % 3);
    }
}

void block_plug(struct Block *b) { (void)b; }
void block_unplug(struct Block *b) {
    if (b->at_once)
        complete_some(b, 0, WAITING);
}

struct Bench {
    pthread_mutex_t lock;
    struct Bus *bus;
    struct Region ram;
    struct PciHost host;
    struct VirtioPci pci;
    struct VirtioBlk blk;
    struct Block block;
};

static void failed(void *opaque, bool write, int error, enum BlockOnError action) {
    (void)opaque, (void)write, (void)error, (void)action;
}

static struct Bench *bench(void) {
    static const struct VirtioBlkOps ops = {.failed = failed};
    static const struct VirtioPciId id = {"virtio-blk", 2, 0x010000};
    struct PciHostConfig config = {.mmio_base = 0xc0000000, .mmio_end = 0xfec00000};
    struct Bench *b = calloc(1, sizeof *b);
    demand(b != NULL, "no memory");
    bus_lock_init(&b->lock);
    b->bus = bus_new(&b->lock);
    demand(region_init_ram(&b->ram, "ram", RAM) == 0 && bus_map(b->bus, 0, &b->ram) == 0, "no RAM");
    pci_init(&b->host, b->bus, &config);
    b->block.size = DISK;
    struct VirtioBlkConfig c = {.block = &b->block, .queues = 2, .serial = "fuzz", .write_error = BLOCK_ERROR_STOP};
    virtio_pci_init(&b->pci, &id);
    demand(virtio_blk_init(&b->blk, &b->pci.pci, &c, &ops, b) == 0, "no device");
    demand(virtio_pci_show(&b->pci, &b->blk.virtio, 3) == 0, "no function");
    demand(pci_add_device(&b->host, &b->pci.pci, DEVFN / PCI_FUNCTIONS, 0) == 0, "no slot");
    return b;
}

static void cfg(struct Bench *b, unsigned reg, uint32_t value) { pci_config_write(&b->host, 0, DEVFN, reg, value, 4); }

static void reset(struct Bench *b) {
    pci_reset(&b->host);
    virtio_pci_reset(&b->pci);
    b->block.fail = 0;
    memset(b->ram.host, 0, RAM);
    cfg(b, PCI_BAR0, OLD);
    cfg(b, PCI_BAR0 + 4, MSIX);
    cfg(b, PCI_BAR0 + 16, BAR);
    cfg(b, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

/* A queue as drivers make it, so that what follows is about its contents. */
static void start(struct Bench *b, struct Input *in) {
    static const uint64_t places[] = {0x1000, 0x2000, 0x3000};
    uint32_t features = (uint32_t)input_number(in, 4);
    bus_write_uint(b->bus, BAR + 0x14, 0, 1);
    bus_write_uint(b->bus, BAR + 0x14, 3, 1);
    bus_write_uint(b->bus, BAR + 0x0c, features & (uint32_t)b->blk.virtio.offered, 4);
    bus_write_uint(b->bus, BAR + 0x14, 11, 1);
    bus_write_uint(b->bus, BAR + 0x18, 8, 2);
    for (unsigned i = 0; i < 3; i++)
        bus_write_uint(b->bus, BAR + 0x20 + 8 * i, places[i], 8);
    bus_write_uint(b->bus, BAR + 0x1c, 1, 2);
    bus_write_uint(b->bus, BAR + 0x14, 15, 1);
}

static void descriptor(struct Bench *b, struct Input *in) {
    uint64_t at = 0x1000 + 16 * ((uint32_t)input_number(in, 1) % 40);
    bus_write_uint(b->bus, at, (uint32_t)input_number(in, 2), 8);
    bus_write_uint(b->bus, at + 8, (uint32_t)input_number(in, 2), 4);
    bus_write_uint(b->bus, at + 12, (uint32_t)input_number(in, 1), 2);
    bus_write_uint(b->bus, at + 14, (uint32_t)input_number(in, 1) % 10, 2);
}

/* A request in a row of three descriptors. */
static void request(struct Bench *b, struct Input *in) {
    static const uint8_t types[] = {0, 1, 4, 8, 11, 13, 2, 99};
    uint8_t which = (uint32_t)input_number(in, 1), type = types[which % 8];
    bool write = type == 0 || type == 8;
    bus_write_uint(b->bus, 0x4000, type, 4);
    bus_write_uint(b->bus, 0x4008, (uint32_t)input_number(in, 2), 8);
    const uint32_t length[] = {16, (uint32_t)input_number(in, 2), 1}, flags[] = {1, write ? 3 : 1, 2};
    for (unsigned i = 0; i < 3; i++) {
        bus_write_uint(b->bus, 0x1000 + 16 * i, 0x4000 + 0x100 * i, 8);
        bus_write_uint(b->bus, 0x1008 + 16 * i, length[i], 4);
        bus_write_uint(b->bus, 0x100c + 16 * i, flags[i], 2);
        bus_write_uint(b->bus, 0x100e + 16 * i, i + 1, 2);
    }
    uint16_t index = bus_read_uint(b->bus, 0x2002, 2);
    bus_write_uint(b->bus, 0x2004 + 2 * (index % 8), 0, 2);
    bus_write_uint(b->bus, 0x2002, (uint16_t)(index + 1), 2);
    bus_write_uint(b->bus, BAR + 0x3000, 0, 2);
}

static void restore(struct Bench *b, struct Input *in) {
    size_t n = state_size(&virtio_blk_state_table, 1);
    struct VirtioBlkState s = b->blk.state;
    uint8_t *bytes = malloc(n);
    char why[200];
    settle(&b->block);
    state_save(&virtio_blk_state_table, &b->blk.state, bytes);
    for (unsigned i = (uint32_t)input_number(in, 1) % 8; i > 0; i--)
        bytes[(uint32_t)input_number(in, 2) % n] = (uint32_t)input_number(in, 1);
    if (state_load(&virtio_blk_state_table, 1, bytes, n, &s, why, sizeof why) == 0) {
        b->blk.state = s;
        virtio_blk_restored(&b->blk);
    }
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct Bench *b;
    struct Input in = {data, size};
    if (b == NULL)
        b = bench();
    reset(b);
    start(b, &in);
    while (in.left > 0) {
        uint8_t op = (uint32_t)input_number(&in, 1);
        unsigned bytes = 1u << (op >> 6) % 3;
        switch (op % 11) {
        case 0:
            bus_write_uint(b->bus, BAR + (uint32_t)input_number(&in, 2) % 0x3020, input_number(&in, bytes), bytes);
            break;
        case 1: bus_read_uint(b->bus, BAR + (uint32_t)input_number(&in, 2) % 0x3020, bytes); break;
        case 2: bus_port_write(b->bus, OLD + input_byte(&in) % 128, input_number(&in, bytes), bytes); break;
        case 3: bus_port_read(b->bus, OLD + input_byte(&in) % 128, bytes); break;
        case 4: bus_write_uint(b->bus, (uint32_t)input_number(&in, 2), input_number(&in, bytes), bytes); break;
        case 5: descriptor(b, &in); break;
        case 6: request(b, &in); break;
        case 7: b->block.count > 0 ? complete_some(&b->block, op, 1 + (op >> 6)) : start(b, &in); break;
        case 8:
            b->block.fail = op >> 5;
            b->block.at_once = op & 16;
            break;
        case 9: restore(b, &in); break;
        case 10:
            virtio_blk_resume(&b->blk);
            pci_config_write(&b->host, 0, DEVFN, (uint32_t)input_number(&in, 1), (uint32_t)input_number(&in, 1), 1);
            break;
        }
    }
    b->block.fail = 0;
    b->block.at_once = false;
    settle(&b->block);
    return 0;
}
