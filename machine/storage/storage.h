/* SPDX-License-Identifier: MIT */
/**
 * Disks: -drive and -device made into images (block/) behind drives (devices/ide/), and what is done with them while
 * the machine runs. docs/devices.md is about the options.
 *
 * All functions but storage_create and storage_destroy: machine lock held.
 */
#ifndef TWIN86_MACHINE_STORAGE_H
#define TWIN86_MACHINE_STORAGE_H

#include "block/block.h"
#include "devices/ide/piix3_ide.h"
#include "include/twin86.h"
#include "machine/loop.h"

struct Machine;

enum DriveInterface { DRIVE_IF_IDE, DRIVE_IF_NONE };

/** -drive, read. Strings point into `text`. */
struct DriveOptions {
    char *text;
    const char *file, *format, *id, *serial;
    int interface, media, cache, aio, discard, detect_zeroes, locking, read_error, write_error; /* -1: not given */
    int64_t index, bus, unit;                                                                   /* -1: not given */
    bool readonly, snapshot, has_snapshot;
};
enum { DRIVE_MEDIA_DISK, DRIVE_MEDIA_CDROM };

/** A -drive: an image, or an empty place for one, and the device that shows it to the guest. */
struct Drive {
    struct Drive *next;
    struct Machine *machine;
    struct DriveOptions options;
    char id[64];
    struct Block *block; /* NULL: no medium */
    struct LoopWork work;
    char *device; /* the device's id ("" if it has none); NULL: none shows it */
    bool cdrom;
    unsigned channel, place; /* of IDE, when there is a device */
    bool last_was_write;
    int last_error; /* -errno for which the machine was stopped; 0: none since it went on */
};

struct Storage {
    struct Drive *drives; /* as they were given */
};

/** Read one -drive. 0, or -EINVAL with a line; `o->text` is to be freed in either case. */
int drive_options_parse(struct DriveOptions *o, const char *text, char *why, size_t n);
/** What to open, of `file`. */
struct BlockOptions drive_block_options(const struct DriveOptions *o, const char *file);

/** Open all images and put all drives in. Devices are wired. 0 or -errno with `why`. */
int storage_create(struct Machine *m, const Twin86Config *config, char *why, size_t n);
void storage_destroy(struct Machine *m);
/** Wait until nothing is on its way between guest and images. */
void storage_drain(struct Machine *m);
/** The machine goes on: what was stopped by an error is tried again. */
void storage_resume(struct Machine *m);
/** IdeOps.stop: `opaque` is the machine. */
void storage_ide_failed(void *opaque, unsigned channel, unsigned place, bool write, int error);
/** Tell of an error on a drive: `text` gets a line. */
void storage_describe_error(const struct Machine *m, char *text, size_t n);

/** The drive of that id, or that the device of that id shows; NULL: there is none. */
struct Drive *storage_find(struct Machine *m, const char *id);
/** Take the medium out of a CD-ROM. 0 or -errno with `why`. */
int storage_eject(struct Machine *m, const char *id, bool force, char *why, size_t n);
/** Put another one in; `format` NULL: as it looks. 0 or -errno with `why`; on failure the old one stays. */
int storage_change(struct Machine *m, const char *id, const char *file, const char *format, bool force, char *why,
                   size_t n);
/** `info block`. */
void storage_print(const struct Machine *m, FILE *f);

/** One more drive, last in the list, with `o`'s strings (NULL: with none). NULL: no memory. */
struct Drive *storage_new_drive(struct Machine *m, const struct DriveOptions *o);
/** Open its image. 0 or -errno with `why`. */
int storage_open(struct Drive *d, struct Block **block, const struct DriveOptions *o, const char *file, char *why,
                 size_t n);

/** Put devices of -device in: "ide-hd,drive=ID,...". 0 or -errno with `why`. */
int storage_add_device(struct Machine *m, const char *text, char *why, size_t n);
/** Show a drive of if=ide at its place. 0 or -errno with `why`. */
int storage_add_ide(struct Machine *m, struct Drive *d, unsigned channel, unsigned place,
                    const struct IdeDriveConfig *config, char *why, size_t n);

#endif
