/* SPDX-License-Identifier: MIT */
/* EDID (VESA E-EDID standard, release A2, EDID 1.4): a monitor that can show anything and prefers one mode. */
#include "devices/vga/vga_internal.h"

#include "base/bytes.h"

#include <string.h>

enum { DESCRIPTORS = 54, DESCRIPTOR_SIZE = 18, CHECKSUM = 127 };
enum { H_BLANK = 160, H_FRONT = 48, H_SYNC = 32, V_FRONT = 3, V_SYNC = 6, V_LEAST = 15, V_BLANK_US = 460, HZ = 60 };

struct Mode {
    uint16_t width, height;
};

/* 3.9: width / 8 - 31; bits 7:6 the aspect ratio, the rate less 60 Hz. */
static void put_standard_modes(uint8_t *at) {
    static const struct Mode modes[8] = {{1920, 1200}, {1920, 1080}, {1680, 1050}, {1600, 1200},
                                         {1440, 900},  {1280, 1024}, {1280, 800},  {1280, 720}};
    for (unsigned i = 0; i < 8; i++) {
        unsigned w = modes[i].width, h = modes[i].height;
        unsigned aspect = w * 10 == h * 16 ? 0 : w * 3 == h * 4 ? 1 : w * 4 == h * 5 ? 2 : 3;
        at[2 * i] = (uint8_t)(w / 8 - 31);
        at[2 * i + 1] = (uint8_t)(aspect << 6);
    }
}

/* 3.10.2, a detailed timing; blanking as by VESA CVT 1.2 with reduced blanking: 460 us of a frame at least. */
static void put_timing(uint8_t *at, unsigned width, unsigned height) {
    unsigned line_ns = (1000000000u / HZ - V_BLANK_US * 1000) / height, blank = V_BLANK_US * 1000 / line_ns + 1;
    unsigned v_blank = blank < V_LEAST ? V_LEAST : blank, mm_w = width * 254 / 1000, mm_h = height * 254 / 1000;
    put_le16(at, (uint16_t)((uint64_t)(width + H_BLANK) * (height + v_blank) * HZ / 250000 * 25));
    at[2] = (uint8_t)width, at[3] = (uint8_t)H_BLANK;
    at[4] = (uint8_t)(width >> 8 << 4 | H_BLANK >> 8);
    at[5] = (uint8_t)height, at[6] = (uint8_t)v_blank;
    at[7] = (uint8_t)(height >> 8 << 4 | v_blank >> 8);
    at[8] = H_FRONT, at[9] = H_SYNC, at[10] = V_FRONT << 4 | V_SYNC;
    at[12] = (uint8_t)mm_w, at[13] = (uint8_t)mm_h, at[14] = (uint8_t)(mm_w >> 8 << 4 | mm_h >> 8);
    at[17] = 0x1a; /* digital, separate syncs: horizontal positive, vertical negative */
}

/* 3.10.3: descriptors of other kinds. */
static void put_descriptor(uint8_t *at, uint8_t tag, const void *data, size_t size) {
    memset(at, 0, DESCRIPTOR_SIZE);
    at[3] = tag;
    memcpy(at + 5, data, size);
}

void vga_make_edid(uint8_t edid[128], unsigned width, unsigned height) {
    static const uint8_t head[] = {0, 255, 255, 255, 255, 255,           255, 0, 0x52, 0xf8 /* TWX */, 0x11, 0x11,
                                   0, 0,   0,   0,   1,   36 /* 2026 */, 1,   4, 0xa5 /* digital, 8 bits a colour */};
    static const uint8_t srgb[] = {0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54};
    static const uint8_t limits[13] = {1, 125, 15, 255, 120, 1, '\n', ' ', ' ', ' ', ' ', ' ', ' '};
    memset(edid, 0, 128);
    memcpy(edid, head, sizeof(head));
    edid[21] = (uint8_t)(width * 254 / 10000), edid[22] = (uint8_t)(height * 254 / 10000); /* cm, at 100 dots an inch */
    edid[23] = 120, edid[24] = 0x06; /* gamma 2.2; sRGB, the first timing is the native one */
    memcpy(edid + 25, srgb, sizeof(srgb));
    edid[35] = 0x21, edid[36] = 0x08; /* 640x480, 800x600, 1024x768 at 60 Hz */
    put_standard_modes(edid + 38);
    put_timing(edid + DESCRIPTORS, width, height);
    put_descriptor(edid + DESCRIPTORS + DESCRIPTOR_SIZE, 0xfd, limits, sizeof(limits));
    put_descriptor(edid + DESCRIPTORS + 2 * DESCRIPTOR_SIZE, 0xfc, "twin86\n      ", 13);
    put_descriptor(edid + DESCRIPTORS + 3 * DESCRIPTOR_SIZE, 0x10, "", 0);
    for (unsigned i = 0; i < CHECKSUM; i++)
        edid[CHECKSUM] -= edid[i];
}
