/* SPDX-License-Identifier: MIT */
/**
 * Two ATA channels with two drives each (ATA/ATAPI-7: volume 1 registers and commands, volume 2 protocols), behind the
 * IDE function of a 82371SB (piix3_ide.h). A drive is a disk (LBA28, LBA48, CHS; PIO, multiword and Ultra DMA) or a
 * CD-ROM (ATAPI; MMC-3 commands), whose contents are a struct Block.
 *
 * All that a guest can name is checked against the medium before anything begins. A transfer goes on in pieces of at
 * most IDE_BOUNCE bytes, one for each completion of the block layer; a vCPU never waits for the host.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_IDE_H
#define TWIN86_DEVICES_IDE_H

#include "block/block.h"
#include "block/on_error.h"
#include "devices/device_log.h"
#include "devices/irq.h"
#include "devices/pci/pci_dma.h"
#include "devices/state.h"

enum { IDE_CHANNELS = 2, IDE_DRIVES = 2, IDE_SECTOR = 512, IDE_CD_SECTOR = 2048 };
enum {
    IDE_BUFFER = 16 * IDE_SECTOR, /* of a channel, for PIO: the most that READ MULTIPLE moves at once */
    IDE_BOUNCE = 128 * 1024,      /* of a channel, for DMA */
    IDE_PACKET = 12,
};

enum IdeKind { IDE_NONE, IDE_DISK, IDE_CD };

struct IdeDriveConfig {
    enum IdeKind kind;
    struct Block *block; /* the drive's from now on but for closing it; a CD-ROM's may be NULL: no medium */
    enum BlockOnError read_error, write_error;
    char serial[21], model[41], version[9]; /* ASCII; "": the drive's own */
    unsigned physical;                      /* of a disk: 2^this sectors are a physical one */
};

/** A register that keeps its previous content (ATA-7, 6.4: "high order byte"). */
enum { IDE_CURRENT, IDE_PREVIOUS, IDE_DEPTH };

struct IdeDriveState {
    uint8_t status, error;
    uint8_t feature[IDE_DEPTH], count[IDE_DEPTH], lba_low[IDE_DEPTH], lba_mid[IDE_DEPTH], lba_high[IDE_DEPTH];
    uint8_t multiple;       /* sectors a block of READ MULTIPLE; 0: not set */
    uint8_t dma_mode;       /* as SET FEATURES 03h says it: 20h + multiword, 40h + ultra */
    uint8_t heads, sectors; /* of a track: CHS translation (INITIALIZE DEVICE PARAMETERS) */
    bool write_cache, smart, smart_autosave;
    /* CD-ROM */
    bool tray_open, locked;
    bool changed;   /* a unit attention is due: another medium */
    uint8_t events; /* media events that nobody has fetched, as GET EVENT STATUS NOTIFICATION codes them */
    uint8_t sense_key, asc, ascq;
};

/** Where the channel's transfer stands. */
enum IdePhase {
    IDE_IDLE,
    IDE_PIO_IN,  /* DRQ: the host reads data[at, drq_end) */
    IDE_PIO_OUT, /* DRQ: the host writes it */
    IDE_COMMAND_PACKET,
    IDE_MEDIUM, /* BSY: the block layer works */
    IDE_DMA,    /* DRQ: until the bus master is started */
    IDE_STUCK,  /* DRQ: the bus master gave up; a reset helps */
    IDE_RETRY,  /* BSY: the machine was stopped for an error */
    IDE_PHASES
};

/** Bus master registers, and where it is in its table (82371SB data sheet, 2.7). */
struct IdeBusMasterState {
    uint32_t table;         /* its address as written */
    uint32_t address, left; /* of the range in hand; left 0: none */
    uint16_t next;          /* entry */
    bool last;              /* the range in hand is the last */
    uint8_t command, status;
    uint8_t unused[3];
};

struct IdeChannelState {
    struct IdeDriveState drive[IDE_DRIVES];
    struct IdeBusMasterState master;
    struct IdeBusMasterState before; /* where it was before what is in hand: a stopped write is fetched again */
    uint8_t device;                  /* the register, one for both */
    uint8_t control;                 /* device control */
    bool irq;                        /* INTRQ, before nIEN */
    /* the transfer */
    uint8_t phase;  /* enum IdePhase */
    uint8_t active; /* drive */
    bool write;     /* from the host */
    bool dma;
    bool verify; /* the medium is read for nobody */
    bool fua;    /* flush before it ends */
    bool flush;  /* what is in hand is a flush */
    bool packet; /* it began with one: the end has reason bits */
    uint8_t unused[1];
    uint16_t sector; /* bytes; 0: nothing comes from the medium */
    uint16_t limit;  /* bytes in a PIO block of a packet's; 0: no packet */
    uint8_t unused_2[4];
    uint32_t block;            /* sectors in a PIO block of a disk's */
    uint32_t left;             /* sectors between host and medium, beyond those in hand */
    uint32_t hand;             /* sectors in hand of the block layer */
    uint32_t at, drq_end, end; /* in data */
    uint64_t lba;              /* of the next sector */
    uint8_t data[IDE_BUFFER];
};

struct IdeDrive {
    struct IdeDriveConfig config;
    struct IdeChannel *channel;
    uint64_t sectors; /* of config.block; 0: no medium */
};

struct Ide;

/** Resets that wait for the block layer: of drive n (1 << n), or of the channel. */
enum { IDE_WAITS_CHANNEL = 1 << IDE_DRIVES };

struct IdeChannel {
    struct IdeChannelState state;
    struct IdeDrive drive[IDE_DRIVES];
    struct Ide *ide;
    struct IrqWire irq;
    struct PciDevice *pci; /* which does DMA */
    struct BlockRequest request;
    struct iovec iov;
    bool in_flight;
    bool abandoned;  /* what is in flight; a reset came */
    uint8_t waits;   /* for it: IDE_WAITS_* */
    uint8_t *bounce; /* IDE_BOUNCE bytes; NULL until there is a drive */
    const struct DeviceLog *log;
};

struct IdeOps {
    /** The host's error `error` (-errno) at that drive, and what is done about it: STOP is for the callee to do. */
    void (*failed)(void *opaque, unsigned channel, unsigned drive, bool write, int error, enum BlockOnError action);
    /** A CD-ROM's tray was opened or closed, by whomever. */
    void (*tray_moved)(void *opaque, unsigned channel, unsigned drive, bool open);
};

struct Ide {
    struct IdeChannel channel[IDE_CHANNELS];
    const struct IdeOps *ops;
    void *opaque;
};

/** Without drives. Pointers in `ops` may be NULL; wires: INTRQ of the channels. */
void ide_init(struct Ide *ide, struct PciDevice *pci, const struct IrqWire irq[IDE_CHANNELS], const struct IdeOps *ops,
              void *opaque);
/** Free what it has; the blocks are their owner's. Nothing may be in flight. */
void ide_destroy(struct Ide *ide);
/** Put a drive in, before the machine runs. 0, -EBUSY (there is one), -EINVAL (no such place; a disk of no size) or
 *  -ENOMEM. */
int ide_add_drive(struct Ide *ide, unsigned channel, unsigned drive, const struct IdeDriveConfig *config);
/** Power-up state. What is in flight is taken back. */
void ide_reset(struct Ide *ide);
extern const struct StateTable ide_channel_state_table;
/** The channels' states were restored. */
void ide_restored(struct Ide *ide);
/** The machine goes on: what was stopped by an error is tried again. */
void ide_resume(struct Ide *ide);

/** The size of a disk's block has changed: IDENTIFY DEVICE says so from now on. */
void ide_resized(struct Ide *ide, unsigned channel, unsigned drive);
/** A CD-ROM's medium is another one, for which the tray is closed, or (NULL) none; nothing may be in flight. */
void ide_set_medium(struct Ide *ide, unsigned channel, unsigned drive, struct Block *block);
/** Open or close the tray, as its button does: a locked tray only tells the guest unless it is forced. -EBUSY then. */
int ide_move_tray(struct Ide *ide, unsigned channel, unsigned drive, bool open, bool force);

/** Registers. `opaque` is the struct IdeChannel: 1F0h-1F7h, 3F6h, and the channel's 8 of the bus master's ports. */
extern const struct IoOps ide_command_ops, ide_control_ops, ide_master_ops;

/** The command register or the bus master bit was written: a waiting transfer may go on. */
void ide_master_changed(struct Ide *ide);

#endif
