/* SPDX-License-Identifier: MIT */
/* -device virtio-blk-pci, and -drive if=virtio. */
#include "base/lists.h"
#include "base/why.h"
#include "machine/machine.h"
#include "machine/storage/properties.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `opaque` is the struct StorageVirtio. */
static void failed(void *opaque, bool write, int error, enum BlockOnError action) {
    storage_failed(((struct StorageVirtio *)opaque)->drive, write, error, action);
}

static int init(struct StorageVirtio *v, const struct VirtioBlkConfig *config) {
    static const struct VirtioBlkOps ops = {.failed = failed, .tell_later = storage_tell_later};
    static const struct VirtioPciId id = {"virtio-blk", VIRTIO_TYPE_BLOCK, 0x010000};
    virtio_pci_init(&v->pci, &id);
    int r = virtio_blk_init(&v->blk, &v->pci.pci, config, &ops, v);
    if (r == 0)
        r = virtio_pci_show(&v->pci, &v->blk.virtio, config->queues + 1); /* and one for changes of configuration */
    return r;
}

/* SeaBIOS and OVMF know it as a SCSI controller, by its class. */
static int give_place(struct Machine *m, int64_t index, unsigned slot, char *why, size_t n) {
    char path[64];
    snprintf(path, sizeof(path), "/pci@i0cf8/scsi@%x/disk@0,0", slot);
    return boot_order_add(m, "-device virtio-blk-pci", index, path, why, n);
}

static struct VirtioBlkConfig config_of(const struct StorageDrive *d, const struct StorageProperties *p) {
    struct VirtioBlkConfig config = {.block = d->block,
                                     .queues = p->queues > 0 ? (unsigned)p->queues : 1,
                                     .logical = p->logical > 0 ? (uint32_t)p->logical : 0,
                                     .physical = p->physical > 0 ? (uint32_t)p->physical : 0,
                                     .min_io = p->min_io > 0 ? (uint32_t)p->min_io : 0,
                                     .opt_io = p->opt_io > 0 ? (uint32_t)p->opt_io : 0,
                                     .discard_granularity = p->granularity > 0 ? (uint32_t)p->granularity : 0,
                                     .no_discard = p->discard == 0,
                                     .no_write_zeroes = p->write_zeroes == 0,
                                     .read_error = d->options.rerror,
                                     .write_error = d->options.werror};
    snprintf(config.serial, sizeof(config.serial), "%s", p->serial != NULL ? p->serial : "");
    return config;
}

static int show(struct Machine *m, struct StorageDrive *d, const struct StorageProperties *p, char *why, size_t n) {
    struct StorageVirtio *v = m->storage.virtio;
    const struct VirtioBlkConfig config = config_of(d, p);
    unsigned slot = p->slot > 0 ? (unsigned)p->slot : virtio_free_slot(m);
    while (v < m->storage.virtio + STORAGE_VIRTIO && v->drive != NULL)
        v++;
    if (v == m->storage.virtio + STORAGE_VIRTIO)
        return why_set(why, n, -EINVAL, "drive %s: %d virtio disks are the most", d->id, STORAGE_VIRTIO);
    if (slot >= PCI_SLOTS || m->pci.devices[slot * PCI_FUNCTIONS] != NULL)
        return why_set(why, n, -EINVAL, "drive %s: slot %u of pci.0 is taken", d->id, slot);
    if (config.logical != 0 && block_size(d->block) % config.logical != 0)
        return why_set(why, n, -EINVAL, "drive %s: its size is no multiple of logical_block_size=%u", d->id,
                       config.logical);
    d->virtio = true;
    d->slot = slot;
    d->device = strdup(p->id != NULL ? p->id : "");
    m->fw.wanted = true; /* which may boot from it */
    int r = give_place(m, p->bootindex, slot, why, n);
    if (r != 0)
        return r;
    r = d->device != NULL ? init(v, &config) : -ENOMEM;
    if (r != 0)
        return why_set(why, n, r, "drive %s: %s", d->id, strerror(-r));
    if ((r = firmware_add_pci_rom(m, &v->pci.pci, p->romfile, why, n)) != 0)
        return r;
    v->drive = d;
    r = pci_add_device(&m->pci, &v->pci.pci, slot, 0);
    return r == 0 ? 0 : why_set(why, n, r, "drive %s: %s", d->id, strerror(-r));
}

int storage_add_virtio(struct Machine *m, struct StorageDrive *d, char *why, size_t n) {
    struct StorageProperties p;
    if (d->cdrom || d->block == NULL)
        return why_set(why, n, -EINVAL, "-drive: if=virtio is for disks; if=ide has CD-ROMs");
    int r = storage_read_properties(&p, "virtio-blk-pci", STORAGE_VIRTIO_BLK, NULL, why, n);
    return r != 0 ? r : show(m, d, &p, why, n);
}

/* ---- -device ---- */

int storage_add_virtio_device(struct Machine *m, const char *device, char *list, char *why, size_t n) {
    struct StorageProperties p;
    int r = storage_read_properties(&p, device, STORAGE_VIRTIO_BLK, list, why, n);
    if (r != 0)
        return r;
    if (p.bus != NULL && strcmp(p.bus, "pci.0") != 0 && strcmp(p.bus, "pci") != 0)
        return why_set(why, n, -EINVAL, "-device %s: there is no bus '%s'; pci.0 is there", device, p.bus);
    if (p.drive == NULL)
        return why_set(why, n, -EINVAL, "-device %s needs drive=ID, of a -drive with if=none or a -blockdev", device);
    struct StorageDrive *d = storage_find(m, p.drive);
    if (d == NULL)
        return storage_no_drive(m, device, p.drive, why, n);
    if (d->device != NULL || d->block == NULL || d->cdrom)
        return why_set(why, n, -EINVAL, "-device %s: drive '%s' %s", device, d->id,
                       d->device != NULL ? "has a device already; with if=none it has none of its own"
                                         : "is a CD-ROM's; ide-cd shows it");
    storage_apply(d, &p);
    return show(m, d, &p, why, n);
}

/* ---- life ---- */

void storage_reset(struct Machine *m) {
    for (unsigned i = 0; i < STORAGE_VIRTIO; i++)
        if (m->storage.virtio[i].drive != NULL)
            virtio_pci_reset(&m->storage.virtio[i].pci);
}

void storage_virtio_resized(struct Machine *m, const struct StorageDrive *d) {
    for (unsigned i = 0; i < STORAGE_VIRTIO; i++)
        if (m->storage.virtio[i].drive == d)
            virtio_blk_resized(&m->storage.virtio[i].blk);
}

void storage_restored(struct Machine *m) {
    for (unsigned i = 0; i < STORAGE_VIRTIO; i++)
        if (m->storage.virtio[i].drive != NULL)
            virtio_blk_restored(&m->storage.virtio[i].blk);
}
