/* SPDX-License-Identifier: MIT */
#include "machine/boot/e820.h"

#define PAGE 4096ull

struct RamLayout ram_layout(uint64_t ram_size) {
    struct RamLayout ram = {.below_4g = ram_size};

    if (ram_size > PCI_HOLE_BASE) {
        ram.below_4g = PCI_HOLE_BASE;
        ram.above_4g = ram_size - PCI_HOLE_BASE;
    }
    return ram;
}

uint64_t ram_acpi_base(const struct RamLayout *ram) {
    if (ram->below_4g < 2 * EXTENDED_MEMORY_BASE)
        return 0;
    return (ram->below_4g - ACPI_AREA_SIZE) & ~(PAGE - 1);
}

static void add(struct E820Map *map, uint64_t addr, uint64_t end, enum E820Type type) {
    if (addr < end && map->count < E820_MAX)
        map->entry[map->count++] = (struct E820Entry){addr, end - addr, type};
}

void e820_build(struct E820Map *map, const struct RamLayout *ram, uint64_t acpi_base, uint64_t acpi_size) {
    uint64_t low_end = ram->below_4g;
    uint64_t acpi_end = acpi_base + acpi_size;

    map->count = 0;
    add(map, 0, low_end < EBDA_BASE ? low_end : EBDA_BASE, E820_RAM);
    add(map, EBDA_BASE, LOW_MEMORY_END, E820_RESERVED);
    add(map, BIOS_AREA_BASE, EXTENDED_MEMORY_BASE, E820_RESERVED);
    if (acpi_size != 0 && acpi_base >= EXTENDED_MEMORY_BASE && acpi_end > acpi_base && acpi_end <= low_end) {
        add(map, EXTENDED_MEMORY_BASE, acpi_base, E820_RAM);
        add(map, acpi_base, acpi_end, E820_ACPI);
        add(map, acpi_end, low_end, E820_RAM);
    } else {
        add(map, EXTENDED_MEMORY_BASE, low_end, E820_RAM);
    }
    /* The chip set's own addresses: I/O APIC, local APIC, the firmware's ROM below 4 GiB. */
    add(map, 0xfec00000, 0xfec01000, E820_RESERVED);
    add(map, 0xfee00000, 0xfee01000, E820_RESERVED);
    add(map, 0xfffc0000, HIGH_RAM_BASE, E820_RESERVED);
    add(map, HIGH_RAM_BASE, HIGH_RAM_BASE + ram->above_4g, E820_RAM);
}

int e820_is_ram(const struct E820Map *map, uint64_t addr, uint64_t size) {
    for (unsigned i = 0; i < map->count; i++) {
        const struct E820Entry *e = &map->entry[i];

        if (e->type == E820_RAM && addr >= e->addr && size <= e->size && addr - e->addr <= e->size - size)
            return 1;
    }
    return 0;
}

uint64_t e820_find_top(const struct E820Map *map, uint64_t size, uint64_t min, uint64_t max_end) {
    for (unsigned i = map->count; i-- > 0;) {
        const struct E820Entry *e = &map->entry[i];
        uint64_t start = e->addr > min ? e->addr : min;
        uint64_t end = e->addr + e->size < max_end ? e->addr + e->size : max_end;

        if (e->type != E820_RAM || end < start || end - start < size)
            continue;
        uint64_t addr = (end - size) & ~(PAGE - 1);
        if (addr >= start)
            return addr;
    }
    return 0;
}
