/* SPDX-License-Identifier: MIT */
/**
 * The structure that a kernel is started with (multiboot's information, PVH's hvm_start_info) and the memory map behind
 * it: complete at once, or with the BIOS's own map by the option ROM.
 */
#ifndef TWIN86_MACHINE_START_INFO_H
#define TWIN86_MACHINE_START_INFO_H

#include "machine/boot/loader.h"

/** Where in the structure is what; offset 0: nowhere. Sizes in bytes. */
struct StartFormat {
    uint8_t size;
    uint8_t map_head;  /* bytes before a map entry's address, size and type: 4, the entry's size; or none */
    uint8_t map_at;    /* the map's address, 32 bits */
    uint8_t map_count; /* how long it is, 32 bits, */
    uint8_t map_unit;  /* in which an entry counts so much */
    uint8_t memory;    /* two fields, KiB below and above 1 MiB, 32 bits each */
    uint8_t rsdp;      /* the address of ACPI's root pointer, 64 bits */
};

/** Place `info`, f->size bytes, and the memory map; *addr tells where. 0 or -errno. */
int start_info_place(struct Loader *l, const struct StartFormat *f, const uint8_t *info, uint64_t *addr);

#endif
