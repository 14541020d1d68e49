/* SPDX-License-Identifier: MIT */
/* The command set (data sheet, table 5-1), and those commands that move no data (5.2). */
#include "devices/floppy/fdc_internal.h"

#include <string.h>

enum { VERSION = 0x90, TRACKS_OF_RECALIBRATE = 79, LOCK_SHIFT = 4, OVERWRITE = 0x80, RELATIVE_INWARD = 0x40 };

static unsigned named_unit(const struct Fdc *f) { return f->state.fifo[1] & UNIT_MASK; }

static void invalid(struct Fdc *f) {
    device_error(f->log, "FDC", "there is no command", f->state.fifo[0]);
    f->state.fifo[0] = ST0_INVALID;
    fdc_result(f, 1);
}

/* ---- heads ---- */

/* Pulses for the drive that is selected, if it is this one; with a disk in it they clear the change line. */
static void step(struct Fdc *f, unsigned unit, int steps) {
    struct FdcDrive *d = fdc_drive(f, unit);
    if (d == NULL || steps == 0)
        return;
    struct FdcDriveState *s = fdc_state_of(f, d);
    int last = (int)floppy_cylinders(d->config.type) - 1, to = s->cylinder + steps;
    s->cylinder = (uint8_t)(to < 0 ? 0 : to > last ? last : to);
    s->sector = 0;
    if (d->config.block != NULL)
        s->changed = false;
}

void fdc_step_to(struct Fdc *f, unsigned unit, uint8_t cylinder) {
    step(f, unit, cylinder - f->state.pcn[unit]);
    f->state.pcn[unit] = cylinder;
}

static void seek_ended(struct Fdc *f, unsigned unit, uint8_t st0) {
    struct FdcState *s = &f->state;
    s->sense[unit] = st0 | unit;
    s->sensible |= 1 << unit;
    s->seeking |= 1 << unit;
    fdc_result(f, 0);
    fdc_set_interrupt(f, true);
}

static void seek(struct Fdc *f) {
    fdc_step_to(f, named_unit(f), f->state.fifo[2]);
    seek_ended(f, named_unit(f), ST0_SEEK_END | (f->state.fifo[1] & 1 << HEAD_SHIFT));
}

/* The controller's count wraps as 8 bits do. */
static void relative_seek(struct Fdc *f) {
    struct FdcState *s = &f->state;
    unsigned unit = named_unit(f);
    int steps = s->fifo[0] & RELATIVE_INWARD ? s->fifo[2] : -s->fifo[2];
    step(f, unit, steps);
    s->pcn[unit] += (uint8_t)steps;
    seek_ended(f, unit, ST0_SEEK_END | (s->fifo[1] & 1 << HEAD_SHIFT));
}

/* Outward until the drive says that it is at track 0, but no longer than 79 steps; a drive that isn't there never says
 * so. */
static void recalibrate(struct Fdc *f) {
    unsigned unit = named_unit(f);
    struct FdcDrive *d = fdc_drive(f, unit);
    int from = d != NULL ? fdc_state_of(f, d)->cylinder : 0;
    step(f, unit, from > TRACKS_OF_RECALIBRATE ? -TRACKS_OF_RECALIBRATE : -from);
    f->state.pcn[unit] = 0;
    bool arrived = d != NULL && fdc_state_of(f, d)->cylinder == 0;
    seek_ended(f, unit, ST0_SEEK_END | (arrived ? 0 : ST0_ABNORMAL | ST0_EQUIPMENT));
}

/* ---- status ---- */

/* One of those who have something to tell; a second drive whose seek has ended interrupts again. */
static void sense_interrupt(struct Fdc *f) {
    struct FdcState *s = &f->state;
    unsigned unit = 0;
    if (s->sensible == 0) {
        invalid(f);
        return;
    }
    while (!(s->sensible >> unit & 1))
        unit++;
    s->sensible &= ~(1 << unit);
    s->seeking &= ~(1 << unit);
    s->fifo[0] = s->sense[unit];
    s->fifo[1] = s->pcn[unit];
    fdc_result(f, 2);
    fdc_set_interrupt(f, false);
    if (s->seeking & s->sensible)
        fdc_set_interrupt(f, true);
}

static void sense_drive(struct Fdc *f) {
    uint8_t *fifo = f->state.fifo, st3 = ST3_ALWAYS | (fifo[1] & (UNIT_MASK | 1 << HEAD_SHIFT));
    struct FdcDrive *d = fdc_drive(f, named_unit(f));
    if (d != NULL && fdc_state_of(f, d)->cylinder == 0)
        st3 |= ST3_TRACK_0;
    if (d != NULL && (d->config.block == NULL || block_readonly(d->config.block)))
        st3 |= ST3_PROTECTED;
    fifo[0] = st3;
    fdc_result(f, 1);
}

static void version(struct Fdc *f) {
    f->state.fifo[0] = VERSION;
    fdc_result(f, 1);
}

static void dump_registers(struct Fdc *f) {
    struct FdcState *s = &f->state;
    memcpy(s->fifo, s->pcn, FDC_UNITS);
    memcpy(s->fifo + 4, s->specified, 2);
    s->fifo[6] = s->sectors;
    s->fifo[7] = (s->locked ? 0x80 : 0) | s->perpendicular;
    s->fifo[8] = s->configuration;
    s->fifo[9] = s->precompensation;
    fdc_result(f, 10);
}

/* ---- settings ---- */

static void specify(struct Fdc *f) {
    memcpy(f->state.specified, f->state.fifo + 1, 2);
    fdc_result(f, 0);
}

static void configure(struct Fdc *f) {
    f->state.configuration = f->state.fifo[2] & 0x7f;
    f->state.precompensation = f->state.fifo[3];
    fdc_result(f, 0);
}

/* The drives' bits change only together with OW. */
static void perpendicular(struct Fdc *f) {
    struct FdcState *s = &f->state;
    uint8_t changes = s->fifo[1] & OVERWRITE ? 0x3f : 0x03;
    s->perpendicular = (s->perpendicular & ~changes) | (s->fifo[1] & changes);
    fdc_result(f, 0);
}

static void lock(struct Fdc *f) {
    f->state.locked = f->state.fifo[0] & 0x80;
    f->state.fifo[0] = f->state.locked << LOCK_SHIFT;
    fdc_result(f, 1);
}

/* ---- transfers ---- */

static void read_data(struct Fdc *f) { fdc_transfer(f, FDC_READ); }
static void read_track(struct Fdc *f) { fdc_transfer(f, FDC_READ_TRACK); }
static void write_data(struct Fdc *f) { fdc_transfer(f, FDC_WRITE); }
static void verify(struct Fdc *f) { fdc_transfer(f, FDC_VERIFY); }
static void format_track(struct Fdc *f) { fdc_transfer(f, FDC_FORMAT); }
static void scan_equal(struct Fdc *f) { fdc_transfer(f, FDC_SCAN_EQUAL); }
static void scan_low(struct Fdc *f) { fdc_transfer(f, FDC_SCAN_LOW); }
static void scan_high(struct Fdc *f) { fdc_transfer(f, FDC_SCAN_HIGH); }

/* ---- the set ---- */

/* Bits of the first byte that are not in `mask` are the command's options (MT, MFM, SK, DIR, LOCK). */
static const struct Command {
    uint8_t mask, value, length;
    void (*run)(struct Fdc *f);
} commands[] = {
    {0x1f, 0x06, 9, read_data},
    {0x1f, 0x0c, 9, fdc_read_deleted},
    {0x3f, 0x05, 9, write_data},
    {0x3f, 0x09, 9, fdc_write_deleted},
    {0x9f, 0x02, 9, read_track},
    {0x1f, 0x16, 9, verify},
    {0xbf, 0x0d, 6, format_track},
    {0x1f, 0x11, 9, scan_equal},
    {0x1f, 0x19, 9, scan_low},
    {0x1f, 0x1d, 9, scan_high},
    {0xbf, 0x0a, 2, fdc_read_id},
    {0xff, 0x07, 2, recalibrate},
    {0xff, 0x08, 1, sense_interrupt},
    {0xff, 0x03, 3, specify},
    {0xff, 0x04, 2, sense_drive},
    {0xff, 0x13, 4, configure},
    {0xff, 0x0f, 3, seek},
    {0xbf, 0x8f, 3, relative_seek},
    {0xff, 0x0e, 1, dump_registers},
    {0xff, 0x10, 1, version},
    {0xff, 0x12, 2, perpendicular},
    {0x7f, 0x14, 1, lock},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const struct Command *find(uint8_t first) {
    for (unsigned i = 0; i < COMMANDS; i++)
        if ((first & commands[i].mask) == commands[i].value)
            return &commands[i];
    return NULL;
}

unsigned fdc_command_length(uint8_t first) {
    const struct Command *c = find(first);
    return c != NULL ? c->length : 1;
}

void fdc_command(struct Fdc *f) {
    const struct Command *c = find(f->state.fifo[0]);
    if (c != NULL)
        c->run(f);
    else
        invalid(f);
}
