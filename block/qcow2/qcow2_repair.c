/* SPDX-License-Identifier: MIT */
/*
 * An image whose dirty bit is set was not closed by a program that keeps counts lazily: they are made anew here, from
 * all tables, with new blocks and a new table behind the end of the file; then the bit goes. Until the header points to
 * them nothing of the old is touched. See qcow2.h.
 */
#include "block/qcow2/qcow2.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLUSTERS_MOST = 1 << 26, /* 128 MiB of counters; 4 TiB in clusters of 64 KiB */
    TABLES_MOST = 1 << 20,   /* L2 tables that are looked at, those of snapshots each time */
    L1_MOST = 32 << 20,
    SNAPSHOT = 40, /* bytes of the fixed part of a snapshot's entry */
};

struct Repair {
    struct Qcow2 *q;
    uint16_t *counts;
    uint64_t end; /* of the file, in clusters */
    uint64_t tables;
    uint64_t *l2;
};

/* ---- counting ---- */

/* What leads beyond the end of the file leads to nothing that was ever written: no count for that. */
static int count(struct Repair *f, uint64_t offset, uint64_t bytes) {
    uint64_t first = offset >> f->q->cluster_bits, last = (offset + bytes - 1) >> f->q->cluster_bits;
    if (bytes == 0)
        return 0;
    if (last >= f->end)
        return -EINVAL;
    for (uint64_t c = first; c <= last; c++) {
        if (f->counts[c] == UINT16_MAX)
            return -EOVERFLOW;
        f->counts[c]++;
    }
    return 0;
}

static int count_entry(struct Repair *f, uint64_t entry) {
    const struct Qcow2 *q = f->q;
    uint64_t host = entry & QCOW2_OFFSET;
    if (entry & QCOW2_COMPRESSED) {
        unsigned bits = 62 - (q->cluster_bits - 8);
        uint64_t at = entry & ((1ull << bits) - 1), sectors = ((entry & (QCOW2_COMPRESSED - 1)) >> bits) + 1;
        return count(f, at, sectors * 512 - (at & 511));
    }
    if ((host & (q->cluster - 1)) != 0)
        return -EINVAL;
    return host != 0 ? count(f, host, q->cluster) : 0;
}

static int read_l2(struct Repair *f, uint64_t entry) {
    uint64_t at = entry & QCOW2_OFFSET;
    if ((at & (f->q->cluster - 1)) != 0)
        return -EINVAL;
    return ++f->tables > TABLES_MOST ? -EFBIG : block_node_read(f->q->n.file, at, f->l2, f->q->cluster);
}

static int count_l1(struct Repair *f, const uint64_t *l1, uint32_t size) {
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < size; i++) {
        if ((l1[i] & QCOW2_OFFSET) == 0)
            continue;
        r = read_l2(f, l1[i]);
        if (r == 0)
            r = count(f, l1[i] & QCOW2_OFFSET, f->q->cluster);
        for (uint64_t k = 0; r == 0 && k < f->q->cluster / 8; k++)
            r = count_entry(f, be64toh(f->l2[k]));
    }
    return r;
}

static int count_snapshot(struct Repair *f, uint64_t at, uint32_t size) {
    if ((at & (f->q->cluster - 1)) != 0 || size * 8ull > L1_MOST)
        return -EINVAL;
    uint64_t *l1 = calloc(size + 1ull, 8);
    int r = l1 != NULL ? block_node_read(f->q->n.file, at, l1, size * 8ull) : -ENOMEM;
    for (uint32_t i = 0; r == 0 && i < size; i++)
        l1[i] = be64toh(l1[i]);
    if (r == 0)
        r = count(f, at, size * 8ull);
    if (r == 0)
        r = count_l1(f, l1, size);
    free(l1);
    return r;
}

/* Entries of the snapshot table have different lengths. */
static int count_snapshots(struct Repair *f) {
    struct Qcow2 *q = f->q;
    uint64_t at = q->snapshots_offset;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < q->snapshots; i++) {
        unsigned char e[SNAPSHOT];
        uint64_t offset;
        uint32_t size, extra;
        uint16_t id, name;
        r = block_node_read(q->n.file, at, e, sizeof(e));
        memcpy(&offset, e, 8);
        memcpy(&size, e + 8, 4);
        memcpy(&id, e + 12, 2);
        memcpy(&name, e + 14, 2);
        memcpy(&extra, e + 36, 4);
        at = (at + SNAPSHOT + be32toh(extra) + be16toh(id) + be16toh(name) + 7) & ~7ull;
        if (r == 0 && at - q->snapshots_offset > L1_MOST)
            r = -EINVAL;
        if (r == 0)
            r = count_snapshot(f, be64toh(offset), be32toh(size));
    }
    return r == 0 && q->snapshots > 0 ? count(f, q->snapshots_offset, at - q->snapshots_offset) : r;
}

static int count_all(struct Repair *f) {
    struct Qcow2 *q = f->q;
    f->end = qcow2_clusters(q, q->n.file->size);
    if (f->end > CLUSTERS_MOST)
        return -EFBIG;
    f->counts = calloc(f->end, sizeof(*f->counts));
    int r = f->counts != NULL ? count(f, 0, q->cluster) : -ENOMEM;
    if (r == 0)
        r = count(f, q->l1_offset, q->l1_size * 8ull);
    if (r == 0)
        r = count_l1(f, q->l1, q->l1_size);
    return r == 0 ? count_snapshots(f) : r;
}

/* ---- the flag that a count is 1 ---- */

static bool fix_flag(const struct Repair *f, uint64_t *entry) {
    uint64_t host = *entry & QCOW2_OFFSET;
    if (host == 0 || *entry & QCOW2_COMPRESSED)
        return false;
    uint64_t right = (*entry & ~QCOW2_COPIED) | (f->counts[host >> f->q->cluster_bits] == 1 ? QCOW2_COPIED : 0);
    bool changed = right != *entry;
    *entry = right;
    return changed;
}

static int fix_l2(struct Repair *f, uint64_t l1_entry) {
    bool changed = false;
    int r = read_l2(f, l1_entry);
    for (uint64_t k = 0; r == 0 && k < f->q->cluster / 8; k++) {
        uint64_t entry = be64toh(f->l2[k]);
        if (fix_flag(f, &entry)) {
            f->l2[k] = htobe64(entry);
            changed = true;
        }
    }
    return r == 0 && changed ? block_node_write(f->q->n.file, l1_entry & QCOW2_OFFSET, f->l2, f->q->cluster) : r;
}

static int fix_flags(struct Repair *f) {
    struct Qcow2 *q = f->q;
    int r = 0;
    f->tables = 0;
    for (uint32_t i = 0; r == 0 && i < q->l1_size; i++) {
        uint64_t before = q->l1[i];
        if ((before & QCOW2_OFFSET) == 0)
            continue;
        fix_flag(f, &q->l1[i]);
        if (q->l1[i] != before)
            r = qcow2_put(q, q->l1_offset + i * 8ull, q->l1[i], 8);
        if (r == 0 && q->l1[i] & QCOW2_COPIED) /* a table that is shared is copied before it is looked at for writing */
            r = fix_l2(f, q->l1[i]);
    }
    return r;
}

static int clear_bit(struct Qcow2 *q) {
    int r = q->n.file->driver->flush(q->n.file);
    q->incompatible &= ~(uint64_t)QCOW2_DIRTY;
    if (r == 0)
        r = qcow2_put(q, 72, q->incompatible, 8);
    return r == 0 ? q->n.file->driver->flush(q->n.file) : r;
}

int qcow2_repair(struct Qcow2 *q, char *why, size_t n) {
    struct Repair f = {.q = q, .l2 = block_buffer(q->cluster)};
    int r = f.l2 != NULL ? count_all(&f) : -ENOMEM;
    if (r == 0)
        r = qcow2_rebuild(q, f.counts, f.end);
    if (r == 0)
        r = fix_flags(&f);
    if (r == 0)
        r = clear_bit(q);
    free(f.counts);
    free(f.l2);
    if (r != 0)
        snprintf(why, n, "'%s' was not closed, and can't be repaired here (%s); try qemu-img check -r all",
                 q->n.filename, strerror(-r));
    return r;
}
