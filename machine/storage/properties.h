/* SPDX-License-Identifier: MIT */
/** Properties of -device that drives have, by one table. */
#ifndef TWIN86_MACHINE_STORAGE_PROPERTIES_H
#define TWIN86_MACHINE_STORAGE_PROPERTIES_H

#include "block/options.h"

struct Machine;

/** Which devices have a property. */
enum { STORAGE_IDE_HD = 1, STORAGE_IDE_CD = 2, STORAGE_VIRTIO_BLK = 4, STORAGE_FLOPPY = 8 };

enum { STORAGE_NOT_GIVEN = -1 };

/** What was said; texts NULL and numbers STORAGE_NOT_GIVEN where nothing was. */
struct StorageProperties {
    const char *drive, *bus, *id, *serial, *model, *version, *romfile;
    int64_t unit, slot, queues, bootindex;
    int64_t floppy_type;                                    /* enum FloppyType */
    int64_t logical, physical, min_io, opt_io, granularity; /* bytes */
    int64_t write_cache, discard, write_zeroes;             /* 0, 1; write_cache=auto: not given */
    int64_t werror, rerror;                                 /* enum BlockOnError */
};

/** Read `list`, which is cut up and stays with *p, as the properties of a device of that kind. 0, or -EINVAL with a
 * line, which for an unknown name tells the nearest. */
int storage_read_properties(struct StorageProperties *p, const char *device, unsigned kind, char *list, char *why,
                            size_t n);

#endif
