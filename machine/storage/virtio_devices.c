/* SPDX-License-Identifier: MIT */
/* -device virtio-blk-pci, and -drive if=virtio. */
#include "base/why.h"
#include "machine/lists.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct VirtioProperties {
    const char *drive, *id, *serial;
    uint64_t slot, queues; /* slot 0: the first free one */
};

static enum VirtioBlkOnError on_error(enum DriveError e) {
    static const enum VirtioBlkOnError policies[] = {[DRIVE_ERROR_ENOSPC] = VIRTIO_BLK_ENOSPC,
                                                     [DRIVE_ERROR_REPORT] = VIRTIO_BLK_REPORT,
                                                     [DRIVE_ERROR_IGNORE] = VIRTIO_BLK_IGNORE,
                                                     [DRIVE_ERROR_STOP] = VIRTIO_BLK_STOP};
    return policies[e];
}

/* `opaque` is the struct StorageVirtio. */
static void failed(void *opaque, bool write, int error) {
    struct StorageDrive *d = ((struct StorageVirtio *)opaque)->drive;
    d->last_error = error;
    d->last_was_write = write;
    machine_stop(d->machine, TWIN86_EVENT_IO_ERROR, 0);
}

static int plug(struct Machine *m, struct StorageVirtio *v, const struct VirtioBlkConfig *config, unsigned slot) {
    static const struct VirtioBlkOps ops = {.stop = failed};
    static const struct VirtioPciId id = {"virtio-blk", VIRTIO_TYPE_BLOCK, 0x010000};
    virtio_pci_init(&v->pci, &id);
    int r = virtio_blk_init(&v->blk, &v->pci.pci, config, &ops, v);
    if (r == 0)
        r = virtio_pci_show(&v->pci, &v->blk.virtio, config->queues + 1); /* and one for changes of configuration */
    return r == 0 ? pci_add_device(&m->pci, &v->pci.pci, slot, 0) : r;
}

static int show(struct Machine *m, struct StorageDrive *d, const struct VirtioProperties *p, char *why, size_t n) {
    struct StorageVirtio *v = m->storage.virtio;
    struct VirtioBlkConfig config = {.block = d->block,
                                     .queues = p->queues != 0 ? (unsigned)p->queues : 1,
                                     .read_error = on_error(d->options.rerror),
                                     .write_error = on_error(d->options.werror)};
    unsigned slot = p->slot != 0 ? (unsigned)p->slot : virtio_free_slot(m);
    while (v < m->storage.virtio + STORAGE_VIRTIO && v->drive != NULL)
        v++;
    if (v == m->storage.virtio + STORAGE_VIRTIO)
        return why_set(why, n, -EINVAL, "drive %s: %d virtio disks are the most", d->id, STORAGE_VIRTIO);
    if (slot >= PCI_SLOTS || m->pci.devices[slot * PCI_FUNCTIONS] != NULL)
        return why_set(why, n, -EINVAL, "drive %s: slot %u of pci.0 is taken", d->id, slot);
    snprintf(config.serial, sizeof(config.serial), "%s", p->serial != NULL ? p->serial : "");
    d->virtio = true;
    d->slot = slot;
    d->device = strdup(p->id != NULL ? p->id : "");
    m->fw.wanted = true; /* which may boot from it */
    int r = d->device != NULL ? plug(m, v, &config, slot) : -ENOMEM;
    if (r == 0)
        v->drive = d;
    else
        snprintf(why, n, "drive %s: %s", d->id, strerror(-r));
    return r;
}

int storage_add_virtio(struct Machine *m, struct StorageDrive *d, char *why, size_t n) {
    if (d->cdrom || d->block == NULL)
        return why_set(why, n, -EINVAL, "-drive: if=virtio is for disks; if=ide has CD-ROMs");
    return show(m, d, &(struct VirtioProperties){0}, why, n);
}

/* ---- -device ---- */

static int read_property(struct VirtioProperties *p, const char *key, const char *value, char *why, size_t n) {
    if (value == NULL)
        value = "";
    if (strcmp(key, "drive") == 0)
        p->drive = value;
    else if (strcmp(key, "id") == 0)
        p->id = value;
    else if (strcmp(key, "serial") == 0 && strlen(value) <= VIRTIO_BLK_SERIAL)
        p->serial = value;
    else if (strcmp(key, "num-queues") == 0 && list_number(value, VIRTIO_QUEUES, &p->queues) && p->queues > 0)
        ;
    else if (strcmp(key, "bus") == 0 && (strcmp(value, "pci.0") == 0 || strcmp(value, "pci") == 0))
        ;
    else if (strcmp(key, "addr") == 0 && list_number(value, PCI_SLOTS - 1, &p->slot) && p->slot >= PCI_FIRST_FREE_SLOT)
        ;
    else
        return why_set(why, n, -EINVAL,
                       "-device virtio-blk-pci: %s=%s is not right; drive=ID, bus=pci.0, addr=2 to 31, id=, "
                       "serial= of 20 characters at most and num-queues=1 to %d are",
                       key, value, VIRTIO_QUEUES);
    return 0;
}

int storage_add_virtio_device(struct Machine *m, const char *device, char *list, char *why, size_t n) {
    struct VirtioProperties p = {0};
    char *key, *value;
    int r = 0;
    while (r == 0 && list_cut_property(&list, &key, &value))
        r = read_property(&p, key, value, why, n);
    if (r != 0)
        return r;
    struct StorageDrive *d = p.drive != NULL ? storage_find(m, p.drive) : NULL;
    if (d == NULL)
        return why_set(why, n, -EINVAL, "-device %s needs drive=ID, the id of a -drive with if=none%s%s", device,
                       p.drive != NULL ? "; there is no drive " : "", p.drive != NULL ? p.drive : "");
    if (d->device != NULL || d->block == NULL || d->cdrom)
        return why_set(why, n, -EINVAL, "-device %s: drive '%s' %s", device, d->id,
                       d->device != NULL ? "has a device already; with if=none it has none of its own"
                                         : "is a CD-ROM's; ide-cd shows it");
    return show(m, d, &p, why, n);
}

/* ---- life ---- */

void storage_reset(struct Machine *m) {
    for (unsigned i = 0; i < STORAGE_VIRTIO; i++)
        if (m->storage.virtio[i].drive != NULL)
            virtio_pci_reset(&m->storage.virtio[i].pci);
}

void storage_restored(struct Machine *m) {
    for (unsigned i = 0; i < STORAGE_VIRTIO; i++)
        if (m->storage.virtio[i].drive != NULL)
            virtio_blk_restored(&m->storage.virtio[i].blk);
}
