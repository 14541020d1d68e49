/* SPDX-License-Identifier: MIT */
/* -netdev user: keys, addresses, rules of forwarding. */
#include "net/user_options.h"
#include "base/lists.h"
#include "base/why.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN(member) offsetof(struct UserOptions, member)
const struct NetKey user_keys[] = {
    {"net", NET_KEY_TEXT, IN(net), 0, NULL},
    {"host", NET_KEY_TEXT, IN(host), 0, NULL},
    {"dhcpstart", NET_KEY_TEXT, IN(dhcpstart), 0, NULL},
    {"dns", NET_KEY_TEXT, IN(dns), 0, NULL},
    {"ipv4", NET_KEY_TRISTATE, IN(ipv4), 0, NULL},
    {"ipv6", NET_KEY_TRISTATE, IN(ipv6), 0, NULL},
    {"ipv6-net", NET_KEY_TEXT, IN(ipv6_net), 0, NULL},
    {"ipv6-prefix", NET_KEY_TEXT, IN(ipv6_prefix), 0, NULL},
    {"ipv6-prefixlen", NET_KEY_NUMBER, IN(ipv6_prefixlen), 126, NULL},
    {"ipv6-host", NET_KEY_TEXT, IN(ipv6_host), 0, NULL},
    {"ipv6-dns", NET_KEY_TEXT, IN(ipv6_dns), 0, NULL},
    {"restrict", NET_KEY_SWITCH, IN(restricted), 0, NULL},
    {"hostname", NET_KEY_TEXT, IN(hostname), 0, NULL},
    {"domainname", NET_KEY_TEXT, IN(domainname), 0, NULL},
    {"dnssearch", NET_KEY_LIST, IN(dnssearch), 0, NULL},
    {"tftp", NET_KEY_TEXT, IN(tftp), 0, NULL},
    {"tftp-server-name", NET_KEY_TEXT, IN(tftp_server_name), 0, NULL},
    {"bootfile", NET_KEY_TEXT, IN(bootfile), 0, NULL},
    {"hostfwd", NET_KEY_LIST, IN(hostfwd), 0, NULL},
    {"guestfwd", NET_KEY_LIST, IN(guestfwd), 0, NULL},
    {0},
};
#undef IN

void user_defaults(void *options) {
    struct UserOptions *o = options;
    o->ipv4 = o->ipv6 = -1;
}

static const char option[] = "-netdev user";

/* ---- IPv4 ---- */

static int bad_address(const char *key, const char *value, const char *right, char *why, size_t n) {
    return why_set(why, n, -EINVAL, "%s: %s=%s is no address; %s=%s is one", option, key, value, key, right);
}

/* What is meant without a mask: the classes, and the private networks as a whole. */
static uint32_t usual_mask(uint32_t a) {
    static const struct {
        uint32_t mask, net, is;
    } classes[] = {{0x80000000, 0, 0xff000000},
                   {0xfff00000, 0xac100000, 0xfff00000},
                   {0xffff0000, 0xc0a80000, 0xffff0000},
                   {0xc0000000, 0x80000000, 0xffff0000}};
    for (unsigned i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if ((a & classes[i].mask) == classes[i].net)
            return classes[i].is;
    return 0xffffff00;
}

/* "24" or "255.255.255.0" */
static bool parse_mask(const char *text, uint32_t *mask) {
    struct in_addr a;
    uint64_t bits;
    if (list_number(text, 32, &bits)) {
        *mask = bits == 0 ? 0 : UINT32_MAX << (32 - bits);
        return bits > 0 && bits < 31;
    }
    if (inet_pton(AF_INET, text, &a) != 1)
        return false;
    *mask = ntohl(a.s_addr);
    return (~*mask & (~*mask + 1)) == 0 && *mask != 0 && *mask < 0xfffffffe;
}

static int read_net(struct UserNetwork *u, const char *text, char *why, size_t n) {
    char address[64];
    const char *slash = strchr(text, '/');
    size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
    snprintf(address, sizeof(address), "%.*s", (int)(length < 63 ? length : 63), text);
    if (inet_pton(AF_INET, address, &u->net) != 1)
        return bad_address("net", text, "10.0.2.0/24", why, n);
    uint32_t mask = usual_mask(ntohl(u->net.s_addr));
    if (slash != NULL && !parse_mask(slash + 1, &mask))
        return why_set(why, n, -EINVAL, "%s: net=%s: the mask is wrong; /8 to /30 or /255.255.255.0 is right", option,
                       text);
    u->mask.s_addr = htonl(mask);
    u->net.s_addr &= u->mask.s_addr;
    return 0;
}

static bool is_in(const struct UserNetwork *u, struct in_addr a) {
    return (a.s_addr & u->mask.s_addr) == u->net.s_addr && (a.s_addr & ~u->mask.s_addr) != 0 &&
           (a.s_addr | u->mask.s_addr) != UINT32_MAX;
}

/* An address of the network: what was given, or number `usual`; of larger networks than /24 as QEMU counts. */
static int read_address(const struct UserNetwork *u, struct in_addr *a, const char *key, const char *value,
                        uint32_t usual, char *why, size_t n) {
    a->s_addr = u->net.s_addr | (htonl(0x0200 | usual) & ~u->mask.s_addr);
    if (value == NULL)
        return 0;
    if (inet_pton(AF_INET, value, a) != 1)
        return bad_address(key, value, "10.0.2.2", why, n);
    return is_in(u, *a) ? 0 : why_set(why, n, -EINVAL, "%s: %s=%s is not in the network net=", option, key, value);
}

static int read_ipv4(struct UserNetwork *u, const struct UserOptions *o, char *why, size_t n) {
    enum { HOST = 2, DNS = 3, DHCP = 15 };
    int r = read_net(u, o->net != NULL ? o->net : "10.0.2.0/24", why, n);
    if (r == 0)
        r = read_address(u, &u->host, "host", o->host, HOST, why, n);
    if (r == 0)
        r = read_address(u, &u->dns, "dns", o->dns, DNS, why, n);
    if (r == 0)
        r = read_address(u, &u->dhcp, "dhcpstart", o->dhcpstart, DHCP, why, n);
    if (r != 0)
        return r;
    if (u->dns.s_addr == u->host.s_addr)
        return why_set(why, n, -EINVAL, "%s: dns= and host= are the same address", option);
    if (u->dhcp.s_addr == u->host.s_addr || u->dhcp.s_addr == u->dns.s_addr)
        return why_set(why, n, -EINVAL, "%s: dhcpstart= is the address of host= or dns=", option);
    return 0;
}

/* ---- IPv6 ---- */

static bool in_prefix(const struct UserNetwork *u, const struct in6_addr *a) {
    for (unsigned i = 0; i < u->prefix_bits; i++)
        if (((a->s6_addr[i / 8] ^ u->prefix.s6_addr[i / 8]) & 0x80 >> i % 8) != 0)
            return false;
    return true;
}

static int read_prefix(struct UserNetwork *u, const struct UserOptions *o, char *why, size_t n) {
    const char *text = o->ipv6_net != NULL ? o->ipv6_net : o->ipv6_prefix != NULL ? o->ipv6_prefix : "fec0::";
    char address[64];
    const char *slash = strchr(text, '/');
    size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
    uint64_t bits = o->ipv6_prefixlen != 0 ? o->ipv6_prefixlen : 64;
    snprintf(address, sizeof(address), "%.*s", (int)(length < 63 ? length : 63), text);
    if (inet_pton(AF_INET6, address, &u->prefix) != 1)
        return bad_address("ipv6-net", text, "fec0::/64", why, n);
    if (slash != NULL && (!list_number(slash + 1, 126, &bits) || bits == 0))
        return why_set(why, n, -EINVAL, "%s: ipv6-net=%s: 1 to 126 bits are right", option, text);
    u->prefix_bits = (unsigned)bits;
    return 0;
}

static int read_address6(const struct UserNetwork *u, struct in6_addr *a, const char *key, const char *value,
                         uint8_t usual, char *why, size_t n) {
    *a = u->prefix;
    a->s6_addr[15] |= usual;
    if (value == NULL)
        return 0;
    if (inet_pton(AF_INET6, value, a) != 1)
        return bad_address(key, value, "fec0::2", why, n);
    return in_prefix(u, a) ? 0
                           : why_set(why, n, -EINVAL, "%s: %s=%s is not in the network ipv6-net=", option, key, value);
}

static int read_ipv6(struct UserNetwork *u, const struct UserOptions *o, char *why, size_t n) {
    int r = read_prefix(u, o, why, n);
    if (r == 0)
        r = read_address6(u, &u->host6, "ipv6-host", o->ipv6_host, 2, why, n);
    return r == 0 ? read_address6(u, &u->dns6, "ipv6-dns", o->ipv6_dns, 3, why, n) : r;
}

/* ---- both ---- */

int user_network(struct UserNetwork *u, const struct UserOptions *o, char *why, size_t n) {
    *u = (struct UserNetwork){/* one alone said to be on: the other is off */
                              .ipv4 = o->ipv4 >= 0 ? o->ipv4 : o->ipv6 != 1,
                              .ipv6 = o->ipv6 >= 0 ? o->ipv6 : o->ipv4 != 1};
    if (!u->ipv4 && !u->ipv6)
        return why_set(why, n, -EINVAL, "%s: neither ipv4 nor ipv6 is on", option);
    const bool given4 = o->net != NULL || o->host != NULL || o->dhcpstart != NULL || o->dns != NULL;
    const bool given6 = o->ipv6_net != NULL || o->ipv6_prefix != NULL || o->ipv6_host != NULL || o->ipv6_dns != NULL;
    if (!u->ipv4 && given4)
        return why_set(why, n, -EINVAL, "%s: IPv4 is off, so net=, host=, dhcpstart= and dns= mean nothing", option);
    if (!u->ipv6 && given6)
        return why_set(why, n, -EINVAL, "%s: IPv6 is off, so ipv6-net=, ipv6-host= and ipv6-dns= mean nothing", option);
    int r = read_ipv4(u, o, why, n);
    return r == 0 ? read_ipv6(u, o, why, n) : r;
}

/* ---- forwarding ---- */

struct Reader {
    const char *at;
};

/* What stands before the next `end`, which is skipped. False: too long, or there is none. */
static bool next_part(struct Reader *r, char end, char *part, size_t n) {
    const char *stop = end != '\0' ? strchr(r->at, end) : r->at + strlen(r->at);
    if (stop == NULL || (size_t)(stop - r->at) >= n)
        return false;
    memcpy(part, r->at, (size_t)(stop - r->at));
    part[stop - r->at] = '\0';
    r->at = end != '\0' ? stop + 1 : stop;
    return true;
}

static bool read_protocol(struct Reader *r, bool *udp) {
    char part[8];
    if (!next_part(r, ':', part, sizeof(part)))
        return false;
    *udp = strcmp(part, "udp") == 0;
    return *udp || part[0] == '\0' || strcmp(part, "tcp") == 0;
}

/* "ADDRESS:" or ":", which leaves *a */
static bool read_ip(struct Reader *r, struct in_addr *a) {
    char part[20];
    return next_part(r, ':', part, sizeof(part)) && (part[0] == '\0' || inet_pton(AF_INET, part, a) == 1);
}

static bool read_port(struct Reader *r, char end, unsigned least, uint16_t *port) {
    char part[8];
    uint64_t number;
    if (!next_part(r, end, part, sizeof(part)) || !list_number(part, 65535, &number) || number < least)
        return false;
    *port = (uint16_t)number;
    return true;
}

int user_forward_parse(struct UserForward *f, const struct UserNetwork *u, const char *rule, char *why, size_t n) {
    struct Reader r = {rule};
    *f = (struct UserForward){.guest = u->dhcp};
    if (read_protocol(&r, &f->udp) && read_ip(&r, &f->host) && read_port(&r, '-', 0, &f->host_port) &&
        read_ip(&r, &f->guest) && read_port(&r, '\0', 1, &f->guest_port))
        return 0;
    return why_set(why, n, -EINVAL, "hostfwd=%s is not right; [tcp|udp]:[ADDR]:PORT-[ADDR]:PORT is, as tcp::2222-:22",
                   rule);
}

int user_forward_parse_host(struct UserForward *f, const char *rule, char *why, size_t n) {
    struct Reader r = {rule};
    *f = (struct UserForward){0};
    if (read_protocol(&r, &f->udp) && read_ip(&r, &f->host) && read_port(&r, '\0', 0, &f->host_port))
        return 0;
    return why_set(why, n, -EINVAL, "'%s' is not right; [tcp|udp]:[ADDR]:PORT is, as tcp::2222", rule);
}

int user_guest_forward_parse(struct UserGuestForward *f, const char *rule, char *why, size_t n) {
    static const char command[] = "cmd:", local[] = "unix:";
    struct Reader r = {rule};
    bool udp;
    *f = (struct UserGuestForward){0};
    bool good = read_protocol(&r, &udp) && !udp && read_ip(&r, &f->server) && read_port(&r, '-', 1, &f->port);
    f->command = good && strncmp(r.at, command, sizeof(command) - 1) == 0;
    good = good && (f->command || strncmp(r.at, local, sizeof(local) - 1) == 0);
    if (good)
        f->target = strchr(r.at, ':') + 1;
    if (good && f->target[0] != '\0')
        return 0;
    return why_set(why, n, -EINVAL,
                   "guestfwd=%s is not right; [tcp]:ADDR:PORT-cmd:COMMAND and [tcp]:ADDR:PORT-unix:PATH are", rule);
}
