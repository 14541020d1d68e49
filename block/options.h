/* SPDX-License-Identifier: MIT */
/**
 * -drive and -blockdev as text, in QEMU's syntax: "key=value,key=value", where ",," is a comma within a value, "KEY"
 * alone is KEY=on and "noKEY" is KEY=off for switches. What is not known is refused by its name, with the nearest one
 * that is.
 *
 *     struct Drive d;
 *     if (drive_parse(&d, "file=disk.qcow2,if=virtio,cache=none", why, sizeof(why)) == 0) {
 *         block_open(&b, &d.block, &host, ...);     // d.block.filename is NULL: an empty drive, of a CD-ROM or floppy
 *         drive_free(&d);                           // any time after block_open
 *     }
 *
 * No thread rules: plain data.
 */
#ifndef TWIN86_BLOCK_OPTIONS_H
#define TWIN86_BLOCK_OPTIONS_H

#include "base/words.h"
#include "block/block.h"
#include "block/on_error.h"

enum DriveInterface {
    DRIVE_IF_DEFAULT, /* the machine's: IDE */
    DRIVE_IF_NONE,    /* for a -device that names it: drive=ID */
    DRIVE_IF_IDE,
    DRIVE_IF_VIRTIO,
    DRIVE_IF_FLOPPY,
    DRIVE_IF_PFLASH,
};
enum DriveMedia { DRIVE_DISK, DRIVE_CDROM };

struct Drive {
    struct BlockOptions block; /* strings live until drive_free */
    enum DriveInterface interface;
    enum DriveMedia media;          /* a CD-ROM's is always readonly */
    int index, bus, unit;           /* -1: not given; index excludes bus and unit */
    enum BlockOnError werror, rerror; /* given or QEMU's: enospc, report */
    const char *id;                 /* NULL: not given */
    char *text;                     /* what strings point into */
};

/** Words of werror= and of rerror=, which has no enospc, for enum BlockOnError; of detect-zeroes=. */
extern const struct Word block_write_error_words[], block_read_error_words[], block_detect_zeroes_words[];

/** The argument of -drive. 0, or -EINVAL with a line in `why`, when there is nothing to free. */
int drive_parse(struct Drive *d, const char *text, char *why, size_t n);
void drive_free(struct Drive *d);

/** A -blockdev: one node, which others name. */
struct Blockdev {
    struct BlockOptions block;  /* .format is its driver; .filename NULL where it is another node's */
    const char *file, *backing; /* names of nodes, or NULL */
    const char *file_node_name; /* of the file, where that is no node of its own; or NULL */
    bool no_backing;            /* backing= without a name */
    char *text, *name;          /* what strings point into */
};

/** The argument of -blockdev: "driver=qcow2,node-name=N,file.filename=PATH" or with "file=NODE"; also "driver=file",
 *  "driver=host_device" and "driver=nbd" by themselves; or all that as JSON. 0 or -EINVAL. */
int blockdev_parse(struct Blockdev *d, const char *text, char *why, size_t n);
void blockdev_free(struct Blockdev *d);

/** What node `name` of these is, with all that it stands on, for block_open: its strings are the nodes'. `backing` has
 *  room for backing nodes' options, one for each of `count`. 0; -ENOENT, -ELOOP or -EINVAL with a line. */
int blockdev_resolve(const struct Blockdev *nodes, size_t count, const char *name, struct BlockOptions *out,
                     struct BlockOptions *backing, char *why, size_t n);

#endif
