/* SPDX-License-Identifier: MIT */
/* What can be done with drives while the machine runs, and what there is to say about them. */
#include "machine/machine.h"

#include <errno.h>
#include <inttypes.h>
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

/* The block, if there is one, is nobody's any more. */
static void take_out(struct StorageDrive *d) {
    struct Block *old = d->block;
    set_medium(d, NULL);
    loop_cancel(&d->machine->loop, &d->work);
    block_close(old);
}

int storage_eject(struct Machine *m, const char *id, bool force, char *why, size_t n) {
    struct StorageDrive *d;
    int r = find_removable(m, id, &d, why, n);
    if (r != 0 || (r = open_tray(d, force, why, n)) != 0)
        return r;
    storage_drain(m);
    take_out(d);
    return open_tray(d, true, why, n);
}

int storage_change(struct Machine *m, const char *id, const char *file, const char *format, bool force, char *why,
                   size_t n) {
    struct StorageDrive *d;
    struct Block *block = NULL;
    int r = find_removable(m, id, &d, why, n);
    if (r != 0)
        return r;
    struct BlockOptions o = d->options.block;
    o.filename = file;
    o.format = format;
    o.readonly = o.readonly || d->cdrom;
    if ((r = storage_open(d, &block, &o, why, n)) != 0)
        return r;
    if (d->floppy)
        r = storage_floppy_fits(d, m->fdc.drive[d->place].config.type, block_size(block), why, n);
    if (r != 0 || (r = open_tray(d, force, why, n)) != 0) {
        block_close(block);
        return r;
    }
    storage_drain(m);
    take_out(d);
    set_medium(d, block);
    return 0;
}

/* ---- info block ---- */

static void print_image(const struct StorageDrive *d, FILE *f) {
    struct BlockInfo info;
    if (d->block == NULL || !block_info(d->block, 0, &info)) {
        fprintf(f, "%s: [not inserted]\n", d->id);
        return;
    }
    fprintf(f, "%s: %s (%s%s)\n", d->id, info.filename != NULL ? info.filename : "?", info.format,
            info.readonly ? ", read-only" : "");
    for (unsigned depth = 1; block_info(d->block, depth, &info); depth++)
        fprintf(f, "    Backing file:     %s (%s)\n", info.filename != NULL ? info.filename : "?", info.format);
}

void storage_print(const struct Machine *m, FILE *f) {
    for (const struct StorageDrive *d = m->storage.drives; d != NULL; d = d->next) {
        print_image(d, f);
        if (d->virtio)
            fprintf(f, "    Attached to:      virtio-blk-pci, slot %u\n", d->slot);
        else if (d->floppy)
            fprintf(f, "    Attached to:      floppy-bus.0, unit %u (%s)\n", d->place,
                    floppy_type_name(m->fdc.drive[d->place].config.type));
        else if (d->device != NULL)
            fprintf(f, "    Attached to:      ide.%u, unit %u\n", d->channel, d->place);
        if (d->cdrom && d->device != NULL) {
            const struct IdeDriveState *s = &m->piix3_ide.ide.channel[d->channel].state.drive[d->place];
            fprintf(f, "    Removable device: %slocked, tray %s\n", s->locked ? "" : "not ",
                    s->tray_open ? "open" : "closed");
        }
        if (d->block != NULL)
            fprintf(f, "    Cache mode:       %s\n", block_write_cache(d->block) ? "writeback" : "writethrough");
    }
    if (m->storage.drives == NULL)
        fputs("this machine has no disks\n", f);
}
