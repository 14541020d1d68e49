/* SPDX-License-Identifier: MIT */
/* Saved state. */
#include "devices/ide/ide_internal.h"

static const struct StateTable drive_table = {
    .name = "drive",
    .size = sizeof(struct IdeDriveState),
    .field =
        (const struct StateField[]){
            STATE_FIELD(IdeDriveState, status),
            STATE_FIELD(IdeDriveState, error),
            STATE_ARRAY(IdeDriveState, feature),
            STATE_ARRAY(IdeDriveState, count),
            STATE_ARRAY(IdeDriveState, lba_low),
            STATE_ARRAY(IdeDriveState, lba_mid),
            STATE_ARRAY(IdeDriveState, lba_high),
            STATE_FIELD(IdeDriveState, multiple, .max = IDE_BUFFER / IDE_SECTOR),
            STATE_FIELD(IdeDriveState, dma_mode),
            STATE_FIELD(IdeDriveState, heads, .max = 16),
            STATE_FIELD(IdeDriveState, sectors, .max = 63),
            STATE_FIELD(IdeDriveState, write_cache),
            STATE_FIELD(IdeDriveState, smart),
            STATE_FIELD(IdeDriveState, smart_autosave),
            STATE_FIELD(IdeDriveState, tray_open),
            STATE_FIELD(IdeDriveState, locked),
            STATE_FIELD(IdeDriveState, changed),
            STATE_FIELD(IdeDriveState, events, .max = 15),
            STATE_FIELD(IdeDriveState, sense_key, .max = 15),
            STATE_FIELD(IdeDriveState, asc),
            STATE_FIELD(IdeDriveState, ascq),
            {0},
        },
};

static const struct StateTable master_table = {
    .name = "bus master",
    .size = sizeof(struct IdeBusMasterState),
    .field =
        (const struct StateField[]){
            STATE_FIELD(IdeBusMasterState, table),
            STATE_FIELD(IdeBusMasterState, address),
            STATE_FIELD(IdeBusMasterState, left, .max = 0x10000),
            STATE_FIELD(IdeBusMasterState, next, .max = 8192),
            STATE_FIELD(IdeBusMasterState, last),
            STATE_FIELD(IdeBusMasterState, command),
            STATE_FIELD(IdeBusMasterState, status),
            STATE_PADDING(IdeBusMasterState, unused),
            {0},
        },
};

static const char *check(const void *state) {
    const struct IdeChannelState *s = state;
    uint64_t room = s->dma || s->verify ? IDE_BOUNCE : IDE_BUFFER;
    if (s->at > s->drq_end || s->drq_end > s->end || s->end > IDE_BUFFER)
        return "the data register is beyond the data";
    if ((s->phase == IDE_PIO_IN || s->phase == IDE_PIO_OUT || s->phase == IDE_COMMAND_PACKET) && s->at == s->drq_end)
        return "data are asked for, and there are none";
    if (s->sector != 0 && s->sector != IDE_SECTOR && s->sector != IDE_CD_SECTOR)
        return "there is no such size of sectors";
    if ((uint64_t)s->hand * s->sector > room || s->phase == IDE_MEDIUM)
        return "something is in flight";
    if (s->packet && s->limit < 2)
        return "a packet's limit is too small";
    for (unsigned i = 0; i < IDE_DRIVES; i++)
        if ((s->drive[i].heads == 0) != (s->drive[i].sectors == 0))
            return "a track has no sectors";
    return NULL;
}

const struct StateTable ide_channel_state_table = {
    .name = "ide",
    .size = sizeof(struct IdeChannelState),
    .version = 1,
    .check = check,
    .field =
        (const struct StateField[]){
            STATE_ARRAY_WITHIN(IdeChannelState, drive, &drive_table),
            STATE_WITHIN(IdeChannelState, master, &master_table),
            STATE_WITHIN(IdeChannelState, before, &master_table),
            STATE_FIELD(IdeChannelState, device),
            STATE_FIELD(IdeChannelState, control),
            STATE_FIELD(IdeChannelState, irq),
            STATE_FIELD(IdeChannelState, phase, .max = IDE_PHASES - 1),
            STATE_FIELD(IdeChannelState, active, .max = IDE_DRIVES - 1),
            STATE_FIELD(IdeChannelState, write),
            STATE_FIELD(IdeChannelState, dma),
            STATE_FIELD(IdeChannelState, verify),
            STATE_FIELD(IdeChannelState, fua),
            STATE_FIELD(IdeChannelState, flush),
            STATE_FIELD(IdeChannelState, packet),
            STATE_PADDING(IdeChannelState, unused),
            STATE_FIELD(IdeChannelState, sector),
            STATE_FIELD(IdeChannelState, limit),
            STATE_PADDING(IdeChannelState, unused_2),
            STATE_FIELD(IdeChannelState, block, .max = IDE_BUFFER / IDE_SECTOR),
            STATE_FIELD(IdeChannelState, left),
            STATE_FIELD(IdeChannelState, hand),
            STATE_FIELD(IdeChannelState, at),
            STATE_FIELD(IdeChannelState, drq_end),
            STATE_FIELD(IdeChannelState, end),
            STATE_FIELD(IdeChannelState, lba),
            STATE_ARRAY(IdeChannelState, data),
            {0},
        },
};

/* A transfer that these drives can't have begun. */
static bool is_impossible(const struct IdeDrive *d, const struct IdeChannelState *s) {
    if (s->phase == IDE_IDLE)
        return false;
    uint64_t rest = (uint64_t)s->hand + s->left;
    bool medium = s->sector != 0 || s->flush;
    unsigned size = d->config.kind == IDE_CD ? IDE_CD_SECTOR : IDE_SECTOR;
    return d->config.kind == IDE_NONE || (d->config.kind == IDE_CD && s->write) ||
           (medium && d->config.block == NULL) || (s->sector != 0 && s->sector != size) ||
           (s->sector != 0 && (s->lba > d->sectors || rest > d->sectors - s->lba));
}

static void restored(struct IdeDrive *d) {
    struct IdeDriveState s = *ide_state_of(d);
    ide_medium_changed(d); /* for its size */
    if (d->config.kind != IDE_NONE && s.heads == 0) {
        s.heads = 16;
        s.sectors = 63;
    }
    *ide_state_of(d) = s;
    if (d->config.block != NULL && d->config.kind == IDE_DISK)
        block_set_write_cache(d->config.block, s.write_cache);
}

void ide_restored(struct Ide *ide) {
    for (unsigned i = 0; i < IDE_CHANNELS; i++) {
        struct IdeChannel *c = &ide->channel[i];
        for (unsigned k = 0; k < IDE_DRIVES; k++)
            restored(&c->drive[k]);
        if (is_impossible(ide_active(c), &c->state))
            ide_clear_transfer(ide_active(c));
    }
}
