/* SPDX-License-Identifier: MIT */
/* 8237A registers, page latches, and what they move. */
#include "devices/dma.h"

#include <string.h>

enum {
    REG_COMMAND_STATUS = 8,
    REG_REQUEST,
    REG_SINGLE_MASK,
    REG_MODE,
    REG_CLEAR_FLIP_FLOP,
    REG_MASTER_CLEAR,
    REG_CLEAR_MASK,
    REG_ALL_MASK,
};

#define MEMORY_TO_MEMORY 0x01
#define SET_BIT 0x04 /* request and single mask: set (1) or clear (0) the channel's bit */

static void master_clear(struct DmaChipState *c) {
    c->command = 0;
    c->request = 0;
    c->mask = 0x0f;
    c->reached = 0;
    c->high_byte = false;
}

static void set_channel_bit(uint8_t *reg, uint8_t value) {
    uint8_t bit = 1 << (value & 3);

    *reg = (value & SET_BIT) ? *reg | bit : *reg & ~bit;
}

static uint16_t *channel_register(struct DmaChipState *c, unsigned reg) {
    return reg & 1 ? &c->count[reg >> 1] : &c->address[reg >> 1];
}

/* A byte written goes into the base register and the current one. */
static void write_channel_register(struct DmaChipState *c, unsigned reg, uint8_t value) {
    uint16_t *current = channel_register(c, reg);
    uint16_t *base = reg & 1 ? &c->base_count[reg >> 1] : &c->base_address[reg >> 1];
    unsigned shift = c->high_byte ? 8 : 0;
    uint16_t keep = (uint16_t)(0xff00 >> shift);

    *current = (uint16_t)((*current & keep) | value << shift);
    *base = (uint16_t)((*base & keep) | value << shift);
    c->high_byte = !c->high_byte;
}

static uint8_t read_status(struct DmaChipState *c) {
    uint8_t v = c->reached;

    c->reached = 0;
    return v;
}

static uint8_t chip_read(struct Dma *d, unsigned which, unsigned reg) {
    struct DmaChipState *c = &d->state.chip[which];
    uint16_t v;

    if (reg > REG_COMMAND_STATUS && reg != REG_MASTER_CLEAR && reg != REG_ALL_MASK)
        device_error(d->log, "DMA", "read of a write-only register, chip << 4 | register is", which << 4 | reg);
    if (reg == REG_COMMAND_STATUS)
        return read_status(c);
    if (reg > REG_COMMAND_STATUS) /* the temporary register has no data */
        return reg == REG_ALL_MASK ? c->mask | 0xf0 : 0;
    v = *channel_register(c, reg);
    c->high_byte = !c->high_byte;
    return c->high_byte ? v & 0xff : v >> 8;
}

static void chip_write(struct Dma *d, unsigned which, unsigned reg, uint8_t value) {
    struct DmaChipState *c = &d->state.chip[which];

    switch (reg) {
    case REG_COMMAND_STATUS:
        if (value & MEMORY_TO_MEMORY)
            device_error(d->log, "DMA", "memory-to-memory transfers are not there, command", value);
        c->command = value;
        return;
    case REG_REQUEST:
        if (value & SET_BIT)
            device_error(d->log, "DMA", "software request: nothing is there to transfer, channel",
                         which * 4 + (value & 3));
        set_channel_bit(&c->request, value);
        return;
    case REG_SINGLE_MASK: set_channel_bit(&c->mask, value); return;
    case REG_MODE: c->mode[value & 3] = value & 0xfc; return;
    case REG_CLEAR_FLIP_FLOP: c->high_byte = false; return;
    case REG_MASTER_CLEAR: master_clear(c); return;
    case REG_CLEAR_MASK: c->mask = 0; return;
    case REG_ALL_MASK: c->mask = value & 0x0f; return;
    }
    write_channel_register(c, reg, value);
}

static uint64_t dma1_read(void *opaque, uint64_t offset, unsigned size) {
    struct Dma *d = opaque;

    (void)size;
    return chip_read(d, 0, offset & 15);
}

static void dma1_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Dma *d = opaque;

    (void)size;
    chip_write(d, 0, offset & 15, value);
}

/* The second controller moves words: its registers are two ports apart. */
static uint64_t dma2_read(void *opaque, uint64_t offset, unsigned size) {
    struct Dma *d = opaque;

    (void)size;
    return chip_read(d, 1, offset >> 1 & 15);
}

static void dma2_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Dma *d = opaque;

    (void)size;
    chip_write(d, 1, offset >> 1 & 15, value);
}

static uint64_t page_read(void *opaque, uint64_t offset, unsigned size) {
    struct Dma *d = opaque;

    (void)size;
    return d->state.page[offset & 15];
}

static void page_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Dma *d = opaque;

    (void)size;
    d->state.page[offset & 15] = value;
}

static const struct IoOps dma1_ops = {.read = dma1_read, .write = dma1_write, .min_size = 1, .max_size = 1};
static const struct IoOps dma2_ops = {.read = dma2_read, .write = dma2_write, .min_size = 1, .max_size = 1};
static const struct IoOps page_ops = {.read = page_read, .write = page_write, .min_size = 1, .max_size = 1};

void dma_reset(struct Dma *d) {
    memset(&d->state, 0, sizeof(d->state));
    master_clear(&d->state.chip[0]);
    master_clear(&d->state.chip[1]);
}

void dma_init(struct Dma *d) {
    d->log = NULL;
    d->bus = NULL;
    dma_reset(d);
}

int dma_map(struct Dma *d, struct Bus *bus) {
    d->bus = bus;
    int ret = bus_map_ports(bus, 0x00, 16, "dma1", &dma1_ops, d);

    if (ret == 0)
        ret = bus_map_ports(bus, 0x80, 16, "dma-page", &page_ops, d);
    if (ret == 0)
        ret = bus_map_ports(bus, 0xc0, 32, "dma2", &dma2_ops, d);
    return ret;
}

/* ---- transfers ---- */

enum { MODE_TYPE = 0x0c, MODE_TO_MEMORY = 0x04, MODE_FROM_MEMORY = 0x08, MODE_AUTOINIT = 0x10, MODE_DOWN = 0x20 };
enum { CHIP_DISABLED = 0x04, CASCADE = 0 /* channel of the second chip */, DMA_BOUNDARY = 0x10000 };

/* A channel on its way, in units of bytes or words. */
struct Transfer {
    struct Dma *d;
    struct DmaChipState *chip;
    unsigned channel; /* of the chip */
    unsigned unit;    /* bytes */
    bool to_memory, verify;
};

static bool is_open(const struct Dma *d, unsigned channel) {
    const struct DmaChipState *first = &d->state.chip[0], *second = &d->state.chip[1];
    unsigned n = channel & 3;

    if (second->command & CHIP_DISABLED)
        return false;
    if (channel > 3)
        return !(second->mask >> n & 1);
    return !(second->mask >> CASCADE & 1) && !(first->command & CHIP_DISABLED) && !(first->mask >> n & 1);
}

/* The latch of a channel; words are moved in the 128 KiB that its lowest bit doesn't tell apart. */
static uint32_t page_of(const struct Dma *d, unsigned channel) {
    static const uint8_t latch[8] = {0x7, 0x3, 0x1, 0x2, 0xf, 0xb, 0x9, 0xa};
    uint8_t page = d->state.page[latch[channel]];

    return (uint32_t)(channel > 3 ? page & 0xfe : page) << 16;
}

/* `n` bytes of memory, which lie in one page of the channel's. */
static void move_piece(const struct Transfer *t, uint32_t gpa, uint8_t *buf, size_t n) {
    uint64_t offset, avail;

    for (size_t take; n > 0; n -= take, gpa += take, buf += take) {
        struct Region *r = bus_find(t->d->bus, gpa, &offset, &avail);
        bool memory = r != NULL && (r->kind == REGION_RAM || (r->kind == REGION_ROM && !t->to_memory));
        take = avail < n ? avail : n;
        if (!memory)
            device_error(t->d->log, "DMA", "a transfer meets what is no memory, address", gpa);
        if (memory && t->to_memory)
            bus_write(t->d->bus, gpa, buf, take);
        else if (memory)
            bus_read(t->d->bus, gpa, buf, take);
        else if (!t->to_memory)
            memset(buf, 0xff, take);
    }
}

/* As many units as follow each other upwards: one when addresses go down. */
static size_t run_of(const struct Transfer *t, size_t units) {
    size_t to_boundary = DMA_BOUNDARY - t->chip->address[t->channel];

    if (t->chip->mode[t->channel] & MODE_DOWN)
        return 1;
    return units < to_boundary ? units : to_boundary;
}

static void move_units(const struct Transfer *t, uint32_t page, uint8_t *buf, size_t units) {
    uint16_t *address = &t->chip->address[t->channel];

    for (size_t run; units > 0; units -= run, buf += run * t->unit) {
        run = run_of(t, units);
        if (!t->verify)
            move_piece(t, page + *address * t->unit, buf, run * t->unit);
        *address += t->chip->mode[t->channel] & MODE_DOWN ? -1 : (int)run;
    }
}

/* Terminal count: as it was programmed again, or masked (data sheet, "Autoinitialize"). */
static void end_of_count(const struct Transfer *t) {
    struct DmaChipState *c = t->chip;
    uint8_t bit = 1 << t->channel;

    c->reached |= bit;
    c->request &= ~bit;
    if (c->mode[t->channel] & MODE_AUTOINIT) {
        c->address[t->channel] = c->base_address[t->channel];
        c->count[t->channel] = c->base_count[t->channel];
    } else {
        c->mask |= bit;
    }
}

size_t dma_move(struct Dma *d, unsigned channel, void *buf, size_t n, bool to_memory, bool *terminal) {
    struct DmaChipState *c = &d->state.chip[channel > 3];
    struct Transfer t = {d, c, channel & 3, channel > 3 ? 2 : 1, to_memory, false};
    uint8_t type = c->mode[t.channel] & MODE_TYPE;
    size_t left = (size_t)c->count[t.channel] + 1, units = n / t.unit;

    *terminal = false;
    if (!is_open(d, channel))
        return 0;
    t.verify = type == 0;
    if (!t.verify && type != (to_memory ? MODE_TO_MEMORY : MODE_FROM_MEMORY)) {
        device_error(d->log, "DMA", "the channel is programmed for another direction, channel", channel);
        return 0;
    }
    units = units < left ? units : left;
    if (t.verify && !to_memory)
        memset(buf, 0xff, units * t.unit);
    move_units(&t, page_of(d, channel), buf, units);
    c->count[t.channel] -= (uint16_t)units;
    *terminal = units == left;
    if (*terminal)
        end_of_count(&t);
    return units * t.unit;
}

/* ---- saved state ---- */

static const struct StateTable chip_table = {
    .name = "8237",
    .size = sizeof(struct DmaChipState),
    .field =
        (const struct StateField[]){
            STATE_ARRAY(DmaChipState, address),
            STATE_ARRAY(DmaChipState, count),
            STATE_ARRAY(DmaChipState, mode),
            STATE_FIELD(DmaChipState, command),
            STATE_FIELD(DmaChipState, request),
            STATE_FIELD(DmaChipState, mask),
            STATE_FIELD(DmaChipState, high_byte),
            STATE_ARRAY(DmaChipState, base_address, .since = 2),
            STATE_ARRAY(DmaChipState, base_count, .since = 2),
            STATE_FIELD(DmaChipState, reached, .since = 2),
            STATE_PADDING(DmaChipState, unused),
            {0},
        },
};

const struct StateTable dma_state_table = {
    .name = "dma",
    .size = sizeof(struct DmaState),
    .version = 2,
    .field =
        (const struct StateField[]){
            STATE_ARRAY_WITHIN(DmaState, chip, &chip_table),
            STATE_ARRAY(DmaState, page),
            {0},
        },
};
