/* SPDX-License-Identifier: MIT */
/* Links: who gets which packet when, what waits and for how long, what is finished on the way. */
#include "base/bytes.h"
#include "net/net.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <string.h>

/* An end that remembers what it got. */
struct Side {
    struct NetEnd end;
    unsigned room; /* packets that it still takes */
    unsigned packets, bursts, readies, link_changes;
    size_t bytes;
    struct NetOffload offload; /* of the last */
    uint8_t frame[NET_FRAME_MAX];
    struct Side *answers; /* to whom it sends a packet back */
};

static struct Side card, host;
static bool door_open;
static unsigned knocks;

static bool can_take(void *opaque) { return ((struct Side *)opaque)->room > 0; }

static bool take(void *opaque, const struct NetPacket *p) {
    struct Side *s = opaque;
    if (s->room == 0)
        return false;
    s->room--;
    s->packets++;
    s->bytes = p->bytes;
    s->offload = p->offload;
    ck_assert_uint_eq(net_copy(p, 0, s->frame, sizeof(s->frame)), p->bytes);
    if (s->answers != NULL)
        net_send_frame(&s->end, s->frame, p->bytes);
    return true;
}

static void taken(void *opaque) { ((struct Side *)opaque)->bursts++; }
static void ready(void *opaque) { ((struct Side *)opaque)->readies++; }
static void link_changed(void *opaque, bool up) { (void)up, ((struct Side *)opaque)->link_changes++; }
static bool is_open(void *opaque) { return (void)opaque, door_open; }
static void knock(void *opaque) { (void)opaque, knocks++; }

static const struct NetOps ops = {can_take, take, taken, ready, link_changed};
static const struct NetDoor door = {is_open, knock, NULL};

static void open_link(void) {
    memset(&card, 0, sizeof(card));
    memset(&host, 0, sizeof(host));
    card.room = host.room = 1u << 20;
    door_open = true;
    knocks = 0;
    net_end_init(&card.end, "card", &ops, &card, &door);
    net_end_init(&host.end, "host", &ops, &host, NULL);
    ck_assert_int_eq(net_connect(&card.end, &host.end), 0);
}

static void close_link(void) {
    net_end_destroy(&card.end);
    ck_assert_ptr_null(host.end.peer);
    net_end_destroy(&host.end);
}

static uint8_t frame[NET_FRAME_MAX];

START_TEST(both_ways) {
    struct Side third = {0};
    open_link();
    net_end_init(&third.end, "third", &ops, &third, NULL);
    ck_assert_int_eq(net_connect(&third.end, &card.end), -EBUSY);
    memcpy(frame, "destinsource\x08\x00payload", 21);
    const struct iovec piece[] = {{frame, 7}, {frame + 7, 0}, {frame + 7, 14}};
    const struct NetPacket p = {piece, 3, 21, {0}};
    net_send(&card.end, &p);
    ck_assert_uint_eq(host.packets, 1);
    ck_assert_uint_eq(host.bytes, 21);
    ck_assert_mem_eq(host.frame, frame, 21);
    ck_assert_uint_eq(host.bursts, 0);
    net_sent(&card.end);
    net_sent(&card.end);
    ck_assert_uint_eq(host.bursts, 1);
    net_send_frame(&host.end, frame, 60);
    net_sent(&host.end);
    ck_assert_uint_eq(card.packets, 1);
    ck_assert_uint_eq(card.bursts, 1);
    ck_assert_uint_eq(card.end.sent.packets, 1);
    ck_assert_uint_eq(card.end.sent.bytes, 21);
    ck_assert_uint_eq(net_copy(&p, 5, host.frame, 4), 4);
    ck_assert_mem_eq(host.frame, frame + 5, 4);
    ck_assert_uint_eq(net_copy(&p, 20, host.frame, 4), 1);
    net_send_frame(&card.end, frame, NET_FRAME_MIN - 1); /* no frames */
    const struct iovec huge = {frame, sizeof(frame)};
    const struct NetPacket too_long = {&huge, 1, NET_FRAME_MAX + 1, {0}};
    net_send(&card.end, &too_long);
    ck_assert_uint_eq(host.packets, 1);
    ck_assert_uint_eq(card.end.sent.dropped, 2);
    close_link();
}
END_TEST

/* Nothing enters while the door is closed, and then in order. */
START_TEST(through_the_door) {
    open_link();
    door_open = false;
    net_send_frame(&host.end, frame, 100);
    net_send_frame(&host.end, frame, 200);
    ck_assert_uint_eq(card.packets, 0);
    ck_assert_uint_ge(knocks, 1);
    door_open = true;
    net_send_frame(&host.end, frame, 300); /* behind those that wait */
    ck_assert_uint_eq(card.packets, 0);
    card.room = 2;
    net_flush(&card.end);
    ck_assert_uint_eq(card.packets, 2);
    ck_assert_uint_eq(card.bytes, 200);
    ck_assert_uint_eq(card.bursts, 1);
    card.room = 5;
    net_ready(&card.end);
    ck_assert_uint_eq(card.packets, 3);
    ck_assert_uint_eq(card.bytes, 300);
    close_link();
}
END_TEST

/* A host end that answers at once: the card gets it when it has done with sending. */
START_TEST(answers_come_afterwards) {
    open_link();
    host.answers = &card;
    net_send_frame(&card.end, frame, 100);
    ck_assert_uint_eq(host.packets, 1);
    ck_assert_uint_eq(card.packets, 0);
    ck_assert_uint_eq(knocks, 1);
    net_flush(&card.end);
    ck_assert_uint_eq(card.packets, 1);
    close_link();
}
END_TEST

/* A card that takes nothing: a bounded number waits, the sender is told to hold, and when to go on. */
START_TEST(bounded) {
    open_link();
    card.room = 0;
    unsigned sent = 0;
    for (; net_can_send(&host.end); sent++)
        net_send_frame(&host.end, frame, 60);
    ck_assert_uint_eq(sent, NET_QUEUE_PACKETS / 2);
    for (unsigned i = 0; i < 4 * NET_QUEUE_PACKETS; i++)
        net_send_frame(&host.end, frame, 1000);
    ck_assert_uint_le(card.end.waiting, NET_QUEUE_PACKETS);
    ck_assert_uint_le(card.end.waiting_bytes, NET_QUEUE_BYTES);
    ck_assert_uint_gt(host.end.sent.dropped, 0);
    card.room = 10;
    net_ready(&card.end);
    ck_assert_uint_eq(host.readies, 0); /* there is more than half of it left */
    card.room = 1u << 20;
    net_ready(&card.end);
    ck_assert_uint_eq(host.readies, 1);
    ck_assert_uint_eq(card.end.waiting, 0);
    ck_assert_uint_eq(card.end.waiting_bytes, 0);
    card.room = 0;
    for (sent = 0; net_can_send(&host.end); sent++)
        net_send_frame(&host.end, frame, NET_FRAME_MAX);
    ck_assert_uint_le(sent, 9); /* of bytes, too */
    net_forget(&card.end);
    ck_assert(net_can_send(&host.end));
    close_link();
}
END_TEST

/* A host end that is busy: the card asks first, keeps its packet, and hears. */
START_TEST(host_holds) {
    open_link();
    host.room = 1;
    ck_assert(net_can_send(&card.end));
    net_send_frame(&card.end, frame, 60);
    ck_assert(!net_can_send(&card.end));
    net_send_frame(&card.end, frame, 61); /* who does not ask has it wait */
    ck_assert_uint_eq(host.end.waiting, 1);
    host.room = 1;
    net_ready(&host.end);
    ck_assert_uint_eq(host.bytes, 61);
    ck_assert_uint_eq(card.readies, 0);
    host.room = 1;
    net_ready(&host.end);
    ck_assert_uint_eq(card.readies, 1);
    close_link();
}
END_TEST

START_TEST(cable) {
    open_link();
    host.room = 0;
    ck_assert(!net_can_send(&card.end));
    net_set_link(&host.end, false);
    ck_assert(!net_link_is_up(&card.end));
    ck_assert_uint_eq(card.link_changes, 1);
    ck_assert_uint_eq(card.readies, 1); /* with no cable nobody is held */
    ck_assert(net_can_send(&card.end));
    net_send_frame(&card.end, frame, 60);
    ck_assert_uint_eq(card.end.sent.dropped, 1);
    net_set_link(&card.end, false);
    net_set_link(&host.end, true); /* the other plug is still out */
    ck_assert_uint_eq(card.link_changes, 1);
    ck_assert(!net_link_is_up(&host.end));
    net_set_link(&card.end, true);
    ck_assert_uint_eq(card.link_changes, 2);
    ck_assert_uint_eq(host.link_changes, 2);
    ck_assert(net_link_is_up(&host.end));
    close_link();
}
END_TEST

static unsigned seen[2];
static void see(void *opaque, bool sent, const struct NetPacket *p) { (void)opaque, (void)p, seen[sent]++; }

START_TEST(watchers) {
    struct NetWatcher w = {.seen = see};
    open_link();
    seen[0] = seen[1] = 0;
    net_watch(&host.end, &w);
    net_send_frame(&card.end, frame, 60);
    net_send_frame(&host.end, frame, 60);
    net_send_frame(&host.end, frame, 60);
    ck_assert_uint_eq(seen[0], 1);
    ck_assert_uint_eq(seen[1], 2);
    net_unwatch(&host.end, &w);
    net_send_frame(&host.end, frame, 60);
    ck_assert_uint_eq(seen[1], 2);
    close_link();
}
END_TEST

/* ---- offloads ---- */

enum { TCP4_PAYLOAD = 14 + 20 + 20, TCP6_PAYLOAD = 14 + 40 + 32 };

/* The plain way to add words up. */
static uint16_t plain_sum(const uint8_t *p, size_t n, uint32_t sum) {
    for (size_t i = 0; i < n; i++)
        sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* A TCP packet of IPv4 with `n` bytes of payload and no checksum but the pseudo-header's. */
static size_t make_tcp4(uint8_t *f, size_t n) {
    size_t bytes = TCP4_PAYLOAD + n;
    memset(f, 0, TCP4_PAYLOAD);
    put_be16(f + 12, 0x0800);
    f[14] = 0x45;
    put_be16(f + 16, (uint16_t)(bytes - 14));
    put_be16(f + 18, 0xfffe); /* identification */
    f[22] = 64;
    f[23] = 6;
    put_be32(f + 26, 0x0a00020f);
    put_be32(f + 30, 0x0a000202);
    put_be16(f + 34, 1234);
    put_be16(f + 36, 80);
    put_be32(f + 38, 0xfffffc00); /* wraps within */
    f[46] = 5 << 4;
    f[47] = 0x80 | 0x10 | 0x08 | 0x01; /* CWR, ACK, PSH, FIN */
    put_be16(f + 50, plain_sum(f + 26, 8, (uint32_t)(6 + 20 + n)));
    put_be16(f + 24, (uint16_t)~plain_sum(f + 14, 20, 0));
    for (size_t i = 0; i < n; i++)
        f[TCP4_PAYLOAD + i] = (uint8_t)(i * 7 + i / 256);
    return bytes;
}

static size_t make_tcp6(uint8_t *f, size_t n) {
    memset(f, 0, TCP6_PAYLOAD);
    put_be16(f + 12, 0x86dd);
    f[14] = 0x60;
    put_be16(f + 18, (uint16_t)(32 + n));
    f[20] = 6;
    f[22] = 0xfe, f[37] = 1, f[38] = 0xfe, f[53] = 2;
    f[54 + 12] = 8 << 4;
    for (size_t i = 0; i < n; i++)
        f[TCP6_PAYLOAD + i] = (uint8_t)i;
    return TCP6_PAYLOAD + n;
}

static bool tcp4_is_right(const uint8_t *f, size_t bytes) {
    uint32_t pseudo = plain_sum(f + 26, 8, (uint32_t)(6 + bytes - 34));
    return get_be16(f + 16) == bytes - 14 && plain_sum(f + 14, 20, 0) == 0xffff &&
           plain_sum(f + 34, bytes - 34, pseudo) == 0xffff;
}

START_TEST(sums) {
    for (size_t n = 0; n < 70; n++) {
        make_tcp4(frame, 100);
        uint8_t swapped[2];
        put_le16(swapped, net_fold(net_sum(0, frame + 13, n)));
        ck_assert_uint_eq(get_be16(swapped), plain_sum(frame + 13, n, 0));
    }
    memset(frame, 0xff, sizeof(frame));
    ck_assert_uint_eq(net_fold(net_sum(net_sum(0, frame, 65536), frame, 65536)), 0xffff);
}
END_TEST

START_TEST(checksum_on_the_way) {
    size_t bytes = make_tcp4(frame, 333);
    const struct iovec piece[] = {{frame, 20}, {frame + 20, bytes - 20}};
    struct NetPacket p = {piece, 2, bytes, {.needs_checksum = true, .start = 34, .offset = 16}};
    open_link();
    net_set_takes(&host.end, NET_TAKES_CHECKSUM);
    net_send(&card.end, &p);
    ck_assert(host.offload.needs_checksum); /* as it is */
    ck_assert_mem_eq(host.frame, frame, bytes);
    net_set_takes(&host.end, 0);
    net_send(&card.end, &p);
    ck_assert(!host.offload.needs_checksum && host.offload.checked);
    ck_assert(tcp4_is_right(host.frame, bytes));
    p.offload.start = 65000; /* not within the frame */
    net_send(&card.end, &p);
    ck_assert_uint_eq(host.packets, 2);
    ck_assert_uint_eq(card.end.sent.dropped, 1);
    close_link();
}
END_TEST

/* An end that takes long packets, but not without a checksum, gets one whose checksum is that of the whole. */
START_TEST(long_packet_as_a_whole) {
    size_t bytes = make_tcp4(frame, 40000);
    const struct iovec piece = {frame, bytes};
    const struct NetPacket p = {
        &piece,
        1,
        bytes,
        {.needs_checksum = true, .start = 34, .offset = 16, .gso = NET_GSO_TCP4, .segment_bytes = 1460}};
    open_link();
    net_set_takes(&host.end, NET_TAKES_TSO4);
    net_send(&card.end, &p);
    ck_assert_uint_eq(host.packets, 1);
    ck_assert(tcp4_is_right(host.frame, bytes));
    ck_assert_uint_eq(host.offload.gso, NET_GSO_TCP4);
    close_link();
}
END_TEST

static size_t cut_at, cut_count, cut_payload;

static void check_segment4(void *opaque, const uint8_t *f, size_t bytes) {
    const size_t total = *(const size_t *)opaque, n = bytes - TCP4_PAYLOAD;
    bool last = cut_at + n == total;
    ck_assert(tcp4_is_right(f, bytes));
    ck_assert_uint_eq(get_be16(f + 18), (uint16_t)(0xfffe + cut_count));
    ck_assert_uint_eq(get_be32(f + 38), (uint32_t)(0xfffffc00 + cut_at));
    ck_assert_uint_eq(f[47], (cut_count == 0 ? 0x80 : 0) | 0x10 | (last ? 0x09 : 0));
    ck_assert(last || n == 1460);
    for (size_t i = 0; i < n; i++)
        ck_assert_uint_eq(f[TCP4_PAYLOAD + i], (uint8_t)((cut_at + i) * 7 + (cut_at + i) / 256));
    cut_at += n;
    cut_count++;
}

START_TEST(segments4) {
    static const size_t sizes[] = {0, 1, 1459, 1460, 1461, 2920, 10000, 65535 - 40};
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const struct NetOffload o = {.gso = NET_GSO_TCP4, .segment_bytes = 1460};
        size_t bytes = make_tcp4(frame, sizes[i]), total = sizes[i];
        cut_at = cut_count = 0;
        ck_assert(net_cut(&o, frame, bytes, check_segment4, &total));
        ck_assert_uint_eq(cut_at, total);
        ck_assert_uint_eq(cut_count, total == 0 ? 1 : (total + 1459) / 1460);
    }
}
END_TEST

static void check_segment6(void *opaque, const uint8_t *f, size_t bytes) {
    (void)opaque;
    uint32_t pseudo = plain_sum(f + 22, 32, (uint32_t)(6 + bytes - 54));
    ck_assert_uint_eq(get_be16(f + 18), bytes - 54);
    ck_assert_uint_eq(plain_sum(f + 54, bytes - 54, pseudo), 0xffff);
    cut_payload += bytes - TCP6_PAYLOAD;
    cut_count++;
}

START_TEST(segments6) {
    const struct NetOffload o = {.gso = NET_GSO_TCP6, .segment_bytes = 1000};
    size_t bytes = make_tcp6(frame, 2500);
    cut_payload = cut_count = 0;
    ck_assert(net_cut(&o, frame, bytes, check_segment6, NULL));
    ck_assert_uint_eq(cut_count, 3);
    ck_assert_uint_eq(cut_payload, 2500);
}
END_TEST

static void count_segment(void *opaque, const uint8_t *f, size_t bytes) { (void)opaque, (void)f, cut_payload += bytes; }

/* What a guest writes into headers is believed nowhere. */
START_TEST(hostile_headers) {
    struct NetOffload o = {.gso = NET_GSO_TCP4, .segment_bytes = 100};
    size_t bytes = make_tcp4(frame, 500);
    frame[23] = 17; /* UDP */
    ck_assert(!net_cut(&o, frame, bytes, count_segment, NULL));
    make_tcp4(frame, 500);
    frame[14] = 0x41; /* a header of 4 bytes */
    ck_assert(!net_cut(&o, frame, bytes, count_segment, NULL));
    make_tcp4(frame, 500);
    frame[46] = 4 << 4;
    ck_assert(!net_cut(&o, frame, bytes, count_segment, NULL));
    make_tcp4(frame, 500);
    ck_assert(!net_cut(&o, frame, TCP4_PAYLOAD - 1, count_segment, NULL));
    o.gso = NET_GSO_TCP6;
    ck_assert(!net_cut(&o, frame, bytes, count_segment, NULL));
    bytes = make_tcp6(frame, 500);
    frame[20] = 0; /* extension headers that lead beyond the frame */
    frame[55] = 0xff;
    ck_assert(!net_cut(&o, frame, bytes, count_segment, NULL));
    for (size_t n = 0; n < 120; n++) { /* ends anywhere */
        make_tcp6(frame, 500);
        net_cut(&o, frame, n, count_segment, NULL);
    }
    o.segment_bytes = 0;
    ck_assert(!net_cut(&o, frame, bytes, count_segment, NULL));
}
END_TEST

START_TEST(virtio_header) {
    uint8_t h[NET_VIRTIO_HEADER] = {1, 0x81, 54, 0, 0xb4, 5, 34, 0, 16, 0}, back[NET_VIRTIO_HEADER];
    struct NetOffload o;
    ck_assert(net_offload_from_virtio(&o, h, 1000));
    ck_assert(o.needs_checksum && o.ecn && o.gso == NET_GSO_TCP4);
    ck_assert_uint_eq(o.segment_bytes, 1460);
    ck_assert_uint_eq(net_offload_needs(&o), NET_TAKES_CHECKSUM | NET_TAKES_TSO4 | NET_TAKES_ECN);
    net_offload_to_virtio(&o, back);
    ck_assert_mem_eq(h, back, sizeof(h));
    ck_assert(!net_offload_from_virtio(&o, h, 51)); /* the checksum would be beyond the end */
    ck_assert_uint_eq(net_offload_needs(&o), 0);
    h[0] = 0; /* segmentation without a checksum */
    ck_assert(!net_offload_from_virtio(&o, h, 1000));
    h[0] = 1, h[1] = 3; /* UDP fragmentation */
    ck_assert(!net_offload_from_virtio(&o, h, 1000));
    h[1] = 4, h[4] = h[5] = 0;
    ck_assert(!net_offload_from_virtio(&o, h, 1000));
    memset(h, 0, sizeof(h));
    h[0] = 2;
    ck_assert(net_offload_from_virtio(&o, h, 14));
    ck_assert(o.checked && net_offload_needs(&o) == 0);
}
END_TEST

Suite *net_suite(void) {
    Suite *s = suite_create("net");
    TCase *c = tcase_create("net");
    tcase_add_test(c, both_ways);
    tcase_add_test(c, through_the_door);
    tcase_add_test(c, answers_come_afterwards);
    tcase_add_test(c, bounded);
    tcase_add_test(c, host_holds);
    tcase_add_test(c, cable);
    tcase_add_test(c, watchers);
    tcase_add_test(c, sums);
    tcase_add_test(c, checksum_on_the_way);
    tcase_add_test(c, long_packet_as_a_whole);
    tcase_add_test(c, segments4);
    tcase_add_test(c, segments6);
    tcase_add_test(c, hostile_headers);
    tcase_add_test(c, virtio_header);
    suite_add_tcase(s, c);
    return s;
}
