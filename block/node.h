/* SPDX-License-Identifier: MIT */
/**
 * Nodes: what a block is made of. A format's node (raw, qcow2) stands on a protocol's (file, nbd), a qcow2's may have a
 * backing node, of the same kind as itself. Private to block/.
 *
 * All functions of a driver block, may be called in any thread, several at a time, and keep their own data whole; only
 * open, close and resize have the node to themselves. They return 0 or -errno.
 */
#ifndef TWIN86_BLOCK_NODE_H
#define TWIN86_BLOCK_NODE_H

#include "block/block.h"

#include <errno.h>
#include <stdatomic.h>

struct BlockNode;

/** Memory of a request from byte `skip` on. */
struct BlockView {
    const struct iovec *iov;
    int niov;
    size_t skip;
};

/** How the bytes from somewhere on are stored in a node: block_node_status. */
enum BlockWhere {
    BLOCK_HERE,   /* in this node */
    BLOCK_ZERO,   /* this node says that they are zeroes */
    BLOCK_BEHIND, /* the backing node's, or zeroes without one */
};

struct BlockDriver {
    const char *name;
    void (*close)(struct BlockNode *n);
    /** Optional: a flush, and what else is to be written before `close`. */
    int (*finish)(struct BlockNode *n);
    /** `offset` and `bytes` are within the node's size for formats; a protocol reads zeroes beyond its end, and grows
     *  by being written to. */
    int (*read)(struct BlockNode *n, uint64_t offset, uint64_t bytes, struct BlockView v);
    int (*write)(struct BlockNode *n, uint64_t offset, uint64_t bytes, struct BlockView v);
    int (*flush)(struct BlockNode *n);
    /** Optional: without it nothing is discarded. */
    int (*discard)(struct BlockNode *n, uint64_t offset, uint64_t bytes);
    /** Optional: -ENOTSUP has zeroes written. */
    int (*zeroes)(struct BlockNode *n, uint64_t offset, uint64_t bytes, bool unmap);
    int (*resize)(struct BlockNode *n, uint64_t size, char *why, size_t len);
    /** Optional: where the bytes at `offset` are; *run: for how many bytes (at least 1, at most `bytes`) that is so. */
    int (*status)(struct BlockNode *n, uint64_t offset, uint64_t bytes, enum BlockWhere *where, uint64_t *run);
    /** Protocols: have the file for writing, or only for reading again. -EAGAIN: somebody else uses it. */
    int (*relock)(struct BlockNode *n, bool write);
    /** Optional: forget everything, so that all is the backing node's. */
    int (*empty)(struct BlockNode *n);
    /** Optional, must not block: true when this read or write is one plain transfer in a descriptor's file, whose data
     *  stay where they are until `end`. */
    bool (*begin)(struct BlockNode *n, bool write, uint64_t offset, uint64_t bytes, struct BlockExtent *e);
    void (*end)(struct BlockNode *n, struct BlockExtent *e);
    void (*info)(struct BlockNode *n, struct BlockInfo *info);
};

struct BlockNode {
    const struct BlockDriver *driver;
    struct BlockNode *file, *backing; /* NULL: none */
    _Atomic uint64_t size;            /* bytes */
    bool readonly, direct, no_flush, discard;
    bool locked;    /* of protocols: others are kept out */
    bool temporary; /* no sync is ever needed: it goes with its descriptor */
    uint32_t align; /* transfers that are not multiples of this are slower */
    char *filename, *node_name;
    uint64_t device, inode; /* of protocols: which file it is; 0: unknown */
    _Atomic int no_write;   /* 0, or the -errno of all writes: something is broken for good */
};

/** What opening needs on all levels. */
struct BlockOpening {
    const struct BlockOptions *o;
    unsigned depth; /* of backing files */
    struct BlockOpening *outer;
    const char *filename; /* of the node that is being opened, and which file that is */
    uint64_t device, inode;
    char *why;
    size_t n;
};

/** Free it and all below it. NULL: nothing happens. */
void block_node_close(struct BlockNode *n);
/** A node of `size` bytes of its driver's own struct, which begins with struct BlockNode. NULL: no memory. */
void *block_node_new(const struct BlockDriver *driver, size_t size, const char *filename);
/** Open `o->filename` with its format, whatever it is. */
int block_node_open(struct BlockNode **out, struct BlockOpening *open);

int block_file_open(struct BlockNode **out, struct BlockOpening *open);
int block_nbd_open(struct BlockNode **out, struct BlockOpening *open);
bool block_is_nbd(const char *filename);
int block_file_temporary(struct BlockNode **out, struct BlockOpening *open);
/** The rest of opening. They own `file` when they succeed. */
int block_qcow2_open(struct BlockNode **out, struct BlockNode *file, struct BlockOpening *open);
/** Make an empty image of `size` bytes of `file`, which has no backing file yet. */
int block_qcow2_create(struct BlockNode *file, uint64_t size);
int block_raw_open(struct BlockNode **out, struct BlockNode *file, bool probed, struct BlockOpening *open);

/** The backing node of `n`: what the options say, else what the image does (`name`, or NULL). */
int block_node_open_backing(struct BlockNode *n, const char *name, const char *format, struct BlockOpening *open);

/** `why` gets the line; returns `error`. */
__attribute__((format(printf, 3, 4))) int block_refuse(const struct BlockOpening *open, int error, const char *format,
                                                       ...);

/* ---- what works on every node ---- */

int block_node_read(struct BlockNode *n, uint64_t offset, void *buffer, uint64_t bytes);
int block_node_write(struct BlockNode *n, uint64_t offset, const void *buffer, uint64_t bytes);
/** By the driver, else by writing zeroes. */
int block_node_zeroes(struct BlockNode *n, uint64_t offset, uint64_t bytes, bool unmap);
/** A hint: nothing happens where it is impossible. */
static inline int block_node_discard(struct BlockNode *n, uint64_t offset, uint64_t bytes) {
    return n->driver->discard != NULL ? n->driver->discard(n, offset, bytes) : 0;
}
int block_node_status(struct BlockNode *n, uint64_t offset, uint64_t bytes, enum BlockWhere *where, uint64_t *run);

/* ---- memory of requests ---- */

static inline struct BlockView block_view_from(struct BlockView v, uint64_t bytes) {
    v.skip += bytes;
    while (v.niov > 0 && v.skip >= v.iov->iov_len) {
        v.skip -= v.iov->iov_len;
        v.iov++;
        v.niov--;
    }
    return v;
}

/** The first `bytes` of it as an array of at most `max`. How many bytes it is. */
uint64_t block_view_slice(struct BlockView v, uint64_t bytes, struct iovec *out, int max, int *count);
void block_view_zero(struct BlockView v, uint64_t bytes);
void block_view_store(struct BlockView v, const void *from, uint64_t bytes);
void block_view_load(struct BlockView v, void *to, uint64_t bytes);
bool block_view_is_zero(struct BlockView v, uint64_t bytes);
/** Aligned for O_DIRECT; NULL: no memory. free(). */
void *block_buffer(size_t bytes);

#endif
