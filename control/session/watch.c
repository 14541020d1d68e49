/* SPDX-License-Identifier: MIT */
/* See watch.h. A watch that is removed while handlers are called stays in the list, without a descriptor, until they
 * have been: what was polled for a descriptor never reaches a newer watch of the same number. */
#include "control/session/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

struct Watch {
    struct Watch *next;
    int fd; /* -1: removed */
    short events;
    WatchHandler *handler;
    void *opaque;
};

static struct Watch *find(struct Watches *w, int fd) {
    struct Watch *i = w->first;
    while (i != NULL && i->fd != fd)
        i = i->next;
    return i;
}

int watches_set(struct Watches *w, int fd, short events, WatchHandler *handler, void *opaque) {
    struct Watch *watch = find(w, fd);
    if (watch == NULL) {
        if ((watch = calloc(1, sizeof(*watch))) == NULL)
            return -ENOMEM;
        watch->next = w->first;
        w->first = watch;
    }
    watch->fd = fd;
    watch->events = events;
    watch->handler = handler;
    watch->opaque = opaque;
    return 0;
}

void watches_remove(struct Watches *w, int fd) {
    struct Watch *watch = fd >= 0 ? find(w, fd) : NULL;
    if (watch != NULL)
        watch->fd = -1;
}

/* Free what was removed; the number of those that are left. */
static size_t sweep(struct Watches *w) {
    size_t n = 0;
    for (struct Watch **link = &w->first; *link != NULL;) {
        struct Watch *i = *link;
        if (i->fd >= 0) {
            n++;
            link = &i->next;
        } else {
            *link = i->next;
            free(i);
        }
    }
    return n;
}

static int make_room(struct Watches *w, size_t n) {
    if (n <= w->room)
        return 0;
    size_t room = n + 16;
    struct pollfd *poll = realloc(w->poll, room * sizeof(*poll));
    if (poll == NULL)
        return -ENOMEM;
    w->poll = poll;
    struct Watch **polled = realloc(w->polled, room * sizeof(*polled));
    if (polled == NULL)
        return -ENOMEM;
    w->polled = polled;
    w->room = room;
    return 0;
}

int watches_poll(struct Watches *w, int64_t timeout_us) {
    size_t n = 0;
    int r = make_room(w, sweep(w));
    if (r != 0)
        return r;
    for (struct Watch *i = w->first; i != NULL; i = i->next, n++) {
        w->poll[n] = (struct pollfd){.fd = i->events != 0 ? i->fd : -1, .events = i->events};
        w->polled[n] = i;
    }
    struct timespec timeout = {.tv_sec = timeout_us / 1000000, .tv_nsec = timeout_us % 1000000 * 1000};
    if (ppoll(w->poll, n, timeout_us < 0 ? NULL : &timeout, NULL) <= 0)
        return 0; /* the time is up, or a signal came */
    for (size_t i = 0; i < n; i++) {
        struct Watch *watch = w->polled[i];
        if (w->poll[i].revents != 0 && watch->fd >= 0)
            watch->handler(watch->opaque, watch->fd, w->poll[i].revents);
    }
    return 0;
}

void watches_destroy(struct Watches *w) {
    for (struct Watch *i = w->first; i != NULL; i = i->next)
        i->fd = -1;
    sweep(w);
    free(w->poll);
    free(w->polled);
    *w = (struct Watches){0};
}
