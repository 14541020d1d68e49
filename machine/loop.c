/* SPDX-License-Identifier: MIT */
/* See loop.h. A descriptor that is removed stays in the list, without a number, until the loop's thread has called all
 * handlers of its round: what epoll has said of it never reaches a newer one of the same number. */
#include "machine/loop.h"

#include "cpu/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_A_ROUND = 32 };

_Static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLERR == EPOLLERR && POLLHUP == EPOLLHUP, "events");

struct LoopFd {
    struct LoopFd *next;
    int fd;       /* -1: removed */
    short events; /* 0: epoll does not know it, or it would tell of POLLHUP again and again */
    bool in_epoll;
    bool always; /* epoll does not take it: as poll(2) has it, it is always ready */
    bool told;   /* always: in this round */
    LoopHandler *handler;
    void *opaque;
};

int64_t loop_now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

static void lock(struct Loop *l) {
    if (l->lock != NULL)
        pthread_mutex_lock(l->lock);
}

static void unlock(struct Loop *l) {
    if (l->lock != NULL)
        pthread_mutex_unlock(l->lock);
}

static void wake(struct Loop *l) {
    uint64_t one = 1;
    while (write(l->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

/* ---- timers ---- */

/* Set timer_fd to what is due first, or leave it earlier: deadlines mostly move away (TCP's, a guest's ticks), and
 * waking up once for nothing is cheaper than telling the kernel of each. A round does it once, at its end. */
static void arm(struct Loop *l) {
    if (l->in_round)
        return;
    int64_t due = l->timers != NULL ? l->timers->deadline : LOOP_NEVER;
    if (l->clock != NULL && l->active) {
        int64_t guest = clock_to_host(l->clock, clock_deadline(l->clock));
        due = guest < due ? guest : due;
    }
    if (due >= l->armed)
        return;
    l->armed = due;
    due = due < 1 ? 1 : due; /* 0 would disarm */
    struct itimerspec t = {.it_value = {.tv_sec = due / NS_PER_SEC, .tv_nsec = due % NS_PER_SEC}};
    timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
}

static void unlink_timer(struct Loop *l, struct LoopTimer *t) {
    struct LoopTimer **link = &l->timers;
    while (*link != NULL && *link != t)
        link = &(*link)->next;
    if (*link != NULL)
        *link = t->next;
    t->deadline = LOOP_NEVER;
}

void loop_timer_arm(struct Loop *l, struct LoopTimer *t, int64_t deadline) {
    if (t->deadline != LOOP_NEVER)
        unlink_timer(l, t);
    if (deadline != LOOP_NEVER) {
        struct LoopTimer **link = &l->timers;
        while (*link != NULL && (*link)->deadline <= deadline)
            link = &(*link)->next;
        t->deadline = deadline;
        t->order = l->order++;
        t->next = *link;
        *link = t;
    }
    arm(l);
}

/* The first one that is due and was armed before `order`. */
static struct LoopTimer *due_timer(const struct Loop *l, int64_t now, uint64_t order) {
    struct LoopTimer *t = l->timers;
    while (t != NULL && t->deadline <= now && t->order >= order)
        t = t->next;
    return t != NULL && t->deadline <= now ? t : NULL;
}

/* Those that are due now; one that is armed meanwhile waits for the next round, or it could hold the loop. */
static void run_timers(struct Loop *l) {
    int64_t now = loop_now();
    uint64_t order = l->order;
    for (struct LoopTimer *t; (t = due_timer(l, now, order)) != NULL;) {
        unlink_timer(l, t);
        t->fn(t->opaque);
    }
    if (l->clock != NULL && l->active)
        clock_run(l->clock);
}

void loop_deadline_changed(void *opaque) { arm(opaque); }

void loop_set_clock(struct Loop *l, struct Clock *clock) { l->clock = clock; }

void loop_set_sandbox(struct Loop *l, struct Sandbox *sandbox) { l->sandbox = sandbox; }

void loop_set_active(struct Loop *l, bool active) {
    l->active = active;
    arm(l);
    if (active && l->divert == NULL)
        wake(l);
}

/* ---- work ---- */

void loop_post(struct Loop *l, struct LoopWork *w) {
    if (atomic_exchange(&w->posted, true))
        return;
    w->next = atomic_load(&l->posted);
    while (!atomic_compare_exchange_weak(&l->posted, &w->next, w))
        ;
    if (l->divert != NULL)
        l->divert(l->divert_opaque);
    else
        wake(l);
}

/* Put what has been posted behind what was taken before, in its order. */
static void take_posted(struct Loop *l) {
    struct LoopWork *newest = atomic_exchange(&l->posted, NULL), *oldest = NULL, **end = &l->taken;
    while (newest != NULL) {
        struct LoopWork *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (*end != NULL)
        end = &(*end)->next;
    *end = oldest;
}

void loop_run_posted(struct Loop *l) {
    take_posted(l); /* and not what is posted by what follows: a work that posts itself would hold us */
    while (l->taken != NULL) {
        struct LoopWork *w = l->taken;
        l->taken = w->next;
        atomic_store(&w->posted, false); /* from here on it may be posted again */
        w->fn(w->opaque);
    }
}

void loop_cancel(struct Loop *l, struct LoopWork *w) {
    take_posted(l);
    struct LoopWork **link = &l->taken;
    while (*link != NULL && *link != w)
        link = &(*link)->next;
    if (*link != NULL)
        *link = w->next;
    atomic_store(&w->posted, false);
}

void loop_divert(struct Loop *l, void (*fn)(void *opaque), void *opaque) {
    l->divert = fn;
    l->divert_opaque = opaque;
}

/* ---- descriptors ---- */

static struct LoopFd *find(struct Loop *l, int fd) {
    struct LoopFd *f = l->fds;
    while (f != NULL && f->fd != fd)
        f = f->next;
    return f;
}

/* Tell epoll what is wanted now. */
static int set_events(struct Loop *l, struct LoopFd *f, short events) {
    struct epoll_event ev = {.events = (uint32_t)events, .data.ptr = f};
    int op = events == 0 ? EPOLL_CTL_DEL : f->in_epoll ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (!f->always && (events != 0 || f->in_epoll) && epoll_ctl(l->epoll_fd, op, f->fd, &ev) != 0) {
        if (errno != EPERM)
            return -errno;
        f->always = true;
    }
    f->in_epoll = !f->always && events != 0;
    f->events = events;
    return 0;
}

int loop_add_fd(struct Loop *l, int fd, short events, LoopHandler *handler, void *opaque) {
    if (fd < 0)
        return -EBADF;
    struct LoopFd *f = find(l, fd), *made = NULL;
    if (f == NULL && (f = made = calloc(1, sizeof(*f))) == NULL)
        return -ENOMEM;
    f->fd = fd;
    f->handler = handler;
    f->opaque = opaque;
    int r = set_events(l, f, events);
    if (made == NULL)
        return r;
    if (r != 0) {
        free(made);
        return r;
    }
    f->next = l->fds;
    l->fds = f;
    if (f->always && l->started)
        wake(l); /* epoll won't say that it is ready */
    return 0;
}

int loop_modify_fd(struct Loop *l, int fd, short events) {
    struct LoopFd *f = fd >= 0 ? find(l, fd) : NULL;
    if (f == NULL)
        return -ENOENT;
    if (f->events == events)
        return 0;
    int r = set_events(l, f, events);
    if (f->always && l->started)
        wake(l);
    return r;
}

void loop_remove_fd(struct Loop *l, int fd) {
    struct LoopFd *f = fd >= 0 ? find(l, fd) : NULL;
    if (f == NULL)
        return;
    set_events(l, f, 0);
    f->fd = -1;
}

/* Free what was removed. True: something is always ready. */
static bool sweep(struct Loop *l) {
    bool ready = false;
    for (struct LoopFd **link = &l->fds; *link != NULL;) {
        struct LoopFd *f = *link;
        if (f->fd < 0) {
            *link = f->next;
            free(f);
            continue;
        }
        ready |= f->always && f->events != 0;
        f->told = false;
        link = &f->next;
    }
    return ready;
}

static void tell(struct LoopFd *f, short revents) {
    revents &= f->events | POLLERR | POLLHUP; /* what was wanted may have changed in this round */
    if (f->fd >= 0 && f->events != 0 && revents != 0)
        f->handler(f->opaque, f->fd, revents);
}

/* A handler may change the list: begin anew after each. */
static void tell_always(struct Loop *l) {
    struct LoopFd *f;
    do {
        for (f = l->fds; f != NULL && !(f->always && !f->told); f = f->next)
            ;
        if (f != NULL) {
            f->told = true;
            tell(f, f->events);
        }
    } while (f != NULL);
}

/* ---- rounds ---- */

static int wait_ms(int64_t timeout_us) {
    if (timeout_us < 0)
        return -1;
    int64_t ms = timeout_us / 1000 + (timeout_us % 1000 != 0);
    return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

void loop_run_once(struct Loop *l, int64_t timeout_us) {
    struct epoll_event ev[EVENTS_A_ROUND];
    lock(l);
    bool ready = sweep(l);
    unlock(l);
    int n = epoll_wait(l->epoll_fd, ev, EVENTS_A_ROUND, ready ? 0 : wait_ms(timeout_us));
    if (sandbox_enter(l->sandbox, SANDBOX_LOOP, &l->inside) != 0)
        return;
    lock(l);
    l->in_round = true;
    for (int i = 0; i < n; i++)
        if (ev[i].data.ptr == &l->timer_fd)
            l->armed = LOOP_NEVER;
    if (l->active && l->divert == NULL)
        loop_run_posted(l);
    run_timers(l);
    for (int i = 0; i < n; i++)
        if (ev[i].data.ptr != &l->event_fd && ev[i].data.ptr != &l->timer_fd)
            tell(ev[i].data.ptr, (short)ev[i].events);
    if (ready)
        tell_always(l);
    l->in_round = false;
    arm(l);
    unlock(l);
}

static void *thread_main(void *arg) {
    struct Loop *l = arg;
    pthread_setname_np(pthread_self(), "event loop");
    while (!atomic_load(&l->quit))
        loop_run_once(l, -1);
    return NULL;
}

/* ---- life ---- */

/* Each write, each time that comes, is told once: nobody need read them empty. */
static int watch_own(struct Loop *l, int *fd) {
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.ptr = fd};
    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, *fd, &ev) != 0 ? -errno : 0;
}

static void close_own(struct Loop *l) {
    int fds[] = {l->epoll_fd, l->timer_fd, l->event_fd};
    for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    l->epoll_fd = l->timer_fd = l->event_fd = -1; /* a late post must not reach what else gets the number */
    l->open = false;
}

int loop_init(struct Loop *l, pthread_mutex_t *lock) {
    *l = (struct Loop){.lock = lock, .armed = LOOP_NEVER, .active = true};
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    l->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = l->epoll_fd < 0 || l->timer_fd < 0 || l->event_fd < 0 ? -errno : 0;
    if (r == 0 && (r = watch_own(l, &l->timer_fd)) == 0)
        r = watch_own(l, &l->event_fd);
    if (r != 0)
        close_own(l);
    else
        l->open = true;
    return r;
}

int loop_start(struct Loop *l) {
    l->started = true;
    int r = thread_start(&l->thread, thread_main, l);
    if (r != 0)
        l->started = false;
    return r;
}

void loop_stop(struct Loop *l) {
    if (!l->started)
        return;
    atomic_store(&l->quit, true);
    wake(l);
    pthread_join(l->thread, NULL);
    l->started = false;
    atomic_store(&l->quit, false);
}

void loop_destroy(struct Loop *l) {
    if (!l->open)
        return;
    loop_stop(l);
    for (struct LoopFd *f = l->fds; f != NULL; f = f->next)
        f->fd = -1;
    sweep(l);
    close_own(l);
}
