/* SPDX-License-Identifier: MIT */
/* Opening, making and resizing images. See qcow2.h. */
#include "block/qcow2/qcow2.h"
#include "block/qcow2/qcow2_header.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    L2_CACHE = 32 << 20,   /* bytes at most: for 256 GiB in clusters of 64 KiB, as QEMU */
    COUNT_CACHE = 1 << 20, /* bytes */
    SLICES_LEAST = 256,
};

int qcow2_put(struct Qcow2 *q, uint64_t offset, uint64_t value, unsigned size) {
    unsigned char bytes[8];
    for (unsigned i = size; i-- > 0; value >>= 8)
        bytes[i] = (unsigned char)value;
    return block_node_write(q->n.file, offset, bytes, size);
}

static void close_qcow2(struct BlockNode *n) {
    struct Qcow2 *q = qcow2_of(n);
    qcow2_cache_destroy(&q->l2);
    qcow2_cache_destroy(&q->counts);
    qcow2_inflate_destroy(q);
    free(q->l1);
    free(q->table);
    free(q->freed.item);
    free(q->backing_name);
    free(q->backing_format);
    pthread_mutex_destroy(&q->range_lock);
    pthread_cond_destroy(&q->released);
    pthread_mutex_destroy(&q->lock);
    pthread_mutex_destroy(&q->inflate_lock);
}

static void info(struct BlockNode *n, struct BlockInfo *info) {
    const struct Qcow2 *q = qcow2_of(n);
    info->cluster = (uint32_t)q->cluster;
    info->corrupt = (q->incompatible & QCOW2_CORRUPT) != 0;
    info->dirty = (q->incompatible & QCOW2_DIRTY) != 0;
}

/* Counts that were lowered by the last flush. */
static int finish(struct BlockNode *n) {
    struct Qcow2 *q = qcow2_of(n);
    int r = qcow2_flush(n);
    return r == 0 ? qcow2_cache_write(q, &q->counts) : r;
}

static const struct BlockDriver driver = {
    .name = "qcow2",
    .close = close_qcow2,
    .finish = finish,
    .read = qcow2_read,
    .write = qcow2_write,
    .flush = qcow2_flush,
    .discard = qcow2_discard,
    .zeroes = qcow2_zeroes,
    .resize = qcow2_resize,
    .status = qcow2_status,
    .empty = qcow2_empty,
    .begin = qcow2_begin,
    .end = qcow2_end,
    .info = info,
};

/* ---- opening ---- */

static int read_table(struct Qcow2 *q, uint64_t at, uint64_t entries, uint64_t **table) {
    *table = calloc(entries + 1, 8);
    int r = *table != NULL ? block_node_read(q->n.file, at, *table, entries * 8) : -ENOMEM;
    for (uint64_t i = 0; r == 0 && i < entries; i++)
        (*table)[i] = be64toh((*table)[i]);
    return r;
}

static void take_header(struct Qcow2 *q, const struct Qcow2Header *h) {
    q->version = h->version;
    q->cluster_bits = h->cluster_bits;
    q->cluster = 1ull << h->cluster_bits;
    q->slice = q->cluster < QCOW2_SLICE ? (uint32_t)q->cluster : QCOW2_SLICE;
    q->refcount_order = h->refcount_order;
    q->incompatible = h->incompatible;
    q->zstd = (h->incompatible & QCOW2_COMPRESSION) != 0 && h->compression == 1;
    q->l1_offset = h->l1_offset;
    q->l1_size = h->l1_size;
    q->table_offset = h->table_offset;
    q->table_size = (uint64_t)h->table_clusters << (h->cluster_bits - 3);
    q->snapshots = h->snapshots;
    q->snapshots_offset = h->snapshots_offset;
    q->snapshots_bytes = h->snapshots > 0 ? h->snapshots * 40ull : 0;
    q->fresh_from = (q->n.file->size + q->cluster - 1) & ~(q->cluster - 1);
    q->n.size = h->size & ~511ull;
}

/* For so many tables of a cluster; at least some, for the disk may grow. */
static unsigned slices(const struct Qcow2 *q, uint64_t tables, uint64_t most) {
    uint64_t all = tables * (q->cluster / q->slice);
    all = all < most / q->slice ? all : most / q->slice;
    return all > SLICES_LEAST ? (unsigned)all : SLICES_LEAST;
}

static int read_tables(struct Qcow2 *q) {
    int r = read_table(q, q->l1_offset, q->l1_size, &q->l1);
    if (r == 0 && !q->n.readonly)
        r = read_table(q, q->table_offset, q->table_size, &q->table);
    for (uint64_t i = 0; r == 0 && q->table != NULL && i < q->table_size; i++)
        if (q->table[i] != 0)
            q->table_used = i + 1;
    if (r == 0)
        r = qcow2_cache_init(&q->l2, slices(q, q->l1_size, L2_CACHE));
    return r == 0 ? qcow2_cache_init(&q->counts, COUNT_CACHE / q->slice) : r;
}

/* We write the image now: what other features' data say is not kept true. */
static int begin_writing(struct Qcow2 *q, const struct Qcow2Header *h, struct BlockOpening *open) {
    int r = 0;
    if (q->incompatible & QCOW2_DIRTY && (r = qcow2_repair(q, open->why, open->n)) != 0)
        return r;
    if (h->autoclear != 0)
        r = qcow2_put(q, 88, 0, 8);
    return r == 0 ? 0 : block_refuse(open, r, "'%s' can't be written: %s", q->n.filename, strerror(-r));
}

static int set_up(struct Qcow2 *q, struct BlockOpening *open) {
    struct Qcow2Header h;
    int r = qcow2_header_read(q, &h, open);
    if (r != 0)
        return r;
    take_header(q, &h);
    if (q->zstd && !qcow2_has_zstd())
        return block_refuse(open, -ENOTSUP, "'%s' is compressed by zstd, which this twin86 was built without",
                            q->n.filename);
    r = read_tables(q);
    if (r != 0)
        return block_refuse(open, r, "'%s': its tables can't be read: %s", q->n.filename, strerror(-r));
    return q->n.readonly ? 0 : begin_writing(q, &h, open);
}

int block_qcow2_open(struct BlockNode **out, struct BlockNode *file, struct BlockOpening *open) {
    struct Qcow2 *q = block_node_new(&driver, sizeof(*q), file->filename);
    if (q == NULL)
        return block_refuse(open, -ENOMEM, "out of memory");
    pthread_mutex_init(&q->range_lock, NULL);
    pthread_cond_init(&q->released, NULL);
    pthread_mutex_init(&q->lock, NULL);
    pthread_mutex_init(&q->inflate_lock, NULL);
    q->n.file = file;
    q->n.readonly = file->readonly;
    q->n.align = file->align;
    q->n.discard = open->o->discard == BLOCK_DISCARD_UNMAP;
    int r = set_up(q, open);
    if (r == 0)
        r = block_node_open_backing(&q->n, q->backing_name, q->backing_format, open);
    if (r != 0) {
        q->n.file = NULL; /* the caller's */
        block_node_close(&q->n);
        return r;
    }
    *out = &q->n;
    return 0;
}

/* ---- making ---- */

static void put(unsigned char *p, unsigned at, uint64_t value, unsigned size) {
    for (unsigned i = size; i-- > 0; value >>= 8)
        p[at + i] = (unsigned char)value;
}

/* Header, refcount table, one block of counts, L1 table: in this order, a cluster each but for the L1 table. */
int block_qcow2_create(struct BlockNode *file, uint64_t size) {
    enum { BITS = 16, CLUSTER = 1 << BITS };
    uint64_t entries = (size >> (2 * BITS - 3)) + 1, clusters = (entries * 8 + CLUSTER - 1) / CLUSTER;
    unsigned char *p = calloc(3, CLUSTER);
    char why[BLOCK_WHY];
    if (p == NULL)
        return -ENOMEM;
    memcpy(p, "QFI\xfb", 4);
    put(p, 4, 3, 4);
    put(p, 20, BITS, 4);
    put(p, 24, size, 8);
    put(p, 36, entries, 4);
    put(p, 40, 3 * CLUSTER, 8);
    put(p, 48, CLUSTER, 8);
    put(p, 56, 1, 4);
    put(p, 96, 4, 4);
    put(p, 100, 104, 4);
    put(p, CLUSTER, 2 * CLUSTER, 8);
    for (uint64_t i = 0; i < 3 + clusters; i++)
        put(p, (unsigned)(2 * CLUSTER + 2 * i), 1, 2);
    int r = file->driver->resize(file, (3 + clusters) * CLUSTER, why, sizeof(why));
    if (r == 0)
        r = block_node_write(file, 0, p, 3 * CLUSTER);
    free(p);
    return r;
}
