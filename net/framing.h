/* SPDX-License-Identifier: MIT */
/**
 * Frames in a stream of bytes: each behind its length, four bytes, most significant first. QEMU's stream and socket
 * netdevs, passt, libvirt's and others' programs have it so.
 *
 * Plain data; no thread rules.
 */
#ifndef TWIN86_NET_FRAMING_H
#define TWIN86_NET_FRAMING_H

#include "net/net.h"

enum { FRAMING_PREFIX = 4, FRAMING_BUFFER = 128 << 10 };

/** What was read and not taken out yet. All zero at the beginning. */
struct FrameReader {
    size_t begin, end;
    uint8_t data[FRAMING_BUFFER];
};

/** Where to put what is read next, *room bytes at most: never none after framing_next has said 0. */
uint8_t *framing_room(struct FrameReader *r, size_t *room);
/** So many were put there. */
static inline void framing_added(struct FrameReader *r, size_t n) { r->end += n; }
/**
 * Take a frame out, valid until framing_room. 1: *frame and *bytes; 0: there is no whole one; -EPROTO: the length is
 * more than any frame's, and the stream is of no use any more. What is too short to be a frame is skipped.
 */
int framing_next(struct FrameReader *r, const uint8_t **frame, size_t *bytes);

#endif
