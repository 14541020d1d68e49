/* SPDX-License-Identifier: MIT */
/** aio=io_uring: plain transfers without a thread for each. Private to block/. */
#ifndef TWIN86_BLOCK_URING_H
#define TWIN86_BLOCK_URING_H

#include "block/block.h"

struct BlockUring;

/** `done` is called in the ring's thread, with how many bytes were transferred or -errno. 0 or -errno: -ENOSYS when
 *  built without liburing. */
int block_uring_init(struct BlockUring **u, void (*done)(void *opaque, struct BlockRequest *r, int result),
                     void *opaque);
/** Nothing is in flight. NULL: nothing happens. */
void block_uring_destroy(struct BlockUring *u);
/** Begin the read or write that r->extent says; `more`: with others, at block_uring_flush. false: it can't be taken
 * now. One thread at a time. */
bool block_uring_submit(struct BlockUring *u, struct BlockRequest *r, bool more);
/** Begin, by one system call, what has been submitted with `more`. NULL: nothing happens. */
void block_uring_flush(struct BlockUring *u);

#endif
