/* SPDX-License-Identifier: MIT */
/* See properties.h. Names and limits are QEMU's. */
#include "machine/storage/properties.h"
#include "base/lists.h"
#include "base/why.h"
#include "devices/floppy/fdc.h"
#include "devices/ide/ide.h"
#include "devices/pci/pci.h"
#include "devices/virtio/virtio_blk.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    IDE = STORAGE_IDE_HD | STORAGE_IDE_CD,
    DISKS = STORAGE_IDE_HD | STORAGE_VIRTIO_BLK,
    NOT_FLOPPY = IDE | DISKS,
    ALL = NOT_FLOPPY | STORAGE_FLOPPY
};
_Static_assert((int)FDC_DRIVES == (int)IDE_DRIVES, "one limit of unit= for both");
enum { BLOCK_MOST = 2 << 20, SECTOR = 512 };

static const struct Word switches[] = {{"on", 1}, {"off", 0}, {NULL, 0}};
static const struct Word floppy_types[] = {{"120", FLOPPY_120}, {"144", FLOPPY_144}, {"288", FLOPPY_288}, {NULL, 0}};

enum Kind { TEXT, NUMBER, SIZE, POWER, SLOT, WORD, WORD_OR_AUTO };

/* TEXT: `most` characters. NUMBER: from `least` to `most`. SIZE: a multiple of 512 up to `most`; POWER: a power of 2.
 * SLOT: a hexadecimal number. WORD_OR_AUTO: "auto" is as if nothing were said.
 */
static const struct Property {
    const char *name;
    unsigned devices;
    enum Kind kind;
    size_t member;
    int64_t least, most;
    const struct Word *words;
} properties[] = {
#define AT(member) offsetof(struct StorageProperties, member)
    {"drive", ALL, TEXT, AT(drive), 1, 63, NULL},
    {"id", ALL, TEXT, AT(id), 1, 63, NULL},
    {"bus", ALL, TEXT, AT(bus), 1, 63, NULL},
    {"bootindex", ALL, NUMBER, AT(bootindex), STORAGE_NOT_GIVEN, INT32_MAX, NULL},
    {"romfile", STORAGE_VIRTIO_BLK, TEXT, AT(romfile), 0, 4095, NULL},
    {"drive-type", STORAGE_FLOPPY, WORD_OR_AUTO, AT(floppy_type), 0, 0, floppy_types},
    {"serial", NOT_FLOPPY, TEXT, AT(serial), 0, VIRTIO_BLK_SERIAL, NULL},
    {"model", IDE, TEXT, AT(model), 0, 40, NULL},
    {"ver", IDE, TEXT, AT(version), 0, 8, NULL},
    {"unit", IDE | STORAGE_FLOPPY, NUMBER, AT(unit), 0, IDE_DRIVES - 1, NULL},
    {"addr", STORAGE_VIRTIO_BLK, SLOT, AT(slot), PCI_FIRST_FREE_SLOT, PCI_SLOTS - 1, NULL},
    {"num-queues", STORAGE_VIRTIO_BLK, NUMBER, AT(queues), 1, VIRTIO_BLK_QUEUES, NULL},
    {"write-cache", DISKS, WORD_OR_AUTO, AT(write_cache), 0, 0, switches},
    {"logical_block_size", DISKS, POWER, AT(logical), SECTOR, BLOCK_MOST, NULL},
    {"physical_block_size", DISKS, POWER, AT(physical), SECTOR, BLOCK_MOST, NULL},
    {"min_io_size", STORAGE_VIRTIO_BLK, SIZE, AT(min_io), 0, 65535 * SECTOR, NULL},
    {"opt_io_size", STORAGE_VIRTIO_BLK, SIZE, AT(opt_io), 0, 1ll << 30, NULL},
    {"discard_granularity", STORAGE_VIRTIO_BLK, SIZE, AT(granularity), 0, 1ll << 30, NULL},
    {"discard", STORAGE_VIRTIO_BLK, WORD, AT(discard), 0, 0, switches},
    {"write-zeroes", STORAGE_VIRTIO_BLK, WORD, AT(write_zeroes), 0, 0, switches},
    {"werror", DISKS, WORD_OR_AUTO, AT(werror), 0, 0, block_write_error_words},
    {"rerror", NOT_FLOPPY, WORD_OR_AUTO, AT(rerror), 0, 0, block_read_error_words},
#undef AT
};
enum { PROPERTIES = sizeof(properties) / sizeof(properties[0]) };

static const struct Property *find(const char *name, unsigned kind) {
    for (unsigned i = 0; i < PROPERTIES; i++)
        if (properties[i].devices & kind && strcmp(properties[i].name, name) == 0)
            return &properties[i];
    return NULL;
}

static int unknown(const char *device, unsigned kind, const char *name, char *why, size_t n) {
    struct Nearest near = {0};
    for (unsigned i = 0; i < PROPERTIES; i++)
        if (properties[i].devices & kind)
            nearest_consider(&near, name, properties[i].name);
    return why_set(why, n, -EINVAL, "-device %s has no property '%s'; the nearest is '%s'", device, name, near.name);
}

/* "4K", "65536". */
static bool read_size(const char *text, int64_t *size) {
    char digits[24];
    size_t length = strlen(text);
    uint64_t number, unit = 1;
    if (length == 0 || length >= sizeof(digits))
        return false;
    memcpy(digits, text, length + 1);
    const char *suffix = strchr("KkMm", digits[length - 1]);
    if (suffix != NULL) {
        unit = *suffix == 'K' || *suffix == 'k' ? 1 << 10 : 1 << 20;
        digits[length - 1] = '\0';
    }
    if (!list_number(digits, INT64_MAX >> 20, &number))
        return false;
    *size = (int64_t)(number * unit);
    return true;
}

static bool read_number(const struct Property *p, const char *value, int64_t *number) {
    uint64_t plain;
    if (p->least < 0 && strcmp(value, "-1") == 0)
        return *number = STORAGE_NOT_GIVEN, true;
    if (p->kind == NUMBER || p->kind == SLOT) {
        if (!(p->kind == SLOT ? list_pci_slot : list_number)(value, INT64_MAX, &plain))
            return false;
        *number = (int64_t)plain;
    } else if (!read_size(value, number) || *number % SECTOR != 0 ||
               (p->kind == POWER && (*number & (*number - 1)) != 0)) {
        return false;
    }
    return *number >= p->least && *number <= p->most;
}

static int set_number(const struct Property *p, const char *device, const char *value, int64_t *to, char *why,
                      size_t n) {
    static const char *const what[] = {[NUMBER] = "a number", [SIZE] = "a multiple of 512", [POWER] = "a power of 2"};
    if (read_number(p, value, to))
        return 0;
    if (p->kind == SLOT)
        return why_set(why, n, -EINVAL, "-device %s: %s=%s is not right; a hexadecimal number from %llx to %llx is",
                       device, p->name, value, (long long)p->least, (long long)p->most);
    return why_set(why, n, -EINVAL, "-device %s: %s=%s is not right; %s from %lld to %lld is", device, p->name, value,
                   what[p->kind], (long long)p->least, (long long)p->most);
}

static int set_word(const struct Property *p, const char *device, const char *value, int64_t *to, char *why, size_t n) {
    bool automatic = p->kind == WORD_OR_AUTO;
    const struct Word *w = word_find(p->words, value);
    struct Nearest near = {0};
    if (w != NULL || (automatic && strcmp(value, "auto") == 0))
        return *to = w != NULL ? w->value : STORAGE_NOT_GIVEN, 0;
    words_consider(&near, p->words, value);
    if (automatic)
        nearest_consider(&near, value, "auto");
    return why_set(why, n, -EINVAL, "-device %s: %s=%s is not right; the nearest is %s=%s", device, p->name, value,
                   p->name, near.name);
}

static int set(const struct Property *p, struct StorageProperties *all, const char *device, const char *value,
               char *why, size_t n) {
    void *member = (char *)all + p->member;
    if (p->words != NULL)
        return set_word(p, device, value, member, why, n);
    if (p->kind != TEXT)
        return set_number(p, device, value, member, why, n);
    size_t length = strlen(value);
    if (length < (size_t)p->least || length > (size_t)p->most)
        return why_set(why, n, -EINVAL, "-device %s: %s=%s is too %s; %lld characters are the %s", device, p->name,
                       value, length > (size_t)p->most ? "long" : "short",
                       (long long)(length > (size_t)p->most ? p->most : p->least),
                       length > (size_t)p->most ? "most" : "least");
    *(const char **)member = value;
    return 0;
}

/* What no single value shows. */
static int check(const struct StorageProperties *p, const char *device, unsigned kind, char *why, size_t n) {
    int64_t logical = p->logical > 0 ? p->logical : SECTOR;
    if (kind == STORAGE_IDE_HD && logical != SECTOR)
        return why_set(why, n, -EINVAL, "-device %s: logical_block_size=%lld is not for IDE; 512 is", device,
                       (long long)logical);
    if (p->physical > 0 && p->physical < logical)
        return why_set(why, n, -EINVAL, "-device %s: logical_block_size=%lld is more than physical_block_size=%lld",
                       device, (long long)logical, (long long)p->physical);
    const int64_t multiples[] = {p->min_io, p->opt_io, p->granularity};
    for (unsigned i = 0; i < sizeof(multiples) / sizeof(multiples[0]); i++)
        if (multiples[i] > 0 && multiples[i] % logical != 0)
            return why_set(why, n, -EINVAL, "-device %s: %lld is no multiple of logical_block_size=%lld", device,
                           (long long)multiples[i], (long long)logical);
    return 0;
}

int storage_read_properties(struct StorageProperties *p, const char *device, unsigned kind, char *list, char *why,
                            size_t n) {
    char *key, *value;
    memset(p, 0, sizeof(*p));
    for (unsigned i = 0; i < PROPERTIES; i++)
        if (properties[i].kind != TEXT)
            *(int64_t *)((char *)p + properties[i].member) = STORAGE_NOT_GIVEN;
    while (list_cut_property(&list, &key, &value)) {
        const struct Property *property = find(key, kind);
        if (property == NULL)
            return unknown(device, kind, key, why, n);
        int r = set(property, p, device, value != NULL ? value : property->words != NULL ? "on" : "", why, n);
        if (r != 0)
            return r;
    }
    return check(p, device, kind, why, n);
}
