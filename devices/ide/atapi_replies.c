/* SPDX-License-Identifier: MIT */
/* What a CD-ROM answers: standard structures, big-endian (SPC-2, MMC-3). */
#include "base/bytes.h"
#include "devices/ide/ide_internal.h"

#include <string.h>

/* Text filled with spaces. */
static void put_text(uint8_t *p, size_t n, const char *text) {
    memset(p, ' ', n);
    memcpy(p, text, strlen(text) < n ? strlen(text) : n);
}

enum { INQUIRY_SIZE = 36, INQUIRY_VITAL = 1, TYPE_CD = 5, REMOVABLE = 0x80, ATAPI_FORMAT = 0x21 };

static unsigned vital_product_data(const struct IdeDrive *d, uint8_t page, uint8_t *out) {
    static const uint8_t pages[] = {0x00, 0x80};
    out[0] = TYPE_CD;
    out[1] = page;
    out[2] = 0;
    if (page == 0x00) {
        out[3] = sizeof(pages);
        memcpy(out + 4, pages, sizeof(pages));
        return 4 + sizeof(pages);
    }
    if (page != 0x80)
        return 0;
    out[3] = sizeof(d->config.serial) - 1; /* unit serial number */
    put_text(out + 4, out[3], d->config.serial);
    return 4u + out[3];
}

unsigned atapi_inquiry(struct IdeDrive *d, const uint8_t *p, uint8_t *out) {
    if (p[1] & INQUIRY_VITAL)
        return vital_product_data(d, p[2], out);
    if (p[2] != 0)
        return 0;
    memset(out, 0, INQUIRY_SIZE);
    out[0] = TYPE_CD;
    out[1] = REMOVABLE;
    out[3] = ATAPI_FORMAT;
    out[4] = INQUIRY_SIZE - 5;
    put_text(out + 8, 8, "TWIN86");
    put_text(out + 16, 16, "TWIN86 DVD-ROM");
    put_text(out + 32, 4, d->config.version[0] != '\0' ? d->config.version : "1.0");
    return INQUIRY_SIZE;
}

/* ---- MODE SENSE (10) ---- */

enum { MODE_HEADER = 8, MODE_ALL = 0x3f, MODE_CHANGEABLE = 1, MODE_SAVED = 3 };
enum { MEDIUM_DATA = 0x01, MEDIUM_NONE = 0x70, MEDIUM_TRAY_OPEN = 0x71 };

static unsigned error_recovery(const struct IdeDriveState *s, uint8_t *out) {
    (void)s;
    out[5] = 0; /* retries */
    return 8;
}

/* What the drive can do (MMC-3, 5.5.10). */
static unsigned capabilities(const struct IdeDriveState *s, uint8_t *out) {
    out[2] = 0x3b;                             /* reads CD-R, CD-RW, method 2, DVD-ROM, DVD-R */
    out[4] = 0x70;                             /* mode 2 form 1 and 2, several sessions */
    out[6] = 0x29 | (s->locked ? 1u << 1 : 0); /* tray; it can be locked, and ejects */
    put_be16(out + 8, 706);                    /* KB/s at most */
    put_be16(out + 10, 2);
    put_be16(out + 12, 512); /* KiB of buffer */
    put_be16(out + 14, 706);
    return 20;
}

static const struct ModePage {
    uint8_t code;
    unsigned (*build)(const struct IdeDriveState *s, uint8_t *out);
} mode_pages[] = {{0x01, error_recovery}, {0x2a, capabilities}};

unsigned atapi_mode_sense(struct IdeDrive *d, const uint8_t *p, uint8_t *out) {
    const struct IdeDriveState *s = ide_state_of(d);
    unsigned wanted = p[2] & 0x3f, control = p[2] >> 6, n = MODE_HEADER;
    if (control == MODE_SAVED)
        return 0;
    memset(out, 0, 64);
    out[2] = s->tray_open ? MEDIUM_TRAY_OPEN : ide_has_medium(d) ? MEDIUM_DATA : MEDIUM_NONE;
    for (unsigned i = 0; i < sizeof(mode_pages) / sizeof(mode_pages[0]); i++) {
        if (wanted != MODE_ALL && wanted != mode_pages[i].code)
            continue;
        unsigned size = mode_pages[i].build(s, out + n);
        if (control == MODE_CHANGEABLE) /* nothing is */
            memset(out + n, 0, size);
        out[n] = mode_pages[i].code;
        out[n + 1] = size - 2;
        n += size;
    }
    put_be16(out, n - 2);
    return n > MODE_HEADER ? n : 0;
}

/* ---- READ TOC: one session with one data track ---- */

enum { LEAD_OUT = 0xaa, ADR_CONTROL_DATA = 0x14, PREGAP = 150, FRAMES = 75 };

static void put_address(uint8_t *p, uint32_t lba, bool msf) {
    if (!msf) {
        put_be32(p, lba);
        return;
    }
    uint32_t frames = lba + PREGAP;
    p[0] = 0;
    p[1] = frames / FRAMES / 60;
    p[2] = frames / FRAMES % 60;
    p[3] = frames % FRAMES;
}

static unsigned toc_entry(uint8_t *out, uint8_t track, uint32_t lba, bool msf) {
    out[0] = 0;
    out[1] = ADR_CONTROL_DATA;
    out[2] = track;
    out[3] = 0;
    put_address(out + 4, lba, msf);
    return 8;
}

static unsigned toc(const struct IdeDrive *d, uint8_t first, bool msf, uint8_t *out) {
    unsigned n = 4;
    if (first > 1 && first != LEAD_OUT)
        return 0;
    out[2] = out[3] = 1;
    if (first <= 1)
        n += toc_entry(out + n, 1, 0, msf);
    n += toc_entry(out + n, LEAD_OUT, (uint32_t)d->sectors, msf);
    put_be16(out, n - 2);
    return n;
}

static unsigned sessions(bool msf, uint8_t *out) {
    out[2] = out[3] = 1;
    put_be16(out, 2 + toc_entry(out + 4, 1, 0, msf));
    return 12;
}

/* The lead-in's own entries (MMC-3, table 222): first and last track, lead-out, track 1; always as M/S/F. */
static unsigned raw_toc(const struct IdeDrive *d, uint8_t *out) {
    static const uint8_t points[] = {0xa0, 0xa1, 0xa2, 1};
    unsigned n = 4;
    out[2] = out[3] = 1;
    for (unsigned i = 0; i < sizeof(points); i++, n += 11) {
        memset(out + n, 0, 11);
        out[n] = 1; /* session */
        out[n + 1] = ADR_CONTROL_DATA;
        out[n + 3] = points[i];
        if (points[i] == 0xa2 || points[i] == 1)
            put_address(out + n + 7, points[i] == 1 ? 0 : (uint32_t)d->sectors, true);
        else
            out[n + 8] = 1;
    }
    put_be16(out, n - 2);
    return n;
}

unsigned atapi_toc(struct IdeDrive *d, const uint8_t *p, uint8_t *out) {
    bool msf = p[1] & 2;
    unsigned format = p[2] & 0x0f;
    if (format == 0)
        format = p[9] >> 6; /* where SFF-8020i had it */
    switch (format) {
    case 0: return toc(d, p[6], msf, out);
    case 1: return sessions(msf, out);
    case 2: return raw_toc(d, out);
    default: return 0;
    }
}

/* ---- GET CONFIGURATION ---- */

enum { PROFILE_NONE = 0, PROFILE_CD = 0x08, PROFILE_DVD = 0x10, FEATURE_CURRENT = 1, FEATURE_PERSISTENT = 2 };
enum { CD_SECTORS_MOST = 80 * 60 * FRAMES };

static uint16_t profile(const struct IdeDrive *d) {
    if (!ide_has_medium(d))
        return PROFILE_NONE;
    return d->sectors > CD_SECTORS_MOST ? PROFILE_DVD : PROFILE_CD;
}

static unsigned feature(uint8_t *out, uint16_t code, uint8_t flags, const uint8_t *body, uint8_t size) {
    put_be16(out, code);
    out[2] = flags;
    out[3] = size;
    memcpy(out + 4, body, size);
    return 4u + size;
}

unsigned atapi_configuration(struct IdeDrive *d, const uint8_t *p, uint8_t *out) {
    enum { ALL = 0, CURRENT = 1, ONE = 2 };
    uint16_t now = profile(d), wanted = get_be16(p + 2);
    const uint8_t profiles[] = {0, PROFILE_DVD, now == PROFILE_DVD, 0, 0, PROFILE_CD, now == PROFILE_CD, 0};
    static const uint8_t core[] = {0, 0, 0, 2}, removable[] = {0x29, 0, 0, 0}, random[] = {0, 0, 8, 0, 0, 1, 0, 0};
    const struct {
        uint16_t code;
        const uint8_t *body;
        uint8_t size, flags;
    } features[] = {
        {0x0000, profiles, sizeof(profiles), FEATURE_CURRENT | FEATURE_PERSISTENT},
        {0x0001, core, sizeof(core), FEATURE_CURRENT | FEATURE_PERSISTENT}, /* ATAPI */
        {0x0003, removable, sizeof(removable), FEATURE_CURRENT | FEATURE_PERSISTENT},
        {0x0010, random, sizeof(random), now != PROFILE_NONE ? FEATURE_CURRENT : 0},
    };
    unsigned n = 8, which = p[1] & 3;
    if (which > ONE)
        return 0;
    memset(out, 0, n);
    put_be16(out + 6, now);
    for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        bool take = which == ONE ? features[i].code == wanted
                                 : features[i].code >= wanted && (which == ALL || features[i].flags & FEATURE_CURRENT);
        if (take)
            n += feature(out + n, features[i].code, features[i].flags, features[i].body, features[i].size);
    }
    put_be32(out, n - 4);
    return n;
}

/* ---- events, disc, mechanism ---- */

enum { EVENTS_POLLED = 1, CLASS_MEDIA = 4, NO_EVENT_CLASS = 0x80, STATUS_TRAY_OPEN = 1, STATUS_MEDIUM = 2 };

unsigned atapi_event_status(struct IdeDrive *d, const uint8_t *p, uint8_t *out) {
    struct IdeDriveState *s = ide_state_of(d);
    if (!(p[1] & EVENTS_POLLED))
        return 0; /* asynchronous notification is for queues */
    bool media = p[4] & 1 << CLASS_MEDIA;
    memset(out, 0, 8);
    out[2] = media ? CLASS_MEDIA : NO_EVENT_CLASS;
    out[3] = 1 << CLASS_MEDIA; /* supported */
    put_be16(out, media ? 6 : 2);
    if (!media)
        return 4;
    out[4] = s->events;
    out[5] = (s->tray_open ? STATUS_TRAY_OPEN : 0) | (ide_has_medium(d) ? STATUS_MEDIUM : 0);
    s->events = 0;
    return 8;
}

unsigned atapi_disc_information(struct IdeDrive *d, const uint8_t *p, uint8_t *out) {
    enum { SIZE = 34, COMPLETE = 0x0e };
    (void)d;
    if (p[1] & 7)
        return 0;
    memset(out, 0, SIZE);
    put_be16(out, SIZE - 2);
    out[2] = COMPLETE; /* the disc, and its last session */
    out[3] = out[4] = out[5] = out[6] = 1;
    out[7] = 0x20;                 /* unrestricted use */
    memset(out + 16, 0xff, 2 * 4); /* no further lead-in or lead-out */
    return SIZE;
}

unsigned atapi_mechanism_status(struct IdeDrive *d, const uint8_t *p, uint8_t *out) {
    (void)p;
    memset(out, 0, 8);
    out[1] = ide_state_of(d)->tray_open ? 0x10 : 0;
    out[5] = 1; /* slots */
    return 8;
}
