/* SPDX-License-Identifier: MIT */
/**
 * Fuzzes the IDE function: whatever a guest writes to its registers and to memory, in whatever order completions and
 * errors come, requests to the images lie within them, and every byte stays in its buffer.
 *
 * A libFuzzer target (devices.sh). The input is a stream of operations; images are in memory here, so that runs repeat.
 */
#include "devices/ide/piix3_ide.h"
#include "tests/fuzz/input.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RAM = 64 << 10, DISK = 600 * 512, CD = 300 * 2048, TABLE = 0x1000, MASTER = 0xc000 };
enum { FUNCTION = PIIX3_IDE_DEVFN };

/* ---- images ---- */

struct Block {
    uint64_t size;
    bool readonly, write_cache;
    struct BlockRequest *waiting;
    unsigned fail; /* so many requests from now on */
    uint8_t *data;
};

uint64_t block_size(const struct Block *b) { return b->size; }
bool block_readonly(const struct Block *b) { return b->readonly; }
bool block_write_cache(const struct Block *b) { return b->write_cache; }
void block_set_write_cache(struct Block *b, bool on) { b->write_cache = on; }

static void demand(bool good, const char *what) {
    if (good)
        return;
    fprintf(stderr, "fuzz_ide: %s\n", what);
    abort();
}

void block_submit(struct Block *b, struct BlockRequest *r) {
    demand(b->waiting == NULL, "a second request while one is in flight");
    demand(r->op == BLOCK_FLUSH || (r->offset <= b->size && r->bytes <= b->size - r->offset), "beyond the image");
    demand(r->op == BLOCK_FLUSH || (r->bytes > 0 && r->niov == 1 && r->iov->iov_len == r->bytes), "lengths");
    demand(r->op != BLOCK_WRITE || !b->readonly, "write to a read-only image");
    b->waiting = r;
}

void block_cancel(struct Block *b, struct BlockRequest *r) {
    demand(b->waiting == r, "what is taken back is not in flight");
    b->waiting = NULL;
}

static void settle(struct Block *b) {
    for (unsigned i = 0; i < 100000 && b->waiting != NULL; i++) {
        struct BlockRequest *r = b->waiting;
        b->waiting = NULL;
        if (b->fail > 0) {
            b->fail--;
            r->done(r->opaque, i % 2 != 0 ? -EIO : -ENOSPC);
            continue;
        }
        if (r->op == BLOCK_READ)
            memcpy(r->iov->iov_base, b->data + r->offset, r->bytes);
        else if (r->op == BLOCK_WRITE)
            memcpy(b->data + r->offset, r->iov->iov_base, r->bytes);
        r->done(r->opaque, 0);
    }
    demand(b->waiting == NULL, "a transfer that never ends");
}

/* ---- the machine ---- */

struct Bench {
    pthread_mutex_t lock;
    struct Bus *bus;
    struct Region ram;
    struct PciHost host;
    struct Piix3Ide ide;
    struct Block block[3];
};

static void failed(void *opaque, unsigned channel, unsigned drive, bool write, int error, enum BlockOnError action) {
    (void)opaque, (void)channel, (void)drive, (void)write, (void)error, (void)action;
}

static void add(struct Bench *b, unsigned n, enum IdeKind kind, uint64_t size, enum BlockOnError policy) {
    struct Block *block = &b->block[n];
    block->data = calloc(1, size);
    block->size = size;
    block->readonly = kind == IDE_CD;
    struct IdeDriveConfig c = {.kind = kind, .block = block, .read_error = policy, .write_error = policy};
    demand(block->data != NULL && ide_add_drive(&b->ide.ide, n / 2, n % 2, &c) == 0, "no drive");
}

static struct Bench *bench(void) {
    static const struct IdeOps ops = {.failed = failed};
    static const struct IrqWire none[IDE_CHANNELS];
    struct PciHostConfig config = {.mmio_base = 0xc0000000, .mmio_end = 0xfec00000};
    struct Bench *b = calloc(1, sizeof *b);
    demand(b != NULL, "no memory");
    bus_lock_init(&b->lock);
    b->bus = bus_new(&b->lock);
    demand(region_init_ram(&b->ram, "ram", RAM) == 0 && bus_map(b->bus, 0, &b->ram) == 0, "no RAM");
    pci_init(&b->host, b->bus, &config);
    piix3_ide_init(&b->ide, none, &ops, b);
    demand(piix3_ide_add(&b->ide, &b->host) == 0, "no function");
    add(b, 0, IDE_DISK, DISK, BLOCK_ERROR_REPORT);
    add(b, 1, IDE_CD, CD, BLOCK_ERROR_REPORT);
    add(b, 2, IDE_DISK, DISK, BLOCK_ERROR_STOP);
    return b;
}

static void reset(struct Bench *b) {
    pci_reset(&b->host);
    piix3_ide_reset(&b->ide);
    ide_set_medium(&b->ide.ide, 0, 1, &b->block[1]);
    for (unsigned i = 0; i < 3; i++)
        b->block[i].fail = 0;
    pci_config_write(&b->host, 0, FUNCTION, PCI_BAR0 + 16, MASTER, 4);
    pci_config_write(&b->host, 0, FUNCTION, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MASTER, 2);
}

/* ---- operations ---- */

static uint16_t port(uint8_t which) {
    static const uint16_t bases[] = {0x1f0, 0x170, 0x3f6, 0x376, MASTER, MASTER + 8};
    unsigned base = which >> 4 & 7;
    return base < 2 || base > 3 ? bases[base % 6] + (which & 7) : bases[base];
}

static void settle_all(struct Bench *b) {
    for (unsigned i = 0; i < 3; i++)
        settle(&b->block[i]);
}

static void command(struct Bench *b, struct Input *in) {
    uint16_t base = input_byte(in) & 1 ? 0x170 : 0x1f0;
    for (unsigned i = 1; i < 8; i++)
        bus_port_write(b->bus, base + i, input_byte(in), 1);
}

static void packet(struct Bench *b, struct Input *in) {
    bus_port_write(b->bus, 0x1f6, 0x10, 1);
    bus_port_write(b->bus, 0x1f1, input_byte(in) & 1, 1);
    bus_port_write(b->bus, 0x1f4, input_byte(in), 1);
    bus_port_write(b->bus, 0x1f5, input_byte(in), 1);
    bus_port_write(b->bus, 0x1f7, 0xa0, 1);
    for (unsigned i = 0; i < 6; i++)
        bus_port_write(b->bus, 0x1f0, input_number(in, 2), 2);
}

static void table(struct Bench *b, struct Input *in) {
    unsigned n = input_byte(in) % 16;
    bus_write_uint(b->bus, TABLE + 8 * n, input_number(in, 2) << (input_byte(in) % 17), 4);
    bus_write_uint(b->bus, TABLE + 8 * n + 4, input_number(in, 2) | (uint32_t)input_byte(in) << 24, 4);
    bus_port_write(b->bus, MASTER + 4, TABLE, 4);
}

static void data_register(struct Bench *b, struct Input *in) {
    unsigned what = input_byte(in), n = input_byte(in) * 2u;
    for (unsigned i = 0; i < n; i++) {
        if (what & 1)
            bus_port_read(b->bus, what & 2 ? 0x170 : 0x1f0, what & 4 ? 4 : 2);
        else
            bus_port_write(b->bus, what & 2 ? 0x170 : 0x1f0, i, what & 4 ? 4 : 2);
    }
}

/* Any saved state is refused, or works. */
static void restore(struct Bench *b, struct Input *in) {
    unsigned channel = input_byte(in) & 1;
    struct IdeChannelState *s = &b->ide.ide.channel[channel].state, changed = *s;
    size_t n = state_size(&ide_channel_state_table, 1);
    uint8_t *bytes = malloc(n);
    char why[200];
    settle_all(b);
    state_save(&ide_channel_state_table, s, bytes);
    for (unsigned i = input_byte(in) % 8; i > 0; i--)
        bytes[input_number(in, 2) % 150] = input_byte(in);
    if (state_load(&ide_channel_state_table, 1, bytes, n, &changed, why, sizeof why) == 0) {
        *s = changed;
        ide_restored(&b->ide.ide);
    }
    free(bytes);
}

static void host(struct Bench *b, struct Input *in) {
    uint8_t what = input_byte(in);
    switch (what % 6) {
    case 0: b->block[what >> 4 & 1 ? 2 : 0].fail = what >> 5; break;
    case 1: ide_resume(&b->ide.ide); break;
    case 2: ide_move_tray(&b->ide.ide, 0, 1, what & 8, what & 16); break;
    case 3:
        settle_all(b);
        ide_set_medium(&b->ide.ide, 0, 1, what & 8 ? &b->block[1] : NULL);
        break;
    case 4: piix3_ide_reset(&b->ide); break;
    case 5: pci_config_write(&b->host, 0, FUNCTION, input_byte(in), input_number(in, 2), 1); break;
    }
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
        switch (input_byte(&in) % 9) {
        case 0: which = input_byte(&in), bus_port_write(b->bus, port(which), input_byte(&in), 1); break;
        case 1: bus_port_read(b->bus, port(input_byte(&in)), 1); break;
        case 2: command(b, &in); break;
        case 3: packet(b, &in); break;
        case 4: table(b, &in); break;
        case 5: data_register(b, &in); break;
        case 6: settle_all(b); break;
        case 7: restore(b, &in); break;
        case 8: host(b, &in); break;
        }
    }
    settle_all(b);
    return 0;
}
