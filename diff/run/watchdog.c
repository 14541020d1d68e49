/* SPDX-License-Identifier: MIT */
#include "diff/run/watchdog.h"

#include "accel/accel.h"

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

static bool past(const struct timespec *a, const struct timespec *b) {
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec >= b->tv_nsec;
}

/** Looks every second, so that cases need not wake it. */
static void *watch(void *opaque) {
    struct Watchdog *w = opaque;
    pthread_mutex_lock(&w->lock);
    while (!w->quit) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (w->armed && past(&now, &w->until)) { /* again and again: a kick may come before the engine is there */
            w->fired = true;
            atomic_fetch_or(&w->cpu->events, CPU_EVENT_LEAVE);
            w->cpu->accel->ops->kick(w->cpu);
        }
        now.tv_sec++;
        pthread_cond_timedwait(&w->changed, &w->lock, &now);
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
    clock_gettime(CLOCK_MONOTONIC, &w->until);
    w->until.tv_sec += seconds;
    w->armed = true;
    w->fired = false;
    pthread_mutex_unlock(&w->lock);
}

bool watchdog_stop(struct Watchdog *w) {
    pthread_mutex_lock(&w->lock);
    w->armed = false;
    bool fired = w->fired;
    if (fired)
        atomic_fetch_and(&w->cpu->events, ~(uint32_t)CPU_EVENT_LEAVE);
    pthread_mutex_unlock(&w->lock);
    return fired;
}
