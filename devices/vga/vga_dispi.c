/* SPDX-License-Identifier: MIT */
/* Bochs' DISPI registers (ports 1CEh and 1CFh, BAR 2), and what else is in BAR 2. */
#include "devices/vga/vga_internal.h"

#include <string.h>

enum { ID_FIRST = 0xb0c0, ID_LAST = 0xb0c5, X_MOST = 7680, Y_MOST = 4320, BPP_MOST = 32, MEMORY_UNIT = 0x10000 };
enum { REG_EDID = 0, REG_EDID_END = 0x100, REG_PORTS = 0x400, REG_PORTS_END = 0x420 };
enum { REG_DISPI = 0x500, REG_DISPI_END = REG_DISPI + 2 * VGA_DISPI_REGISTERS, REG_EXTENSION = 0x600 };
enum { EXTENSION_SIZE = 8, BYTE_ORDER = 4, PORT_FIRST = 0x3c0 };
#define LITTLE_ENDIAN_VALUE 0x1e1e1e1eu /* QEMU's "byte order" register */

/* ---- modes ---- */

unsigned vga_dispi_bits(uint16_t bpp) { return bpp == 15 ? 16 : bpp; }

uint32_t vga_dispi_pitch(const struct VgaState *s) {
    return (uint32_t)s->dispi[DISPI_VIRT_WIDTH] * vga_dispi_bits(s->dispi[DISPI_BPP]) / 8;
}

static bool is_depth(uint16_t bpp) { return bpp == 4 || bpp == 8 || bpp == 15 || bpp == 16 || bpp == 24 || bpp == 32; }

static uint16_t clamp(uint16_t value, uint16_t least, uint32_t most) {
    return value < least ? least : value > most ? (uint16_t)most : value;
}

/* While a mode is on, registers hold what it is: widths are multiples of 8, and all of it lies in memory. */
void vga_dispi_fit(struct Vga *v) {
    uint16_t *d = v->state.dispi;
    uint64_t memory = v->memory.size;
    if (!vga_dispi_on(&v->state))
        return;
    if (!is_depth(d[DISPI_BPP]))
        d[DISPI_BPP] = 8;
    d[DISPI_XRES] = clamp(d[DISPI_XRES] & ~7, 8, X_MOST);
    d[DISPI_VIRT_WIDTH] = clamp(d[DISPI_VIRT_WIDTH] & ~7, d[DISPI_XRES], 0xfff8);
    uint64_t pitch = vga_dispi_pitch(&v->state), lines = memory / pitch;
    if (lines > UINT16_MAX)
        lines = UINT16_MAX;
    d[DISPI_VIRT_HEIGHT] = (uint16_t)lines;
    d[DISPI_YRES] = clamp(d[DISPI_YRES], 1, lines < Y_MOST ? (uint32_t)lines : Y_MOST);
    uint64_t shown = d[DISPI_YRES] * pitch, bits = vga_dispi_bits(d[DISPI_BPP]);
    if (d[DISPI_Y_OFFSET] * pitch + d[DISPI_X_OFFSET] * bits / 8 + shown > memory)
        d[DISPI_Y_OFFSET] = 0;
    if (d[DISPI_X_OFFSET] * bits / 8 + shown > memory)
        d[DISPI_X_OFFSET] = 0;
}

static void clear_screen(struct Vga *v) {
    size_t bytes = (size_t)v->state.dispi[DISPI_YRES] * vga_dispi_pitch(&v->state);
    memset(v->memory.host, 0, bytes);
    if (v->pci.window[0].mapped)
        bus_ram_written(v->bus, v->pci.window[0].mapped_at, bytes);
}

/* A mode that begins shows memory from its beginning on. */
static void enable(struct Vga *v, uint16_t value) {
    uint16_t *d = v->state.dispi;
    bool begins = (value & DISPI_ENABLED) != 0 && !vga_dispi_on(&v->state);
    d[DISPI_ENABLE] = value;
    if (begins) {
        d[DISPI_VIRT_WIDTH] = d[DISPI_X_OFFSET] = d[DISPI_Y_OFFSET] = 0;
        vga_dispi_fit(v);
        if ((value & DISPI_NO_CLEAR) == 0)
            clear_screen(v);
    }
    if ((value & DISPI_ENABLED) == 0)
        d[DISPI_BANK] = 0;
}

/* ---- registers ---- */

static void dispi_write(struct Vga *v, unsigned index, uint16_t value) {
    uint16_t *d = v->state.dispi;
    switch (index) {
    case DISPI_ID:
        if (value >= ID_FIRST && value <= ID_LAST)
            d[index] = value;
        break;
    case DISPI_XRES:
    case DISPI_YRES:
    case DISPI_BPP:
    case DISPI_VIRT_WIDTH:
    case DISPI_X_OFFSET:
    case DISPI_Y_OFFSET:
        d[index] = value;
        vga_dispi_fit(v);
        break;
    case DISPI_ENABLE: enable(v, value); break;
    case DISPI_BANK:
        if (value < v->memory.size / DISPI_BANK_SIZE)
            d[index] = value;
        break;
    default: break;
    }
    v->changes++;
    vga_memory_mode_changed(v);
}

static uint16_t dispi_read(const struct Vga *v, unsigned index) {
    static const uint16_t caps[] = {[DISPI_XRES] = X_MOST, [DISPI_YRES] = Y_MOST, [DISPI_BPP] = BPP_MOST};
    const uint16_t *d = v->state.dispi;
    if (index == DISPI_MEMORY)
        return (uint16_t)(v->memory.size / MEMORY_UNIT);
    if ((d[DISPI_ENABLE] & DISPI_GET_CAPS) != 0 && index >= DISPI_XRES && index <= DISPI_BPP)
        return caps[index];
    return index < VGA_DISPI_REGISTERS ? d[index] : 0;
}

void vga_dispi_reset(struct Vga *v) { v->state.dispi[DISPI_ID] = ID_LAST; }

/*
 * Ports: index at 1CEh, data at 1CFh, 16 bits each. An access at an odd port reaches a device in bytes, so the first of
 * a register's waits for the second.
 */
static uint64_t dispi_port_read(void *opaque, uint64_t offset, unsigned size) {
    const struct Vga *v = opaque;
    (void)size;
    uint16_t data = dispi_read(v, v->state.dispi_index);
    return offset == 0 ? v->state.dispi_index : offset == 1 ? data & 0xff : data >> 8;
}

static void dispi_port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Vga *v = opaque;
    (void)size;
    if (offset == 0)
        v->state.dispi_index = (uint16_t)value;
    else if (offset == 1)
        v->state.dispi_low = (uint8_t)value;
    else
        dispi_write(v, v->state.dispi_index, (uint16_t)(v->state.dispi_low | (value & 0xff) << 8));
}

const struct IoOps vga_dispi_port_ops = {
    .read = dispi_port_read,
    .write = dispi_port_write,
    .min_size = 1,
    .max_size = 2,
};

/* ---- BAR 2 ---- */

static uint8_t register_byte(struct Vga *v, unsigned at) {
    if (at < REG_EDID_END)
        return at < sizeof(v->edid) && !v->config.no_edid ? v->edid[at] : 0;
    if (at >= REG_PORTS && at < REG_PORTS_END)
        return vga_port_read(v, PORT_FIRST + at - REG_PORTS);
    if (at >= REG_DISPI && at < REG_DISPI_END)
        return (uint8_t)(dispi_read(v, (at - REG_DISPI) / 2) >> at % 2 * 8);
    if (at >= REG_EXTENSION && at < REG_EXTENSION + EXTENSION_SIZE)
        return at < REG_EXTENSION + BYTE_ORDER ? (at == REG_EXTENSION ? EXTENSION_SIZE : 0)
                                               : (uint8_t)LITTLE_ENDIAN_VALUE;
    return 0;
}

static uint64_t register_read(void *opaque, uint64_t offset, unsigned size) {
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)register_byte(opaque, (unsigned)offset + i) << 8 * i;
    return value;
}

/* The byte order is what it is: a driver that wants another is told of by the log. */
static void register_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Vga *v = opaque;
    unsigned at = (unsigned)offset;
    if (at >= REG_DISPI && at < REG_DISPI_END && at % 2 == 0)
        dispi_write(v, (at - REG_DISPI) / 2, (uint16_t)value);
    for (unsigned i = 0; i < size && at + i >= REG_PORTS && at + i < REG_PORTS_END; i++)
        vga_port_write(v, PORT_FIRST + at + i - REG_PORTS, (uint8_t)(value >> 8 * i));
    if (at >= REG_EXTENSION + BYTE_ORDER && at < REG_EXTENSION + EXTENSION_SIZE && (value & 0xff) != 0x1e)
        device_error(v->log, "vga", "the frame buffer stays little-endian; byte order", value);
}

const struct IoOps vga_register_ops = {.read = register_read, .write = register_write, .min_size = 1, .max_size = 2};
