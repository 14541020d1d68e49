/* SPDX-License-Identifier: MIT */
#include "devices/pc_testdev.h"

#include <string.h>

/* ---- four bytes ---- */

static uint64_t data_read(void *opaque, uint64_t offset, unsigned size) {
    const struct PcTestdev *t = opaque;
    uint64_t v = 0;
    memcpy(&v, (const uint8_t *)&t->state.data + offset, size);
    return v;
}

static void data_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct PcTestdev *t = opaque;
    memcpy((uint8_t *)&t->state.data + offset, &value, size);
}

/* ---- a page to be mapped anew: no translation here outlives what it was made of ---- */

static uint64_t flush_read(void *opaque, uint64_t offset, unsigned size) {
    (void)opaque, (void)offset, (void)size;
    return 0;
}

static void flush_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    (void)opaque, (void)offset, (void)value, (void)size;
}

/* ---- interrupt lines ---- */

static uint64_t line_read(void *opaque, uint64_t offset, unsigned size) {
    (void)opaque, (void)offset, (void)size;
    return 0;
}

static void line_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct PcTestdev *t = opaque;
    (void)size;
    t->state.level[offset] = value != 0;
    irq_set(&t->line[offset], value != 0);
}

/* ---- memory ---- */

static uint64_t memory_read(void *opaque, uint64_t offset, unsigned size) {
    const struct PcTestdev *t = opaque;
    uint64_t v = 0;
    memcpy(&v, t->state.memory + offset, size);
    return v;
}

static void memory_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct PcTestdev *t = opaque;
    memcpy(t->state.memory + offset, &value, size);
}

static const struct IoOps memory_ops = {.read = memory_read, .write = memory_write, .min_size = 1, .max_size = 8};

void pc_testdev_init(struct PcTestdev *t) {
    memset(t, 0, sizeof(*t));
    region_init_mmio(&t->region, "pc-testdev", PC_TESTDEV_MEMORY, &memory_ops, t);
}

void pc_testdev_reset(struct PcTestdev *t) {
    for (unsigned i = 0; i < PC_TESTDEV_LINES; i++)
        if (t->state.level[i] != 0)
            irq_set(&t->line[i], false);
    memset(&t->state, 0, sizeof(t->state));
}

int pc_testdev_map(struct PcTestdev *t, struct Bus *bus) {
    static const struct IoOps data = {.read = data_read, .write = data_write, .min_size = 1, .max_size = 4},
                              bytes = {.read = data_read, .write = data_write, .min_size = 1, .max_size = 1},
                              flush = {.read = flush_read, .write = flush_write, .min_size = 1, .max_size = 4},
                              line = {.read = line_read, .write = line_write, .min_size = 1, .max_size = 1};
    const struct {
        uint16_t port, count;
        const struct IoOps *ops;
    } part[] = {
        {PC_TESTDEV_PORTS, 4, &data},
        {PC_TESTDEV_PORTS + 4, 4, &flush},
        {PC_TESTDEV_PORTS + 8, 4, &bytes},
        {PC_TESTDEV_IRQ_PORTS, PC_TESTDEV_LINES, &line},
    };
    int r = bus_map(bus, PC_TESTDEV_BASE, &t->region);
    for (unsigned i = 0; r == 0 && i < sizeof(part) / sizeof(part[0]); i++)
        r = bus_map_ports(bus, part[i].port, part[i].count, "pc-testdev", part[i].ops, t);
    return r;
}

/* ---- saved state ---- */

const struct StateTable pc_testdev_state_table = {
    .name = "pc-testdev",
    .size = sizeof(struct PcTestdevState),
    .version = 1,
    .field =
        (const struct StateField[]){
            STATE_FIELD(PcTestdevState, data),
            STATE_ARRAY(PcTestdevState, level, .max = 1),
            STATE_ARRAY(PcTestdevState, memory),
            {0},
        },
};
