/* SPDX-License-Identifier: MIT */
/**
 * Virtio transport of 9P (specification 1.2 reserves device type 9; its configuration space is what Linux's and QEMU's
 * headers agree on: tag_len, 16 bits, then the mount tag). A buffer holds a message and room for its reply. The message
 * is copied before anything is looked at, so that the guest can't change what has been checked; what it asks for is the
 * server's business (fs9p/fs9p.h). VIRTIO_9P_REQUESTS are on their way at once, the others wait in the ring.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_VIRTIO_9P_H
#define TWIN86_DEVICES_VIRTIO_9P_H

#include "devices/virtio/virtio.h"
#include "fs9p/fs9p.h"

enum { VIRTIO_9P_REQUESTS = 32, VIRTIO_9P_TAG = 31 }; /* bytes of a tag: QEMU's MAX_TAG_LEN - 1 */

struct Virtio9pState {
    struct VirtioState virtio;
    uint8_t mounted; /* the guest has fids, which are the host's files and in no state: it can't be saved */
    uint8_t unused[7];
};

struct Virtio9p;

struct Virtio9pRequest {
    struct Virtio9p *owner;
    struct Virtio9pRequest *next; /* free */
    struct VirtioBuffer buffer;
    struct Fs9pRequest request;
    size_t message_room, reply_room; /* bytes that its memory has, which is kept */
};

struct Virtio9p {
    struct Virtio9pState state;
    struct Virtio virtio;
    struct Fs9p *server;
    uint8_t space[2 + VIRTIO_9P_TAG];
    struct Virtio9pRequest *requests, *free;
    bool starved; /* buffers may wait in the ring for a free request */
};

/** Make it on a function that does its DMA; the server is its owner's. 0 or -ENOMEM. */
int virtio_9p_init(struct Virtio9p *d, struct PciDevice *pci, struct Fs9p *server, const char *tag);
/** The server has been reset or closed. Does nothing on a zeroed struct. */
void virtio_9p_destroy(struct Virtio9p *d);
/** The server has finished something: Fs9pHost.wake has asked for this. */
void virtio_9p_complete(struct Virtio9p *d);
/** Wait until nothing is in flight. */
void virtio_9p_drain(struct Virtio9p *d);
/** The state was restored. */
void virtio_9p_restored(struct Virtio9p *d);
extern const struct StateTable virtio_9p_state_table;

#endif
