/* SPDX-License-Identifier: MIT */
#include "devices/virtio/virtio_net.h"
#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

/* Configuration space (5.1.4). */
enum { CONFIG_MAC = 0, CONFIG_STATUS = 6, CONFIG_PAIRS = 8, CONFIG_MTU = 10 };
enum { STATUS_LINK_UP = 1 };
/* The packet's header: virtio's fields, then how many buffers it fills (5.1.6). */
enum { HEADER_MAX = NET_VIRTIO_HEADER + 2, NUM_BUFFERS = NET_VIRTIO_HEADER };

static const uint64_t offered = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 |
                                VIRTIO_NET_F_HOST_ECN | VIRTIO_NET_GUEST_OFFLOADS | VIRTIO_NET_F_CTRL_GUEST_OFFLOADS |
                                VIRTIO_NET_F_MAC | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_CTRL_VQ |
                                VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_VLAN | VIRTIO_NET_F_CTRL_RX_EXTRA |
                                VIRTIO_NET_F_CTRL_MAC_ADDR;

static unsigned rx_queue(unsigned pair) { return 2 * pair; }
static unsigned tx_queue(unsigned pair) { return 2 * pair + 1; }

/* The last: of all pairs, or of the first if the driver knows of no others (5.1.2). */
static unsigned control_queue(const struct VirtioNet *n) {
    return virtio_has(&n->virtio, VIRTIO_NET_F_MQ) ? 2 * n->config.pairs : 2;
}

static bool merges(const struct VirtioNet *n) { return virtio_has(&n->virtio, VIRTIO_NET_F_MRG_RXBUF); }

static size_t header_bytes(const struct VirtioNet *n) {
    return merges(n) || virtio_has(&n->virtio, VIRTIO_F_VERSION_1) ? HEADER_MAX : NET_VIRTIO_HEADER;
}

/* ---- from the guest ---- */

/* What the header says of a packet of `bytes`. False: what it can't. */
static bool read_offload(struct VirtioNet *n, const struct VirtioBuffer *b, struct NetOffload *o, size_t bytes) {
    uint8_t header[NET_VIRTIO_HEADER];
    *o = (struct NetOffload){0};
    if (!virtio_read(&n->virtio, b, 0, header, sizeof(header)))
        return false;
    if (!virtio_has(&n->virtio, VIRTIO_NET_F_CSUM))
        return true; /* the header is not looked at then (5.1.6.2.2) */
    if (!net_offload_from_virtio(o, header, bytes))
        return false;
    o->checked = false;
    return (o->gso != NET_GSO_TCP4 || virtio_has(&n->virtio, VIRTIO_NET_F_HOST_TSO4)) &&
           (o->gso != NET_GSO_TCP6 || virtio_has(&n->virtio, VIRTIO_NET_F_HOST_TSO6)) &&
           (!o->ecn || virtio_has(&n->virtio, VIRTIO_NET_F_HOST_ECN));
}

/* Its pieces as they lie in the guest's memory, or a copy of it. How many; 0: it can't be had. */
static unsigned find_frame(struct VirtioNet *n, const struct VirtioBuffer *b, size_t skip, size_t bytes,
                           struct iovec piece[NET_PIECES]) {
    int pieces = virtio_map(&n->virtio, b, false, skip, bytes, piece, NET_PIECES);
    if (pieces > 0)
        return (unsigned)pieces;
    if (n->copy == NULL && (n->copy = malloc(NET_FRAME_MAX)) == NULL)
        return 0;
    piece[0] = (struct iovec){n->copy, bytes};
    return virtio_read(&n->virtio, b, skip, n->copy, bytes) ? 1 : 0;
}

static void transmit(struct VirtioNet *n, unsigned pair, const struct VirtioBuffer *b) {
    struct iovec piece[NET_PIECES];
    struct NetPacket p = {.piece = piece};
    size_t skip = header_bytes(n);
    if (b->readable_bytes < skip + NET_FRAME_MIN || b->readable_bytes > skip + NET_FRAME_MAX) {
        pci_error(n->virtio.pci, "a packet to send of a length that can't be,", b->readable_bytes);
        return;
    }
    p.bytes = (size_t)b->readable_bytes - skip;
    if (!read_offload(n, b, &p.offload, p.bytes)) {
        pci_error(n->virtio.pci, "a packet to send whose header can't be, bytes", p.bytes);
        return;
    }
    p.pieces = find_frame(n, b, skip, p.bytes, piece);
    if (p.pieces == 0)
        return;
    if (n->state.pairs > 1)
        n->flow[virtio_net_flow(&p)] = (uint8_t)pair;
    net_send(n->end, &p);
}

/* As many as the host end takes, and a turn has. */
static void serve_pair(struct VirtioNet *n, unsigned pair, unsigned *turn) {
    struct VirtioBuffer b;
    unsigned queue = tx_queue(pair);
    bool given = false;
    for (; *turn > 0 && net_can_send(n->end) && virtio_take(&n->virtio, queue, &b); --*turn) {
        transmit(n, pair, &b);
        virtio_give(&n->virtio, queue, &b, 0);
        given = true;
    }
    if (given)
        virtio_tell(&n->virtio, queue);
}

static void end_turn(struct VirtioNet *n, unsigned left) {
    net_sent(n->end);
    if (left > 0 || n->more || !virtio_is_live(&n->virtio))
        return;
    n->more = true;
    n->ops->more(n->opaque);
}

static void serve_all(struct VirtioNet *n) {
    unsigned turn = VIRTIO_NET_TURN;
    for (unsigned pair = 0; pair < n->state.pairs; pair++)
        serve_pair(n, pair, &turn);
    end_turn(n, turn);
}

void virtio_net_continue(struct VirtioNet *n) {
    n->more = false;
    if (virtio_is_live(&n->virtio))
        serve_all(n);
}

/* The host end takes packets again. */
static void ready(void *opaque) { virtio_net_continue(opaque); }

/* ---- to the guest ---- */

static bool can_take(void *opaque) {
    struct VirtioNet *n = opaque;
    for (unsigned pair = 0; pair < n->state.pairs; pair++)
        if (virtio_is_offered(&n->virtio, rx_queue(pair)))
            return true;
    return false;
}

static void make_header(const struct VirtioNet *n, const struct NetPacket *p, uint8_t header[HEADER_MAX]) {
    struct NetOffload o = p->offload;
    o.checked &= (n->end->takes & NET_TAKES_CHECKSUM) != 0;
    net_offload_to_virtio(&o, header);
    put_le16(header + NUM_BUFFERS, 1);
}

/* Bytes of the packet from `skip` on into a buffer behind `at`. */
static void write_frame(struct VirtioNet *n, const struct VirtioBuffer *b, size_t at, const struct NetPacket *p,
                        size_t skip, size_t bytes) {
    for (unsigned i = 0; bytes > 0 && i < p->pieces; i++) {
        size_t length = p->piece[i].iov_len;
        if (skip >= length) {
            skip -= length;
            continue;
        }
        size_t now = length - skip < bytes ? length - skip : bytes;
        virtio_write(&n->virtio, b, at, (const uint8_t *)p->piece[i].iov_base + skip, now);
        at += now;
        bytes -= now;
        skip = 0;
    }
}

/* In how many buffers it is now, with `head` and `length` of each; 0: there is no room, and none of them is taken. */
struct Filled {
    uint16_t head[VIRTIO_QUEUE_SIZE];
    uint32_t length[VIRTIO_QUEUE_SIZE];
    unsigned count;
    struct VirtioBuffer first;
};

/* One more buffer. False: there is none. */
static bool fill_one(struct VirtioNet *n, unsigned queue, const struct NetPacket *p, const uint8_t *header,
                     size_t *done, struct Filled *f) {
    struct VirtioBuffer next, *b = f->count == 0 ? &f->first : &next;
    size_t at = f->count == 0 ? header_bytes(n) : 0;
    if (f->count == VIRTIO_QUEUE_SIZE || !virtio_take(&n->virtio, queue, b))
        return false;
    size_t room = b->writable_bytes > at ? (size_t)(b->writable_bytes - at) : 0;
    size_t now = p->bytes - *done < room ? p->bytes - *done : room;
    if (f->count == 0 && b->writable_bytes >= at)
        virtio_write(&n->virtio, b, 0, header, at);
    write_frame(n, b, at, p, *done, now);
    *done += now;
    f->head[f->count] = b->head;
    f->length[f->count++] = (uint32_t)(at + now);
    return true;
}

/* False: it waits for more buffers. One that fits into no buffer is dropped. */
static bool receive(struct VirtioNet *n, unsigned queue, const struct NetPacket *p) {
    uint8_t header[HEADER_MAX], count[2];
    struct Filled f;
    size_t done = 0;
    f.count = 0;
    make_header(n, p, header);
    while (done < p->bytes && (f.count == 0 || merges(n)) && fill_one(n, queue, p, header, &done, &f))
        ;
    if (done < p->bytes || f.first.writable_bytes < header_bytes(n)) {
        virtio_untake(&n->virtio, queue, f.count);
        bool hopeless = f.count > 0 && (!merges(n) || f.count == n->virtio.state->queue[queue].size ||
                                        f.first.writable_bytes < header_bytes(n));
        n->end->lost += hopeless;
        return hopeless;
    }
    if (merges(n)) {
        put_le16(count, (uint16_t)f.count);
        virtio_write(&n->virtio, &f.first, NUM_BUFFERS, count, sizeof(count));
    }
    for (unsigned i = 0; i < f.count; i++)
        virtio_fill(&n->virtio, queue, i, f.head[i], f.length[i]);
    virtio_publish(&n->virtio, queue, f.count);
    n->told |= 1u << queue;
    return true;
}

static bool take(void *opaque, const struct NetPacket *p) {
    struct VirtioNet *n = opaque;
    if (!virtio_is_live(&n->virtio))
        return false;
    if (!virtio_net_wants(n, p))
        return true;
    unsigned pair = n->state.pairs > 1 ? n->flow[virtio_net_flow(p)] : 0;
    return receive(n, rx_queue(pair < n->state.pairs ? pair : 0), p);
}

static void taken(void *opaque) {
    struct VirtioNet *n = opaque;
    for (unsigned pair = 0; pair < n->config.pairs; pair++)
        if (n->told >> rx_queue(pair) & 1)
            virtio_tell(&n->virtio, rx_queue(pair));
    n->told = 0;
}

/* ---- the driver ---- */

void virtio_net_update_offloads(struct VirtioNet *n) {
    static const struct {
        uint64_t feature;
        unsigned takes;
    } map[] = {{VIRTIO_NET_F_GUEST_CSUM, NET_TAKES_CHECKSUM},
               {VIRTIO_NET_F_GUEST_TSO4, NET_TAKES_TSO4},
               {VIRTIO_NET_F_GUEST_TSO6, NET_TAKES_TSO6},
               {VIRTIO_NET_F_GUEST_ECN, NET_TAKES_ECN}};
    uint64_t on = n->state.offloads_set ? n->state.offloads : n->virtio.state->features;
    unsigned takes = 0;
    for (unsigned i = 0; i < sizeof(map) / sizeof(map[0]); i++)
        takes |= on & map[i].feature ? map[i].takes : 0;
    net_set_takes(n->end, takes);
}

static void notified(void *opaque, unsigned queue) {
    struct VirtioNet *n = opaque;
    unsigned turn = VIRTIO_NET_TURN;
    if (queue == control_queue(n)) {
        virtio_net_control(n, queue);
        return;
    }
    if (queue >= 2u * n->state.pairs)
        return;
    virtio_net_update_offloads(n); /* the driver has chosen by now */
    if (queue % 2 == 0) {
        net_ready(n->end);
    } else {
        serve_pair(n, queue / 2, &turn);
        end_turn(n, turn);
    }
}

/* The configuration space follows from the rest. */
static void put_space(struct VirtioNet *n) {
    memcpy(n->space + CONFIG_MAC, n->state.mac, sizeof(n->state.mac));
    put_le16(n->space + CONFIG_STATUS, net_link_is_up(n->end) ? STATUS_LINK_UP : 0);
    put_le16(n->space + CONFIG_PAIRS, (uint16_t)n->config.pairs);
    put_le16(n->space + CONFIG_MTU, n->config.mtu);
}

static void link_changed(void *opaque, bool up) {
    struct VirtioNet *n = opaque;
    (void)up;
    put_space(n);
    if (virtio_has(&n->virtio, VIRTIO_NET_F_STATUS))
        virtio_config_changed(&n->virtio);
}

/* Drivers before 1.0 write the address here (5.1.4). Nothing else can be written. */
static void config_written(void *opaque, unsigned offset, unsigned size) {
    struct VirtioNet *n = opaque;
    bool legacy = !virtio_has(&n->virtio, VIRTIO_F_VERSION_1) && !virtio_has(&n->virtio, VIRTIO_NET_F_CTRL_MAC_ADDR);
    if (legacy && offset + size <= CONFIG_STATUS)
        memcpy(n->state.mac, n->space + CONFIG_MAC, sizeof(n->state.mac));
    put_space(n);
}

static void reset(void *opaque) {
    struct VirtioNet *n = opaque;
    struct VirtioNetState *s = &n->state;
    const struct VirtioState virtio = s->virtio;
    *s = (struct VirtioNetState){.virtio = virtio, .promiscuous = true, .pairs = 1};
    memcpy(s->mac, n->config.mac, sizeof(s->mac));
    memset(n->flow, 0, sizeof(n->flow));
    n->told = 0;
    net_forget(n->end);
    net_set_takes(n->end, 0);
    put_space(n);
}

/* ---- life ---- */

const struct NetOps virtio_net_end_ops = {
    .can_take = can_take,
    .take = take,
    .taken = taken,
    .ready = ready,
    .link_changed = link_changed,
};

void virtio_net_restored(struct VirtioNet *n) {
    if (n->state.pairs < 1 || n->state.pairs > n->config.pairs) /* of a card with more of them */
        n->state.pairs = 1;
    put_space(n);
    if (!virtio_is_live(&n->virtio))
        return;
    virtio_net_update_offloads(n);
    net_ready(n->end);
    serve_all(n);
}

void virtio_net_init(struct VirtioNet *n, struct PciDevice *pci, struct NetEnd *end,
                     const struct VirtioNetConfig *config, const struct VirtioNetOps *ops, void *opaque) {
    static const struct VirtioDeviceOps device_ops = {notified, reset, config_written};
    memset(n, 0, sizeof(*n));
    n->config = *config;
    n->end = end;
    n->ops = ops;
    n->opaque = opaque;
    n->state.pairs = 1;
    n->virtio = (struct Virtio){
        .state = &n->state.virtio,
        .pci = pci,
        .ops = &device_ops,
        .opaque = n,
        .offered = ((offered | (config->pairs > 1 ? VIRTIO_NET_F_MQ : 0) | (config->mtu != 0 ? VIRTIO_NET_F_MTU : 0)) &
                    ~config->without) |
                   VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_INDEX | VIRTIO_F_ANY_LAYOUT | VIRTIO_F_VERSION_1,
        .queues = 2 * config->pairs + 1,
        .config = n->space,
        .config_size = sizeof(n->space),
    };
}

void virtio_net_destroy(struct VirtioNet *n) {
    free(n->copy);
    n->copy = NULL;
}

static const char *check(const void *state) {
    const struct VirtioNetState *s = state;
    if (s->unicasts + s->multicasts > VIRTIO_NET_MACS)
        return "more addresses than the filter has room for";
    if (s->pairs > VIRTIO_NET_PAIRS)
        return "a number of queue pairs that can't be";
    return virtio_check(&s->virtio);
}

const struct StateTable virtio_net_state_table = {
    .name = "virtio_net",
    .size = sizeof(struct VirtioNetState),
    .version = 1,
    .check = check,
    .field =
        (const struct StateField[]){
            STATE_WITHIN(VirtioNetState, virtio, &virtio_state_table),
            STATE_FIELD(VirtioNetState, offloads),
            STATE_FIELD(VirtioNetState, offloads_set),
            STATE_FIELD(VirtioNetState, promiscuous),
            STATE_FIELD(VirtioNetState, all_multicast),
            STATE_FIELD(VirtioNetState, all_unicast),
            STATE_FIELD(VirtioNetState, no_multicast),
            STATE_FIELD(VirtioNetState, no_unicast),
            STATE_FIELD(VirtioNetState, no_broadcast),
            STATE_FIELD(VirtioNetState, unicast_overflow),
            STATE_FIELD(VirtioNetState, multicast_overflow),
            STATE_FIELD(VirtioNetState, unicasts),
            STATE_FIELD(VirtioNetState, multicasts),
            STATE_ARRAY(VirtioNetState, mac),
            STATE_ARRAY(VirtioNetState, filter),
            STATE_ARRAY(VirtioNetState, vlans),
            STATE_FIELD(VirtioNetState, pairs),
            STATE_PADDING(VirtioNetState, unused),
            {0},
        },
};
