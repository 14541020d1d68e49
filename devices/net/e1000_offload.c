/* SPDX-License-Identifier: MIT */
/* Checksums and segmentation (3.2.9, 3.5, 3.6), and the FCS. Every offset is the guest's: none is believed. */
#include "devices/net/e1000_internal.h"

#include <string.h>

enum { CONTEXT_TCP = 1, CONTEXT_IP = 2 }; /* TUCMD: TCP, else UDP; IPv4, else IPv6 */
enum { OPTION_IXSM = 1, OPTION_TXSM = 2 };
enum { RXS_IXSM = 1 << 2, RXS_TCPCS = 1 << 5, RXS_IPCS = 1 << 6, RXE_TCPE = 1 << 13, RXE_IPE = 1 << 14 };
enum { ETHERTYPE_IP4 = 0x0800, ETHERTYPE_IP6 = 0x86dd, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };
enum { TCP_FIN = 1, TCP_PSH = 8 };
enum { IP6_HEADER = 40 };

/* ---- FCS ---- */

/* Eight tables, for eight bytes at a time (Sarwate's algorithm, sliced). */
void e1000_crc_init(struct E1000 *e) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (unsigned k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
        e->crc[0][i] = c;
    }
    for (unsigned t = 1; t < 8; t++)
        for (unsigned i = 0; i < 256; i++)
            e->crc[t][i] = e->crc[t - 1][i] >> 8 ^ e->crc[0][e->crc[t - 1][i] & 0xff];
}

uint32_t e1000_crc(const struct E1000 *e, const uint8_t *data, size_t n) {
    const uint32_t(*t)[256] = e->crc;
    uint32_t c = UINT32_MAX;
    for (; n >= 8; n -= 8, data += 8) {
        uint32_t a = get_le32(data) ^ c, b = get_le32(data + 4);
        c = t[7][a & 0xff] ^ t[6][a >> 8 & 0xff] ^ t[5][a >> 16 & 0xff] ^ t[4][a >> 24] ^ t[3][b & 0xff] ^
            t[2][b >> 8 & 0xff] ^ t[1][b >> 16 & 0xff] ^ t[0][b >> 24];
    }
    for (; n > 0; n--, data++)
        c = c >> 8 ^ t[0][(c ^ *data) & 0xff];
    return ~c;
}

/* ---- sending ---- */

uint16_t e1000_sum(const uint8_t *data, size_t n, uint32_t sum) {
    uint8_t host[2];
    uint16_t words = net_fold(net_sum(0, data, n));
    memcpy(host, &words, sizeof(host)); /* it is as in memory */
    return net_fold((uint64_t)sum + get_be16(host));
}

/* From `start` to `end` (0: the end of the frame), into the 16 bits at `offset`. */
static void insert(struct E1000Transmit *t, unsigned start, unsigned end, unsigned offset, uint32_t extra, bool udp) {
    unsigned after = end == 0 || end >= t->length ? t->length : end + 1;
    if (start >= after || offset + 2 > t->length)
        return; /* 3.5: it is not inserted then */
    uint16_t sum = ~e1000_sum(t->frame + start, after - start, extra);
    put_be16(t->frame + offset, udp && sum == 0 ? 0xffff : sum); /* RFC 768: 0 says that there is none */
}

void e1000_insert_checksums(struct E1000Transmit *t, const struct E1000Context *c, uint32_t length) {
    if (t->options & OPTION_TXSM)
        insert(t, c->tucss, c->tucse, c->tucso, length, !(c->command & CONTEXT_TCP));
    if (t->options & OPTION_IXSM)
        insert(t, c->ipcss, c->ipcse, c->ipcso, 0, false);
}

/* 3.5.9; the payload length of IPv6 is without its header (RFC 8200, 3). */
void e1000_update_header(struct E1000Transmit *t, const struct E1000Context *c, bool last) {
    uint8_t *ip = t->frame + c->ipcss, *tcp = t->frame + c->tucss;
    uint32_t after_ip = t->length - c->ipcss, after_tcp = t->length - c->tucss;
    if (c->command & CONTEXT_IP && c->ipcss + 20u <= c->header) {
        put_be16(ip + 2, (uint16_t)after_ip);
        put_be16(ip + 4, get_be16(ip + 4) + t->segments);
    } else if (!(c->command & CONTEXT_IP) && c->ipcss + (unsigned)IP6_HEADER <= c->header) {
        put_be16(ip + 4, (uint16_t)(after_ip - IP6_HEADER));
    }
    if (c->command & CONTEXT_TCP && c->tucss + 20u <= c->header) {
        put_be32(tcp + 4, get_be32(tcp + 4) + t->sent);
        if (!last)
            tcp[13] &= ~(TCP_FIN | TCP_PSH);
    } else if (!(c->command & CONTEXT_TCP) && c->tucss + 8u <= c->header) {
        put_be16(tcp + 4, (uint16_t)after_tcp);
    }
}

/* ---- receiving ---- */

/* Behind an Ethernet II or SNAP header, with a VLAN tag or without. */
static uint16_t ether_type(const uint8_t *frame, size_t n, uint16_t vet, size_t *at) {
    *at = ETHERNET_HEADER;
    uint16_t type = get_be16(frame + 12);
    if (type == vet && n >= *at + VLAN_TAG) {
        type = get_be16(frame + 16);
        *at += VLAN_TAG;
    }
    static const uint8_t snap[6] = {0xaa, 0xaa, 3, 0, 0, 0};
    if (type < 0x600 && n >= *at + 8 && memcmp(frame + *at, snap, sizeof(snap)) == 0) {
        type = get_be16(frame + *at + 6);
        *at += 8;
    }
    return type;
}

/* A TCP or UDP header with `n` bytes from there on; `pseudo` is the sum of addresses. */
static uint16_t verify_upper(const uint8_t *p, size_t n, unsigned protocol, uint32_t pseudo) {
    bool udp = protocol == PROTOCOL_UDP;
    if ((!udp && protocol != PROTOCOL_TCP) || n < (udp ? 8u : 20u))
        return 0;
    if (udp && (get_be16(p + 4) < 8 || get_be16(p + 4) > n))
        return 0;
    if (udp)
        n = get_be16(p + 4);
    if (udp && get_be16(p + 6) == 0)
        return 0; /* there is none */
    return e1000_sum(p, n, pseudo + protocol + (uint32_t)n) == 0xffff ? RXS_TCPCS : RXS_TCPCS | RXE_TCPE;
}

static uint16_t verify_ip4(uint32_t rxcsum, const uint8_t *p, size_t n) {
    size_t header = n >= 20 ? (p[0] & 15) * 4u : 0, total = n >= 20 ? get_be16(p + 2) : 0;
    uint16_t result = 0;
    if (header < 20 || p[0] >> 4 != 4 || header > total || total > n)
        return 0;
    if (rxcsum & RXCSUM_IPOFL)
        result = e1000_sum(p, header, 0) == 0xffff ? RXS_IPCS : RXS_IPCS | RXE_IPE;
    bool fragment = (get_be16(p + 6) & 0x3fff) != 0;
    if (rxcsum & RXCSUM_TUOFL && !fragment)
        result |= verify_upper(p + header, total - header, p[9], e1000_sum(p + 12, 8, 0));
    return result;
}

/* Past hop-by-hop options, destination options and routing headers (3.2.9.4). */
static uint16_t verify_ip6(uint32_t rxcsum, const uint8_t *p, size_t n) {
    if (n < IP6_HEADER || p[0] >> 4 != 6 || !(rxcsum & RXCSUM_IPV6OFL) || !(rxcsum & RXCSUM_TUOFL))
        return 0;
    size_t end = IP6_HEADER + get_be16(p + 4), at = IP6_HEADER;
    uint8_t next = p[6];
    while ((next == 0 || next == 60 || next == 43) && at + 8 <= end && end <= n) {
        next = p[at];
        at += 8 + p[at + 1] * 8u;
    }
    return end <= n && at <= end ? verify_upper(p + at, end - at, next, e1000_sum(p + 8, 32, 0)) : 0;
}

uint16_t e1000_verify(const struct E1000 *e, const uint8_t *frame, size_t n, bool checked) {
    uint32_t rxcsum = e->state.reg[E1000_RXCSUM];
    size_t at;
    uint16_t result = 0;
    if (rxcsum & (RXCSUM_IPOFL | RXCSUM_TUOFL)) {
        uint16_t type = ether_type(frame, n, (uint16_t)e->state.reg[E1000_VET], &at);
        if (type == ETHERTYPE_IP4)
            result = verify_ip4(rxcsum, frame + at, n - at);
        else if (type == ETHERTYPE_IP6)
            result = verify_ip6(rxcsum, frame + at, n - at);
    }
    if (checked)
        result &= ~RXE_TCPE;
    return result != 0 ? result : RXS_IXSM;
}
