/* SPDX-License-Identifier: MIT */
/* -device ide-hd and ide-cd. */
#include "base/lists.h"
#include "base/why.h"
#include "machine/machine.h"
#include "machine/storage/properties.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- at a place ---- */

static void default_serial(struct IdeDriveConfig *c, unsigned channel, unsigned place) {
    if (c->serial[0] == '\0')
        snprintf(c->serial, sizeof(c->serial), "TW%05u", channel * IDE_DRIVES + place + 1);
}

int storage_add_ide(struct Machine *m, struct StorageDrive *d, unsigned channel, unsigned place,
                    const struct IdeDriveConfig *config, char *why, size_t n) {
    struct IdeDriveConfig c = *config;
    c.block = d->block;
    c.read_error = d->options.rerror;
    c.write_error = d->options.werror;
    default_serial(&c, channel, place);
    int r = ide_add_drive(&m->piix3_ide.ide, channel, place, &c);
    if (r == -EBUSY)
        snprintf(why, n, "drive %s: ide.%u unit %u is taken", d->id, channel, place);
    else if (r == -EINVAL)
        snprintf(why, n, "drive %s: a disk needs at least one sector; its image is empty", d->id);
    else if (r != 0)
        snprintf(why, n, "drive %s: out of memory", d->id);
    if (r != 0)
        return r;
    m->fw.wanted = true; /* which may boot from it */
    d->cdrom = c.kind == IDE_CD;
    d->channel = channel;
    d->place = place;
    if (d->device == NULL && (d->device = strdup("")) == NULL)
        return why_set(why, n, -EINVAL, "drive %s: out of memory", d->id);
    return 0;
}

/* ---- -device ---- */

/* "ide.1"; without one both are tried. */
static int choose_place(struct Machine *m, const struct StorageProperties *p, const char *device, unsigned *channel,
                        unsigned *place, char *why, size_t n) {
    unsigned first = 0, last = IDE_CHANNELS - 1;
    if (p->bus != NULL) {
        if (strcmp(p->bus, "ide.0") != 0 && strcmp(p->bus, "ide.1") != 0)
            return why_set(why, n, -EINVAL, "-device %s: there is no bus '%s'; ide.0 and ide.1 are there", device,
                           p->bus);
        first = last = (unsigned)(p->bus[4] - '0');
    }
    for (*channel = first; *channel <= last; ++*channel)
        for (*place = 0; *place < IDE_DRIVES; ++*place)
            if ((p->unit < 0 || p->unit == *place) &&
                (p->unit >= 0 || m->piix3_ide.ide.channel[*channel].drive[*place].config.kind == IDE_NONE))
                return 0;
    return why_set(why, n, -EINVAL, "-device %s: no place is free%s%s", device, p->bus != NULL ? " on " : "",
                   p->bus != NULL ? p->bus : "");
}

/* A CD-ROM may be without a -drive: empty for good. */
static int find_drive(struct Machine *m, const struct StorageProperties *p, const char *device, bool cdrom,
                      struct StorageDrive **d, char *why, size_t n) {
    *d = p->drive != NULL ? storage_find(m, p->drive) : NULL;
    if (p->drive == NULL && !cdrom)
        return why_set(why, n, -EINVAL, "-device %s needs drive=ID, of a -drive with if=none or a -blockdev", device);
    if (p->drive != NULL && *d == NULL)
        return storage_no_drive(m, device, p->drive, why, n);
    if (*d != NULL && (*d)->device != NULL)
        return why_set(why, n, -EINVAL,
                       "-device %s: drive '%s' has a device already; with if=none it has none of its own", device,
                       p->drive);
    if (*d != NULL && !cdrom && ((*d)->block == NULL || (*d)->options.media == DRIVE_CDROM))
        return why_set(why, n, -EINVAL, "-device %s: drive '%s' is a CD-ROM's; ide-cd shows it", device, p->drive);
    return 0;
}

static unsigned exponent(int64_t physical) {
    unsigned bits = 0;
    while (physical > IDE_SECTOR << bits)
        bits++;
    return bits;
}

static struct IdeDriveConfig config_of(const struct StorageProperties *p, bool cdrom) {
    struct IdeDriveConfig config = {.kind = cdrom ? IDE_CD : IDE_DISK, .physical = exponent(p->physical)};
    snprintf(config.serial, sizeof(config.serial), "%s", p->serial != NULL ? p->serial : "");
    snprintf(config.model, sizeof(config.model), "%s", p->model != NULL ? p->model : "");
    snprintf(config.version, sizeof(config.version), "%s", p->version != NULL ? p->version : "");
    return config;
}

static int give_place(struct Machine *m, int64_t index, unsigned channel, unsigned place, char *why, size_t n) {
    char path[64];
    snprintf(path, sizeof(path), "/pci@i0cf8/ide@%x,%x/drive@%x/disk@%x", PIIX3_IDE_SLOT, PIIX3_IDE_FUNCTION, channel,
             place);
    return boot_order_add(m, "-device", index, path, why, n);
}

static int add(struct Machine *m, const struct StorageProperties *p, const char *device, bool cdrom, char *why,
               size_t n) {
    const struct IdeDriveConfig config = config_of(p, cdrom);
    unsigned channel, place;
    struct StorageDrive *d;
    int r = find_drive(m, p, device, cdrom, &d, why, n);
    if (r != 0 || (r = choose_place(m, p, device, &channel, &place, why, n)) != 0)
        return r;
    if (d == NULL && (d = storage_new_drive(m, NULL)) == NULL)
        return why_set(why, n, -EINVAL, "-device %s: out of memory", device);
    if (d->id[0] == '\0')
        snprintf(d->id, sizeof(d->id), "%s", p->id != NULL ? p->id : "cd");
    if ((d->device = strdup(p->id != NULL ? p->id : "")) == NULL)
        return why_set(why, n, -EINVAL, "-device %s: out of memory", device);
    if ((r = give_place(m, p->bootindex, channel, place, why, n)) != 0)
        return r;
    storage_apply(d, p);
    return storage_add_ide(m, d, channel, place, &config, why, n);
}

int storage_add_ide_device(struct Machine *m, const char *device, char *list, char *why, size_t n) {
    struct StorageProperties p;
    bool cdrom = strcmp(device, "ide-cd") == 0;
    int r = storage_read_properties(&p, device, cdrom ? STORAGE_IDE_CD : STORAGE_IDE_HD, list, why, n);
    return r != 0 ? r : add(m, &p, device, cdrom, why, n);
}
