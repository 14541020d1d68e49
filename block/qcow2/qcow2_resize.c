/* SPDX-License-Identifier: MIT */
/* A disk of another size. Nothing else uses the node meanwhile. See qcow2.h. */
#include "block/qcow2/qcow2.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { L1_MOST = 32 << 20 };

static int sync_file(struct Qcow2 *q) { return q->n.file->driver->flush(q->n.file); }

static int write_l1(struct Qcow2 *q, const uint64_t *l1, uint32_t size, uint64_t cluster) {
    uint64_t bytes = qcow2_clusters(q, size * 8ull) << q->cluster_bits;
    uint64_t *be = block_buffer(bytes);
    if (be == NULL)
        return -ENOMEM;
    memset(be, 0, bytes);
    for (uint32_t i = 0; i < size; i++)
        be[i] = htobe64(l1[i]);
    int r = block_node_write(q->n.file, cluster << q->cluster_bits, be, bytes);
    free(be);
    return r;
}

/* Size and place of the L1 table are beside each other in one sector. */
static int point_header(struct Qcow2 *q, uint32_t size, uint64_t offset) {
    unsigned char field[12];
    uint32_t be_size = htobe32(size);
    uint64_t be_offset = htobe64(offset);
    memcpy(field, &be_size, 4);
    memcpy(field + 4, &be_offset, 8);
    int r = block_node_write(q->n.file, 36, field, sizeof(field));
    return r == 0 ? sync_file(q) : r;
}

/* With the lock. */
static int grow_l1(struct Qcow2 *q, uint64_t size) {
    uint64_t first, clusters = qcow2_clusters(q, size * 8), old = qcow2_clusters(q, q->l1_size * 8ull);
    if (size <= q->l1_size)
        return 0;
    if (size * 8 > L1_MOST)
        return -EFBIG;
    uint64_t *l1 = calloc(size, 8);
    int r = l1 != NULL ? qcow2_allocate_all(q, clusters, &first) : -ENOMEM;
    if (r == 0)
        r = qcow2_write_metadata(q, true); /* counts too; nothing of the old table is dirty afterwards */
    if (r == 0) {
        memcpy(l1, q->l1, q->l1_size * 8ull);
        r = write_l1(q, l1, (uint32_t)size, first);
    }
    if (r == 0)
        r = sync_file(q);
    if (r == 0)
        r = point_header(q, (uint32_t)size, first << q->cluster_bits);
    if (r != 0) {
        free(l1);
        return r;
    }
    uint64_t old_at = q->l1_offset >> q->cluster_bits;
    free(q->l1);
    q->l1 = l1;
    q->l1_size = (uint32_t)size;
    q->l1_offset = first << q->cluster_bits;
    return qcow2_free_now(q, old_at, old);
}

/* What appears must be zeroes: neither what is left in the last cluster, nor a longer backing file's data. */
static int clear(struct Qcow2 *q, uint64_t from, uint64_t to) {
    uint64_t end = (from + q->cluster - 1) & ~(q->cluster - 1);
    if (q->n.backing != NULL && q->n.backing->size > end)
        end = q->n.backing->size;
    end = end < to ? end : to;
    return end > from ? block_node_zeroes(&q->n, from, end - from, true) : 0;
}

static int grow(struct Qcow2 *q, uint64_t old, uint64_t size) {
    unsigned bits = 2 * q->cluster_bits - 3;
    pthread_mutex_lock(&q->lock);
    int r = grow_l1(q, (size + (1ull << bits) - 1) >> bits);
    pthread_mutex_unlock(&q->lock);
    if (r != 0)
        return r;
    q->n.size = size;
    r = clear(q, old, size);
    if (r == 0)
        r = qcow2_flush(&q->n);
    if (r != 0)
        q->n.size = old;
    return r;
}

static int shrink(struct Qcow2 *q, uint64_t old, uint64_t size) {
    uint64_t first = (size + q->cluster - 1) & ~(q->cluster - 1);
    int r = first < old ? qcow2_forget(q, first, old - first) : 0;
    q->n.size = size;
    return r == 0 ? qcow2_flush(&q->n) : r;
}

int qcow2_resize(struct BlockNode *n, uint64_t size, char *why, size_t len) {
    struct Qcow2 *q = qcow2_of(n);
    uint64_t old = n->size;
    if (q->snapshots > 0 && (q->version < 3 || size < old)) {
        snprintf(why, len, "'%s' has internal snapshots, whose sizes %s", n->filename,
                 q->version < 3 ? "version 2 does not keep" : "would be cut off");
        return -ENOTSUP;
    }
    int r = size > old ? grow(q, old, size) : shrink(q, old, size);
    if (r == 0)
        r = qcow2_put(q, 24, size, 8);
    if (r == 0)
        r = sync_file(q);
    if (r != 0)
        snprintf(why, len, "'%s' can't be resized: %s", n->filename, strerror(-r));
    return r;
}
