/* SPDX-License-Identifier: MIT */
/* See uring.h. Requests are put in by whoever submits, results taken out by a thread that does nothing else. */
#include "block/uring.h"
#include "sandbox/sandbox.h"

#include <errno.h>

#ifdef HAVE_LIBURING
#include <liburing.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ENTRIES = 128, VECTORS = 1024 };

struct BlockUring {
    struct io_uring ring;
    pthread_t thread;
    struct Sandbox *sandbox;
    _Atomic unsigned in_flight;
    void (*done)(void *opaque, struct BlockRequest *r, int result);
    void *opaque;
};

static void *reap(void *opaque) {
    struct BlockUring *u = opaque;
    bool inside = false;
    pthread_setname_np(pthread_self(), "disk ring");
    for (;;) {
        struct io_uring_cqe *cqe;
        if (io_uring_wait_cqe(&u->ring, &cqe) != 0)
            continue; /* a signal */
        bool locked_in = sandbox_enter(u->sandbox, SANDBOX_RING, &inside) == 0;
        struct BlockRequest *r = io_uring_cqe_get_data(cqe);
        int result = locked_in ? cqe->res : -EPERM;
        io_uring_cqe_seen(&u->ring, cqe);
        if (r == NULL)
            return NULL;
        atomic_fetch_sub(&u->in_flight, 1);
        u->done(u->opaque, r, result);
    }
}

/* liburing declares functions for these, and up to 2.3 has forgotten to export them. */
static int ring_register(const struct io_uring *ring, unsigned what, const void *arg, unsigned count) {
    return syscall(SYS_io_uring_register, ring->ring_fd, what, arg, count) < 0 ? -errno : 0;
}

int block_uring_make_ring(struct io_uring *ring) {
    struct io_uring_restriction allowed[] = {
        {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_READV},
        {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_WRITEV},
        {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_NOP},
    };
    int r = io_uring_queue_init(ENTRIES, ring, IORING_SETUP_R_DISABLED);
    if (r != 0)
        return r == -EINVAL ? -ENOSYS : r;
    if ((r = ring_register(ring, IORING_REGISTER_RESTRICTIONS, allowed, sizeof(allowed) / sizeof(allowed[0]))) == 0)
        r = ring_register(ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    if (r != 0)
        io_uring_queue_exit(ring);
    return r;
}

int block_uring_probe(void) {
    struct io_uring ring;
    int r = block_uring_make_ring(&ring);
    if (r == 0)
        io_uring_queue_exit(&ring);
    return r;
}

int block_uring_init(struct BlockUring **out, struct Sandbox *sandbox,
                     void (*done)(void *opaque, struct BlockRequest *r, int result), void *opaque) {
    sigset_t all, old;
    struct BlockUring *u = calloc(1, sizeof(*u));
    if (u == NULL)
        return -ENOMEM;
    u->sandbox = sandbox;
    u->done = done;
    u->opaque = opaque;
    int r = block_uring_make_ring(&u->ring);
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
int block_uring_probe(void) { return -ENOSYS; }
int block_uring_make_ring(struct io_uring *ring) { return (void)ring, -ENOSYS; }
int block_uring_init(struct BlockUring **u, struct Sandbox *sandbox,
                     void (*done)(void *opaque, struct BlockRequest *r, int result), void *opaque) {
    (void)u;
    (void)sandbox;
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
