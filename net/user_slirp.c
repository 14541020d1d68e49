/* SPDX-License-Identifier: MIT */
/* -netdev user by libslirp: its descriptors and timers in the machine's loop. See user.h. */
#include "base/why.h"
#include "net/user.h"
#include "net/user_options.h"

#include <errno.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    NS_PER_MS = 1000000,
    EVENTS_AT_ONCE = 64,
    REST_PER_REFRESH = 8, /* so many times what one has taken is nothing refreshed for packets of the guest */
};

/* One of libslirp's descriptors. */
struct UserFd {
    uint32_t waits; /* for these events of epoll, as the kernel knows it; 0: not at all */
    uint32_t wants; /* libslirp does, as of the last refresh */
    uint32_t seen;  /* that have happened, for the poll under way */
};

struct User {
    struct Netdev *dev;
    struct UserNetwork network;
    Slirp *slirp; /* NULL: not started */
    int epoll;    /* of all its descriptors, of which the loop sees this one */
    struct NetTimer *timer;
    struct UserFd *fd; /* by descriptor; fds of them */
    unsigned fds;
    bool resting; /* the guest takes no more for now, so the host's descriptors wait */
    bool fresh;   /* it has sockets that no refresh has seen */
    bool late;    /* a refresh has been put off, until: */
    int64_t next; /* ns: not earlier, if it has no fresh sockets */
    uint8_t frame[NET_FRAME_MAX];
};

bool user_is_there(void) { return true; }

/* ---- descriptors ---- */

static bool make_room(struct User *u, int fd) {
    if (fd < 0)
        return false;
    if ((unsigned)fd < u->fds)
        return true;
    unsigned n = ((unsigned)fd + 64) & ~63u;
    struct UserFd *more = realloc(u->fd, n * sizeof(*more));
    if (more == NULL)
        return false;
    memset(more + u->fds, 0, (n - u->fds) * sizeof(*more));
    u->fd = more;
    u->fds = n;
    return true;
}

static void wait_for(struct User *u, int fd, uint32_t events) {
    struct UserFd *f = &u->fd[fd];
    struct epoll_event e = {.events = events, .data.fd = fd};
    if (f->waits == events)
        return;
    if (events == 0) {
        epoll_ctl(u->epoll, EPOLL_CTL_DEL, fd, NULL);
    } else if (epoll_ctl(u->epoll, EPOLL_CTL_MOD, fd, &e) != 0 && epoll_ctl(u->epoll, EPOLL_CTL_ADD, fd, &e) != 0) {
        events = 0; /* tried again by the next refresh */
    }
    f->waits = events;
}

static const struct {
    int slirp;
    uint32_t epoll;
} events_of[] = {{SLIRP_POLL_IN, EPOLLIN},
                 {SLIRP_POLL_OUT, EPOLLOUT},
                 {SLIRP_POLL_PRI, EPOLLPRI},
                 {SLIRP_POLL_ERR, EPOLLERR},
                 {SLIRP_POLL_HUP, EPOLLHUP}};
enum { EVENTS = sizeof(events_of) / sizeof(events_of[0]) };

/* libslirp's SlirpAddPollCb: the descriptor itself is the index. */
static int add_poll(int fd, int events, void *opaque) {
    struct User *u = opaque;
    if (!make_room(u, fd))
        return -1;
    for (unsigned i = 0; i < EVENTS; i++)
        if (events & events_of[i].slirp)
            u->fd[fd].wants |= events_of[i].epoll;
    return fd;
}

/* What has happened, of what it asked for: the kernel tells of hang-ups unasked. */
static int get_revents(int fd, void *opaque) {
    const struct User *u = opaque;
    int events = 0;
    if (fd < 0 || (unsigned)fd >= u->fds)
        return 0;
    for (unsigned i = 0; i < EVENTS; i++)
        if ((u->fd[fd].seen & u->fd[fd].wants & events_of[i].epoll) != 0)
            events |= events_of[i].slirp;
    return events;
}

/* libslirp may want other events after whatever was done with it. It looks at all its sockets then, of which thousands
 * linger (TIME_WAIT) where a guest makes many short connections. */
static void refresh(struct User *u) {
    uint32_t timeout_ms = UINT32_MAX;
    int64_t begun = net_now();
    for (unsigned fd = 0; fd < u->fds; fd++)
        u->fd[fd].wants = 0;
    slirp_pollfds_fill(u->slirp, &timeout_ms, add_poll, u);
    for (unsigned fd = 0; fd < u->fds; fd++)
        wait_for(u, (int)fd, u->fd[fd].wants);
    int64_t now = net_now();
    u->fresh = u->late = false;
    u->next = now + REST_PER_REFRESH * (now - begun);
    u->dev->host.ops->timer_arm(u->timer, timeout_ms == UINT32_MAX ? NET_NEVER : now + (int64_t)timeout_ms * NS_PER_MS);
}

/* After packets of the guest: soon is enough, where looking at all sockets takes long. A new one must not wait. */
static void refresh_soon(struct User *u) {
    if (u->fresh || net_now() >= u->next) {
        refresh(u);
    } else if (!u->late) {
        u->late = true;
        u->dev->host.ops->timer_arm(u->timer, u->next);
    }
}

static void rest(struct User *u, bool resting);

/* All that libslirp does by itself begins here: some of its descriptors are ready, or a time has come. */
static void serve(struct User *u, const struct epoll_event *e, int n) {
    for (int i = 0; i < n; i++)
        u->fd[e[i].data.fd].seen = e[i].events;
    slirp_pollfds_poll(u->slirp, 0, get_revents, u);
    for (int i = 0; i < n; i++)
        u->fd[e[i].data.fd].seen = 0;
    refresh(u);
    net_sent(&u->dev->end);
    if (!net_can_send(&u->dev->end))
        rest(u, true);
}

static void readable(void *opaque, int fd, short revents) {
    struct User *u = opaque;
    struct epoll_event e[EVENTS_AT_ONCE];
    (void)revents;
    int n = epoll_wait(fd, e, EVENTS_AT_ONCE, 0);
    if (n > 0)
        serve(u, e, n);
}

static void time_has_come(void *opaque) { serve(opaque, NULL, 0); }

/* The loop does not look at the descriptors meanwhile; timers go on. */
static void rest(struct User *u, bool resting) {
    if (u->resting != resting)
        u->dev->host.ops->watch(u->dev->host.opaque, u->epoll, resting ? 0 : EPOLLIN, readable, u);
    u->resting = resting;
}

/* ---- what libslirp calls ---- */

static ssize_t send_packet(const void *frame, size_t bytes, void *opaque) {
    struct User *u = opaque;
    const struct iovec piece = {(void *)(uintptr_t)frame, bytes};
    const struct NetPacket p = {&piece, 1, bytes, {.checked = true}}; /* by who has made it just now */
    net_send(&u->dev->end, &p);
    return (ssize_t)bytes;
}

static void guest_error(const char *message, void *opaque) { (void)message, (void)opaque; }

static int64_t clock_ns(void *opaque) {
    (void)opaque;
    return net_now();
}

struct UserTimer {
    struct User *user;
    struct NetTimer *timer;
    SlirpTimerCb fn;
    void *opaque;
};

static void run_timer(void *opaque) {
    struct UserTimer *t = opaque;
    struct User *u = t->user;
    t->fn(t->opaque);
    refresh(u);
    net_sent(&u->dev->end);
}

static void *timer_new(SlirpTimerCb fn, void *fn_opaque, void *opaque) {
    struct UserTimer *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    *t = (struct UserTimer){.user = opaque, .fn = fn, .opaque = fn_opaque};
    const struct NetHost *h = &t->user->dev->host;
    t->timer = h->ops->timer_new(h->opaque, run_timer, t);
    return t;
}

static void timer_free(void *timer, void *opaque) {
    const struct User *u = opaque;
    struct UserTimer *t = timer;
    if (t != NULL)
        u->dev->host.ops->timer_free(t->timer);
    free(t);
}

static void timer_mod(void *timer, int64_t ms, void *opaque) {
    const struct User *u = opaque;
    struct UserTimer *t = timer;
    if (t != NULL && t->timer != NULL)
        u->dev->host.ops->timer_arm(t->timer, ms * NS_PER_MS);
}

/* It is new, whatever has had this number before. */
static void register_fd(int fd, void *opaque) {
    struct User *u = opaque;
    u->fresh = true;
    if (make_room(u, fd))
        u->fd[fd] = (struct UserFd){0};
}

static void unregister_fd(int fd, void *opaque) {
    struct User *u = opaque;
    if (fd < 0 || (unsigned)fd >= u->fds)
        return;
    wait_for(u, fd, 0);
    u->fd[fd] = (struct UserFd){0};
}

static void notify(void *opaque) { (void)opaque; }

static const SlirpCb callbacks = {
    .send_packet = send_packet,
    .guest_error = guest_error,
    .clock_get_ns = clock_ns,
    .timer_new = timer_new,
    .timer_free = timer_free,
    .timer_mod = timer_mod,
    .register_poll_fd = register_fd,
    .unregister_poll_fd = unregister_fd,
    .notify = notify,
};

/* ---- packets from the guest ---- */

static bool take(void *opaque, const struct NetPacket *p) {
    struct User *u = opaque;
    const uint8_t *frame = p->piece[0].iov_base;
    if (u->slirp == NULL)
        return true;
    if (p->pieces != 1) {
        net_copy(p, 0, u->frame, p->bytes);
        frame = u->frame;
    }
    slirp_input(u->slirp, frame, (int)p->bytes);
    return true;
}

static void taken(void *opaque) {
    struct User *u = opaque;
    if (u->slirp != NULL)
        refresh_soon(u);
}

static void ready(void *opaque) { rest(opaque, false); }

/* ---- forwarding ---- */

int user_add_forward(struct Netdev *d, const char *rule, char *why, size_t n) {
    struct User *u = d->state;
    struct UserForward f;
    int r = user_forward_parse(&f, &u->network, rule, why, n);
    if (r != 0)
        return r;
    errno = 0;
    if (slirp_add_hostfwd(u->slirp, f.udp, f.host, f.host_port, f.guest, f.guest_port) < 0)
        return why_set(why, n, errno > 0 ? -errno : -EINVAL, "hostfwd=%s: the host's port can't be had: %s", rule,
                       errno > 0 ? strerror(errno) : "it is forwarded already");
    refresh(u);
    return 0;
}

int user_remove_forward(struct Netdev *d, const char *rule, char *why, size_t n) {
    struct User *u = d->state;
    struct UserForward f;
    int r = user_forward_parse_host(&f, rule, why, n);
    if (r != 0)
        return r;
    if (slirp_remove_hostfwd(u->slirp, f.udp, f.host, f.host_port) < 0)
        return why_set(why, n, -ENOENT, "there is no forwarding of '%s'", rule);
    refresh(u);
    return 0;
}

static int add_guest_forward(struct User *u, const char *rule, char *why, size_t n) {
    struct UserGuestForward f;
    int r = user_guest_forward_parse(&f, rule, why, n);
    if (r != 0)
        return r;
    r = f.command ? slirp_add_exec(u->slirp, f.target, &f.server, f.port)
                  : slirp_add_unix(u->slirp, f.target, &f.server, f.port);
    return r >= 0 ? 0 : why_set(why, n, -EINVAL, "guestfwd=%s: the address is taken, or not in the network net=", rule);
}

static int add_forwards(struct Netdev *d, char *why, size_t n) {
    const struct UserOptions *o = d->options;
    char reason[400] = "";
    int r = 0;
    for (unsigned i = 0; r == 0 && i < o->hostfwd.count; i++)
        r = user_add_forward(d, o->hostfwd.item[i], reason, sizeof(reason));
    for (unsigned i = 0; r == 0 && i < o->guestfwd.count; i++)
        r = add_guest_forward(d->state, o->guestfwd.item[i], reason, sizeof(reason));
    return r == 0 ? 0 : why_set(why, n, r, "-netdev user: %s", reason);
}

/* ---- life ---- */

/* What can be said to be wrong before there is a network. */
static int check(const struct UserOptions *o, const struct UserNetwork *u, char *why, size_t n) {
    struct stat st;
    struct UserForward f;
    struct UserGuestForward g;
    char reason[400] = "";
    int r = 0;
    if (o->tftp != NULL && (stat(o->tftp, &st) != 0 || !S_ISDIR(st.st_mode)))
        return why_set(why, n, -ENOTDIR, "-netdev user: tftp=%s is no folder", o->tftp);
    if (o->hostname != NULL && strlen(o->hostname) > 32)
        return why_set(why, n, -EINVAL, "-netdev user: hostname= has 32 letters at most");
    for (unsigned i = 0; r == 0 && i < o->hostfwd.count; i++)
        r = user_forward_parse(&f, u, o->hostfwd.item[i], reason, sizeof(reason));
    for (unsigned i = 0; r == 0 && i < o->guestfwd.count; i++)
        r = user_guest_forward_parse(&g, o->guestfwd.item[i], reason, sizeof(reason));
    return r == 0 ? 0 : why_set(why, n, r, "-netdev user: %s", reason);
}

int user_open(struct Netdev *d, char *why, size_t n) {
    static const struct NetOps ops = {.take = take, .taken = taken, .ready = ready};
    struct User *u = calloc(1, sizeof(*u));
    if (u == NULL)
        return why_errno(why, n, -ENOMEM, "-netdev user");
    d->state = u;
    u->dev = d;
    u->epoll = -1;
    net_end_init(&d->end, d->id, &ops, u, NULL);
    /* a TCP packet of many segments is to libslirp one of TCP's, as good as many */
    net_set_takes(&d->end, NET_TAKES_TSO4 | NET_TAKES_TSO6 | NET_TAKES_ECN);
    int r = user_network(&u->network, d->options, why, n);
    return r == 0 ? check(d->options, &u->network, why, n) : r;
}

static Slirp *new_slirp(struct User *u) {
    const struct UserOptions *o = u->dev->options;
    const struct UserNetwork *w = &u->network;
    const char *search[NET_LIST_MAX + 1] = {NULL};
    memcpy(search, o->dnssearch.item, o->dnssearch.count * sizeof(search[0]));
    const SlirpConfig config = {
        .version = 1,
        .restricted = o->restricted,
        .in_enabled = w->ipv4,
        .vnetwork = w->net,
        .vnetmask = w->mask,
        .vhost = w->host,
        .in6_enabled = w->ipv6,
        .vprefix_addr6 = w->prefix,
        .vprefix_len = (uint8_t)w->prefix_bits,
        .vhost6 = w->host6,
        .vhostname = o->hostname,
        .tftp_server_name = o->tftp_server_name,
        .tftp_path = o->tftp,
        .bootfile = o->bootfile,
        .vdhcp_start = w->dhcp,
        .vnameserver = w->dns,
        .vnameserver6 = w->dns6,
        .vdnssearch = o->dnssearch.count > 0 ? search : NULL,
        .vdomainname = o->domainname,
    };
    return slirp_new(&config, &callbacks, u);
}

int user_start(struct Netdev *d, char *why, size_t n) {
    struct User *u = d->state;
    u->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (u->epoll < 0)
        return why_errno(why, n, -errno, "-netdev user");
    u->timer = d->host.ops->timer_new(d->host.opaque, time_has_come, u);
    u->slirp = u->timer != NULL ? new_slirp(u) : NULL;
    if (u->slirp == NULL)
        return why_set(why, n, -EINVAL, "-netdev user: libslirp does not take these options");
    int r = d->host.ops->watch(d->host.opaque, u->epoll, EPOLLIN, readable, u);
    if (r != 0)
        return why_errno(why, n, r, "-netdev user");
    r = add_forwards(d, why, n);
    refresh(u);
    return r;
}

void user_close(struct Netdev *d) {
    struct User *u = d->state;
    if (u->slirp != NULL)
        slirp_cleanup(u->slirp);
    d->host.ops->timer_free(u->timer);
    if (u->epoll >= 0)
        close(u->epoll);
    free(u->fd);
    free(u);
}

void user_print(const struct Netdev *d, FILE *f) {
    const struct User *u = d->state;
    char *text = slirp_connection_info(u->slirp);
    fprintf(f, "Hub -1 (%s):\n%s", d->id, text != NULL ? text : "");
    free(text);
}
