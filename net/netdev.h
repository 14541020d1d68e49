/* SPDX-License-Identifier: MIT */
/**
 * Host ends of networks: -netdev KIND,id=ID,... in QEMU's syntax. netdev.c has the list of kinds; each is one struct
 * NetdevKind in a file of its own (user.c, ...), with a table of the keys that its option has (options.h).
 *
 * A host end is opened with its machine, before there is a loop (open: whatever can fail; nothing moves yet), and
 * started when the machine's loop serves it (start: descriptors and timers from here on). Nothing that it does waits:
 * sockets are non-blocking, and what it can't send it refuses (NetOps.can_take) until its descriptor is ready. While
 * net_can_send is false it reads no more from the host.
 *
 * All functions but those of opening and closing: machine lock held.
 */
#ifndef TWIN86_NET_NETDEV_H
#define TWIN86_NET_NETDEV_H

#include "net/net.h"
#include "net/options.h"

#include <stdio.h>

/** A timer of the machine's loop, on the host's monotonic clock. */
struct NetTimer;
typedef void NetTimerFn(void *opaque);
/** `revents` as poll(2) gives them, POLLERR and POLLHUP included. */
typedef void NetFdFn(void *opaque, int fd, short revents);
#define NET_NEVER INT64_MAX

/** The machine's loop, for host ends (machine/loop.h has the rules). `opaque` is struct NetHost's. */
struct NetHostOps {
    /** Call `fn` when `fd` is ready for `events` of poll(2), 0 for nothing for now; again: changes that. 0 or -errno.
     */
    int (*watch)(void *opaque, int fd, short events, NetFdFn *fn, void *fn_opaque);
    /** Before `fd` is closed. */
    void (*forget)(void *opaque, int fd);
    struct NetTimer *(*timer_new)(void *opaque, NetTimerFn *fn, void *fn_opaque); /* NULL: no memory */
    /** Call it once at `deadline`, ns on CLOCK_MONOTONIC; NET_NEVER: not at all. */
    void (*timer_arm)(struct NetTimer *t, int64_t deadline);
    void (*timer_free)(struct NetTimer *t);
};
struct NetHost {
    const struct NetHostOps *ops;
    void *opaque;
};

/** ns on CLOCK_MONOTONIC. Any thread. */
int64_t net_now(void);

enum { NETDEV_QUEUES_MAX = 8 };

struct Netdev {
    struct NetEnd end; /* its name is the id; opened by `open` with net_end_init */
    struct Netdev *next;
    const struct NetdevKind *kind;
    struct NetHost host;
    void *options;   /* what the kind's keys have set; strings live as long as this */
    void *state;     /* the kind's own */
    uint64_t queues; /* queues=: how many pairs a card with several may use; 0: was not said */
    char *text, *id;
};

/** A kind of host end. */
struct NetdevKind {
    const char *name;        /* "user" */
    const char *properties;  /* "net=ADDR/BITS,restrict=on|off,...", for help */
    const char *description; /* in a few words */
    const struct NetKey *keys;
    size_t options_size; /* bytes of the struct that the keys set */
    /** Before the keys are read: defaults that are not zero. May be NULL. */
    void (*defaults)(void *options);
    /** Make d->end with net_end_init(&d->end, d->id, ...) and d->state. 0, or -errno with `why`; `close` follows. */
    int (*open)(struct Netdev *d, char *why, size_t n);
    /** The loop serves it from now on. 0 or -errno with `why`. May be NULL. */
    int (*start)(struct Netdev *d, char *why, size_t n);
    /** Close it; the loop has ended, and with it what it watched, or has not begun. d->state may be NULL. */
    void (*close)(struct Netdev *d);
    /** What `info network` tells of it: "net=10.0.2.0,restrict=off". */
    void (*describe)(const struct Netdev *d, char *text, size_t n);
};

/** Kind 0, 1, ... until NULL. */
const struct NetdevKind *netdev_kind(unsigned index);

/** Open "KIND,id=ID,..." (or "type=KIND,..."). `id` is the name where the text has none, NULL: it must have one.
 * `option` is what messages begin with: "-netdev". 0 and *d, or -errno with `why`. */
int netdev_open(struct Netdev **d, const char *option, const char *text, const char *id, const struct NetHost *host,
                char *why, size_t n);
/** As NetdevKind.start. */
int netdev_start(struct Netdev *d, char *why, size_t n);
/** NULL is allowed. */
void netdev_close(struct Netdev *d);

/* ---- kinds ---- */

extern const struct NetdevKind netdev_user;   /* user.c */
extern const struct NetdevKind netdev_stream; /* stream.c */
extern const struct NetdevKind netdev_dgram;  /* dgram.c */
extern const struct NetdevKind netdev_socket; /* socket.c */
extern const struct NetdevKind netdev_tap;    /* tap.c */

#endif
