/* SPDX-License-Identifier: MIT */
/* Joining TCP packets: what net_cut makes of what comes out is what went in, bit for bit, and it is fewer packets where
 * that can be. */
#include "base/bytes.h"
#include "net/join.h"
#include "tests/unit/suites.h"

#include <stdlib.h>
#include <string.h>

enum { SEGMENT = 1460, LOG = 1 << 20, IPV4 = 20, IPV6 = 40, TCP = 20, ETHERNET = 14 };

/* What the other end got: frames behind their lengths, cut again. */
static struct NetEnd card, host;
static struct NetJoin join;
static uint8_t sent[LOG], got[LOG];
static size_t sent_bytes, got_bytes;
static unsigned packets;

static void put(uint8_t *log, size_t *at, const uint8_t *frame, size_t bytes) {
    put_le32(log + *at, (uint32_t)bytes);
    memcpy(log + *at + 4, frame, bytes);
    *at += 4 + bytes;
    ck_assert_uint_lt(*at, LOG - NET_FRAME_MAX);
}

static void put_got(void *opaque, const uint8_t *frame, size_t bytes) {
    (void)opaque;
    put(got, &got_bytes, frame, bytes);
}

static bool take(void *opaque, const struct NetPacket *p) {
    static uint8_t frame[NET_FRAME_MAX];
    struct NetOffload o = p->offload;
    (void)opaque;
    packets++;
    net_copy(p, 0, frame, p->bytes);
    if (o.gso == NET_GSO_NONE)
        put_got(NULL, frame, p->bytes);
    else
        ck_assert(net_cut(&o, frame, p->bytes, put_got, NULL));
    return true;
}

static const struct NetOps ops = {.take = take};

static void open_link(void) {
    net_end_init(&card, "card", &ops, NULL, NULL);
    net_end_init(&host, "host", NULL, NULL, NULL);
    static const struct NetOps none = {0};
    host.ops = &none;
    ck_assert_int_eq(net_connect(&card, &host), 0);
    net_set_takes(&card, NET_TAKES_ALL);
    memset(&join, 0, sizeof(join));
    sent_bytes = got_bytes = 0;
    packets = 0;
}

static void close_link(void) {
    net_end_destroy(&card);
    net_end_destroy(&host);
}

struct Flow {
    bool v6;
    uint16_t port, id;
    uint32_t sequence;
    uint8_t flags;
    unsigned options; /* bytes of TCP options */
};

/* The next packet of a flow, with right checksums. */
static size_t make(struct Flow *w, uint8_t *f, size_t payload) {
    size_t ip = w->v6 ? IPV6 : IPV4, tcp = ETHERNET + ip, head = tcp + TCP + w->options, bytes = head + payload;
    memset(f, 0, head);
    memset(f, 0x52, 12);
    put_be16(f + 12, w->v6 ? 0x86dd : 0x0800);
    if (w->v6) {
        f[14] = 0x60;
        f[14 + 6] = 6;
        f[14 + 7] = 64;
        memset(f + 14 + 8, 0xfe, 32);
    } else {
        f[14] = 0x45;
        put_be16(f + 14 + 4, w->id++);
        f[14 + 8] = 64;
        f[14 + 9] = 6;
        put_be32(f + 14 + 12, 0x0a000202);
        put_be32(f + 14 + 16, 0x0a00020f);
    }
    put_be16(f + tcp, 80);
    put_be16(f + tcp + 2, w->port);
    put_be32(f + tcp + TCP_SEQUENCE, w->sequence);
    put_be32(f + tcp + 8, 0x11223344);
    f[tcp + TCP_OFFSET] = (uint8_t)((TCP + w->options) / 4 << 4);
    f[tcp + TCP_FLAGS] = w->flags;
    put_be16(f + tcp + 14, 0xfff0);
    memset(f + tcp + TCP, 1, w->options);
    for (size_t i = 0; i < payload; i++)
        f[head + i] = (uint8_t)rand();
    w->sequence += (uint32_t)payload;
    const struct TcpFrame l = {w->v6, ETHERNET, tcp, head};
    tcp_frame_fit_ip(&l, f, bytes, 0);
    uint64_t sum = net_sum(tcp_frame_pseudo_sum(&l, f, bytes), f + tcp, bytes - tcp);
    put_le16(f + tcp + TCP_CHECKSUM, (uint16_t)~net_fold(sum));
    return bytes;
}

static void send(const uint8_t *f, size_t bytes) {
    put(sent, &sent_bytes, f, bytes);
    net_join(&join, &host, f, bytes);
}

static void send_next(struct Flow *w, size_t payload) {
    static uint8_t f[NET_FRAME_MAX];
    send(f, make(w, f, payload));
}

static void expect_packets(unsigned n) {
    net_join_end(&join, &host);
    ck_assert_uint_eq(got_bytes, sent_bytes);
    ck_assert(memcmp(got, sent, sent_bytes) == 0);
    ck_assert_uint_eq(packets, n);
    packets = 0;
    sent_bytes = got_bytes = 0;
}

START_TEST(joins_a_stream) {
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct Flow w = {.v6 = v6 != 0, .port = 1000, .id = 0xfff0, .sequence = 0xffff8000, .flags = TCP_ACK};
        for (unsigned i = 0; i < 100; i++)
            send_next(&w, SEGMENT);
        expect_packets(3); /* 44 segments are 64 KiB */
        w.flags |= TCP_PSH;
        send_next(&w, 100);
        ck_assert_uint_eq(packets, 1); /* at once */
        expect_packets(1);
    }
}
END_TEST

/* What may not be joined, behind a packet to which it would be. */
START_TEST(keeps_others_apart) {
    static uint8_t f[NET_FRAME_MAX];
    static const struct {
        unsigned at;
        uint8_t bits;
    } changes[] = {{0, 1},  {11, 1}, {15, 1},       {20, 0x20}, {22, 1},       {26, 1},    {30, 1}, {34, 1}, {36, 1},
                   {38, 1}, {42, 1}, {47, TCP_FIN}, {47, 4},    {47, TCP_ACK}, {47, 0x20}, {48, 1}, {52, 1}, {54, 1}};
    for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct Flow w = {.port = 1000, .flags = TCP_ACK, .options = 4};
        send_next(&w, SEGMENT);
        size_t bytes = make(&w, f, SEGMENT);
        f[changes[i].at] ^= changes[i].bits;
        send(f, bytes);
        expect_packets(2);
    }
    struct Flow w = {.port = 1000, .flags = TCP_ACK}, other = {.port = 1001, .flags = TCP_ACK};
    send_next(&w, SEGMENT);
    send_next(&other, SEGMENT);
    send_next(&w, SEGMENT);
    expect_packets(3);
    send_next(&w, 0); /* nothing but an acknowledgement */
    send_next(&w, SEGMENT - 1);
    send_next(&w, SEGMENT); /* longer than the first */
    expect_packets(3);
    send_next(&w, SEGMENT);
    size_t bytes = make(&w, f, 10);
    send(f, bytes + 4); /* with padding behind it */
    expect_packets(2);
    memset(f, 0, sizeof(f));
    send(f, 14);
    send(f, 60);
    expect_packets(2);
}
END_TEST

/* A driver that does not take long packets, or is to find no checksum open, gets none. */
START_TEST(only_where_wanted) {
    static const unsigned takes[] = {0, NET_TAKES_CHECKSUM, NET_TAKES_TSO4, NET_TAKES_CHECKSUM | NET_TAKES_TSO6};
    for (unsigned i = 0; i < sizeof(takes) / sizeof(takes[0]); i++) {
        struct Flow w = {.port = 1000, .flags = TCP_ACK};
        net_set_takes(&card, takes[i]);
        send_next(&w, SEGMENT);
        send_next(&w, SEGMENT);
        ck_assert_uint_eq(packets, 2);
        expect_packets(2);
    }
}
END_TEST

START_TEST(any_mixture) {
    static const uint16_t lengths[] = {0, 1, 100, 536, 1459, 1460, 1460, 1460, 1460, 9000};
    struct Flow flows[3] = {{.port = 1}, {.port = 2, .options = 12}, {.v6 = true, .port = 3}};
    unsigned frames = 0;
    srand(86);
    for (unsigned i = 0; i < 2000; i++) {
        struct Flow *w = &flows[rand() % 8 == 0 ? rand() % 3 : 0];
        w->flags = (uint8_t)(TCP_ACK | (rand() % 16 == 0 ? TCP_PSH : 0) | (rand() % 32 == 0 ? TCP_FIN : 0));
        send_next(w, lengths[(unsigned)rand() % (sizeof(lengths) / sizeof(lengths[0]))]);
        w->sequence += rand() % 32 == 0;
        frames++;
        if (i % 64 == 63) {
            net_join_end(&join, &host);
            ck_assert_uint_le(packets, frames);
            expect_packets(packets);
            frames = 0;
        }
    }
}
END_TEST

Suite *join_suite(void) {
    Suite *s = suite_create("join");
    TCase *c = tcase_create("join");
    tcase_add_checked_fixture(c, open_link, close_link);
    tcase_add_test(c, joins_a_stream);
    tcase_add_test(c, keeps_others_apart);
    tcase_add_test(c, only_where_wanted);
    tcase_add_test(c, any_mixture);
    suite_add_tcase(s, c);
    return s;
}
