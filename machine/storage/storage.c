/* SPDX-License-Identifier: MIT */
/* Drives: opened, put in, drained, closed. */
#include "machine/machine.h"
#include "machine/storage/properties.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a drive ---- */

static void complete(void *opaque) {
    struct StorageDrive *d = opaque;
    if (d->block != NULL)
        block_complete(d->block);
}

static void wake(void *opaque) {
    struct StorageDrive *d = opaque;
    loop_post(&d->machine->loop, &d->work);
}

struct StorageDrive *storage_new_drive(struct Machine *m, const struct Drive *o) {
    struct StorageDrive *d = calloc(1, sizeof(*d)), **end = &m->storage.drives;
    if (d == NULL)
        return NULL;
    while (*end != NULL)
        end = &(*end)->next;
    *end = d;
    d->machine = m;
    if (o != NULL)
        d->options = *o;
    else
        d->options.media = DRIVE_CDROM;
    d->cdrom = d->options.media == DRIVE_CDROM;
    loop_work_init(&d->work, complete, d);
    return d;
}

int storage_open(struct StorageDrive *d, struct Block **block, const struct BlockOptions *o, char *why, size_t n) {
    struct BlockHost host = {wake, d};
    struct BlockOptions locked_in = *o;
    locked_in.sandbox = &d->machine->sandbox;
    return block_open(block, &locked_in, &host, why, n);
}

void storage_apply(struct StorageDrive *d, const struct StorageProperties *p) {
    if (p->werror >= 0)
        d->options.werror = (enum BlockOnError)p->werror;
    if (p->rerror >= 0)
        d->options.rerror = (enum BlockOnError)p->rerror;
    if (p->write_cache >= 0)
        block_set_write_cache(d->block, p->write_cache != 0);
}

struct StorageDrive *storage_find(struct Machine *m, const char *id) {
    for (struct StorageDrive *d = m->storage.drives; d != NULL; d = d->next)
        if (strcmp(d->id, id) == 0 || (d->device != NULL && d->device[0] != '\0' && strcmp(d->device, id) == 0))
            return d;
    return NULL;
}

/* ---- -drive ---- */

static bool is_taken(const struct Machine *m, unsigned index) {
    const struct IdeChannel *c = &m->piix3_ide.ide.channel[index / IDE_DRIVES];
    return c->drive[index % IDE_DRIVES].config.kind != IDE_NONE;
}

/* QEMU's rule: index, or bus and unit; else the first that is free. */
static int choose_place(const struct Machine *m, const struct Drive *o, unsigned *index, char *why, size_t n) {
    enum { PLACES = IDE_CHANNELS * IDE_DRIVES };
    int bus = o->bus < 0 ? 0 : o->bus, unit = o->unit;
    int wanted = o->index >= 0 ? o->index : unit >= 0 ? bus * IDE_DRIVES + unit : -1;
    if (wanted >= PLACES || bus >= IDE_CHANNELS || unit >= IDE_DRIVES) {
        snprintf(why, n, "-drive: there are 4 places for if=ide: index=0 to 3, or bus=0 and 1 with unit=0 and 1");
        return -EINVAL;
    }
    if (wanted >= 0) {
        *index = (unsigned)wanted;
        return 0;
    }
    for (*index = (unsigned)bus * IDE_DRIVES; *index < PLACES; ++*index)
        if (!is_taken(m, *index))
            return 0;
    snprintf(why, n, "-drive: all 4 places for if=ide are taken");
    return -ENOSPC;
}

static const char *interface_name(enum DriveInterface i) {
    return i == DRIVE_IF_VIRTIO ? "virtio" : i == DRIVE_IF_FLOPPY ? "floppy" : "none";
}

static void default_id(struct StorageDrive *d, bool ide, unsigned index) {
    unsigned others = 0;
    for (const struct StorageDrive *o = d->machine->storage.drives; o != d; o = o->next)
        others += o->options.interface == d->options.interface;
    if (d->options.id != NULL)
        snprintf(d->id, sizeof(d->id), "%s", d->options.id);
    else if (ide)
        snprintf(d->id, sizeof(d->id), "ide%u-%s%u", index / IDE_DRIVES, d->cdrom ? "cd" : "hd", index % IDE_DRIVES);
    else
        snprintf(d->id, sizeof(d->id), "%s%u", interface_name(d->options.interface), others);
}

static int put_in(struct Machine *m, struct StorageDrive *d, char *why, size_t n) {
    struct Drive *o = &d->options;
    const struct IdeDriveConfig config = {.kind = d->cdrom ? IDE_CD : IDE_DISK};
    unsigned index = 0;
    bool ide = o->interface == DRIVE_IF_DEFAULT || o->interface == DRIVE_IF_IDE;
    int r = ide ? choose_place(m, o, &index, why, n) : 0;
    if (r != 0)
        return r;
    if (o->id != NULL && storage_find(m, o->id) != NULL) {
        snprintf(why, n, "-drive: there is a drive '%s' already", o->id);
        return -EEXIST;
    }
    default_id(d, ide, index);
    if (o->block.filename != NULL && (r = storage_open(d, &d->block, &o->block, why, n)) != 0)
        return r;
    if (o->interface == DRIVE_IF_VIRTIO)
        return storage_add_virtio(m, d, why, n);
    if (o->interface == DRIVE_IF_FLOPPY)
        return storage_add_floppy(m, d, why, n);
    return ide ? storage_add_ide(m, d, index / IDE_DRIVES, index % IDE_DRIVES, &config, why, n) : 0;
}

/* What the machine has no device for, and what makes no sense. */
static const char *wrong_with(const struct Drive *o) {
    switch (o->interface) {
    case DRIVE_IF_FLOPPY: return NULL; /* without a file an empty one */
    case DRIVE_IF_PFLASH: return "if=pflash is firmware's, and takes its own way";
    default: return o->block.filename == NULL && o->media == DRIVE_DISK ? "file= is missing; a disk has one" : NULL;
    }
}

static int add_drive(struct Machine *m, const Twin86Config *config, const char *text, char *why, size_t n) {
    struct Drive o;
    int r = drive_parse(&o, text, why, n);
    if (r != 0)
        return r;
    const char *wrong = wrong_with(&o);
    if (wrong != NULL) {
        snprintf(why, n, "-drive: %s", wrong);
        drive_free(&o);
        return -EINVAL;
    }
    if (config->snapshot && !o.block.readonly)
        o.block.snapshot = true;
    struct StorageDrive *d = storage_new_drive(m, &o);
    if (d != NULL)
        return put_in(m, d, why, n);
    drive_free(&o);
    snprintf(why, n, "-drive: out of memory");
    return -ENOMEM;
}

int storage_create(struct Machine *m, const Twin86Config *config, char *why, size_t n) {
    storage_coalesce_init(m);
    int r = storage_open_nodes(m, config, why, n);
    for (const char *const *s = config->drives; r == 0 && s != NULL && *s != NULL; s++)
        r = add_drive(m, config, *s, why, n);
    for (const char *const *s = config->devices; r == 0 && s != NULL && *s != NULL; s++)
        r = storage_add_device(m, *s, why, n);
    return r;
}

/* The machine's threads have ended. */
void storage_destroy(struct Machine *m) {
    if (m->piix3_ide.pci.host != NULL)
        ide_reset(&m->piix3_ide.ide); /* takes back what is in flight */
    fdc_reset(&m->fdc);
    storage_reset(m);
    for (unsigned i = 0; i < STORAGE_VIRTIO; i++)
        virtio_blk_destroy(&m->storage.virtio[i].blk);
    for (struct StorageDrive *d = m->storage.drives, *next; d != NULL; d = next) {
        next = d->next;
        block_close(d->block);
        drive_free(&d->options);
        free(d->device);
        free(d);
    }
    m->storage.drives = NULL;
    storage_free_nodes(m);
    ide_destroy(&m->piix3_ide.ide);
}

/* ---- while it runs ---- */

/* What one completion begins on another drive is waited for, too. */
void storage_drain(struct Machine *m) {
    for (bool again = true; again;) {
        again = false;
        for (struct StorageDrive *d = m->storage.drives; d != NULL; d = d->next) {
            if (d->block == NULL || block_in_flight(d->block) == 0)
                continue;
            block_drain(d->block);
            again = true;
        }
    }
    storage_tell(m);
}

void storage_resume(struct Machine *m) {
    for (struct StorageDrive *d = m->storage.drives; d != NULL; d = d->next)
        d->last_error = 0;
    ide_resume(&m->piix3_ide.ide);
    for (unsigned i = 0; i < STORAGE_VIRTIO; i++)
        if (m->storage.virtio[i].drive != NULL)
            virtio_blk_resume(&m->storage.virtio[i].blk);
}

static struct StorageDrive *at(struct Machine *m, unsigned channel, unsigned place) {
    for (struct StorageDrive *d = m->storage.drives; d != NULL; d = d->next)
        if (d->device != NULL && !d->virtio && !d->floppy && d->channel == channel && d->place == place)
            return d;
    return NULL;
}

void storage_failed(struct StorageDrive *d, bool write, int error, enum BlockOnError action) {
    news_io_error(&d->machine->news, d, write, error, action);
    if (action != BLOCK_ERROR_STOP)
        return;
    d->last_error = error;
    d->last_was_write = write;
    machine_stop(d->machine, TWIN86_EVENT_IO_ERROR, 0);
}

void storage_ide_failed(void *opaque, unsigned channel, unsigned place, bool write, int error,
                        enum BlockOnError action) {
    struct StorageDrive *d = at(opaque, channel, place);
    if (d != NULL)
        storage_failed(d, write, error, action);
}

void storage_tray_moved(void *opaque, unsigned channel, unsigned place, bool open) {
    struct Machine *m = opaque;
    const struct StorageDrive *d = at(m, channel, place);
    if (d != NULL)
        news_tray_moved(&m->news, d, open);
}

void storage_describe_error(const struct Machine *m, char *text, size_t n) {
    for (const struct StorageDrive *d = m->storage.drives; d != NULL; d = d->next) {
        if (d->last_error == 0)
            continue;
        snprintf(text, n, "drive %s: %s: %s", d->id, d->last_was_write ? "writing" : "reading",
                 strerror(-d->last_error));
        return;
    }
    snprintf(text, n, "a drive");
}
