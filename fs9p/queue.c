/* SPDX-License-Identifier: MIT */
/* Requests on their way: submitted, served by a thread, finished, completed. See fs9p.h. */
#include "fs9p/internal.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

enum { IDLE_SECONDS = 10 }; /* after which a thread ends */

/* ---- queues ---- */

static void queue_init(struct Fs9pQueue *q) { *q = (struct Fs9pQueue){NULL, &q->first}; }

static void push(struct Fs9pQueue *q, struct Fs9pRequest *r) {
    r->next = NULL;
    *q->end = r;
    q->end = &r->next;
}

static void take_out(struct Fs9pQueue *q, struct Fs9pRequest *r) {
    struct Fs9pRequest **p = &q->first;
    while (*p != r)
        p = &(*p)->next;
    if ((*p = r->next) == NULL)
        q->end = p;
}

static struct Fs9pRequest *pop(struct Fs9pQueue *q) {
    struct Fs9pRequest *r = q->first;
    if (r != NULL)
        take_out(q, r);
    return r;
}

static struct Fs9pRequest *find_tag(const struct Fs9pQueue *q, uint16_t tag) {
    struct Fs9pRequest *r = q->first;
    while (r != NULL && get_le16(r->message + 5) != tag)
        r = r->next;
    return r;
}

static uint8_t type_of(const struct Fs9pRequest *r) { return r->message[4]; }

/* ---- finishing; all with `queue_lock` ---- */

static void finish(struct Fs9p *fs, struct Fs9pRequest *r) {
    push(&fs->finished, r);
    pthread_cond_broadcast(&fs->some_finished);
    if (!fs->woken && !fs->silent) {
        fs->woken = true;
        fs->host.wake(fs->host.opaque);
    }
}

static void finish_flush(struct Fs9p *fs, struct Fs9pRequest *r) {
    fs9p_reply_header(r, TFLUSH + 1, P9_HEADER);
    finish(fs, r);
}

/* Those who have waited for `r` to be answered. */
static void finish_flushes(struct Fs9p *fs, const struct Fs9pRequest *r) {
    for (struct Fs9pRequest *f = fs->flushing.first, *next; f != NULL; f = next) {
        next = f->next;
        if (f->flushed != r)
            continue;
        take_out(&fs->flushing, f);
        finish_flush(fs, f);
    }
}

/* ---- threads ---- */

/* With the lock: the next request, or NULL when this thread is not needed any more. A Tversion runs alone, for it ends
 * what all others are about. */
static struct Fs9pRequest *next_request(struct Fs9p *fs) {
    for (;;) {
        struct Fs9pRequest *r = fs->queued.first;
        bool version = r != NULL && type_of(r) == TVERSION;
        if (r != NULL && !fs->alone && (!version || fs->running.first == NULL)) {
            fs->alone = version;
            return pop(&fs->queued);
        }
        if (fs->quit)
            return NULL;
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += IDLE_SECONDS;
        fs->idle++;
        int e = pthread_cond_clockwait(&fs->work, &fs->queue_lock, CLOCK_MONOTONIC, &until);
        fs->idle--;
        if (e == ETIMEDOUT && fs->queued.first == NULL && fs->idle > 0) /* not the last that is idle */
            return NULL;
    }
}

static void *worker(void *fs);
static void *worker_inside(void *fs);

/* With the lock. Signals are for other threads. `inside`: by a thread that is locked in. 0 or -errno. */
static int make_thread(struct Fs9p *fs, bool inside) {
    sigset_t all, old;
    pthread_attr_t attr;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int r = -pthread_create(&thread, &attr, inside ? worker_inside : worker, fs);
    fs->threads += r == 0;
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return r;
}

/* With the lock, by a thread that will be busy: what comes next must not wait for a slow one. Whoever submits makes no
 * threads: that is a vCPU, which has other things to do, and in a sandbox can't. */
static void keep_one_idle(struct Fs9p *fs, bool inside) {
    if (fs->idle == 0 && fs->threads < FS9P_THREADS)
        make_thread(fs, inside); /* if it can't be had, requests wait for one of us */
}

/* `inside`: it has inherited the filter of who made it. */
static void *work(struct Fs9p *fs, bool inside) {
    struct Fs9pRequest *r;
    pthread_setname_np(pthread_self(), "folder");
    pthread_mutex_lock(&fs->queue_lock);
    while ((r = next_request(fs)) != NULL) {
        push(&fs->running, r);
        int locked_out = sandbox_enter(fs->sandbox, SANDBOX_FOLDER, &inside);
        keep_one_idle(fs, inside);
        pthread_mutex_unlock(&fs->queue_lock);
        if (locked_out == 0)
            fs9p_serve(fs, r);
        else
            fs9p_reply_error(r, locked_out);
        pthread_mutex_lock(&fs->queue_lock);
        take_out(&fs->running, r);
        if (fs->alone || (fs->queued.first != NULL && type_of(fs->queued.first) == TVERSION)) {
            fs->alone = false;
            pthread_cond_broadcast(&fs->work);
        }
        finish(fs, r);
        finish_flushes(fs, r);
    }
    fs->threads--;
    pthread_cond_signal(&fs->thread_gone);
    pthread_mutex_unlock(&fs->queue_lock);
    return NULL;
}

static void *worker(void *fs) { return work(fs, false); }
static void *worker_inside(void *fs) { return work(fs, true); }

/* ---- submitting ---- */

static void start(struct Fs9p *fs, struct Fs9pRequest *r) {
    push(&fs->queued, r);
    pthread_cond_signal(&fs->work);
}

/* What has not begun never does; the answer to Tflush comes behind the other's in any case. */
static void flush(struct Fs9p *fs, struct Fs9pRequest *r) {
    uint16_t tag = r->size >= P9_HEADER + 2 ? get_le16(r->message + P9_HEADER) : get_le16(r->message + 5);
    struct Fs9pRequest *waiting = find_tag(&fs->queued, tag), *running = find_tag(&fs->running, tag);
    if (waiting != NULL) {
        take_out(&fs->queued, waiting);
        fs9p_reply_error(waiting, -EINTR);
        finish(fs, waiting);
    }
    if (running == NULL) {
        finish_flush(fs, r);
        return;
    }
    r->flushed = running;
    push(&fs->flushing, r);
}

void fs9p_submit(struct Fs9p *fs, struct Fs9pRequest *r) {
    pthread_mutex_lock(&fs->queue_lock);
    if (type_of(r) == TFLUSH)
        flush(fs, r);
    else
        start(fs, r);
    pthread_mutex_unlock(&fs->queue_lock);
}

/* ---- completing ---- */

void fs9p_complete(struct Fs9p *fs) {
    pthread_mutex_lock(&fs->queue_lock);
    struct Fs9pRequest *r = fs->finished.first, *next;
    queue_init(&fs->finished);
    fs->woken = false;
    pthread_mutex_unlock(&fs->queue_lock);
    for (; r != NULL; r = next) {
        next = r->next;
        r->done(r->opaque);
    }
}

static bool in_flight(const struct Fs9p *fs) {
    return fs->queued.first != NULL || fs->running.first != NULL || fs->flushing.first != NULL;
}

/* What `done` submits is waited for, too. */
void fs9p_drain(struct Fs9p *fs) {
    for (bool more = true; more;) {
        pthread_mutex_lock(&fs->queue_lock);
        while (in_flight(fs))
            pthread_cond_wait(&fs->some_finished, &fs->queue_lock);
        more = fs->finished.first != NULL;
        pthread_mutex_unlock(&fs->queue_lock);
        fs9p_complete(fs);
    }
}

void fs9p_silence(struct Fs9p *fs) {
    pthread_mutex_lock(&fs->queue_lock);
    fs->silent = true;
    pthread_mutex_unlock(&fs->queue_lock);
}

void fs9p_queue_empty(struct Fs9p *fs) {
    pthread_mutex_lock(&fs->queue_lock);
    queue_init(&fs->queued);
    while (fs->running.first != NULL)
        pthread_cond_wait(&fs->some_finished, &fs->queue_lock);
    queue_init(&fs->flushing);
    queue_init(&fs->finished);
    pthread_mutex_unlock(&fs->queue_lock);
}

/* ---- life ---- */

int fs9p_queue_start(struct Fs9p *fs) {
    pthread_mutex_lock(&fs->queue_lock);
    int r = make_thread(fs, false);
    pthread_mutex_unlock(&fs->queue_lock);
    return r;
}

void fs9p_queue_init(struct Fs9p *fs) {
    queue_init(&fs->queued);
    queue_init(&fs->running);
    queue_init(&fs->finished);
    queue_init(&fs->flushing);
    pthread_mutex_init(&fs->queue_lock, NULL);
    pthread_cond_init(&fs->work, NULL);
    pthread_cond_init(&fs->some_finished, NULL);
    pthread_cond_init(&fs->thread_gone, NULL);
}

void fs9p_queue_destroy(struct Fs9p *fs) {
    pthread_mutex_lock(&fs->queue_lock);
    fs->quit = true;
    pthread_cond_broadcast(&fs->work);
    while (fs->threads > 0)
        pthread_cond_wait(&fs->thread_gone, &fs->queue_lock);
    pthread_mutex_unlock(&fs->queue_lock);
    pthread_mutex_destroy(&fs->queue_lock);
    pthread_cond_destroy(&fs->work);
    pthread_cond_destroy(&fs->some_finished);
    pthread_cond_destroy(&fs->thread_gone);
}
