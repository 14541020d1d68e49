/* SPDX-License-Identifier: MIT */
#include "tests/unit/display/vga_bench.h"

#include <string.h>

void vga_bench_open(struct VgaBench *b, unsigned mib) {
    struct VgaConfig config = {.memory_mib = mib};
    memset(b, 0, sizeof(*b));
    bench_open(&b->bench);
    ck_assert_int_eq(vga_init(&b->vga, b->bench.clock, &config), 0);
    ck_assert_int_eq(vga_map(&b->vga, b->bench.bus), 0);
}

void vga_bench_close(struct VgaBench *b) {
    surface_free(&b->screen);
    bench_close(&b->bench);
    vga_destroy(&b->vga);
}

void vga_attr(struct VgaBench *b, unsigned index, unsigned value) {
    vga_in(b, 0x3da);
    vga_out(b, 0x3c0, index);
    vga_out(b, 0x3c0, value);
    vga_out(b, 0x3c0, 0x20);
    vga_in(b, 0x3da);
}

/* All different, whatever three bytes of six bits make of n. */
static void dac_entry(unsigned n, uint8_t rgb[3]) {
    rgb[0] = (uint8_t)(n & 0x3f);
    rgb[1] = (uint8_t)(n >> 2 & 0x3f);
    rgb[2] = (uint8_t)((n * 7 + 1) & 0x3f);
}

uint32_t vga_bench_colour(unsigned entry) {
    uint8_t rgb[3];
    uint32_t colour = 0;
    dac_entry(entry, rgb);
    for (unsigned i = 0; i < 3; i++)
        colour = colour << 8 | (rgb[i] * 4u + rgb[i] / 16u); /* 0 to 63 become 0 to 255 */
    return colour;
}

/* IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem", tables of register values by mode. */
struct Mode {
    uint8_t misc, seq[5], crt[25], gfx[9], attr[5];
};

static void set_mode(struct VgaBench *b, const struct Mode *m) {
    vga_out(b, 0x3c2, m->misc);
    for (unsigned i = 0; i < 5; i++)
        vga_index(b, 0x3c4, i, m->seq[i]);
    vga_index(b, 0x3d4, 0x11, 0);
    for (unsigned i = 0; i < 25; i++)
        vga_index(b, 0x3d4, i, m->crt[i]);
    for (unsigned i = 0; i < 9; i++)
        vga_index(b, 0x3ce, i, m->gfx[i]);
    for (unsigned i = 0; i < 16; i++)
        vga_attr(b, i, i);
    for (unsigned i = 0; i < 5; i++)
        vga_attr(b, 0x10 + i, m->attr[i]);
    vga_out(b, 0x3c6, 0xff);
    vga_out(b, 0x3c8, 0);
    for (unsigned i = 0; i < 256; i++) {
        uint8_t rgb[3];
        dac_entry(i, rgb);
        for (unsigned k = 0; k < 3; k++)
            vga_out(b, 0x3c9, rgb[k]);
    }
}

void vga_bench_text(struct VgaBench *b) {
    static const struct Mode mode = {0x67,
                                     {3, 0, 3, 0, 2},
                                     {0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0,    0x4f, 0x0d, 0x0e, 0,
                                      0,    0,    0,    0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff},
                                     {0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff},
                                     {0x0c, 0, 0x0f, 8, 0}};
    set_mode(b, &mode);
}

void vga_bench_0dh(struct VgaBench *b) {
    static const struct Mode mode = {0x63,
                                     {3, 9, 0xf, 0, 6},
                                     {0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0,    0xc0, 0,    0,   0,
                                      0,    0,    0,    0x9c, 0x8e, 0x8f, 0x14, 0,    0x96, 0xb9, 0xe3, 0xff},
                                     {0, 0, 0, 0, 0, 0, 5, 0xf, 0xff},
                                     {1, 0, 0xf, 0, 0}};
    set_mode(b, &mode);
}

void vga_bench_12h(struct VgaBench *b) {
    static const struct Mode mode = {0xe3,
                                     {3, 1, 0xf, 0, 6},
                                     {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0,    0x40, 0,    0,   0,
                                      0,    0,    0,    0xea, 0x8c, 0xdf, 0x28, 0,    0xe7, 4,    0xe3, 0xff},
                                     {0, 0, 0, 0, 0, 0, 5, 0xf, 0xff},
                                     {1, 0, 0xf, 0, 0}};
    set_mode(b, &mode);
}

void vga_bench_13h(struct VgaBench *b) {
    static const struct Mode mode = {0x63,
                                     {3, 1, 0xf, 0, 0xe},
                                     {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0,    0x41, 0,    0,   0,
                                      0,    0,    0,    0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff},
                                     {0, 0, 0, 0, 0, 0x40, 5, 0xf, 0xff},
                                     {0x41, 0, 0xf, 0, 0}};
    set_mode(b, &mode);
}

void vga_bench_4(struct VgaBench *b) {
    static const struct Mode mode = {0x63,
                                     {3, 9, 3, 0, 2},
                                     {0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0,    0xc1, 0,    0,   0,
                                      0,    0,    0,    0x9c, 0x8e, 0x8f, 0x14, 0,    0x96, 0xb9, 0xa2, 0xff},
                                     {0, 0, 0, 0, 0, 0x30, 0xf, 0, 0xff},
                                     {1, 0, 3, 0, 0}};
    set_mode(b, &mode);
}

void vga_bench_dispi(struct VgaBench *b, unsigned width, unsigned height, unsigned bpp) {
    vga_dispi(b, 4, 0);
    vga_dispi(b, 1, width);
    vga_dispi(b, 2, height);
    vga_dispi(b, 3, bpp);
    vga_dispi(b, 4, 0x41);
    vga_attr(b, 0, 0); /* the screen is on */
}
