/* SPDX-License-Identifier: MIT */
/* Host time and host input. See mainloop.h. */
#include "machine/mainloop.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Set the timerfd to the clock's earliest deadline; virtual and host nanoseconds run alike. */
static void arm(struct MainLoop *l) {
    struct itimerspec t = {0};
    int64_t deadline = l->active ? clock_deadline(l->clock) : CLOCK_NEVER;
    if (deadline != CLOCK_NEVER) {
        int64_t ns = deadline - clock_now(l->clock);
        if (ns < 1)
            ns = 1; /* 0 would disarm */
        t.it_value.tv_sec = ns / NS_PER_SEC;
        t.it_value.tv_nsec = ns % NS_PER_SEC;
    }
    timerfd_settime(l->timer_fd, 0, &t, NULL);
}

void main_loop_deadline_changed(void *opaque) { arm(opaque); }

static void drain(int fd) {
    uint64_t count;
    while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
}

static void *loop_main(void *arg) {
    struct MainLoop *l = arg;
    while (!atomic_load(&l->quit)) {
        struct epoll_event ev[2];
        int n = epoll_wait(l->epoll_fd, ev, 2, -1);
        for (int i = 0; i < n; i++)
            drain(ev[i].data.fd);
        pthread_mutex_lock(l->lock);
        if (l->active) {
            l->work(l->opaque);
            clock_run(l->clock);
        }
        arm(l);
        pthread_mutex_unlock(l->lock);
    }
    return NULL;
}

static int add(struct MainLoop *l, int fd) {
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static void close_all(struct MainLoop *l) {
    int fds[] = {l->epoll_fd, l->timer_fd, l->event_fd};
    for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

int main_loop_start(struct MainLoop *l, struct Clock *clock, pthread_mutex_t *lock, void (*work)(void *opaque),
                    void *opaque) {
    *l = (struct MainLoop){.clock = clock, .lock = lock, .work = work, .opaque = opaque};
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    l->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = 0;
    if (l->epoll_fd < 0 || l->timer_fd < 0 || l->event_fd < 0)
        r = -errno;
    if (r == 0)
        r = add(l, l->timer_fd);
    if (r == 0)
        r = add(l, l->event_fd);
    if (r == 0)
        r = -pthread_create(&l->thread, NULL, loop_main, l);
    if (r != 0) {
        close_all(l);
        memset(l, 0, sizeof(*l));
        return r;
    }
    l->started = true;
    return 0;
}

void main_loop_stop(struct MainLoop *l) {
    if (!l->started)
        return;
    atomic_store(&l->quit, true);
    main_loop_wake(l);
    pthread_join(l->thread, NULL);
    close_all(l);
    l->started = false;
}

void main_loop_set_active(struct MainLoop *l, bool active) {
    if (!l->started)
        return;
    l->active = active;
    arm(l);
    if (active)
        main_loop_wake(l);
}

void main_loop_wake(struct MainLoop *l) {
    uint64_t one = 1;
    while (write(l->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}
