/* SPDX-License-Identifier: MIT */
#include "machine/firmware/shadow.h"

#include <string.h>

enum { SEGMENT_SIZE = 0x4000, BIOS_BASE = 0xf0000, BIOS_SIZE = 0x10000, ROM_MOST = 0x20000, PAGE_SIZE = 4096 };
enum { ALL_RAM = SHADOW_READ_RAM | SHADOW_WRITE_RAM };

/* Reads go to the bus, writes to RAM: so firmware copies itself. Nobody has decoded code from the RAM below. */
static void write_below(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    const struct ShadowSegment *g = opaque;
    const struct Shadow *s = g->shadow;
    memcpy(s->ram->host + g->base + offset, &value, size);
    if (bus_dirty_logging(s->bus))
        __atomic_fetch_or(&s->ram->page_flags[(g->base + offset) / PAGE_SIZE], PAGE_FLAG_DIRTY, __ATOMIC_RELAXED);
}

void shadow_route(struct Shadow *s, unsigned n, uint8_t attributes) {
    struct ShadowSegment *g = &s->segment[n];
    attributes &= ALL_RAM;
    if (g->attributes == attributes)
        return;
    if (g->attributes != ALL_RAM)
        bus_unmap(s->bus, &g->region[g->attributes]);
    g->attributes = attributes;
    if (attributes != ALL_RAM)
        bus_map(s->bus, g->base, &g->region[attributes]); /* out of host memory: RAM stays to be seen */
}

void shadow_set_rom(struct Shadow *s, const void *image, size_t size) {
    size_t n = size < ROM_MOST ? size : ROM_MOST;
    memset(s->rom.host, 0xff, SHADOW_SIZE - n);
    if (n != 0)
        memcpy(s->rom.host + SHADOW_SIZE - n, (const uint8_t *)image + size - n, n);
}

static void init_segment(struct Shadow *s, unsigned n) {
    static const struct IoOps below_ops = {.write = write_below, .min_size = 1, .max_size = 8};
    struct ShadowSegment *g = &s->segment[n];
    g->shadow = s;
    g->base = n == 0 ? BIOS_BASE : SHADOW_BASE + (n - 1) * SEGMENT_SIZE;
    g->attributes = ALL_RAM;
    struct Region rom = {
        .name = "bios",
        .kind = REGION_ROM,
        .size = n == 0 ? BIOS_SIZE : SEGMENT_SIZE,
        .host = s->rom.host + g->base - SHADOW_BASE,
        .memfd = -1,
    };
    struct Region ram = rom, written = rom;
    ram.name = "shadow ram";
    ram.host = s->ram->host + g->base;
    written.ops = &below_ops;
    written.opaque = g;
    g->region[0] = rom;
    g->region[SHADOW_READ_RAM] = ram;
    g->region[SHADOW_WRITE_RAM] = written;
}

int shadow_init(struct Shadow *s, struct Bus *bus, struct Region *ram) {
    s->bus = bus;
    s->ram = ram;
    int r = region_init_rom(&s->rom, "bios", NULL, 0, SHADOW_SIZE);
    for (unsigned n = 0; r == 0 && n < SHADOW_SEGMENTS; n++)
        init_segment(s, n);
    if (r == 0)
        shadow_set_rom(s, NULL, 0);
    return r;
}

void shadow_destroy(struct Shadow *s) {
    for (unsigned n = 0; s->rom.host != NULL && n < SHADOW_SEGMENTS; n++)
        shadow_route(s, n, ALL_RAM);
    if (s->rom.host != NULL)
        region_destroy(&s->rom);
}
