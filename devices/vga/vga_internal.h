/* SPDX-License-Identifier: MIT */
/** What the files of the VGA share. Register names as IBM's: see vga.h. */
#ifndef TWIN86_DEVICES_VGA_INTERNAL_H
#define TWIN86_DEVICES_VGA_INTERNAL_H

#include "devices/vga/vga.h"

/* ---- registers ---- */

enum { MISC_COLOUR = 1 << 0, MISC_RAM = 1 << 1, MISC_CLOCK_28 = 1 << 2 };
enum { SEQ_RESET, SEQ_CLOCKING, SEQ_MAP_MASK, SEQ_FONT, SEQ_MEMORY_MODE };
enum { CLOCKING_8_DOTS = 1 << 0, CLOCKING_HALF = 1 << 3, CLOCKING_SCREEN_OFF = 1 << 5 };
enum { MEMORY_NOT_ODD_EVEN = 1 << 2, MEMORY_CHAIN_4 = 1 << 3 };
enum {
    CRT_H_TOTAL = 0x00,
    CRT_H_DISPLAY_END = 0x01,
    CRT_V_TOTAL = 0x06,
    CRT_OVERFLOW = 0x07,
    CRT_PRESET_ROW = 0x08,
    CRT_MAX_ROW = 0x09,
    CRT_CURSOR_START = 0x0a,
    CRT_CURSOR_END = 0x0b,
    CRT_START_HIGH = 0x0c,
    CRT_START_LOW = 0x0d,
    CRT_CURSOR_HIGH = 0x0e,
    CRT_CURSOR_LOW = 0x0f,
    CRT_V_RETRACE_START = 0x10,
    CRT_V_RETRACE_END = 0x11,
    CRT_V_DISPLAY_END = 0x12,
    CRT_OFFSET = 0x13,
    CRT_UNDERLINE = 0x14,
    CRT_MODE = 0x17,
    CRT_LINE_COMPARE = 0x18,
};
enum { CRT_PROTECT = 1 << 7 /* in CRT_V_RETRACE_END: registers 0 to 7 */, CRT_LINE_COMPARE_8 = 1 << 4 };
enum { MAX_ROW_DOUBLE_SCAN = 1 << 7, CURSOR_OFF = 1 << 5, UNDERLINE_DOUBLE_WORD = 1 << 6 };
enum { MODE_ROW_0 = 1 << 0, MODE_ROW_1 = 1 << 1, MODE_DIVIDE_2 = 1 << 2, MODE_BYTE = 1 << 6 };
enum { GFX_SET_RESET, GFX_ENABLE_SET, GFX_COMPARE, GFX_ROTATE, GFX_READ_MAP, GFX_MODE, GFX_MISC, GFX_CARE, GFX_MASK };
enum { GFX_READ_MODE_1 = 1 << 3, GFX_ODD_EVEN = 1 << 4, GFX_INTERLEAVED = 1 << 5, GFX_256 = 1 << 6 };
enum { GFX_GRAPHICS = 1 << 0 };
enum { ATTR_MODE = 0x10, ATTR_OVERSCAN, ATTR_PLANES, ATTR_PANNING, ATTR_COLOUR_SELECT };
enum { ATTR_SCREEN_ON = 1 << 5 /* in the index */ };
enum { ATTR_LINE_GRAPHICS = 1 << 2, ATTR_BLINK = 1 << 3, ATTR_SPLIT = 1 << 5, ATTR_8_BIT = 1 << 6, ATTR_P54 = 1 << 7 };

enum {
    DISPI_ID,
    DISPI_XRES,
    DISPI_YRES,
    DISPI_BPP,
    DISPI_ENABLE,
    DISPI_BANK,
    DISPI_VIRT_WIDTH,
    DISPI_VIRT_HEIGHT,
    DISPI_X_OFFSET,
    DISPI_Y_OFFSET,
    DISPI_MEMORY, /* in 64 KiB */
};
enum { DISPI_ENABLED = 1 << 0, DISPI_GET_CAPS = 1 << 1, DISPI_8_BIT_DAC = 1 << 5, DISPI_NO_CLEAR = 1 << 7 };
enum { DISPI_BANK_SIZE = 0x10000 };

static inline bool vga_dispi_on(const struct VgaState *s) { return (s->dispi[DISPI_ENABLE] & DISPI_ENABLED) != 0; }
/** A DISPI mode whose pixels lie one behind the other. */
static inline bool vga_dispi_packed(const struct VgaState *s) { return vga_dispi_on(s) && s->dispi[DISPI_BPP] > 4; }
/** Bytes from row to row, and bits of a pixel as it is stored, of a DISPI mode. */
uint32_t vga_dispi_pitch(const struct VgaState *s);
unsigned vga_dispi_bits(uint16_t bpp);

/* ---- files ---- */

/* vga_ports.c: `port` 3B0h to 3DFh */
uint8_t vga_port_read(struct Vga *v, unsigned port);
void vga_port_write(struct Vga *v, unsigned port, uint8_t value);
extern const struct IoOps vga_port_ops;
/** Registers get no bits that they do not have, whatever a state says. */
void vga_ports_restored(struct VgaState *s);

/* vga_dispi.c */
extern const struct IoOps vga_dispi_port_ops, vga_register_ops;
void vga_dispi_reset(struct Vga *v);
/** Make the registers of a mode that is on such that all of it lies in memory. */
void vga_dispi_fit(struct Vga *v);

/* vga_memory.c */
extern const struct IoOps vga_window_ops;
/** A register was written that says how the processor sees memory. */
void vga_memory_mode_changed(struct Vga *v);

/* vga_edid.c */
void vga_make_edid(uint8_t edid[128], unsigned width, unsigned height);

/* vga_timing.c */

/** A mode's raster, as the CRT controller counts it: lines, and dots of a line. */
struct VgaRaster {
    unsigned dots_total, dots_shown, lines_total, lines_shown, retrace_start, retrace_lines;
    unsigned char_dots; /* of a character clock: 8 or 9, twice that with half the dot clock */
    uint32_t dot_hz;
};
struct VgaRaster vga_raster(const struct VgaState *s);
/** Input status 1, bits 0 (no picture is drawn now) and 3 (vertical retrace). */
uint8_t vga_retrace_status(const struct VgaState *s, int64_t now);
/** Frames since time began. */
uint64_t vga_frames(const struct VgaState *s, int64_t now);

/* ---- drawing: vga_render.c, vga_text.c, vga_graphics.c ---- */

/** Where the CRT controller is as a line begins: see vga_text_line and vga_graphics_line. */
struct VgaLine {
    unsigned address; /* of the first character, in double words of memory */
    unsigned row;     /* row scan counter */
    unsigned shift;   /* dots that are panned away */
};

struct VgaPicture {
    const struct VgaState *s;
    const uint8_t *memory;
    uint32_t memory_size;
    uint32_t address_mask; /* of double words: how many planes have, or memory has */
    struct VgaRaster raster;
    uint32_t colour[VGA_DAC_ENTRIES]; /* of 8-bit values: the DAC's output */
    uint32_t attribute[16];           /* of 4-bit values: through the attribute controller's palette */
    bool blink_off, cursor_on;        /* the phases of blinking characters and of the cursor */
};

/** One line of `raster.dots_shown` dots, and up to two characters beyond them. */
void vga_text_line(const struct VgaPicture *p, const struct VgaLine *line, uint32_t *out);
void vga_graphics_line(const struct VgaPicture *p, const struct VgaLine *line, uint32_t *out);
/** The characters of a line, `count` of them. The index of the one that has the cursor, or -1. */
int vga_text_cells(const struct VgaPicture *p, const struct VgaLine *line, unsigned count, uint16_t *out);
/** The double word that the CRT controller's counter names: planes 0 to 3, lowest byte first. */
static inline uint32_t vga_planes(const struct VgaPicture *p, unsigned address) {
    const uint8_t *at = p->memory + 4ull * (address & p->address_mask);
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}
/** A DISPI mode with packed pixels, line `y`. */
void vga_packed_line(const struct VgaPicture *p, unsigned y, uint32_t *out);

#endif
