/* SPDX-License-Identifier: MIT */
/**
 * Where the headers of a TCP packet in a frame are, and what of them follows from its length: for the software that
 * cuts long ones (offload.h) and joins short ones (join.h).
 *
 * Plain data; any thread.
 */
#ifndef TWIN86_NET_TCP_FRAME_H
#define TWIN86_NET_TCP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TCP_FRAME_ETHERNET = 14, /* destination, source, type */
    TCP_FRAME_HEADERS = 256, /* all headers together, at most */
};

/** Of the TCP header (RFC 9293, 3.1): where they are, and flags. */
enum { TCP_SEQUENCE = 4, TCP_OFFSET = 12, TCP_FLAGS = 13, TCP_CHECKSUM = 16, TCP_HEADER = 20 };
enum { TCP_FIN = 0x01, TCP_PSH = 0x08, TCP_ACK = 0x10, TCP_CWR = 0x80 };

struct TcpFrame {
    bool v6;
    size_t ip, tcp, payload; /* where they begin */
};

/** Find them, behind VLAN tags and IPv6's extension headers, too. False: it is no TCP over IP of that version, or its
 *  headers are not all there. That lengths in them are right is not looked at. */
bool tcp_frame_find(struct TcpFrame *l, bool v6, const uint8_t *frame, size_t bytes);
/** Write the length of a frame of `bytes` into the IP header; of IPv4 add `number` to the identification, and fill the
 *  header's checksum in. */
void tcp_frame_fit_ip(const struct TcpFrame *l, uint8_t *frame, size_t bytes, unsigned number);
/** The sum of the pseudo-header: addresses, protocol, TCP's length (RFC 9293, 3.1; RFC 8200, 8.1). See net_sum. */
uint64_t tcp_frame_pseudo_sum(const struct TcpFrame *l, const uint8_t *frame, size_t bytes);

#endif
