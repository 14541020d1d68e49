/* SPDX-License-Identifier: MIT */
/**
 * The standard VGA of Bochs and QEMU: PCI 1234:1111, an IBM VGA (IBM PS/2 Hardware Interface Technical Reference,
 * "Video Subsystem"; FreeVGA project) with Bochs' DISPI registers (Bochs VBE extensions, id B0C5h) for modes beyond it.
 *
 * Video memory is RAM behind BAR 0. Byte 4 * n + p of it is byte n of the VGA's plane p: a double word holds what the
 * serializer loads at once. In chain-4 the processor sees that order itself; in odd/even modes its address n means
 * bytes n / 2 of planes 0 and 1. (On IBM's card both leave holes in the planes instead: programs that fill memory in
 * one of these modes and look at it in another see a difference. Bochs and QEMU are the same as this one there.)
 *
 * BAR 2 has EDID at 000h, VGA ports 3C0h-3DFh from 400h on, DISPI registers from 500h on, and QEMU's extension (its
 * size, the frame buffer's byte order) from 600h on.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_VGA_H
#define TWIN86_DEVICES_VGA_H

#include "devices/clock.h"
#include "devices/device_log.h"
#include "devices/pci/pci.h"
#include "devices/state.h"
#include "display/surface.h"
#include "memory/bus.h"

/** Video memory in MiB: powers of two. 32 hold 3840x2160 in 32 bits. */
enum { VGA_MEMORY_LEAST = 1, VGA_MEMORY_DEFAULT = 16, VGA_MEMORY_MOST = 256 };

/** Registers that there are, by index. */
enum {
    VGA_SEQ_REGISTERS = 5,
    VGA_CRT_REGISTERS = 25,
    VGA_GFX_REGISTERS = 9,
    VGA_ATTR_REGISTERS = 21,
    VGA_DISPI_REGISTERS = 11,
};

enum { VGA_DAC_ENTRIES = 256, VGA_PLANES = 4, VGA_PLANE_SIZE = 0x10000 };

struct VgaState {
    struct PciDeviceState pci;
    uint8_t misc, feature; /* 3CCh, 3CAh */
    uint8_t seq_index, seq[VGA_SEQ_REGISTERS];
    uint8_t crt_index, crt[VGA_CRT_REGISTERS];
    uint8_t gfx_index, gfx[VGA_GFX_REGISTERS];
    uint8_t attr_index, attr[VGA_ATTR_REGISTERS]; /* bit 5 of the index: the screen is on */
    bool attr_data;                               /* the next write to 3C0h is data */
    uint32_t latch;                               /* plane 0 in the lowest byte */
    uint8_t pel_mask, dac_state;                  /* 3C6h, 3C7h: 0 or 3 */
    uint8_t dac_write, dac_read, dac_part;
    uint8_t dac_new[2]; /* red and green of an entry that is being written */
    uint8_t dac[VGA_DAC_ENTRIES][3];
    uint8_t dispi_low; /* of a 16-bit write to 1CFh: its first byte */
    uint8_t unused[3];
    uint16_t dispi_index, dispi[VGA_DISPI_REGISTERS];
};

struct VgaConfig {
    uint32_t memory_mib;     /* VGA_MEMORY_* */
    uint16_t x_pref, y_pref; /* the mode that EDID prefers; 0: 1280x800 */
    bool no_edid;
};

struct Vga {
    struct VgaState state;
    struct VgaConfig config;
    struct PciDevice pci;
    struct Region memory;              /* video memory, behind BAR 0 */
    struct Region registers;           /* BAR 2 */
    struct Region window, plain;       /* A0000h-BFFFFh; video memory as it is seen there without a detour */
    uint64_t plain_offset, plain_size; /* 0: it is not mapped */
    struct Bus *bus;
    struct Clock *clock;
    uint8_t edid[128];
    uint64_t changes;            /* how often anything was written that the picture depends on, memory apart */
    const struct DeviceLog *log; /* NULL: nobody looks */
};

/** Make it, to be plugged in (`pci`). 0 or -errno; vga_destroy cleans up. */
int vga_init(struct Vga *v, struct Clock *clock, const struct VgaConfig *config);
/** Ports and the window at A0000h; `bus` is what BARs are mapped on. 0 or -errno. */
int vga_map(struct Vga *v, struct Bus *bus);
void vga_destroy(struct Vga *v);
/** Registers to their power-up state; memory stays as it is, as it does on cards. pci_reset comes before it. */
void vga_reset(struct Vga *v);
extern const struct StateTable vga_state_table;
void vga_restored(struct Vga *v);

/** There is such a device: it has memory. */
static inline bool vga_exists(const struct Vga *v) { return v->memory.host != NULL; }

/**
 * Draw what a monitor shows now into `s`, which gets its size; rows that have not changed stay untouched, those that
 * have are told to *s (surface_changed). 0 or -ENOMEM.
 */
int vga_render(struct Vga *v, struct Surface *s);

enum { VGA_TEXT_CELLS = 16384 };

/** A text mode's screen. */
struct VgaText {
    unsigned columns, rows;        /* 0: it is none, but graphics, or dark */
    int cursor;                    /* its cell; -1: there is none to be seen */
    bool blinks;                   /* bit 7 of an attribute: the character blinks, instead of a bright background */
    uint16_t cell[VGA_TEXT_CELLS]; /* row after row: character, and attribute << 8 */
};

/** What characters are on the screen. Rows that there is no room for are left out. */
void vga_text_screen(struct Vga *v, struct VgaText *text);

#endif
