/* SPDX-License-Identifier: MIT */
/* -drive if=floppy and -device floppy: drives at the floppy controller, and what CMOS says of them. */
#include "base/why.h"
#include "machine/machine.h"
#include "machine/storage/properties.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- at a place ---- */

/* What PC firmware stores: types of drive A and B; in the equipment byte that there are some, and how many. */
static void write_cmos(struct Machine *m) {
    enum { FLOPPY_TYPES_BYTE = 0x10, EQUIPMENT = 0x14, EQUIPMENT_FLOPPY = 0x01, EQUIPMENT_SECOND = 0x40 };
    uint8_t a = m->fdc.drive[0].config.type, b = m->fdc.drive[1].config.type;
    uint8_t equipment = rtc_get_cmos(&m->rtc, EQUIPMENT) & ~(EQUIPMENT_FLOPPY | 3 * EQUIPMENT_SECOND);
    if (a != FLOPPY_NONE || b != FLOPPY_NONE)
        equipment |= EQUIPMENT_FLOPPY;
    if (b != FLOPPY_NONE)
        equipment |= EQUIPMENT_SECOND;
    rtc_set_cmos(&m->rtc, FLOPPY_TYPES_BYTE, (uint8_t)(a << 4 | b));
    rtc_set_cmos(&m->rtc, EQUIPMENT, equipment);
}

static bool is_free(const struct Machine *m, unsigned place) { return m->fdc.drive[place].config.type == FLOPPY_NONE; }

/* `wanted` -1: the first free one. */
static int choose_place(const struct Machine *m, const char *id, int wanted, unsigned *place, char *why, size_t n) {
    for (*place = wanted >= 0 ? (unsigned)wanted : 0; *place < FDC_DRIVES; ++*place)
        if (is_free(m, *place))
            return 0;
        else if (wanted >= 0)
            return why_set(why, n, -EINVAL, "drive %s: floppy drive %d is taken", id, wanted);
    return why_set(why, n, -EINVAL, "drive %s: there are %d floppy drives at most, 0 and 1", id, FDC_DRIVES);
}

static int too_large(const struct StorageDrive *d, uint64_t size, char *why, size_t n) {
    return why_set(why, n, -EFBIG, "drive %s: an image of %llu bytes is no floppy disk; 2.88 MB are right, or less",
                   d->id, (unsigned long long)size);
}

/* QEMU's rule: the drive suits the disk that is in it first, and without one it takes all there are. */
static int choose_type(const struct StorageDrive *d, enum FloppyType *type, char *why, size_t n) {
    uint64_t size = d->block != NULL ? block_size(d->block) : 0;
    if (d->block != NULL && size == 0)
        return why_set(why, n, -EINVAL, "drive %s: its image is empty", d->id);
    if (*type == FLOPPY_NONE)
        *type = d->block != NULL ? floppy_type_for(size) : FLOPPY_288;
    return *type != FLOPPY_NONE ? 0 : too_large(d, size, why, n);
}

int storage_floppy_fits(const struct StorageDrive *d, enum FloppyType type, uint64_t size, char *why, size_t n) {
    struct FloppyMedium m;
    if (floppy_type_for(size) == FLOPPY_NONE)
        return too_large(d, size, why, n);
    if (size != 0 && floppy_medium(type, size, &m))
        return 0;
    return why_set(why, n, -EFBIG, "drive %s: a disk of %llu bytes does not go into a drive of %s", d->id,
                   (unsigned long long)size, floppy_type_name(type));
}

/* Type FLOPPY_NONE: by its medium. */
static int add(struct Machine *m, struct StorageDrive *d, int wanted, enum FloppyType type, char *why, size_t n) {
    unsigned place;
    int r = choose_place(m, d->id, wanted, &place, why, n);
    if (r != 0 || (r = choose_type(d, &type, why, n)) != 0)
        return r;
    if (d->options.werror == BLOCK_ERROR_STOP || d->options.werror == BLOCK_ERROR_IGNORE ||
        d->options.rerror == BLOCK_ERROR_STOP || d->options.rerror == BLOCK_ERROR_IGNORE)
        return why_set(why, n, -EINVAL, "drive %s: a floppy drive reports errors; leave werror= and rerror= out",
                       d->id);
    if (d->block != NULL && (r = storage_floppy_fits(d, type, block_size(d->block), why, n)) != 0)
        return r;
    const struct FdcDriveConfig config = {.type = type, .block = d->block};
    if ((r = fdc_add_drive(&m->fdc, place, &config)) != 0)
        return why_set(why, n, r, "drive %s: %s", d->id, strerror(-r));
    d->floppy = true;
    d->cdrom = false;
    d->place = place;
    m->fw.wanted = true; /* which may boot from it */
    write_cmos(m);
    if (d->device == NULL && (d->device = strdup("")) == NULL)
        return why_set(why, n, -ENOMEM, "drive %s: out of memory", d->id);
    return 0;
}

int storage_add_floppy(struct Machine *m, struct StorageDrive *d, char *why, size_t n) {
    const struct Drive *o = &d->options;
    if (o->media == DRIVE_CDROM)
        return why_set(why, n, -EINVAL, "-drive: if=floppy is for disks; if=ide has CD-ROMs");
    if (o->bus > 0 || o->index >= FDC_DRIVES || o->unit >= FDC_DRIVES)
        return why_set(why, n, -EINVAL, "-drive: there are 2 places for if=floppy: index=0 and 1");
    return add(m, d, o->index >= 0 ? o->index : o->unit, FLOPPY_NONE, why, n);
}

/* ---- -device ---- */

/* A drive without a -drive is empty; a disk comes by `change`. */
static int find_drive(struct Machine *m, const struct StorageProperties *p, struct StorageDrive **d, char *why,
                      size_t n) {
    static const char device[] = "floppy";
    *d = p->drive != NULL ? storage_find(m, p->drive) : NULL;
    if (p->drive != NULL && *d == NULL)
        return storage_no_drive(m, device, p->drive, why, n);
    if (*d != NULL && (*d)->device != NULL)
        return why_set(why, n, -EINVAL,
                       "-device %s: drive '%s' has a device already; with if=none it has none of its own", device,
                       p->drive);
    if (*d != NULL && (*d)->cdrom)
        return why_set(why, n, -EINVAL, "-device %s: drive '%s' is a CD-ROM's; ide-cd shows it", device, p->drive);
    if (p->bus != NULL && strcmp(p->bus, "floppy-bus.0") != 0)
        return why_set(why, n, -EINVAL, "-device %s: there is no bus '%s'; floppy-bus.0 is there", device, p->bus);
    return 0;
}

static int give_place(struct Machine *m, int64_t index, unsigned place, char *why, size_t n) {
    char path[64];
    snprintf(path, sizeof(path), "/pci@i0cf8/isa@1/fdc@%04x/floppy@%x", FDC_BASE, place);
    return boot_order_add(m, "-device floppy", index, path, why, n);
}

int storage_add_floppy_device(struct Machine *m, const char *device, char *list, char *why, size_t n) {
    struct StorageProperties p;
    struct StorageDrive *d;
    int r = storage_read_properties(&p, device, STORAGE_FLOPPY, list, why, n);
    if (r != 0 || (r = find_drive(m, &p, &d, why, n)) != 0)
        return r;
    if (d == NULL && (d = storage_new_drive(m, NULL)) == NULL)
        return why_set(why, n, -ENOMEM, "-device %s: out of memory", device);
    if (d->id[0] == '\0')
        snprintf(d->id, sizeof(d->id), "%s", p.id != NULL ? p.id : "floppy");
    if ((d->device = strdup(p.id != NULL ? p.id : "")) == NULL)
        return why_set(why, n, -ENOMEM, "-device %s: out of memory", device);
    r = add(m, d, (int)p.unit, p.floppy_type > 0 ? (enum FloppyType)p.floppy_type : FLOPPY_NONE, why, n);
    return r != 0 ? r : give_place(m, p.bootindex, d->place, why, n);
}
