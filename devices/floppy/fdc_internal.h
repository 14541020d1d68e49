/* SPDX-License-Identifier: MIT */
/** What the files of devices/floppy/ share. */
#ifndef TWIN86_DEVICES_FDC_INTERNAL_H
#define TWIN86_DEVICES_FDC_INTERNAL_H

#include "devices/floppy/fdc.h"

/* Status registers (data sheet, 6.0). */
enum { ST0_ABNORMAL = 0x40, ST0_INVALID = 0x80, ST0_POLLED = 0xc0, ST0_SEEK_END = 0x20, ST0_EQUIPMENT = 0x10 };
enum {
    ST1_END_OF_CYLINDER = 0x80,
    ST1_DATA_ERROR = 0x20,
    ST1_OVERRUN = 0x10,
    ST1_NO_DATA = 0x04,
    ST1_NOT_WRITABLE = 0x02,
    ST1_NO_MARK = 0x01
};
enum { ST2_MARK = 0x40, ST2_DATA_ERROR = 0x20, ST2_WRONG_CYLINDER = 0x10, ST2_HIT = 0x08, ST2_MISSED = 0x04 };
enum { ST3_ALWAYS = 0x28, ST3_PROTECTED = 0x40, ST3_TRACK_0 = 0x10 };
/* Digital output register. */
enum { DOR_UNIT = 0x03, DOR_RUN = 0x04, DOR_DMAGATE = 0x08, DOR_MOTOR_SHIFT = 4 };
/* CONFIGURE's second byte; SPECIFY's. */
enum {
    CONFIGURE_IMPLIED_SEEK = 0x40,
    CONFIGURE_NO_FIFO = 0x20,
    CONFIGURE_NO_POLLING = 0x10,
    CONFIGURE_THRESHOLD = 0x0f
};
enum { SPECIFY_NO_DMA = 0x01 };
/* The second byte of many commands. */
enum { UNIT_MASK = 0x03, HEAD_SHIFT = 2 };

/** What a transfer does with sectors. */
enum FdcTransfer {
    FDC_READ,
    FDC_READ_TRACK,
    FDC_WRITE,
    FDC_VERIFY,
    FDC_FORMAT,
    FDC_SCAN_EQUAL,
    FDC_SCAN_LOW,
    FDC_SCAN_HIGH,
    FDC_TRANSFERS
};

/** fdc.c */
void fdc_set_interrupt(struct Fdc *f, bool level);
/** The drive that is selected, turns, and is `unit`; NULL: none answers. */
struct FdcDrive *fdc_drive(struct Fdc *f, unsigned unit);
static inline struct FdcDriveState *fdc_state_of(struct Fdc *f, const struct FdcDrive *d) {
    return &f->state.drive[d - f->drive];
}
/** The command is over, and has `n` bytes to tell: they stand in the FIFO. 0: none. */
void fdc_result(struct Fdc *f, unsigned n);

/** commands.c */
/** How many bytes the command has that begins with this one; 1 for those that there are not. */
unsigned fdc_command_length(uint8_t first);
/** All of it is in the FIFO. */
void fdc_command(struct Fdc *f);
/** Move the heads of the unit to where the controller takes `cylinder` to be. */
void fdc_step_to(struct Fdc *f, unsigned unit, uint8_t cylinder);

/** transfer.c */
void fdc_transfer(struct Fdc *f, enum FdcTransfer kind);
/** READ DELETED DATA, of which there are none on these media. */
void fdc_read_deleted(struct Fdc *f);
void fdc_write_deleted(struct Fdc *f);
void fdc_read_id(struct Fdc *f);
/** Without DMA: the host has not touched the FIFO for too long, or a sector's end has passed. `opaque` is the struct
 * Fdc.
 */
void fdc_time_is_up(void *opaque);
/** When that will be, where the controller stands. */
int64_t fdc_time_limit(const struct FdcState *s);
/** Without DMA: the host has read or written data up to its end. */
void fdc_data_ended(struct Fdc *f);
/** Main status was read. */
void fdc_looked(struct Fdc *f);
/** What is in flight is nobody's any more; or taken back. */
void fdc_abandon(struct Fdc *f);
void fdc_cancel(struct Fdc *f);

#endif
