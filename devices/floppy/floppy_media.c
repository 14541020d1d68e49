/* SPDX-License-Identifier: MIT */
/* Formats of floppy disks. */
#include "devices/floppy/floppy_media.h"

#include <stddef.h>

/* Kinds of disks: 5.25 inches double and high density; 3.5 inches double, high and extra density. */
enum Kind { DD5, HD5, DD3, HD3, ED3 };

static const struct Format {
    uint8_t cylinders, heads, sectors;
    uint8_t kind; /* enum Kind */
    bool usual;   /* what an image of an unusual size is taken for */
} formats[] = {
    {40, 1, 8, DD5, false},  {40, 1, 9, DD5, false},  {40, 2, 8, DD5, false},  {40, 2, 9, DD5, true},
    {40, 2, 10, DD5, false}, {80, 2, 9, DD3, true},   {80, 2, 10, DD3, false}, {82, 2, 10, DD3, false},
    {83, 2, 10, DD3, false}, {80, 2, 15, HD5, true},  {80, 2, 18, HD3, true},  {80, 2, 20, HD3, false},
    {80, 2, 21, HD3, false}, {82, 2, 21, HD3, false}, {83, 2, 21, HD3, false}, {80, 2, 22, HD3, false},
    {80, 2, 23, HD3, false}, {80, 2, 24, HD3, false}, {80, 2, 36, ED3, true},  {80, 2, 39, ED3, false},
    {80, 2, 40, ED3, false}, {80, 2, 44, ED3, false}, {80, 2, 48, ED3, false},
};
enum { FORMATS = sizeof(formats) / sizeof(formats[0]) };

/* Disks and data rates by drive; a drive of 1.2 MB turns faster than one of 360 KB. */
static const struct Drive {
    const char *name;
    uint8_t cylinders; /* within reach */
    uint8_t kinds;     /* 1 << enum Kind */
    uint8_t rate[ED3 + 1];
} drives[FLOPPY_TYPES] = {
    [FLOPPY_360] = {"360 KB, 5.25 inches", 42, 1 << DD5, {[DD5] = FLOPPY_RATE_250}},
    [FLOPPY_120] = {"1.2 MB, 5.25 inches", 84, 1 << DD5 | 1 << HD5, {[DD5] = FLOPPY_RATE_300, [HD5] = FLOPPY_RATE_500}},
    [FLOPPY_720] = {"720 KB, 3.5 inches", 84, 1 << DD3, {[DD3] = FLOPPY_RATE_250}},
    [FLOPPY_144] = {"1.44 MB, 3.5 inches", 84, 1 << DD3 | 1 << HD3, {[DD3] = FLOPPY_RATE_250, [HD3] = FLOPPY_RATE_500}},
    [FLOPPY_288] = {"2.88 MB, 3.5 inches",
                    84,
                    1 << DD3 | 1 << HD3 | 1 << ED3,
                    {[DD3] = FLOPPY_RATE_250, [HD3] = FLOPPY_RATE_500, [ED3] = FLOPPY_RATE_1000}},
};

static uint64_t size_of(const struct Format *f) {
    return (uint64_t)f->cylinders * f->heads * f->sectors * FLOPPY_SECTOR;
}

static const struct Format *exact_format(unsigned kinds, uint64_t bytes) {
    for (unsigned i = 0; i < FORMATS; i++)
        if ((kinds >> formats[i].kind & 1) && size_of(&formats[i]) == bytes)
            return &formats[i];
    return NULL;
}

/* The smallest usual one that has room, of high density rather than of double: what a drive is there for. */
static const struct Format *roomy_format(unsigned kinds, uint64_t bytes) {
    enum { DENSE = 1 << HD5 | 1 << HD3 | 1 << ED3 };
    unsigned preferred = kinds & DENSE ? kinds & DENSE : kinds;
    for (unsigned i = 0; i < FORMATS; i++)
        if ((preferred >> formats[i].kind & 1) && formats[i].usual && size_of(&formats[i]) >= bytes)
            return &formats[i];
    return NULL;
}

static const struct Format *find_format(unsigned kinds, uint64_t bytes) {
    const struct Format *f = exact_format(kinds, bytes);
    return f != NULL ? f : roomy_format(kinds, bytes);
}

bool floppy_medium(enum FloppyType type, uint64_t bytes, struct FloppyMedium *m) {
    const struct Drive *d = &drives[type];
    const struct Format *f = find_format(d->kinds, bytes);
    /* what another drive knows exactly is not taken for something else */
    if (f == NULL || (size_of(f) != bytes && exact_format(~0u, bytes) != NULL))
        return false;
    *m = (struct FloppyMedium){f->cylinders, f->heads, f->sectors, d->rate[f->kind],
                               f->cylinders <= 42 && d->cylinders > 42 ? 2 : 1};
    return true;
}

enum FloppyType floppy_type_for(uint64_t bytes) {
    static const uint8_t types[] = {
        [DD5] = FLOPPY_360, [HD5] = FLOPPY_120, [DD3] = FLOPPY_144, [HD3] = FLOPPY_144, [ED3] = FLOPPY_288};
    const struct Format *f = exact_format(~0u, bytes);
    if (f == NULL)
        f = roomy_format(1 << HD3 | 1 << ED3, bytes);
    return f != NULL ? types[f->kind] : FLOPPY_NONE;
}

unsigned floppy_cylinders(enum FloppyType type) { return drives[type].cylinders; }
const char *floppy_type_name(enum FloppyType type) { return drives[type].name; }
