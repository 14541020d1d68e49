/* SPDX-License-Identifier: MIT */
/* Ports 3B0h to 3DFh: IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem", section "Registers". */
#include "devices/vga/vga_internal.h"

enum {
    ATTR_WRITE = 0x3c0,
    ATTR_READ = 0x3c1,
    MISC_WRITE = 0x3c2, /* read: input status 0 */
    SEQ_INDEX = 0x3c4,
    SEQ_DATA = 0x3c5,
    PEL_MASK = 0x3c6,
    DAC_READ_INDEX = 0x3c7, /* read: DAC state */
    DAC_WRITE_INDEX = 0x3c8,
    DAC_DATA = 0x3c9,
    FEATURE_READ = 0x3ca,
    MISC_READ = 0x3cc,
    GFX_INDEX = 0x3ce,
    GFX_DATA = 0x3cf,
    CRT_INDEX = 0x3d4,
    CRT_DATA = 0x3d5,
    STATUS = 0x3da, /* write: feature control */
    FIRST_PORT = 0x3b0,
    MONO_END = 0x3c0,
    COLOUR_FIRST = 0x3d0,
};
enum { SENSE = 1 << 4 /* input status 0: a colour monitor is there */, DAC_READING = 3, DAC_PARTS = 3 };

/* Bits that there are. */
static const uint8_t seq_bits[VGA_SEQ_REGISTERS] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e};
static const uint8_t gfx_bits[VGA_GFX_REGISTERS] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};
static const uint8_t attr_bits[VGA_ATTR_REGISTERS] = {0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
                                                      0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0xef, 0xff, 0x3f, 0x0f, 0x0f};

void vga_ports_restored(struct VgaState *s) {
    s->seq_index &= 7;
    s->gfx_index &= 0xf;
    s->attr_index &= 0x3f;
    for (unsigned i = 0; i < VGA_SEQ_REGISTERS; i++)
        s->seq[i] &= seq_bits[i];
    for (unsigned i = 0; i < VGA_GFX_REGISTERS; i++)
        s->gfx[i] &= gfx_bits[i];
    for (unsigned i = 0; i < VGA_ATTR_REGISTERS; i++)
        s->attr[i] &= attr_bits[i];
}

/* ---- attribute controller: one port for index and data, in turn ---- */

static void attr_write(struct VgaState *s, uint8_t value) {
    unsigned i = s->attr_index & 0x1f;
    if (!s->attr_data)
        s->attr_index = value & 0x3f;
    else if (i < VGA_ATTR_REGISTERS)
        s->attr[i] = value & attr_bits[i];
    s->attr_data = !s->attr_data;
}

static uint8_t attr_read(const struct VgaState *s) {
    unsigned i = s->attr_index & 0x1f;
    return i < VGA_ATTR_REGISTERS ? s->attr[i] : 0;
}

/* ---- DAC ---- */

static uint8_t dac_bits(const struct VgaState *s) { return s->dispi[DISPI_ENABLE] & DISPI_8_BIT_DAC ? 0xff : 0x3f; }

static void dac_begin(struct VgaState *s, uint8_t *index, uint8_t value, uint8_t state) {
    *index = value;
    s->dac_state = state;
    s->dac_part = 0;
}

/* Three bytes are an entry, which changes with the last one. */
static void dac_write(struct VgaState *s, uint8_t value) {
    value &= dac_bits(s);
    if (s->dac_part < 2) {
        s->dac_new[s->dac_part++] = value;
        return;
    }
    uint8_t *entry = s->dac[s->dac_write++];
    entry[0] = s->dac_new[0];
    entry[1] = s->dac_new[1];
    entry[2] = value;
    s->dac_part = 0;
}

static uint8_t dac_read(struct VgaState *s) {
    uint8_t value = s->dac[s->dac_read][s->dac_part];
    if (++s->dac_part == DAC_PARTS) {
        s->dac_part = 0;
        s->dac_read++;
    }
    return value;
}

/* ---- CRT controller ---- */

static void crt_write(struct VgaState *s, uint8_t value) {
    unsigned i = s->crt_index;
    if (i >= VGA_CRT_REGISTERS)
        return;
    if ((s->crt[CRT_V_RETRACE_END] & CRT_PROTECT) == 0 || i > CRT_OVERFLOW)
        s->crt[i] = value;
    else if (i == CRT_OVERFLOW)
        s->crt[i] = (uint8_t)((s->crt[i] & ~CRT_LINE_COMPARE_8) | (value & CRT_LINE_COMPARE_8));
}

/* ---- all of them ---- */

/* CRT controller and status are at 3Dxh or 3Bxh, as the miscellaneous register says; elsewhere nothing answers. */
static bool decodes(const struct VgaState *s, unsigned *port) {
    bool mono = *port < MONO_END;
    if (!mono && *port < COLOUR_FIRST)
        return true;
    if (mono == ((s->misc & MISC_COLOUR) != 0))
        return false;
    *port = COLOUR_FIRST + (*port & 0xf);
    return true;
}

static uint8_t status_read(struct Vga *v) {
    v->state.attr_data = false;
    return vga_retrace_status(&v->state, clock_now(v->clock));
}

uint8_t vga_port_read(struct Vga *v, unsigned port) {
    struct VgaState *s = &v->state;
    if (!decodes(s, &port))
        return 0xff;
    switch (port) {
    case ATTR_WRITE: return s->attr_index;
    case ATTR_READ: return attr_read(s);
    case MISC_WRITE: return SENSE;
    case SEQ_INDEX: return s->seq_index;
    case SEQ_DATA: return s->seq_index < VGA_SEQ_REGISTERS ? s->seq[s->seq_index] : 0;
    case PEL_MASK: return s->pel_mask;
    case DAC_READ_INDEX: return s->dac_state;
    case DAC_WRITE_INDEX: return s->dac_write;
    case DAC_DATA: return dac_read(s);
    case FEATURE_READ: return s->feature;
    case MISC_READ: return s->misc;
    case GFX_INDEX: return s->gfx_index;
    case GFX_DATA: return s->gfx_index < VGA_GFX_REGISTERS ? s->gfx[s->gfx_index] : 0;
    case CRT_INDEX: return s->crt_index;
    case CRT_DATA: return s->crt_index < VGA_CRT_REGISTERS ? s->crt[s->crt_index] : 0;
    case STATUS: return status_read(v);
    default: return 0xff;
    }
}

/* Index registers and what lies behind them; true: the way to memory may have changed. */
static bool write_register(struct VgaState *s, unsigned port, uint8_t value) {
    switch (port) {
    case ATTR_WRITE: attr_write(s, value); return false;
    case MISC_WRITE: s->misc = value; return true;
    case SEQ_INDEX: s->seq_index = value & 7; return false;
    case SEQ_DATA:
        if (s->seq_index < VGA_SEQ_REGISTERS)
            s->seq[s->seq_index] = value & seq_bits[s->seq_index];
        return true;
    case PEL_MASK: s->pel_mask = value; return false;
    case DAC_READ_INDEX: dac_begin(s, &s->dac_read, value, DAC_READING); return false;
    case DAC_WRITE_INDEX: dac_begin(s, &s->dac_write, value, 0); return false;
    case DAC_DATA: dac_write(s, value); return false;
    case GFX_INDEX: s->gfx_index = value & 0xf; return false;
    case GFX_DATA:
        if (s->gfx_index < VGA_GFX_REGISTERS)
            s->gfx[s->gfx_index] = value & gfx_bits[s->gfx_index];
        return true;
    case CRT_INDEX: s->crt_index = value; return false;
    case CRT_DATA: crt_write(s, value); return false;
    case STATUS: s->feature = value; return false;
    default: return false;
    }
}

void vga_port_write(struct Vga *v, unsigned port, uint8_t value) {
    if (!decodes(&v->state, &port))
        return;
    if (write_register(&v->state, port, value))
        vga_memory_mode_changed(v);
    v->changes++;
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned size) {
    (void)size;
    return vga_port_read(opaque, FIRST_PORT + (unsigned)offset);
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    (void)size;
    vga_port_write(opaque, FIRST_PORT + (unsigned)offset, (uint8_t)value);
}

const struct IoOps vga_port_ops = {.read = port_read, .write = port_write, .min_size = 1, .max_size = 1};
