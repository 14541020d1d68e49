/* SPDX-License-Identifier: MIT */
/* The raster that registers describe, and where in it the beam is: a function of the clock. */
#include "devices/vga/vga_internal.h"

enum { STATUS_NO_PICTURE = 1 << 0, STATUS_RETRACE = 1 << 3 };
enum { HZ_25 = 25175000, HZ_28 = 28322000, DISPI_HZ = 60 };

/* Bits 8 and 9 of vertical values are in the overflow register, at these places. */
static unsigned vertical(const struct VgaState *s, unsigned reg, unsigned bit_8, unsigned bit_9) {
    unsigned overflow = s->crt[CRT_OVERFLOW];
    return s->crt[reg] | (overflow >> bit_8 & 1) << 8 | (overflow >> bit_9 & 1) << 9;
}

/* A DISPI mode has no timing registers: a monitor's blanking at 60 Hz, as far as programs that wait for it care. */
static struct VgaRaster dispi_raster(const struct VgaState *s) {
    struct VgaRaster r = {.char_dots = 8, .dots_shown = s->dispi[DISPI_XRES], .lines_shown = s->dispi[DISPI_YRES]};
    r.dots_total = r.dots_shown + 160;
    r.retrace_start = r.lines_shown + 3;
    r.retrace_lines = 6;
    r.lines_total = r.lines_shown + r.lines_shown / 25 + 15;
    r.dot_hz = r.dots_total * r.lines_total * DISPI_HZ;
    return r;
}

struct VgaRaster vga_raster(const struct VgaState *s) {
    const uint8_t *crt = s->crt;
    bool graphics = (s->gfx[GFX_MISC] & GFX_GRAPHICS) != 0;
    if (vga_dispi_on(s))
        return dispi_raster(s);
    unsigned dots = graphics || (s->seq[SEQ_CLOCKING] & CLOCKING_8_DOTS) != 0 ? 8 : 9;
    unsigned half = (s->seq[SEQ_CLOCKING] & CLOCKING_HALF) != 0, divided = (crt[CRT_MODE] & MODE_DIVIDE_2) != 0;
    struct VgaRaster r = {.char_dots = dots << half, .dot_hz = (s->misc & MISC_CLOCK_28) != 0 ? HZ_28 : HZ_25};
    r.dots_total = (crt[CRT_H_TOTAL] + 5u) * r.char_dots;
    r.dots_shown = (crt[CRT_H_DISPLAY_END] + 1u) * r.char_dots;
    r.lines_total = (vertical(s, CRT_V_TOTAL, 0, 5) + 2) << divided;
    r.lines_shown = (vertical(s, CRT_V_DISPLAY_END, 1, 6) + 1) << divided;
    unsigned start = vertical(s, CRT_V_RETRACE_START, 2, 7);
    r.retrace_start = start << divided;
    r.retrace_lines = ((crt[CRT_V_RETRACE_END] - start) & 0xf) << divided;
    return r;
}

/* Dots since time began. */
static unsigned __int128 dots_at(const struct VgaRaster *r, int64_t now) {
    return (unsigned __int128)(uint64_t)now * r->dot_hz / NS_PER_SEC;
}

uint64_t vga_frames(const struct VgaState *s, int64_t now) {
    struct VgaRaster r = vga_raster(s);
    return (uint64_t)(dots_at(&r, now) / ((uint64_t)r.dots_total * r.lines_total));
}

uint8_t vga_retrace_status(const struct VgaState *s, int64_t now) {
    struct VgaRaster r = vga_raster(s);
    uint64_t at = (uint64_t)(dots_at(&r, now) % ((uint64_t)r.dots_total * r.lines_total));
    unsigned line = (unsigned)(at / r.dots_total), dot = (unsigned)(at % r.dots_total);
    uint8_t status = line < r.lines_shown && dot < r.dots_shown ? 0 : STATUS_NO_PICTURE;
    if (line >= r.retrace_start && line - r.retrace_start < r.retrace_lines)
        status |= STATUS_RETRACE;
    return status;
}
