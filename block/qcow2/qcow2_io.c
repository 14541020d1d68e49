/* SPDX-License-Identifier: MIT */
/* Reading and writing guest data. See qcow2.h. */
#include "block/qcow2/qcow2.h"

#include <stdlib.h>
#include <string.h>

enum { WRITE_MOST = 8 << 20 }; /* bytes whose clusters are allocated at once, at least one cluster */

static struct BlockNode *file_of(struct Qcow2 *q) { return q->n.file; }

static uint64_t cluster_of(const struct Qcow2 *q, uint64_t offset) { return offset >> q->cluster_bits; }

static struct Qcow2Range range_of(const struct Qcow2 *q, uint64_t offset, uint64_t bytes, bool exclusive) {
    return (struct Qcow2Range){
        .first = cluster_of(q, offset), .last = cluster_of(q, offset + bytes - 1), .exclusive = exclusive};
}

static int map_locked(struct Qcow2 *q, uint64_t offset, uint64_t bytes, struct Qcow2Mapping *m) {
    pthread_mutex_lock(&q->lock);
    int r = qcow2_map(q, offset, bytes, false, m);
    pthread_mutex_unlock(&q->lock);
    return r;
}

/* ---- reading ---- */

static int read_behind(struct Qcow2 *q, uint64_t offset, uint64_t bytes, struct BlockView v) {
    struct BlockNode *b = q->n.backing;
    uint64_t size = b != NULL ? b->size : 0;
    uint64_t there = offset >= size ? 0 : bytes < size - offset ? bytes : size - offset;
    int r = there > 0 ? b->driver->read(b, offset, there, v) : 0;
    if (r == 0 && there < bytes)
        block_view_zero(block_view_from(v, there), bytes - there);
    return r;
}

static int read_run(struct Qcow2 *q, uint64_t offset, const struct Qcow2Mapping *m, struct BlockView v) {
    switch (m->kind) {
    case QCOW2_IS_BEHIND: return read_behind(q, offset, m->run, v);
    case QCOW2_IS_ZERO: block_view_zero(v, m->run); return 0;
    case QCOW2_IS_DATA: return file_of(q)->driver->read(file_of(q), m->host, m->run, v);
    case QCOW2_IS_COMPRESSED: return qcow2_inflate(q, m, offset & (q->cluster - 1), m->run, v);
    }
    return -EIO;
}

/* The caller has the range. */
static int read_all(struct Qcow2 *q, uint64_t offset, uint64_t bytes, struct BlockView v) {
    int r = 0;
    while (r == 0 && bytes > 0) {
        struct Qcow2Mapping m;
        r = map_locked(q, offset, bytes, &m);
        if (r == 0)
            r = read_run(q, offset, &m, v);
        if (r == 0) {
            v = block_view_from(v, m.run);
            offset += m.run;
            bytes -= m.run;
        }
    }
    return r;
}

int qcow2_read(struct BlockNode *n, uint64_t offset, uint64_t bytes, struct BlockView v) {
    struct Qcow2 *q = qcow2_of(n);
    struct Qcow2Range range = range_of(q, offset, bytes, false);
    if (bytes == 0)
        return 0;
    qcow2_range_wait(q, &range);
    int r = read_all(q, offset, bytes, v);
    qcow2_range_release(q, &range);
    return r;
}

/* ---- writing ---- */

static bool in_place(const struct Qcow2Mapping *m) { return m->kind == QCOW2_IS_DATA && m->copied; }

/* New clusters for guest bytes; or the one that stands ready behind a zero entry. */
struct Target {
    uint64_t first, clusters; /* host clusters */
    bool fresh;               /* read as zeroes */
    bool reused;
};

static int choose_target(struct Qcow2 *q, uint64_t offset, uint64_t bytes, const struct Qcow2Mapping *m,
                         struct Target *t) {
    uint64_t fresh_from = q->fresh_from;
    *t = (struct Target){0};
    if (m->kind == QCOW2_IS_ZERO && m->host != 0 && m->copied) {
        *t = (struct Target){.first = cluster_of(q, m->host), .clusters = 1, .reused = true};
        return qcow2_is_metadata(q, m->host, q->cluster) ? qcow2_broken(q) : 0;
    }
    int r = qcow2_allocate(q, cluster_of(q, offset + bytes - 1) - cluster_of(q, offset) + 1, &t->first, &t->clusters);
    t->fresh = r == 0 && t->first << q->cluster_bits >= fresh_from;
    return r;
}

/* What a part of a cluster holds that the guest does not write now, from where it is to where it will be. */
static int fill(struct Qcow2 *q, uint64_t offset, uint64_t bytes, const struct Qcow2Mapping *m, bool fresh,
                uint64_t host) {
    bool zero = m->kind == QCOW2_IS_ZERO ||
                (m->kind == QCOW2_IS_BEHIND && (q->n.backing == NULL || offset >= q->n.backing->size));
    if (bytes == 0 || (zero && fresh))
        return 0;
    unsigned char *data = block_buffer(bytes);
    struct iovec iov = {data, bytes};
    uint64_t there = offset < q->n.size ? q->n.size - offset : 0; /* the last cluster may go beyond the disk's end */
    int r = data != NULL ? 0 : -ENOMEM;
    there = there < bytes ? there : bytes;
    if (data != NULL)
        memset(data, 0, bytes);
    if (r == 0 && !zero && there > 0)
        r = read_all(q, offset, there, (struct BlockView){&iov, 1, 0});
    if (r == 0)
        r = block_node_write(file_of(q), host, data, bytes);
    free(data);
    return r;
}

static int write_target(struct Qcow2 *q, uint64_t offset, uint64_t bytes, const struct Qcow2Mapping *m,
                        const struct Target *t, struct BlockView v) {
    uint64_t skip = offset & (q->cluster - 1), host = t->first << q->cluster_bits;
    uint64_t end = skip + bytes, tail = (q->cluster - (end & (q->cluster - 1))) & (q->cluster - 1);
    int r = fill(q, offset - skip, skip, m, t->fresh, host);
    if (r == 0)
        r = file_of(q)->driver->write(file_of(q), host + skip, bytes, v);
    if (r == 0)
        r = fill(q, offset + bytes, tail, m, t->fresh, host + end);
    return r;
}

/* With the lock: the guest's clusters are there from now on. */
static int link_target(struct Qcow2 *q, uint64_t offset, const struct Target *t) {
    int r = 0;
    for (uint64_t i = 0; i < t->clusters && r == 0; i++) {
        r = qcow2_set(q, cluster_of(q, offset) + i, (t->first + i) << q->cluster_bits | QCOW2_COPIED);
        if (r != 0 && !t->reused)
            qcow2_free_now(q, t->first + i, t->clusters - i);
    }
    return r;
}

/* With the lock, which is given back meanwhile; *done: how much of it was written. */
static int write_new(struct Qcow2 *q, uint64_t offset, uint64_t bytes, const struct Qcow2Mapping *m, struct BlockView v,
                     uint64_t *done) {
    struct Target t;
    uint64_t skip = offset & (q->cluster - 1);
    bytes = bytes < WRITE_MOST - skip ? bytes : WRITE_MOST - skip;
    int r = choose_target(q, offset, bytes, m, &t);
    if (r != 0)
        return r;
    if (skip + bytes > t.clusters << q->cluster_bits)
        bytes = (t.clusters << q->cluster_bits) - skip;
    t.clusters = qcow2_clusters(q, skip + bytes);
    pthread_mutex_unlock(&q->lock);
    r = write_target(q, offset, bytes, m, &t, v);
    pthread_mutex_lock(&q->lock);
    if (r == 0)
        r = link_target(q, offset, &t);
    else if (!t.reused)
        qcow2_free_now(q, t.first, t.clusters);
    *done = bytes;
    return r;
}

/* With the lock: the same, into clusters that are there. */
static int write_there(struct Qcow2 *q, const struct Qcow2Mapping *m, struct BlockView v, uint64_t *done) {
    if (qcow2_is_metadata(q, m->host, m->run))
        return qcow2_broken(q);
    pthread_mutex_unlock(&q->lock);
    int r = file_of(q)->driver->write(file_of(q), m->host, m->run, v);
    pthread_mutex_lock(&q->lock);
    *done = m->run;
    return r;
}

/* Some of it, as far as one mapping goes. *alone: whether the range must be ours; if that turns out too late, nothing
 * is done yet and it is to be asked again. */
static int write_some(struct Qcow2 *q, uint64_t offset, uint64_t bytes, struct BlockView v, bool *alone,
                      uint64_t *done) {
    struct Qcow2Range range = range_of(q, offset, bytes, *alone);
    struct Qcow2Mapping m;
    qcow2_range_wait(q, &range);
    pthread_mutex_lock(&q->lock);
    int r = q->n.no_write != 0 ? q->n.no_write : qcow2_map(q, offset, bytes, false, &m);
    *done = 0;
    if (r == 0 && in_place(&m))
        r = write_there(q, &m, v, done);
    else if (r == 0 && *alone)
        r = write_new(q, offset, m.run, &m, v, done);
    else if (r == 0)
        *alone = true;
    pthread_mutex_unlock(&q->lock);
    qcow2_range_release(q, &range);
    return r;
}

int qcow2_write(struct BlockNode *n, uint64_t offset, uint64_t bytes, struct BlockView v) {
    struct Qcow2 *q = qcow2_of(n);
    bool alone = false;
    while (bytes > 0) {
        struct Qcow2Mapping m;
        uint64_t done;
        int r = map_locked(q, offset, bytes, &m);
        if (r != 0)
            return r;
        alone = alone || !in_place(&m);
        r = write_some(q, offset, m.run, v, &alone, &done);
        if (r != 0)
            return r;
        v = block_view_from(v, done);
        offset += done;
        bytes -= done;
        if (done > 0)
            alone = false;
    }
    return 0;
}

/* ---- one plain transfer ---- */

bool qcow2_begin(struct BlockNode *n, bool write, uint64_t offset, uint64_t bytes, struct BlockExtent *e) {
    struct Qcow2 *q = qcow2_of(n);
    struct Qcow2Mapping m;
    struct Qcow2Range *token = bytes > 0 && file_of(q)->driver->begin != NULL
                                   ? qcow2_range_try(q, cluster_of(q, offset), cluster_of(q, offset + bytes - 1))
                                   : NULL;
    if (token == NULL)
        return false;
    bool plain = pthread_mutex_trylock(&q->lock) == 0;
    if (plain) {
        plain = qcow2_map(q, offset, bytes, true, &m) == 0 && m.kind == QCOW2_IS_DATA && m.run == bytes &&
                (!write || (m.copied && q->n.no_write == 0 && !qcow2_is_metadata(q, m.host, bytes)));
        pthread_mutex_unlock(&q->lock);
    }
    if (plain && file_of(q)->driver->begin(file_of(q), write, m.host, bytes, e)) {
        e->token = token;
        return true;
    }
    qcow2_range_release(q, token);
    return false;
}

void qcow2_end(struct BlockNode *n, struct BlockExtent *e) { qcow2_range_release(qcow2_of(n), e->token); }

int qcow2_status(struct BlockNode *n, uint64_t offset, uint64_t bytes, enum BlockWhere *where, uint64_t *run) {
    static const enum BlockWhere of_kind[] = {[QCOW2_IS_BEHIND] = BLOCK_BEHIND,
                                              [QCOW2_IS_ZERO] = BLOCK_ZERO,
                                              [QCOW2_IS_DATA] = BLOCK_HERE,
                                              [QCOW2_IS_COMPRESSED] = BLOCK_HERE};
    struct Qcow2Mapping m;
    int r = map_locked(qcow2_of(n), offset, bytes, &m);
    if (r == 0) {
        *where = of_kind[m.kind];
        *run = m.run;
    }
    return r;
}
