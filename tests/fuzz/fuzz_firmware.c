/* SPDX-License-Identifier: MIT */
/*
 * What a guest can do to the devices that firmware speaks to: fw_cfg by port and by DMA, and a flash chip. The input is
 * a program of accesses; afterwards memory beyond the guest's RAM and the items must be as they were.
 */
#include "devices/firmware/fw_cfg.h"
#include "devices/firmware/pflash.h"
#include "tests/fuzz/input.h"

#include <stdlib.h>
#include <string.h>

enum { RAM_SIZE = 0x20000, FLASH_SIZE = 0x3000, FLASH_AT = 0x400000, ITEM_SIZE = 5000 };

struct Board {
    pthread_mutex_t lock;
    struct Bus *bus;
    struct Region ram, rom;
    struct FwCfg fw_cfg;
    struct Pflash flash;
};

static int changed(void *opaque, uint32_t offset, uint32_t size) {
    (void)opaque;
    if ((uint64_t)offset + size > FLASH_SIZE)
        abort();
    return offset % 3 == 0 ? -5 : 0; /* the host fails now and then */
}

static void check(int r) {
    if (r != 0)
        abort();
}

static void build(struct Board *b) {
    static uint8_t item[ITEM_SIZE], blank[FLASH_SIZE];
    const struct PflashHost host = {changed, b};
    memset(item, 0xc3, sizeof item);
    bus_lock_init(&b->lock);
    b->bus = bus_new(&b->lock);
    check(region_init_ram(&b->ram, "ram", RAM_SIZE));
    check(region_init_rom(&b->rom, "rom", item, sizeof item, 0x2000));
    check(bus_map(b->bus, 0, &b->ram));
    check(bus_map(b->bus, 0x8000, &b->rom)); /* so that RAM is in two pieces */
    check(fw_cfg_init(&b->fw_cfg, b->bus));
    check(fw_cfg_add_bytes(&b->fw_cfg, FW_CFG_KERNEL_DATA, item, sizeof item));
    check(fw_cfg_add_int(&b->fw_cfg, FW_CFG_IRQ0_OVERRIDE, 1, 1));
    check(fw_cfg_add_file(&b->fw_cfg, "opt/a", item, sizeof item));
    check(fw_cfg_add_file(&b->fw_cfg, "opt/empty", "", 0));
    check(fw_cfg_map(&b->fw_cfg, FW_CFG_BASE));
    check(pflash_init(&b->flash, blank, sizeof blank, false, &host));
    check(pflash_map(&b->flash, b->bus, FLASH_AT));
}

static void destroy(struct Board *b) {
    fw_cfg_destroy(&b->fw_cfg);
    pflash_destroy(&b->flash);
    bus_free(b->bus);
    region_destroy(&b->ram);
    region_destroy(&b->rom);
    pthread_mutex_destroy(&b->lock);
}

/* A whole DMA request, so that the fuzzer need not find out how to make one. */
static void dma(struct Board *b, struct Input *p) {
    uint8_t r[16];
    uint32_t at = (uint32_t)input_number(p, 2);
    for (unsigned i = 0; i < sizeof r; i++)
        r[i] = (uint8_t)input_number(p, 1);
    bus_write(b->bus, at, r, sizeof r);
    bus_port_write(b->bus, FW_CFG_BASE + 4, 0, 4);
    bus_port_write(b->bus, FW_CFG_BASE + 8, __builtin_bswap32(at), 4);
}

static void step(struct Board *b, struct Input *p) {
    unsigned op = (unsigned)input_number(p, 1), size = 1u << (op >> 3) % 4,
             port = FW_CFG_BASE + (op >> 5) * 2 % FW_CFG_PORTS;
    switch (op % 8) {
    case 0: bus_port_write(b->bus, (uint16_t)port, (uint32_t)input_number(p, 4), size > 4 ? 4 : size); break;
    case 1: bus_port_read(b->bus, (uint16_t)port, size > 4 ? 4 : size); break;
    case 2: bus_port_write(b->bus, FW_CFG_BASE, (uint32_t)input_number(p, 2), 2); break;
    case 3: dma(b, p); break;
    case 4: bus_write_uint(b->bus, input_number(p, 3), input_number(p, 8), size); break;
    case 5: bus_read_uint(b->bus, input_number(p, 3), size); break;
    case 6: bus_write_uint(b->bus, FLASH_AT + input_number(p, 2) % (FLASH_SIZE + 8), input_number(p, 1), size); break;
    default: bus_read_uint(b->bus, FLASH_AT + input_number(p, 2) % (FLASH_SIZE + 8), size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct Board b = {0};
    struct Input p = {data, size};
    uint32_t n;
    build(&b);
    while (p.left > 0)
        step(&b, &p);
    const uint8_t *file = fw_cfg_file(&b.fw_cfg, "opt/a", &n);
    for (uint32_t i = 0; i < n; i++)
        if (file[i] != 0xc3)
            abort();
    if (n != ITEM_SIZE || b.rom.host[0] != 0xc3)
        abort();
    destroy(&b);
    return 0;
}
