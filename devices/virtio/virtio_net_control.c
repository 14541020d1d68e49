/* SPDX-License-Identifier: MIT */
/* The control queue (5.1.6.5): a class, a command, what it says; and one byte for the answer. */
#include "base/bytes.h"
#include "devices/virtio/virtio_net.h"

#include <string.h>

enum { MAC = 6, HEADER = 2, COUNT = 4 };
enum { OK = 0, ERROR = 1 };
enum { CLASS_RX, CLASS_MAC, CLASS_VLAN, CLASS_ANNOUNCE, CLASS_MQ, CLASS_OFFLOADS };

/* A command's data, and how much of it there is. */
struct Command {
    const struct VirtioBuffer *buffer;
    uint8_t number;
    uint64_t bytes;
};

static bool read_data(struct VirtioNet *n, const struct Command *c, uint64_t skip, void *to, size_t bytes) {
    return skip <= c->bytes && bytes <= c->bytes - skip && virtio_read(&n->virtio, c->buffer, HEADER + skip, to, bytes);
}

static bool set_mode(struct VirtioNet *n, const struct Command *c) {
    struct VirtioNetState *s = &n->state;
    bool *const modes[] = {&s->promiscuous,  &s->all_multicast, &s->all_unicast,
                           &s->no_multicast, &s->no_unicast,    &s->no_broadcast};
    enum { MODES = sizeof(modes) / sizeof(modes[0]), FIRST_EXTRA = 2 };
    uint8_t on;
    if (c->number >= MODES || !read_data(n, c, 0, &on, 1) || c->bytes != 1 ||
        (c->number >= FIRST_EXTRA && !virtio_has(&n->virtio, VIRTIO_NET_F_CTRL_RX_EXTRA)))
        return false;
    *modes[c->number] = on != 0;
    return true;
}

/* A list at *skip, which moves behind it: `count` addresses, or with more than fit *overflow. */
static bool read_list(struct VirtioNet *n, const struct Command *c, uint64_t *skip, unsigned used, uint8_t *count,
                      bool *overflow) {
    uint8_t length[COUNT];
    if (!read_data(n, c, *skip, length, COUNT))
        return false;
    uint64_t macs = get_le32(length);
    *skip += COUNT;
    if (macs > (c->bytes - *skip) / MAC)
        return false;
    *overflow = macs > VIRTIO_NET_MACS - used;
    *count = *overflow ? 0 : (uint8_t)macs;
    bool good = read_data(n, c, *skip, n->state.filter[used], (size_t)*count * MAC);
    *skip += macs * MAC;
    return good;
}

static bool set_table(struct VirtioNet *n, const struct Command *c) {
    struct VirtioNetState *s = &n->state;
    uint64_t skip = 0;
    bool good = read_list(n, c, &skip, 0, &s->unicasts, &s->unicast_overflow) &&
                read_list(n, c, &skip, s->unicasts, &s->multicasts, &s->multicast_overflow) && skip == c->bytes;
    if (!good) {
        s->unicasts = s->multicasts = 0;
        s->unicast_overflow = s->multicast_overflow = false;
    }
    return good;
}

static bool set_address(struct VirtioNet *n, const struct Command *c) {
    enum { TABLE_SET, ADDR_SET };
    if (c->number == TABLE_SET)
        return set_table(n, c);
    if (c->number != ADDR_SET || c->bytes != MAC || !read_data(n, c, 0, n->state.mac, MAC))
        return false;
    memcpy(n->space, n->state.mac, MAC);
    return true;
}

static bool set_vlan(struct VirtioNet *n, const struct Command *c) {
    enum { ADD, DELETE };
    uint8_t data[2];
    if (c->number > DELETE || c->bytes != 2 || !read_data(n, c, 0, data, 2) || get_le16(data) >= VIRTIO_NET_VLANS)
        return false;
    unsigned vlan = get_le16(data);
    uint8_t bit = (uint8_t)(1 << vlan % 8);
    if (c->number == ADD)
        n->state.vlans[vlan / 8] |= bit;
    else
        n->state.vlans[vlan / 8] &= (uint8_t)~bit;
    return true;
}

static bool set_pairs(struct VirtioNet *n, const struct Command *c) {
    enum { PAIRS_SET };
    uint8_t data[2];
    if (c->number != PAIRS_SET || c->bytes != 2 || !read_data(n, c, 0, data, 2) || get_le16(data) < 1 ||
        get_le16(data) > n->config.pairs)
        return false;
    n->state.pairs = get_le16(data);
    memset(n->flow, 0, sizeof(n->flow));
    return true;
}

static bool set_offloads(struct VirtioNet *n, const struct Command *c) {
    enum { OFFLOADS_SET };
    uint8_t data[8];
    uint64_t may = n->virtio.state->features & VIRTIO_NET_GUEST_OFFLOADS;
    if (c->number != OFFLOADS_SET || c->bytes != 8 || !read_data(n, c, 0, data, 8) || (get_le64(data) & ~may) != 0)
        return false;
    n->state.offloads = get_le64(data);
    n->state.offloads_set = true;
    virtio_net_update_offloads(n);
    return true;
}

/* By class: what the driver must have accepted for it. */
static const struct {
    uint64_t feature;
    bool (*run)(struct VirtioNet *n, const struct Command *c);
} classes[] = {
    [CLASS_RX] = {VIRTIO_NET_F_CTRL_RX, set_mode},
    [CLASS_MAC] = {VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_MAC_ADDR, set_address},
    [CLASS_VLAN] = {VIRTIO_NET_F_CTRL_VLAN, set_vlan},
    [CLASS_MQ] = {VIRTIO_NET_F_MQ, set_pairs},
    [CLASS_OFFLOADS] = {VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, set_offloads},
};

static bool run(struct VirtioNet *n, const struct VirtioBuffer *b) {
    uint8_t header[HEADER];
    if (b->readable_bytes < HEADER || !virtio_read(&n->virtio, b, 0, header, HEADER))
        return false;
    const struct Command c = {b, header[1], b->readable_bytes - HEADER};
    unsigned class = header[0];
    return class < sizeof(classes) / sizeof(classes[0]) && classes[class].run != NULL &&
           virtio_has(&n->virtio, classes[class].feature) && classes[class].run(n, &c);
}

void virtio_net_control(struct VirtioNet *n, unsigned queue) {
    struct VirtioBuffer b;
    bool given = false;
    for (unsigned i = 0; i < VIRTIO_QUEUE_SIZE && virtio_take(&n->virtio, queue, &b); i++) {
        bool good = run(n, &b);
        uint8_t answer = good ? OK : ERROR;
        if (!good)
            pci_error(n->virtio.pci, "a command that is not right, bytes", b.readable_bytes);
        if (b.writable_bytes >= 1)
            virtio_write(&n->virtio, &b, 0, &answer, 1);
        virtio_give(&n->virtio, queue, &b, b.writable_bytes >= 1 ? 1 : 0);
        given = true;
    }
    if (given)
        virtio_tell(&n->virtio, queue);
}
