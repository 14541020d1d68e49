/* SPDX-License-Identifier: MIT */
/* romfile=: what a device's expansion ROM has for firmware to start. */
#include "base/bytes.h"
#include "base/why.h"
#include "machine/machine.h"
#include "memory/host_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROM_UNIT = 512, BAR_SMALLEST = 4096 };

int firmware_read_rom(const struct Machine *m, const char *option, const char *file, uint8_t **data, size_t *size,
                      char *why, size_t n) {
    char *path = firmware_find(m, file, why, n);
    if (path == NULL)
        return -ENOENT;
    int r = host_file_read(path, false, FIRMWARE_ROM_MOST, data, size);
    if (r != 0)
        why_set(why, n, r, "%s: %s: %s", option, path, strerror(-r));
    free(path);
    if (r != 0 || (*size >= 3 && (*data)[0] == 0x55 && (*data)[1] == 0xaa && (*data)[2] * ROM_UNIT <= *size))
        return r;
    free(*data);
    *data = NULL;
    return why_set(why, n, -EINVAL,
                   "%s: %s: is no option ROM; one begins with 55h, AAh and its length in units of 512 bytes", option,
                   file);
}

static uint64_t bar_size(size_t size) {
    uint64_t n = BAR_SMALLEST;
    while (n < size)
        n *= 2;
    return n;
}

/* Make it the function's; `data` is freed. */
static int show_rom(struct Machine *m, struct PciDevice *dev, const char *option, uint8_t *data, size_t size, char *why,
                    size_t n) {
    struct PciRom *rom = calloc(1, sizeof(*rom));
    int r = rom == NULL ? -ENOMEM : region_init_rom(&rom->region, "expansion ROM", data, size, bar_size(size));
    free(data);
    if (r == 0 && (r = pci_device_add_rom(dev, &rom->region)) != 0)
        region_destroy(&rom->region);
    if (r != 0) {
        free(rom);
        return why_errno(why, n, r, option);
    }
    rom->next = m->fw.roms;
    m->fw.roms = rom;
    return 0;
}

int firmware_add_pci_rom(struct Machine *m, struct PciDevice *dev, const char *file, char *why, size_t n) {
    uint8_t *data = NULL;
    size_t size = 0;
    char option[80];
    if (file == NULL || file[0] == '\0') /* romfile= with nothing: none, as with QEMU */
        return 0;
    snprintf(option, sizeof(option), "-device %s: romfile", dev->name);
    m->fw.wanted = true; /* which starts what is in there */
    int r = firmware_read_rom(m, option, file, &data, &size, why, n);
    return r == 0 ? show_rom(m, dev, option, data, size, why, n) : r;
}

/* A driver for several devices names one of them, and firmware starts it for no other: the PC's image (PCI Firmware
 * Specification 3.0, 5.1.2) gets the function's identification, and byte 6, which iPXE keeps for that, the difference.
 */
static void put_identification(uint8_t *data, size_t size, const struct PciDevice *dev) {
    enum { POINTER = 0x18, LENGTH = 24, IDENTIFICATION = 4, CODE_TYPE = 20, CHECKSUM = 6 };
    size_t at = size >= POINTER + 2 ? get_le16(data + POINTER) : size;
    if (!range_within(at, LENGTH, size) || memcmp(data + at, "PCIR", 4) != 0 || data[at + CODE_TYPE] != 0)
        return;
    for (unsigned i = 0; i < 4; i++) {
        uint8_t *byte = &data[at + IDENTIFICATION + i];
        data[CHECKSUM] += (uint8_t)(*byte - dev->initial[i]);
        *byte = dev->initial[i];
    }
}

int firmware_add_default_rom(struct Machine *m, struct PciDevice *dev, const char *file, char *why, size_t n) {
    return m->fw.wanted ? firmware_add_usual_rom(m, dev, file, why, n) : 0;
}

int firmware_add_usual_rom(struct Machine *m, struct PciDevice *dev, const char *file, char *why, size_t n) {
    uint8_t *data = NULL;
    size_t size = 0;
    char unused[8];
    char *path = firmware_find(m, file, unused, sizeof(unused));
    if (path == NULL)
        return 0;
    int r = firmware_read_rom(m, dev->name, path, &data, &size, why, n);
    free(path);
    if (r != 0)
        return r;
    put_identification(data, size, dev);
    return show_rom(m, dev, dev->name, data, size, why, n);
}

void firmware_destroy_pci_roms(struct Machine *m) {
    for (struct PciRom *rom = m->fw.roms, *next; rom != NULL; rom = next) {
        next = rom->next;
        region_destroy(&rom->region);
        free(rom);
    }
    m->fw.roms = NULL;
}
