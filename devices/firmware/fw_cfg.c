/* SPDX-License-Identifier: MIT */
#include "devices/firmware/fw_cfg.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OFFSET_SELECTOR = 0, OFFSET_DATA = 1, OFFSET_DMA_HIGH = 4, OFFSET_DMA_LOW = 8 };
enum { ID_PORTS = 1, ID_DMA = 2 };

/* What a read of the DMA address register gives, so that a guest can tell that DMA is there. */
#define DMA_SIGNATURE 0x51454d5520434647ull /* "QEMU CFG" */

enum { DMA_ERROR = 1 << 0, DMA_READ = 1 << 1, DMA_SKIP = 1 << 2, DMA_SELECT = 1 << 3, DMA_WRITE = 1 << 4 };

/* The guest's request, big-endian. */
struct DmaRequest {
    uint32_t control, length;
    uint64_t address;
};

/* Bit 14 of a selector once asked for writing; bit 15 selects what is the architecture's own. */
enum { KEY_WRITE = 1 << 14 };

/* The item of that number, or NULL. */
static struct FwCfgItem *item_of(struct FwCfg *f, unsigned key) {
    if (key < FW_CFG_KEYS)
        return &f->item[key];
    return key >= FW_CFG_ARCH && key < FW_CFG_ARCH + FW_CFG_ARCH_KEYS ? &f->arch[key - FW_CFG_ARCH] : NULL;
}

static const struct FwCfgItem *selected(struct FwCfg *f) {
    static const struct FwCfgItem none;
    const struct FwCfgItem *item = item_of(f, f->state.key & ~KEY_WRITE);
    return item != NULL ? item : &none;
}

static void select_key(struct FwCfg *f, uint16_t key) {
    f->state.key = key;
    f->state.offset = 0;
}

static uint32_t item_left(struct FwCfg *f) {
    const struct FwCfgItem *item = selected(f);
    return f->state.offset < item->size ? item->size - f->state.offset : 0;
}

/* Bytes of the selected item from the offset on, at most `max`; the offset moves on. */
static uint32_t take(struct FwCfg *f, uint32_t max, const uint8_t **data) {
    const struct FwCfgItem *item = selected(f);
    uint32_t left = item_left(f), n = max < left ? max : left;
    *data = n ? item->data + f->state.offset : NULL;
    f->state.offset += n;
    return n;
}

/* ---- DMA ---- */

/* Past its end an item reads as zeroes. So many of them no guest wants; one instruction could ask for 4 GiB. */
enum { DMA_ZEROES_MAX = 64 << 20 };

static bool is_memory(struct Bus *bus, uint64_t address, uint64_t length) {
    while (length) {
        uint64_t offset, avail;
        const struct Region *r = bus_find(bus, address, &offset, &avail);
        if (!r || r->kind == REGION_MMIO)
            return false;
        avail = avail < length ? avail : length;
        address += avail;
        length -= avail;
    }
    return true;
}

/* 0 or DMA_ERROR. Devices are no target: byte by byte, with the machine's lock held, that takes minutes. */
static uint32_t dma_read(struct FwCfg *f, uint64_t address, uint32_t length) {
    static const uint8_t zeroes[4096];
    const uint8_t *data;
    if (!is_memory(f->bus, address, length)) {
        device_error(f->log, "fw_cfg", "DMA to what is no memory, address", address);
        return DMA_ERROR;
    }
    if (length > DMA_ZEROES_MAX && length - DMA_ZEROES_MAX > item_left(f)) {
        device_error(f->log, "fw_cfg", "DMA of far more than the item has, bytes", length);
        return DMA_ERROR;
    }
    uint32_t n = take(f, length, &data);
    if (n)
        bus_write(f->bus, address, data, n);
    for (address += n, length -= n; length; address += n, length -= n) {
        n = length < sizeof(zeroes) ? length : sizeof(zeroes);
        bus_write(f->bus, address, zeroes, n);
    }
    return 0;
}

static void dma_run(struct FwCfg *f, uint64_t at) {
    struct DmaRequest r;
    const uint8_t *unused;
    if (!bus_ram_ptr(f->bus, at, sizeof(r))) {
        device_error(f->log, "fw_cfg", "DMA request outside of RAM, at", at);
        return;
    }
    bus_read(f->bus, at, &r, sizeof(r));
    uint32_t control = be32toh(r.control), length = be32toh(r.length), result = 0;
    if (control & DMA_SELECT)
        select_key(f, control >> 16);
    if (control & DMA_READ)
        result = dma_read(f, be64toh(r.address), length);
    else if (control & DMA_WRITE)
        result = DMA_ERROR;
    else if (control & DMA_SKIP)
        take(f, length, &unused);
    result = htobe32(result);
    bus_write(f->bus, at, &result, sizeof(result));
}

/* ---- ports ---- */

static uint64_t fw_cfg_read(void *opaque, uint64_t offset, unsigned size) {
    struct FwCfg *f = opaque;
    const uint8_t *data;
    if (offset == OFFSET_DATA && size == 1)
        return take(f, 1, &data) ? *data : 0;
    if (offset >= OFFSET_DMA_HIGH) { /* big-endian register, so the low address holds the high byte */
        uint64_t image = htobe64(DMA_SIGNATURE);
        return image >> (offset - OFFSET_DMA_HIGH) * 8;
    }
    return UINT32_MAX;
}

static void fw_cfg_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct FwCfg *f = opaque;
    if (offset == OFFSET_SELECTOR && size == 2) {
        select_key(f, value & 0xffff);
    } else if (offset == OFFSET_DMA_HIGH && size == 4) {
        f->state.dma_address = (uint64_t)be32toh((uint32_t)value) << 32;
    } else if (offset == OFFSET_DMA_LOW && size == 4) { /* the write of the low half starts the transfer */
        uint64_t at = f->state.dma_address | be32toh((uint32_t)value);
        f->state.dma_address = 0;
        dma_run(f, at);
    } else {
        device_error(f->log, "fw_cfg", "write of no register or of a wrong size, port offset", offset);
    }
}

static const struct IoOps fw_cfg_ops = {.read = fw_cfg_read, .write = fw_cfg_write, .min_size = 1, .max_size = 4};

int fw_cfg_map(struct FwCfg *f, uint16_t base) {
    return bus_map_ports(f->bus, base, FW_CFG_PORTS, "fw_cfg", &fw_cfg_ops, f);
}

/* ---- items ---- */

static void set_item(struct FwCfgItem *item, const void *data, void *owned, uint32_t size) {
    free(item->owned);
    item->data = data;
    item->owned = owned;
    item->size = size;
}

static int set_copy(struct FwCfgItem *item, const void *data, uint32_t size) {
    void *copy = malloc(size ? size : 1);
    if (!copy)
        return -ENOMEM;
    if (size)
        memcpy(copy, data, size);
    set_item(item, copy, copy, size);
    return 0;
}

/* One that has a number of its own and may be set, or NULL. */
static struct FwCfgItem *numbered(struct FwCfg *f, uint16_t key) {
    return key >= FW_CFG_FILE_DIR && key < FW_CFG_KEYS ? NULL : item_of(f, key);
}

int fw_cfg_add_bytes(struct FwCfg *f, uint16_t key, const void *data, uint32_t size) {
    struct FwCfgItem *item = numbered(f, key);
    if (!item)
        return -EINVAL;
    set_item(item, data, NULL, size);
    return 0;
}

int fw_cfg_add_int(struct FwCfg *f, uint16_t key, uint64_t value, unsigned size) {
    struct FwCfgItem *item = numbered(f, key);
    uint64_t le = htole64(value);
    return item && (size == 1 || size == 2 || size == 4 || size == 8) ? set_copy(item, &le, size) : -EINVAL;
}

int fw_cfg_add_string(struct FwCfg *f, uint16_t key, const char *string) {
    struct FwCfgItem *item = numbered(f, key);
    size_t size = strlen(string) + 1;
    return item && size <= UINT32_MAX ? set_copy(item, string, size) : -EINVAL;
}

/* One entry of the file directory, big-endian. */
struct DirEntry {
    uint32_t size;
    uint16_t key, reserved;
    char name[FW_CFG_FILE_NAME];
};

struct Directory {
    uint32_t count;
    struct DirEntry entry[FW_CFG_FILE_SLOTS];
};

static int compare_names(const void *a, const void *b) {
    return strcmp(((const struct DirEntry *)a)->name, ((const struct DirEntry *)b)->name);
}

static int rebuild_directory(struct FwCfg *f) {
    struct Directory dir = {.count = htobe32(f->files)};
    for (unsigned i = 0; i < f->files; i++) {
        struct DirEntry *e = &dir.entry[i];
        e->size = htobe32(f->item[FW_CFG_FILE_FIRST + i].size);
        e->key = htobe16(FW_CFG_FILE_FIRST + i);
        memcpy(e->name, f->name[i], FW_CFG_FILE_NAME);
    }
    qsort(dir.entry, f->files, sizeof(dir.entry[0]), compare_names);
    return set_copy(&f->item[FW_CFG_FILE_DIR], &dir, sizeof(dir.count) + f->files * sizeof(dir.entry[0]));
}

/* Its place in the list; `files` if it is not there. */
static unsigned find_file(const struct FwCfg *f, const char *name) {
    unsigned i = 0;
    while (i < f->files && strcmp(f->name[i], name) != 0)
        i++;
    return i;
}

int fw_cfg_add_file(struct FwCfg *f, const char *name, const void *data, uint32_t size) {
    if (name[0] == 0 || strlen(name) >= FW_CFG_FILE_NAME)
        return -EINVAL;
    unsigned i = find_file(f, name);
    if (i == FW_CFG_FILE_SLOTS)
        return -ENOSPC;
    int r = set_copy(&f->item[FW_CFG_FILE_FIRST + i], data, size);
    if (r != 0)
        return r;
    if (i == f->files) {
        memset(f->name[i], 0, FW_CFG_FILE_NAME);
        memcpy(f->name[i], name, strlen(name));
        f->files++;
    }
    return rebuild_directory(f);
}

void fw_cfg_remove_file(struct FwCfg *f, const char *name) {
    unsigned i = find_file(f, name);
    if (i == f->files)
        return;
    set_item(&f->item[FW_CFG_FILE_FIRST + i], NULL, NULL, 0);
    for (f->files--; i < f->files; i++) {
        f->item[FW_CFG_FILE_FIRST + i] = f->item[FW_CFG_FILE_FIRST + i + 1];
        memcpy(f->name[i], f->name[i + 1], FW_CFG_FILE_NAME);
    }
    f->item[FW_CFG_FILE_FIRST + f->files] = (struct FwCfgItem){0};
    rebuild_directory(f); /* out of memory: the old one stays, and reads as zeroes where nothing is */
}

const uint8_t *fw_cfg_file(const struct FwCfg *f, const char *name, uint32_t *size) {
    unsigned i = find_file(f, name);
    if (i == f->files)
        return NULL;
    if (size)
        *size = f->item[FW_CFG_FILE_FIRST + i].size;
    return f->item[FW_CFG_FILE_FIRST + i].data;
}

/* ---- life ---- */

void fw_cfg_reset(struct FwCfg *f) { memset(&f->state, 0, sizeof(f->state)); }

void fw_cfg_destroy(struct FwCfg *f) {
    for (unsigned key = 0; key < FW_CFG_KEYS; key++)
        set_item(&f->item[key], NULL, NULL, 0);
    for (unsigned key = 0; key < FW_CFG_ARCH_KEYS; key++)
        set_item(&f->arch[key], NULL, NULL, 0);
    f->files = 0;
}

int fw_cfg_init(struct FwCfg *f, struct Bus *bus) {
    memset(f, 0, sizeof(*f));
    f->bus = bus;
    fw_cfg_add_bytes(f, FW_CFG_SIGNATURE, "QEMU", 4);
    int r = fw_cfg_add_int(f, FW_CFG_ID, ID_PORTS | ID_DMA, 4);
    return r != 0 ? r : rebuild_directory(f);
}

/* ---- saved state ---- */

const struct StateTable fw_cfg_state_table = {
    .name = "fw_cfg",
    .size = sizeof(struct FwCfgState),
    .version = 1,
    .field =
        (const struct StateField[]){
            STATE_FIELD(FwCfgState, dma_address),
            STATE_FIELD(FwCfgState, offset),
            STATE_FIELD(FwCfgState, key),
            STATE_PADDING(FwCfgState, unused),
            {0},
        },
};
