/* SPDX-License-Identifier: MIT */
/* Checksums (RFC 1071) and TCP segmentation in software. See offload.h. */
#include "net/offload.h"
#include "base/bytes.h"
#include "net/tcp_frame.h"

#include <string.h>

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

bool net_cut(const struct NetOffload *o, uint8_t *frame, size_t bytes, NetSegmentFn *fn, void *opaque) {
    struct TcpFrame l;
    uint8_t headers[TCP_FRAME_HEADERS];
    if (o->segment_bytes == 0 || !tcp_frame_find(&l, o->gso == NET_GSO_TCP6, frame, bytes))
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
            f[l.tcp + TCP_FLAGS] &= (uint8_t)~TCP_CWR;
        if (at + n < payload)
            f[l.tcp + TCP_FLAGS] &= (uint8_t)~(TCP_FIN | TCP_PSH);
        put_be32(f + l.tcp + TCP_SEQUENCE, sequence + (uint32_t)at);
        tcp_frame_fit_ip(&l, f, l.payload + n, number);
        put_le16(f + l.tcp + TCP_CHECKSUM, 0);
        uint64_t sum = net_sum(tcp_frame_pseudo_sum(&l, f, l.payload + n), f + l.tcp, l.payload + n - l.tcp);
        put_le16(f + l.tcp + TCP_CHECKSUM, (uint16_t)~net_fold(sum));
        fn(opaque, f, l.payload + n);
        at += n;
    }
    return true;
}
