/* SPDX-License-Identifier: MIT */
/**
 * Shadow RAM: who answers from C0000h to FFFFFh. The host bridge's registers PAM0-PAM6 say for each of 13 segments
 * whether reads and whether writes go to RAM; what does not goes to the bus, where the firmware's ROM shows its last
 * 128 KiB from E0000h on (Intel 82441FX data sheet, 3.2.12 "Programmable Attribute Map Registers", and the 82371SB's
 * BIOS decode).
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_MACHINE_SHADOW_H
#define TWIN86_MACHINE_SHADOW_H

#include "memory/bus.h"

enum {
    SHADOW_BASE = 0xc0000,
    SHADOW_SIZE = 0x40000,
    SHADOW_SEGMENTS =
        13, /* the first, of 64 KiB, at F0000h, then twelve of 16 KiB from C0000h on, as PAM0-6 have them */
};

/** Attributes, as PAM registers have them. */
enum { SHADOW_READ_RAM = 1, SHADOW_WRITE_RAM = 2 };

struct ShadowSegment {
    struct Region region[3]; /* what lies over the RAM, by attributes; with both there is nothing */
    struct Shadow *shadow;
    uint32_t base;
    uint8_t attributes;
};

struct Shadow {
    struct Bus *bus;
    struct Region *ram;
    struct Region rom; /* what the bus shows in the place of RAM, all SHADOW_SIZE of it */
    struct ShadowSegment segment[SHADOW_SEGMENTS];
};

/** Make it: everything is RAM, and there is no ROM. `ram` lies at 0 and holds 1 MiB or more. 0 or -ENOMEM. */
int shadow_init(struct Shadow *s, struct Bus *bus, struct Region *ram);
void shadow_destroy(struct Shadow *s);
/** The firmware's ROM from now on: its last 128 KiB count, all else is empty. NULL: none. */
void shadow_set_rom(struct Shadow *s, const void *image, size_t size);
/** PAM register `n` (0-6) holds `value`: bits 1:0 and 5:4 are its two segments' attributes, PAM0 has the upper alone.
 */
void shadow_route(struct Shadow *s, unsigned n, uint8_t value);

#endif
