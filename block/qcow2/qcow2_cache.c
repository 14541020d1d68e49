/* SPDX-License-Identifier: MIT */
/* Pieces of tables in memory: a hash, and a clock's hand that finds what to throw out. See qcow2.h. */
#include "block/qcow2/qcow2.h"

#include <stdlib.h>
#include <string.h>

int qcow2_cache_init(struct Qcow2Cache *c, unsigned most) {
    unsigned buckets = 16;
    while (buckets < most)
        buckets *= 2;
    *c = (struct Qcow2Cache){.most = most, .buckets = buckets};
    c->slices = calloc(most, sizeof(*c->slices));
    c->hash = calloc(buckets, sizeof(struct Qcow2Slice *));
    return c->slices != NULL && c->hash != NULL ? 0 : -ENOMEM;
}

void qcow2_cache_destroy(struct Qcow2Cache *c) {
    for (unsigned i = 0; c->slices != NULL && i < c->count; i++)
        free(c->slices[i].data);
    free(c->slices);
    free(c->hash);
}

static struct Qcow2Slice **bucket(const struct Qcow2 *q, const struct Qcow2Cache *c, uint64_t offset) {
    uint64_t hash = offset / q->slice * 0x9e3779b97f4a7c15ull;
    return &c->hash[hash >> 32 & (c->buckets - 1)];
}

static struct Qcow2Slice *find(struct Qcow2 *q, struct Qcow2Cache *c, uint64_t offset) {
    struct Qcow2Slice *s = *bucket(q, c, offset);
    while (s != NULL && s->offset != offset)
        s = s->next;
    if (s != NULL)
        s->used = true;
    return s;
}

static void unhash(struct Qcow2 *q, struct Qcow2Cache *c, struct Qcow2Slice *s) {
    struct Qcow2Slice **p = bucket(q, c, s->offset);
    while (*p != s)
        p = &(*p)->next;
    *p = s->next;
    s->offset = 0;
    if (s->dirty)
        c->dirty--;
    s->dirty = s->used = false;
}

/* One that may be filled: a new one, or the one that was not used for longest. */
static int find_room(struct Qcow2 *q, struct Qcow2Cache *c, struct Qcow2Slice **room) {
    if (c->count < c->most) {
        struct Qcow2Slice *s = &c->slices[c->count];
        s->data = block_buffer(q->slice);
        if (s->data != NULL) {
            c->count++;
            *room = s;
            return 0;
        }
        if (c->count == 0)
            return -ENOMEM;
    }
    for (;; c->hand = (c->hand + 1) % c->count) {
        struct Qcow2Slice *s = &c->slices[c->hand];
        if (s->used && s->offset != 0) {
            s->used = false;
            continue;
        }
        int r = s->dirty ? qcow2_write_metadata(q, false) : 0;
        if (r != 0)
            return r;
        if (s->offset != 0)
            unhash(q, c, s);
        *room = s;
        return 0;
    }
}

int qcow2_cache_get(struct Qcow2 *q, struct Qcow2Cache *c, uint64_t offset, struct Qcow2Slice **slice) {
    offset -= offset % q->slice;
    struct Qcow2Slice *s = find(q, c, offset);
    if (s == NULL) {
        int r = find_room(q, c, &s);
        if (r == 0)
            r = block_node_read(q->n.file, offset, s->data, q->slice);
        if (r != 0)
            return r;
        s->offset = offset;
        s->used = true;
        s->next = *bucket(q, c, offset);
        *bucket(q, c, offset) = s;
    }
    *slice = s;
    return 0;
}

struct Qcow2Slice *qcow2_cache_peek(struct Qcow2 *q, struct Qcow2Cache *c, uint64_t offset) {
    return find(q, c, offset - offset % q->slice);
}

void qcow2_cache_dirty(struct Qcow2Cache *c, struct Qcow2Slice *slice) {
    c->dirty += !slice->dirty;
    slice->dirty = true;
}

int qcow2_cache_write(struct Qcow2 *q, struct Qcow2Cache *c) {
    for (unsigned i = 0; i < c->count && c->dirty > 0; i++) {
        struct Qcow2Slice *s = &c->slices[i];
        if (!s->dirty)
            continue;
        int r = block_node_write(q->n.file, s->offset, s->data, q->slice);
        if (r != 0)
            return r;
        s->dirty = false;
        c->dirty--;
    }
    return 0;
}

void qcow2_cache_drop(struct Qcow2 *q, struct Qcow2Cache *c, uint64_t offset, uint64_t bytes) {
    for (; bytes >= q->slice; offset += q->slice, bytes -= q->slice) {
        struct Qcow2Slice *s = find(q, c, offset);
        if (s != NULL)
            unhash(q, c, s);
    }
}
