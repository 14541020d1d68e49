/* SPDX-License-Identifier: MIT */
#include "machine/boot/start_info.h"

#include "base/bytes.h"
#include "machine/boot/plan.h"

#include <assert.h>
#include <string.h>

static_assert((int)E820_MAX <= PLAN_MAP_ENTRIES, "room for our own map, too");

/* Our own map, and what follows from it. */
static void fill(const struct Loader *l, const struct StartFormat *f, uint8_t *block) {
    uint32_t upper = 0;
    for (unsigned i = 0; i < l->e820.count; i++) {
        const struct E820Entry *e = &l->e820.entry[i];
        uint8_t *p = block + PLAN_INFO_SIZE + i * PLAN_MAP_ENTRY;
        put_le32(p, PLAN_MAP_ENTRY - 4);
        put_le64(p + f->map_head, e->addr);
        put_le64(p + f->map_head + 8, e->size);
        put_le32(p + f->map_head + 16, e->type);
        if (e->addr == EXTENDED_MEMORY_BASE && e->type == E820_RAM)
            upper = (uint32_t)(e->size / 1024); /* up to the first hole above 1 MiB */
    }
    put_le32(block + f->map_count, l->e820.count * f->map_unit);
    if (f->memory != 0) {
        put_le32(block + f->memory, EBDA_BASE / 1024);
        put_le32(block + f->memory + 4, upper);
    }
    if (f->rsdp != 0)
        put_le64(block + f->rsdp, l->in->rsdp);
}

/* The option ROM is to do that. */
static void leave_to_firmware(struct BootPlan *p, const struct StartFormat *f, const uint8_t *block, uint64_t addr) {
    memcpy(plan_info(p), block, PLAN_INFO_SIZE);
    plan_set(p, PLAN_INFO_AT, (uint32_t)addr);
    plan_set(p, PLAN_MAP_HEAD, f->map_head);
    plan_set(p, PLAN_MAP_COUNT, f->map_count);
    plan_set(p, PLAN_MAP_UNIT, f->map_unit);
    plan_set(p, PLAN_MEMORY, f->memory);
    plan_set(p, PLAN_RSDP, f->rsdp);
}

int start_info_place(struct Loader *l, const struct StartFormat *f, const uint8_t *info, uint64_t *addr) {
    uint8_t block[PLAN_BLOCK_SIZE] = {0};
    int r = loader_reserve(l, &l->in->kernel, "the start information", sizeof(block), 8, addr);
    if (r != 0)
        return r;
    memcpy(block, info, f->size);
    put_le32(block + f->map_at, (uint32_t)*addr + PLAN_INFO_SIZE);
    if (l->plan != NULL) {
        leave_to_firmware(l->plan, f, block, *addr);
        return 0;
    }
    fill(l, f, block);
    return loader_copy(l, &l->in->kernel, "the start information", *addr, block, sizeof(block));
}
