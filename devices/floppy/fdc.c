/* SPDX-License-Identifier: MIT */
/* Registers (data sheet, 2.1), resets, and the drives' lives. */
#include "devices/floppy/fdc_internal.h"

#include <errno.h>
#include <string.h>

enum { REG_DOR = 2, REG_TDR, REG_STATUS, REG_FIFO, REG_DIRECTION = 7 };
enum { REG_RATE_SELECT = REG_STATUS, REG_CONTROL = REG_DIRECTION };
enum { RQM = 0x80, TO_HOST = 0x40, NO_DMA = 0x20, BUSY = 0x10 }; /* main status */
enum { DSR_RESET = 0x80, DSR_POWER_DOWN = 0x40, RATE = 0x03, TAPE = 0x03, DISK_CHANGED = 0x80 };

/* ---- interrupts ---- */

static void drive_wire(struct Fdc *f) {
    irq_set(&f->irq, f->state.interrupt && (f->state.dor & DOR_DMAGATE) && (f->state.dor & DOR_RUN));
}

void fdc_set_interrupt(struct Fdc *f, bool level) {
    f->state.interrupt = level;
    drive_wire(f);
}

/* ---- resets ---- */

/* What a reset by software leaves, too: SPECIFY's values, the drives' places, and if LOCK says so the FIFO's (5.3). */
static void reset_controller(struct Fdc *f) {
    struct FdcState *s = &f->state;
    fdc_abandon(f);
    if (!s->locked) {
        s->configuration = CONFIGURE_NO_FIFO;
        s->precompensation = 0;
    }
    s->configuration &= CONFIGURE_NO_FIFO | CONFIGURE_THRESHOLD;
    s->perpendicular &= 0x3c;
    s->seeking = s->sensible = 0;
    s->phase = FDC_COMMAND;
    s->at = s->end = 0;
    fdc_set_interrupt(f, false);
}

/* Polling finds that the ready lines of all four have changed; four SENSE INTERRUPT STATUS tell of it (5.2.4). */
static void end_reset(struct Fdc *f) {
    struct FdcState *s = &f->state;
    for (unsigned i = 0; i < FDC_UNITS; i++)
        s->sense[i] = ST0_POLLED | i;
    s->sensible = (1 << FDC_UNITS) - 1;
    fdc_set_interrupt(f, true);
}

static void write_dor(struct Fdc *f, uint8_t value) {
    struct FdcState *s = &f->state;
    uint8_t before = s->dor;
    s->dor = value;
    if ((before & DOR_RUN) && !(value & DOR_RUN))
        reset_controller(f);
    else if (!(before & DOR_RUN) && (value & DOR_RUN))
        end_reset(f);
    drive_wire(f);
}

static void write_dsr(struct Fdc *f, uint8_t value) {
    f->state.dsr = value & ~(DSR_RESET | DSR_POWER_DOWN);
    if (value & DSR_POWER_DOWN)
        device_error(f->log, "FDC", "power down has no effect, DSR", value);
    if ((value & DSR_RESET) && (f->state.dor & DOR_RUN)) { /* it falls by itself */
        reset_controller(f);
        end_reset(f);
    }
}

/* ---- the FIFO ---- */

static uint8_t status(const struct Fdc *f) {
    const struct FdcState *s = &f->state;
    bool no_dma = s->specified[1] & SPECIFY_NO_DMA;
    if (!(s->dor & DOR_RUN))
        return 0;
    switch (s->phase) {
    case FDC_GAP:
    case FDC_MEDIUM: return BUSY | (no_dma ? NO_DMA : 0) | s->seeking;
    case FDC_DATA_IN: return RQM | TO_HOST | NO_DMA | BUSY | s->seeking;
    case FDC_DATA_OUT: return RQM | NO_DMA | BUSY | s->seeking;
    case FDC_RESULT: return RQM | TO_HOST | BUSY | s->seeking;
    default: return RQM | (s->at > 0 ? BUSY : 0) | s->seeking;
    }
}

void fdc_result(struct Fdc *f, unsigned n) {
    f->state.phase = n > 0 ? FDC_RESULT : FDC_COMMAND;
    f->state.at = 0;
    f->state.end = (uint16_t)n;
}

/* The first byte of a result takes its interrupt back (5.0). */
static uint8_t read_result(struct Fdc *f) {
    struct FdcState *s = &f->state;
    uint8_t v = s->fifo[s->at++];
    if (s->at == 1 && s->sensible == 0)
        fdc_set_interrupt(f, false);
    if (s->at == s->end)
        fdc_result(f, 0);
    return v;
}

static uint8_t read_fifo(struct Fdc *f) {
    struct FdcState *s = &f->state;
    if (s->phase == FDC_RESULT && (s->dor & DOR_RUN))
        return read_result(f);
    if (s->phase != FDC_DATA_IN) {
        device_error(f->log, "FDC", "the FIFO is read, and has nothing to tell, main status", status(f));
        return 0xff;
    }
    uint8_t v = s->data[s->at++];
    s->served = clock_now(f->clock);
    if (s->at == s->end)
        fdc_data_ended(f);
    return v;
}

static void write_command(struct Fdc *f, uint8_t value) {
    struct FdcState *s = &f->state;
    s->fifo[s->at++] = value;
    if (s->at >= fdc_command_length(s->fifo[0]))
        fdc_command(f);
}

static void write_fifo(struct Fdc *f, uint8_t value) {
    struct FdcState *s = &f->state;
    if (s->phase == FDC_COMMAND && (s->dor & DOR_RUN)) {
        write_command(f, value);
    } else if (s->phase == FDC_DATA_OUT) {
        s->data[s->at++] = value;
        s->served = clock_now(f->clock);
        if (s->at == s->end)
            fdc_data_ended(f);
    } else {
        device_error(f->log, "FDC", "the FIFO is written to, and takes nothing, main status", status(f));
    }
}

/* ---- ports ---- */

struct FdcDrive *fdc_drive(struct Fdc *f, unsigned unit) {
    bool turns = f->state.dor >> (DOR_MOTOR_SHIFT + unit) & 1;
    if (unit >= FDC_DRIVES || !turns || (f->state.dor & DOR_UNIT) != unit)
        return NULL;
    return f->drive[unit].config.type != FLOPPY_NONE ? &f->drive[unit] : NULL;
}

/* The line of the selected drive; the bits below are not this chip's. */
static uint8_t read_direction(struct Fdc *f) {
    struct FdcDrive *d = fdc_drive(f, f->state.dor & DOR_UNIT);
    return d != NULL && fdc_state_of(f, d)->changed ? DISK_CHANGED : 0;
}

static uint8_t read_status(struct Fdc *f) {
    uint8_t v = status(f);
    fdc_looked(f);
    return v;
}

/* Status registers A and B are not there in PC/AT mode (2.1.1). */
static uint64_t port_read(void *opaque, uint64_t offset, unsigned size) {
    struct Fdc *f = opaque;
    (void)size;
    switch (offset) {
    case REG_DOR: return f->state.dor;
    case REG_TDR: return f->state.tdr;
    case REG_STATUS: return read_status(f);
    case REG_FIFO: return read_fifo(f);
    default: return 0xff;
    }
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Fdc *f = opaque;
    (void)size;
    switch (offset) {
    case REG_DOR: write_dor(f, value); break;
    case REG_TDR: f->state.tdr = value & TAPE; break;
    case REG_RATE_SELECT: write_dsr(f, value); break;
    case REG_FIFO: write_fifo(f, value); break;
    }
}

static uint64_t direction_read(void *opaque, uint64_t offset, unsigned size) {
    (void)offset, (void)size;
    return read_direction(opaque);
}

static void control_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct Fdc *f = opaque;
    (void)offset, (void)size;
    f->state.dsr = (f->state.dsr & ~RATE) | (value & RATE);
}

int fdc_map(struct Fdc *f, struct Bus *bus) {
    static const struct IoOps ops = {.read = port_read, .write = port_write, .min_size = 1, .max_size = 1};
    static const struct IoOps last = {.read = direction_read, .write = control_write, .min_size = 1, .max_size = 1};
    int r = bus_map_ports(bus, FDC_BASE, 6, "fdc", &ops, f);
    return r != 0 ? r : bus_map_ports(bus, FDC_BASE + REG_DIRECTION, 1, "fdc", &last, f);
}

/* ---- life ---- */

void fdc_init(struct Fdc *f, struct Clock *clock, struct IrqWire irq, struct FdcDma dma) {
    memset(f, 0, sizeof(*f));
    f->clock = clock;
    timer_init(&f->timer, clock, fdc_time_is_up, f);
    f->irq = irq;
    f->dma = dma;
}

static bool fits(enum FloppyType type, const struct Block *block, struct FloppyMedium *m) {
    *m = (struct FloppyMedium){0};
    return block == NULL || floppy_medium(type, block_size(block), m);
}

int fdc_add_drive(struct Fdc *f, unsigned drive, const struct FdcDriveConfig *config) {
    struct FloppyMedium m;
    if (drive >= FDC_DRIVES || config->type == FLOPPY_NONE || config->type >= FLOPPY_TYPES)
        return -EINVAL;
    if (f->drive[drive].config.type != FLOPPY_NONE)
        return -EBUSY;
    if (!fits(config->type, config->block, &m))
        return -EFBIG;
    f->drive[drive] = (struct FdcDrive){*config, m};
    return 0;
}

int fdc_set_medium(struct Fdc *f, unsigned drive, struct Block *block) {
    struct FdcDrive *d = &f->drive[drive];
    struct FloppyMedium m;
    if (!fits(d->config.type, block, &m))
        return -EFBIG;
    d->config.block = block;
    d->medium = m;
    f->state.drive[drive].changed = true;
    f->state.drive[drive].sector = 0;
    return 0;
}

void fdc_reset(struct Fdc *f) {
    struct FdcState *s = &f->state;
    fdc_cancel(f);
    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < FDC_DRIVES; i++)
        s->drive[i].changed = f->drive[i].config.type != FLOPPY_NONE;
    s->dsr = FLOPPY_RATE_250; /* what the rate select register begins with (2.1.5) */
    s->configuration = CONFIGURE_NO_FIFO;
    drive_wire(f);
}

void fdc_restored(struct Fdc *f) { timer_arm(&f->timer, fdc_time_limit(&f->state)); }
