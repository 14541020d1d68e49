/* SPDX-License-Identifier: MIT */
/**
 * What -netdev user says, as addresses: QEMU's keys and defaults. Private to net/.
 *
 * Plain data; any thread.
 */
#ifndef TWIN86_NET_USER_OPTIONS_H
#define TWIN86_NET_USER_OPTIONS_H

#include "net/options.h"

#include <netinet/in.h>

/** As it was given; strings NULL: not. */
struct UserOptions {
    const char *net, *host, *dhcpstart, *dns;
    const char *ipv6_net, *ipv6_prefix, *ipv6_host, *ipv6_dns;
    const char *hostname, *domainname, *tftp, *tftp_server_name, *bootfile;
    struct NetList hostfwd, guestfwd, dnssearch;
    uint64_t ipv6_prefixlen;
    int ipv4, ipv6; /* -1: not given */
    bool restricted;
};
extern const struct NetKey user_keys[];
#define USER_PROPERTIES                                                                                                \
    "net=ADDR[/BITS],host=ADDR,dhcpstart=ADDR,dns=ADDR,ipv4=on|off,ipv6=on|off,ipv6-net=ADDR[/BITS],"                  \
    "ipv6-prefix=ADDR,ipv6-prefixlen=BITS,ipv6-host=ADDR,ipv6-dns=ADDR,restrict=on|off,hostname=NAME,domainname=NAME," \
    "dnssearch=NAME,tftp=FOLDER,tftp-server-name=NAME,"                                                                \
    "bootfile=FILE,hostfwd=RULE,guestfwd=RULE"
void user_defaults(void *options);

/** The network that it makes. Addresses as <netinet/in.h> has them. */
struct UserNetwork {
    bool ipv4, ipv6;
    struct in_addr net, mask, host, dhcp, dns;
    struct in6_addr prefix, host6, dns6;
    unsigned prefix_bits;
};
/** 0, or -EINVAL with `why`, which begins with "-netdev user". */
int user_network(struct UserNetwork *u, const struct UserOptions *o, char *why, size_t n);

/** A port of the host's that leads into the guest. */
struct UserForward {
    bool udp;
    struct in_addr host, guest;
    uint16_t host_port, guest_port; /* host_port 0: the host chooses */
};
/** "[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT"; without an address all of the host's, and the guest that gets
 *  the first address. 0 or -EINVAL with `why`. */
int user_forward_parse(struct UserForward *f, const struct UserNetwork *u, const char *rule, char *why, size_t n);
/** "[tcp|udp]:[HOSTADDR]:HOSTPORT", of hostfwd_remove. */
int user_forward_parse_host(struct UserForward *f, const char *rule, char *why, size_t n);

/** An address of the network that leads to something on the host. */
struct UserGuestForward {
    struct in_addr server;
    uint16_t port;
    bool command;       /* else a unix socket */
    const char *target; /* within the rule */
};
/** "[tcp]:SERVER:PORT-cmd:COMMAND" or "...-unix:PATH". 0 or -EINVAL with `why`. */
int user_guest_forward_parse(struct UserGuestForward *f, const char *rule, char *why, size_t n);

#endif
