/* SPDX-License-Identifier: MIT */
/*
 * Frames over a connection, each behind its length (framing.h). One that listens takes one client at a time; one that
 * connects does it again when it was cut off, if it was told to. While nobody is at the other side frames are lost, as
 * without a cable.
 *
 * What is to be sent is gathered, and goes with one system call for a burst of frames. Nothing waits: what the socket
 * does not take stays, and while there is no room for another frame the guest is held.
 */
#include "net/stream.h"
#include "base/bytes.h"
#include "base/why.h"
#include "net/framing.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    OUT = 256 << 10,
    OUT_BURST = 64 << 10, /* so much is not gathered any longer */
    TURN = 512 << 10,     /* bytes read before others have a turn */
};

struct Stream {
    struct Netdev *d;
    const struct StreamOptions *o;
    struct NetSocketAddress address; /* size 0: a descriptor was given */
    int listen_fd, fd;               /* -1: none */
    bool connecting, started, refused, delivering;
    short watched; /* what the loop waits for at `fd`; -1: nothing yet */
    int error;     /* why there is no connection; 0: there was none yet */
    struct NetTimer *again;
    size_t out_begin, out_end;
    struct FrameReader in;
    uint8_t out[OUT];
};

static bool is_connected(const struct Stream *s) { return s->fd >= 0 && !s->connecting; }

static void disconnect(struct Stream *s, int error);
static void on_ready(void *opaque, int fd, short revents);
static void on_client(void *opaque, int fd, short revents);

static void watch(struct Stream *s) {
    const struct NetHost *h = &s->d->host;
    if (!s->started || s->fd < 0)
        return;
    bool reads = !s->connecting && !s->d->end.held;
    short events = (short)((reads ? POLLIN : 0) | (s->connecting || s->out_end > s->out_begin ? POLLOUT : 0));
    if (events == s->watched)
        return;
    s->watched = events;
    int r = h->ops->watch(h->opaque, s->fd, events, on_ready, s);
    if (r != 0)
        disconnect(s, -r);
}

/* ---- to the other side ---- */

static bool has_room(const struct Stream *s) {
    return OUT - (s->out_end - s->out_begin) >= FRAMING_PREFIX + NET_FRAME_MAX;
}

static bool can_take(void *opaque) {
    struct Stream *s = opaque;
    s->refused = is_connected(s) && !has_room(s);
    return !s->refused;
}

static void flush(struct Stream *s) {
    while (is_connected(s) && s->out_end > s->out_begin) {
        ssize_t n = send(s->fd, s->out + s->out_begin, s->out_end - s->out_begin, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n >= 0)
            s->out_begin += (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            break;
        else if (errno != EINTR)
            disconnect(s, errno);
    }
    watch(s);
}

static void put(struct Stream *s, const struct NetPacket *p) {
    if (s->out_begin > 0) {
        memmove(s->out, s->out + s->out_begin, s->out_end - s->out_begin);
        s->out_end -= s->out_begin;
        s->out_begin = 0;
    }
    put_be32(s->out + s->out_end, (uint32_t)p->bytes);
    net_copy(p, 0, s->out + s->out_end + FRAMING_PREFIX, p->bytes);
    s->out_end += FRAMING_PREFIX + p->bytes;
}

static bool take(void *opaque, const struct NetPacket *p) {
    struct Stream *s = opaque;
    if (!is_connected(s)) {
        s->d->end.lost++;
        return true;
    }
    s->refused = !has_room(s);
    if (s->refused)
        return false;
    put(s, p);
    if (s->out_end >= OUT_BURST)
        flush(s);
    return true;
}

/* Not from within `take`, which refuses nothing before it flushes. */
static void tell_room(struct Stream *s) {
    if (s->refused && (!is_connected(s) || has_room(s))) {
        s->refused = false;
        net_ready(&s->d->end);
    }
}

static void taken(void *opaque) {
    struct Stream *s = opaque;
    if (s->out_end > s->out_begin)
        flush(s);
    tell_room(s);
}

/* ---- from the other side ---- */

/* What has been read, as far as it is taken. False: it is no stream of frames. */
static bool deliver(struct Stream *s) {
    const uint8_t *frame;
    size_t bytes;
    int r = 1;
    if (s->delivering)
        return true;
    s->delivering = true;
    while (is_connected(s) && net_can_send(&s->d->end) && (r = framing_next(&s->in, &frame, &bytes)) > 0)
        net_send_frame(&s->d->end, frame, bytes);
    s->delivering = false;
    return r >= 0;
}

static void read_frames(struct Stream *s) {
    size_t room, all = 0;
    ssize_t n = 0;
    bool good = deliver(s);
    while (good && is_connected(s) && !s->d->end.held && all < TURN) {
        uint8_t *to = framing_room(&s->in, &room);
        n = recv(s->fd, to, room, MSG_DONTWAIT);
        if (n <= 0)
            break;
        framing_added(&s->in, (size_t)n);
        all += (size_t)n;
        good = deliver(s);
        if ((size_t)n < room) /* that was all */
            break;
    }
    int e = errno;
    net_sent(&s->d->end);
    if (!good)
        disconnect(s, EPROTO);
    else if (n == 0 && all == 0 && !s->d->end.held && is_connected(s))
        disconnect(s, ECONNRESET);
    else if (n < 0 && e != EAGAIN && e != EWOULDBLOCK && e != EINTR)
        disconnect(s, e);
}

/* net_can_send was false, and is not any longer. */
static void ready(void *opaque) {
    struct Stream *s = opaque;
    if (!deliver(s)) {
        disconnect(s, EPROTO);
        return;
    }
    net_sent(&s->d->end);
    watch(s);
}

static const struct NetOps ops = {.can_take = can_take, .take = take, .taken = taken, .ready = ready};

/* ---- connections ---- */

static void retry_at(struct Stream *s, uint64_t seconds) {
    if (s->again != NULL)
        s->d->host.ops->timer_arm(s->again, net_now() + (int64_t)seconds * 1000000000);
}

static void disconnect(struct Stream *s, int error) {
    const struct NetHost *h = &s->d->host;
    if (s->fd < 0)
        return;
    if (s->started)
        h->ops->forget(h->opaque, s->fd);
    close(s->fd);
    s->fd = -1;
    s->watched = -1;
    s->connecting = false;
    s->error = error;
    s->out_begin = s->out_end = s->in.begin = s->in.end = 0;
    if (s->listen_fd >= 0 && s->started)
        h->ops->watch(h->opaque, s->listen_fd, POLLIN, on_client, s);
    else if (s->o->reconnect != 0)
        retry_at(s, s->o->reconnect);
    tell_room(s);
}

static void connected(struct Stream *s) {
    int one = 1;
    s->connecting = false;
    s->error = 0;
    if (s->address.any.ss_family == AF_INET || s->address.any.ss_family == AF_INET6)
        setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    watch(s);
}

/* A connection that was begun is there, or has failed. */
static void on_connected(struct Stream *s) {
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    error != 0 ? disconnect(s, error) : connected(s);
}

static void on_ready(void *opaque, int fd, short revents) {
    struct Stream *s = opaque;
    (void)fd;
    if (s->connecting) {
        on_connected(s);
        return;
    }
    if (revents & POLLOUT) {
        flush(s);
        tell_room(s);
    }
    if (is_connected(s) && revents & (POLLIN | POLLHUP | POLLERR)) {
        if (s->d->end.held && revents & (POLLHUP | POLLERR)) /* or the loop would be told again and again */
            disconnect(s, ECONNRESET);
        else
            read_frames(s);
    }
    watch(s);
}

static void on_client(void *opaque, int fd, short revents) {
    struct Stream *s = opaque;
    const struct NetHost *h = &s->d->host;
    (void)revents;
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client >= 0) {
        h->ops->watch(h->opaque, fd, 0, on_client, s); /* others wait until it has gone */
        s->fd = client;
        connected(s);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        h->ops->watch(h->opaque, fd, 0, on_client, s);
        retry_at(s, 1);
    }
}

/* Begin one. 0, or -errno: it can't be. */
static int connect_to(struct Stream *s) {
    s->fd = socket(s->address.any.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0)
        return -errno;
    if (connect(s->fd, (const struct sockaddr *)&s->address.any, s->address.size) == 0) {
        connected(s);
        return 0;
    }
    s->connecting = errno == EINPROGRESS;
    if (s->connecting) {
        watch(s);
        return 0;
    }
    int e = errno;
    close(s->fd);
    s->fd = -1;
    s->error = e;
    return -e;
}

static void again(void *opaque) {
    struct Stream *s = opaque;
    const struct NetHost *h = &s->d->host;
    if (s->listen_fd >= 0 && s->fd < 0)
        h->ops->watch(h->opaque, s->listen_fd, POLLIN, on_client, s);
    else if (s->listen_fd < 0 && s->fd < 0 && connect_to(s) != 0)
        retry_at(s, s->o->reconnect);
}

/* ---- life ---- */

static int open_descriptor(struct Stream *s, const char *option, char *why, size_t n) {
    int fd = net_address_fd(&s->o->addr, SOCK_STREAM, option, why, n);
    if (fd < 0)
        return fd;
    *(s->o->server ? &s->listen_fd : &s->fd) = fd;
    return 0;
}

static int open_socket(struct Stream *s, const char *option, char *why, size_t n) {
    const struct StreamOptions *o = s->o;
    char where[160];
    if (net_address_is(&o->addr, "fd"))
        return open_descriptor(s, option, why, n);
    int r = net_address_resolve(&o->addr, SOCK_STREAM, o->server, &s->address, option, why, n);
    if (r != 0)
        return r;
    if (o->server)
        return (s->listen_fd = net_address_bind(&s->address, SOCK_STREAM, option, why, n)) < 0 ? s->listen_fd : 0;
    if ((r = connect_to(s)) == 0 || o->reconnect != 0)
        return 0;
    net_address_describe(&o->addr, false, where, sizeof(where));
    return why_set(why, n, r, "%s: nobody is to be connected with at %s: %s; reconnect=SECONDS waits for it", option,
                   where, strerror(-r));
}

int net_stream_open(struct Netdev *d, const struct StreamOptions *o, const char *option, char *why, size_t n) {
    int r = net_address_check(&o->addr, option, "addr", why, n);
    if (r != 0)
        return r;
    if (o->reconnect != 0 && (o->server || net_address_is(&o->addr, "fd")))
        return why_set(why, n, -EINVAL, "%s: reconnect= is for one that connects", option);
    struct Stream *s = calloc(1, sizeof(*s));
    if ((d->state = s) == NULL)
        return why_errno(why, n, -ENOMEM, option);
    s->d = d;
    s->o = o;
    s->listen_fd = s->fd = s->watched = -1;
    if ((s->again = d->host.ops->timer_new(d->host.opaque, again, s)) == NULL)
        return why_errno(why, n, -ENOMEM, option);
    net_end_init(&d->end, d->id, &ops, s, NULL);
    return open_socket(s, option, why, n);
}

int net_stream_start(struct Netdev *d, char *why, size_t n) {
    struct Stream *s = d->state;
    const struct NetHost *h = &d->host;
    s->started = true;
    int r = s->listen_fd >= 0 ? h->ops->watch(h->opaque, s->listen_fd, POLLIN, on_client, s) : 0;
    if (s->listen_fd < 0 && s->fd < 0)
        retry_at(s, s->o->reconnect);
    watch(s);
    return r == 0 ? 0 : why_errno(why, n, r, d->id);
}

void net_stream_close(struct Netdev *d) {
    struct Stream *s = d->state;
    d->host.ops->timer_free(s->again);
    if (s->listen_fd >= 0) {
        d->host.ops->forget(d->host.opaque, s->listen_fd);
        net_address_unlink(&s->address);
        close(s->listen_fd);
    }
    if (s->fd >= 0) {
        d->host.ops->forget(d->host.opaque, s->fd);
        close(s->fd);
    }
    free(s);
    d->state = NULL;
}

void net_stream_describe(const struct Netdev *d, char *text, size_t n) {
    const struct Stream *s = d->state;
    char where[160];
    net_address_describe(&s->o->addr, false, where, sizeof(where));
    snprintf(text, n, "%s,server=%s (%s)", where, s->o->server ? "on" : "off",
             is_connected(s) ? "connected"
             : s->connecting ? "connecting"
             : s->error != 0 ? strerror(s->error)
             : s->o->server  ? "nobody has connected yet"
                             : "not connected");
}

/* ---- -netdev stream ---- */

static int open_stream(struct Netdev *d, char *why, size_t n) {
    return net_stream_open(d, d->options, "-netdev stream", why, n);
}

static const struct NetKey keys[] = {
    {.name = "server", .kind = NET_KEY_SWITCH, .member = offsetof(struct StreamOptions, server)},
    {.name = "reconnect", .kind = NET_KEY_NUMBER, .member = offsetof(struct StreamOptions, reconnect), .most = 86400},
    NET_ADDRESS_KEYS("addr", StreamOptions, addr),
    {0},
};

const struct NetdevKind netdev_stream = {
    .name = "stream",
    .properties = "server=on|off,addr.type=unix|inet|fd,addr.path=PATH,addr.host=HOST,addr.port=PORT,addr.str=FD,"
                  "reconnect=SECONDS",
    .description = "frames over a connection: another guest, passt",
    .keys = keys,
    .options_size = sizeof(struct StreamOptions),
    .open = open_stream,
    .start = net_stream_start,
    .close = net_stream_close,
    .describe = net_stream_describe,
};
