/* SPDX-License-Identifier: MIT */
/* ATA commands (ATA/ATAPI-7 volume 1, chapter 6; ACS-2 for names of later ones). */
#include "devices/ide/ide_internal.h"

#include <string.h>

/* ---- how commands end ---- */

void ata_done(struct IdeDrive *d) {
    struct IdeDriveState *s = ide_state_of(d);
    s->status = ST_READY;
    s->error = 0;
    ide_set_irq(d->channel, true);
}

void ata_failed(struct IdeDrive *d, uint8_t error) {
    struct IdeDriveState *s = ide_state_of(d);
    s->status = ST_READY | ST_ERR;
    s->error = error;
    d->channel->state.phase = IDE_IDLE;
    ide_set_irq(d->channel, true);
}

/* ---- addresses ---- */

/* How a command says where and how much. */
enum Addressing { ADDRESS_28, ADDRESS_48 };

static bool is_lba(const struct IdeChannelState *s) { return s->device & DEV_LBA; }

static uint64_t low_24(const struct IdeDriveState *s, unsigned depth) {
    return s->lba_low[depth] | (uint64_t)s->lba_mid[depth] << 8 | (uint64_t)s->lba_high[depth] << 16;
}

/* UINT64_MAX: there is no such sector. */
static uint64_t chs(const struct IdeDriveState *s, uint8_t device) {
    uint64_t cylinder = s->lba_mid[IDE_CURRENT] | (uint64_t)s->lba_high[IDE_CURRENT] << 8;
    unsigned head = device & DEV_HEAD, sector = s->lba_low[IDE_CURRENT];
    if (sector == 0 || sector > s->sectors || head >= s->heads)
        return UINT64_MAX;
    return (cylinder * s->heads + head) * s->sectors + sector - 1;
}

static uint64_t first_sector(struct IdeDrive *d, enum Addressing how) {
    const struct IdeChannelState *c = &d->channel->state;
    const struct IdeDriveState *s = ide_state_of(d);
    if (how == ADDRESS_48)
        return low_24(s, IDE_CURRENT) | low_24(s, IDE_PREVIOUS) << 24;
    return is_lba(c) ? low_24(s, IDE_CURRENT) | (uint64_t)(c->device & DEV_HEAD) << 24 : chs(s, c->device);
}

static uint32_t sector_count(const struct IdeDrive *d, enum Addressing how) {
    const struct IdeDriveState *s = ide_state_of(d);
    uint32_t n = s->count[IDE_CURRENT];
    if (how == ADDRESS_28)
        return n != 0 ? n : 256;
    n |= (uint32_t)s->count[IDE_PREVIOUS] << 8;
    return n != 0 ? n : 65536;
}

static void store_24(struct IdeDriveState *s, unsigned depth, uint64_t v) {
    s->lba_low[depth] = v & 0xff;
    s->lba_mid[depth] = v >> 8 & 0xff;
    s->lba_high[depth] = v >> 16 & 0xff;
}

static void show_lba_48(struct IdeDriveState *s, uint64_t lba) {
    store_24(s, IDE_CURRENT, lba);
    store_24(s, IDE_PREVIOUS, lba >> 24);
}

static void show_chs(struct IdeChannelState *c, struct IdeDriveState *s, uint64_t lba) {
    uint64_t cylinder = lba / s->sectors / s->heads;
    s->lba_low[IDE_CURRENT] = lba % s->sectors + 1;
    s->lba_mid[IDE_CURRENT] = cylinder & 0xff;
    s->lba_high[IDE_CURRENT] = cylinder >> 8 & 0xff;
    c->device = (c->device & ~DEV_HEAD) | (lba / s->sectors % s->heads & DEV_HEAD);
}

void ata_show_lba(struct IdeDrive *d, uint64_t lba) {
    struct IdeChannelState *c = &d->channel->state;
    struct IdeDriveState *s = ide_state_of(d);
    if (is_lba(c) && lba >> 28 == 0)
        c->device = (c->device & ~DEV_HEAD) | (lba >> 24 & DEV_HEAD);
    if (is_lba(c))
        show_lba_48(s, lba);
    else
        show_chs(c, s, lba);
}

/* ---- reading and writing ---- */

enum {
    RW_WRITE = 1,
    RW_DMA = 2,
    RW_MULTIPLE = 4,
    RW_48 = 8,
    RW_VERIFY = 16,
    RW_FUA = 32,
};

static void read_or_write(struct IdeDrive *d, unsigned flags) {
    struct IdeChannelState *c = &d->channel->state;
    const struct IdeDriveState *s = ide_state_of(d);
    enum Addressing how = flags & RW_48 ? ADDRESS_48 : ADDRESS_28;
    uint64_t lba = first_sector(d, how), count = sector_count(d, how);
    if (flags & RW_MULTIPLE && s->multiple == 0) {
        ata_failed(d, ER_ABRT);
        return;
    }
    if (flags & RW_WRITE && block_readonly(d->config.block)) {
        ata_failed(d, ER_ABRT);
        return;
    }
    if (lba >= d->sectors || count > d->sectors - lba) {
        ata_failed(d, ER_IDNF);
        return;
    }
    c->sector = IDE_SECTOR;
    c->write = flags & RW_WRITE;
    c->dma = flags & RW_DMA;
    c->verify = flags & RW_VERIFY;
    c->fua = flags & RW_FUA;
    c->block = flags & RW_MULTIPLE ? s->multiple : 1;
    ide_transfer_medium(d, lba, (uint32_t)count);
}

/* ---- the others ---- */

static void done(struct IdeDrive *d, unsigned unused) { (void)unused, ata_done(d); }

static void recalibrate(struct IdeDrive *d, unsigned unused) {
    (void)unused;
    if (!is_lba(&d->channel->state))
        show_chs(&d->channel->state, ide_state_of(d), 0);
    ata_done(d);
}

static void seek(struct IdeDrive *d, unsigned unused) {
    (void)unused;
    if (first_sector(d, ADDRESS_28) < d->sectors)
        ata_done(d);
    else
        ata_failed(d, ER_IDNF);
}

static void flush(struct IdeDrive *d, unsigned unused) {
    (void)unused;
    ide_flush(d);
}

static void identify(struct IdeDrive *d, unsigned unused) {
    (void)unused;
    ide_state_of(d)->error = 0;
    ata_identify(d, d->channel->state.data);
    ide_transfer_data(d, IDE_SECTOR);
}

/* A packet device shows by its signature why it does not know this command. */
static void identify_wrong(struct IdeDrive *d, unsigned unused) {
    (void)unused;
    ide_set_signature(d);
    ata_failed(d, ER_ABRT);
}

static void identify_packet(struct IdeDrive *d, unsigned unused) {
    (void)unused;
    ide_state_of(d)->error = 0;
    ata_identify_packet(d, d->channel->state.data);
    ide_transfer_data(d, IDE_SECTOR);
}

/* Both drives are tested, whichever was selected; drive 0 speaks. */
static void diagnose(struct IdeDrive *d, unsigned unused) {
    struct IdeChannel *c = d->channel;
    (void)unused;
    for (unsigned i = 0; i < IDE_DRIVES; i++)
        if (c->drive[i].config.kind != IDE_NONE)
            ide_set_signature(&c->drive[i]);
    c->state.device &= ~(DEV_SECOND | DEV_HEAD);
    ide_set_irq(c, true);
}

static void initialize_parameters(struct IdeDrive *d, unsigned unused) {
    struct IdeDriveState *s = ide_state_of(d);
    unsigned sectors = s->count[IDE_CURRENT], heads = (d->channel->state.device & DEV_HEAD) + 1u;
    (void)unused;
    if (sectors == 0 || sectors > 63) {
        ata_failed(d, ER_ABRT);
        return;
    }
    s->sectors = sectors;
    s->heads = heads;
    ata_done(d);
}

static void set_multiple(struct IdeDrive *d, unsigned unused) {
    struct IdeDriveState *s = ide_state_of(d);
    unsigned n = s->count[IDE_CURRENT];
    (void)unused;
    if (n > IDE_BUFFER / IDE_SECTOR || (n & (n - 1)) != 0) {
        ata_failed(d, ER_ABRT);
        return;
    }
    s->multiple = n;
    ata_done(d);
}

static void set_features(struct IdeDrive *d, unsigned unused) {
    const struct IdeDriveState *s = ide_state_of(d);
    (void)unused;
    if (ata_set_feature(d, s->feature[IDE_CURRENT], s->count[IDE_CURRENT]))
        ata_done(d);
    else
        ata_failed(d, ER_ABRT);
}

static void native_max(struct IdeDrive *d, unsigned flags) {
    uint64_t last = d->sectors - 1;
    if (flags & RW_48) {
        show_lba_48(ide_state_of(d), last);
    } else {
        last = last < 0xfffffff ? last : 0xffffffe;
        store_24(ide_state_of(d), IDE_CURRENT, last);
        struct IdeChannelState *c = &d->channel->state;
        c->device = (c->device & ~DEV_HEAD) | (last >> 24 & DEV_HEAD);
    }
    ata_done(d);
}

/* Always active: no timer ever puts it to sleep. */
static void check_power(struct IdeDrive *d, unsigned unused) {
    (void)unused;
    ide_state_of(d)->count[IDE_CURRENT] = 0xff;
    ata_done(d);
}

static void smart(struct IdeDrive *d, unsigned unused) { (void)unused, ata_smart(d); }
static void packet(struct IdeDrive *d, unsigned unused) { (void)unused, atapi_begin_packet(d); }

/* ---- which there are ---- */

enum { HD = 1 << IDE_DISK, CD = 1 << IDE_CD, BOTH = HD | CD };

static const struct Command {
    uint8_t first, last, kinds;
    void (*run)(struct IdeDrive *d, unsigned flags);
    unsigned flags;
} commands[] = {
    {0x10, 0x1f, HD, recalibrate, 0},
    {0x20, 0x21, HD, read_or_write, 0},                                  /* READ SECTORS */
    {0x24, 0x24, HD, read_or_write, RW_48},                              /* READ SECTORS EXT */
    {0x25, 0x25, HD, read_or_write, RW_48 | RW_DMA},                     /* READ DMA EXT */
    {0x27, 0x27, HD, native_max, RW_48},                                 /* READ NATIVE MAX ADDRESS EXT */
    {0x29, 0x29, HD, read_or_write, RW_48 | RW_MULTIPLE},                /* READ MULTIPLE EXT */
    {0x30, 0x31, HD, read_or_write, RW_WRITE},                           /* WRITE SECTORS */
    {0x34, 0x34, HD, read_or_write, RW_WRITE | RW_48},                   /* WRITE SECTORS EXT */
    {0x35, 0x35, HD, read_or_write, RW_WRITE | RW_48 | RW_DMA},          /* WRITE DMA EXT */
    {0x39, 0x39, HD, read_or_write, RW_WRITE | RW_48 | RW_MULTIPLE},     /* WRITE MULTIPLE EXT */
    {0x3d, 0x3d, HD, read_or_write, RW_WRITE | RW_48 | RW_DMA | RW_FUA}, /* WRITE DMA FUA EXT */
    {0x40, 0x41, HD, read_or_write, RW_VERIFY},                          /* READ VERIFY SECTORS */
    {0x42, 0x42, HD, read_or_write, RW_VERIFY | RW_48},                  /* READ VERIFY SECTORS EXT */
    {0x70, 0x7f, HD, seek, 0},
    {0x90, 0x90, BOTH, diagnose, 0},
    {0x91, 0x91, HD, initialize_parameters, 0},
    {0x94, 0x97, BOTH, done, 0}, /* power management, as old drives had it */
    {0x98, 0x98, BOTH, check_power, 0},
    {0x99, 0x99, BOTH, done, 0},
    {0xa0, 0xa0, CD, packet, 0},
    {0xa1, 0xa1, CD, identify_packet, 0},
    {0xb0, 0xb0, HD, smart, 0},
    {0xc4, 0xc4, HD, read_or_write, RW_MULTIPLE},                             /* READ MULTIPLE */
    {0xc5, 0xc5, HD, read_or_write, RW_WRITE | RW_MULTIPLE},                  /* WRITE MULTIPLE */
    {0xc6, 0xc6, HD, set_multiple, 0},                                        /* SET MULTIPLE MODE */
    {0xc8, 0xc9, HD, read_or_write, RW_DMA},                                  /* READ DMA */
    {0xca, 0xcb, HD, read_or_write, RW_WRITE | RW_DMA},                       /* WRITE DMA */
    {0xce, 0xce, HD, read_or_write, RW_WRITE | RW_48 | RW_MULTIPLE | RW_FUA}, /* WRITE MULTIPLE FUA EXT */
    {0xe0, 0xe3, BOTH, done, 0},                                              /* STANDBY IMMEDIATE ... IDLE */
    {0xe5, 0xe5, BOTH, check_power, 0},
    {0xe6, 0xe6, BOTH, done, 0}, /* SLEEP */
    {0xe7, 0xe7, HD, flush, 0},
    {0xea, 0xea, HD, flush, 0}, /* FLUSH CACHE EXT */
    {0xec, 0xec, HD, identify, 0},
    {0xec, 0xec, CD, identify_wrong, 0},
    {0xef, 0xef, BOTH, set_features, 0},
    {0xf8, 0xf8, HD, native_max, 0}, /* READ NATIVE MAX ADDRESS */
};

void ata_command(struct IdeDrive *d, uint8_t command) {
    ide_clear_transfer(d);
    ide_state_of(d)->error = 0;
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const struct Command *c = &commands[i];
        if (command >= c->first && command <= c->last && c->kinds >> d->config.kind & 1) {
            c->run(d, c->flags);
            return;
        }
    }
    device_error(d->channel->log, "IDE", "unknown command", command);
    ata_failed(d, ER_ABRT);
}
