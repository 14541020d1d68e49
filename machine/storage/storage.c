/* SPDX-License-Identifier: MIT */
/* Drives: opened, put in, drained, closed. */
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a drive ---- */

static void complete(void *opaque) {
    struct Drive *d = opaque;
    if (d->block != NULL)
        block_complete(d->block);
}

static void wake(void *opaque) {
    struct Drive *d = opaque;
    loop_post(&d->machine->loop, &d->work);
}

struct Drive *storage_new_drive(struct Machine *m, const struct DriveOptions *o) {
    struct Drive *d = calloc(1, sizeof(*d)), **end = &m->storage.drives;
    if (d == NULL)
        return NULL;
    while (*end != NULL)
        end = &(*end)->next;
    *end = d;
    d->machine = m;
    if (o != NULL)
        d->options = *o;
    else
        d->options.media = DRIVE_MEDIA_CDROM;
    d->cdrom = d->options.media == DRIVE_MEDIA_CDROM;
    loop_work_init(&d->work, complete, d);
    return d;
}

int storage_open(struct Drive *d, struct Block **block, const struct DriveOptions *o, const char *file, char *why,
                 size_t n) {
    struct BlockOptions options = drive_block_options(o, file);
    struct BlockHost host = {wake, d};
    return block_open(block, &options, &host, why, n);
}

struct Drive *storage_find(struct Machine *m, const char *id) {
    for (struct Drive *d = m->storage.drives; d != NULL; d = d->next)
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
static int choose_place(const struct Machine *m, const struct DriveOptions *o, unsigned *index, char *why, size_t n) {
    enum { PLACES = IDE_CHANNELS * IDE_DRIVES };
    int64_t bus = o->bus < 0 ? 0 : o->bus, unit = o->unit;
    int64_t wanted = o->index >= 0 ? o->index : unit >= 0 ? bus * IDE_DRIVES + unit : -1;
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

static void default_id(struct Drive *d, bool ide, unsigned index) {
    unsigned others = 0;
    for (const struct Drive *o = d->machine->storage.drives; o != d; o = o->next)
        others += o->options.interface == DRIVE_IF_NONE;
    if (d->options.id != NULL)
        snprintf(d->id, sizeof(d->id), "%s", d->options.id);
    else if (ide)
        snprintf(d->id, sizeof(d->id), "ide%u-%s%u", index / IDE_DRIVES, d->cdrom ? "cd" : "hd", index % IDE_DRIVES);
    else
        snprintf(d->id, sizeof(d->id), "none%u", others);
}

static int put_in(struct Machine *m, struct Drive *d, char *why, size_t n) {
    struct DriveOptions *o = &d->options;
    const struct IdeDriveConfig config = {.kind = d->cdrom ? IDE_CD : IDE_DISK};
    unsigned index = 0;
    bool ide = o->interface != DRIVE_IF_NONE;
    int r = ide ? choose_place(m, o, &index, why, n) : 0;
    if (r != 0)
        return r;
    if (o->id != NULL && storage_find(m, o->id) != NULL) {
        snprintf(why, n, "-drive: there is a drive '%s' already", o->id);
        return -EEXIST;
    }
    default_id(d, ide, index);
    if (o->file != NULL && (r = storage_open(d, &d->block, o, o->file, why, n)) != 0)
        return r;
    return ide ? storage_add_ide(m, d, index / IDE_DRIVES, index % IDE_DRIVES, &config, why, n) : 0;
}

static int add_drive(struct Machine *m, const Twin86Config *config, const char *text, char *why, size_t n) {
    struct DriveOptions o;
    int r = drive_options_parse(&o, text, why, n);
    if (config->snapshot)
        o.snapshot = true;
    struct Drive *d = r == 0 ? storage_new_drive(m, &o) : NULL;
    if (d != NULL)
        return put_in(m, d, why, n);
    free(o.text);
    if (r != 0)
        return r;
    snprintf(why, n, "-drive: out of memory");
    return -ENOMEM;
}

int storage_create(struct Machine *m, const Twin86Config *config, char *why, size_t n) {
    int r = 0;
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
    for (struct Drive *d = m->storage.drives, *next; d != NULL; d = next) {
        next = d->next;
        block_close(d->block);
        free(d->options.text);
        free(d->device);
        free(d);
    }
    m->storage.drives = NULL;
    ide_destroy(&m->piix3_ide.ide);
}

/* ---- while it runs ---- */

/* What one completion begins on another drive is waited for, too. */
void storage_drain(struct Machine *m) {
    for (bool again = true; again;) {
        again = false;
        for (struct Drive *d = m->storage.drives; d != NULL; d = d->next) {
            if (d->block == NULL || block_in_flight(d->block) == 0)
                continue;
            block_drain(d->block);
            again = true;
        }
    }
}

void storage_resume(struct Machine *m) {
    for (struct Drive *d = m->storage.drives; d != NULL; d = d->next)
        d->last_error = 0;
    ide_resume(&m->piix3_ide.ide);
}

static struct Drive *at(struct Machine *m, unsigned channel, unsigned place) {
    for (struct Drive *d = m->storage.drives; d != NULL; d = d->next)
        if (d->device != NULL && d->channel == channel && d->place == place)
            return d;
    return NULL;
}

void storage_ide_failed(void *opaque, unsigned channel, unsigned place, bool write, int error) {
    struct Machine *m = opaque;
    struct Drive *d = at(m, channel, place);
    if (d == NULL)
        return;
    d->last_error = error;
    d->last_was_write = write;
    machine_stop(m, TWIN86_EVENT_IO_ERROR, 0);
}

void storage_describe_error(const struct Machine *m, char *text, size_t n) {
    for (const struct Drive *d = m->storage.drives; d != NULL; d = d->next) {
        if (d->last_error == 0)
            continue;
        snprintf(text, n, "drive %s: %s: %s", d->id, d->last_was_write ? "writing" : "reading",
                 strerror(-d->last_error));
        return;
    }
    snprintf(text, n, "a drive");
}
