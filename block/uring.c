/* SPDX-License-Identifier: MIT */
/* See uring.h. Requests are put in by whoever submits, results taken out by a thread that does nothing else. */
#include "block/uring.h"

#include <errno.h>

#ifdef HAVE_LIBURING
#include <liburing.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { ENTRIES = 128, VECTORS = 1024 };

struct BlockUring {
    struct io_uring ring;
    pthread_t thread;
    _Atomic unsigned in_flight;
    void (*done)(void *opaque, struct BlockRequest *r, int result);
    void *opaque;
};

static void *reap(void *opaque) {
    struct BlockUring *u = opaque;
    for (;;) {
        struct io_uring_cqe *cqe;
        if (io_uring_wait_cqe(&u->ring, &cqe) != 0)
            continue; /* a signal */
        struct BlockRequest *r = io_uring_cqe_get_data(cqe);
        int result = cqe->res;
        io_uring_cqe_seen(&u->ring, cqe);
        if (r == NULL)
            return NULL;
        atomic_fetch_sub(&u->in_flight, 1);
        u->done(u->opaque, r, result);
    }
}

int block_uring_init(struct BlockUring **out, void (*done)(void *opaque, struct BlockRequest *r, int result),
                     void *opaque) {
    sigset_t all, old;
    struct BlockUring *u = calloc(1, sizeof(*u));
    if (u == NULL)
        return -ENOMEM;
    u->done = done;
    u->opaque = opaque;
    int r = io_uring_queue_init(ENTRIES, &u->ring, 0);
    if (r != 0) {
        free(u);
        return r;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r = -pthread_create(&u->thread, NULL, reap, u);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r != 0) {
        io_uring_queue_exit(&u->ring);
        free(u);
        return r;
    }
    *out = u;
    return 0;
}

void block_uring_destroy(struct BlockUring *u) {
    if (u == NULL)
        return;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring); /* there is room: nothing is in flight */
    io_uring_prep_nop(sqe);
    io_uring_sqe_set_data(sqe, NULL);
    io_uring_submit(&u->ring);
    pthread_join(u->thread, NULL);
    io_uring_queue_exit(&u->ring);
    free(u);
}

static void submit(struct BlockUring *u) {
    int taken;
    do
        taken = io_uring_submit(&u->ring);
    while (taken == -EINTR || taken == -EAGAIN || taken == -EBUSY); /* until there is memory, or results are taken */
}

void block_uring_flush(struct BlockUring *u) {
    if (u != NULL && io_uring_sq_ready(&u->ring) > 0)
        submit(u);
}

bool block_uring_submit(struct BlockUring *u, struct BlockRequest *r, bool more) {
    if (r->niov > VECTORS || atomic_load(&u->in_flight) >= ENTRIES)
        return false;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
    if (sqe == NULL)
        return false;
    if (r->op == BLOCK_READ)
        io_uring_prep_readv(sqe, r->extent.fd, r->iov, (unsigned)r->niov, r->extent.offset);
    else
        io_uring_prep_writev(sqe, r->extent.fd, r->iov, (unsigned)r->niov, r->extent.offset);
    io_uring_sqe_set_data(sqe, r);
    atomic_fetch_add(&u->in_flight, 1);
    if (!more)
        submit(u);
    return true;
}
#else
int block_uring_init(struct BlockUring **u, void (*done)(void *opaque, struct BlockRequest *r, int result),
                     void *opaque) {
    (void)u;
    (void)done;
    (void)opaque;
    return -ENOSYS;
}
void block_uring_destroy(struct BlockUring *u) { (void)u; }
bool block_uring_submit(struct BlockUring *u, struct BlockRequest *r, bool more) {
    return (void)u, (void)r, (void)more, false;
}
void block_uring_flush(struct BlockUring *u) { (void)u; }
#endif
