/* SPDX-License-Identifier: MIT */
/* What can be done with drives while the machine runs. */
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- removable media ---- */

static int find_removable(struct Machine *m, const char *id, struct StorageDrive **d, char *why, size_t n) {
    *d = storage_find(m, id);
    if (*d != NULL && ((*d)->cdrom || (*d)->floppy) && (*d)->device != NULL)
        return 0;
    snprintf(why, n,
             *d == NULL ? "there is no drive '%s'; info block lists them" : "drive '%s' has no removable medium", id);
    return *d == NULL ? -ENOENT : -ENOTSUP;
}

/* A floppy drive has none, nor a lock. */
static int open_tray(struct StorageDrive *d, bool force, char *why, size_t n) {
    int r = d->floppy ? 0 : ide_move_tray(&d->machine->piix3_ide.ide, d->channel, d->place, true, force);
    if (r != 0)
        snprintf(why, n, "drive '%s' is locked by the guest, which was told; try again, or with force", d->id);
    return r;
}

static void set_medium(struct StorageDrive *d, struct Block *block) {
    d->block = block;
    if (d->floppy)
        fdc_set_medium(&d->machine->fdc, d->place, block);
    else
        ide_set_medium(&d->machine->piix3_ide.ide, d->channel, d->place, block);
}

/* The block, if there is one, is the caller's now. */
static struct Block *take_out(struct StorageDrive *d) {
    struct Block *old = d->block;
    set_medium(d, NULL);
    loop_cancel(&d->machine->loop, &d->work);
    return old;
}

int storage_eject(struct Machine *m, const char *id, bool force, struct Block **out, char *why, size_t n) {
    struct StorageDrive *d;
    *out = NULL;
    int r = find_removable(m, id, &d, why, n);
    if (r != 0 || (r = open_tray(d, force, why, n)) != 0)
        return r;
    storage_drain(m);
    *out = take_out(d);
    return 0;
}

int storage_open_medium(struct Machine *m, const char *id, const char *file, const char *format, struct Block **block,
                        char *why, size_t n) {
    struct StorageDrive *d;
    *block = NULL;
    int r = find_removable(m, id, &d, why, n);
    if (r != 0)
        return r;
    struct BlockOptions o = d->options.block;
    o.filename = file;
    o.format = format;
    o.node_name = o.file_node_name = NULL;
    o.backing = NULL;
    o.readonly = o.readonly || d->cdrom;
    return storage_open(d, block, &o, why, n);
}

int storage_change(struct Machine *m, const char *id, struct Block **block, bool force, char *why, size_t n) {
    struct StorageDrive *d;
    int r = find_removable(m, id, &d, why, n);
    if (r == 0 && d->floppy)
        r = storage_floppy_fits(d, m->fdc.drive[d->place].config.type, block_size(*block), why, n);
    if (r != 0 || (r = open_tray(d, force, why, n)) != 0)
        return r;
    storage_drain(m);
    struct Block *old = take_out(d);
    set_medium(d, *block);
    *block = old;
    return 0;
}

/* ---- size, backing file ---- */

/* One that holds an image. */
static int find_image(struct Machine *m, const char *id, struct StorageDrive **d, char *why, size_t n) {
    *d = storage_find(m, id);
    if (*d != NULL && (*d)->block != NULL)
        return 0;
    snprintf(why, n, *d == NULL ? "there is no drive '%s'; info block lists them" : "drive '%s' is empty", id);
    return *d == NULL ? -ENOENT : -ENOMEDIUM;
}

/* The guest is told of it, as far as its device can. */
int storage_resize(struct Machine *m, const char *id, uint64_t size, char *why, size_t n) {
    struct StorageDrive *d;
    int r = find_image(m, id, &d, why, n);
    if (r != 0)
        return r;
    if (d->floppy)
        return why_set(why, n, -ENOTSUP, "drive '%s' is for floppy disks, whose sizes are given", d->id);
    storage_drain(m);
    if ((r = block_resize(d->block, size, why, n)) != 0 || d->device == NULL)
        return r;
    if (d->virtio)
        storage_virtio_resized(m, d);
    else
        ide_resized(&m->piix3_ide.ide, d->channel, d->place);
    return 0;
}

int storage_commit(struct Machine *m, const char *id, char *why, size_t n) {
    struct StorageDrive *d;
    int r = find_image(m, id, &d, why, n);
    if (r != 0)
        return r;
    storage_drain(m);
    return block_commit(d->block, why, n);
}
