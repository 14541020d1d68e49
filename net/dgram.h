/* SPDX-License-Identifier: MIT */
/** -netdev dgram, and what socket has of it: a frame in each datagram. */
#ifndef TWIN86_NET_DGRAM_H
#define TWIN86_NET_DGRAM_H

#include "net/address.h"
#include "net/netdev.h"

struct DgramOptions {
    struct NetAddress local, remote;
};

/** As NetdevKind's; the options live as long as the host end. `option` is what messages begin with. */
int net_dgram_open(struct Netdev *d, const struct DgramOptions *o, const char *option, char *why, size_t n);
int net_dgram_start(struct Netdev *d, char *why, size_t n);
void net_dgram_close(struct Netdev *d);
void net_dgram_describe(const struct Netdev *d, char *text, size_t n);

#endif
