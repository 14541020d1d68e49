/* SPDX-License-Identifier: MIT */
/* From guest clusters to host clusters: L1 and L2. See qcow2.h. */
#include "block/qcow2/qcow2.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

int qcow2_broken(struct Qcow2 *q) {
    if (q->n.readonly || q->broken)
        return -EIO;
    q->broken = true;
    q->n.no_write = -EIO;
    q->incompatible |= QCOW2_CORRUPT;
    if (q->version >= 3)
        qcow2_put(q, 72, q->incompatible, 8);
    return -EIO;
}

static bool overlap(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes) {
    return a < b + b_bytes && b < a + a_bytes;
}

bool qcow2_is_metadata(const struct Qcow2 *q, uint64_t offset, uint64_t bytes) {
    return overlap(offset, bytes, 0, q->cluster) || overlap(offset, bytes, q->l1_offset, q->l1_size * 8ull) ||
           overlap(offset, bytes, q->table_offset, q->table_size * 8) ||
           overlap(offset, bytes, q->snapshots_offset, q->snapshots_bytes);
}

/* ---- looking up ---- */

/* What an L2 entry says; false: nothing that may stand there. */
static bool decode(const struct Qcow2 *q, uint64_t entry, struct Qcow2Mapping *m) {
    uint64_t host = entry & QCOW2_OFFSET;
    *m = (struct Qcow2Mapping){.copied = (entry & QCOW2_COPIED) != 0};
    if (entry & QCOW2_COMPRESSED) {
        unsigned bits = 62 - (q->cluster_bits - 8);
        uint64_t sectors = (entry & (QCOW2_COMPRESSED - 1)) >> bits;
        m->kind = QCOW2_IS_COMPRESSED;
        m->copied = false;
        m->host = entry & ((1ull << bits) - 1);
        m->compressed = (uint32_t)((sectors + 1) * 512 - (m->host & 511));
        return m->host >= q->cluster && m->host <= QCOW2_OFFSET;
    }
    if ((entry & ~(QCOW2_COPIED | QCOW2_OFFSET | QCOW2_ZERO)) != 0 || (host & (q->cluster - 1)) != 0)
        return false;
    if (entry & QCOW2_ZERO && q->version < 3)
        return false;
    m->host = host;
    m->kind = entry & QCOW2_ZERO ? QCOW2_IS_ZERO : host != 0 ? QCOW2_IS_DATA : QCOW2_IS_BEHIND;
    return true;
}

/* Whether `next`, a cluster `distance` bytes on, goes on where `m` began. */
static bool continues(const struct Qcow2Mapping *m, const struct Qcow2Mapping *next, uint64_t distance) {
    if (next->kind != m->kind || m->kind == QCOW2_IS_COMPRESSED)
        return false;
    if (m->kind == QCOW2_IS_DATA)
        return next->copied == m->copied && next->host == m->host + distance;
    return m->host == 0 && next->host == 0;
}

static const uint64_t *entries_of(const struct Qcow2 *q, const struct Qcow2Slice *s, uint64_t guest_cluster) {
    return (const uint64_t *)s->data + (guest_cluster & (q->slice / 8 - 1));
}

static int find_table(struct Qcow2 *q, uint64_t guest_cluster, uint64_t *at) {
    uint64_t index = guest_cluster >> qcow2_l2_bits(q);
    uint64_t entry = index < q->l1_size ? q->l1[index] : 0;
    *at = entry & QCOW2_OFFSET;
    return (*at & (q->cluster - 1)) != 0 || (entry & ~(QCOW2_OFFSET | QCOW2_COPIED)) != 0 ? qcow2_broken(q) : 0;
}

/* The run of clusters from a slice's entry on. */
static int map_slice(struct Qcow2 *q, const uint64_t *entry, uint64_t skip, uint64_t bytes, struct Qcow2Mapping *m) {
    struct Qcow2Mapping next;
    uint64_t run = q->cluster - skip;
    if (!decode(q, be64toh(*entry), m))
        return qcow2_broken(q);
    for (uint64_t d = q->cluster; run < bytes; d += q->cluster, run += q->cluster)
        if (!decode(q, be64toh(*++entry), &next) || !continues(m, &next, d))
            break;
    m->run = run < bytes ? run : bytes;
    if (m->kind == QCOW2_IS_DATA)
        m->host += skip;
    return 0;
}

int qcow2_map(struct Qcow2 *q, uint64_t offset, uint64_t bytes, bool peek, struct Qcow2Mapping *m) {
    uint64_t guest = offset >> q->cluster_bits, skip = offset & (q->cluster - 1), at;
    uint64_t in_slice = q->slice / 8 - (guest & (q->slice / 8 - 1)),
             in_table = (1ull << qcow2_l2_bits(q)) - (guest & ((1ull << qcow2_l2_bits(q)) - 1));
    int r = find_table(q, guest, &at);
    if (r != 0)
        return r;
    if (at == 0) {
        uint64_t most = (in_table << q->cluster_bits) - skip;
        *m = (struct Qcow2Mapping){.kind = QCOW2_IS_BEHIND, .run = bytes < most ? bytes : most};
        return 0;
    }
    uint64_t most = (in_slice << q->cluster_bits) - skip;
    uint64_t byte = at + (guest & ((1ull << qcow2_l2_bits(q)) - 1)) * 8;
    struct Qcow2Slice *s = qcow2_cache_peek(q, &q->l2, byte);
    if (s == NULL && peek)
        return -EAGAIN;
    if (s == NULL)
        r = qcow2_cache_get(q, &q->l2, byte, &s);
    return r == 0 ? map_slice(q, entries_of(q, s, guest), skip, bytes < most ? bytes : most, m) : r;
}

/* ---- changing ---- */

static void set_l1(struct Qcow2 *q, uint32_t index, uint64_t value) {
    q->l1[index] = value;
    if (q->l1_dirty_first == q->l1_dirty_end)
        q->l1_dirty_first = q->l1_dirty_end = index;
    q->l1_dirty_first = index < q->l1_dirty_first ? index : q->l1_dirty_first;
    q->l1_dirty_end = index + 1 > q->l1_dirty_end ? index + 1 : q->l1_dirty_end;
}

/* A table of our own for an L1 entry: empty, or with what the shared one at `old` says. */
static int own_table(struct Qcow2 *q, uint32_t index, uint64_t old) {
    uint64_t first, bytes = q->cluster;
    unsigned char *data = block_buffer(bytes);
    int r = data != NULL ? qcow2_allocate_all(q, 1, &first) : -ENOMEM;
    if (r != 0) {
        free(data);
        return r;
    }
    memset(data, 0, bytes);
    if (old != 0)
        r = block_node_read(q->n.file, old, data, bytes);
    if (r == 0)
        r = block_node_write(q->n.file, first << q->cluster_bits, data, bytes);
    free(data);
    if (r != 0) {
        qcow2_free_now(q, first, 1);
        return r;
    }
    qcow2_cache_drop(q, &q->l2, first << q->cluster_bits, bytes);
    set_l1(q, index, first << q->cluster_bits | QCOW2_COPIED);
    return old != 0 ? qcow2_free_later(q, old >> q->cluster_bits, 1) : 0;
}

int qcow2_entry(struct Qcow2 *q, uint64_t guest_cluster, struct Qcow2Slice **slice, uint64_t **entry) {
    uint64_t index = guest_cluster >> qcow2_l2_bits(q), at;
    if (index >= q->l1_size)
        return -EINVAL;
    int r = find_table(q, guest_cluster, &at);
    if (r == 0 && (q->l1[index] & QCOW2_COPIED) == 0) {
        r = own_table(q, (uint32_t)index, at);
        at = q->l1[index] & QCOW2_OFFSET;
    }
    if (r == 0 && qcow2_is_metadata(q, at, q->cluster))
        r = qcow2_broken(q);
    if (r == 0)
        r = qcow2_cache_get(q, &q->l2, at + (guest_cluster & ((1ull << qcow2_l2_bits(q)) - 1)) * 8, slice);
    if (r == 0)
        *entry = (uint64_t *)entries_of(q, *slice, guest_cluster);
    return r;
}

int qcow2_set(struct Qcow2 *q, uint64_t guest_cluster, uint64_t value) {
    struct Qcow2Slice *s;
    struct Qcow2Mapping old;
    uint64_t *entry;
    int r = qcow2_entry(q, guest_cluster, &s, &entry);
    if (r != 0)
        return r;
    if (!decode(q, be64toh(*entry), &old))
        return qcow2_broken(q);
    *entry = htobe64(value);
    qcow2_cache_dirty(&q->l2, s);
    if (old.kind == QCOW2_IS_COMPRESSED) {
        uint64_t first = old.host >> q->cluster_bits, last = (old.host + old.compressed - 1) >> q->cluster_bits;
        return qcow2_free_later(q, first, last - first + 1);
    }
    return old.host != 0 && old.host != (value & QCOW2_OFFSET) ? qcow2_free_later(q, old.host >> q->cluster_bits, 1)
                                                               : 0;
}
