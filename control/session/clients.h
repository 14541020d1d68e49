/* SPDX-License-Identifier: MIT */
/** A socket that serves several clients, each with a stream and a state of its own. */
#ifndef TWIN86_DEBUG_SESSION_CLIENTS_H
#define TWIN86_DEBUG_SESSION_CLIENTS_H

#include "control/session/stream.h"

struct ClientOps {
    unsigned most; /* clients at once; further ones are turned away */
    /** A client has come. Its state, or NULL when out of memory. May write to `stream`, which lives until `close`. */
    void *(*open)(struct Session *s, struct Stream *stream);
    void (*data)(void *client, const uint8_t *data, size_t size); /* as StreamOps.data */
    void (*close)(void *client);                                  /* it has gone: free its state */
};

/** Serve clients at `spec` (session_listen) until the session ends. 0, or -errno with one line in `why`. */
int clients_serve(struct Session *s, const char *spec, const struct ClientOps *ops, char *why, size_t n);

#endif
