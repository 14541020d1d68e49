/* SPDX-License-Identifier: MIT */
/* Reference counts of host clusters, and finding free ones. See qcow2.h. */
#include "block/qcow2/qcow2.h"

#include "base/bytes.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEARCH_MOST = 1 << 20,        /* used clusters that are passed by, until the file's end is taken */
    FREED_MOST = 1 << 16,         /* items that wait for a sync */
    TABLE_MOST = 8 * 1024 * 1024, /* bytes: QEMU's limit */
    GROW = 1 << 20,               /* bytes by which the file grows at least */
};

/* ---- counters ---- */

static unsigned entry_bits(const struct Qcow2 *q) { return q->cluster_bits + 3 - q->refcount_order; } /* of a block */

static uint64_t count_max(const struct Qcow2 *q) { return UINT64_MAX >> (64 - (1u << q->refcount_order)); }

static uint64_t load(const struct Qcow2 *q, const unsigned char *data, uint64_t index) {
    unsigned order = q->refcount_order;
    if (order < 3) /* several in a byte, the first in its lowest bits */
        return data[index >> (3 - order)] >> ((index << order) & 7) & count_max(q);
    unsigned size = 1u << (order - 3);
    return get_be(data + index * size, size);
}

static void store(const struct Qcow2 *q, unsigned char *data, uint64_t index, uint64_t value) {
    unsigned order = q->refcount_order;
    if (order < 3) {
        unsigned char *byte = &data[index >> (3 - order)], shift = (index << order) & 7;
        *byte = (unsigned char)((*byte & ~(count_max(q) << shift)) | value << shift);
        return;
    }
    unsigned size = 1u << (order - 3);
    put_be(data + index * size, value, size);
}

/* The slice with a cluster's counter and its index there; *slice is NULL where no block is. */
static int counter(struct Qcow2 *q, uint64_t cluster, struct Qcow2Slice **slice, uint64_t *index) {
    uint64_t block = cluster >> entry_bits(q), within = cluster & ((1ull << entry_bits(q)) - 1);
    uint64_t at = block < q->table_size ? q->table[block] & ~511ull : 0;
    *slice = NULL;
    if (at == 0)
        return 0;
    if ((at & (q->cluster - 1)) != 0)
        return qcow2_broken(q);
    uint64_t byte = within << q->refcount_order >> 3;
    *index = (within - (byte / q->slice * q->slice << 3 >> q->refcount_order));
    return qcow2_cache_get(q, &q->counts, at + byte, slice);
}

int qcow2_count(struct Qcow2 *q, uint64_t cluster, uint64_t *count) {
    struct Qcow2Slice *s;
    uint64_t index;
    int r = counter(q, cluster, &s, &index);
    *count = r == 0 && s != NULL ? load(q, s->data, index) : 0;
    return r;
}

static void set_hint(struct Qcow2 *q, uint64_t cluster) {
    if (cluster < q->free_from)
        q->free_from = cluster;
}

int qcow2_count_add(struct Qcow2 *q, uint64_t cluster, int by) {
    struct Qcow2Slice *s;
    uint64_t index;
    int r = counter(q, cluster, &s, &index);
    if (r != 0)
        return r;
    uint64_t count = s != NULL ? load(q, s->data, index) : 0;
    if (s == NULL || (by < 0 && count == 0))
        return qcow2_broken(q);
    if (by > 0 && count == count_max(q))
        return -ENOSPC;
    store(q, s->data, index, count + (uint64_t)(int64_t)by);
    qcow2_cache_dirty(&q->counts, s);
    if (by < 0 && count == 1)
        set_hint(q, cluster);
    return 0;
}

/* The file is long enough for all that is allocated, so that nobody who writes data makes it longer. */
static int grow_file(struct Qcow2 *q, uint64_t end) {
    char why[BLOCK_WHY];
    if (end <= q->n.file->size)
        return 0;
    uint64_t size = (end + GROW - 1) / GROW * GROW;
    return q->n.file->driver->resize(q->n.file, size, why, sizeof(why)) == 0 ? 0 : -ENOSPC;
}

/* ---- blocks and their table ---- */

/* Room for the counter of `cluster`, which is free for want of a block: the new block takes just this cluster, and its
 * first counter that is set is its own. */
static int add_block(struct Qcow2 *q, uint64_t cluster) {
    uint64_t block = cluster >> entry_bits(q), at = cluster << q->cluster_bits;
    unsigned char *data = block_buffer(q->cluster);
    if (data == NULL)
        return -ENOMEM;
    memset(data, 0, q->cluster);
    store(q, data, cluster & ((1ull << entry_bits(q)) - 1), 1);
    qcow2_cache_drop(q, &q->counts, at, q->cluster);
    qcow2_cache_drop(q, &q->l2, at, q->cluster);
    int r = block_node_write(q->n.file, at, data, q->cluster);
    free(data);
    if (r != 0)
        return r;
    q->table[block] = at;
    q->table_used = block + 1 > q->table_used ? block + 1 : q->table_used;
    if (q->table_dirty_first == q->table_dirty_end)
        q->table_dirty_first = q->table_dirty_end = block;
    q->table_dirty_first = block < q->table_dirty_first ? block : q->table_dirty_first;
    q->table_dirty_end = block + 1 > q->table_dirty_end ? block + 1 : q->table_dirty_end;
    return 0;
}

/* Blocks with counts 1 for clusters [first, end), which begin with these blocks. */
static int write_first_blocks(struct Qcow2 *q, uint64_t *table, uint64_t first, uint64_t end) {
    uint64_t entries = 1ull << entry_bits(q), at = first;
    unsigned char *data = block_buffer(q->cluster);
    int r = data != NULL ? 0 : -ENOMEM;
    for (uint64_t block = first / entries; r == 0 && block * entries < end; block++, at++) {
        memset(data, 0, q->cluster);
        for (uint64_t i = 0; i < entries; i++)
            if (block * entries + i >= first && block * entries + i < end)
                store(q, data, i, 1);
        table[block] = at << q->cluster_bits;
        qcow2_cache_drop(q, &q->counts, table[block], q->cluster);
        qcow2_cache_drop(q, &q->l2, table[block], q->cluster);
        r = block_node_write(q->n.file, table[block], data, q->cluster);
    }
    free(data);
    return r;
}

static int write_new_table(struct Qcow2 *q, const uint64_t *table, uint64_t size, uint64_t cluster) {
    uint64_t *be = block_buffer(size * 8);
    if (be == NULL)
        return -ENOMEM;
    for (uint64_t i = 0; i < size; i++)
        be[i] = htobe64(table[i]);
    int r = block_node_write(q->n.file, cluster << q->cluster_bits, be, size * 8);
    free(be);
    return r;
}

/* Offset and number of clusters are beside each other, and in one sector: both change or none does. */
static int point_header(struct Qcow2 *q, uint64_t cluster, uint64_t clusters) {
    unsigned char field[12];
    put_be64(field, cluster << q->cluster_bits);
    put_be32(field + 8, (uint32_t)clusters);
    int r = q->n.file->driver->flush(q->n.file);
    if (r == 0)
        r = block_node_write(q->n.file, 48, field, sizeof(field));
    return r == 0 ? q->n.file->driver->flush(q->n.file) : r;
}

/* If `r` is 0: write the table to `cluster` and take the old one's place with it. On any error it is freed. */
static int take_table(struct Qcow2 *q, int r, uint64_t *table, uint64_t size, uint64_t cluster, uint64_t clusters) {
    if (r == 0)
        r = write_new_table(q, table, size, cluster);
    if (r == 0)
        r = point_header(q, cluster, clusters);
    if (r != 0) {
        free(table);
        return r;
    }
    free(q->table);
    q->table = table;
    q->table_size = size;
    q->table_offset = cluster << q->cluster_bits;
    return 0;
}

/* A larger table, for the counter of `cluster` at least: with blocks for itself behind all that the old one covers. */
static int grow_table(struct Qcow2 *q, uint64_t cluster) {
    uint64_t entries = 1ull << entry_bits(q), per_cluster = q->cluster / 8;
    uint64_t first = q->table_size * entries, blocks = 0, clusters, size;
    first = cluster > first ? cluster : first;
    size = first / entries + q->table_size / 2;
    do {
        size += 1 + blocks;
        clusters = (size + per_cluster - 1) / per_cluster;
        size = clusters * per_cluster;
        blocks = (first + blocks + clusters) / entries - first / entries + 1;
    } while (first + blocks + clusters > size * entries || (first % entries + blocks + clusters) > blocks * entries);
    if (size * 8 > TABLE_MOST)
        return -ENOSPC;
    uint64_t *table = calloc(size, 8), old = q->table_offset, old_size = q->table_size;
    int r = table != NULL ? qcow2_write_metadata(q, true) : -ENOMEM;
    if (r == 0) {
        memcpy(table, q->table, old_size * 8);
        r = write_first_blocks(q, table, first, first + blocks + clusters);
    }
    r = take_table(q, r, table, size, first + blocks, clusters);
    if (r != 0)
        return r;
    q->table_used = (first + blocks + clusters - 1) / entries + 1;
    uint64_t end = (first + blocks + clusters) << q->cluster_bits;
    q->fresh_from = end > q->fresh_from ? end : q->fresh_from;
    return qcow2_free_now(q, old >> q->cluster_bits, old_size / per_cluster);
}

static uint64_t count_of(const uint16_t *counts, uint64_t end, uint64_t all, uint64_t cluster) {
    return cluster < end ? counts[cluster] : cluster < all;
}

/* All blocks, from cluster `end` on. */
static int write_all_blocks(struct Qcow2 *q, uint64_t *table, const uint16_t *counts, uint64_t end, uint64_t all) {
    uint64_t entries = 1ull << entry_bits(q);
    unsigned char *data = block_buffer(q->cluster);
    int r = data != NULL ? 0 : -ENOMEM;
    for (uint64_t block = 0; r == 0 && block * entries < all; block++) {
        memset(data, 0, q->cluster);
        for (uint64_t i = 0; i < entries && r == 0; i++) {
            uint64_t count = count_of(counts, end, all, block * entries + i);
            r = count > count_max(q) ? -EOVERFLOW : 0;
            store(q, data, i, count);
        }
        table[block] = (end + block) << q->cluster_bits;
        if (r == 0)
            r = block_node_write(q->n.file, table[block], data, q->cluster);
    }
    free(data);
    return r;
}

int qcow2_rebuild(struct Qcow2 *q, const uint16_t *counts, uint64_t end) {
    uint64_t entries = 1ull << entry_bits(q), per_cluster = q->cluster / 8, blocks = 0, clusters = 0, before;
    do {
        before = blocks + clusters;
        blocks = (end + before + entries - 1) / entries;
        clusters = (blocks + per_cluster - 1) / per_cluster;
    } while (blocks + clusters != before);
    uint64_t size = clusters * per_cluster;
    if (size * 8 > TABLE_MOST)
        return -EFBIG;
    uint64_t *table = calloc(size, 8);
    int r = table == NULL ? -ENOMEM : grow_file(q, (end + blocks + clusters) << q->cluster_bits);
    if (r == 0)
        r = write_all_blocks(q, table, counts, end, end + blocks + clusters);
    r = take_table(q, r, table, size, end + blocks, clusters);
    if (r != 0)
        return r;
    q->table_used = blocks;
    q->free_from = 0;
    q->fresh_from = (q->n.file->size + q->cluster - 1) & ~(q->cluster - 1);
    return 0;
}

/* ---- allocating ---- */

/* Whether a cluster that the counts call free is one that is in use: then the counts are wrong. */
static bool in_use(const struct Qcow2 *q, uint64_t cluster) {
    uint64_t at = cluster << q->cluster_bits;
    if (qcow2_is_metadata(q, at, q->cluster))
        return true;
    for (uint32_t i = 0; i < q->l1_size; i++)
        if ((q->l1[i] & QCOW2_OFFSET) == at)
            return true;
    for (uint64_t i = 0; i < q->table_used; i++)
        if (q->table[i] == at)
            return true;
    return false;
}

/* The next free cluster at or after q->free_from, with a counter. */
static int find_free(struct Qcow2 *q, uint64_t *cluster) {
    uint64_t passed = 0;
    for (uint64_t c = q->free_from;; c++) {
        struct Qcow2Slice *s;
        uint64_t index;
        if (c << q->cluster_bits > QCOW2_OFFSET)
            return -ENOSPC;
        if (c >> entry_bits(q) >= q->table_size) {
            int r = grow_file(q, (c + 1) << q->cluster_bits);
            if (r == 0)
                r = grow_table(q, c);
            if (r != 0)
                return r;
        }
        int r = counter(q, c, &s, &index);
        if (r == 0 && s == NULL) {
            r = in_use(q, c) ? qcow2_broken(q) : grow_file(q, (c + 1) << q->cluster_bits);
            if (r == 0)
                r = add_block(q, c);
            if (r == 0)
                continue; /* c is the block's own */
        }
        if (r != 0)
            return r;
        if (s != NULL && load(q, s->data, index) == 0) {
            q->free_from = c;
            *cluster = c;
            return 0;
        }
        if (++passed == SEARCH_MOST) /* who made such an image? */
            c = (q->n.file->size >> q->cluster_bits) > c ? q->n.file->size >> q->cluster_bits : c;
        else if (passed > 2 * SEARCH_MOST)
            return qcow2_broken(q);
    }
}

int qcow2_allocate(struct Qcow2 *q, uint64_t want, uint64_t *first, uint64_t *got) {
    uint64_t c = 0, count = 0;
    int r = find_free(q, &c);
    if (r != 0)
        return r;
    *first = c;
    for (uint64_t n = 0; r == 0 && n < want; n++, c++) {
        r = n == 0 ? 0 : qcow2_count(q, c, &count);
        if (r != 0 || count != 0 || c >> entry_bits(q) >= q->table_size || q->table[c >> entry_bits(q)] == 0)
            break;
        if (in_use(q, c))
            r = qcow2_broken(q);
        if (r == 0)
            r = qcow2_count_add(q, c, 1);
        if (r == 0)
            q->free_from = c + 1;
    }
    *got = r == 0 ? c - *first : 0;
    if (r == 0)
        r = grow_file(q, c << q->cluster_bits);
    if (r == 0 && c << q->cluster_bits > q->fresh_from)
        q->fresh_from = c << q->cluster_bits;
    if (r != 0 && c > *first)
        qcow2_free_now(q, *first, c - *first);
    return r;
}

int qcow2_allocate_all(struct Qcow2 *q, uint64_t want, uint64_t *first) {
    uint64_t got = 0, next, more;
    int r = qcow2_allocate(q, want, first, &got);
    while (r == 0 && got < want) {
        r = qcow2_allocate(q, want - got, &next, &more);
        if (r == 0 && next == *first + got) {
            got += more;
            continue;
        }
        /* Not beside each other: what is too short stays taken for now, so that the search goes on behind it. */
        int freed = qcow2_free_later(q, *first, got);
        *first = next;
        got = r == 0 ? more : 0;
        r = r == 0 ? freed : r;
    }
    return r;
}

/* ---- freeing ---- */

int qcow2_free_now(struct Qcow2 *q, uint64_t cluster, uint64_t count) {
    int r = 0;
    for (uint64_t c = cluster; c < cluster + count && r == 0; c++) {
        uint64_t left = 0;
        r = qcow2_count_add(q, c, -1);
        if (r == 0)
            r = qcow2_count(q, c, &left);
        if (r != 0 || left != 0)
            continue;
        qcow2_cache_drop(q, &q->l2, c << q->cluster_bits, q->cluster);
        if (q->n.discard)
            block_node_discard(q->n.file, c << q->cluster_bits, q->cluster);
    }
    return r;
}

int qcow2_free_later(struct Qcow2 *q, uint64_t cluster, uint64_t count) {
    struct Qcow2FreedList *l = &q->freed;
    struct Qcow2Freed *last = l->count > 0 ? &l->item[l->count - 1] : NULL;
    if (count == 0)
        return 0;
    if (last != NULL && last->cluster + last->count == cluster) {
        last->count += count;
        return 0;
    }
    if (l->count == FREED_MOST) {
        int r = qcow2_write_metadata(q, true);
        if (r != 0)
            return r;
    }
    if (l->count == l->room) {
        size_t room = l->room > 0 ? 2 * l->room : 64;
        struct Qcow2Freed *item = realloc(l->item, room * sizeof(*item));
        if (item == NULL)
            return 0; /* a leak, which qemu-img check finds */
        l->item = item;
        l->room = room;
    }
    l->item[l->count++] = (struct Qcow2Freed){cluster, count};
    return 0;
}
