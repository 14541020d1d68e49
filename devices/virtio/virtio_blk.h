/* SPDX-License-Identifier: MIT */
/**
 * Virtio block device (specification 1.2, 5.2): read, write, flush, identification, discard and write zeroes, several
 * queues. A request is checked against the disk before anything begins, and moves between the image and the guest's RAM
 * without a copy; where its memory is no RAM in whole segments, through a buffer of its own in pieces of
 * VIRTIO_BLK_PIECE bytes. It is one of VIRTIO_BLK_REQUESTS that are on their way at once; the others wait in the ring.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_VIRTIO_BLK_H
#define TWIN86_DEVICES_VIRTIO_BLK_H

#include "block/block.h"
#include "block/on_error.h"
#include "devices/virtio/virtio.h"

enum {
    VIRTIO_BLK_QUEUES = 8,
    VIRTIO_BLK_REQUESTS = 64,
    VIRTIO_BLK_PIECE = 128 * 1024,
    VIRTIO_BLK_SERIAL = 20,
    VIRTIO_BLK_CONFIG = 60, /* bytes of configuration space */
};

struct VirtioBlkState {
    struct VirtioState virtio;
    uint8_t write_cache; /* as the driver has set it */
    uint8_t unused[7];
    uint64_t stopped_count;                /* requests that an error of the host's has stopped */
    uint32_t stopped[VIRTIO_BLK_REQUESTS]; /* these: queue << 16 | head */
};

struct VirtioBlk;

struct VirtioBlkRequest {
    struct VirtioBlk *blk;
    struct VirtioBlkRequest *next; /* free, or stopped */
    struct BlockRequest block;
    struct iovec iov[VIRTIO_SEGMENTS];
    int mapped; /* pieces of iov that are the guest's memory; 0: it goes through `piece` */
    struct VirtioBuffer buffer;
    uint64_t sector, moved, bytes; /* of the data: moved so far, in all */
    uint32_t type;
    unsigned queue;
    bool in_flight;
    uint64_t hand;  /* bytes that the block has in hand */
    uint8_t *piece; /* VIRTIO_BLK_PIECE bytes; NULL until it is used first */
};

struct VirtioBlkConfig {
    struct Block *block;
    unsigned queues;
    char serial[VIRTIO_BLK_SERIAL + 1];
    uint32_t logical, physical, min_io, opt_io, discard_granularity; /* bytes; 0: 512, 512, none, none, the image's */
    bool no_discard, no_write_zeroes;                                /* such requests don't exist */
    enum BlockOnError read_error, write_error;
};

struct VirtioBlkOps {
    /** The host's error (-errno), and what is done about it: STOP is for the callee to do. */
    void (*failed)(void *opaque, bool write, int error, enum BlockOnError action);
    /** Requests were done at once, while the driver notified of them. True: it need not be interrupted at once,
     *  virtio_blk_tell will be called soon, so that more of them are told of by one interrupt. May be NULL. */
    bool (*tell_later)(void *opaque);
};

struct VirtioBlk {
    struct VirtioBlkState state;
    struct Virtio virtio;
    struct VirtioBlkConfig config;
    const struct VirtioBlkOps *ops;
    void *opaque;
    uint8_t space[VIRTIO_BLK_CONFIG];
    struct VirtioBlkRequest *requests; /* VIRTIO_BLK_REQUESTS of them */
    struct VirtioBlkRequest *free, *stopped;
    bool starved; /* buffers may wait in the rings for a free request */
    bool notifying;
    unsigned untold; /* queues with requests that the driver has not been told of, by bits */
};

/** Make it on a function that does its DMA. 0 or -ENOMEM. */
int virtio_blk_init(struct VirtioBlk *b, struct PciDevice *pci, const struct VirtioBlkConfig *config,
                    const struct VirtioBlkOps *ops, void *opaque);
/** Nothing may be in flight. */
void virtio_blk_destroy(struct VirtioBlk *b);
extern const struct StateTable virtio_blk_state_table;
/** The state was restored. */
void virtio_blk_restored(struct VirtioBlk *b);
/** The size of its block has changed. */
void virtio_blk_resized(struct VirtioBlk *b);
/** The machine goes on: what was stopped by an error is tried again. */
void virtio_blk_resume(struct VirtioBlk *b);
/** Interrupt the guest, if it wants that, for all requests that it has not been told of. */
void virtio_blk_tell(struct VirtioBlk *b);

#endif
