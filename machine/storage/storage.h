/* SPDX-License-Identifier: MIT */
/**
 * Disks: -drive and -device made into images (block/) behind drives (devices/ide/), and what is done with them while
 * the machine runs. docs/devices.md is about the options.
 *
 * All functions but storage_create and storage_destroy: machine lock held.
 */
#ifndef TWIN86_MACHINE_STORAGE_H
#define TWIN86_MACHINE_STORAGE_H

#include "block/options.h"
#include "devices/floppy/fdc.h"
#include "devices/ide/piix3_ide.h"
#include "devices/virtio/virtio_blk.h"
#include "devices/virtio/virtio_pci.h"
#include "include/twin86.h"
#include "machine/loop.h"

struct Machine;

/** A -drive: an image, or an empty place for one, and the device that shows it to the guest. */
struct StorageDrive {
    struct StorageDrive *next;
    struct Machine *machine;
    struct Drive options;
    char id[64];         /* or, of a -blockdev, its node-name */
    const char *node;    /* the -blockdev's name; NULL: it is a -drive */
    struct Block *block; /* NULL: no medium */
    struct LoopWork work;
    char *device; /* the device's id ("" if it has none); NULL: none shows it */
    bool cdrom, virtio, floppy;
    unsigned channel, place; /* of IDE, when there is a device, and it is no other's; of floppy drives `place` */
    unsigned slot;           /* on PCI, of virtio's */
    bool last_was_write;
    int last_error; /* -errno for which the machine was stopped; 0: none since it went on */
};

/** A virtio block device, and the drive that it shows; NULL: there is none. */
struct StorageVirtio {
    struct VirtioPci pci;
    struct VirtioBlk blk;
    struct StorageDrive *drive;
};

enum { STORAGE_VIRTIO = 8 };

struct Storage {
    struct Blockdev *nodes; /* of -blockdev */
    size_t node_count;
    struct StorageDrive *drives; /* as they were given, those of nodes first */
    struct StorageVirtio virtio[STORAGE_VIRTIO];
    /* coalesce.c: notifications with requests that were done and not told of yet; how often one came alone */
    _Atomic unsigned untold;
    unsigned alone;
    struct LoopTimer tell_timer;
    struct LoopWork tell_work;
};

/** Open all images and put all drives in. Devices are wired. 0 or -errno with `why`. */
int storage_create(struct Machine *m, const Twin86Config *config, char *why, size_t n);
void storage_destroy(struct Machine *m);
/** Virtio's devices to their power-up state; pci_reset was called. */
void storage_reset(struct Machine *m);
/** The states of virtio's devices were restored. */
void storage_restored(struct Machine *m);
/** Wait until nothing is on its way between guest and images. */
void storage_drain(struct Machine *m);
/** The machine goes on: what was stopped by an error is tried again. */
void storage_resume(struct Machine *m);
/** VirtioBlkOps.tell_later: `opaque` is the struct StorageVirtio. */
bool storage_tell_later(void *opaque);
/** Let the interrupts go that wait because of it. */
void storage_tell(struct Machine *m);
/** A vCPU has nothing to do. Any thread, lock not held. */
void storage_vcpu_idle(struct Machine *m);
void storage_coalesce_init(struct Machine *m);
/** An error of the host's (-errno) at that drive: tell, and if that is the action stop the machine. */
void storage_failed(struct StorageDrive *d, bool write, int error, enum BlockOnError action);
/** IdeOps.failed and .tray_moved: `opaque` is the machine. */
void storage_ide_failed(void *opaque, unsigned channel, unsigned place, bool write, int error,
                        enum BlockOnError action);
void storage_tray_moved(void *opaque, unsigned channel, unsigned place, bool open);
/** Tell of an error on a drive: `text` gets a line. */
void storage_describe_error(const struct Machine *m, char *text, size_t n);

/** The drive of that id, or that the device of that id shows; NULL: there is none. */
struct StorageDrive *storage_find(struct Machine *m, const char *id);
/** Take the medium out of a CD-ROM or floppy drive: *out, or NULL, is to be closed without the machine lock, for a
 *  server may take its time. 0 or -errno with `why`. */
int storage_eject(struct Machine *m, const char *id, bool force, struct Block **out, char *why, size_t n);
/** Open another medium for it; `format` NULL: as it looks. Without the machine lock, and with the guest running: a
 *  server may take its time. By the thread that serves monitors, which alone changes drives. 0 or -errno with `why`. */
int storage_open_medium(struct Machine *m, const char *id, const char *file, const char *format, struct Block **block,
                        char *why, size_t n);
/** Put *block in. It is what was there afterwards, or NULL, or on failure the same as before: to be closed as above. 0
 *  or -errno with `why`. */
int storage_change(struct Machine *m, const char *id, struct Block **block, bool force, char *why, size_t n);
/** Make its image larger or smaller, and tell the guest. 0 or -errno with `why`. */
int storage_resize(struct Machine *m, const char *id, uint64_t size, char *why, size_t n);
/** Put what is in its image into the backing file, and empty it. Takes its time. 0 or -errno with `why`. */
int storage_commit(struct Machine *m, const char *id, char *why, size_t n);

/** `info block`, of one drive or (NULL) all. False: there is no such drive. */
bool storage_print(struct Machine *m, const char *id, bool verbose, FILE *f);
/** `info blockstats`. */
void storage_print_stats(const struct Machine *m, FILE *f);
enum { STORAGE_NODE_NAME = 128 };
/** The name of an image in the drive's chain, or of the file under it: as was given, else of our making in `name`. */
const char *storage_node_name(const struct StorageDrive *d, unsigned depth, bool file, char name[STORAGE_NODE_NAME]);

/** Read all -blockdev, and open those that no other stands on as drives without a device. 0 or -errno with `why`. */
int storage_open_nodes(struct Machine *m, const Twin86Config *config, char *why, size_t n);
void storage_free_nodes(struct Machine *m);
/** -EINVAL: `device` names a drive that can't be found; the line says whether it is part of another. */
int storage_no_drive(const struct Machine *m, const char *device, const char *drive, char *why, size_t n);

struct StorageProperties;
/** What a device's properties say of its drive. */
void storage_apply(struct StorageDrive *d, const struct StorageProperties *p);

/** One more drive, last in the list, with what `o` says, which is its own from now on (NULL: an empty CD-ROM). NULL: no
 * memory. */
struct StorageDrive *storage_new_drive(struct Machine *m, const struct Drive *o);
/** Open an image for it. 0 or -errno with `why`. */
int storage_open(struct StorageDrive *d, struct Block **block, const struct BlockOptions *o, char *why, size_t n);

/** Put a device of -device in: "ide-hd,drive=ID,...". 0 or -errno with `why`. */
int storage_add_device(struct Machine *m, const char *text, char *why, size_t n);
/** The same of these kinds: `list` is what follows the name, and may be cut up. */
int storage_add_ide_device(struct Machine *m, const char *device, char *list, char *why, size_t n);
int storage_add_virtio_device(struct Machine *m, const char *device, char *list, char *why, size_t n);
int storage_add_floppy_device(struct Machine *m, const char *device, char *list, char *why, size_t n);
/** The size of a virtio drive's image has changed. */
void storage_virtio_resized(struct Machine *m, const struct StorageDrive *d);
/** Show a drive of if=virtio in the next free slot. 0 or -errno with `why`. */
int storage_add_virtio(struct Machine *m, struct StorageDrive *d, char *why, size_t n);
/** Show a drive of if=floppy at its place. 0 or -errno with `why`. */
int storage_add_floppy(struct Machine *m, struct StorageDrive *d, char *why, size_t n);
/** Does a disk of that size go into a drive of that type? 0 or -EFBIG with `why`. */
int storage_floppy_fits(const struct StorageDrive *d, enum FloppyType type, uint64_t size, char *why, size_t n);
/** Show a drive of if=ide at its place. 0 or -errno with `why`. */
int storage_add_ide(struct Machine *m, struct StorageDrive *d, unsigned channel, unsigned place,
                    const struct IdeDriveConfig *config, char *why, size_t n);

#endif
