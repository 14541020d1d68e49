/* SPDX-License-Identifier: MIT */
/**
 * Virtio devices that are no disks, as -device, -object and -fsdev ask for them: entropy, balloon, consoles, shared
 * folders. docs/devices.md is about the options.
 *
 * All functions but those of creation and destruction: machine lock held.
 */
#ifndef TWIN86_MACHINE_VIRTIO_H
#define TWIN86_MACHINE_VIRTIO_H

#include "devices/virtio/virtio_9p.h"
#include "devices/virtio/virtio_balloon.h"
#include "devices/virtio/virtio_input.h"
#include "devices/virtio/virtio_pci.h"
#include "devices/virtio/virtio_rng.h"
#include "devices/virtio/virtio_serial.h"
#include "include/twin86.h"
#include "machine/loop.h"

struct Machine;

/** Where random bytes come from: -object. */
struct RngSource {
    struct RngSource *next;
    struct Machine *machine;
    char *id, *filename; /* filename NULL: the host's kernel (rng-builtin) */
    int fd;              /* without waits; -1: rng-builtin, or it has ended */
    bool used, watched;
    struct LoopWork ready; /* what was empty has bytes */
};

/** A machine has at most one of each; plugged: this machine does. */
struct VirtioRngDevice {
    struct VirtioPci pci;
    struct VirtioRng rng;
    struct RngSource *source;
    bool plugged;
};

struct VirtioBalloonDevice {
    struct VirtioPci pci;
    struct VirtioBalloon balloon;
    char *id;
    struct LoopWork more;
    int64_t stats_at; /* when the guest told statistics last, in seconds since 1970; 0: it has not */
    bool plugged;
};

struct VirtioSerialDevice {
    struct VirtioPci pci;
    struct VirtioSerial serial;
    char *id;
    struct LoopWork more;
    bool plugged;
};

/** A folder of the host's that a device may show: -fsdev. */
struct FolderExport {
    struct FolderExport *next;
    char *id, *path;
    struct Fs9pOptions options;
    bool used;
};

enum { VIRTIO_FOLDERS = 4 };

struct VirtioFolderDevice {
    struct VirtioPci pci;
    struct Virtio9p p9;
    struct Fs9p *server;
    struct Machine *machine;
    struct LoopWork finished;
    bool plugged;
};

struct VirtioInputDevice {
    struct VirtioPci pci;
    struct VirtioInput input;
    bool plugged;
};

struct VirtioDevices {
    struct RngSource *sources;
    struct FolderExport *exports;
    struct VirtioFolderDevice folder[VIRTIO_FOLDERS];
    struct VirtioSerialDevice serial;
    struct VirtioRngDevice rng;
    struct VirtioBalloonDevice balloon;
    struct VirtioInputDevice input[VIRTIO_INPUT_KINDS];
};

/** The sources that -object names. Before devices are put in. 0 or -errno with `why`. */
int virtio_create_objects(struct Machine *m, const Twin86Config *config, char *why, size_t n);
/** The folders that -fsdev names. Before devices are put in. 0 or -errno with `why`. */
int virtio_create_exports(struct Machine *m, const Twin86Config *config, char *why, size_t n);
/** What sources wait for is served in the machine's loop from now on. 0 or -errno with `why`. */
int virtio_start(struct Machine *m, char *why, size_t n);
void virtio_destroy(struct Machine *m);
void virtio_devices_reset(struct Machine *m);
void virtio_devices_restored(struct Machine *m);

/** The same of shared folders, which those above call. */
void virtio_folders_reset(struct Machine *m);
void virtio_folders_restored(struct Machine *m);
/** The machine's threads are about to end: nothing is posted to them any more. */
void virtio_folders_silence(struct Machine *m);
/** They have ended. */
void virtio_folders_destroy(struct Machine *m);
/** Wait for what is on its way between the guest and shared folders: it is in no state. */
void virtio_folders_drain(struct Machine *m);

/** The first slot of the PCI bus that is free; PCI_SLOTS: none is. */
unsigned virtio_free_slot(const struct Machine *m);

/** Where and how to plug a function, as properties that every device has say it. */
struct VirtioPlug {
    const char *id; /* NULL: it has none */
    uint64_t slot;  /* 0: the first free one */
    const char *romfile;
};
/** id=, bus=, addr= or romfile=: true if it was one of these and right. */
bool virtio_plug_property(struct VirtioPlug *p, const char *key, const char *value);
/** Its slot: the one it was given, else the first free one. 0, or -EINVAL with `why` for `name`: it is taken. */
int virtio_choose_slot(struct Machine *m, const struct VirtioPlug *p, const char *name, unsigned *slot, char *why,
                       size_t n);
/** Put it onto the bus, with `vectors` of MSI-X. 0 or -errno with `why`. */
int virtio_plug(struct Machine *m, struct VirtioPci *pci, struct Virtio *v, const struct VirtioPlug *p,
                unsigned vectors, char *why, size_t n);

/** Put a device of -device in: `list` is what follows the name, and may be cut up. 0 or -errno with `why`. */
int virtio_add_rng(struct Machine *m, const char *device, char *list, char *why, size_t n);
int virtio_add_balloon(struct Machine *m, const char *device, char *list, char *why, size_t n);
int virtio_add_serial(struct Machine *m, const char *device, char *list, char *why, size_t n);
int virtio_add_input(struct Machine *m, const char *device, char *list, char *why, size_t n);
int virtio_add_folder(struct Machine *m, const char *device, char *list, char *why, size_t n);
int virtio_add_port(struct Machine *m, const char *device, char *list, char *why, size_t n);

/** The device of that kind, if there is one and the guest has a driver on it; else NULL. */
struct VirtioInput *virtio_input_of(struct Machine *m, enum VirtioInputKind kind);

/** Random bytes: VirtioRngOps.read; `opaque` is the struct RngSource. */
size_t virtio_rng_source_read(void *opaque, uint8_t *to, size_t n);
struct RngSource *virtio_find_source(struct Machine *m, const char *id);
/** One that has no name: the host's kernel. NULL: no memory. */
struct RngSource *virtio_builtin_source(struct Machine *m);

/** Ask the guest to give pages until it has `bytes` of RAM. 0 or -errno with `why`. */
int virtio_balloon_target(struct Machine *m, uint64_t bytes, char *why, size_t n);
/** Bytes of RAM that the guest has now. False: there is no balloon. */
bool virtio_balloon_actual(const struct Machine *m, uint64_t *bytes);

#endif
