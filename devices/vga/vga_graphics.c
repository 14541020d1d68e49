/* SPDX-License-Identifier: MIT */
/* Graphics: what the serializers make of double words (planar, interleaved, 256 colours), and DISPI's packed pixels. */
#include "devices/vga/vga_internal.h"

#include "base/bytes.h"

#include <string.h>

enum { DOTS = 8 };

/* Eight dots of four bits, of one double word. */
static void shift_planar(uint32_t word, uint8_t dot[DOTS]) {
    for (unsigned i = 0; i < DOTS; i++) {
        unsigned bit = 7 - i;
        dot[i] = (uint8_t)((word >> bit & 1) | (word >> (8 + bit) & 1) << 1 | (word >> (16 + bit) & 1) << 2 |
                           (word >> (24 + bit) & 1) << 3);
    }
}

/* Pairs of bits: four dots of planes 0 and 2, then four of planes 1 and 3. */
static void shift_interleaved(uint32_t word, uint8_t dot[DOTS]) {
    for (unsigned i = 0; i < DOTS; i++) {
        unsigned at = i / 4 * 8 + 6 - i % 4 * 2;
        dot[i] = (uint8_t)((word >> at & 3) | (word >> (16 + at) & 3) << 2);
    }
}

/* A byte of each plane in turn, its upper half first. */
static void shift_256(uint32_t word, uint8_t dot[DOTS]) {
    for (unsigned i = 0; i < DOTS; i++)
        dot[i] = (uint8_t)(word >> (i / 2 * 8 + (i % 2 == 0 ? 4 : 0)) & 0xf);
}

/* Row scan counter bits in place of address bits, as CGA's and Hercules' modes have it (CRT mode control, bits 0 and
 * 1). They replace bits 13 and 14 of the address behind the multiplexer, which moves with word and double word mode. */
static unsigned row_address(const struct VgaState *s, unsigned address, unsigned row) {
    unsigned mode = s->crt[CRT_MODE];
    unsigned bit = (s->crt[CRT_UNDERLINE] & UNDERLINE_DOUBLE_WORD) != 0 ? 11 : (mode & MODE_BYTE) != 0 ? 13 : 12;
    if ((mode & MODE_ROW_0) == 0)
        address = (address & ~(1u << bit)) | (row & 1) << bit;
    if ((mode & MODE_ROW_1) == 0)
        address = (address & ~(2u << bit)) | (row >> 1 & 1) << (bit + 1);
    return address;
}

/* Two dots make one of eight bits, which is shown for as long as both. */
static void colour_8_bit(const struct VgaPicture *p, const uint8_t dot[DOTS], uint32_t colour[DOTS]) {
    for (unsigned i = 0; i < DOTS; i += 2)
        colour[i] = colour[i + 1] = p->colour[dot[i] << 4 | dot[i + 1]];
}

void vga_graphics_line(const struct VgaPicture *p, const struct VgaLine *line, uint32_t *out) {
    const struct VgaState *s = p->s;
    uint8_t mode = s->gfx[GFX_MODE];
    bool eight = (s->attr[ATTR_MODE] & ATTR_8_BIT) != 0 && !vga_dispi_on(s);
    void (*shift)(uint32_t, uint8_t *) = vga_dispi_on(s)          ? shift_planar
                                         : (mode & GFX_256) != 0  ? shift_256
                                         : mode & GFX_INTERLEAVED ? shift_interleaved
                                                                  : shift_planar;
    unsigned twice = p->raster.char_dots / DOTS, count = p->raster.dots_shown / p->raster.char_dots + 1;
    for (unsigned i = 0; i < count; i++) {
        unsigned address = line->address + i;
        uint8_t dot[DOTS];
        uint32_t colour[DOTS];
        shift(vga_planes(p, vga_dispi_on(s) ? address : row_address(s, address, line->row)), dot);
        if (eight)
            colour_8_bit(p, dot, colour);
        for (unsigned k = 0; k < DOTS; k++)
            for (unsigned n = 0; n < twice; n++)
                *out++ = eight ? colour[k] : p->attribute[dot[k]];
    }
}

/* ---- packed pixels ---- */

static uint32_t widen(uint32_t value, unsigned bits) { return (value << (8 - bits) | value >> (2 * bits - 8)) & 0xff; }

static uint32_t from_555(uint32_t v) {
    return widen(v >> 10 & 0x1f, 5) << 16 | widen(v >> 5 & 0x1f, 5) << 8 | widen(v & 0x1f, 5);
}

static uint32_t from_565(uint32_t v) {
    return widen(v >> 11 & 0x1f, 5) << 16 | widen(v >> 5 & 0x3f, 6) << 8 | widen(v & 0x1f, 5);
}

static uint32_t pixel(const struct VgaPicture *p, unsigned bpp, const uint8_t *at) {
    switch (bpp) {
    case 8: return p->colour[*at];
    case 15: return from_555(get_le16(at));
    case 16: return from_565(get_le16(at));
    case 24: return get_le16(at) | (uint32_t)at[2] << 16;
    default: return get_le32(at) & 0xffffff;
    }
}

void vga_packed_line(const struct VgaPicture *p, unsigned y, uint32_t *out) {
    const uint16_t *d = p->s->dispi;
    unsigned bytes = vga_dispi_bits(d[DISPI_BPP]) / 8, width = d[DISPI_XRES];
    uint64_t at = (uint64_t)d[DISPI_X_OFFSET] * bytes + ((uint64_t)d[DISPI_Y_OFFSET] + y) * vga_dispi_pitch(p->s);
    if (!range_within(at, (uint64_t)width * bytes, p->memory_size)) { /* its end, where rows begin at an offset */
        memset(out, 0, width * sizeof(*out));
        return;
    }
    for (unsigned x = 0; x < width; x++)
        out[x] = pixel(p, d[DISPI_BPP], p->memory + at + (uint64_t)x * bytes);
}
