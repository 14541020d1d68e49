/* SPDX-License-Identifier: MIT */
/** struct Block itself: requests, threads, completions. Private to block/. */
#ifndef TWIN86_BLOCK_INTERNAL_H
#define TWIN86_BLOCK_INTERNAL_H

#include "block/block.h"
#include "block/node.h"

#include <pthread.h>

struct BlockUring;

/** First in, first out. */
struct BlockQueue {
    struct BlockRequest *first, **end;
};

struct Block {
    struct BlockNode *root;
    struct BlockHost host;
    bool discards, write_cache;
    enum BlockDetectZeroes detect_zeroes;
    struct Sandbox *sandbox;  /* NULL: none */
    struct BlockUring *uring; /* NULL: aio=threads */

    /* the owner's lock */
    unsigned in_flight;
    struct BlockStats stats;
    bool plugged;
    void (*completed)(void *opaque); /* or NULL */
    void *completed_opaque;

    pthread_mutex_t lock;
    /* this lock */
    pthread_cond_t work, some_finished;
    struct BlockQueue queued, finished;
    unsigned threads, idle;
    unsigned waking;  /* idle or new threads that will look at `queued` */
    unsigned copying; /* threads that write to the page cache */
    bool quit, woken;
    pthread_cond_t thread_gone;
};

/** Threads and queues, and a ring where one is asked for. 0 or -errno. */
int block_queue_init(struct Block *b, enum BlockAio aio);
/** End the threads; nothing is in flight. */
void block_queue_destroy(struct Block *b);
/** A request in full, blocking. 0 or -errno. */
int block_execute(struct Block *b, const struct BlockRequest *r);

#endif
