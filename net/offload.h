/* SPDX-License-Identifier: MIT */
/**
 * Frames that are not finished: what a checksum or TCP segmentation engine has still to do to them, in the terms of
 * virtio's packet header (specification 1.2, 5.1.6), which Linux's tap devices have, too. And the software that does
 * it.
 *
 * Plain data; any thread.
 */
#ifndef TWIN86_NET_OFFLOAD_H
#define TWIN86_NET_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum NetGso { NET_GSO_NONE, NET_GSO_TCP4 = 1, NET_GSO_TCP6 = 4 };

/** Nothing is to be done when all of it is zero. */
struct NetOffload {
    bool needs_checksum; /* from `start` on to the end, into the 16 bits at start + offset, where the pseudo-header's
                            sum is */
    bool checked;        /* whoever sends knows that the checksum is right */
    bool ecn;            /* TCP with CWR: only the first segment keeps it */
    uint8_t gso;         /* enum NetGso: cut it into segments */
    uint16_t start, offset;
    uint16_t header_bytes;  /* with gso: of all headers; a hint, which nobody believes */
    uint16_t segment_bytes; /* with gso: of the TCP payload in each segment, 1 at least */
};

/** What an end may take unfinished. */
enum {
    NET_TAKES_CHECKSUM = 1, /* needs_checksum */
    NET_TAKES_TSO4 = 2,     /* NET_GSO_TCP4; an end that takes it without NET_TAKES_CHECKSUM gets one long packet whose
                               checksum is right for the whole */
    NET_TAKES_TSO6 = 4,     /* the same of NET_GSO_TCP6 */
    NET_TAKES_ECN = 8,      /* segmentation with `ecn` */
    NET_TAKES_ALL = 15,
};
/** What of it this packet needs taken. */
unsigned net_offload_needs(const struct NetOffload *o);

/** Virtio's header without num_buffers, little-endian, as virtio 1.0 and tap devices set to it have it. */
enum { NET_VIRTIO_HEADER = 10 };
/** False: it can't be, of a frame of `bytes`: unknown kinds, a checksum beyond the end. *o is all zero then. */
bool net_offload_from_virtio(struct NetOffload *o, const uint8_t header[NET_VIRTIO_HEADER], size_t bytes);
void net_offload_to_virtio(const struct NetOffload *o, uint8_t header[NET_VIRTIO_HEADER]);

/** Add the 16-bit words of `data` to a ones' complement sum: in memory order, the last of an odd number with a zero
 *  behind it. Only the last part of a sum may be odd. */
uint64_t net_sum(uint64_t sum, const void *data, size_t bytes);
/** The sum as the 16 bits that are stored, in memory order, not complemented. */
uint16_t net_fold(uint64_t sum);

/** Fill the checksum in. False: it is not within the frame. */
bool net_finish_checksum(const struct NetOffload *o, uint8_t *frame, size_t bytes);

/** Takes each segment, which is valid during the call. */
typedef void NetSegmentFn(void *opaque, const uint8_t *frame, size_t bytes);
/** Cut a frame with `gso` into finished segments. The frame is changed. False: it is no TCP over IP as `gso` says, and
 *  nothing was called. */
bool net_cut(const struct NetOffload *o, uint8_t *frame, size_t bytes, NetSegmentFn *fn, void *opaque);

#endif
