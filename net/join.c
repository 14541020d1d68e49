/* SPDX-License-Identifier: MIT */
#include "net/join.h"
#include "base/bytes.h"

#include <string.h>

enum { IPV4_HEADER = 20, IPV4_MOST = 65535, IPV6_HEADER = 40, FRAGMENT = 0x3fff, TYPE_IPV6 = 0x86dd };
enum { LENGTH = 2, IDENTIFICATION = 4, FRAGMENTS = 6, IPV4_CHECKSUM = 10, LENGTH6 = 4 }; /* in IP headers */

static void send_frame(struct NetEnd *from, const void *frame, size_t bytes, struct NetOffload o) {
    const struct iovec piece = {(void *)(uintptr_t)frame, bytes};
    const struct NetPacket p = {&piece, 1, bytes, o};
    net_send(from, &p);
}

/* Of what the driver at the other end takes. */
static bool is_wanted(const struct NetEnd *from, bool v6) {
    unsigned needs = NET_TAKES_CHECKSUM | (v6 ? NET_TAKES_TSO6 : NET_TAKES_TSO4);
    return from->peer != NULL && (from->peer->takes & needs) == needs;
}

/* TCP data and nothing else, with headers that net_cut would make again. */
static bool is_plain(const struct TcpFrame *l, const uint8_t *f, size_t bytes) {
    const uint8_t *ip = f + l->ip;
    bool whole = l->v6 ? l->tcp == l->ip + IPV6_HEADER && get_be16(ip + LENGTH6) == bytes - l->tcp
                       : l->tcp == l->ip + IPV4_HEADER && get_be16(ip + LENGTH) == bytes - l->ip &&
                             (get_be16(ip + FRAGMENTS) & FRAGMENT) == 0;
    return whole && l->ip == TCP_FRAME_ETHERNET && bytes > l->payload && bytes - l->ip <= IPV4_MOST &&
           (f[l->tcp + TCP_FLAGS] & ~TCP_PSH) == TCP_ACK;
}

/* The same headers but for lengths, identification, checksums, the sequence number and PSH. */
static bool follows(const struct NetJoin *j, const struct TcpFrame *l, const uint8_t *f) {
    uint8_t was[TCP_FRAME_HEADERS];
    if (l->v6 != j->layout.v6 || l->tcp != j->layout.tcp || l->payload != j->layout.payload ||
        get_be32(f + l->tcp + TCP_SEQUENCE) != j->sequence)
        return false;
    memcpy(was, j->frame, l->payload);
    if (l->v6) {
        memcpy(was + l->ip + LENGTH6, f + l->ip + LENGTH6, 2);
    } else {
        memcpy(was + l->ip + LENGTH, f + l->ip + LENGTH, 2);
        put_be16(was + l->ip + IDENTIFICATION, (uint16_t)(get_be16(was + l->ip + IDENTIFICATION) + j->segments));
        memcpy(was + l->ip + IPV4_CHECKSUM, f + l->ip + IPV4_CHECKSUM, 2);
    }
    memcpy(was + l->tcp + TCP_SEQUENCE, f + l->tcp + TCP_SEQUENCE, 4);
    memcpy(was + l->tcp + TCP_CHECKSUM, f + l->tcp + TCP_CHECKSUM, 2);
    was[l->tcp + TCP_FLAGS] = f[l->tcp + TCP_FLAGS];
    return memcmp(was, f, l->payload) == 0;
}

static void begin(struct NetJoin *j, const struct TcpFrame *l, const uint8_t *f, size_t bytes) {
    j->layout = *l;
    j->sequence = get_be32(f + l->tcp + TCP_SEQUENCE);
    j->segment = (uint16_t)(bytes - l->payload);
    j->segments = 0;
    j->bytes = l->payload;
    memcpy(j->frame, f, bytes);
}

static void add(struct NetJoin *j, const uint8_t *f, size_t bytes) {
    size_t n = bytes - j->layout.payload;
    if (j->segments > 0)
        memcpy(j->frame + j->bytes, f + j->layout.payload, n);
    j->frame[j->layout.tcp + TCP_FLAGS] |= f[j->layout.tcp + TCP_FLAGS];
    j->bytes += n;
    j->sequence += (uint32_t)n;
    j->segments++;
}

/* Neither what ends a message nor what is shorter than the others has anything behind it. */
static bool is_last(const struct NetJoin *j, const uint8_t *f, size_t bytes) {
    return (f[j->layout.tcp + TCP_FLAGS] & TCP_PSH) != 0 || bytes - j->layout.payload < j->segment;
}

void net_join_end(struct NetJoin *j, struct NetEnd *from) {
    const struct TcpFrame *l = &j->layout;
    unsigned segments = j->segments;
    j->segments = 0;
    if (segments == 1)
        send_frame(from, j->frame, j->bytes, (struct NetOffload){.checked = true});
    if (segments <= 1)
        return;
    tcp_frame_fit_ip(l, j->frame, j->bytes, 0);
    put_le16(j->frame + l->tcp + TCP_CHECKSUM, net_fold(tcp_frame_pseudo_sum(l, j->frame, j->bytes)));
    send_frame(from, j->frame, j->bytes,
               (struct NetOffload){.needs_checksum = true,
                                   .gso = l->v6 ? NET_GSO_TCP6 : NET_GSO_TCP4,
                                   .start = (uint16_t)l->tcp,
                                   .offset = TCP_CHECKSUM,
                                   .header_bytes = (uint16_t)l->payload,
                                   .segment_bytes = j->segment});
}

void net_join(struct NetJoin *j, struct NetEnd *from, const void *frame, size_t bytes) {
    enum { ETHERTYPE = 12 };
    const uint8_t *f = frame;
    struct TcpFrame l;
    bool v6 = bytes >= TCP_FRAME_ETHERNET && get_be16(f + ETHERTYPE) == TYPE_IPV6;
    if (!is_wanted(from, v6) || !tcp_frame_find(&l, v6, f, bytes) || !is_plain(&l, f, bytes)) {
        net_join_end(j, from);
        send_frame(from, f, bytes, (struct NetOffload){.checked = true});
        return;
    }
    size_t n = bytes - l.payload;
    if (j->segments > 0 && (!follows(j, &l, f) || n > j->segment || j->bytes + n - l.ip > IPV4_MOST))
        net_join_end(j, from);
    if (j->segments == 0)
        begin(j, &l, f, bytes);
    add(j, f, bytes);
    if (is_last(j, f, bytes))
        net_join_end(j, from);
}
