/* SPDX-License-Identifier: MIT */
/* What the VGA shows: each dot of a mode, computed here from where IBM's description says that it is in memory. */
#include "devices/vga/vga.h"

#include "display/picture.h"
#include "tests/unit/display/vga_bench.h"
#include "tests/unit/suites.h"

#include <stdlib.h>
#include <string.h>

static struct VgaBench b;

static void setup(void) {
    vga_bench_open(&b, 4);
    srand(7);
    for (unsigned i = 0; i < 0x40000; i++)
        b.vga.memory.host[i] = (uint8_t)rand();
}

static void teardown(void) { vga_bench_close(&b); }

/* Byte n of a plane. */
static uint8_t plane(unsigned p, unsigned n) { return b.vga.memory.host[4 * (n & 0xffff) + p]; }

static void draw(unsigned width, unsigned height) {
    ck_assert_int_eq(vga_render(&b.vga, &b.screen), 0);
    ck_assert_uint_eq(b.screen.width, width);
    ck_assert_uint_eq(b.screen.height, height);
}

static uint32_t dot(unsigned x, unsigned y) { return surface_row(&b.screen, y)[x]; }

static void expect(unsigned x, unsigned y, uint32_t colour) {
    if (dot(x, y) != colour)
        ck_abort_msg("at %u, %u: %06x, not %06x", x, y, dot(x, y), colour);
}

/* ---- text ---- */

/* Font 0, characters of `width` dots, from `start` on. */
static bool text_dot(unsigned x, unsigned y, unsigned width, unsigned rows, unsigned start) {
    unsigned cell = start + y / rows * 80 + x / width, column = x % width, c = plane(0, cell);
    uint8_t bits = plane(2, c * 32 + y % rows);
    if (column < 8)
        return bits >> (7 - column) & 1;
    return c >= 0xc0 && c <= 0xdf && (bits & 1);
}

START_TEST(text_with_nine_dots) {
    vga_bench_text(&b);
    vga_index(&b, 0x3d4, 0xa, 0x20); /* no cursor */
    vga_attr(&b, 0x10, 4);           /* no blinking */
    vga_index(&b, 0x3d4, 0xd, 33);
    draw(720, 400);
    for (unsigned y = 0; y < 400; y++)
        for (unsigned x = 0; x < 720; x++) {
            uint8_t attribute = plane(1, 33 + y / 16 * 80 + x / 9);
            expect(x, y, vga_bench_colour(text_dot(x, y, 9, 16, 33) ? attribute & 0xf : attribute >> 4));
        }
    vga_attr(&b, 0x10, 0); /* the ninth column is empty */
    draw(720, 400);
    for (unsigned x = 8; x < 720; x += 9)
        expect(x, 3, vga_bench_colour(plane(1, 33 + x / 9) >> 4));
    vga_index(&b, 0x3c4, 1, 1);
    draw(640, 400);
    for (unsigned x = 0; x < 640; x++)
        expect(x, 17,
               vga_bench_colour(text_dot(x, 17, 8, 16, 33) ? plane(1, 113 + x / 8) & 0xf : plane(1, 113 + x / 8) >> 4));
    vga_index(&b, 0x3d4, 0x11, 0);
    vga_index(&b, 0x3c4, 1, 9); /* half the dot clock: each dot twice */
    vga_index(&b, 0x3d4, 1, 39);
    draw(640, 400);
    for (unsigned x = 0; x < 640; x++)
        expect(
            x, 5,
            vga_bench_colour(text_dot(x / 2, 5, 8, 16, 33) ? plane(1, 33 + x / 16) & 0xf : plane(1, 33 + x / 16) >> 4));
}
END_TEST

static void one_character(uint8_t c, uint8_t attribute) {
    memset(b.vga.memory.host, 0, 0x40000);
    b.vga.memory.host[0] = c, b.vga.memory.host[1] = attribute;
}

/* The cursor is there for 8 frames of 16, blinking characters for 16 of 32. */
START_TEST(cursor_and_blinking) {
    const int64_t frame = 14268000;
    vga_bench_text(&b);
    one_character(1, 0x87);
    for (unsigned row = 0; row < 16; row++)
        b.vga.memory.host[4 * (32 + row) + 2] = 0x80;
    vga_index(&b, 0x3d4, 0xf, 2);
    b.vga.memory.host[4 * 2 + 1] = 0x0a;
    for (int64_t n = 0; n < 64; n += 4) {
        clock_advance_to(b.bench.clock, frame * n + frame / 2);
        draw(720, 400);
        expect(0, 0, vga_bench_colour(n & 16 ? 0 : 7));
        for (unsigned y = 0; y < 16; y++)
            expect(2 * 9 + 3, y, vga_bench_colour((y == 13 || y == 14) && (n & 8) == 0 ? 0xa : 0));
    }
    vga_attr(&b, 0x10, 4);
    draw(720, 400);
    expect(0, 0, vga_bench_colour(7));
    expect(1, 0, vga_bench_colour(8)); /* the bit is the background's */
}
END_TEST

/* Characters as they are shown: from the start address on, below a split screen from 0 on, the cursor where it is. */
START_TEST(screen_in_characters) {
    static struct VgaText t;
    vga_bench_text(&b);
    vga_index(&b, 0x3d4, 0xd, 40);
    vga_index(&b, 0x3d4, 0xf, 40 + 2 * 80 + 7);
    vga_text_screen(&b.vga, &t);
    ck_assert_uint_eq(t.columns, 80);
    ck_assert_uint_eq(t.rows, 25);
    ck_assert_int_eq(t.cursor, 2 * 80 + 7);
    for (unsigned i = 0; i < 80 * 25; i++)
        ck_assert_uint_eq(t.cell[i], plane(0, 40 + i) | plane(1, 40 + i) << 8);
    vga_index(&b, 0x3d4, 8, 5); /* the first row is half out of sight, so the last one half in it */
    vga_index(&b, 0x3d4, 0xa, 0x20);
    vga_text_screen(&b.vga, &t);
    ck_assert_uint_eq(t.rows, 26);
    ck_assert_int_eq(t.cursor, -1);
    vga_index(&b, 0x3d4, 8, 0);
    vga_index(&b, 0x3d4, 7, 0x0f); /* line compare 319 */
    vga_index(&b, 0x3d4, 9, 0x0f);
    vga_index(&b, 0x3d4, 0x18, 0x3f);
    vga_index(&b, 0x3d4, 7, 0x1f);
    vga_text_screen(&b.vga, &t);
    ck_assert_uint_eq(t.rows, 25);
    ck_assert_uint_eq(t.cell[19 * 80], plane(0, 40 + 19 * 80) | plane(1, 40 + 19 * 80) << 8);
    ck_assert_uint_eq(t.cell[20 * 80 + 3], plane(0, 3) | plane(1, 3) << 8);
    vga_bench_13h(&b);
    vga_text_screen(&b.vga, &t);
    ck_assert_uint_eq(t.columns, 0);
}
END_TEST

START_TEST(fonts_and_underline) {
    vga_bench_text(&b);
    vga_index(&b, 0x3d4, 0xa, 0x20);
    one_character(5, 0x0f);
    b.vga.memory.host[4 * (0x6000 + 5 * 32) + 2] = 0xff; /* font 5 */
    vga_index(&b, 0x3c4, 3, 0x24);                       /* A: 5, B: 0 */
    draw(720, 400);
    expect(0, 0, vga_bench_colour(15));
    b.vga.memory.host[1] = 7;
    draw(720, 400);
    expect(0, 0, vga_bench_colour(0));
    vga_index(&b, 0x3c4, 3, 0x11); /* B: 5 */
    draw(720, 400);
    expect(0, 0, vga_bench_colour(7));
    vga_index(&b, 0x3d4, 0x14, 12);
    b.vga.memory.host[1] = 1;
    draw(720, 400);
    expect(8, 12, vga_bench_colour(1));
    expect(8, 13, vga_bench_colour(0));
}
END_TEST

/* ---- graphics ---- */

static unsigned planar_dot(unsigned address, unsigned x) {
    unsigned v = 0;
    for (unsigned p = 0; p < 4; p++)
        v |= (unsigned)(plane(p, address + x / 8) >> (7 - x % 8) & 1) << p;
    return v;
}

START_TEST(planar) {
    vga_bench_12h(&b);
    draw(640, 480);
    for (unsigned y = 0; y < 480; y++)
        for (unsigned x = 0; x < 640; x++)
            expect(x, y, vga_bench_colour(planar_dot(y * 80, x)));
    vga_attr(&b, 0x12, 5); /* planes 1 and 3 are off */
    draw(640, 480);
    expect(100, 100, vga_bench_colour(planar_dot(8000, 100) & 5));
    vga_attr(&b, 0x12, 0xf);
    vga_attr(&b, planar_dot(8000, 100), 0x2a);
    vga_attr(&b, 0x14, 0xc);
    draw(640, 480);
    expect(100, 100, vga_bench_colour(0xea));
    vga_attr(&b, 0x10, 0x81);
    vga_attr(&b, 0x14, 0x5);
    draw(640, 480);
    expect(100, 100, vga_bench_colour(0x5a));
    vga_out(&b, 0x3c6, 0x0f);
    draw(640, 480);
    expect(100, 100, vga_bench_colour(0x0a));
}
END_TEST

/* 320x200, dots and lines twice: scrolled by 3 dots, from 1000h on, and below line 250 as it is from 0 on. */
START_TEST(panning_and_split_screen) {
    for (unsigned fixed = 0; fixed < 2; fixed++) {
        vga_bench_0dh(&b);
        vga_attr(&b, 0x13, 3);
        vga_attr(&b, 0x10, 1 | fixed << 5);
        vga_index(&b, 0x3d4, 0xc, 0x10);
        vga_index(&b, 0x3d4, 0x13, 0x20); /* lines of 64 bytes */
        vga_index(&b, 0x3d4, 0x18, 249);
        vga_index(&b, 0x3d4, 7, 0x0f);
        vga_index(&b, 0x3d4, 9, 0x80);
        draw(640, 400);
        for (unsigned y = 0; y < 400; y++)
            for (unsigned x = 0; x < 640; x++) {
                unsigned address = y < 250 ? 0x1000 + y / 2 * 64 : (y - 250) / 2 * 64;
                unsigned shift = y < 250 || !fixed ? 3 : 0;
                expect(x, y, vga_bench_colour(planar_dot(address, x / 2 + shift)));
            }
    }
    vga_index(&b, 0x3d4, 8, 0x20); /* a byte further */
    draw(640, 400);
    expect(0, 0, vga_bench_colour(planar_dot(0x1001, 3)));
}
END_TEST

START_TEST(mode_13h_and_unchained) {
    vga_bench_13h(&b);
    draw(640, 400);
    for (unsigned y = 0; y < 400; y++)
        for (unsigned x = 0; x < 640; x++)
            expect(x, y, vga_bench_colour(b.vga.memory.host[y / 2 * 320 + x / 2]));
    /* "Mode X", 320x240: unchained, in bytes, 480 lines; pages and panning by the dot. */
    vga_bench_13h(&b);
    static const uint8_t crt[][2] = {{0x06, 0x0d}, {0x07, 0x3e}, {0x09, 0x41}, {0x10, 0xea}, {0x11, 0xac},
                                     {0x12, 0xdf}, {0x14, 0},    {0x15, 0xe7}, {0x16, 6},    {0x17, 0xe3}};
    vga_index(&b, 0x3c4, 4, 6);
    vga_index(&b, 0x3d4, 0x11, 0);
    for (unsigned i = 0; i < sizeof(crt) / sizeof(crt[0]); i++)
        vga_index(&b, 0x3d4, crt[i][0], crt[i][1]);
    vga_index(&b, 0x3d4, 0xc, 0x4b);
    vga_attr(&b, 0x13, 2);
    draw(640, 480);
    for (unsigned y = 0; y < 480; y++)
        for (unsigned x = 0; x < 640; x++) {
            unsigned n = x / 2 + 1;
            expect(x, y, vga_bench_colour(plane(n % 4, 0x4b00 + y / 2 * 80 + n / 4)));
        }
}
END_TEST

/* CGA's: even lines, then odd ones 8 KiB behind, four dots of two bits in a byte. */
START_TEST(mode_4) {
    vga_bench_4(&b);
    srand(3);
    for (unsigned i = 0; i < 0x4000; i++)
        bus_write_uint(b.bench.bus, 0xb8000 + i, (unsigned)rand() & 0xff, 1);
    draw(640, 400);
    for (unsigned y = 0; y < 400; y++)
        for (unsigned x = 0; x < 640; x++) {
            unsigned line = y / 2, at = (line & 1) * 0x2000 + line / 2 * 80 + x / 2 / 4;
            unsigned byte = bus_read_uint(b.bench.bus, 0xb8000 + at, 1);
            expect(x, y, vga_bench_colour(byte >> (6 - x / 2 % 4 * 2) & 3));
        }
}
END_TEST

/* ---- DISPI ---- */

/* Five bits and six bits become eight: 0 to 31 and 0 to 63 become 0 to 255. */
static uint32_t five(unsigned v) { return (v & 31) * 8 + (v & 31) / 4; }
static uint32_t six(unsigned v) { return (v & 63) * 4 + (v & 63) / 16; }

static uint32_t packed(unsigned bpp, const uint8_t *at) {
    unsigned v = at[0] | at[1] << 8;
    switch (bpp) {
    case 8: return vga_bench_colour(at[0]);
    case 15: return five(v >> 10) << 16 | five(v >> 5) << 8 | five(v);
    case 16: return five(v >> 11) << 16 | six(v >> 5) << 8 | five(v);
    default: return v | (uint32_t)at[2] << 16;
    }
}

START_TEST(packed_pixels) {
    static const unsigned depths[] = {8, 15, 16, 24, 32};
    for (unsigned i = 0; i < 5; i++) {
        unsigned bpp = depths[i], bytes = (bpp + 1) / 8;
        vga_bench_13h(&b);
        vga_bench_dispi(&b, 400, 300, bpp);
        vga_dispi(&b, 6, 512);
        vga_dispi(&b, 8, 5);
        vga_dispi(&b, 9, 40);
        for (unsigned n = 0; n < 0x100000; n++)
            b.vga.memory.host[n] = (uint8_t)rand();
        draw(400, 300);
        for (unsigned y = 0; y < 300; y++)
            for (unsigned x = 0; x < 400; x++)
                expect(x, y, packed(bpp, b.vga.memory.host + ((40 + y) * 512 + 5 + x) * bytes));
    }
    vga_dispi(&b, 3, 8);
    vga_dispi(&b, 4, 0x61); /* a DAC of 8 bits */
    vga_out(&b, 0x3c8, b.vga.memory.host[40 * 512 + 5]);
    vga_out(&b, 0x3c9, 0xfe), vga_out(&b, 0x3c9, 0xdc), vga_out(&b, 0x3c9, 0xba);
    draw(400, 300);
    expect(0, 0, 0xfedcba);
}
END_TEST

START_TEST(planar_beyond_vga) {
    vga_bench_12h(&b);
    vga_bench_dispi(&b, 1024, 768, 4);
    vga_dispi(&b, 5, 1); /* a bank is 64 KiB of addresses */
    bus_write_uint(b.bench.bus, 0xa0000, 0x80, 1);
    ck_assert_uint_eq(b.vga.memory.host[0x40000], 0x80);
    draw(1024, 768);
    expect(0, 512, vga_bench_colour(0xf));
    expect(1, 512, vga_bench_colour(0));
}
END_TEST

/* ---- what else there is ---- */

START_TEST(dark_and_unchanged) {
    draw(640, 480); /* nobody has set anything up */
    expect(0, 0, 0);
    vga_bench_13h(&b);
    draw(640, 400);
    ck_assert(b.screen.resized);
    surface_seen(&b.screen);
    draw(640, 400);
    ck_assert_uint_ge(b.screen.changed_first, b.screen.changed_end);
    b.vga.memory.host[320 * 100 + 7] ^= 0xff;
    draw(640, 400);
    ck_assert_uint_eq(b.screen.changed_first, 200);
    ck_assert_uint_eq(b.screen.changed_end, 202);
    vga_index(&b, 0x3c4, 1, 0x21);
    draw(640, 400);
    expect(5, 5, 0);
    vga_index(&b, 0x3c4, 1, 1);
    vga_in(&b, 0x3da);
    vga_out(&b, 0x3c0, 0); /* the palette is the processor's */
    draw(640, 400);
    expect(5, 5, 0);
}
END_TEST

/* Whatever registers hold: a picture, from memory that there is. (Under ASan that says more.) */
START_TEST(any_state_has_a_picture) {
    static struct VgaText text;
    for (unsigned round = 0; round < suite_rounds(48); round++) {
        struct VgaState *s = &b.vga.state;
        for (uint8_t *p = &s->misc; p < (uint8_t *)(s + 1); p++)
            *p = (uint8_t)rand();
        s->dac_part %= 3;
        s->attr_data = round % 2;
        s->dispi[4] = (uint16_t)(s->dispi[4] & ~1u) | (round % 3 == 0);
        s->dispi[1] &= 0x3ff;
        s->dispi[3] = (uint16_t[]){4, 8, 15, 16, 24, 32, 77, 0}[round % 8];
        vga_restored(&b.vga);
        ck_assert_int_eq(vga_render(&b.vga, &b.screen), 0);
        vga_text_screen(&b.vga, &text);
        ck_assert_uint_le(text.columns * text.rows, VGA_TEXT_CELLS);
        for (unsigned i = 0; i < 32; i++) {
            uint64_t at = 0xa0000 + (unsigned)rand() % 0x20000;
            bus_write_uint(b.bench.bus, at, (unsigned)rand(), 1 << i % 4);
            bus_read_uint(b.bench.bus, at, 1 << i % 4);
        }
    }
}
END_TEST

START_TEST(picture_files) {
    static const char head[] = "P6\n640 400\n255\n";
    char why[200], *data;
    size_t size;
    enum PictureFormat format;
    vga_bench_13h(&b);
    draw(640, 400);
    FILE *f = open_memstream(&data, &size);
    ck_assert_int_eq(picture_write(&b.screen, PICTURE_PPM, f, why, sizeof(why)), 0);
    fclose(f);
    ck_assert_uint_eq(size, sizeof(head) - 1 + 640 * 400 * 3);
    ck_assert_int_eq(memcmp(data, head, sizeof(head) - 1), 0);
    const uint8_t *pixel = (const uint8_t *)data + sizeof(head) - 1 + (640 * 7 + 9) * 3;
    ck_assert_uint_eq((uint32_t)pixel[0] << 16 | pixel[1] << 8 | pixel[2], dot(9, 7));
    free(data);
    ck_assert(picture_format("png", &format) && format == PICTURE_PNG && !picture_format("gif", &format));
    ck_assert_int_eq(picture_format_of("a.b/x.png"), PICTURE_PNG);
    ck_assert_int_eq(picture_format_of("png"), PICTURE_PPM);
}
END_TEST

Suite *vga_picture_suite(void) {
    Suite *s = suite_create("vga_picture");
    TCase *t = tcase_create("vga_picture");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, text_with_nine_dots);
    tcase_add_test(t, cursor_and_blinking);
    tcase_add_test(t, screen_in_characters);
    tcase_add_test(t, fonts_and_underline);
    tcase_add_test(t, planar);
    tcase_add_test(t, panning_and_split_screen);
    tcase_add_test(t, mode_13h_and_unchained);
    tcase_add_test(t, mode_4);
    tcase_add_test(t, packed_pixels);
    tcase_add_test(t, planar_beyond_vga);
    tcase_add_test(t, dark_and_unchanged);
    tcase_add_test(t, any_state_has_a_picture);
    tcase_add_test(t, picture_files);
    suite_add_tcase(s, t);
    return s;
}
