/* SPDX-License-Identifier: MIT */
#include "net/tcp_frame.h"
#include "base/bytes.h"
#include "net/offload.h"

enum { ETHERTYPE = 12, VLAN_TAG = 4 };
enum { TYPE_IPV4 = 0x0800, TYPE_VLAN = 0x8100, TYPE_QINQ = 0x88a8, TYPE_IPV6 = 0x86dd };
enum { IPV4_HEADER = 20, IPV6_HEADER = 40, PROTOCOL_TCP = 6 };

static bool find_tcp6(const uint8_t *f, size_t bytes, struct TcpFrame *l) {
    enum { HOP_BY_HOP = 0, ROUTING = 43, DESTINATION = 60 };
    uint8_t next = f[l->ip + 6];
    l->tcp = l->ip + IPV6_HEADER;
    while ((next == HOP_BY_HOP || next == ROUTING || next == DESTINATION) && l->tcp + 8 <= bytes &&
           l->tcp <= TCP_FRAME_HEADERS) {
        next = f[l->tcp];
        l->tcp += 8 + 8 * (size_t)f[l->tcp + 1];
    }
    return next == PROTOCOL_TCP;
}

static bool find_tcp4(const uint8_t *f, struct TcpFrame *l) {
    l->tcp = l->ip + 4 * (size_t)(f[l->ip] & 15);
    return f[l->ip + 9] == PROTOCOL_TCP && l->tcp >= l->ip + IPV4_HEADER;
}

bool tcp_frame_find(struct TcpFrame *l, bool v6, const uint8_t *f, size_t bytes) {
    size_t type = ETHERTYPE;
    *l = (struct TcpFrame){.v6 = v6};
    if (bytes < TCP_FRAME_ETHERNET)
        return false;
    for (unsigned tags = 0; tags < 2 && type + 2 + VLAN_TAG <= bytes; tags++, type += VLAN_TAG)
        if (get_be16(f + type) != TYPE_VLAN && get_be16(f + type) != TYPE_QINQ)
            break;
    l->ip = type + 2;
    if (l->ip + (v6 ? IPV6_HEADER : IPV4_HEADER) > bytes || get_be16(f + type) != (v6 ? TYPE_IPV6 : TYPE_IPV4) ||
        !(v6 ? find_tcp6(f, bytes, l) : find_tcp4(f, l)) || l->tcp + TCP_HEADER > bytes)
        return false;
    size_t tcp = 4 * (size_t)(f[l->tcp + TCP_OFFSET] >> 4);
    l->payload = l->tcp + tcp;
    return tcp >= TCP_HEADER && l->payload <= bytes && l->payload <= TCP_FRAME_HEADERS;
}

void tcp_frame_fit_ip(const struct TcpFrame *l, uint8_t *f, size_t bytes, unsigned number) {
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

uint64_t tcp_frame_pseudo_sum(const struct TcpFrame *l, const uint8_t *f, size_t bytes) {
    uint8_t rest[4] = {0, PROTOCOL_TCP};
    put_be16(rest + 2, (uint16_t)(bytes - l->tcp));
    return net_sum(net_sum(0, rest, sizeof(rest)), f + l->ip + (l->v6 ? 8 : 12), l->v6 ? 32 : 8);
}
