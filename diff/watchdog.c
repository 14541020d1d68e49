/* SPDX-License-Identifier: MIT */
#include "diff/watchdog.h"

#include "accel/accel.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

struct Watchdog {
    struct CPUState *cpu;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool armed, fired, quit;
    struct timespec until;
};

/** Wait for the time of a case that runs. The lock is held. */
static void guard(struct Watchdog *w) {
    const struct timespec until = w->until;
    while (w->armed && !w->quit && until.tv_sec == w->until.tv_sec && until.tv_nsec == w->until.tv_nsec)
        if (pthread_cond_timedwait(&w->changed, &w->lock, &until) == ETIMEDOUT)
            break;
    bool same = until.tv_sec == w->until.tv_sec && until.tv_nsec == w->until.tv_nsec;
    if (!w->armed || w->quit || !same)
        return;
    w->fired = true;
    while (w->armed && !w->quit) { /* a kick may come before the engine is there */
        atomic_fetch_or(&w->cpu->events, CPU_EVENT_LEAVE);
        w->cpu->accel->ops->kick(w->cpu);
        struct timespec soon;
        clock_gettime(CLOCK_MONOTONIC, &soon);
        soon.tv_sec++;
        pthread_cond_timedwait(&w->changed, &w->lock, &soon);
    }
}

static void *watch(void *opaque) {
    struct Watchdog *w = opaque;
    pthread_mutex_lock(&w->lock);
    while (!w->quit) {
        if (w->armed)
            guard(w);
        else
            pthread_cond_wait(&w->changed, &w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

struct Watchdog *watchdog_new(struct CPUState *cpu) {
    struct Watchdog *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return NULL;
    w->cpu = cpu;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&w->thread, NULL, watch, w) == 0)
        return w;
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->changed);
    free(w);
    return NULL;
}

void watchdog_free(struct Watchdog *w) {
    if (w == NULL)
        return;
    pthread_mutex_lock(&w->lock);
    w->quit = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->changed);
    free(w);
}

void watchdog_start(struct Watchdog *w, unsigned seconds) {
    pthread_mutex_lock(&w->lock);
    bool waits = w->armed;
    clock_gettime(CLOCK_MONOTONIC, &w->until);
    w->until.tv_sec += seconds;
    w->armed = true;
    w->fired = false;
    if (!waits)
        pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

bool watchdog_stop(struct Watchdog *w) {
    pthread_mutex_lock(&w->lock);
    w->armed = false;
    bool fired = w->fired;
    if (fired) {
        pthread_cond_signal(&w->changed);
        atomic_fetch_and(&w->cpu->events, ~(uint32_t)CPU_EVENT_LEAVE);
    }
    pthread_mutex_unlock(&w->lock);
    return fired;
}
