/* SPDX-License-Identifier: MIT */
/**
 * Virtio network card (specification 1.2, 5.1): mergeable receive buffers, checksum and TCP segmentation offloads both
 * ways, a control queue (receive modes, filters, VLANs, offloads), several queue pairs, link status.
 *
 * Packets leave from the guest's memory without a copy and while the host end takes them; the others wait in the ring.
 * A turn sends VIRTIO_NET_TURN at most; what is left waits for virtio_net_continue. A received packet is answered on
 * the queue pair by which its connection was sent last (5.1.6.5.6, automatic receive steering).
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_VIRTIO_NET_H
#define TWIN86_DEVICES_VIRTIO_NET_H

#include "devices/virtio/virtio.h"
#include "net/net.h"

enum {
    VIRTIO_NET_PAIRS = 8,
    VIRTIO_NET_MACS = 64, /* of the filter, both kinds together */
    VIRTIO_NET_VLANS = 4096,
    VIRTIO_NET_CONFIG = 12, /* bytes of configuration space */
    VIRTIO_NET_TURN = 256,
    VIRTIO_NET_FLOWS = 256,
};

/** Features (5.1.3). */
#define VIRTIO_NET_F_CSUM (1ull << 0)
#define VIRTIO_NET_F_GUEST_CSUM (1ull << 1)
#define VIRTIO_NET_F_CTRL_GUEST_OFFLOADS (1ull << 2)
#define VIRTIO_NET_F_MTU (1ull << 3)
#define VIRTIO_NET_F_MAC (1ull << 5)
#define VIRTIO_NET_F_GUEST_TSO4 (1ull << 7)
#define VIRTIO_NET_F_GUEST_TSO6 (1ull << 8)
#define VIRTIO_NET_F_GUEST_ECN (1ull << 9)
#define VIRTIO_NET_F_HOST_TSO4 (1ull << 11)
#define VIRTIO_NET_F_HOST_TSO6 (1ull << 12)
#define VIRTIO_NET_F_HOST_ECN (1ull << 13)
#define VIRTIO_NET_F_MRG_RXBUF (1ull << 15)
#define VIRTIO_NET_F_STATUS (1ull << 16)
#define VIRTIO_NET_F_CTRL_VQ (1ull << 17)
#define VIRTIO_NET_F_CTRL_RX (1ull << 18)
#define VIRTIO_NET_F_CTRL_VLAN (1ull << 19)
#define VIRTIO_NET_F_CTRL_RX_EXTRA (1ull << 20)
#define VIRTIO_NET_F_MQ (1ull << 22)
#define VIRTIO_NET_F_CTRL_MAC_ADDR (1ull << 23)

/** Those of them that say what of a received packet may be unfinished; the control queue changes them. */
#define VIRTIO_NET_GUEST_OFFLOADS                                                                                      \
    (VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_ECN)

struct VirtioNetState {
    struct VirtioState virtio;
    uint64_t offloads; /* of VIRTIO_NET_GUEST_OFFLOADS, as the control queue has set them */
    bool offloads_set; /* else: those that the driver has accepted */
    bool promiscuous, all_multicast, all_unicast, no_multicast, no_unicast, no_broadcast;
    bool unicast_overflow, multicast_overflow; /* the filter would have more: it lets all of them through */
    uint8_t unicasts, multicasts;              /* of `filter`, in this order */
    uint8_t mac[6];
    uint8_t filter[VIRTIO_NET_MACS][6];
    uint8_t vlans[VIRTIO_NET_VLANS / 8];
    uint16_t pairs; /* in use */
    uint8_t unused[6];
};

struct VirtioNetConfig {
    uint8_t mac[6];
    unsigned pairs;   /* 1 to VIRTIO_NET_PAIRS; more than one are offered as VIRTIO_NET_F_MQ */
    uint16_t mtu;     /* 0: not told */
    uint64_t without; /* features that are not offered */
};

struct VirtioNetOps {
    /** Call virtio_net_continue soon. */
    void (*more)(void *opaque);
};

struct VirtioNet {
    struct VirtioNetState state;
    struct Virtio virtio;
    struct VirtioNetConfig config;
    struct NetEnd *end; /* the owner's, with virtio_net_end_ops */
    const struct VirtioNetOps *ops;
    void *opaque;
    uint8_t space[VIRTIO_NET_CONFIG];
    uint32_t told;                  /* receive queues of which the driver is to be told at the end of a burst */
    bool more;                      /* virtio_net_continue will be called */
    uint8_t flow[VIRTIO_NET_FLOWS]; /* the pair that has sent last, by a hash of the connection */
    uint8_t *copy;                  /* NET_FRAME_MAX bytes, for packets that can't be mapped; NULL until used first */
};

/** Make it on a function that does its DMA, with an end that has virtio_net_end_ops and this as opaque. */
void virtio_net_init(struct VirtioNet *n, struct PciDevice *pci, struct NetEnd *end,
                     const struct VirtioNetConfig *config, const struct VirtioNetOps *ops, void *opaque);
void virtio_net_destroy(struct VirtioNet *n);
extern const struct NetOps virtio_net_end_ops;
/** The next turn. */
void virtio_net_continue(struct VirtioNet *n);
extern const struct StateTable virtio_net_state_table;
/** The state was restored. */
void virtio_net_restored(struct VirtioNet *n);

/* ---- between its files ---- */

/** A command of the control queue (virtio_net_control.c). */
void virtio_net_control(struct VirtioNet *n, unsigned queue);
/** What received packets may lack changes. */
void virtio_net_update_offloads(struct VirtioNet *n);
/** Whether the guest wants this packet (virtio_net_filter.c). */
bool virtio_net_wants(const struct VirtioNet *n, const struct NetPacket *p);
/** A hash of the connection that it belongs to, the same in both directions. */
unsigned virtio_net_flow(const struct NetPacket *p);

#endif
