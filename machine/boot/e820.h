/* SPDX-License-Identifier: MIT */
/**
 * Where RAM lies, and the memory map that tells a guest so (ACPI specification, chapter 15, "E820").
 * Pure computation: nothing here touches a bus.
 */
#ifndef TWIN86_MACHINE_E820_H
#define TWIN86_MACHINE_E820_H

#include <stdint.h>

/** Address range types (ACPI specification, table 15-374). */
enum E820Type { E820_RAM = 1, E820_RESERVED = 2, E820_ACPI = 3, E820_NVS = 4 };

struct E820Entry {
    uint64_t addr, size;
    uint32_t type; /* enum E820Type */
};

enum { E820_MAX = 16 };

struct E820Map {
    unsigned count;
    struct E820Entry entry[E820_MAX]; /* ascending, not overlapping */
};

#define PCI_HOLE_BASE 0xc0000000ull  /* RAM below 4 GiB ends here at the latest */
#define HIGH_RAM_BASE 0x100000000ull /* the rest of RAM starts here */
#define EBDA_BASE 0x9fc00ull         /* 1 KiB below A0000h, as PC firmware reserves it */
#define LOW_MEMORY_END 0xa0000ull    /* conventional memory ends, video memory begins */
#define BIOS_AREA_BASE 0xe0000ull    /* firmware shadow: RAM that the map calls reserved */
#define EXTENDED_MEMORY_BASE 0x100000ull
#define ACPI_AREA_SIZE 0x20000ull /* space for ACPI tables at the top of low RAM */
#define FIRMWARE_AREA_SIZE 0x40000ull /* what SeaBIOS takes there at most */
#define RAM_SIZE_MIN 0x100000ull  /* 1 MiB */
#define RAM_SIZE_MAX (1ull << 40) /* 1 TiB */

/** RAM size split at the PCI hole. */
struct RamLayout {
    uint64_t below_4g; /* RAM [0, below_4g) */
    uint64_t above_4g; /* RAM [4 GiB, 4 GiB + above_4g) */
};

struct RamLayout ram_layout(uint64_t ram_size);

/** Guest-physical address of the ACPI_AREA_SIZE bytes set aside for tables, or 0 if RAM is under 2 MiB. */
uint64_t ram_acpi_base(const struct RamLayout *ram);

/** Fill `map`. `acpi_base` and `acpi_size` name the ACPI area within low RAM (size 0: none). */
void e820_build(struct E820Map *map, const struct RamLayout *ram, uint64_t acpi_base, uint64_t acpi_size);

/** True if [addr, addr + size) lies wholly in one RAM entry. */
int e820_is_ram(const struct E820Map *map, uint64_t addr, uint64_t size);

/** The highest page-aligned address A <= max_end - size such that [A, A + size) is RAM; 0 if there is none. */
uint64_t e820_find_top(const struct E820Map *map, uint64_t size, uint64_t min, uint64_t max_end);

#endif
