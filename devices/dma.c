/* SPDX-License-Identifier: MIT */
/* 8237A registers and page latches. */
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
    c->high_byte = false;
}

static void set_channel_bit(uint8_t *reg, uint8_t value) {
    uint8_t bit = 1 << (value & 3);

    *reg = (value & SET_BIT) ? *reg | bit : *reg & ~bit;
}

static uint16_t *channel_register(struct DmaChipState *c, unsigned reg) {
    return reg & 1 ? &c->count[reg >> 1] : &c->address[reg >> 1];
}

static uint8_t chip_read(struct Dma *d, unsigned which, unsigned reg) {
    struct DmaChipState *c = &d->state.chip[which];
    uint16_t v;

    if (reg > REG_COMMAND_STATUS && reg != REG_MASTER_CLEAR && reg != REG_ALL_MASK)
        device_error(d->log, "DMA", "read of a write-only register, chip << 4 | register is", which << 4 | reg);
    if (reg >= REG_COMMAND_STATUS) /* status and the temporary register: no request, no terminal count, no data */
        return reg == REG_ALL_MASK ? c->mask | 0xf0 : 0;
    v = *channel_register(c, reg);
    c->high_byte = !c->high_byte;
    return c->high_byte ? v & 0xff : v >> 8;
}

static void chip_write(struct Dma *d, unsigned which, unsigned reg, uint8_t value) {
    struct DmaChipState *c = &d->state.chip[which];
    uint16_t *word;

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
    word = channel_register(c, reg);
    *word = c->high_byte ? (*word & 0x00ff) | value << 8 : (*word & 0xff00) | value;
    c->high_byte = !c->high_byte;
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
    memset(&d->state, 0, sizeof d->state);
    master_clear(&d->state.chip[0]);
    master_clear(&d->state.chip[1]);
}

void dma_init(struct Dma *d) {
    d->log = NULL;
    dma_reset(d);
}

int dma_map(struct Dma *d, struct Bus *bus) {
    int ret = bus_map_ports(bus, 0x00, 16, "dma1", &dma1_ops, d);

    if (ret == 0)
        ret = bus_map_ports(bus, 0x80, 16, "dma-page", &page_ops, d);
    if (ret == 0)
        ret = bus_map_ports(bus, 0xc0, 32, "dma2", &dma2_ops, d);
    return ret;
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
            {0},
        },
};

const struct StateTable dma_state_table = {
    .name = "dma",
    .size = sizeof(struct DmaState),
    .version = 1,
    .field =
        (const struct StateField[]){
            STATE_ARRAY_WITHIN(DmaState, chip, &chip_table),
            STATE_ARRAY(DmaState, page),
            {0},
        },
};
