/* SPDX-License-Identifier: MIT */
/*
 * -netdev tap: a network device of the host's, made or taken (Linux's Documentation/networking/tuntap). Frames have
 * virtio's header in front, so that checksums and segmentation are left to whoever is at the end: the host's kernel
 * takes all of it, and is told that it may leave the same to the guest.
 *
 * No script is run: the device is set up by whoever made it.
 */
#include "base/lists.h"
#include "base/why.h"
#include "net/netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { TURN = 64 }; /* frames, before others have a turn */

struct TapOptions {
    const char *ifname, *fd;
};

struct Tap {
    struct Netdev *d;
    int fd;
    char name[IFNAMSIZ];
    bool started, full, header, offloads;
    short watched; /* what the loop waits for; 0 at first */
    uint8_t frame[NET_VIRTIO_HEADER + NET_FRAME_MAX];
};

static void on_ready(void *opaque, int fd, short revents);

static void watch(struct Tap *s) {
    const struct NetHost *h = &s->d->host;
    short events = (short)((s->d->end.held ? 0 : POLLIN) | (s->full ? POLLOUT : 0));
    if (s->started && events != s->watched)
        h->ops->watch(h->opaque, s->fd, s->watched = events, on_ready, s);
}

/* ---- to the host ---- */

static bool can_take(void *opaque) { return !((struct Tap *)opaque)->full; }

static bool take(void *opaque, const struct NetPacket *p) {
    struct Tap *s = opaque;
    struct iovec piece[NET_PIECES + 1];
    uint8_t header[NET_VIRTIO_HEADER];
    unsigned n = 0;
    if (s->header) {
        net_offload_to_virtio(&p->offload, header);
        header[0] &= 1; /* that a checksum is known to be right is for what comes from there alone */
        piece[n++] = (struct iovec){header, sizeof(header)};
    }
    for (unsigned i = 0; i < p->pieces; i++)
        piece[n++] = p->piece[i];
    ssize_t done;
    do
        done = writev(s->fd, piece, (int)n);
    while (done < 0 && errno == EINTR);
    s->full = done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (s->full)
        watch(s);
    else if (done < 0)
        s->d->end.lost++; /* the device is down */
    return !s->full;
}

/* ---- from the host ---- */

/* False: there is none for now. */
static bool read_one(struct Tap *s) {
    ssize_t n = read(s->fd, s->frame, sizeof(s->frame));
    size_t header = s->header ? NET_VIRTIO_HEADER : 0;
    if (n < (ssize_t)header)
        return false;
    size_t bytes = (size_t)n - header;
    struct iovec piece = {s->frame + header, bytes};
    struct NetPacket p = {.piece = &piece, .pieces = 1, .bytes = bytes};
    if (!s->header || net_offload_from_virtio(&p.offload, s->frame, bytes))
        net_send(&s->d->end, &p);
    return true;
}

static void on_ready(void *opaque, int fd, short revents) {
    struct Tap *s = opaque;
    (void)fd;
    if (revents & (POLLIN | POLLERR)) {
        for (unsigned i = 0; i < TURN && net_can_send(&s->d->end) && read_one(s); i++) {
        }
        net_sent(&s->d->end);
    }
    if (s->full && revents & (POLLOUT | POLLERR)) {
        s->full = false;
        net_ready(&s->d->end);
    }
    watch(s);
}

static void ready(void *opaque) { watch(opaque); }

static const struct NetOps ops = {.can_take = can_take, .take = take, .ready = ready};

/* ---- life ---- */

static int open_device(struct Tap *s, const char *name, char *why, size_t n) {
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    if (name != NULL && strlen(name) >= IFNAMSIZ)
        return why_set(why, n, -EINVAL, "-netdev tap: ifname=%s has more than %d characters", name, IFNAMSIZ - 1);
    snprintf(request.ifr_name, IFNAMSIZ, "%s", name != NULL ? name : "tap%d"); /* the kernel counts */
    s->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (s->fd < 0)
        return why_set(why, n, -errno, "-netdev tap: /dev/net/tun: %s", strerror(errno));
    if (ioctl(s->fd, TUNSETIFF, &request) != 0)
        return why_set(why, n, -errno, "-netdev tap: %s: %s%s", request.ifr_name, strerror(errno),
                       errno == EPERM ? "; 'ip tuntap add NAME mode tap user USER' makes one for you" : "");
    snprintf(s->name, sizeof(s->name), "%s", request.ifr_name);
    return 0;
}

static int open_descriptor(struct Tap *s, const char *text, char *why, size_t n) {
    struct ifreq request = {0};
    uint64_t number;
    if (!list_number(text, INT32_MAX, &number) || ioctl((int)number, TUNGETIFF, &request) != 0 ||
        !(request.ifr_flags & IFF_TAP) || !(request.ifr_flags & IFF_NO_PI))
        return why_set(why, n, -EINVAL, "-netdev tap: fd=%s is no tap device without packet information", text);
    s->fd = (int)number;
    s->header = request.ifr_flags & IFF_VNET_HDR;
    snprintf(s->name, sizeof(s->name), "%s", request.ifr_name);
    int flags = fcntl(s->fd, F_GETFL);
    return flags >= 0 && fcntl(s->fd, F_SETFL, flags | O_NONBLOCK) == 0 && fcntl(s->fd, F_SETFD, FD_CLOEXEC) == 0
               ? 0
               : why_set(why, n, -errno, "-netdev tap: fd=%s: %s", text, strerror(errno));
}

/* A header of ten bytes, little-endian on either kind of host, and all that the kernel may leave undone. */
static int set_offloads(struct Tap *s, char *why, size_t n) {
    int size = NET_VIRTIO_HEADER, little = 1;
    if (!s->header)
        return 0;
    if (ioctl(s->fd, TUNSETVNETHDRSZ, &size) != 0 || ioctl(s->fd, TUNSETVNETLE, &little) != 0)
        return why_set(why, n, -errno, "-netdev tap: %s: %s", s->name, strerror(errno));
    s->offloads = ioctl(s->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) == 0;
    net_set_takes(&s->d->end, NET_TAKES_ALL);
    return 0;
}

static int open_tap(struct Netdev *d, char *why, size_t n) {
    const struct TapOptions *o = d->options;
    struct Tap *s = calloc(1, sizeof(*s));
    if ((d->state = s) == NULL)
        return why_errno(why, n, -ENOMEM, "-netdev tap");
    s->d = d;
    s->fd = -1;
    s->header = true;
    net_end_init(&d->end, d->id, &ops, s, NULL);
    if (o->fd != NULL && o->ifname != NULL)
        return why_set(why, n, -EINVAL, "-netdev tap: fd= and ifname= don't go together");
    int r = o->fd != NULL ? open_descriptor(s, o->fd, why, n) : open_device(s, o->ifname, why, n);
    return r != 0 ? r : set_offloads(s, why, n);
}

static int start(struct Netdev *d, char *why, size_t n) {
    struct Tap *s = d->state;
    const struct NetHost *h = &d->host;
    s->started = true;
    int r = h->ops->watch(h->opaque, s->fd, s->watched = POLLIN, on_ready, s);
    return r == 0 ? 0 : why_errno(why, n, r, "-netdev tap");
}

static void close_tap(struct Netdev *d) {
    struct Tap *s = d->state;
    if (s->fd >= 0) {
        d->host.ops->forget(d->host.opaque, s->fd);
        close(s->fd);
    }
    free(s);
    d->state = NULL;
}

static void describe(const struct Netdev *d, char *text, size_t n) {
    const struct Tap *s = d->state;
    snprintf(text, n, "ifname=%s,script=no,downscript=no (%s)", s->name,
             s->offloads ? "offloads"
             : s->header ? "offloads to the host"
                         : "no offloads");
}

static const struct NetKey keys[] = {
    {.name = "ifname", .kind = NET_KEY_TEXT, .member = offsetof(struct TapOptions, ifname)},
    {.name = "fd", .kind = NET_KEY_TEXT, .member = offsetof(struct TapOptions, fd)},
    {.name = "script", .kind = NET_KEY_FIXED, .only = "no"},
    {.name = "downscript", .kind = NET_KEY_FIXED, .only = "no"},
    {.name = "vhost", .kind = NET_KEY_FIXED, .only = "off"},
    {0},
};

const struct NetdevKind netdev_tap = {
    .name = "tap",
    .properties = "ifname=NAME|fd=FD,script=no,downscript=no,vhost=off",
    .description = "a tap device of the host's",
    .keys = keys,
    .options_size = sizeof(struct TapOptions),
    .open = open_tap,
    .start = start,
    .close = close_tap,
    .describe = describe,
};
