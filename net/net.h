/* SPDX-License-Identifier: MIT */
/**
 * Networks: frames between a guest's cards and what the host has for them. A link has two ends of the same kind, struct
 * NetEnd: a card (devices/virtio/virtio_net.h and others) and a host end (-netdev, netdev.h); neither knows what the
 * other one is.
 *
 * A packet is a whole Ethernet frame without its FCS, NET_FRAME_MIN to NET_FRAME_MAX bytes, as pieces of memory that
 * are valid during the call alone. It may be unfinished (struct NetOffload): a checksum is still to be filled in, or it
 * is a TCP packet that is still to be cut into segments. An end says what of that it takes (net_set_takes), and for one
 * that doesn't the packet is finished on its way, so that whoever sends need not ask.
 *
 * Back-pressure. An end may refuse (NetOps.take, can_take), and the few packets that come anyway wait in a queue in
 * front of it, which is bounded; what does not fit is dropped and counted, as networks do. Whoever has a choice asks
 * net_can_send before each packet, keeps the packet while that is false, and goes on when its NetOps.ready is called.
 * An end that has refused calls net_ready when it would take again.
 *
 * Into the guest. Packets enter a card through its NetDoor: at once while that is open, which it is in the machine's
 * loop, else from the queue by net_flush, which the door's owner calls soon as posted work. A card never gets a packet
 * while it sends one: what a host end answers at once comes afterwards. So with -icount, and while the machine stands,
 * nothing enters but by that one way (machine/loop.h).
 *
 * State. Host ends have none that is saved, and packets in queues are lost with a restore or a reset, as on a network;
 * cards keep what the guest can see in their own tables.
 *
 * Threads: the machine lock is held around every call here, and by whoever is called from here.
 */
#ifndef TWIN86_NET_NET_H
#define TWIN86_NET_NET_H

#include "net/offload.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
    NET_FRAME_MIN = 14,         /* destination, source, type; shorter ones are dropped, and none is padded */
    NET_FRAME_MAX = 65535 + 18, /* the longest IPv4 packet behind a header with a VLAN tag */
    NET_PIECES = 128,           /* of memory, in a packet */
    NET_QUEUE_PACKETS = 1024,   /* that wait in front of an end at most */
    NET_QUEUE_BYTES = 1 << 20,  /* the same; net_can_send is false from half of either on */
};

/** A frame, and what is still to be done to it. */
struct NetPacket {
    const struct iovec *piece;
    unsigned pieces; /* NET_PIECES at most; their lengths add up to `bytes` */
    size_t bytes;
    struct NetOffload offload; /* all zero: nothing */
};

/** What an end is. Any function may be NULL. */
struct NetOps {
    /** Whether `take` would take a packet of any size now. NULL: it always does. After a false one net_ready must come.
     */
    bool (*can_take)(void *opaque);
    /** A packet from the other end; what is dropped on purpose counts as taken. False: there is no room for it, it
     * waits for net_ready. */
    bool (*take)(void *opaque, const struct NetPacket *p);
    /** No more packets for now: what is better done once for several (an interrupt, a system call). */
    void (*taken)(void *opaque);
    /** net_can_send of this end was false, and is no longer. */
    void (*ready)(void *opaque);
    /** The link has gone up or down. */
    void (*link_changed)(void *opaque, bool up);
};

/** Where packets enter the guest, of a card. */
struct NetDoor {
    bool (*is_open)(void *opaque); /* the guest may be changed right now: its machine runs, and this is its loop */
    void (*knock)(void *opaque);   /* have net_flush called soon, as posted work */
    void *opaque;
};

/** Somebody who sees all packets of an end, in both directions, before they are finished. */
struct NetWatcher {
    struct NetWatcher *next; /* the end's */
    /** `sent`: by the end that is watched; else it is for it. */
    void (*seen)(void *opaque, bool sent, const struct NetPacket *p);
    void *opaque;
};

struct NetCounts {
    uint64_t packets, bytes, dropped; /* dropped: no room, no other end, link down, or no frame */
};

struct NetQueued;

/** Part of its owner; its fields are for this folder, but for `name`, `peer`, `sent`, `takes`, `down` and `lost`. */
struct NetEnd {
    const char *name;      /* the owner's: a netdev's id, a card's id or a name for it */
    struct NetEnd *peer;   /* NULL: none */
    struct NetCounts sent; /* by this end */
    const struct NetOps *ops;
    void *opaque;
    const struct NetDoor *door;      /* of a card; NULL: it is a host end */
    unsigned takes;                  /* NET_TAKES_* */
    bool down;                       /* this end's own link (set_link) */
    uint64_t lost;                   /* packets for this end that it had to drop: it counts them */
    bool held;                       /* net_can_send was false, and `ready` has not been called since */
    bool burst;                      /* `take` was called since `taken` */
    unsigned sending;                /* calls of net_send that have not returned */
    struct NetQueued *first, **last; /* packets for this end */
    unsigned waiting;
    size_t waiting_bytes;
    struct NetWatcher *watchers;
    uint8_t *scratch; /* NET_FRAME_MAX bytes in which packets are finished; NULL until it is used first */
};

/* ---- life ---- */

/** Make an end without a peer, which takes finished packets only. `door` NULL: a host end. */
void net_end_init(struct NetEnd *e, const char *name, const struct NetOps *ops, void *opaque,
                  const struct NetDoor *door);
/** Take it off its link and forget what waits for it. Does nothing on a zeroed struct. */
void net_end_destroy(struct NetEnd *e);
/** Make a link of two ends. 0, or -EBUSY: one of them has a peer. */
int net_connect(struct NetEnd *a, struct NetEnd *b);
/** Forget what waits for it: of a card's reset, and after a restore. */
void net_forget(struct NetEnd *e);

/* ---- packets ---- */

/** Whether to send now. True without a peer or with a link that is down, where packets get lost. */
bool net_can_send(struct NetEnd *from);
/** Send a packet to the other end. */
void net_send(struct NetEnd *from, const struct NetPacket *p);
/** The same of one finished packet in one piece. */
void net_send_frame(struct NetEnd *from, const void *frame, size_t bytes);
/** This was the last packet for now. */
void net_sent(struct NetEnd *from);
/** This end has refused, and would no longer. Not from `take`. */
void net_ready(struct NetEnd *e);
/** Hand over what waits for this end: when its door has been knocked at. */
void net_flush(struct NetEnd *e);

/** Copy the packet's bytes from `skip` on, as far as they go: how many. */
size_t net_copy(const struct NetPacket *p, size_t skip, void *to, size_t bytes);

/* ---- what the other end may know ---- */

/** What this end takes from now on: NET_TAKES_*, of which a driver may choose. */
void net_set_takes(struct NetEnd *e, unsigned takes);
/** Plug it in or out (set_link). A link is up when both ends are. */
void net_set_link(struct NetEnd *e, bool up);
bool net_link_is_up(const struct NetEnd *e);

/* ---- those who look ---- */

/** From now on, until net_unwatch. */
void net_watch(struct NetEnd *e, struct NetWatcher *w);
void net_unwatch(struct NetEnd *e, struct NetWatcher *w);

#endif
