/* SPDX-License-Identifier: MIT */
/* Virtio's network card: packets both ways, mergeable buffers, offloads, filters, queue pairs, and what no driver does.
 */
#include "base/bytes.h"
#include "devices/virtio/virtio_net.h"
#include "tests/unit/suites.h"
#include "tests/unit/virtio/virtio_bench.h"

#include <stdlib.h>
#include <string.h>

enum { RX = 0, TX = 1, CONTROL = 2, DATA = 0x400000, HEADER = 12, STATUS = VB_CONFIG + 6 };
#define CONTROLS                                                                                                       \
    (VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_VLAN | VIRTIO_NET_F_CTRL_RX_EXTRA |               \
     VIRTIO_NET_F_CTRL_MAC_ADDR | VIRTIO_NET_F_CTRL_GUEST_OFFLOADS | VIRTIO_NET_GUEST_OFFLOADS)

static const uint8_t mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
static struct VirtioBench b;
static struct VirtioNet net;
static struct NetEnd card, wire;
static unsigned turns, got, room;
static size_t got_bytes;
static struct NetOffload got_offload;
static uint8_t got_frame[NET_FRAME_MAX], frame[NET_FRAME_MAX];

static bool can_take(void *opaque) { return (void)opaque, room > 0; }

static bool take(void *opaque, const struct NetPacket *p) {
    (void)opaque;
    got++;
    room--;
    got_bytes = p->bytes;
    got_offload = p->offload;
    net_copy(p, 0, got_frame, sizeof(got_frame));
    return true;
}

static bool is_open(void *opaque) { return (void)opaque, true; }
static void knock(void *opaque) { (void)opaque; }
static void more(void *opaque) { (void)opaque, turns++; }

static void open_card(unsigned pairs) {
    static const struct VirtioNetOps ops = {more};
    static const struct VirtioPciId id = {"virtio-net-pci", VIRTIO_TYPE_NET, 0x020000};
    static const struct NetOps wire_ops = {.can_take = can_take, .take = take};
    static const struct NetDoor door = {is_open, knock, NULL};
    struct VirtioNetConfig config = {.pairs = pairs, .mtu = 1500};
    memcpy(config.mac, mac, sizeof(mac));
    turns = got = 0;
    room = 1u << 20;
    virtio_bench_open(&b, &id);
    net_end_init(&card, "card", &virtio_net_end_ops, &net, &door);
    net_end_init(&wire, "wire", &wire_ops, NULL, NULL);
    net_set_takes(&wire, NET_TAKES_ALL);
    ck_assert_int_eq(net_connect(&card, &wire), 0);
    virtio_net_init(&net, &b.pci.pci, &card, &config, &ops, NULL);
    virtio_bench_show(&b, &net.virtio);
}

static void close_card(void) {
    virtio_bench_close(&b);
    virtio_net_destroy(&net);
    net_end_destroy(&card);
    net_end_destroy(&wire);
}

static void offer(unsigned queue, unsigned i, uint64_t at, uint32_t bytes, bool write) {
    vb_descriptor(&b, queue, i, at, bytes, write ? VB_WRITE : 0, 0);
    vb_offer(&b, queue, i);
}

/* To the guest, from its own address's neighbour. */
static void send_to(const uint8_t to[6], size_t bytes) {
    memcpy(frame, to, 6);
    for (size_t i = 12; i < bytes; i++)
        frame[i] = (uint8_t)(i * 3 + i / 251);
    net_send_frame(&wire, frame, bytes);
    net_sent(&wire);
}

START_TEST(identity) {
    open_card(3);
    ck_assert_uint_eq(pci_config_read(&b.host, 0, 4 * PCI_FUNCTIONS, 0, 4), 0x10001af4);
    ck_assert_uint_eq(pci_config_read(&b.host, 0, 4 * PCI_FUNCTIONS, PCI_SUBSYSTEM, 2), 1);
    ck_assert_uint_eq(vb_get(&b, VB_BAR + 0x12, 2), 7);
    for (unsigned i = 0; i < 6; i++)
        ck_assert_uint_eq(vb_get(&b, VB_CONFIG + i, 1), mac[i]);
    ck_assert_uint_eq(vb_get(&b, STATUS, 2), 1);
    ck_assert_uint_eq(vb_get(&b, VB_CONFIG + 8, 2), 3);
    ck_assert_uint_eq(vb_get(&b, VB_CONFIG + 10, 2), 1500);
    close_card();
}
END_TEST

START_TEST(to_the_wire) {
    open_card(1);
    vb_start(&b, 0, 3);
    memset(b.ram.host + DATA, 0, HEADER);
    memcpy(b.ram.host + DATA + HEADER, "destinsource\x08\x00some payload of it", 32);
    vb_descriptor(&b, TX, 0, DATA, HEADER, VB_NEXT, 1);
    vb_descriptor(&b, TX, 1, DATA + HEADER, 20, VB_NEXT, 2);
    vb_descriptor(&b, TX, 2, DATA + HEADER + 20, 12, 0, 0);
    vb_offer(&b, TX, 0);
    ck_assert_int_eq(vb_used(&b, TX), 0);
    ck_assert_uint_eq(got, 1);
    ck_assert_uint_eq(got_bytes, 32);
    ck_assert_mem_eq(got_frame, b.ram.host + DATA + HEADER, 32);
    ck_assert(b.pirq.level);
    vb_descriptor(&b, TX, 3, DATA, HEADER + 60, 0, 0); /* header and frame in one, as legacy drivers have them */
    vb_offer(&b, TX, 3);
    ck_assert_uint_eq(got_bytes, 60);
    close_card();
}
END_TEST

/* Packets wait in the ring while the host end takes none. */
START_TEST(held) {
    open_card(1);
    vb_start(&b, 0, 3);
    memset(b.ram.host + DATA, 0, 100);
    room = 1;
    offer(TX, 0, DATA, 72, false);
    offer(TX, 1, DATA, 73, false);
    ck_assert_uint_eq(got, 1);
    ck_assert_int_eq(vb_used(&b, TX), 0);
    ck_assert_int_eq(vb_used(&b, TX), -1);
    room = 10;
    net_ready(&wire);
    ck_assert_uint_eq(got, 2);
    ck_assert_uint_eq(got_bytes, 73 - HEADER);
    ck_assert_int_eq(vb_used(&b, TX), 0);
    close_card();
}
END_TEST

START_TEST(offloads_to_the_wire) {
    static const uint8_t tso[HEADER] = {1, 1, 54, 0, 0xb4, 5, 34, 0, 16, 0};
    open_card(1);
    vb_start(&b, VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4, 3);
    memset(b.ram.host + DATA, 0, 5000);
    memcpy(b.ram.host + DATA, tso, HEADER);
    offer(TX, 0, DATA, HEADER + 4000, false);
    ck_assert_uint_eq(got, 1);
    ck_assert(got_offload.needs_checksum && got_offload.gso == NET_GSO_TCP4 && got_offload.segment_bytes == 1460);
    b.ram.host[DATA + 1] = NET_GSO_TCP6; /* which was not agreed upon */
    offer(TX, 1, DATA, HEADER + 4000, false);
    b.ram.host[DATA + 1] = 0;
    b.ram.host[DATA + 7] = 0x20; /* a checksum behind the end */
    offer(TX, 2, DATA, HEADER + 4000, false);
    ck_assert_uint_eq(got, 1);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(vb_used(&b, TX), 0); /* dropped, and given back all the same */
    ck_assert(virtio_is_live(&net.virtio));
    vb_start(&b, 0, 3); /* without the feature the header means nothing */
    memcpy(b.ram.host + DATA, tso, HEADER);
    offer(TX, 0, DATA, HEADER + 4000, false);
    ck_assert_uint_eq(got, 2);
    ck_assert(!got_offload.needs_checksum && got_offload.gso == NET_GSO_NONE);
    close_card();
}
END_TEST

START_TEST(to_the_guest) {
    open_card(1);
    vb_start(&b, 0, 3);
    send_to(mac, 100); /* before there is a buffer */
    ck_assert_uint_eq(card.waiting, 1);
    offer(RX, 0, DATA, 2000, true);
    ck_assert_int_eq(vb_used(&b, RX), HEADER + 100);
    ck_assert_mem_eq(b.ram.host + DATA + HEADER, frame, 100);
    ck_assert_uint_eq(get_le16(b.ram.host + DATA + 10), 1);
    ck_assert(b.pirq.level);
    offer(RX, 1, DATA, 100, true); /* too small, and they can't be merged */
    send_to(mac, 100);
    ck_assert_int_eq(vb_used(&b, RX), -1);
    ck_assert_uint_eq(card.lost, 1);
    ck_assert_uint_eq(card.waiting, 0);
    send_to(mac, 80);
    ck_assert_int_eq(vb_used(&b, RX), HEADER + 80);
    close_card();
}
END_TEST

START_TEST(merged) {
    open_card(1);
    vb_start(&b, VIRTIO_NET_F_MRG_RXBUF, 3);
    for (unsigned i = 0; i < 3; i++)
        offer(RX, i, DATA + 0x1000 * i, 512, true);
    send_to(mac, 1800); /* one buffer is missing */
    ck_assert_int_eq(vb_used(&b, RX), -1);
    ck_assert_uint_eq(card.waiting, 1);
    offer(RX, 3, DATA + 0x3000, 512, true);
    ck_assert_int_eq(vb_used(&b, RX), 512);
    ck_assert_int_eq(vb_used(&b, RX), 512);
    ck_assert_int_eq(vb_used(&b, RX), 512);
    ck_assert_int_eq(vb_used(&b, RX), HEADER + 1800 - 3 * 512);
    ck_assert_int_eq(vb_used(&b, RX), -1);
    ck_assert_uint_eq(get_le16(b.ram.host + DATA + 10), 4);
    uint8_t whole[1800];
    memcpy(whole, b.ram.host + DATA + HEADER, 500);
    for (unsigned i = 1; i < 4; i++)
        memcpy(whole + 500 + 512 * (i - 1), b.ram.host + DATA + 0x1000 * i, i < 3 ? 512 : 276);
    ck_assert_mem_eq(whole, frame, 1800);
    for (unsigned i = 0; i < VB_ENTRIES; i++) /* all buffers together are too small: it is dropped */
        offer(RX, i, DATA + 0x1000 * i, 100, true);
    send_to(mac, 1800);
    ck_assert_uint_eq(card.waiting, 0);
    ck_assert_uint_eq(card.lost, 1);
    close_card();
}
END_TEST

/* What comes with a checksum still to be made is finished, or not, as the driver wants it. */
START_TEST(offloads_to_the_guest) {
    struct iovec piece = {frame, 1000};
    struct NetPacket p = {&piece, 1, 1000, {.needs_checksum = true, .start = 34, .offset = 16}};
    uint8_t *h = b.ram.host;
    memset(frame, 0, sizeof(frame));
    open_card(1);
    h = b.ram.host + DATA;
    vb_start(&b, VIRTIO_NET_F_GUEST_CSUM | CONTROLS, 3);
    memcpy(frame, mac, 6);
    offer(RX, 0, DATA, 2000, true);
    net_send(&wire, &p);
    ck_assert_uint_eq(h[0], 1);
    ck_assert_uint_eq(get_le16(h + 6), 34);
    ck_assert_uint_eq(get_le16(h + 8), 16);
    vb_put(&b, DATA + 0x4000, 5, 2); /* offloads, set: none */
    vb_put(&b, DATA + 0x4002, 0, 8);
    vb_descriptor(&b, CONTROL, 0, DATA + 0x4000, 10, VB_NEXT, 1);
    vb_descriptor(&b, CONTROL, 1, DATA + 0x5000, 1, VB_WRITE, 0);
    vb_offer(&b, CONTROL, 0);
    ck_assert_uint_eq(h[0x5000], 0);
    offer(RX, 1, DATA, 2000, true);
    net_send(&wire, &p);
    ck_assert_uint_eq(h[0], 0);
    ck_assert_uint_eq(get_be16(h + HEADER + 50), 0xffff); /* of zeroes */
    close_card();
}
END_TEST

static uint8_t command(unsigned class, unsigned number, const void *data, size_t n) {
    b.ram.host[DATA + 0x5000] = 0x55;
    b.ram.host[DATA + 0x4000] = (uint8_t)class;
    b.ram.host[DATA + 0x4001] = (uint8_t)number;
    memcpy(b.ram.host + DATA + 0x4002, data, n);
    vb_descriptor(&b, CONTROL, 0, DATA + 0x4000, (uint32_t)n + 2, VB_NEXT, 1);
    vb_descriptor(&b, CONTROL, 1, DATA + 0x5000, 1, VB_WRITE, 0);
    vb_offer(&b, CONTROL, 0);
    ck_assert_int_eq(vb_used(&b, CONTROL), 1);
    return b.ram.host[DATA + 0x5000];
}

/* Whether a packet to that address comes in. */
static bool arrives(const uint8_t to[6], size_t bytes) {
    offer(RX, 0, DATA, 2000, true);
    send_to(to, bytes);
    if (vb_used(&b, RX) > 0)
        return true;
    virtio_untake(&net.virtio, RX, 0);
    vb_put(&b, VB_RINGS + 0x1002, vb_get(&b, VB_RINGS + 0x1002, 2) - 1, 2); /* take it back */
    return false;
}

START_TEST(filters) {
    static const uint8_t other[6] = {0x52, 0x54, 0, 1, 2, 3}, group[6] = {0x33, 0x33, 0, 0, 0, 1},
                         all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint8_t table[8 + 12] = {1, 0, 0, 0};
    open_card(1);
    vb_start(&b, CONTROLS, 3);
    ck_assert(arrives(other, 60)); /* promiscuous, until the driver says otherwise */
    ck_assert_uint_eq(command(0, 0, "\0", 1), 0);
    ck_assert(!arrives(other, 60) && !arrives(group, 60) && arrives(mac, 60) && arrives(all, 60));
    memcpy(table + 4, other, 6);
    table[10] = 1;
    memcpy(table + 14, group, 6);
    ck_assert_uint_eq(command(1, 0, table, sizeof(table)), 0);
    ck_assert(arrives(other, 60) && arrives(group, 60));
    ck_assert_uint_eq(command(1, 0, "\0\0\0\0\0\0\0\0", 8), 0);
    ck_assert(!arrives(other, 60) && !arrives(group, 60));
    ck_assert_uint_eq(command(0, 1, "\1", 1), 0);
    ck_assert(arrives(group, 60) && !arrives(other, 60));
    ck_assert_uint_eq(command(0, 3, "\1", 1), 0);
    ck_assert(!arrives(group, 60));
    ck_assert_uint_eq(command(0, 5, "\1", 1), 0);
    ck_assert(!arrives(all, 60));
    ck_assert_uint_eq(command(0, 2, "\1", 1), 0);
    ck_assert(arrives(other, 60));
    ck_assert_uint_eq(command(0, 2, "\0", 1), 0);
    ck_assert_uint_eq(command(1, 1, other, 6), 0); /* another address */
    ck_assert(arrives(other, 60) && !arrives(mac, 60));
    ck_assert_uint_eq(vb_get(&b, VB_CONFIG + 5, 1), 3);
    close_card();
}
END_TEST

START_TEST(vlans) {
    uint8_t tagged[6];
    open_card(1);
    vb_start(&b, CONTROLS, 3);
    ck_assert_uint_eq(command(0, 0, "\0", 1), 0);
    memcpy(tagged, mac, 6);
    offer(RX, 1, DATA, 2000, true);
    memcpy(frame, mac, 6);
    put_be32(frame + 12, 0x81006007); /* VLAN 7, priority 3 */
    net_send_frame(&wire, frame, 64);
    ck_assert_int_eq(vb_used(&b, RX), -1);
    ck_assert_uint_eq(command(2, 0, "\7\0", 2), 0);
    net_send_frame(&wire, frame, 64);
    ck_assert_int_eq(vb_used(&b, RX), HEADER + 64);
    ck_assert_uint_eq(command(2, 1, "\7\0", 2), 0);
    offer(RX, 1, DATA, 2000, true);
    net_send_frame(&wire, frame, 64);
    ck_assert_int_eq(vb_used(&b, RX), -1);
    close_card();
}
END_TEST

START_TEST(wrong_commands) {
    uint8_t many[4 + 6 * 80 + 4] = {80};
    open_card(1);
    vb_start(&b, CONTROLS, 3);
    ck_assert_uint_eq(command(0, 6, "\1", 1), 1);
    ck_assert_uint_eq(command(0, 0, "\1\1", 2), 1);
    ck_assert_uint_eq(command(0, 0, "", 0), 1);
    ck_assert_uint_eq(command(1, 0, "\2\0\0\0", 4), 1);
    ck_assert_uint_eq(command(1, 0, "\xff\xff\xff\xff\0\0\0\0", 8), 1);
    ck_assert_uint_eq(command(1, 0, "\0\0\0\0\0\0\0\0\0", 9), 1);
    ck_assert_uint_eq(command(1, 1, "12345", 5), 1);
    ck_assert_uint_eq(command(2, 0, "\0\x10", 2), 1); /* VLAN 4096 */
    ck_assert_uint_eq(command(4, 0, "\1\0", 2), 1);   /* there is one pair, and no command about pairs */
    ck_assert_uint_eq(command(5, 0, "\xff\xff\xff\xff\0\0\0\0", 8), 1);
    ck_assert_uint_eq(command(77, 0, "", 0), 1);
    ck_assert_uint_eq(command(1, 0, many, sizeof(many)), 0); /* more than the filter holds: all of them come in */
    ck_assert(net.state.unicast_overflow && net.state.unicasts == 0);
    vb_descriptor(&b, CONTROL, 0, DATA, 1, 0, 0); /* no room for an answer */
    vb_offer(&b, CONTROL, 0);
    ck_assert_int_eq(vb_used(&b, CONTROL), 0);
    close_card();
}
END_TEST

/* Which the ring has what no driver puts there; the device wants a reset or drops, and never goes beyond. */
START_TEST(hostile) {
    open_card(1);
    vb_start(&b, 0, 3);
    offer(TX, 0, DATA, HEADER, false); /* no frame */
    offer(TX, 1, DATA, 5, false);
    offer(TX, 2, DATA, 0x20000, false); /* too long */
    offer(TX, 3, DATA, 2000, true);     /* to be written */
    ck_assert_uint_eq(got, 0);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_eq(vb_used(&b, TX), 0);
    vb_descriptor(&b, TX, 0, DATA, HEADER, VB_NEXT, 1);
    vb_descriptor(&b, TX, 1, 0xe0000000, 100, 0, 0); /* where no memory is */
    vb_offer(&b, TX, 0);
    ck_assert_uint_eq(got, 0);
    ck_assert_int_eq(vb_used(&b, TX), 0);
    offer(RX, 0, DATA, 4, true); /* smaller than a header */
    send_to(mac, 60);
    ck_assert_uint_eq(card.lost, 1);
    vb_descriptor(&b, TX, 0, DATA, 100, VB_NEXT, 0); /* a loop */
    vb_offer(&b, TX, 0);
    ck_assert(!virtio_is_live(&net.virtio));
    send_to(mac, 60);
    vb_start(&b, 0, 3);
    offer(TX, 0, DATA, 100, false);
    ck_assert_uint_eq(got, 1);
    ck_assert_uint_eq(card.waiting, 0); /* a reset forgets */
    vb_descriptor(&b, RX, 0, DATA, 100, VB_WRITE | VB_NEXT, 0);
    vb_offer(&b, RX, 0);
    send_to(mac, 60);
    ck_assert(!virtio_is_live(&net.virtio));
    close_card();
}
END_TEST

START_TEST(turns_end) {
    open_card(1);
    vb_start(&b, 0, 3);
    memset(b.ram.host + DATA, 0, 100);
    net.virtio.state->queue[TX].size = VIRTIO_QUEUE_SIZE;
    /* the same buffer so often that a turn does not do */
    for (unsigned i = 0; i < VIRTIO_NET_TURN; i++)
        vb_put(&b, VB_RINGS + 0x4000 + 0x1004 + 2 * i, 0, 2);
    vb_descriptor(&b, TX, 0, DATA, 100, 0, 0);
    vb_put(&b, VB_RINGS + 0x4000 + 0x1002, VIRTIO_NET_TURN, 2);
    vb_put(&b, VB_NOTIFY + 4 * TX, TX, 2);
    ck_assert_uint_eq(got, VIRTIO_NET_TURN);
    ck_assert_uint_eq(turns, 1);
    vb_put(&b, VB_RINGS + 0x4000 + 0x1002, VIRTIO_NET_TURN + 3, 2);
    virtio_net_continue(&net);
    ck_assert_uint_eq(got, VIRTIO_NET_TURN + 3);
    ck_assert_uint_eq(turns, 1);
    close_card();
}
END_TEST

START_TEST(pairs) {
    open_card(2);
    vb_start(&b, VIRTIO_NET_F_MQ | CONTROLS, 5);
    memset(b.ram.host + DATA, 0, 200);
    uint8_t *f = b.ram.host + DATA + HEADER;
    put_be16(f + 12, 0x0800);
    f[14] = 0x45;
    put_be32(f + 26, 0x0a00020f);
    put_be32(f + 30, 0x0a000202);
    put_be32(f + 34, 0x12345678);
    offer(3, 0, DATA, HEADER + 60, false); /* the second pair is not in use yet */
    ck_assert_uint_eq(got, 0);
    put_le16(b.ram.host + DATA + 0x4000, 4); /* of the control queue, which is the last: two pairs */
    put_le16(b.ram.host + DATA + 0x4002, 2);
    vb_descriptor(&b, 4, 0, DATA + 0x4000, 4, VB_NEXT, 1);
    vb_descriptor(&b, 4, 1, DATA + 0x5000, 1, VB_WRITE, 0);
    vb_offer(&b, 4, 0);
    ck_assert_uint_eq(net.state.pairs, 2);
    vb_put(&b, VB_NOTIFY + 4 * 3, 3, 2);
    ck_assert_uint_eq(got, 1);
    offer(0, 0, DATA + 0x6000, 2000, true);
    offer(2, 0, DATA + 0x7000, 2000, true);
    uint8_t answer[60] = {0}; /* comes in by the pair that its connection went out by */
    put_be16(answer + 12, 0x0800);
    answer[14] = 0x45;
    put_be32(answer + 26, 0x0a000202);
    put_be32(answer + 30, 0x0a00020f);
    put_be32(answer + 34, 0x56781234);
    net_send_frame(&wire, answer, sizeof(answer));
    ck_assert_int_eq(vb_used(&b, 2), HEADER + 60);
    answer[33]++; /* another one by the first */
    net_send_frame(&wire, answer, sizeof(answer));
    ck_assert_int_eq(vb_used(&b, 0), HEADER + 60);
    close_card();
}
END_TEST

START_TEST(cable) {
    open_card(1);
    vb_start(&b, VIRTIO_NET_F_STATUS, 3);
    ck_assert(!b.pirq.level);
    net_set_link(&wire, false);
    ck_assert(b.pirq.level);
    ck_assert_uint_eq(vb_get(&b, STATUS, 2), 0);
    ck_assert_uint_eq(vb_get(&b, VB_BAR + 0x1000, 1), 3); /* configuration */
    net_set_link(&wire, true);
    ck_assert_uint_eq(vb_get(&b, STATUS, 2), 1);
    close_card();
}
END_TEST

/* Drivers of before 1.0: a short header, and an address that is written. */
START_TEST(legacy) {
    open_card(1);
    vb_start_legacy(&b, 0, 2);
    offer(RX, 0, DATA, 2000, true);
    send_to(mac, 100);
    ck_assert_int_eq(vb_used(&b, RX), 10 + 100);
    ck_assert_mem_eq(b.ram.host + DATA + 10, frame, 100);
    memset(b.ram.host + DATA, 0, 100);
    offer(TX, 0, DATA, 10 + 60, false);
    ck_assert_uint_eq(got_bytes, 60);
    bus_port_write(b.dev.bus, VB_OLD + 20 + 5, 0x99, 1);
    ck_assert_uint_eq(net.state.mac[5], 0x99);
    bus_port_write(b.dev.bus, VB_OLD + 20 + 6, 0, 1);
    ck_assert_uint_eq(bus_port_read(b.dev.bus, VB_OLD + 20 + 6, 1), 1);
    close_card();
}
END_TEST

/* A saved state goes on: what was set is set, what waits in the rings is served. */
START_TEST(restored) {
    size_t n = state_size(&virtio_net_state_table, 1);
    uint8_t *saved = malloc(n);
    char why[200];
    open_card(1);
    vb_start(&b, CONTROLS, 3);
    memset(b.ram.host + DATA, 0, 100);
    ck_assert_uint_eq(command(0, 0, "\0", 1), 0);
    ck_assert_uint_eq(command(1, 1, "\x52\x54\0\1\2\3", 6), 0);
    room = 0;
    offer(TX, 0, DATA, 72, false);
    state_save(&virtio_net_state_table, &net.state, saved);
    virtio_reset(&net.virtio);
    ck_assert(net.state.promiscuous);
    room = 10;
    ck_assert_int_eq(state_load(&virtio_net_state_table, 1, saved, n, &net.state, why, sizeof(why)), 0);
    virtio_net_restored(&net);
    ck_assert_uint_eq(got, 1);
    ck_assert_int_eq(vb_used(&b, TX), 0);
    ck_assert(!net.state.promiscuous);
    ck_assert_uint_eq(vb_get(&b, VB_CONFIG + 5, 1), 3);
    net.state.unicasts = VIRTIO_NET_MACS, net.state.multicasts = 1;
    ck_assert_ptr_nonnull(virtio_net_state_table.check(&net.state));
    close_card();
    free(saved);
}
END_TEST

Suite *virtio_net_suite(void) {
    Suite *s = suite_create("virtio_net");
    TCase *c = tcase_create("virtio_net");
    tcase_add_test(c, identity);
    tcase_add_test(c, to_the_wire);
    tcase_add_test(c, held);
    tcase_add_test(c, offloads_to_the_wire);
    tcase_add_test(c, to_the_guest);
    tcase_add_test(c, merged);
    tcase_add_test(c, offloads_to_the_guest);
    tcase_add_test(c, filters);
    tcase_add_test(c, vlans);
    tcase_add_test(c, wrong_commands);
    tcase_add_test(c, hostile);
    tcase_add_test(c, turns_end);
    tcase_add_test(c, pairs);
    tcase_add_test(c, cable);
    tcase_add_test(c, legacy);
    tcase_add_test(c, restored);
    suite_add_tcase(s, c);
    return s;
}
