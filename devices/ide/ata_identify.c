/* SPDX-License-Identifier: MIT */
/* What a drive says about itself (ATA/ATAPI-7 vol. 1, 6.17 and 6.18), and the features that can be set. */
#include "devices/ide/ide_internal.h"

#include <string.h>

enum { PIO_MODES = 0x03, MULTIWORD_MODES = 0x07, ULTRA_MODES = 0x3f };
enum { TRANSFER_PIO_DEFAULT = 0x00, TRANSFER_PIO_FLOW = 0x08, TRANSFER_MULTIWORD = 0x20, TRANSFER_ULTRA = 0x40 };
enum { MOST_CYLINDERS = 16383, HEADS = 16, TRACK = 63, MOST_LBA_28 = 0x0fffffff };

/* ASCII, two characters a word, the first in the upper half; filled with spaces. */
static void put_text(uint8_t *data, unsigned word, unsigned words, const char *text) {
    size_t n = strlen(text);
    for (unsigned i = 0; i < 2 * words; i++)
        data[2 * word + (i ^ 1)] = i < n ? (uint8_t)text[i] : ' ';
}

static void put_names(const struct IdeDrive *d, uint8_t *data, const char *model) {
    const struct IdeDriveConfig *c = &d->config;
    put_text(data, 10, 10, c->serial);
    put_text(data, 23, 4, c->version[0] != '\0' ? c->version : "1.0");
    put_text(data, 27, 20, c->model[0] != '\0' ? c->model : model);
}

static uint16_t modes(uint8_t supported, uint8_t chosen, uint8_t group) {
    bool mine = (chosen & 0xf8) == group;
    return supported | (mine ? 1u << (chosen & 7) << 8 : 0);
}

static void put_modes(const struct IdeDrive *d, uint8_t *data) {
    uint8_t chosen = ide_state_of(d)->dma_mode;
    ide_put16(data, 53, 0x0006 | (d->config.kind == IDE_DISK)); /* words 54-58 (disks), 64-70 and 88 hold something */
    ide_put16(data, 63, modes(MULTIWORD_MODES, chosen, TRANSFER_MULTIWORD));
    ide_put16(data, 64, PIO_MODES);
    for (unsigned word = 65; word <= 68; word++)
        ide_put16(data, word, 120); /* ns a cycle */
    ide_put16(data, 88, modes(ULTRA_MODES, chosen, TRANSFER_ULTRA));
}

static void put_checksum(uint8_t *data) {
    data[510] = 0xa5;
    data[511] = checksum_8(data, 511);
}

static void put_geometry(const struct IdeDrive *d, uint8_t *data) {
    const struct IdeDriveState *s = ide_state_of(d);
    uint64_t cylinders = d->sectors / (HEADS * TRACK);
    ide_put16(data, 1, cylinders < MOST_CYLINDERS ? (uint16_t)cylinders : MOST_CYLINDERS);
    ide_put16(data, 3, HEADS);
    ide_put16(data, 6, TRACK);
    uint64_t now = d->sectors / (s->heads * s->sectors);
    now = now < 65535 ? now : 65535;
    uint32_t capacity = (uint32_t)now * s->heads * s->sectors;
    ide_put16(data, 54, (uint16_t)now);
    ide_put16(data, 55, s->heads);
    ide_put16(data, 56, s->sectors);
    ide_put16(data, 57, capacity & 0xffff);
    ide_put16(data, 58, capacity >> 16);
}

static void put_capacity(const struct IdeDrive *d, uint8_t *data) {
    uint32_t low = d->sectors < MOST_LBA_28 ? (uint32_t)d->sectors : MOST_LBA_28;
    ide_put16(data, 60, low & 0xffff);
    ide_put16(data, 61, low >> 16);
    for (unsigned i = 0; i < 4; i++)
        ide_put16(data, 100 + i, d->sectors >> 16 * i & 0xffff);
}

/* Command sets: 82 to 84 say what there is, 85 to 87 what is switched on. */
static void put_command_sets(const struct IdeDrive *d, uint8_t *data) {
    enum { SMART = 1 << 0, WRITE_CACHE = 1 << 5, NOP = 1 << 14 };
    enum { LBA_48 = 1 << 10, FLUSH = 1 << 12, FLUSH_EXT = 1 << 13, VALID = 1 << 14, FUA = 1 << 6 };
    const struct IdeDriveState *s = ide_state_of(d);
    ide_put16(data, 82, SMART | WRITE_CACHE);
    ide_put16(data, 83, VALID | LBA_48 | FLUSH | FLUSH_EXT);
    ide_put16(data, 84, VALID | FUA);
    ide_put16(data, 85, (s->smart ? SMART : 0) | (s->write_cache ? WRITE_CACHE : 0));
    ide_put16(data, 86, LBA_48 | FLUSH | FLUSH_EXT);
    ide_put16(data, 87, VALID | FUA);
}

void ata_identify(const struct IdeDrive *d, uint8_t data[IDE_SECTOR]) {
    const struct IdeDriveState *s = ide_state_of(d);
    memset(data, 0, IDE_SECTOR);
    ide_put16(data, 0, 0x0040); /* ATA, fixed */
    put_geometry(d, data);
    put_names(d, data, "TWIN86 HARDDISK");
    ide_put16(data, 47, 0x8000 | IDE_BUFFER / IDE_SECTOR);
    ide_put16(data, 48, 1);      /* the data register takes double words */
    ide_put16(data, 49, 0x0f00); /* IORDY, may be off; LBA, DMA */
    ide_put16(data, 50, 0x4000);
    ide_put16(data, 51, 0x0200);
    ide_put16(data, 52, 0x0200);
    ide_put16(data, 59, s->multiple != 0 ? 0x100 | s->multiple : 0);
    put_modes(d, data);
    put_capacity(d, data);
    ide_put16(data, 80, 0x00f0); /* ATA-4 to ATA-7 */
    ide_put16(data, 81, 0x0016);
    put_command_sets(d, data);
    ide_put16(data, 93, 0x6001); /* drive 0's reset, 80-conductor cable */
    ide_put16(data, 106, 0x4000 | (d->config.physical != 0 ? 0x2000 | d->config.physical : 0));
    put_checksum(data);
}

void ata_identify_packet(const struct IdeDrive *d, uint8_t data[IDE_SECTOR]) {
    memset(data, 0, IDE_SECTOR);
    ide_put16(data, 0, 0x85c0); /* ATAPI, CD-ROM, removable; DRQ in 50 us; packets of 12 bytes */
    put_names(d, data, "TWIN86 DVD-ROM");
    ide_put16(data, 48, 1);
    ide_put16(data, 49, 0x0f00);
    put_modes(d, data);
    ide_put16(data, 71, 30); /* us to release the bus, to clear BSY */
    ide_put16(data, 72, 30);
    ide_put16(data, 80, 0x001e);
    ide_put16(data, 82, 0x0210); /* DEVICE RESET, PACKET */
    ide_put16(data, 83, 0x4000);
    ide_put16(data, 84, 0x4000);
    ide_put16(data, 85, 0x0210);
    ide_put16(data, 87, 0x4000);
    ide_put16(data, 93, 0x6001);
    put_checksum(data);
}

/* ---- SET FEATURES ---- */

static bool set_transfer_mode(struct IdeDrive *d, uint8_t value) {
    uint8_t group = value & 0xf8, mode = value & 7;
    if (group == TRANSFER_PIO_DEFAULT || group == TRANSFER_PIO_FLOW)
        return mode <= 4;
    if ((group != TRANSFER_MULTIWORD || !(MULTIWORD_MODES >> mode & 1)) &&
        (group != TRANSFER_ULTRA || !(ULTRA_MODES >> mode & 1)))
        return false;
    ide_state_of(d)->dma_mode = value;
    return true;
}

static bool set_write_cache(struct IdeDrive *d, bool on) {
    if (d->config.kind != IDE_DISK)
        return false;
    ide_state_of(d)->write_cache = on;
    block_set_write_cache(d->config.block, on);
    return true;
}

bool ata_set_feature(struct IdeDrive *d, uint8_t feature, uint8_t value) {
    switch (feature) {
    case 0x02: return set_write_cache(d, true);
    case 0x82: return set_write_cache(d, false);
    case 0x03: return set_transfer_mode(d, value);
    case 0x05: /* power management, acoustics, read ahead, reverting to defaults: nothing changes by them */
    case 0x85:
    case 0x42:
    case 0xc2:
    case 0xaa:
    case 0x55:
    case 0xcc:
    case 0x66: return d->config.kind == IDE_DISK;
    default: return false;
    }
}
