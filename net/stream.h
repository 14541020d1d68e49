/* SPDX-License-Identifier: MIT */
/** -netdev stream, and what socket has of it: frames over a connection, of which there is one at a time. */
#ifndef TWIN86_NET_STREAM_H
#define TWIN86_NET_STREAM_H

#include "net/address.h"
#include "net/netdev.h"

struct StreamOptions {
    struct NetAddress addr;
    bool server;
    uint64_t reconnect; /* seconds until another attempt; 0: none */
};

/** As NetdevKind's; the options live as long as the host end. `option` is what messages begin with. */
int net_stream_open(struct Netdev *d, const struct StreamOptions *o, const char *option, char *why, size_t n);
int net_stream_start(struct Netdev *d, char *why, size_t n);
void net_stream_close(struct Netdev *d);
void net_stream_describe(const struct Netdev *d, char *text, size_t n);

#endif
