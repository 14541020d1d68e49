/* SPDX-License-Identifier: MIT */
/**
 * The event loop: descriptors, timers, and work that other threads post. Nothing else in twin86 waits for host I/O.
 *
 * There is one loop a thread that serves the host. A machine has one in a thread of its own (loop_start): it keeps the
 * guest's time, and through it everything that the host completes enters the machine, as posted work. A session
 * (control/session) has one that whoever calls twin86_session_poll runs: debuggers, monitors, signals, the terminal.
 * They are two so that a guest's timers never wait for how often a program polls, or for how long its handlers take.
 *
 * A loop may have a lock (the machine's): it is held while handlers, timers and posted work are called. What is not
 * marked "any thread" is called with that lock held; of a loop without one, in its thread.
 *
 * Work is posted lock-free and without allocation, so that it can't fail and may be done with any lock held. It is
 * called once, soon after, in the order in which one thread has posted it. A loop that is inactive (a paused machine's)
 * keeps it until it is active again.
 *
 * A handler of a machine's descriptor speaks to the host alone. What it has for the guest it posts: with CLOCK_ICOUNT
 * posted work is done in the vCPU's thread, between two instructions (loop_divert), and a run repeats given the same
 * work at the same instruction counts. That one door is where a recording would stand.
 */
#ifndef TWIN86_MACHINE_LOOP_H
#define TWIN86_MACHINE_LOOP_H

#include "devices/clock.h"
#include "sandbox/sandbox.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct Loop;

/** `revents` as poll(2) gives them: may hold POLLHUP and POLLERR that nobody asked for. A handler may add, modify and
 *  remove any descriptor, its own included. */
typedef void LoopHandler(void *opaque, int fd, short revents);

/** Something to call soon. Part of its owner, initialised once by loop_work_init; no copies. */
struct LoopWork {
    struct LoopWork *next;
    void (*fn)(void *opaque);
    void *opaque;
    _Atomic bool posted;
};

static inline void loop_work_init(struct LoopWork *w, void (*fn)(void *opaque), void *opaque) {
    w->next = NULL;
    w->fn = fn;
    w->opaque = opaque;
    atomic_init(&w->posted, false);
}

#define LOOP_NEVER INT64_MAX

/** A one-shot timer on the host's clock; those on the guest's are struct Timer (devices/clock.h). */
struct LoopTimer {
    struct LoopTimer *next;
    void (*fn)(void *opaque);
    void *opaque;
    int64_t deadline; /* as loop_now; LOOP_NEVER: not armed */
    uint64_t order;
};

static inline void loop_timer_init(struct LoopTimer *t, void (*fn)(void *opaque), void *opaque) {
    *t = (struct LoopTimer){.fn = fn, .opaque = opaque, .deadline = LOOP_NEVER};
}

/** Whose fields are the loop's own. */
struct Loop {
    pthread_mutex_t *lock; /* or NULL */
    struct Clock *clock;   /* whose timers it runs; NULL: none */
    int epoll_fd, timer_fd, event_fd;
    struct LoopFd *fds;
    struct LoopTimer *timers;        /* armed ones, earliest first */
    uint64_t order;                  /* how many were armed so far */
    struct LoopWork *_Atomic posted; /* newest first */
    struct LoopWork *taken;          /* oldest first */
    void (*divert)(void *opaque);
    void *divert_opaque;
    int64_t armed; /* what timer_fd is set to, as loop_now, at the latest what is due first; LOOP_NEVER: nothing */
    bool open, active, started;
    bool in_round; /* its handlers are called */
    struct Sandbox *sandbox; /* NULL: none */
    bool inside;             /* the loop's thread is locked in */
    pthread_t thread;
    _Atomic bool quit;
};

/* ---- life ---- */

/** Make one, active. `lock` may be NULL. 0 or -errno; loop_destroy is then not needed. */
int loop_init(struct Loop *l, pthread_mutex_t *lock);
/** End the thread if there is one, and forget all descriptors, timers and work. The lock is not held. Does nothing on a
 *  zeroed struct. */
void loop_destroy(struct Loop *l);

/** Run it in a thread of its own from now on. 0 or -errno. */
int loop_start(struct Loop *l);
/** End that thread. The lock is not held. Nothing happens without one. */
void loop_stop(struct Loop *l);
/** One round: wait until there is something to do, or for `timeout_us` (negative: for ever, else at least as long), and
 *  do it. For a loop without a thread; the lock is not held. Not from a handler. */
void loop_run_once(struct Loop *l, int64_t timeout_us);

/** Run this clock's timers, too, while active. Before loop_start. */
void loop_set_clock(struct Loop *l, struct Clock *clock);
/** The clock's notify function, for clock_set_notify: `opaque` is the loop. */
void loop_deadline_changed(void *opaque);
/** The loop's thread locks itself in, as SANDBOX_LOOP, when this is closed. Before loop_start. */
void loop_set_sandbox(struct Loop *l, struct Sandbox *sandbox);
/** Serve posted work and the clock's timers, or let them wait. */
void loop_set_active(struct Loop *l, bool active);

/* ---- descriptors ---- */

/** Call `handler` when `fd` is ready for `events` (POLLIN, POLLOUT; 0: for nothing for now). What can't be waited for,
 * a plain file, is always ready. A second call for the same fd replaces what was said. 0, or -errno: -ENOMEM, -EBADF.
 */
int loop_add_fd(struct Loop *l, int fd, short events, LoopHandler *handler, void *opaque);
/** Wait for these events from now on. 0; -ENOENT: it was not added; -errno. */
int loop_modify_fd(struct Loop *l, int fd, short events);
/** Forget it, before it is closed: its handler is not called any more, not even for what has been seen already. Nothing
 *  happens when it was not added. */
void loop_remove_fd(struct Loop *l, int fd);

/* ---- timers ---- */

/** The host's monotonic clock in ns. Any thread. */
int64_t loop_now(void);
/** Call its function at `deadline`, instead of when it was armed for; LOOP_NEVER: not at all. */
void loop_timer_arm(struct Loop *l, struct LoopTimer *t, int64_t deadline);

/* ---- work ---- */

/** Call its function soon; once, when that has been asked for already and not begun. Any thread, any lock held. */
void loop_post(struct Loop *l, struct LoopWork *w);
/** It waits to be called. Any thread. */
static inline bool loop_posted(const struct LoopWork *w) { return atomic_load(&w->posted); }
/** Forget it, before its owner is freed. No other thread may be about to post it. */
void loop_cancel(struct Loop *l, struct LoopWork *w);
/** From now on posted work waits for loop_run_posted, which `fn` has called in another thread. Before loop_start; `fn`
 *  is called by any thread with any lock held. */
void loop_divert(struct Loop *l, void (*fn)(void *opaque), void *opaque);
/** Do what has been posted. */
void loop_run_posted(struct Loop *l);

#endif
