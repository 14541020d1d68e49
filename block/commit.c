/* SPDX-License-Identifier: MIT */
/* What is in an image goes into the one behind it. See block.h. */
#include "block/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 1 << 20 };

static int commit_run(struct BlockNode *from, struct BlockNode *to, uint64_t at, uint64_t bytes, enum BlockWhere where,
                      void *buffer) {
    if (where == BLOCK_BEHIND)
        return 0;
    if (where == BLOCK_ZERO)
        return block_node_zeroes(to, at, bytes, true);
    int r = block_node_read(from, at, buffer, bytes);
    return r == 0 ? block_node_write(to, at, buffer, bytes) : r;
}

static int commit_all(struct BlockNode *from, struct BlockNode *to) {
    void *buffer = block_buffer(CHUNK);
    uint64_t size = from->size, run;
    enum BlockWhere where;
    int r = buffer != NULL ? 0 : -ENOMEM;
    for (uint64_t at = 0; r == 0 && at < size; at += run) {
        r = block_node_status(from, at, size - at < CHUNK ? size - at : CHUNK, &where, &run);
        if (r == 0)
            r = commit_run(from, to, at, run, where, buffer);
    }
    free(buffer);
    return r;
}

/* A node for the same file as `base`, for another use; what is behind it stays `base`'s. */
static int open_again(struct BlockNode *base, bool readonly, enum BlockLocking locking, struct BlockNode **out,
                      char *why, size_t n) {
    struct BlockOptions o = {.filename = base->filename,
                             .format = base->driver->name,
                             .node_name = base->node_name,
                             .readonly = readonly,
                             .cache = base->direct     ? BLOCK_CACHE_NONE
                                      : base->no_flush ? BLOCK_CACHE_UNSAFE
                                                       : BLOCK_CACHE_WRITEBACK,
                             .discard = readonly ? BLOCK_DISCARD_IGNORE : BLOCK_DISCARD_UNMAP,
                             .locking = locking,
                             .no_backing = true};
    struct BlockOpening open = {.o = &o, .why = why, .n = n};
    return block_node_open(out, &open);
}

static int flush_all(struct BlockNode *n) {
    return (n->driver->finish != NULL ? n->driver->finish : n->driver->flush)(n);
}

/* Everything into the backing file, until it is on the disk there. `base` has the lock. */
static int write_base(struct BlockNode *top, struct BlockNode *base, char *why, size_t n) {
    struct BlockNode *writable;
    int r = open_again(base, false, BLOCK_LOCKING_OFF, &writable, why, n);
    if (r != 0)
        return r;
    writable->backing = base->backing;
    if (top->size > writable->size)
        r = writable->driver->resize(writable, top->size, why, n);
    if (r == 0) {
        r = commit_all(top, writable);
        int flushed = flush_all(writable);
        r = r == 0 ? flushed : r;
        if (r != 0)
            snprintf(why, n, "'%s' can't be written: %s", base->filename, strerror(-r));
    }
    writable->backing = NULL;
    block_node_close(writable);
    return r;
}

/* The backing node anew: what it knows of its tables is of before. Until then nothing is forgotten in `top`. */
static int replace_base(struct BlockNode *top, char *why, size_t n) {
    struct BlockNode *base = top->backing, *again;
    int r = open_again(base, true, base->file->locked ? BLOCK_LOCKING_ON : BLOCK_LOCKING_OFF, &again, why, n);
    if (r != 0)
        return r;
    again->backing = base->backing;
    base->backing = NULL;
    top->backing = again;
    block_node_close(base);
    return 0;
}

static int empty(struct BlockNode *top, char *why, size_t n) {
    int r = top->driver->empty(top);
    if (r == 0)
        r = top->driver->flush(top);
    if (r != 0)
        snprintf(why, n, "'%s' can't be emptied: %s", top->filename, strerror(-r));
    return r;
}

int block_commit(struct Block *b, char *why, size_t n) {
    struct BlockNode *top = b->root, *base = top->backing;
    block_drain(b);
    if (base == NULL || top->driver->empty == NULL) {
        snprintf(why, n, "'%s' has no backing file", top->filename);
        return -ENOTSUP;
    }
    if (top->readonly) {
        snprintf(why, n, "'%s' is read-only", top->filename);
        return -EROFS;
    }
    int r = base->file->driver->relock(base->file, true);
    if (r != 0)
        snprintf(why, n, "'%s' is in use by another process, or can't be locked for writing", base->filename);
    if (r == 0)
        r = write_base(top, base, why, n);
    base->file->driver->relock(base->file, false);
    if (r == 0)
        r = replace_base(top, why, n);
    return r == 0 ? empty(top, why, n) : r;
}
