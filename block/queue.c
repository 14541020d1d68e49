/* SPDX-License-Identifier: MIT */
/* Requests on their way: submitted, taken by a thread, finished, completed. See block.h. */
#include "block/internal.h"
#include "block/uring.h"
#include "sandbox/sandbox.h"

#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

enum {
    THREADS = 32,          /* at most; made when needed */
    IDLE_SECONDS = 10,     /* after which a thread ends */
    INLINE_MOST = 1 << 20, /* bytes that are copied from the page cache at once */
    VECTORS = 128,         /* of such a read */
    COPYING = 2,           /* threads that copy to the page cache: more would only wait for each other */
};

enum State { IDLE, QUEUED, RUNNING, FINISHED };

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- queues ---- */

static void queue_init(struct BlockQueue *q) { *q = (struct BlockQueue){NULL, &q->first}; }

static void push(struct BlockQueue *q, struct BlockRequest *r) {
    r->next = NULL;
    *q->end = r;
    q->end = &r->next;
}

static struct BlockRequest *pop(struct BlockQueue *q) {
    struct BlockRequest *r = q->first;
    if (r != NULL && (q->first = r->next) == NULL)
        q->end = &q->first;
    return r;
}

static void take_out(struct BlockQueue *q, struct BlockRequest *r) {
    struct BlockRequest **p = &q->first;
    while (*p != r)
        p = &(*p)->next;
    if ((*p = r->next) == NULL)
        q->end = p;
}

/* ---- finishing ---- */

static void put_finished(struct Block *b, struct BlockRequest *r, int result) {
    r->result = result;
    r->state = FINISHED;
    push(&b->finished, r);
    pthread_cond_broadcast(&b->some_finished);
}

/* With the lock, so that a block is not closed meanwhile. */
static void tell_owner(struct Block *b) {
    if (b->woken)
        return;
    b->woken = true;
    if (b->host.wake != NULL)
        b->host.wake(b->host.opaque);
}

static void finish_locked(struct Block *b, struct BlockRequest *r, int result) {
    put_finished(b, r, result);
    tell_owner(b);
}

static void finish(struct Block *b, struct BlockRequest *r, int result) {
    pthread_mutex_lock(&b->lock);
    finish_locked(b, r, result);
    pthread_mutex_unlock(&b->lock);
}

/* ---- threads ---- */

/* With the lock: the next request, or NULL when this thread is not needed any more. */
static struct BlockRequest *next_request(struct Block *b) {
    while (b->queued.first == NULL && !b->quit) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += IDLE_SECONDS;
        b->idle++;
        int r = pthread_cond_clockwait(&b->work, &b->lock, CLOCK_MONOTONIC, &until);
        b->idle--;
        b->waking -= b->waking > 0;
        if (r == ETIMEDOUT && b->queued.first == NULL && b->idle > 0) /* not the last that is idle */
            return NULL;
    }
    return pop(&b->queued);
}

/* To the host's page cache, which seldom waits for a disk. */
static bool copies(const struct Block *b, const struct BlockRequest *r) {
    return r->op == BLOCK_WRITE && !b->root->direct;
}

/* With the lock: have an idle thread look at what is queued. */
static void wake_thread(struct Block *b) {
    if (b->idle > b->waking) {
        b->waking++;
        pthread_cond_signal(&b->work);
    }
}

static int make_thread(struct Block *b, bool inside);

/* With the lock, by a thread that will be busy: those that were woken with it may be so, too, and what is queued behind
 * them must not wait for a slow one. There is always one that is not busy, up to THREADS: whoever submits makes none,
 * for in a sandbox vCPUs can't. */
static void wake_for_next(struct Block *b, bool inside) {
    struct BlockRequest *r = b->queued.first;
    if (b->waking > 0 || (r != NULL && copies(b, r) && b->copying >= COPYING))
        return;
    if (b->idle == 0 && b->threads < THREADS)
        make_thread(b, inside); /* if it can't be had, requests wait for one of us */
    else if (r != NULL)
        wake_thread(b);
}

/* `inside`: it was made by a thread that is locked in, whose filter it has inherited. */
static void *work(struct Block *b, bool inside) {
    struct BlockRequest *r;
    pthread_setname_np(pthread_self(), "disk");
    pthread_mutex_lock(&b->lock);
    b->waking -= b->waking > 0;
    while ((r = next_request(b)) != NULL) {
        bool copy = copies(b, r);
        r->state = RUNNING;
        b->copying += copy;
        int result = sandbox_enter(b->sandbox, SANDBOX_BLOCK, &inside);
        wake_for_next(b, inside);
        pthread_mutex_unlock(&b->lock);
        if (result == 0)
            result = block_execute(b, r);
        pthread_mutex_lock(&b->lock);
        b->copying -= copy;
        finish_locked(b, r, result);
    }
    b->threads--;
    pthread_cond_signal(&b->thread_gone);
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

static void *worker(void *b) { return work(b, false); }
static void *worker_inside(void *b) { return work(b, true); }

/* With the lock. It will look at what is queued. Signals are for other threads. 0 or -errno. */
static int make_thread(struct Block *b, bool inside) {
    sigset_t all, old;
    pthread_attr_t attr;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int r = -pthread_create(&thread, &attr, inside ? worker_inside : worker, b);
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    b->threads += r == 0;
    b->waking += r == 0;
    return r;
}

/* ---- submitting ---- */

static bool is_write(enum BlockOp op) { return op == BLOCK_WRITE || op == BLOCK_DISCARD || op == BLOCK_WRITE_ZEROES; }

static uint64_t memory_of(const struct BlockRequest *r) {
    uint64_t sum = 0;
    for (int i = 0; i < r->niov && sum <= r->bytes; i++)
        sum += r->iov[i].iov_len;
    return sum;
}

static int check(const struct Block *b, const struct BlockRequest *r) {
    uint64_t size = b->root->size;
    if ((unsigned)r->op >= BLOCK_OPS)
        return -EINVAL;
    if (r->op == BLOCK_FLUSH)
        return 0;
    if (r->offset > size || r->bytes > size - r->offset)
        return -EINVAL;
    if ((r->op == BLOCK_READ || r->op == BLOCK_WRITE) && memory_of(r) < r->bytes)
        return -EINVAL;
    if (!is_write(r->op))
        return 0;
    return b->root->readonly ? -EROFS : b->root->no_write;
}

/* Whether all memory is such that O_DIRECT takes it. */
static bool aligned_memory(const struct Block *b, const struct BlockRequest *r) {
    uintptr_t bits = 0;
    for (int i = 0; i < r->niov && b->root->direct; i++)
        bits |= (uintptr_t)r->iov[i].iov_base | r->iov[i].iov_len;
    return (bits & (b->root->align - 1)) == 0;
}

static void end_extent(struct Block *b, struct BlockRequest *r) {
    if (b->root->driver->end != NULL)
        b->root->driver->end(b->root, &r->extent);
}

/* A small read of what the host has in memory: done here, without a thread's waking up. */
static bool read_at_once(struct Block *b, struct BlockRequest *r) {
    struct iovec iov[VECTORS];
    int count;
    if (r->op != BLOCK_READ || r->bytes > INLINE_MOST || r->bytes == 0 || b->root->direct ||
        b->root->driver->begin == NULL || !b->root->driver->begin(b->root, false, r->offset, r->bytes, &r->extent))
        return false;
    bool all = block_view_slice((struct BlockView){r->iov, r->niov, 0}, r->bytes, iov, VECTORS, &count) == r->bytes &&
               preadv2(r->extent.fd, iov, count, (off_t)r->extent.offset, RWF_NOWAIT) == (ssize_t)r->bytes;
    end_extent(b, r);
    return all;
}

/* One plain transfer, by the ring; of writes only those of which nothing else is to be done. */
static bool start_in_ring(struct Block *b, struct BlockRequest *r) {
    bool plain =
        r->op == BLOCK_READ || (r->op == BLOCK_WRITE && b->write_cache && b->detect_zeroes == BLOCK_DETECT_ZEROES_OFF);
    if (b->uring == NULL || !plain || r->bytes == 0 || r->bytes > INT32_MAX || memory_of(r) != r->bytes ||
        !aligned_memory(b, r) || b->root->driver->begin == NULL ||
        !b->root->driver->begin(b->root, r->op == BLOCK_WRITE, r->offset, r->bytes, &r->extent))
        return false;
    r->state = RUNNING;
    if (block_uring_submit(b->uring, r, b->plugged))
        return true;
    end_extent(b, r);
    return false;
}

static void enqueue(struct Block *b, struct BlockRequest *r) {
    pthread_mutex_lock(&b->lock);
    r->state = QUEUED;
    push(&b->queued, r);
    if (!copies(b, r) || b->copying + b->waking < COPYING) /* else one of these takes it, too */
        wake_thread(b);
    pthread_mutex_unlock(&b->lock);
}

/* In the ring's thread. What went wrong, or half, is done once more by a thread, which knows what to make of it. */
static void ring_done(void *opaque, struct BlockRequest *r, int result) {
    struct Block *b = opaque;
    end_extent(b, r);
    if (result == (int)r->bytes)
        finish(b, r, 0);
    else
        enqueue(b, r);
}

/* Done already. */
static void finish_at_once(struct Block *b, struct BlockRequest *r, int result) {
    pthread_mutex_lock(&b->lock);
    put_finished(b, r, result);
    if (!b->plugged)
        tell_owner(b);
    pthread_mutex_unlock(&b->lock);
}

void block_submit(struct Block *b, struct BlockRequest *r) {
    r->began = now();
    b->in_flight++;
    int wrong = check(b, r);
    if (wrong != 0)
        b->stats.op[(unsigned)r->op < BLOCK_OPS ? r->op : 0].invalid++;
    if (wrong != 0 || read_at_once(b, r))
        finish_at_once(b, r, wrong);
    else if (!start_in_ring(b, r))
        enqueue(b, r);
}

/* ---- completing ---- */

static void account(struct Block *b, const struct BlockRequest *r) {
    if ((unsigned)r->op >= BLOCK_OPS)
        return;
    if (r->result != 0) {
        b->stats.op[r->op].failed++;
        return;
    }
    b->stats.op[r->op].operations++;
    b->stats.op[r->op].bytes += r->op != BLOCK_FLUSH ? r->bytes : 0;
    b->stats.op[r->op].total_ns += (uint64_t)(now() - r->began);
    if (r->op == BLOCK_WRITE && r->offset + r->bytes > b->stats.highest_offset)
        b->stats.highest_offset = r->offset + r->bytes;
}

static struct BlockRequest *pop_finished(struct Block *b) {
    pthread_mutex_lock(&b->lock);
    struct BlockRequest *r = pop(&b->finished);
    if (r != NULL)
        r->state = IDLE;
    pthread_mutex_unlock(&b->lock);
    return r;
}

static void complete(struct Block *b, struct BlockRequest *r) {
    b->in_flight--;
    account(b, r);
    r->done(r->opaque, r->result);
}

static void end_of_batch(struct Block *b) {
    if (b->completed != NULL)
        b->completed(b->completed_opaque);
}

static void complete_finished(struct Block *b) {
    struct BlockRequest *r;
    unsigned count = 0;
    pthread_mutex_lock(&b->lock);
    for (r = b->finished.first; r != NULL; r = r->next)
        count++;
    pthread_mutex_unlock(&b->lock);
    bool some = count > 0;
    while (count-- > 0 && (r = pop_finished(b)) != NULL)
        complete(b, r);
    if (some)
        end_of_batch(b);
}

void block_complete(struct Block *b) {
    pthread_mutex_lock(&b->lock);
    b->woken = false;
    pthread_mutex_unlock(&b->lock);
    complete_finished(b);
}

void block_plug(struct Block *b) { b->plugged = true; }

/* A wake-up that is on its way comes for nothing then, unless more is finished meanwhile. */
void block_unplug(struct Block *b) {
    b->plugged = false;
    block_uring_flush(b->uring);
    complete_finished(b);
}

void block_set_completed(struct Block *b, void (*fn)(void *opaque), void *opaque) {
    b->completed = fn;
    b->completed_opaque = opaque;
}

static void wait_finished(struct Block *b) {
    pthread_mutex_lock(&b->lock);
    while (b->finished.first == NULL)
        pthread_cond_wait(&b->some_finished, &b->lock);
    pthread_mutex_unlock(&b->lock);
}

void block_drain(struct Block *b) {
    bool some = b->in_flight > 0;
    while (b->in_flight > 0) {
        wait_finished(b);
        struct BlockRequest *r = pop_finished(b);
        if (r != NULL)
            complete(b, r);
    }
    if (some)
        end_of_batch(b);
}

void block_cancel(struct Block *b, struct BlockRequest *r) {
    pthread_mutex_lock(&b->lock);
    if (r->state == IDLE) {
        pthread_mutex_unlock(&b->lock);
        return;
    }
    if (r->state == QUEUED)
        take_out(&b->queued, r);
    else {
        while (r->state != FINISHED)
            pthread_cond_wait(&b->some_finished, &b->lock);
        take_out(&b->finished, r);
    }
    r->state = IDLE;
    pthread_mutex_unlock(&b->lock);
    b->in_flight--;
}

unsigned block_in_flight(const struct Block *b) { return b->in_flight; }

static void set_flag(void *opaque, int result) { *(int *)opaque = result; }

int block_sync(struct Block *b, enum BlockOp op, uint64_t offset, void *buffer, uint64_t bytes) {
    struct iovec iov = {buffer, bytes};
    int result = 0;
    struct BlockRequest r = {
        .op = op, .offset = offset, .bytes = bytes, .iov = &iov, .niov = 1, .done = set_flag, .opaque = &result};
    block_submit(b, &r);
    pthread_mutex_lock(&b->lock);
    while (r.state != FINISHED)
        pthread_cond_wait(&b->some_finished, &b->lock);
    take_out(&b->finished, &r);
    pthread_mutex_unlock(&b->lock);
    complete(b, &r);
    return result;
}

/* ---- life ---- */

int block_queue_init(struct Block *b, enum BlockAio aio) {
    int r = aio == BLOCK_AIO_IO_URING ? block_uring_init(&b->uring, b->sandbox, ring_done, b) : 0;
    if (r != 0)
        return r;
    queue_init(&b->queued);
    queue_init(&b->finished);
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->work, NULL);
    pthread_cond_init(&b->some_finished, NULL);
    pthread_cond_init(&b->thread_gone, NULL);
    pthread_mutex_lock(&b->lock);
    r = make_thread(b, false);
    pthread_mutex_unlock(&b->lock);
    if (r != 0)
        block_queue_destroy(b);
    return r;
}

void block_queue_destroy(struct Block *b) {
    block_uring_destroy(b->uring);
    pthread_mutex_lock(&b->lock);
    b->quit = true;
    pthread_cond_broadcast(&b->work);
    while (b->threads > 0)
        pthread_cond_wait(&b->thread_gone, &b->lock);
    pthread_mutex_unlock(&b->lock);
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->work);
    pthread_cond_destroy(&b->some_finished);
    pthread_cond_destroy(&b->thread_gone);
}
