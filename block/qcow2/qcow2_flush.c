/* SPDX-License-Identifier: MIT */
/*
 * Writing metadata so that power may fail at any moment:
 *
 *   1. counts (raised ones above all), and by other hands before: data, new tables' contents;     sync
 *   2. the refcount table's entries for new blocks;                                               sync
 *   3. L2 entries and L1 entries, which lead to what 1 and 2 have made last;                      sync
 *   4. in memory: counts of clusters that 3 has left are lowered. They reach the disk with a next 1.
 *
 * A step without changes needs no sync. Within a step the order does not matter: a new L2 table's contents were written
 * before 1, so an L1 entry that is there before its entries leads to an empty table, or to a copy of the old one.
 */
#include "block/qcow2/qcow2.h"

#include <endian.h>
#include <stdlib.h>

static int sync_file(struct Qcow2 *q) { return q->n.file->driver->flush(q->n.file); }

static int write_table(struct Qcow2 *q, uint64_t at, const uint64_t *table, uint64_t first, uint64_t end) {
    uint64_t buffer[512];
    int r = 0;
    while (r == 0 && first < end) {
        uint64_t n = end - first < 512 ? end - first : 512;
        for (uint64_t i = 0; i < n; i++)
            buffer[i] = htobe64(table[first + i]);
        r = block_node_write(q->n.file, at + first * 8, buffer, n * 8);
        first += n;
    }
    return r;
}

static bool step3_needed(const struct Qcow2 *q) { return q->l2.dirty > 0 || q->l1_dirty_first < q->l1_dirty_end; }

static int write_counts(struct Qcow2 *q) {
    bool new_blocks = q->table_dirty_first < q->table_dirty_end;
    int r = qcow2_cache_write(q, &q->counts);
    if (r == 0 && (new_blocks || step3_needed(q)))
        r = sync_file(q);
    if (r != 0 || !new_blocks)
        return r;
    r = write_table(q, q->table_offset, q->table, q->table_dirty_first, q->table_dirty_end);
    if (r == 0)
        r = sync_file(q);
    if (r == 0)
        q->table_dirty_first = q->table_dirty_end = 0;
    return r;
}

static int write_entries(struct Qcow2 *q) {
    int r = qcow2_cache_write(q, &q->l2);
    if (r == 0)
        r = write_table(q, q->l1_offset, q->l1, q->l1_dirty_first, q->l1_dirty_end);
    if (r == 0)
        q->l1_dirty_first = q->l1_dirty_end = 0;
    return r;
}

/* Clusters that are no longer referred to, on the disk either. */
static int lower_counts(struct Qcow2 *q) {
    struct Qcow2FreedList list = q->freed;
    int r = 0;
    q->freed = (struct Qcow2FreedList){0};
    for (size_t i = 0; i < list.count && r == 0; i++)
        r = qcow2_free_now(q, list.item[i].cluster, list.item[i].count);
    if (r == 0 && q->freed.count == 0) { /* keep the memory */
        list.count = 0;
        q->freed = list;
    } else
        free(list.item);
    return r;
}

int qcow2_write_metadata(struct Qcow2 *q, bool sync) {
    int r = write_counts(q);
    if (r == 0)
        r = write_entries(q);
    if (r == 0 && sync)
        r = sync_file(q);
    if (r == 0 && sync)
        r = lower_counts(q);
    return r;
}

static bool clean(const struct Qcow2 *q) {
    return !step3_needed(q) && q->freed.count == 0 && q->table_dirty_first == q->table_dirty_end;
}

int qcow2_flush(struct BlockNode *n) {
    struct Qcow2 *q = qcow2_of(n);
    if (n->no_write != 0)
        return n->no_write;
    pthread_mutex_lock(&q->lock);
    bool only_data = clean(q);
    int r = only_data ? 0 : qcow2_write_metadata(q, true);
    pthread_mutex_unlock(&q->lock);
    return only_data ? sync_file(q) : r;
}
