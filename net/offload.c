/* SPDX-License-Identifier: MIT */
/* Checksums (RFC 1071) and TCP segmentation in software. See offload.h. */
#include "net/offload.h"
#include "base/bytes.h"

#include <string.h>

enum { ETHERNET = 14, ETHERTYPE = 12, VLAN_TAG = 4, HEADERS_MAX = 256 };
enum { TYPE_IPV4 = 0x0800, TYPE_VLAN = 0x8100, TYPE_QINQ = 0x88a8, TYPE_IPV6 = 0x86dd };
enum { IPV4_HEADER = 20, IPV6_HEADER = 40, TCP_HEADER = 20, PROTOCOL_TCP = 6 };
enum { TCP_SEQUENCE = 4, TCP_OFFSET = 12, TCP_FLAGS = 13, TCP_CHECKSUM = 16, FIN = 0x01, PSH = 0x08, CWR = 0x80 };

unsigned net_offload_needs(const struct NetOffload *o) {
    unsigned needs = o->needs_checksum ? NET_TAKES_CHECKSUM : 0;
    if (o->gso == NET_GSO_NONE)
        return needs;
    return needs | (o->gso == NET_GSO_TCP4 ? NET_TAKES_TSO4 : NET_TAKES_TSO6) | (o->ecn ? NET_TAKES_ECN : 0);
}

/* ---- virtio's header ---- */

enum { FLAG_NEEDS_CHECKSUM = 1, FLAG_DATA_VALID = 2, GSO_ECN = 0x80 };

bool net_offload_from_virtio(struct NetOffload *o, const uint8_t h[NET_VIRTIO_HEADER], size_t bytes) {
    struct NetOffload read = {
        .needs_checksum = (h[0] & FLAG_NEEDS_CHECKSUM) != 0,
        .checked = (h[0] & FLAG_DATA_VALID) != 0,
        .ecn = (h[1] & GSO_ECN) != 0,
        .gso = h[1] & ~GSO_ECN,
        .header_bytes = get_le16(h + 2),
        .segment_bytes = get_le16(h + 4),
        .start = get_le16(h + 6),
        .offset = get_le16(h + 8),
    };
    *o = (struct NetOffload){0};
    if (read.needs_checksum && (size_t)read.start + read.offset + 2 > bytes)
        return false;
    if (read.gso == NET_GSO_NONE)
        read.ecn = false;
    else if ((read.gso != NET_GSO_TCP4 && read.gso != NET_GSO_TCP6) || read.segment_bytes == 0 || !read.needs_checksum)
        return false; /* segmentation is for packets without a checksum (5.1.6.2) */
    *o = read;
    return true;
}

void net_offload_to_virtio(const struct NetOffload *o, uint8_t h[NET_VIRTIO_HEADER]) {
    bool needs = o->needs_checksum, gso = o->gso != NET_GSO_NONE;
    h[0] = needs ? FLAG_NEEDS_CHECKSUM : o->checked ? FLAG_DATA_VALID : 0;
    h[1] = (uint8_t)(o->gso | (o->ecn ? GSO_ECN : 0));
    put_le16(h + 2, gso ? o->header_bytes : 0);
    put_le16(h + 4, gso ? o->segment_bytes : 0);
    put_le16(h + 6, needs ? o->start : 0);
    put_le16(h + 8, needs ? o->offset : 0);
}

/* ---- sums ---- */

/* Ones' complement sums may be made of words of any size, in either byte order (RFC 1071, 2). */
uint64_t net_sum(uint64_t sum, const void *data, size_t bytes) {
    const uint8_t *p = data;
    sum = (sum & UINT32_MAX) + (sum >> 32);
    for (; bytes >= 4; bytes -= 4, p += 4) {
        uint32_t word;
        memcpy(&word, p, sizeof(word));
        sum += word;
    }
    if (bytes >= 2) {
        sum += get_le16(p);
        p += 2;
    }
    return sum + (bytes % 2 != 0 ? *p : 0);
}

uint16_t net_fold(uint64_t sum) {
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

bool net_finish_checksum(const struct NetOffload *o, uint8_t *frame, size_t bytes) {
    size_t at = (size_t)o->start + o->offset;
    if (at + 2 > bytes)
        return false;
    uint16_t sum = (uint16_t)~net_fold(net_sum(0, frame + o->start, bytes - o->start));
    put_le16(frame + at, sum != 0 ? sum : 0xffff); /* of UDP, 0 stands for no checksum at all */
    return true;
}

/* ---- segmentation ---- */

struct Layout {
    bool v6;
    size_t ip, tcp, payload; /* where they begin */
};

static bool find_tcp6(const uint8_t *f, size_t bytes, struct Layout *l) {
    enum { HOP_BY_HOP = 0, ROUTING = 43, DESTINATION = 60 };
    uint8_t next = f[l->ip + 6];
    l->tcp = l->ip + IPV6_HEADER;
    while ((next == HOP_BY_HOP || next == ROUTING || next == DESTINATION) && l->tcp + 8 <= bytes &&
           l->tcp <= HEADERS_MAX) {
        next = f[l->tcp];
        l->tcp += 8 + 8 * (size_t)f[l->tcp + 1];
    }
    return next == PROTOCOL_TCP;
}

static bool find_tcp4(const uint8_t *f, struct Layout *l) {
    l->tcp = l->ip + 4 * (size_t)(f[l->ip] & 15);
    return f[l->ip + 9] == PROTOCOL_TCP && l->tcp >= l->ip + IPV4_HEADER;
}

/* Where the headers are, of TCP over what `o` says. */
static bool find(const struct NetOffload *o, const uint8_t *f, size_t bytes, struct Layout *l) {
    size_t type = ETHERTYPE;
    *l = (struct Layout){.v6 = o->gso == NET_GSO_TCP6};
    for (unsigned tags = 0; tags < 2 && type + 2 + VLAN_TAG <= bytes; tags++, type += VLAN_TAG)
        if (get_be16(f + type) != TYPE_VLAN && get_be16(f + type) != TYPE_QINQ)
            break;
    l->ip = type + 2;
    if (l->ip + (l->v6 ? IPV6_HEADER : IPV4_HEADER) > bytes || get_be16(f + type) != (l->v6 ? TYPE_IPV6 : TYPE_IPV4) ||
        !(l->v6 ? find_tcp6(f, bytes, l) : find_tcp4(f, l)) || l->tcp + TCP_HEADER > bytes)
        return false;
    size_t tcp = 4 * (size_t)(f[l->tcp + TCP_OFFSET] >> 4);
    l->payload = l->tcp + tcp;
    return tcp >= TCP_HEADER && l->payload <= bytes && l->payload <= HEADERS_MAX;
}

/* Lengths, identification and the checksum of the IP header. */
static void fit_ip(const struct Layout *l, uint8_t *f, size_t bytes, unsigned number) {
    uint8_t *ip = f + l->ip;
    if (l->v6) {
        put_be16(ip + 4, (uint16_t)(bytes - l->ip - IPV6_HEADER));
        return;
    }
    put_be16(ip + 2, (uint16_t)(bytes - l->ip));
    put_be16(ip + 4, (uint16_t)(get_be16(ip + 4) + number));
    put_le16(ip + 10, 0);
    put_le16(ip + 10, (uint16_t)~net_fold(net_sum(0, ip, l->tcp - l->ip)));
}

/* The addresses, the protocol and the length, then TCP itself (RFC 9293, 3.1; RFC 8200, 8.1). */
static void sum_tcp(const struct Layout *l, uint8_t *f, size_t bytes) {
    uint8_t rest[4] = {0, PROTOCOL_TCP};
    put_be16(rest + 2, (uint16_t)(bytes - l->tcp));
    uint64_t sum = net_sum(0, rest, sizeof(rest));
    sum = net_sum(sum, f + l->ip + (l->v6 ? 8 : 12), l->v6 ? 32 : 8);
    put_le16(f + l->tcp + TCP_CHECKSUM, 0);
    put_le16(f + l->tcp + TCP_CHECKSUM, (uint16_t)~net_fold(net_sum(sum, f + l->tcp, bytes - l->tcp)));
}

bool net_cut(const struct NetOffload *o, uint8_t *frame, size_t bytes, NetSegmentFn *fn, void *opaque) {
    struct Layout l;
    uint8_t headers[HEADERS_MAX];
    if (o->segment_bytes == 0 || !find(o, frame, bytes, &l))
        return false;
    memcpy(headers, frame, l.payload);
    const uint32_t sequence = get_be32(headers + l.tcp + TCP_SEQUENCE);
    const size_t payload = bytes - l.payload;
    unsigned number = 0;
    for (size_t at = 0; at < payload || number == 0; number++) {
        size_t n = payload - at < o->segment_bytes ? payload - at : o->segment_bytes;
        uint8_t *f = frame + at; /* headers over what has been sent */
        memcpy(f, headers, l.payload);
        if (number > 0)
            f[l.tcp + TCP_FLAGS] &= (uint8_t)~CWR;
        if (at + n < payload)
            f[l.tcp + TCP_FLAGS] &= (uint8_t)~(FIN | PSH);
        put_be32(f + l.tcp + TCP_SEQUENCE, sequence + (uint32_t)at);
        fit_ip(&l, f, l.payload + n, number);
        sum_tcp(&l, f, l.payload + n);
        fn(opaque, f, l.payload + n);
        at += n;
    }
    return true;
}
