/* SPDX-License-Identifier: MIT */
/**
 * Addresses of sockets that carry frames, as -netdev stream and dgram have them: "addr.type=unix,addr.path=PATH",
 * "addr.type=inet,addr.host=HOST,addr.port=PORT", "addr.type=fd,addr.str=NUMBER". Sockets that come of them are
 * non-blocking.
 *
 * Before there is a loop; resolving names may take its time.
 */
#ifndef TWIN86_NET_ADDRESS_H
#define TWIN86_NET_ADDRESS_H

#include "net/options.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

/** What an option says; NULL: it doesn't. */
struct NetAddress {
    const char *type, *path, *host, *port, *str;
};

/** The keys of one: `prefix` is "addr", `S` the options' tag, `m` the member. */
#define NET_ADDRESS_KEYS(prefix, S, m)                                                                                 \
    {.name = prefix ".type", .kind = NET_KEY_TEXT, .member = offsetof(struct S, m.type)},                              \
        {.name = prefix ".path", .kind = NET_KEY_TEXT, .member = offsetof(struct S, m.path)},                          \
        {.name = prefix ".host", .kind = NET_KEY_TEXT, .member = offsetof(struct S, m.host)},                          \
        {.name = prefix ".port", .kind = NET_KEY_TEXT, .member = offsetof(struct S, m.port)}, {                        \
        .name = prefix ".str", .kind = NET_KEY_TEXT, .member = offsetof(struct S, m.str)                               \
    }

/** Resolved. */
struct NetSocketAddress {
    struct sockaddr_storage any;
    socklen_t size;
};

static inline bool net_address_given(const struct NetAddress *a) {
    return a->type != NULL || a->path != NULL || a->host != NULL || a->port != NULL || a->str != NULL;
}
bool net_address_is(const struct NetAddress *a, const char *type);
/** It has what its type needs, and nothing else. `name` is "addr". 0, or -EINVAL with `why`, which begins with
 * `option`. */
int net_address_check(const struct NetAddress *a, const char *option, const char *name, char *why, size_t n);
/** Of unix or inet. `type` is SOCK_STREAM or SOCK_DGRAM; `passive`: to listen at. 0 or -errno with `why`. */
int net_address_resolve(const struct NetAddress *a, int type, bool passive, struct NetSocketAddress *to,
                        const char *option, char *why, size_t n);
/** The descriptor that `str` names: a socket of that type, made non-blocking. Or -errno with `why`. */
int net_address_fd(const struct NetAddress *a, int type, const char *option, char *why, size_t n);
/**
 * A unix socket bound there, with mode 0600; one that nobody has open any more is replaced, anything else at that path
 * is left alone and refused. It listens if it is of SOCK_STREAM. Non-blocking. The descriptor, or -errno with `why`.
 */
int net_bind_unix(const struct sockaddr_un *u, int type, int backlog, char *why, size_t n);
/** A socket bound there, of either family; a unix socket as above. The descriptor, or -errno with `why`. */
int net_address_bind(const struct NetSocketAddress *a, int type, const char *option, char *why, size_t n);
/** Take a unix socket's file away. */
void net_address_unlink(const struct NetSocketAddress *a);
/** "unix:PATH", "tcp:HOST:PORT". */
void net_address_describe(const struct NetAddress *a, bool datagrams, char *text, size_t n);

#endif
