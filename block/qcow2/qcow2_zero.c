/* SPDX-License-Identifier: MIT */
/* Zeroes and discards: what changes entries alone. See qcow2.h. */
#include "block/qcow2/qcow2.h"

/* What becomes of a cluster; *keep: it stays as it is. */
typedef uint64_t Change(const struct Qcow2 *q, const struct Qcow2Mapping *m, bool *keep);

static uint64_t to_zero(const struct Qcow2 *q, const struct Qcow2Mapping *m, bool *keep) {
    bool reads_zero = m->kind == QCOW2_IS_ZERO || (m->kind == QCOW2_IS_BEHIND && q->n.backing == NULL);
    *keep = reads_zero;
    if (q->version < 3)
        return 0; /* nothing is behind it */
    bool stays = m->copied && m->kind == QCOW2_IS_DATA;
    return QCOW2_ZERO | (stays ? (m->host & ~(q->cluster - 1)) | QCOW2_COPIED : 0);
}

static uint64_t to_zero_unmapped(const struct Qcow2 *q, const struct Qcow2Mapping *m, bool *keep) {
    bool reads_zero = m->kind == QCOW2_IS_ZERO || (m->kind == QCOW2_IS_BEHIND && q->n.backing == NULL);
    *keep = reads_zero && m->host == 0;
    return q->version < 3 ? 0 : QCOW2_ZERO;
}

/* What is behind it must not come to light. */
static uint64_t to_nothing(const struct Qcow2 *q, const struct Qcow2Mapping *m, bool *keep) {
    if (q->n.backing != NULL)
        return to_zero_unmapped(q, m, keep);
    *keep = m->kind == QCOW2_IS_BEHIND || (m->kind == QCOW2_IS_ZERO && m->host == 0);
    return 0;
}

static uint64_t to_behind(const struct Qcow2 *q, const struct Qcow2Mapping *m, bool *keep) {
    (void)q;
    *keep = m->kind == QCOW2_IS_BEHIND;
    return 0;
}

/* With the lock: as far as one mapping goes. */
static int change_run(struct Qcow2 *q, uint64_t offset, uint64_t bytes, Change *change, uint64_t *run) {
    struct Qcow2Mapping m;
    bool keep;
    int r = q->n.no_write != 0 ? q->n.no_write : qcow2_map(q, offset, bytes, false, &m);
    if (r != 0)
        return r;
    *run = m.run;
    uint64_t value = change(q, &m, &keep), step = (value & QCOW2_OFFSET) != 0 ? q->cluster : 0;
    uint64_t clusters = keep ? 0 : qcow2_clusters(q, m.run), most = q->slice / 8;
    if (clusters > most) {
        clusters = most;
        *run = clusters << q->cluster_bits;
    }
    for (uint64_t i = 0; i < clusters && r == 0; i++)
        r = qcow2_set(q, (offset >> q->cluster_bits) + i, value + i * step);
    return r;
}

/* Whole clusters, or up to the end of the disk. */
static int change_clusters(struct Qcow2 *q, uint64_t offset, uint64_t bytes, Change *change) {
    uint64_t batch = (uint64_t)q->slice / 8 << q->cluster_bits;
    int r = 0;
    while (r == 0 && bytes > 0) {
        uint64_t part = bytes < batch ? bytes : batch, run = 0;
        struct Qcow2Range range = {
            .first = offset >> q->cluster_bits, .last = (offset + part - 1) >> q->cluster_bits, .exclusive = true};
        qcow2_range_wait(q, &range);
        pthread_mutex_lock(&q->lock);
        r = change_run(q, offset, part, change, &run);
        pthread_mutex_unlock(&q->lock);
        qcow2_range_release(q, &range);
        offset += run;
        bytes -= run;
    }
    return r;
}

/* The whole clusters within some bytes; the disk's last one may be a part. */
static void whole(const struct Qcow2 *q, uint64_t *offset, uint64_t *end) {
    uint64_t mask = q->cluster - 1, first = (*offset + mask) & ~mask, last = *end & ~mask;
    if (*end == q->n.size && (*end & mask) != 0)
        last = *end;
    *offset = first;
    *end = last > first ? last : first;
}

/* A part of a cluster: by writing, unless it is zero already. */
static int zero_part(struct Qcow2 *q, uint64_t offset, uint64_t bytes) {
    static const char zeroes[4096];
    enum BlockWhere where;
    uint64_t run = 0;
    int r = 0;
    for (; r == 0 && bytes > 0; offset += run, bytes -= run) {
        r = qcow2_status(&q->n, offset, bytes, &where, &run);
        if (r != 0 || where == BLOCK_ZERO || (where == BLOCK_BEHIND && q->n.backing == NULL))
            continue;
        run = run < sizeof(zeroes) ? run : sizeof(zeroes);
        r = block_node_write(&q->n, offset, zeroes, run);
    }
    return r;
}

int qcow2_zeroes(struct BlockNode *n, uint64_t offset, uint64_t bytes, bool unmap) {
    struct Qcow2 *q = qcow2_of(n);
    uint64_t end = offset + bytes, first = offset, last = end;
    if (q->version < 3 && n->backing != NULL)
        return -ENOTSUP;
    whole(q, &first, &last);
    if (first >= end || first == last) /* the request ends in the cluster where it begins, or in the next one */
        return zero_part(q, offset, bytes);
    int r = zero_part(q, offset, first - offset);
    if (r == 0)
        r = change_clusters(q, first, last - first, unmap || q->version < 3 ? to_zero_unmapped : to_zero);
    return r == 0 ? zero_part(q, last, end - last) : r;
}

int qcow2_discard(struct BlockNode *n, uint64_t offset, uint64_t bytes) {
    struct Qcow2 *q = qcow2_of(n);
    uint64_t end = offset + bytes;
    if (q->version < 3 && n->backing != NULL)
        return 0; /* has no way to say that what is behind does not count */
    whole(q, &offset, &end);
    return change_clusters(q, offset, end - offset, to_nothing);
}

int qcow2_forget(struct Qcow2 *q, uint64_t offset, uint64_t bytes) {
    return change_clusters(q, offset, bytes, to_behind);
}

int qcow2_empty(struct BlockNode *n) { return qcow2_forget(qcow2_of(n), 0, n->size); }
