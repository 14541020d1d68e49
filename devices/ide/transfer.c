/* SPDX-License-Identifier: MIT */
/*
 * Data on their way: between the block layer and the channel's buffers, and between these and the guest, by the data
 * register or the bus master. A transfer of the medium moves `hand` sectors at a time:
 *
 *     from the medium:  IDE_MEDIUM -> IDE_PIO_IN, or straight into the guest's memory -> IDE_MEDIUM ...
 *     to the medium:    IDE_PIO_OUT, or straight from the guest's memory -> IDE_MEDIUM -> IDE_PIO_OUT ...
 */
#include "devices/ide/ide_internal.h"

#include <errno.h>
#include <string.h>

static void set_status(struct IdeChannel *c, uint8_t status) { c->state.drive[c->state.active].status = status; }

void ide_clear_transfer(struct IdeDrive *d) {
    struct IdeChannelState *s = &d->channel->state;
    s->active = (uint8_t)(d - d->channel->drive);
    s->phase = IDE_IDLE;
    s->write = s->dma = s->verify = s->fua = s->flush = s->packet = false;
    s->sector = s->limit = 0;
    s->block = s->left = s->hand = s->at = s->drq_end = s->end = 0;
    s->lba = 0;
}

static void finish(struct IdeChannel *c) {
    struct IdeDrive *d = ide_active(c);
    c->state.phase = IDE_IDLE;
    if (c->state.packet)
        atapi_done(d, 0, 0, 0);
    else
        ata_done(d);
}

/* ---- the block layer ---- */

static void completed(void *opaque, int result);

static void submit(struct IdeChannel *c, enum BlockOp op) {
    struct IdeChannelState *s = &c->state;
    s->phase = IDE_MEDIUM;
    set_status(c, ST_BSY | (op == BLOCK_FLUSH ? ST_DRDY : 0));
    c->iov = (struct iovec){s->dma || s->verify ? c->bounce : s->data, (size_t)s->hand * s->sector};
    c->request.op = op;
    c->request.flags = 0;
    c->request.offset = s->lba * s->sector;
    c->request.bytes = op == BLOCK_FLUSH ? 0 : c->iov.iov_len;
    c->request.iov = &c->iov;
    c->request.niov = 1;
    c->request.done = completed;
    c->request.opaque = c;
    c->in_flight = true;
    block_submit(ide_active(c)->config.block, &c->request);
}

enum { SENSE_NOT_READY = 2, ASC_NO_MEDIUM = 0x3a };

/* A CD may have been taken out in the middle. */
static void submit_medium(struct IdeChannel *c) {
    struct IdeDrive *d = ide_active(c);
    if (!ide_has_medium(d)) {
        atapi_done(d, SENSE_NOT_READY, ASC_NO_MEDIUM, 0);
        return;
    }
    submit(c, c->state.flush ? BLOCK_FLUSH : c->state.write ? BLOCK_WRITE : BLOCK_READ);
}

void ide_flush(struct IdeDrive *d) {
    d->channel->state.flush = true;
    submit_medium(d->channel);
}

/* As many sectors as the buffer has room for. */
static void take_in_hand(struct IdeChannelState *s) {
    uint32_t room = (s->dma || s->verify ? IDE_BOUNCE : IDE_BUFFER) / s->sector;
    uint32_t most = s->block != 0 && !s->dma && !s->verify ? s->block : room;
    s->hand = s->left < most ? s->left : most;
    s->left -= s->hand;
}

static void put_back(struct IdeChannelState *s) {
    s->left += s->hand;
    s->hand = 0;
}

static void hand_is_done(struct IdeChannel *c) {
    struct IdeChannelState *s = &c->state;
    s->lba += s->hand;
    s->hand = 0;
    if (s->packet)
        return;
    ata_show_lba(ide_active(c), s->lba - 1); /* the last one moved */
}

/* ---- by the data register ---- */

/* A block of what stands in data[at, end). */
static void begin_pio_block(struct IdeChannel *c, bool write, bool interrupt) {
    struct IdeChannelState *s = &c->state;
    struct IdeDriveState *drive = &s->drive[s->active];
    uint32_t n = s->end - s->at;
    if (s->packet) {
        if (n > s->limit)
            n = s->limit & ~1u; /* only the last one may be odd */
        drive->lba_mid[IDE_CURRENT] = n & 0xff;
        drive->lba_high[IDE_CURRENT] = n >> 8;
        drive->count[IDE_CURRENT] = REASON_IN;
    }
    s->drq_end = s->at + n;
    s->phase = write ? IDE_PIO_OUT : IDE_PIO_IN;
    set_status(c, ST_READY | ST_DRQ);
    if (interrupt)
        ide_set_irq(c, true);
}

static void begin_writing(struct IdeChannel *c, bool interrupt) {
    struct IdeChannelState *s = &c->state;
    take_in_hand(s);
    s->at = 0;
    s->end = s->hand * s->sector;
    begin_pio_block(c, true, interrupt);
}

void ide_pio_block_ended(struct IdeChannel *c) {
    struct IdeChannelState *s = &c->state;
    if (s->phase == IDE_COMMAND_PACKET) {
        atapi_packet(ide_active(c));
    } else if (s->phase == IDE_PIO_OUT) {
        submit_medium(c);
    } else if (s->at < s->end) {
        begin_pio_block(c, false, true);
    } else if (s->left > 0) {
        take_in_hand(s);
        submit_medium(c);
    } else if (s->packet) {
        finish(c);
    } else { /* the last block's interrupt was the command's */
        s->phase = IDE_IDLE;
        set_status(c, ST_READY);
    }
}

/* ---- by the bus master ---- */

static void master_failed(struct IdeChannel *c, enum IdeMasterResult why) {
    ide_master_failed(c, why);
    c->state.phase = IDE_STUCK; /* with DRQ, until a reset: the drive has no way to know */
    set_status(c, ST_READY | ST_DRQ);
}

/* What stands in `data` (a packet's answer) or was read from the medium goes to memory. */
static void dma_in(struct IdeChannel *c) {
    struct IdeChannelState *s = &c->state;
    bool medium = s->sector != 0;
    enum IdeMasterResult r = medium ? ide_master_move(c, c->bounce, (size_t)s->hand * s->sector, true)
                                    : ide_master_move(c, s->data, s->end, true);
    if (r != IDE_MASTER_DONE) {
        master_failed(c, r);
        return;
    }
    if (medium)
        hand_is_done(c);
    if (s->left == 0) {
        ide_master_ended(c);
        finish(c);
        return;
    }
    take_in_hand(s);
    submit_medium(c);
}

static void dma_out(struct IdeChannel *c) {
    struct IdeChannelState *s = &c->state;
    take_in_hand(s);
    enum IdeMasterResult r = ide_master_move(c, c->bounce, (size_t)s->hand * s->sector, false);
    if (r == IDE_MASTER_DONE)
        submit_medium(c);
    else
        master_failed(c, r);
}

static void wait_for_master(struct IdeChannel *c) {
    c->state.phase = IDE_DMA;
    set_status(c, ST_READY | ST_DRQ);
    ide_pump(c);
}

/* An answer in `data` waits for memory; or the next piece begins. */
void ide_pump(struct IdeChannel *c) {
    struct IdeChannelState *s = &c->state;
    if (s->phase != IDE_DMA || !ide_master_ready(c))
        return;
    if (s->write) {
        dma_out(c);
    } else if (s->sector == 0) {
        dma_in(c);
    } else {
        take_in_hand(s);
        submit_medium(c);
    }
}

/* ---- beginning ---- */

void ide_transfer_medium(struct IdeDrive *d, uint64_t lba, uint32_t sectors) {
    struct IdeChannel *c = d->channel;
    struct IdeChannelState *s = &c->state;
    s->lba = lba;
    s->left = sectors;
    if (s->dma) {
        wait_for_master(c);
    } else if (s->write) {
        begin_writing(c, false); /* the first block comes without an interrupt (ATA-7 vol. 2, 11.6) */
    } else {
        take_in_hand(s);
        submit_medium(c);
    }
}

void ide_transfer_data(struct IdeDrive *d, uint32_t n) {
    struct IdeChannelState *s = &d->channel->state;
    s->at = 0;
    s->end = n;
    s->sector = 0;
    if (s->dma)
        wait_for_master(d->channel);
    else
        begin_pio_block(d->channel, false, true);
}

/* ---- what the medium answers ---- */

static void medium_was_read(struct IdeChannel *c) {
    struct IdeChannelState *s = &c->state;
    if (s->dma && ide_master_ready(c)) {
        dma_in(c);
        return;
    }
    if (s->dma) { /* the host has stopped the bus master meanwhile: to be read again */
        put_back(s);
        wait_for_master(c);
        return;
    }
    s->at = 0;
    s->end = s->hand * s->sector;
    hand_is_done(c);
    if (!s->verify) {
        begin_pio_block(c, false, true);
    } else if (s->left > 0) {
        take_in_hand(s);
        submit_medium(c);
    } else {
        finish(c);
    }
}

static void finish_writing(struct IdeChannel *c) {
    if (c->state.dma)
        ide_master_ended(c);
    finish(c);
}

static void medium_was_written(struct IdeChannel *c) {
    struct IdeChannelState *s = &c->state;
    hand_is_done(c);
    if (s->left > 0 && s->dma) {
        wait_for_master(c);
    } else if (s->left > 0) {
        begin_writing(c, true);
    } else if (s->fua) {
        ide_flush(ide_active(c));
    } else {
        finish_writing(c);
    }
}

/* What is done about a host's error; whoever watches is told. */
static enum BlockOnError judge(struct IdeChannel *c, int error) {
    const struct IdeDriveConfig *config = &c->drive[c->state.active].config;
    const struct Ide *ide = c->ide;
    bool write = c->state.write || c->state.flush;
    enum BlockOnError action = block_error_action(write ? config->write_error : config->read_error, error);
    if (ide->ops->failed == NULL)
        return action == BLOCK_ERROR_STOP ? BLOCK_ERROR_REPORT : action;
    ide->ops->failed(ide->opaque, (unsigned)(c - ide->channel), c->state.active, write, error, action);
    return action;
}

enum { SENSE_MEDIUM_ERROR = 3, ASC_UNRECOVERED_READ = 0x11 };

static void report_error(struct IdeChannel *c) {
    struct IdeChannelState *s = &c->state;
    struct IdeDrive *d = ide_active(c);
    s->phase = IDE_IDLE;
    if (s->packet) {
        atapi_done(d, SENSE_MEDIUM_ERROR, ASC_UNRECOVERED_READ, 0);
        return;
    }
    if (!s->flush)
        ata_show_lba(d, s->lba); /* the first that failed */
    ata_failed(d, s->write || s->flush ? ER_ABRT : ER_UNC);
}

/* What a reset has made nobody's. */
static void abandoned_completed(struct IdeChannel *c) {
    uint8_t waits = c->waits;
    c->abandoned = false;
    c->waits = 0;
    if (waits & IDE_WAITS_CHANNEL)
        ide_finish_reset(c);
    else if (waits != 0)
        ide_finish_device_reset(ide_active(c));
}

static void completed(void *opaque, int result) {
    struct IdeChannel *c = opaque;
    struct IdeChannelState *s = &c->state;
    c->in_flight = false;
    if (c->abandoned) {
        abandoned_completed(c);
        return;
    }
    if (result != 0) {
        enum BlockOnError action = judge(c, result);
        if (action == BLOCK_ERROR_REPORT)
            report_error(c);
        else if (action == BLOCK_ERROR_STOP)
            s->phase = IDE_RETRY;
        if (action != BLOCK_ERROR_IGNORE)
            return;
        if (c->request.op == BLOCK_READ)
            memset(c->iov.iov_base, 0, c->iov.iov_len);
    }
    if (s->flush)
        finish_writing(c);
    else if (s->write)
        medium_was_written(c);
    else
        medium_was_read(c);
}

void ide_cancel(struct IdeChannel *c) {
    if (c->in_flight)
        block_cancel(ide_active(c)->config.block, &c->request);
    c->in_flight = c->abandoned = false;
    c->waits = 0;
}

/* What was to be written by DMA is fetched again: a restored machine has it nowhere else. */
void ide_retry(struct IdeChannel *c) {
    struct IdeChannelState *s = &c->state;
    if (s->phase != IDE_RETRY)
        return;
    if (!s->write || !s->dma || s->flush) {
        submit_medium(c);
        return;
    }
    uint8_t command = s->master.command, status = s->master.status;
    s->master = s->before;
    s->master.command = command;
    s->master.status = status;
    put_back(s);
    wait_for_master(c);
}
