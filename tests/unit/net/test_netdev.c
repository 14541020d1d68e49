/* SPDX-License-Identifier: MIT */
/* -netdev as text: keys, addresses, rules of forwarding. */
#include "net/netdev.h"
#include "net/user_options.h"
#include "tests/unit/suites.h"

#include <arpa/inet.h>
#include <string.h>

static char why[400];

static struct NetTimer *no_timer(void *opaque, NetTimerFn *fn, void *fn_opaque) {
    return (void)opaque, (void)fn, (void)fn_opaque, NULL;
}
static void free_timer(struct NetTimer *t) { (void)t; }
static const struct NetHostOps host_ops = {.timer_new = no_timer, .timer_free = free_timer};
static const struct NetHost host = {&host_ops, NULL};

static struct UserNetwork network(const char *list) {
    struct UserOptions o = {0};
    struct UserNetwork u;
    char copy[400], *rest = copy;
    user_defaults(&o);
    snprintf(copy, sizeof(copy), "%s", list);
    why[0] = '\0';
    while (rest != NULL && rest[0] != '\0') {
        char *key = strsep(&rest, ","), *value = strchr(key, '=');
        if (value != NULL)
            *value++ = '\0';
        ck_assert_int_eq(net_set_key(user_keys, &o, "-netdev user", key, value, why, sizeof(why)), 0);
    }
    if (user_network(&u, &o, why, sizeof(why)) != 0)
        memset(&u, 0, sizeof(u));
    return u;
}

static const char *text4(struct in_addr a) { return inet_ntoa(a); }

START_TEST(addresses) {
    static const struct {
        const char *list, *host, *dns, *dhcp, *mask;
    } rows[] = {
        {"", "10.0.2.2", "10.0.2.3", "10.0.2.15", "255.255.255.0"},
        {"net=192.168.7.0/24", "192.168.7.2", "192.168.7.3", "192.168.7.15", "255.255.255.0"},
        {"net=192.168.7.9", "192.168.2.2", "192.168.2.3", "192.168.2.15", "255.255.0.0"},
        {"net=172.16.0.0", "172.16.2.2", "172.16.2.3", "172.16.2.15", "255.240.0.0"},
        {"net=9.0.0.0/255.0.0.0", "9.0.2.2", "9.0.2.3", "9.0.2.15", "255.0.0.0"},
        {"net=200.1.2.77", "200.1.2.2", "200.1.2.3", "200.1.2.15", "255.255.255.0"},
        {"host=10.0.2.100,dns=10.0.2.101,dhcpstart=10.0.2.50", "10.0.2.100", "10.0.2.101", "10.0.2.50",
         "255.255.255.0"},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct UserNetwork u = network(rows[i].list);
        ck_assert_str_eq(why, "");
        ck_assert_str_eq(text4(u.host), rows[i].host);
        ck_assert_str_eq(text4(u.dns), rows[i].dns);
        ck_assert_str_eq(text4(u.dhcp), rows[i].dhcp);
        ck_assert_str_eq(text4(u.mask), rows[i].mask);
        ck_assert(u.ipv4 && u.ipv6);
    }
    char text[INET6_ADDRSTRLEN];
    struct UserNetwork u = network("ipv6-net=fd00::/48");
    ck_assert_str_eq(inet_ntop(AF_INET6, &u.host6, text, sizeof(text)), "fd00::2");
    ck_assert_uint_eq(u.prefix_bits, 48);
    u = network("ipv6=on");
    ck_assert(!u.ipv4 && u.ipv6);
    u = network("noipv6");
    ck_assert(u.ipv4 && !u.ipv6);
}
END_TEST

START_TEST(wrong_addresses) {
    static const struct {
        const char *list, *why;
    } rows[] = {
        {"net=10.0.2", "net=10.0.2 is no address"},
        {"net=10.0.2.0/31", "the mask is wrong"},
        {"net=10.0.2.0/255.0.255.0", "the mask is wrong"},
        {"net=10.0.2.0/", "the mask is wrong"},
        {"host=10.0.3.2", "host=10.0.3.2 is not in the network"},
        {"dns=10.0.2.255", "dns=10.0.2.255 is not in the network"},
        {"dns=10.0.2.2", "dns= and host= are the same"},
        {"dhcpstart=10.0.2.3", "dhcpstart= is the address of"},
        {"ipv4=off,ipv6=off", "neither ipv4 nor ipv6"},
        {"ipv4=off,host=10.0.2.2", "IPv4 is off"},
        {"ipv6=off,ipv6-dns=fec0::3", "IPv6 is off"},
        {"ipv6-net=fec0::/0", "1 to 126 bits"},
        {"ipv6-host=fec1::2", "is not in the network ipv6-net="},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        network(rows[i].list);
        ck_assert_msg(strstr(why, rows[i].why) != NULL, "%s: %s", rows[i].list, why);
    }
}
END_TEST

START_TEST(forwards) {
    struct UserNetwork u = network("");
    struct UserForward f;
    ck_assert_int_eq(user_forward_parse(&f, &u, "tcp::2222-:22", why, sizeof(why)), 0);
    ck_assert(!f.udp && f.host.s_addr == 0 && f.host_port == 2222 && f.guest_port == 22);
    ck_assert_str_eq(text4(f.guest), "10.0.2.15");
    ck_assert_int_eq(user_forward_parse(&f, &u, "udp:127.0.0.1:0-10.0.2.16:53", why, sizeof(why)), 0);
    ck_assert(f.udp && f.host.s_addr == htonl(0x7f000001) && f.host_port == 0);
    ck_assert_int_eq(user_forward_parse(&f, &u, "::80-:80", why, sizeof(why)), 0);
    static const char *const wrong[] = {"",
                                        "tcp",
                                        "tcp::2222",
                                        "tcp::2222-",
                                        "tcp::2222-22",
                                        "tcp::2222-:0",
                                        "tcp::65536-:22",
                                        "tcp:2222-:22",
                                        "icmp::1-:1",
                                        "tcp:host:2222-:22",
                                        "tcp::2222-:22x",
                                        "tcp:1.2.3.4.5.6.7.8.9.10.11.12:1-:1"};
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(user_forward_parse(&f, &u, wrong[i], why, sizeof(why)) != 0, "%s", wrong[i]);
    ck_assert_int_eq(user_forward_parse_host(&f, "udp:127.0.0.1:53", why, sizeof(why)), 0);
    ck_assert_int_ne(user_forward_parse_host(&f, "udp:127.0.0.1", why, sizeof(why)), 0);
    struct UserGuestForward g;
    ck_assert_int_eq(user_guest_forward_parse(&g, "tcp:10.0.2.100:80-cmd:nc -l", why, sizeof(why)), 0);
    ck_assert(g.command && g.port == 80);
    ck_assert_str_eq(g.target, "nc -l");
    ck_assert_int_eq(user_guest_forward_parse(&g, ":10.0.2.100:80-unix:/tmp/s", why, sizeof(why)), 0);
    ck_assert_str_eq(g.target, "/tmp/s");
    ck_assert_int_ne(user_guest_forward_parse(&g, "udp:10.0.2.100:80-cmd:x", why, sizeof(why)), 0);
    ck_assert_int_ne(user_guest_forward_parse(&g, "tcp:10.0.2.100:80-cmd:", why, sizeof(why)), 0);
    ck_assert_int_ne(user_guest_forward_parse(&g, "tcp:10.0.2.100:80-stdio", why, sizeof(why)), 0);
}
END_TEST

static void refused(const char *text, const char *said) {
    struct Netdev *d;
    ck_assert_int_ne(netdev_open(&d, "-netdev", text, NULL, &host, why, sizeof(why)), 0);
    ck_assert_msg(strstr(why, said) != NULL, "%s: %s", text, why);
}

START_TEST(texts) {
    refused("user", "id=NAME is missing");
    refused("usr,id=n0", "'usr' is not supported; the nearest is 'user'");
    refused("user,id=n0,hostfw=x", "there is no 'hostfw'; the nearest is 'hostfwd'");
    refused("user,id=n0,restrict=maybe", "say on or off");
    refused("user,id=n0,hostname", "'hostname' needs a value");
    refused("user,id=n0,queues=0", "1 to 8");
    refused("user,id=n0,ipv6-prefixlen=127", "from 0 to 126");
    ck_assert_ptr_null(netdev_kind(1000));
    ck_assert_str_eq(netdev_kind(0)->name, "user");
}
END_TEST

/* -netdev help names every key that is read. */
START_TEST(help_names_all_keys) {
    for (unsigned i = 0; netdev_kind(i) != NULL; i++) {
        const struct NetdevKind *kind = netdev_kind(i);
        ck_assert_ptr_nonnull(kind->description);
        for (const struct NetKey *k = kind->keys; k->name != NULL; k++) {
            const char *at = kind->properties;
            size_t length = strlen(k->name);
            if (strcmp(k->name, "remote.str") == 0) /* read, to be refused */
                continue;
            while (at != NULL && (strncmp(at, k->name, length) != 0 || at[length] != '='))
                at = strpbrk(at, ",|") != NULL ? strpbrk(at, ",|") + 1 : NULL;
            ck_assert_msg(at != NULL, "%s: %s", kind->name, k->name);
        }
    }
}
END_TEST

Suite *netdev_suite(void) {
    Suite *s = suite_create("netdev");
    TCase *c = tcase_create("netdev");
    tcase_add_test(c, addresses);
    tcase_add_test(c, wrong_addresses);
    tcase_add_test(c, forwards);
    tcase_add_test(c, texts);
    tcase_add_test(c, help_names_all_keys);
    suite_add_tcase(s, c);
    return s;
}
