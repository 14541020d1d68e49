/* SPDX-License-Identifier: MIT */
/**
 * Virtio 1.2 devices, apart from how the guest finds them: feature bits, status, and split virtqueues with indirect
 * descriptors and event index (specification, chapters 2 and 3). A transport (virtio_pci.h) shows one to the guest; a
 * device (virtio_blk.h) says what it does.
 *
 * Nothing that a guest writes is believed: a ring that loops, a table with a length that can't be, descriptors in the
 * wrong order make the device ask for a reset (DEVICE_NEEDS_RESET), and it does nothing until then. Memory is reached
 * by the function's bus mastering, so never anything but RAM.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_VIRTIO_H
#define TWIN86_DEVICES_VIRTIO_H

#include "devices/pci/pci_dma.h"
#include "devices/state.h"

#include <sys/uio.h>

enum { VIRTIO_QUEUES = 64, VIRTIO_QUEUE_SIZE = 256, VIRTIO_SEGMENTS = 128 };
enum { VIRTIO_NO_VECTOR = 0xffff };

/** Device status (2.1). */
enum {
    VIRTIO_ACKNOWLEDGE = 1,
    VIRTIO_DRIVER = 2,
    VIRTIO_DRIVER_OK = 4,
    VIRTIO_FEATURES_OK = 8,
    VIRTIO_NEEDS_RESET = 64,
    VIRTIO_FAILED = 128,
};

/** Feature bits that are not a device's (6). */
#define VIRTIO_F_NOTIFY_ON_EMPTY (1ull << 24)
#define VIRTIO_F_ANY_LAYOUT (1ull << 27)
#define VIRTIO_F_INDIRECT (1ull << 28)
#define VIRTIO_F_EVENT_INDEX (1ull << 29)
#define VIRTIO_F_VERSION_1 (1ull << 32)

struct VirtioQueueState {
    uint64_t descriptors, available, used; /* guest-physical */
    uint16_t size;                         /* entries: a power of two up to VIRTIO_QUEUE_SIZE */
    uint16_t vector;                       /* of MSI-X */
    uint16_t next;                         /* of the available ring to be taken */
    uint16_t done;                         /* used.idx */
    uint16_t told;                         /* used.idx when the guest was interrupted last */
    bool was_told;
    bool enabled;
    uint8_t unused[4];
};

struct VirtioState {
    uint64_t features; /* those that the driver has accepted */
    struct VirtioQueueState queue[VIRTIO_QUEUES];
    uint8_t status, isr, generation;
    uint8_t unused;
    uint16_t config_vector;
    uint8_t unused_2[2];
};

struct Virtio;

struct VirtioDeviceOps {
    /** The driver has put buffers into queue n, or is about to. Takes what there is, but bounded. */
    void (*notified)(void *opaque, unsigned n);
    /** Forget everything, and take back what is in flight. */
    void (*reset)(void *opaque);
    /** Configuration space, `size` bytes at `offset`, which lie within it. May be NULL: nothing changes by it. */
    void (*config_written)(void *opaque, unsigned offset, unsigned size);
};

struct Virtio {
    struct VirtioState *state; /* the owner's */
    struct PciDevice *pci;     /* which does DMA */
    const struct VirtioDeviceOps *ops;
    void *opaque;
    uint64_t offered; /* features */
    unsigned queues;  /* how many there are */
    uint8_t *config;  /* config_size bytes, little-endian, the owner's: brought up to date by it */
    unsigned config_size;
    /** Interrupt the guest: queue n, or (VIRTIO_QUEUES) a change of configuration. The transport's. */
    void (*interrupt)(void *opaque, unsigned n);
    void *transport;
};

/** A buffer: what the driver gives first is for the device to read, what follows to be written. */
struct VirtioSegment {
    uint64_t address;
    uint32_t length;
};
struct VirtioBuffer {
    uint16_t head;
    uint16_t readable, writable; /* how many segments of each */
    uint64_t readable_bytes, writable_bytes;
    struct VirtioSegment segment[VIRTIO_SEGMENTS];
};

/** Back to what it was before the first driver. */
void virtio_reset(struct Virtio *v);
/** What the driver writes into the status register; 0 resets. */
void virtio_set_status(struct Virtio *v, uint8_t status);
/** Features that the driver accepts. False: after FEATURES_OK nothing changes. */
bool virtio_set_features(struct Virtio *v, uint64_t features);
static inline bool virtio_has(const struct Virtio *v, uint64_t feature) { return (v->state->features & feature) != 0; }
/** The driver rings the bell of queue n. */
void virtio_notify(struct Virtio *v, unsigned n);
/** The device's configuration has changed by itself. */
void virtio_config_changed(struct Virtio *v);
/** Something can't be: NEEDS_RESET, and one line for who looks. */
void virtio_broken(struct Virtio *v, const char *what, uint64_t value);
static inline bool virtio_is_live(const struct Virtio *v) {
    return (v->state->status & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET)) == VIRTIO_DRIVER_OK;
}

/** Where the parts of a queue are by a legacy driver's page frame number (2.7.2). */
void virtio_place_legacy(struct VirtioQueueState *q, uint32_t page);

/** Take the next buffer of queue n. False: there is none, or the device is broken now. */
bool virtio_take(struct Virtio *v, unsigned n, struct VirtioBuffer *b);
/** The buffer that began at `head` once more: a restored device's, which was taken and not given back. */
bool virtio_take_again(struct Virtio *v, unsigned n, uint16_t head, struct VirtioBuffer *b);
/** Whether there is one; if not, the driver notifies of the next. */
bool virtio_is_offered(struct Virtio *v, unsigned n);
/** As if the last `count` had not been taken; nothing was given back since. */
void virtio_untake(struct Virtio *v, unsigned n, unsigned count);
/** Several buffers that the driver is to see at once: number k of them began at `head`, `bytes` written; then
 *  virtio_publish, of all. */
void virtio_fill(struct Virtio *v, unsigned n, unsigned k, uint16_t head, uint32_t bytes);
void virtio_publish(struct Virtio *v, unsigned n, unsigned count);
/** Give it back, `bytes` written; then virtio_tell, once for several. */
void virtio_give(struct Virtio *v, unsigned n, const struct VirtioBuffer *b, uint32_t bytes);
/** Interrupt the guest if it wants to hear of what was given back. */
void virtio_tell(struct Virtio *v, unsigned n);

/** Copy `bytes` from `skip` on of the readable, or to the writable segments. False: not all was RAM. The range lies
 *  within them. */
bool virtio_read(struct Virtio *v, const struct VirtioBuffer *b, uint64_t skip, void *to, size_t bytes);
bool virtio_write(struct Virtio *v, const struct VirtioBuffer *b, uint64_t skip, const void *from, size_t bytes);

/** The host's memory of all `b`'s writable or readable bytes from `skip` on, as at most `max` pieces in `iov`: for
 *  transfers of the host's own. How many pieces; 0: some of it can't be had so, and is to be copied. */
int virtio_map(struct Virtio *v, const struct VirtioBuffer *b, bool writable, uint64_t skip, uint64_t bytes,
               struct iovec *iov, int max);
/** `bytes` of the writable segments of what was mapped have been written. */
void virtio_written(struct Virtio *v, const struct VirtioBuffer *b, uint64_t bytes);

/** A VirtioState within another device's state, and whether it can be. */
extern const struct StateTable virtio_state_table;
const char *virtio_check(const struct VirtioState *s);

#endif
