/* SPDX-License-Identifier: MIT */
/** What the files of devices/ide/ share. */
#ifndef TWIN86_DEVICES_IDE_INTERNAL_H
#define TWIN86_DEVICES_IDE_INTERNAL_H

#include "base/bytes.h"
#include "devices/ide/ide.h"

/* Status (ATA-7 vol. 1, 6.4), error, device, device control. */
enum { ST_ERR = 0x01, ST_DRQ = 0x08, ST_DSC = 0x10, ST_DF = 0x20, ST_DRDY = 0x40, ST_BSY = 0x80 };
enum { ST_READY = ST_DRDY | ST_DSC };
enum { ER_ABRT = 0x04, ER_IDNF = 0x10, ER_UNC = 0x40 };
enum { DEV_LBA = 0x40, DEV_SECOND = 0x10, DEV_HEAD = 0x0f };
enum { CTL_NIEN = 0x02, CTL_SRST = 0x04, CTL_HOB = 0x80 };
/* Reason of interrupt, in the sector count register of packet devices. */
enum { REASON_COMMAND = 1, REASON_IN = 2 };

static inline struct IdeDriveState *ide_state_of(const struct IdeDrive *d) {
    struct IdeChannel *c = d->channel;
    return &c->state.drive[d - c->drive];
}

static inline struct IdeDrive *ide_active(struct IdeChannel *c) { return &c->drive[c->state.active]; }
static inline bool ide_has_medium(const struct IdeDrive *d) {
    return d->config.block != NULL && !ide_state_of(d)->tray_open;
}

static inline void ide_put16(uint8_t *p, unsigned word, uint16_t v) { put_le16(p + 2 * word, v); }

/* ide.c */
void ide_set_irq(struct IdeChannel *c, bool level);
/** What a reset of the drive leaves in its registers. */
void ide_set_signature(struct IdeDrive *d);
void ide_finish_reset(struct IdeChannel *c);
void ide_finish_device_reset(struct IdeDrive *d);
void ide_medium_changed(struct IdeDrive *d);
/** ide_medium_changed follows. */
void ide_set_tray(struct IdeDrive *d, bool open);

/* ata.c */
void ata_command(struct IdeDrive *d, uint8_t command);
/** The command ends well, or with error bits; then the interrupt. */
void ata_done(struct IdeDrive *d);
void ata_failed(struct IdeDrive *d, uint8_t error);
/** A transfer of the medium has come to `lba`: the registers say so. */
void ata_show_lba(struct IdeDrive *d, uint64_t lba);

/* ata_identify.c */
void ata_identify(const struct IdeDrive *d, uint8_t data[IDE_SECTOR]);
void ata_identify_packet(const struct IdeDrive *d, uint8_t data[IDE_SECTOR]);
/** SET FEATURES. False: no such feature. */
bool ata_set_feature(struct IdeDrive *d, uint8_t feature, uint8_t value);

/* ata_smart.c */
void ata_smart(struct IdeDrive *d);

/* atapi.c */
void atapi_begin_packet(struct IdeDrive *d);
void atapi_packet(struct IdeDrive *d);
/** The packet's command ends; `key` 0: well. */
void atapi_done(struct IdeDrive *d, uint8_t key, uint8_t asc, uint8_t ascq);
/** `n` bytes stand in the channel's data: let the host have them. */
void atapi_reply(struct IdeDrive *d, uint32_t n);

/* atapi_replies.c: into the channel's data; how many bytes, or 0: the packet has an invalid field. */
unsigned atapi_inquiry(struct IdeDrive *d, const uint8_t *p, uint8_t *out);
unsigned atapi_mode_sense(struct IdeDrive *d, const uint8_t *p, uint8_t *out);
unsigned atapi_toc(struct IdeDrive *d, const uint8_t *p, uint8_t *out);
unsigned atapi_configuration(struct IdeDrive *d, const uint8_t *p, uint8_t *out);
unsigned atapi_event_status(struct IdeDrive *d, const uint8_t *p, uint8_t *out);
unsigned atapi_disc_information(struct IdeDrive *d, const uint8_t *p, uint8_t *out);
unsigned atapi_mechanism_status(struct IdeDrive *d, const uint8_t *p, uint8_t *out);

/* transfer.c */
/** Let `sectors` from `lba` on be moved; the channel's write, dma, verify, block and limit are set. */
void ide_transfer_medium(struct IdeDrive *d, uint64_t lba, uint32_t sectors);
/** Let the host read the `n` bytes that stand in the channel's data. */
void ide_transfer_data(struct IdeDrive *d, uint32_t n);
void ide_flush(struct IdeDrive *d);
/** The host has read or written all of a PIO block. */
void ide_pio_block_ended(struct IdeChannel *c);
/** The bus master may have been started. */
void ide_pump(struct IdeChannel *c);
/** A new transfer: nothing is known of an old one. */
void ide_clear_transfer(struct IdeDrive *d);
/** What is in flight is taken back. */
void ide_cancel(struct IdeChannel *c);
void ide_retry(struct IdeChannel *c);

/* bus_master.c */
enum IdeMasterResult { IDE_MASTER_DONE, IDE_MASTER_SHORT, IDE_MASTER_ABORT };
/** Is it started, and allowed on the bus? */
bool ide_master_ready(const struct IdeChannel *c);
/** Move `n` bytes between memory and `buf` by the table. What was moved counts only if all was. */
enum IdeMasterResult ide_master_move(struct IdeChannel *c, void *buf, size_t n, bool to_memory);
/** The drive has moved all it had; or the table or the bus let it down. */
void ide_master_ended(struct IdeChannel *c);
void ide_master_failed(struct IdeChannel *c, enum IdeMasterResult why);

#endif
