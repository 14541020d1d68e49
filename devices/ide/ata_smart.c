/* SPDX-License-Identifier: MIT */
/* SMART (ATA-5, 8.41; the data's layout is that of SFF-8035i): a drive that is well, and shows it. */
#include "devices/ide/ide_internal.h"

#include <string.h>

enum { KEY_MID = 0x4f, KEY_HIGH = 0xc2 };
enum {
    READ_DATA = 0xd0,
    READ_THRESHOLDS = 0xd1,
    AUTOSAVE = 0xd2,
    SAVE_VALUES = 0xd3,
    OFFLINE = 0xd4,
    READ_LOG = 0xd5,
    ENABLE = 0xd8,
    DISABLE = 0xd9,
    STATUS = 0xda
};
enum { AUTOSAVE_OFF = 0x00, AUTOSAVE_ON = 0xf1, LOG_ERRORS = 1, LOG_SELF_TESTS = 6 };

/* Attributes: nothing but good values. */
static const struct {
    uint8_t id, flags, value, threshold;
} attributes[] = {
    {0x01, 0x03, 100, 6},  /* read error rate */
    {0x03, 0x03, 100, 0},  /* spin-up time */
    {0x04, 0x02, 100, 20}, /* start and stop count */
    {0x05, 0x03, 100, 36}, /* reallocated sectors */
    {0x09, 0x03, 100, 0},  /* power-on hours */
    {0x0c, 0x03, 100, 0},  /* power cycles */
    {0xbe, 0x03, 69, 50},  /* airflow temperature */
};
enum { ATTRIBUTES = sizeof(attributes) / sizeof(attributes[0]), ENTRY = 12, FIRST = 2 };

static void put_checksum(uint8_t *data) { data[IDE_SECTOR - 1] = checksum_8(data, IDE_SECTOR - 1); }

static void put_data(uint8_t *data) {
    data[0] = 1;
    for (unsigned i = 0; i < ATTRIBUTES; i++) {
        uint8_t *a = data + FIRST + ENTRY * i;
        a[0] = attributes[i].id;
        a[1] = attributes[i].flags;
        a[3] = a[4] = attributes[i].value;
        if (attributes[i].id == 0xbe)
            a[5] = 31; /* degrees */
    }
    data[362] = 0x02; /* off-line data collection was completed */
    data[364] = 0x20; /* s that it takes */
    data[367] = 0x19;
    data[368] = 0x03;
    data[370] = 0x01;
    data[372] = 0x02; /* minutes of a short and of an extended self-test */
    data[373] = 0x36;
}

static void put_thresholds(uint8_t *data) {
    data[0] = 1;
    for (unsigned i = 0; i < ATTRIBUTES; i++) {
        data[FIRST + ENTRY * i] = attributes[i].id;
        data[FIRST + ENTRY * i + 1] = attributes[i].threshold;
    }
}

static bool put_log(uint8_t *data, uint8_t log) {
    if (log == LOG_ERRORS)
        data[0] = 1;
    else if (log == LOG_SELF_TESTS)
        data[0] = 1, data[508] = 0;
    else
        return false;
    return true;
}

/* One sector for the host. */
static bool answer(struct IdeDrive *d, uint8_t what) {
    uint8_t *data = d->channel->state.data;
    memset(data, 0, IDE_SECTOR);
    if (what == READ_DATA)
        put_data(data);
    else if (what == READ_THRESHOLDS)
        put_thresholds(data);
    else if (!put_log(data, ide_state_of(d)->lba_low[IDE_CURRENT]))
        return false;
    put_checksum(data);
    ide_transfer_data(d, IDE_SECTOR);
    return true;
}

/* False: no such subcommand, or no such value. */
static bool run(struct IdeDriveState *s, uint8_t what) {
    switch (what) {
    case ENABLE: s->smart = true; return true;
    case DISABLE: s->smart = false; return true;
    case AUTOSAVE:
        if (s->count[IDE_CURRENT] != AUTOSAVE_OFF && s->count[IDE_CURRENT] != AUTOSAVE_ON)
            return false;
        s->smart_autosave = s->count[IDE_CURRENT] == AUTOSAVE_ON;
        return true;
    case SAVE_VALUES: return true;
    case OFFLINE: return s->lba_low[IDE_CURRENT] <= 2 || s->lba_low[IDE_CURRENT] == 0x7f; /* done at once */
    case STATUS: /* the key says: no threshold was passed */
        s->lba_mid[IDE_CURRENT] = KEY_MID;
        s->lba_high[IDE_CURRENT] = KEY_HIGH;
        return true;
    default: return false;
    }
}

void ata_smart(struct IdeDrive *d) {
    struct IdeDriveState *s = ide_state_of(d);
    uint8_t what = s->feature[IDE_CURRENT];
    bool key = s->lba_mid[IDE_CURRENT] == KEY_MID && s->lba_high[IDE_CURRENT] == KEY_HIGH;
    if (!key || (!s->smart && what != ENABLE)) {
        ata_failed(d, ER_ABRT);
    } else if (what == READ_DATA || what == READ_THRESHOLDS || what == READ_LOG) {
        if (!answer(d, what))
            ata_failed(d, ER_ABRT);
    } else if (run(s, what)) {
        ata_done(d);
    } else {
        ata_failed(d, ER_ABRT);
    }
}
