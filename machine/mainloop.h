/* SPDX-License-Identifier: MIT */
/**
 * The main loop: the thread that serves host time and host input for a machine whose clock is CLOCK_HOST. It sleeps in
 * epoll on a timerfd (the clock's earliest deadline) and an eventfd (work), and does both with the machine lock held.
 */
#ifndef TWIN86_MACHINE_MAINLOOP_H
#define TWIN86_MACHINE_MAINLOOP_H

#include "devices/clock.h"

#include <pthread.h>
#include <stdatomic.h>

struct MainLoop {
    struct Clock *clock;
    pthread_mutex_t *lock;
    void (*work)(void *opaque);
    void *opaque;
    pthread_t thread;
    int epoll_fd, timer_fd, event_fd;
    bool started;
    bool active; /* under the machine lock: timers and work are served */
    _Atomic bool quit;
};

/** Start the thread, inactive. `work` is called (lock held) after each main_loop_wake and when the loop becomes active.
 *  0, or -errno; main_loop_stop is then not needed. */
int main_loop_start(struct MainLoop *l, struct Clock *clock, pthread_mutex_t *lock, void (*work)(void *opaque),
                    void *opaque);
/** End and join the thread. Lock not held. Does nothing on a zeroed struct. */
void main_loop_stop(struct MainLoop *l);
/** Serve timers and work, or let them wait (while the machine is paused). Lock held. */
void main_loop_set_active(struct MainLoop *l, bool active);
/** Call `work` soon. Any thread. */
void main_loop_wake(struct MainLoop *l);
/** The clock's notify function: `opaque` is the loop. */
void main_loop_deadline_changed(void *opaque);

#endif
