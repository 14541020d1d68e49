/* SPDX-License-Identifier: MIT */
/** aio=io_uring: plain transfers without a thread for each. Private to block/. */
#ifndef TWIN86_BLOCK_URING_H
#define TWIN86_BLOCK_URING_H

#include "block/block.h"

struct BlockUring;
struct Sandbox;
struct io_uring;

/** Make a ring. A ring does its work in the kernel, past all seccomp filters, and could open files and sockets: not
 * this one, which reads and writes; nor can that be changed any more. 0 or -errno: -ENOSYS: Linux is older than 5.10.
 */
int block_uring_make_ring(struct io_uring *ring);

/** Whether this kernel has it, and takes such rings as we make: 0, or -errno as of block_uring_init. */
int block_uring_probe(void);

/** `done` is called in the ring's thread, with how many bytes were transferred or -errno. 0 or -errno: -ENOSYS when
 *  built without liburing, or Linux is older than 5.10. The thread locks itself into `sandbox`, which may be NULL. */
int block_uring_init(struct BlockUring **u, struct Sandbox *sandbox,
                     void (*done)(void *opaque, struct BlockRequest *r, int result), void *opaque);
/** Nothing is in flight. NULL: nothing happens. */
void block_uring_destroy(struct BlockUring *u);
/** Begin the read or write that r->extent says; `more`: with others, at block_uring_flush. false: it can't be taken
 * now. One thread at a time. */
bool block_uring_submit(struct BlockUring *u, struct BlockRequest *r, bool more);
/** Begin, by one system call, what has been submitted with `more`. NULL: nothing happens. */
void block_uring_flush(struct BlockUring *u);

#endif
