/* SPDX-License-Identifier: MIT */
/**
 * One client of a socket. What is written is buffered and sent as the client takes it; while it does not, nothing more
 * is read from it, and one that lets the buffer grow too far is dropped: a client can't exhaust memory or stop the
 * loop.
 */
#ifndef TWIN86_DEBUG_SESSION_STREAM_H
#define TWIN86_DEBUG_SESSION_STREAM_H

#include "control/session/session.h"

struct Stream;

enum {
    STREAM_OUT_MAX = 16 << 20, /* bytes unsent: dropped beyond */
    STREAM_OUT_HIGH = 1 << 18, /* bytes unsent: no reading beyond */
};

struct StreamOps {
    /** Bytes came. May write; may call stream_close. */
    void (*data)(void *opaque, const uint8_t *data, size_t size);
    /** The client has gone or was dropped; the stream is freed after this. Not called by stream_free. */
    void (*closed)(void *opaque);
};

/** Take a connected socket over (it is closed in any case). NULL when out of memory. */
struct Stream *stream_new(struct Session *s, int fd, const struct StreamOps *ops, void *opaque);
/** Send, sooner or later. */
void stream_write(struct Stream *stream, const void *data, size_t size);
/** Send what is there as far as the socket takes it now, then go: `closed` comes later, from the loop, never from
 * within this call. What comes in is ignored. */
void stream_close(struct Stream *stream);
/** Close and free at once, without `closed`. Not from `data`. NULL is allowed. */
void stream_free(struct Stream *stream);

#endif
