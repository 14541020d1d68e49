/* SPDX-License-Identifier: MIT */
/* Task file, resets, interrupts, and the drives' lives. */
#include "devices/ide/ide_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { REG_DATA, REG_ERROR, REG_COUNT, REG_LBA_LOW, REG_LBA_MID, REG_LBA_HIGH, REG_DEVICE, REG_STATUS };
enum { REG_FEATURE = REG_ERROR, REG_COMMAND = REG_STATUS };
enum { COMMAND_DEVICE_RESET = 0x08, DEVICE_FIXED = 0xa0, MASTER_INTERRUPT = 4 };
enum { CD_SIGNATURE_MID = 0x14, CD_SIGNATURE_HIGH = 0xeb };
enum { EVENT_NEW_MEDIA = 2, EVENT_REMOVAL = 3, EVENT_EJECT_REQUEST = 1 };

static struct IdeDrive *selected(struct IdeChannel *c) { return &c->drive[(c->state.device & DEV_SECOND) != 0]; }

static bool is_busy(const struct IdeChannel *c) {
    for (unsigned i = 0; i < IDE_DRIVES; i++)
        if (c->state.drive[i].status & (ST_BSY | ST_DRQ))
            return true;
    return false;
}

/* ---- interrupts ---- */

static void drive_wire(struct IdeChannel *c) { irq_set(&c->irq, c->state.irq && !(c->state.control & CTL_NIEN)); }

void ide_set_irq(struct IdeChannel *c, bool level) {
    if (level && !c->state.irq)
        c->state.master.status |= MASTER_INTERRUPT; /* latches the rise of INTRQ (82371SB, "BMISTA") */
    c->state.irq = level;
    drive_wire(c);
}

/* ---- resets ---- */

static void set_both(uint8_t reg[IDE_DEPTH], uint8_t value) { reg[IDE_CURRENT] = reg[IDE_PREVIOUS] = value; }

void ide_set_signature(struct IdeDrive *d) {
    struct IdeDriveState *s = ide_state_of(d);
    bool cd = d->config.kind == IDE_CD;
    set_both(s->count, 1);
    set_both(s->lba_low, 1);
    set_both(s->lba_mid, cd ? CD_SIGNATURE_MID : 0);
    set_both(s->lba_high, cd ? CD_SIGNATURE_HIGH : 0);
    s->error = 1; /* no fault found */
    s->status = d->config.kind == IDE_DISK ? ST_READY : 0;
}

/* ATA-7 vol. 2, 11.2: the drives have seen SRST fall. */
void ide_finish_reset(struct IdeChannel *c) {
    for (unsigned i = 0; i < IDE_DRIVES; i++) {
        struct IdeDrive *d = &c->drive[i];
        if (d->config.kind == IDE_NONE)
            continue;
        ide_set_signature(d);
        ide_clear_transfer(d);
        ide_state_of(d)->multiple = 0;
    }
    c->state.active = 0;
    c->state.device &= ~(DEV_SECOND | DEV_HEAD);
}

static void begin_reset(struct IdeChannel *c) {
    ide_set_irq(c, false);
    c->abandoned = c->in_flight;
    for (unsigned i = 0; i < IDE_DRIVES; i++)
        if (c->drive[i].config.kind != IDE_NONE)
            c->state.drive[i].status = ST_BSY;
}

/* While the block layer works the drives stay busy. */
static void end_reset(struct IdeChannel *c) {
    if (c->in_flight)
        c->waits |= IDE_WAITS_CHANNEL;
    else
        ide_finish_reset(c);
}

static void write_control(struct IdeChannel *c, uint8_t value) {
    uint8_t before = c->state.control;
    c->state.control = value & (CTL_NIEN | CTL_SRST | CTL_HOB);
    if (value & CTL_SRST && !(before & CTL_SRST))
        begin_reset(c);
    else if (before & CTL_SRST && !(value & CTL_SRST))
        end_reset(c);
    drive_wire(c);
}

/* A packet device's own reset (ATA-7 vol. 1, 6.9), in the middle of whatever it does. */
static void device_reset(struct IdeDrive *d) {
    struct IdeChannel *c = d->channel;
    if (c->in_flight && ide_active(c) == d) {
        ide_state_of(d)->status = ST_BSY;
        c->abandoned = true;
        c->waits |= 1 << c->state.active;
    } else {
        ide_finish_device_reset(d);
    }
}

void ide_finish_device_reset(struct IdeDrive *d) {
    if (ide_active(d->channel) == d)
        ide_clear_transfer(d);
    ide_set_signature(d);
}

/* ---- the task file ---- */

static uint8_t read_register(struct IdeChannel *c, unsigned reg) {
    struct IdeDrive *d = selected(c);
    struct IdeDriveState *s = ide_state_of(d);
    unsigned depth = c->state.control & CTL_HOB ? IDE_PREVIOUS : IDE_CURRENT;
    if (d->config.kind == IDE_NONE)
        return 0; /* as the other drive answers for it, or the resistors do */
    switch (reg) {
    case REG_ERROR: return s->error;
    case REG_COUNT: return s->count[depth];
    case REG_LBA_LOW: return s->lba_low[depth];
    case REG_LBA_MID: return s->lba_mid[depth];
    case REG_LBA_HIGH: return s->lba_high[depth];
    case REG_DEVICE: return c->state.device | DEVICE_FIXED;
    default: return s->status;
    }
}

static void shift_in(uint8_t reg[IDE_DEPTH], uint8_t value) {
    reg[IDE_PREVIOUS] = reg[IDE_CURRENT];
    reg[IDE_CURRENT] = value;
}

/* Both drives listen, whichever is selected. */
static void write_register(struct IdeChannel *c, unsigned reg, uint8_t value) {
    for (unsigned i = 0; i < IDE_DRIVES; i++) {
        struct IdeDriveState *s = &c->state.drive[i];
        switch (reg) {
        case REG_FEATURE: shift_in(s->feature, value); break;
        case REG_COUNT: shift_in(s->count, value); break;
        case REG_LBA_LOW: shift_in(s->lba_low, value); break;
        case REG_LBA_MID: shift_in(s->lba_mid, value); break;
        case REG_LBA_HIGH: shift_in(s->lba_high, value); break;
        }
    }
    if (reg == REG_DEVICE)
        c->state.device = value;
}

static void write_command(struct IdeChannel *c, uint8_t value) {
    struct IdeDrive *d = selected(c);
    if (d->config.kind == IDE_NONE || c->state.control & CTL_SRST || c->waits)
        return;
    ide_set_irq(c, false);
    if (value == COMMAND_DEVICE_RESET && d->config.kind == IDE_CD)
        device_reset(d);
    else if (is_busy(c))
        device_error(c->log, "IDE", "command to a busy channel,", value);
    else
        ata_command(d, value);
}

/* ---- data ---- */

static uint32_t move_data(struct IdeChannel *c, uint32_t value, unsigned size, enum IdePhase phase) {
    struct IdeChannelState *s = &c->state;
    uint32_t n = s->drq_end - s->at < size ? s->drq_end - s->at : size;
    bool mine = s->phase == phase || (phase == IDE_PIO_OUT && s->phase == IDE_COMMAND_PACKET);
    if (!mine || selected(c) != ide_active(c)) {
        device_error(c->log, "IDE", "the data register was accessed, and no transfer is on its way, channel",
                     (uint64_t)(c - c->ide->channel));
        return UINT32_MAX;
    }
    if (phase == IDE_PIO_IN) {
        value = 0;
        memcpy(&value, s->data + s->at, n);
    } else {
        memcpy(s->data + s->at, &value, n);
    }
    s->at += n;
    if (s->at == s->drq_end)
        ide_pio_block_ended(c);
    return value;
}

static uint64_t command_read(void *opaque, uint64_t offset, unsigned size) {
    struct IdeChannel *c = opaque;
    uint64_t value = 0;
    if (offset == REG_DATA)
        return move_data(c, 0, size, IDE_PIO_IN);
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)read_register(c, offset + i) << 8 * i;
    if (offset + size > REG_STATUS)
        ide_set_irq(c, false);
    return value;
}

static void command_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct IdeChannel *c = opaque;
    if (offset == REG_DATA) {
        move_data(c, (uint32_t)value, size, IDE_PIO_OUT);
        return;
    }
    for (unsigned i = 0; i < size; i++, value >>= 8) {
        c->state.control &= ~CTL_HOB;
        if (offset + i == REG_COMMAND)
            write_command(c, value);
        else if (!is_busy(c))
            write_register(c, offset + i, value);
        else
            device_error(c->log, "IDE", "write to a busy channel's register", offset + i);
    }
}

const struct IoOps ide_command_ops = {.read = command_read, .write = command_write, .min_size = 1, .max_size = 4};

static uint64_t control_read(void *opaque, uint64_t offset, unsigned size) {
    (void)offset, (void)size;
    return read_register(opaque, REG_STATUS);
}

static void control_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    (void)offset, (void)size;
    write_control(opaque, value);
}

const struct IoOps ide_control_ops = {.read = control_read, .write = control_write, .min_size = 1, .max_size = 1};

/* ---- media ---- */

static void measure(struct IdeDrive *d) {
    d->sectors = d->config.block != NULL
                     ? block_size(d->config.block) / (d->config.kind == IDE_CD ? IDE_CD_SECTOR : IDE_SECTOR)
                     : 0;
}

void ide_resized(struct Ide *ide, unsigned channel, unsigned drive) { measure(&ide->channel[channel].drive[drive]); }

void ide_medium_changed(struct IdeDrive *d) {
    struct IdeDriveState *s = ide_state_of(d);
    bool there = ide_has_medium(d);
    measure(d);
    s->events = there ? EVENT_NEW_MEDIA : EVENT_REMOVAL;
    s->changed = there;
}

void ide_set_tray(struct IdeDrive *d, bool open) {
    struct IdeChannel *c = d->channel;
    const struct Ide *ide = c->ide;
    bool moves = ide_state_of(d)->tray_open != open;
    ide_state_of(d)->tray_open = open;
    if (moves && ide->ops->tray_moved != NULL)
        ide->ops->tray_moved(ide->opaque, (unsigned)(c - ide->channel), (unsigned)(d - c->drive), open);
}

void ide_set_medium(struct Ide *ide, unsigned channel, unsigned drive, struct Block *block) {
    struct IdeDrive *d = &ide->channel[channel].drive[drive];
    d->config.block = block;
    if (block != NULL)
        ide_set_tray(d, false);
    ide_medium_changed(d);
}

int ide_move_tray(struct Ide *ide, unsigned channel, unsigned drive, bool open, bool force) {
    struct IdeDrive *d = &ide->channel[channel].drive[drive];
    struct IdeDriveState *s = ide_state_of(d);
    if (open && s->locked && !force) {
        s->events = EVENT_EJECT_REQUEST;
        return -EBUSY;
    }
    if (s->tray_open == open)
        return 0;
    s->locked = false;
    ide_set_tray(d, open);
    ide_medium_changed(d);
    return 0;
}

/* ---- life ---- */

void ide_init(struct Ide *ide, struct PciDevice *pci, const struct IrqWire irq[IDE_CHANNELS], const struct IdeOps *ops,
              void *opaque) {
    memset(ide, 0, sizeof(*ide));
    ide->ops = ops;
    ide->opaque = opaque;
    for (unsigned i = 0; i < IDE_CHANNELS; i++) {
        struct IdeChannel *c = &ide->channel[i];
        c->ide = ide;
        c->irq = irq[i];
        c->pci = pci;
        for (unsigned k = 0; k < IDE_DRIVES; k++)
            c->drive[k].channel = c;
    }
}

void ide_destroy(struct Ide *ide) {
    for (unsigned i = 0; i < IDE_CHANNELS; i++) {
        free(ide->channel[i].bounce);
        ide->channel[i].bounce = NULL;
    }
}

int ide_add_drive(struct Ide *ide, unsigned channel, unsigned drive, const struct IdeDriveConfig *config) {
    if (channel >= IDE_CHANNELS || drive >= IDE_DRIVES || config->kind == IDE_NONE)
        return -EINVAL;
    struct IdeChannel *c = &ide->channel[channel];
    struct IdeDrive *d = &c->drive[drive];
    if (d->config.kind != IDE_NONE)
        return -EBUSY;
    if (config->kind == IDE_DISK && (config->block == NULL || block_size(config->block) < IDE_SECTOR))
        return -EINVAL;
    if (c->bounce == NULL && (c->bounce = aligned_alloc(4096, IDE_BOUNCE)) == NULL)
        return -ENOMEM;
    d->config = *config;
    return 0;
}

static void reset_drive(struct IdeDrive *d) {
    struct IdeDriveState *s = ide_state_of(d);
    bool open = s->tray_open; /* nobody closes it */
    *s = (struct IdeDriveState){.tray_open = open};
    if (d->config.kind == IDE_NONE)
        return;
    ide_medium_changed(d);
    s->events = 0;
    s->changed = false;
    s->heads = 16;
    s->sectors = 63;
    s->dma_mode = 0x22; /* multiword mode 2 */
    s->smart = s->smart_autosave = true;
    if (d->config.block != NULL) {
        s->write_cache = block_write_cache(d->config.block);
    }
    ide_set_signature(d);
}

void ide_reset(struct Ide *ide) {
    for (unsigned i = 0; i < IDE_CHANNELS; i++) {
        struct IdeChannel *c = &ide->channel[i];
        ide_cancel(c);
        for (unsigned k = 0; k < IDE_DRIVES; k++)
            reset_drive(&c->drive[k]);
        c->state.master = c->state.before = (struct IdeBusMasterState){0};
        c->state.device = c->state.control = 0;
        c->state.active = 0;
        ide_clear_transfer(&c->drive[0]);
        memset(c->state.data, 0, sizeof(c->state.data));
        ide_set_irq(c, false);
    }
}

void ide_resume(struct Ide *ide) {
    for (unsigned i = 0; i < IDE_CHANNELS; i++)
        ide_retry(&ide->channel[i]);
}
