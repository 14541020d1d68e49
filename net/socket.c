/* SPDX-License-Identifier: MIT */
/*
 * -netdev socket, from before there were stream and dgram: listen= and connect= are a stream over TCP, udp= with
 * localaddr= are datagrams, in the same forms on the wire.
 */
#include "base/why.h"
#include "net/dgram.h"
#include "net/stream.h"

#include <errno.h>
#include <string.h>

struct SocketOptions {
    const char *listen, *connect, *udp, *local, *fd;
    struct StreamOptions stream;
    struct DgramOptions dgram;
    bool datagrams;
};

static const char option[] = "-netdev socket";

/* "HOST:PORT" or ":PORT", in what lives as long as the options. */
static int split(const char *text, const char *key, struct NetAddress *a, char *why, size_t n) {
    char *colon = strrchr(text, ':');
    if (colon == NULL || colon[1] == '\0')
        return why_set(why, n, -EINVAL, "%s: %s=%s is not right; HOST:PORT is", option, key, text);
    *colon = '\0';
    *a = (struct NetAddress){.type = "inet", .host = text, .port = colon + 1};
    return 0;
}

static int open_socket(struct Netdev *d, char *why, size_t n) {
    struct SocketOptions *o = d->options;
    unsigned given = (o->listen != NULL) + (o->connect != NULL) + (o->udp != NULL) + (o->fd != NULL);
    int r = 0;
    if (given != 1)
        return why_set(why, n, -EINVAL, "%s: one of listen=, connect=, udp= and fd= is needed", option);
    if ((o->local != NULL) != (o->udp != NULL))
        return why_set(why, n, -EINVAL, "%s: udp=HOST:PORT and localaddr=HOST:PORT go together", option);
    if (o->udp != NULL) {
        o->datagrams = true;
        if ((r = split(o->udp, "udp", &o->dgram.remote, why, n)) == 0)
            r = split(o->local, "localaddr", &o->dgram.local, why, n);
        return r != 0 ? r : net_dgram_open(d, &o->dgram, option, why, n);
    }
    o->stream.server = o->listen != NULL;
    if (o->fd != NULL)
        o->stream.addr = (struct NetAddress){.type = "fd", .str = o->fd};
    else if (o->listen != NULL)
        r = split(o->listen, "listen", &o->stream.addr, why, n);
    else
        r = split(o->connect, "connect", &o->stream.addr, why, n);
    return r != 0 ? r : net_stream_open(d, &o->stream, option, why, n);
}

static bool is_dgram(const struct Netdev *d) { return ((const struct SocketOptions *)d->options)->datagrams; }

static int start(struct Netdev *d, char *why, size_t n) {
    return is_dgram(d) ? net_dgram_start(d, why, n) : net_stream_start(d, why, n);
}

static void close_socket(struct Netdev *d) { is_dgram(d) ? net_dgram_close(d) : net_stream_close(d); }

static void describe(const struct Netdev *d, char *text, size_t n) {
    is_dgram(d) ? net_dgram_describe(d, text, n) : net_stream_describe(d, text, n);
}

static const struct NetKey keys[] = {
    {.name = "listen", .kind = NET_KEY_TEXT, .member = offsetof(struct SocketOptions, listen)},
    {.name = "connect", .kind = NET_KEY_TEXT, .member = offsetof(struct SocketOptions, connect)},
    {.name = "udp", .kind = NET_KEY_TEXT, .member = offsetof(struct SocketOptions, udp)},
    {.name = "localaddr", .kind = NET_KEY_TEXT, .member = offsetof(struct SocketOptions, local)},
    {.name = "fd", .kind = NET_KEY_TEXT, .member = offsetof(struct SocketOptions, fd)},
    {0},
};

const struct NetdevKind netdev_socket = {
    .name = "socket",
    .properties = "listen=HOST:PORT|connect=HOST:PORT|udp=HOST:PORT,localaddr=HOST:PORT|fd=FD",
    .description = "stream or dgram as older options have it",
    .keys = keys,
    .options_size = sizeof(struct SocketOptions),
    .open = open_socket,
    .start = start,
    .close = close_socket,
    .describe = describe,
};
