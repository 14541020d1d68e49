/* SPDX-License-Identifier: MIT */
/**
 * Format "qcow2", versions 2 and 3. Private to this folder; block/node.h's block_qcow2_open is the way in.
 *
 * The format in three lines: guest clusters are found by a table of two levels (L1 in memory, L2 by pieces in a cache),
 * host clusters have reference counts (a table of blocks of counters), and whatever is referenced twice (by a snapshot)
 * is copied before it is written. All numbers are big-endian.
 *
 * One lock, q->lock, is around all metadata; guest data are transferred without it. What guards them is a range
 * (struct Qcow2Range): writes that need a new cluster, and all that frees one, have their guest clusters for
 * themselves, reads and writes in place share theirs; so no cluster is freed and used anew under somebody's transfer.
 *
 * What is on the disk when power fails (qcow2_flush.c): a reference is written when what it leads to is on the disk
 * (counts and data before L2 entries, tables before what points to them), a count is lowered when the reference is gone
 * from the disk. So nothing is ever lost but space.
 */
#ifndef TWIN86_BLOCK_QCOW2_QCOW2_H
#define TWIN86_BLOCK_QCOW2_QCOW2_H

#include "block/node.h"

#include <pthread.h>

enum {
    QCOW2_DIRTY = 1,        /* incompatible features: counts may be wrong */
    QCOW2_CORRUPT = 2,      /* must not be written */
    QCOW2_EXTERNAL = 4,     /* data are in another file */
    QCOW2_COMPRESSION = 8,  /* header byte 104 says which */
    QCOW2_EXTENDED_L2 = 16, /* L2 entries of 16 bytes */
    QCOW2_SLICE = 4096,     /* bytes of a table that are cached together, where clusters are not smaller */
    QCOW2_TOKENS = 64,
};

#define QCOW2_COPIED (1ull << 63)     /* of L1 and L2 entries: the count is exactly 1 */
#define QCOW2_COMPRESSED (1ull << 62) /* of L2 entries */
#define QCOW2_ZERO 1ull               /* of L2 entries, version 3 */
#define QCOW2_OFFSET 0x00fffffffffffe00ull

struct Qcow2Slice {
    uint64_t offset;         /* in the file; 0: empty */
    struct Qcow2Slice *next; /* of the same hash */
    bool dirty, used;        /* used: since the clock's hand came by */
    unsigned char *data;
};

/** Pieces of L2 tables, or of refcount blocks. */
struct Qcow2Cache {
    struct Qcow2Slice *slices, **hash;
    unsigned count, most, buckets, hand, dirty;
};

/** In order of arrival; nobody overtakes somebody it conflicts with. */
struct Qcow2Range {
    struct Qcow2Range *next;
    uint64_t first, last; /* guest clusters */
    bool exclusive, taken;
};

/** Clusters whose count is lowered by one when no entry on the disk leads to them any more. */
struct Qcow2Freed {
    uint64_t cluster, count;
};
struct Qcow2FreedList {
    struct Qcow2Freed *item;
    size_t count, room;
};

enum Qcow2Kind { QCOW2_IS_BEHIND, QCOW2_IS_ZERO, QCOW2_IS_DATA, QCOW2_IS_COMPRESSED };

struct Qcow2Mapping {
    enum Qcow2Kind kind;
    bool copied;
    uint64_t host;       /* DATA: of the byte asked for; ZERO: of its cluster, or 0; COMPRESSED: of the stream */
    uint64_t run;        /* bytes for which this holds, contiguously */
    uint32_t compressed; /* bytes */
};

struct Qcow2 {
    struct BlockNode n;
    unsigned version, cluster_bits, refcount_order;
    uint64_t cluster; /* bytes */
    uint64_t incompatible;
    uint32_t slice; /* bytes */
    bool zstd;
    char *backing_name, *backing_format;
    uint64_t snapshots_offset;
    uint32_t snapshots;
    uint64_t snapshots_bytes;

    pthread_mutex_t range_lock; /* never held while anything else is waited for */
    pthread_cond_t released;
    struct Qcow2Range *ranges;
    struct Qcow2Range tokens[QCOW2_TOKENS];

    pthread_mutex_t lock; /* all below */

    uint64_t l1_offset, *l1; /* entries as the host has numbers */
    uint32_t l1_size, l1_dirty_first, l1_dirty_end;
    uint64_t table_offset, *table;                                       /* of refcount blocks */
    uint64_t table_size, table_used, table_dirty_first, table_dirty_end; /* used: none is set from there on */
    struct Qcow2Cache l2, counts;

    uint64_t free_from;  /* no cluster below is free */
    uint64_t fresh_from; /* byte of the file from which on it was never written, so reads as zeroes */
    struct Qcow2FreedList freed;
    bool broken; /* found corrupt while in use */

    pthread_mutex_t inflate_lock; /* the rest */
    unsigned char *inflated, *deflated;
    uint64_t inflated_from; /* 0: nothing */
    void *zstd_context;
};

static inline struct Qcow2 *qcow2_of(struct BlockNode *n) { return (struct Qcow2 *)n; }
static inline uint64_t qcow2_clusters(const struct Qcow2 *q, uint64_t bytes) {
    return (bytes >> q->cluster_bits) + ((bytes & (q->cluster - 1)) != 0);
}
static inline unsigned qcow2_l2_bits(const struct Qcow2 *q) { return q->cluster_bits - 3; }

/* All functions below are called with q->lock held, but those that say otherwise. They return 0 or -errno. */

/* ---- qcow2_cache.c ---- */
int qcow2_cache_init(struct Qcow2Cache *c, unsigned most);
void qcow2_cache_destroy(struct Qcow2Cache *c);
/** The slice that holds byte `offset` of the file; good until the next call for the same cache. */
int qcow2_cache_get(struct Qcow2 *q, struct Qcow2Cache *c, uint64_t offset, struct Qcow2Slice **slice);
/** Only if it is there; must not block. */
struct Qcow2Slice *qcow2_cache_peek(struct Qcow2 *q, struct Qcow2Cache *c, uint64_t offset);
void qcow2_cache_dirty(struct Qcow2Cache *c, struct Qcow2Slice *slice);
int qcow2_cache_write(struct Qcow2 *q, struct Qcow2Cache *c);
/** Forget slices within these bytes of the file: they are something else now. */
void qcow2_cache_drop(struct Qcow2 *q, struct Qcow2Cache *c, uint64_t offset, uint64_t bytes);

/* ---- qcow2_refcount.c ---- */
int qcow2_count(struct Qcow2 *q, uint64_t cluster, uint64_t *count);
int qcow2_count_add(struct Qcow2 *q, uint64_t cluster, int by);
/** From 1 to `want` clusters beside each other, each with count 1: *first, *got. -ENOSPC. */
int qcow2_allocate(struct Qcow2 *q, uint64_t want, uint64_t *first, uint64_t *got);
/** Exactly so many. */
int qcow2_allocate_all(struct Qcow2 *q, uint64_t want, uint64_t *first);
/** Clusters that nothing on the disk leads to. */
int qcow2_free_now(struct Qcow2 *q, uint64_t cluster, uint64_t count);
/** Clusters whose entry has just been changed in memory. */
int qcow2_free_later(struct Qcow2 *q, uint64_t cluster, uint64_t count);

/** New blocks and a new table behind cluster `end`, where these `counts` (of clusters below it) and their own stand. Of
 * an image that nobody uses. -EOVERFLOW: a count is more than its width can say. */
int qcow2_rebuild(struct Qcow2 *q, const uint16_t *counts, uint64_t end);

/* ---- qcow2_map.c ---- */
/** Where guest bytes are. `peek`: -EAGAIN instead of reading a table. */
int qcow2_map(struct Qcow2 *q, uint64_t offset, uint64_t bytes, bool peek, struct Qcow2Mapping *m);
/** The L2 entry of a guest cluster, for changing: its table is ours alone afterwards. */
int qcow2_entry(struct Qcow2 *q, uint64_t guest_cluster, struct Qcow2Slice **slice, uint64_t **entry);
/** Put `value` there, and free later what was there. */
int qcow2_set(struct Qcow2 *q, uint64_t guest_cluster, uint64_t value);
/** Whether the file's bytes are no guest's data: header, L1, refcount table, snapshot table. */
bool qcow2_is_metadata(const struct Qcow2 *q, uint64_t offset, uint64_t bytes);
/** The image is broken: says so in it, no writes from now on. -EIO. */
int qcow2_broken(struct Qcow2 *q);

/* ---- qcow2_flush.c ---- */
/** All metadata, in order; `sync`: until all is on the disk, and what is freed can be used again. */
int qcow2_write_metadata(struct Qcow2 *q, bool sync);

/* ---- without q->lock ---- */
void qcow2_range_wait(struct Qcow2 *q, struct Qcow2Range *r);
/** Not if that means waiting: NULL. */
struct Qcow2Range *qcow2_range_try(struct Qcow2 *q, uint64_t first, uint64_t last);
void qcow2_range_release(struct Qcow2 *q, struct Qcow2Range *r);
int qcow2_read(struct BlockNode *n, uint64_t offset, uint64_t bytes, struct BlockView v);
int qcow2_write(struct BlockNode *n, uint64_t offset, uint64_t bytes, struct BlockView v);
int qcow2_zeroes(struct BlockNode *n, uint64_t offset, uint64_t bytes, bool unmap);
int qcow2_discard(struct BlockNode *n, uint64_t offset, uint64_t bytes);
int qcow2_empty(struct BlockNode *n);
/** Clusters from `offset` on are as if never written. */
int qcow2_forget(struct Qcow2 *q, uint64_t offset, uint64_t bytes);
int qcow2_flush(struct BlockNode *n);
int qcow2_status(struct BlockNode *n, uint64_t offset, uint64_t bytes, enum BlockWhere *where, uint64_t *run);
bool qcow2_begin(struct BlockNode *n, bool write, uint64_t offset, uint64_t bytes, struct BlockExtent *e);
void qcow2_end(struct BlockNode *n, struct BlockExtent *e);
int qcow2_resize(struct BlockNode *n, uint64_t size, char *why, size_t len);
/** Of what the mapping says: `bytes` from `skip` in the cluster. */
int qcow2_inflate(struct Qcow2 *q, const struct Qcow2Mapping *m, uint64_t skip, uint64_t bytes, struct BlockView v);
bool qcow2_has_zlib(void);
bool qcow2_has_zstd(void);
void qcow2_inflate_destroy(struct Qcow2 *q);
/** Make the counts what the tables say; of an image that was not closed. Nobody else uses it. */
int qcow2_repair(struct Qcow2 *q, char *why, size_t n);
/** Header fields at `offset` of the file: big-endian numbers of 4 or 8 bytes. */
int qcow2_put(struct Qcow2 *q, uint64_t offset, uint64_t value, unsigned size);

#endif
