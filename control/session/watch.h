/* SPDX-License-Identifier: MIT */
/** Descriptors and what to call when they are ready: poll(2) with handlers. One thread. */
#ifndef TWIN86_DEBUG_SESSION_WATCH_H
#define TWIN86_DEBUG_SESSION_WATCH_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** `revents` as poll(2) gives them: may hold POLLHUP and POLLERR that nobody asked for. A handler may set and remove
 *  any watch, its own included. */
typedef void WatchHandler(void *opaque, int fd, short revents);

/** Zero-initialise. */
struct Watches {
    struct Watch *first;
    struct pollfd *poll;
    struct Watch **polled; /* the watch of each poll[i] */
    size_t room;
};

/** Watch `fd` for POLLIN, POLLOUT, or with 0 for nothing for now; a second call for the same fd replaces the first.
 *  0 or -ENOMEM. */
int watches_set(struct Watches *w, int fd, short events, WatchHandler *handler, void *opaque);
/** Forget `fd`; before it is closed. Nothing happens when it is not watched. */
void watches_remove(struct Watches *w, int fd);
/** Wait until something is ready, or for `timeout_us` (negative: for ever), and call the handlers. Not from a handler.
 *  0 or -ENOMEM. */
int watches_poll(struct Watches *w, int64_t timeout_us);
void watches_destroy(struct Watches *w);

#endif
