/* SPDX-License-Identifier: MIT */
/**
 * The floppy disk controller of a PC: an Intel 82077AA in PC/AT mode (data sheet, order 290166), with two drives at its
 * cable. Disks are struct Blocks of 512-byte sectors; what else a controller can write (other sizes, deleted data, FM)
 * no image can hold, and is reported as not found or not writable.
 *
 * Heads and disks move in no time: seeks end within the command, a transfer goes on as fast as the block layer gives
 * sectors. A transfer needs what it needs on a real one: the drive selected and its motor on (DOR), the rate of the
 * medium (CCR or DSR), the heads on the right cylinder.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_FDC_H
#define TWIN86_DEVICES_FDC_H

#include "block/block.h"
#include "devices/clock.h"
#include "devices/device_log.h"
#include "devices/floppy/floppy_media.h"
#include "devices/irq.h"
#include "devices/state.h"
#include "memory/bus.h"

/** Without DMA: how long data wait for a host that does not touch the FIFO, in ns. A real controller gives up after the
 *  time of at most 16 bytes; hosts here may be kept from running for longer. */
enum { FDC_PATIENCE = 20000000 };
/** Without DMA: ns from a sector's last byte to what follows, its checksum and a part of the gap, once the host has
 * read main status FDC_GAP_LOOKS times meanwhile; else FDC_GAP_MOST. An interrupt handler that moves data looks twice
 * before it is done (Linux's), which may take long where hosts here keep it from running; and what interrupts it before
 * that is an interrupt whose cause it has seen to when the next handler looks for one. */
enum { FDC_GAP_TIME = 100000, FDC_GAP_LOOKS = 2, FDC_GAP_MOST = FDC_PATIENCE };
enum { FDC_BASE = 0x3f0, FDC_DRIVES = 2, FDC_UNITS = 4 /* that can be named */, FDC_FIFO = 16 };

/** Where a command stands. */
enum FdcPhase {
    FDC_COMMAND, /* bytes of one are awaited */
    FDC_MEDIUM,  /* the block layer works */
    FDC_DATA_IN, /* without DMA: the host reads data[at, end) */
    FDC_DATA_OUT,
    FDC_GAP,    /* without DMA: the host has moved a sector, and its end passes under the head; `at` counts looks */
    FDC_RESULT, /* the host reads fifo[at, end) */
    FDC_PHASES
};

/** A drive, as it stands on the desk. */
struct FdcDriveState {
    uint8_t cylinder; /* where the heads are */
    uint8_t sector;   /* the last whose ID came by, from 1 */
    bool changed;     /* the disk change line: the disk was out since the heads moved */
};

struct FdcState {
    struct FdcDriveState drive[FDC_DRIVES];
    uint8_t dor, tdr, dsr; /* the data rate is in dsr, bits 1-0 */
    uint8_t seeking;       /* main status, bits 3-0 */
    bool interrupt;        /* INT, before DMAGATE */
    uint8_t pcn[FDC_UNITS];
    uint8_t sense[FDC_UNITS], sensible; /* ST0 for SENSE INTERRUPT STATUS, and of which units there is one */
    uint8_t specified[2];               /* of SPECIFY */
    uint8_t configuration, precompensation;
    uint8_t perpendicular;
    bool locked;
    uint8_t sectors; /* SC of the last FORMAT, EOT of others, for DUMPREG */
    uint8_t phase;   /* enum FdcPhase */
    uint8_t fifo[FDC_FIFO];
    /* the transfer */
    uint8_t kind; /* enum FdcTransfer */
    uint8_t unit, side;
    uint8_t c, h, r, n; /* ID of the sector in hand */
    uint8_t last, left; /* EOT, and sectors to go where they are counted */
    uint8_t st[3];      /* so far */
    bool multi, dirty;  /* MT; the medium was written to */
    bool terminal;      /* TC was seen */
    bool flush;         /* what the block layer does is a flush */
    uint16_t at, end;   /* in fifo or data */
    uint8_t data[FLOPPY_SECTOR];
    int64_t served; /* when the host last moved data by itself: virtual ns */
};

struct FdcDriveConfig {
    enum FloppyType type;
    struct Block *block; /* the drive's from now on but for closing it; NULL: no disk */
};

struct FdcDrive {
    struct FdcDriveConfig config;
    struct FloppyMedium medium; /* if there is a block */
};

/** DMA channel 2, as dma_move. */
struct FdcDma {
    size_t (*move)(void *opaque, void *buf, size_t n, bool to_memory, bool *terminal);
    void *opaque;
};

struct Fdc {
    struct FdcState state;
    struct FdcDrive drive[FDC_DRIVES];
    struct IrqWire irq;
    struct FdcDma dma;
    struct Clock *clock;
    struct Timer timer; /* of FDC_DATA_* and FDC_GAP */
    struct BlockRequest request;
    struct iovec iov;
    uint8_t sector[FLOPPY_SECTOR]; /* on its way from or to the block */
    struct Block *in_flight;       /* whose the request is; NULL: nobody's */
    enum BlockOp op;               /* what the command wants */
    bool abandoned;                /* what is in flight; a reset came */
    bool deferred;                 /* a command waits for that */
    const struct DeviceLog *log;
};

/** Without drives. */
void fdc_init(struct Fdc *f, struct Clock *clock, struct IrqWire irq, struct FdcDma dma);
/** Map 3F0h-3F5h and 3F7h (3F6h is the IDE channel's). 0 or -errno. */
int fdc_map(struct Fdc *f, struct Bus *bus);
/** Put a drive in, before the machine runs. 0, -EBUSY (there is one), -EINVAL (no such place) or -EFBIG: the disk does
 *  not go into such a drive. */
int fdc_add_drive(struct Fdc *f, unsigned drive, const struct FdcDriveConfig *config);
/** Power-up state. What is in flight is taken back. */
void fdc_reset(struct Fdc *f);
extern const struct StateTable fdc_state_table;
void fdc_restored(struct Fdc *f);

/** The disk is another one, or (NULL) none. Nothing may be in flight. 0; -EFBIG: it does not go into this drive, and
 *  the old one stays. */
int fdc_set_medium(struct Fdc *f, unsigned drive, struct Block *block);

#endif
