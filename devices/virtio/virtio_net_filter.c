/* SPDX-License-Identifier: MIT */
/* Which packets the guest wants (5.1.6.5.1 to 3), and which connection they belong to. */
#include "base/bytes.h"
#include "devices/virtio/virtio_net.h"

#include <string.h>

enum { MAC = 6, ETHERTYPE = 12, TYPE_VLAN = 0x8100, TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd, VLAN_TAG = 4 };
enum { HEADERS = 14 + VLAN_TAG + 60 + 4 }; /* as far as ports are */

static bool listed(const uint8_t (*list)[MAC], unsigned count, const uint8_t *mac) {
    for (unsigned i = 0; i < count; i++)
        if (memcmp(list[i], mac, MAC) == 0)
            return true;
    return false;
}

static bool wants_group(const struct VirtioNetState *s, const uint8_t *mac) {
    static const uint8_t broadcast[MAC] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    if (memcmp(mac, broadcast, MAC) == 0)
        return !s->no_broadcast;
    if (s->no_multicast)
        return false;
    return s->all_multicast || s->multicast_overflow || listed(s->filter + s->unicasts, s->multicasts, mac);
}

static bool wants_unicast(const struct VirtioNetState *s, const uint8_t *mac) {
    if (s->no_unicast)
        return false;
    return s->all_unicast || s->unicast_overflow || memcmp(mac, s->mac, MAC) == 0 ||
           listed(s->filter, s->unicasts, mac);
}

bool virtio_net_wants(const struct VirtioNet *n, const struct NetPacket *p) {
    const struct VirtioNetState *s = &n->state;
    uint8_t head[ETHERTYPE + VLAN_TAG];
    size_t got = net_copy(p, 0, head, sizeof(head));
    if (s->promiscuous)
        return true;
    if (virtio_has(&n->virtio, VIRTIO_NET_F_CTRL_VLAN) && got == sizeof(head) &&
        get_be16(head + ETHERTYPE) == TYPE_VLAN) {
        unsigned vlan = get_be16(head + ETHERTYPE + 2) & (VIRTIO_NET_VLANS - 1);
        if ((s->vlans[vlan / 8] >> vlan % 8 & 1) == 0)
            return false;
    }
    return (head[0] & 1) != 0 ? wants_group(s, head) : wants_unicast(s, head);
}

/* Addresses and ports of both sides by exclusive or, which is the same either way. */
unsigned virtio_net_flow(const struct NetPacket *p) {
    uint8_t head[HEADERS] = {0};
    size_t got = net_copy(p, 0, head, sizeof(head)), at = ETHERTYPE;
    uint32_t hash = 0;
    if (get_be16(head + at) == TYPE_VLAN)
        at += VLAN_TAG;
    unsigned type = get_be16(head + at);
    const uint8_t *ip = head + at + 2;
    size_t header = type == TYPE_IPV4 ? 4 * (size_t)(ip[0] & 15) : 40;
    if (type == TYPE_IPV4)
        hash = get_be32(ip + 12) ^ get_be32(ip + 16);
    else if (type == TYPE_IPV6)
        for (unsigned i = 8; i < 40; i += 4)
            hash ^= get_be32(ip + i);
    else
        return 0;
    if (at + 2 + header + 4 <= got)
        hash ^= (uint32_t)(get_be16(ip + header) ^ get_be16(ip + header + 2));
    return (hash ^ hash >> 8 ^ hash >> 16 ^ hash >> 24) % VIRTIO_NET_FLOWS;
}
