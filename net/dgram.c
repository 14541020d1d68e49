/* SPDX-License-Identifier: MIT */
/*
 * A frame in each datagram. What comes over UDP is taken from the remote address alone; at a unix socket its file's
 * mode says who may send. While nobody is there frames are lost, as without a cable.
 */
#include "net/dgram.h"
#include "base/why.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TURN = 64 }; /* frames, before others have a turn */

struct Dgram {
    struct Netdev *d;
    const struct DgramOptions *o;
    struct NetSocketAddress local, remote; /* size 0: none; a socket that is connected */
    int fd;
    bool started, full;
    short watched; /* what the loop waits for; 0 at first */
    size_t kept;   /* bytes of `frame`, as the last read has left them */
    uint8_t frame[NET_FRAME_MAX];
};

static void on_ready(void *opaque, int fd, short revents);

static void watch(struct Dgram *s) {
    const struct NetHost *h = &s->d->host;
    short events = (short)((s->d->end.held ? 0 : POLLIN) | (s->full ? POLLOUT : 0));
    if (s->started && events != s->watched)
        h->ops->watch(h->opaque, s->fd, s->watched = events, on_ready, s);
}

/* ---- to the other side ---- */

static bool can_take(void *opaque) { return !((struct Dgram *)opaque)->full; }

static bool take(void *opaque, const struct NetPacket *p) {
    struct Dgram *s = opaque;
    struct msghdr m = {.msg_name = s->remote.size != 0 ? &s->remote.any : NULL,
                       .msg_namelen = s->remote.size,
                       .msg_iov = (struct iovec *)(uintptr_t)p->piece,
                       .msg_iovlen = p->pieces};
    ssize_t n;
    do
        n = sendmsg(s->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    s->full = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (s->full)
        watch(s);
    else if (n < 0)
        s->d->end.lost++; /* nobody is there, or it is too long for a datagram */
    return !s->full;
}

/* ---- from the other side ---- */

/* Over UDP anybody could send. */
static bool is_remote(const struct Dgram *s, const struct sockaddr_storage *from) {
    const struct sockaddr_in *a = (const struct sockaddr_in *)from, *b = (const struct sockaddr_in *)&s->remote.any;
    const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)from,
                              *b6 = (const struct sockaddr_in6 *)&s->remote.any;
    if (s->remote.any.ss_family == AF_INET)
        return a->sin_family == AF_INET && a->sin_port == b->sin_port && a->sin_addr.s_addr == b->sin_addr.s_addr;
    if (s->remote.any.ss_family == AF_INET6)
        return a6->sin6_family == AF_INET6 && a6->sin6_port == b6->sin6_port &&
               memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
    return true;
}

/* The next frame into s->frame: false: there is none for now. */
static bool read_one(struct Dgram *s) {
    struct sockaddr_storage from = {0};
    socklen_t size = sizeof(from);
    ssize_t n = recvfrom(s->fd, s->frame, sizeof(s->frame), MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&from, &size);
    s->kept = n > 0 && (size_t)n <= sizeof(s->frame) && is_remote(s, &from) ? (size_t)n : 0;
    return n >= 0 || errno == ECONNREFUSED; /* that tells of what was sent */
}

static void read_frames(struct Dgram *s) {
    for (unsigned i = 0; i < TURN && net_can_send(&s->d->end) && read_one(s); i++)
        if (s->kept >= NET_FRAME_MIN)
            net_send_frame(&s->d->end, s->frame, s->kept);
    net_sent(&s->d->end);
}

static void on_ready(void *opaque, int fd, short revents) {
    struct Dgram *s = opaque;
    (void)fd;
    if (revents & (POLLIN | POLLERR))
        read_frames(s);
    if (s->full && revents & (POLLOUT | POLLERR)) {
        s->full = false;
        net_ready(&s->d->end);
    }
    watch(s);
}

static void ready(void *opaque) { watch(opaque); }

static const struct NetOps ops = {.can_take = can_take, .take = take, .ready = ready};

/* ---- life ---- */

static int open_addresses(struct Dgram *s, const char *option, char *why, size_t n) {
    const struct DgramOptions *o = s->o;
    int r = net_address_check(&o->remote, option, "remote", why, n);
    if (r != 0)
        return r;
    if (net_address_is(&o->remote, "fd"))
        return why_set(why, n, -EINVAL, "%s: a descriptor is local.type=fd, and connected", option);
    if ((r = net_address_resolve(&o->remote, SOCK_DGRAM, false, &s->remote, option, why, n)) != 0)
        return r;
    const struct sockaddr_in *in = (const struct sockaddr_in *)&s->remote.any;
    if (in->sin_family == AF_INET && IN_MULTICAST(ntohl(in->sin_addr.s_addr)))
        return why_set(why, n, -EINVAL, "%s: %s is a group's address; only one other side is supported", option,
                       o->remote.host);
    if (!net_address_given(&o->local))
        return why_set(why, n, -EINVAL, "%s: local.type= and its address are missing, where the other side sends to",
                       option);
    if ((r = net_address_check(&o->local, option, "local", why, n)) != 0 ||
        (r = net_address_resolve(&o->local, SOCK_DGRAM, true, &s->local, option, why, n)) != 0)
        return r;
    if (s->local.any.ss_family != s->remote.any.ss_family)
        return why_set(why, n, -EINVAL, "%s: local and remote are addresses of different kinds", option);
    s->fd = net_address_bind(&s->local, SOCK_DGRAM, option, why, n);
    return s->fd < 0 ? s->fd : 0;
}

int net_dgram_open(struct Netdev *d, const struct DgramOptions *o, const char *option, char *why, size_t n) {
    struct Dgram *s = calloc(1, sizeof(*s));
    if ((d->state = s) == NULL)
        return why_errno(why, n, -ENOMEM, option);
    s->d = d;
    s->o = o;
    s->fd = -1;
    net_end_init(&d->end, d->id, &ops, s, NULL);
    if (!net_address_is(&o->local, "fd"))
        return open_addresses(s, option, why, n);
    if (net_address_given(&o->remote))
        return why_set(why, n, -EINVAL, "%s: local.type=fd is connected, and has no remote address", option);
    int r = net_address_check(&o->local, option, "local", why, n);
    if (r == 0)
        r = s->fd = net_address_fd(&o->local, SOCK_DGRAM, option, why, n);
    return r < 0 ? r : 0;
}

int net_dgram_start(struct Netdev *d, char *why, size_t n) {
    struct Dgram *s = d->state;
    s->started = true;
    int r = d->host.ops->watch(d->host.opaque, s->fd, s->watched = POLLIN, on_ready, s);
    return r == 0 ? 0 : why_errno(why, n, r, d->id);
}

void net_dgram_close(struct Netdev *d) {
    struct Dgram *s = d->state;
    if (s->fd >= 0) {
        d->host.ops->forget(d->host.opaque, s->fd);
        net_address_unlink(&s->local);
        close(s->fd);
    }
    free(s);
    d->state = NULL;
}

void net_dgram_describe(const struct Netdev *d, char *text, size_t n) {
    const struct Dgram *s = d->state;
    char local[160], remote[160];
    net_address_describe(&s->o->local, true, local, sizeof(local));
    net_address_describe(&s->o->remote, true, remote, sizeof(remote));
    snprintf(text, n, "%s%s%s", local, s->remote.size != 0 ? ",remote=" : "", s->remote.size != 0 ? remote : "");
}

/* ---- -netdev dgram ---- */

static int open_dgram(struct Netdev *d, char *why, size_t n) {
    return net_dgram_open(d, d->options, "-netdev dgram", why, n);
}

static const struct NetKey keys[] = {
    NET_ADDRESS_KEYS("local", DgramOptions, local),
    NET_ADDRESS_KEYS("remote", DgramOptions, remote),
    {0},
};

const struct NetdevKind netdev_dgram = {
    .name = "dgram",
    .properties = "local.type=unix|inet|fd,local.path=PATH,local.host=HOST,local.port=PORT,local.str=FD,"
                  "remote.type=unix|inet,remote.path=PATH,remote.host=HOST,remote.port=PORT",
    .description = "a frame in each datagram",
    .keys = keys,
    .options_size = sizeof(struct DgramOptions),
    .open = open_dgram,
    .start = net_dgram_start,
    .close = net_dgram_close,
    .describe = net_dgram_describe,
};
