/* SPDX-License-Identifier: MIT */
/**
 * Joins TCP packets that follow each other into a long one, for a card whose driver takes it: a guest then does once
 * what it would do forty times. What net_cut makes of the long one is what came in, bit for bit; packets of which that
 * can't be said pass as they are.
 *
 * Threads: the machine lock, as net.h.
 */
#ifndef TWIN86_NET_JOIN_H
#define TWIN86_NET_JOIN_H

#include "net/net.h"
#include "net/tcp_frame.h"

/** One packet that may grow. All zero: there is none. */
struct NetJoin {
    struct TcpFrame layout;
    uint32_t sequence; /* what must come next */
    uint16_t segment;  /* payload of the first */
    unsigned segments;
    size_t bytes;
    uint8_t frame[NET_FRAME_MAX];
};

/** A finished frame from `from` with right checksums: it is sent, or kept until something else comes or net_join_end.
 */
void net_join(struct NetJoin *j, struct NetEnd *from, const void *frame, size_t bytes);
/** Nothing comes for now: what is kept is sent. */
void net_join_end(struct NetJoin *j, struct NetEnd *from);

#endif
