/* SPDX-License-Identifier: MIT */
/** A VGA on a bus of its own, and modes as the BIOS sets them. */
#ifndef TWIN86_TESTS_UNIT_VGA_BENCH_H
#define TWIN86_TESTS_UNIT_VGA_BENCH_H

#include "devices/vga/vga.h"
#include "tests/unit/devices/device_bench.h"

struct VgaBench {
    struct DeviceBench bench;
    struct Vga vga;
    struct Surface screen;
};

void vga_bench_open(struct VgaBench *b, unsigned mib);
void vga_bench_close(struct VgaBench *b);

static inline uint8_t vga_in(struct VgaBench *b, uint16_t port) { return bench_in(&b->bench, port); }
static inline void vga_out(struct VgaBench *b, uint16_t port, unsigned value) {
    bench_out(&b->bench, port, (uint8_t)value);
}
/** An index register, and what lies behind it. */
static inline void vga_index(struct VgaBench *b, uint16_t port, unsigned index, unsigned value) {
    bus_port_write(b->bench.bus, port, (index & 0xff) | (value & 0xff) << 8, 2);
}
void vga_attr(struct VgaBench *b, unsigned index, unsigned value);
static inline void vga_dispi(struct VgaBench *b, unsigned index, unsigned value) {
    bus_port_write(b->bench.bus, 0x1ce, index, 2);
    bus_port_write(b->bench.bus, 0x1cf, value & 0xffff, 2);
}
static inline unsigned vga_dispi_in(struct VgaBench *b, unsigned index) {
    bus_port_write(b->bench.bus, 0x1ce, index, 2);
    return bus_port_read(b->bench.bus, 0x1cf, 2);
}

/** Modes 3 (9-dot characters, 400 lines), 0Dh, 12h, 13h and 4, with the registers of IBM's tables. DAC entry n is such
 *  that it shows as vga_bench_colour(n); palette register n is n. */
void vga_bench_text(struct VgaBench *b);
void vga_bench_0dh(struct VgaBench *b);
void vga_bench_12h(struct VgaBench *b);
void vga_bench_13h(struct VgaBench *b);
void vga_bench_4(struct VgaBench *b);
void vga_bench_dispi(struct VgaBench *b, unsigned width, unsigned height, unsigned bpp);
uint32_t vga_bench_colour(unsigned entry);

#endif
