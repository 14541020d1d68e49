/* SPDX-License-Identifier: MIT */
/* Packets: how they come, which there are (MMC-3, SPC-2), how they end. */
#include "base/bytes.h"
#include "devices/ide/ide_internal.h"

#include <string.h>

enum { FEATURE_DMA = 1, FEATURE_OVERLAP = 2, LIMIT_MOST = 0xfffe, LIMIT_LEAST = 2 };
enum { KEY_NONE, KEY_NOT_READY = 2, KEY_ILLEGAL = 5, KEY_ATTENTION = 6, KEY_ABORTED = 11 };
enum {
    ASC_INVALID_OPERATION = 0x20,
    ASC_OUT_OF_RANGE = 0x21,
    ASC_INVALID_FIELD = 0x24,
    ASC_MEDIUM_CHANGED = 0x28,
    ASC_NO_MEDIUM = 0x3a,
    ASC_LOCKED = 0x53
};
enum { ASCQ_TRAY_CLOSED = 1, ASCQ_TRAY_OPEN = 2, ASCQ_REMOVAL_PREVENTED = 2 };
enum { SENSE_SIZE = 18, SENSE_CURRENT = 0xf0 };

static uint32_t get_be24(const uint8_t *p) { return (uint32_t)p[0] << 16 | get_be16(p + 1); }

/* ---- beginning and end ---- */

void atapi_begin_packet(struct IdeDrive *d) {
    struct IdeChannelState *c = &d->channel->state;
    struct IdeDriveState *s = ide_state_of(d);
    if (s->feature[IDE_CURRENT] & FEATURE_OVERLAP) {
        ata_failed(d, ER_ABRT);
        return;
    }
    unsigned limit = s->lba_mid[IDE_CURRENT] | s->lba_high[IDE_CURRENT] << 8;
    c->packet = true;
    c->dma = s->feature[IDE_CURRENT] & FEATURE_DMA;
    c->limit = limit == 0 || limit > LIMIT_MOST ? LIMIT_MOST : limit < LIMIT_LEAST ? LIMIT_LEAST : limit;
    c->at = 0;
    c->end = c->drq_end = IDE_PACKET;
    c->phase = IDE_COMMAND_PACKET;
    s->count[IDE_CURRENT] = REASON_COMMAND;
    s->status = ST_READY | ST_DRQ; /* without an interrupt, as IDENTIFY PACKET DEVICE says */
}

void atapi_done(struct IdeDrive *d, uint8_t key, uint8_t asc, uint8_t ascq) {
    struct IdeDriveState *s = ide_state_of(d);
    d->channel->state.phase = IDE_IDLE;
    s->sense_key = key;
    s->asc = asc;
    s->ascq = ascq;
    s->error = key << 4 | (key == KEY_ILLEGAL || key == KEY_ABORTED ? ER_ABRT : 0);
    s->status = ST_READY | (key != KEY_NONE ? ST_ERR : 0);
    s->count[IDE_CURRENT] = REASON_IN | REASON_COMMAND;
    ide_set_irq(d->channel, true);
}

static void illegal(struct IdeDrive *d, uint8_t asc) { atapi_done(d, KEY_ILLEGAL, asc, 0); }
static void good(struct IdeDrive *d) { atapi_done(d, KEY_NONE, 0, 0); }

void atapi_reply(struct IdeDrive *d, uint32_t n) {
    ide_state_of(d)->sense_key = KEY_NONE;
    if (n == 0)
        good(d);
    else
        ide_transfer_data(d, n);
}

static void reply_at_most(struct IdeDrive *d, uint32_t n, uint32_t allowed) {
    atapi_reply(d, n < allowed ? n : allowed);
}

/* ---- commands ---- */

static void test_ready(struct IdeDrive *d, const uint8_t *p) { (void)p, good(d); }

static void request_sense(struct IdeDrive *d, const uint8_t *p) {
    struct IdeDriveState *s = ide_state_of(d);
    uint8_t *out = d->channel->state.data;
    memset(out, 0, SENSE_SIZE);
    out[0] = SENSE_CURRENT;
    out[2] = s->sense_key;
    out[7] = SENSE_SIZE - 8;
    out[12] = s->asc;
    out[13] = s->ascq;
    s->sense_key = s->asc = s->ascq = 0;
    reply_at_most(d, SENSE_SIZE, p[4]);
}

static void start_stop(struct IdeDrive *d, const uint8_t *p) {
    const struct IdeDriveState *s = ide_state_of(d);
    bool load_or_eject = p[4] & 2, open = !(p[4] & 1);
    if (!load_or_eject || s->tray_open == open) {
        good(d);
        return;
    }
    if (open && s->locked) {
        atapi_done(d, ide_has_medium(d) ? KEY_ILLEGAL : KEY_NOT_READY, ASC_LOCKED, ASCQ_REMOVAL_PREVENTED);
        return;
    }
    ide_set_tray(d, open);
    ide_medium_changed(d);
    good(d);
}

static void prevent_removal(struct IdeDrive *d, const uint8_t *p) {
    ide_state_of(d)->locked = p[4] & 1;
    good(d);
}

static void read_capacity(struct IdeDrive *d, const uint8_t *p) {
    uint8_t *out = d->channel->state.data;
    (void)p;
    put_be32(out, (uint32_t)d->sectors - 1);
    put_be32(out + 4, IDE_CD_SECTOR);
    atapi_reply(d, 8);
}

static void read_sectors(struct IdeDrive *d, uint32_t lba, uint32_t count) {
    struct IdeChannelState *c = &d->channel->state;
    if (lba >= d->sectors || count > d->sectors - lba) {
        illegal(d, ASC_OUT_OF_RANGE);
    } else if (count == 0) {
        good(d);
    } else {
        c->sector = IDE_CD_SECTOR;
        ide_transfer_medium(d, lba, count);
    }
}

static void read_10(struct IdeDrive *d, const uint8_t *p) { read_sectors(d, get_be32(p + 2), get_be16(p + 7)); }
static void read_12(struct IdeDrive *d, const uint8_t *p) { read_sectors(d, get_be32(p + 2), get_be32(p + 6)); }

/* Of the parts of a sector that one can ask for there is the user data alone, by itself (MMC-3, 6.1.15). */
static void read_cd(struct IdeDrive *d, const uint8_t *p) {
    enum { TYPE_ANY = 0, TYPE_MODE_1 = 2, USER_DATA = 0x10 };
    uint8_t type = p[1] >> 2 & 7, parts = p[9] & 0xf8, subchannels = p[10] & 7;
    uint32_t count = get_be24(p + 6);
    if (count == 0 || (parts == 0 && subchannels == 0))
        good(d);
    else if ((type != TYPE_ANY && type != TYPE_MODE_1) || parts != USER_DATA || subchannels != 0)
        illegal(d, ASC_INVALID_FIELD);
    else
        read_sectors(d, get_be32(p + 2), count);
}

static void seek(struct IdeDrive *d, const uint8_t *p) {
    if (get_be32(p + 2) < d->sectors)
        good(d);
    else
        illegal(d, ASC_OUT_OF_RANGE);
}

/* Those that answer with a structure, of which the host takes as much as it allows for. */
static void answer(struct IdeDrive *d, const uint8_t *p,
                   unsigned (*build)(struct IdeDrive *d, const uint8_t *p, uint8_t *out), uint32_t allowed) {
    unsigned n = build(d, p, d->channel->state.data);
    if (n == 0)
        illegal(d, ASC_INVALID_FIELD);
    else
        reply_at_most(d, n, allowed);
}

static void inquiry(struct IdeDrive *d, const uint8_t *p) { answer(d, p, atapi_inquiry, get_be16(p + 3)); }
static void mode_sense(struct IdeDrive *d, const uint8_t *p) { answer(d, p, atapi_mode_sense, get_be16(p + 7)); }
static void read_toc(struct IdeDrive *d, const uint8_t *p) { answer(d, p, atapi_toc, get_be16(p + 7)); }
static void configuration(struct IdeDrive *d, const uint8_t *p) { answer(d, p, atapi_configuration, get_be16(p + 7)); }
static void event_status(struct IdeDrive *d, const uint8_t *p) { answer(d, p, atapi_event_status, get_be16(p + 7)); }
static void disc_information(struct IdeDrive *d, const uint8_t *p) {
    answer(d, p, atapi_disc_information, get_be16(p + 7));
}
static void mechanism_status(struct IdeDrive *d, const uint8_t *p) {
    answer(d, p, atapi_mechanism_status, get_be16(p + 8));
}

enum { NEEDS_MEDIUM = 1, KEEPS_ATTENTION = 2 };

static const struct Packet {
    uint8_t code, flags;
    void (*run)(struct IdeDrive *d, const uint8_t *p);
} packets[] = {
    {0x00, NEEDS_MEDIUM, test_ready},
    {0x03, KEEPS_ATTENTION, request_sense},
    {0x12, KEEPS_ATTENTION, inquiry},
    {0x1b, 0, start_stop},
    {0x1e, 0, prevent_removal},
    {0x25, NEEDS_MEDIUM, read_capacity},
    {0x28, NEEDS_MEDIUM, read_10},
    {0x2b, NEEDS_MEDIUM, seek},
    {0x43, NEEDS_MEDIUM, read_toc},
    {0x46, KEEPS_ATTENTION, configuration},
    {0x4a, KEEPS_ATTENTION, event_status},
    {0x51, NEEDS_MEDIUM, disc_information},
    {0x5a, 0, mode_sense},
    {0xa8, NEEDS_MEDIUM, read_12},
    {0xbb, 0, test_ready}, /* SET CD SPEED */
    {0xbd, 0, mechanism_status},
    {0xbe, NEEDS_MEDIUM, read_cd},
};

static const struct Packet *find(uint8_t code) {
    for (unsigned i = 0; i < sizeof(packets) / sizeof(packets[0]); i++)
        if (packets[i].code == code)
            return &packets[i];
    return NULL;
}

void atapi_packet(struct IdeDrive *d) {
    struct IdeDriveState *s = ide_state_of(d);
    uint8_t p[IDE_PACKET];
    memcpy(p, d->channel->state.data, sizeof(p));
    const struct Packet *packet = find(p[0]);
    s->status = ST_BSY;
    if (packet == NULL) {
        device_error(d->channel->log, "IDE", "unknown packet", p[0]);
        illegal(d, ASC_INVALID_OPERATION);
    } else if (s->changed && !(packet->flags & KEEPS_ATTENTION)) {
        s->changed = false;
        atapi_done(d, KEY_ATTENTION, ASC_MEDIUM_CHANGED, 0);
    } else if (packet->flags & NEEDS_MEDIUM && (!ide_has_medium(d) || d->sectors == 0)) {
        atapi_done(d, KEY_NOT_READY, ASC_NO_MEDIUM, s->tray_open ? ASCQ_TRAY_OPEN : ASCQ_TRAY_CLOSED);
    } else {
        packet->run(d, p);
    }
}
