/* SPDX-License-Identifier: MIT */
/* Split virtqueues (specification, 2.7). */
#include "base/bytes.h"
#include "devices/virtio/virtio.h"

#include <string.h>

enum { DESCRIPTOR = 16, INDEX = 2, RING = 4, USED_ELEMENT = 8 };
enum { NEXT = 1, WRITE = 2, INDIRECT = 4, NO_INTERRUPT = 1 };
enum { LEGACY_PAGE = 4096 };

static struct VirtioQueueState *queue(struct Virtio *v, unsigned n) { return &v->state->queue[n]; }

static bool get16(struct Virtio *v, uint64_t at, uint16_t *value) {
    uint8_t b[2];
    bool good = pci_dma_read(v->pci, at, b, sizeof b);
    *value = get_le16(b);
    return good;
}

static bool put16(struct Virtio *v, uint64_t at, uint16_t value) {
    uint8_t b[2];
    put_le16(b, value);
    return pci_dma_write(v->pci, at, b, sizeof b);
}

/* What the other side's writes mean is in memory once their index is: x86 keeps the order, this keeps the compiler's.
 */
static void barrier(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

void virtio_place_legacy(struct VirtioQueueState *q, uint32_t page) {
    uint64_t base = (uint64_t)page * LEGACY_PAGE;
    q->descriptors = base;
    q->available = base + (uint64_t)q->size * DESCRIPTOR;
    uint64_t end = q->available + RING + 2 * (uint64_t)q->size + 2;
    q->used = (end + LEGACY_PAGE - 1) & ~(uint64_t)(LEGACY_PAGE - 1);
    q->enabled = page != 0;
}

/* ---- taking ---- */

struct Descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};

/* Descriptors of one buffer come from the queue's table, or from one that its only descriptor names. */
struct Table {
    uint64_t at;
    uint32_t count;
    bool indirect;
};

static bool read_descriptor(struct Virtio *v, const struct Table *t, unsigned i, struct Descriptor *d) {
    uint8_t b[DESCRIPTOR];
    if (!pci_dma_read(v->pci, t->at + (uint64_t)i * DESCRIPTOR, b, sizeof b)) {
        virtio_broken(v, "descriptors are where no memory is,", t->at);
        return false;
    }
    d->address = get_le32(b) | (uint64_t)get_le32(b + 4) << 32;
    d->length = get_le32(b + 8);
    d->flags = get_le16(b + 12);
    d->next = get_le16(b + 14);
    return true;
}

static bool add_segment(struct Virtio *v, struct VirtioBuffer *b, const struct Descriptor *d) {
    unsigned n = b->readable + b->writable;
    bool write = d->flags & WRITE;
    if (n == VIRTIO_SEGMENTS || (!write && b->writable > 0)) {
        virtio_broken(v,
                      n == VIRTIO_SEGMENTS ? "a buffer of too many descriptors, or a loop of them; number"
                                           : "a readable descriptor behind a writable one, number",
                      n);
        return false;
    }
    b->segment[n] = (struct VirtioSegment){d->address, d->length};
    if (write) {
        b->writable++;
        b->writable_bytes += d->length;
    } else {
        b->readable++;
        b->readable_bytes += d->length;
    }
    return true;
}

static bool enter_indirect(struct Virtio *v, struct Table *t, const struct Descriptor *d) {
    bool good = !t->indirect && virtio_has(v, VIRTIO_F_INDIRECT) && !(d->flags & NEXT) && d->length > 0 &&
                d->length % DESCRIPTOR == 0 && d->length / DESCRIPTOR <= UINT16_MAX;
    if (!good) {
        virtio_broken(v, "an indirect descriptor that can't be, length", d->length);
        return false;
    }
    *t = (struct Table){d->address, d->length / DESCRIPTOR, true};
    return true;
}

/* add_segment ends every loop. */
static bool collect(struct Virtio *v, struct Table t, unsigned i, struct VirtioBuffer *b) {
    struct Descriptor d;
    for (;;) {
        if (i >= t.count) {
            virtio_broken(v, "a descriptor beyond its table, number", i);
            return false;
        }
        if (!read_descriptor(v, &t, i, &d))
            return false;
        if (d.flags & INDIRECT) {
            if (!enter_indirect(v, &t, &d))
                return false;
            i = 0;
            continue;
        }
        if (!add_segment(v, b, &d))
            return false;
        if (!(d.flags & NEXT))
            return true;
        i = d.next;
    }
}

/* Where the driver finds which available index the device wants to hear of. */
static uint64_t avail_event(const struct VirtioQueueState *q) {
    return q->used + RING + (uint64_t)USED_ELEMENT * q->size;
}

/* Whether there is one more; before it says no it asks to be notified of the next. */
static bool is_more(struct Virtio *v, struct VirtioQueueState *q, uint16_t *index) {
    if (!get16(v, q->available + INDEX, index)) {
        virtio_broken(v, "the available ring is where no memory is,", q->available);
        return false;
    }
    if (*index != q->next || !virtio_has(v, VIRTIO_F_EVENT_INDEX))
        return *index != q->next;
    put16(v, avail_event(q), q->next);
    barrier();
    return get16(v, q->available + INDEX, index) && *index != q->next;
}

/* The queue may be used. */
static bool is_ready(const struct Virtio *v, const struct VirtioQueueState *q) {
    return virtio_is_live(v) && q->enabled && q->size != 0;
}

bool virtio_is_offered(struct Virtio *v, unsigned n) {
    struct VirtioQueueState *q = queue(v, n);
    uint16_t index;
    return is_ready(v, q) && is_more(v, q, &index);
}

void virtio_untake(struct Virtio *v, unsigned n, unsigned count) { queue(v, n)->next -= count; }

bool virtio_take(struct Virtio *v, unsigned n, struct VirtioBuffer *b) {
    struct VirtioQueueState *q = queue(v, n);
    uint16_t index;
    if (!is_ready(v, q) || !is_more(v, q, &index))
        return false;
    if ((uint16_t)(index - q->next) > q->size) {
        virtio_broken(v, "more buffers than the queue has entries, index", index);
        return false;
    }
    barrier();
    uint64_t slot = q->available + RING + 2ull * (q->next & (q->size - 1));
    if (!get16(v, slot, &b->head)) {
        virtio_broken(v, "the available ring is where no memory is,", slot);
        return false;
    }
    q->next++;
    return virtio_take_again(v, n, b->head, b);
}

bool virtio_take_again(struct Virtio *v, unsigned n, uint16_t head, struct VirtioBuffer *b) {
    const struct VirtioQueueState *q = queue(v, n);
    b->head = head;
    b->readable = b->writable = 0;
    b->readable_bytes = b->writable_bytes = 0;
    return collect(v, (struct Table){q->descriptors, q->size, false}, head, b);
}

/* ---- giving back ---- */

void virtio_fill(struct Virtio *v, unsigned n, unsigned k, uint16_t head, uint32_t bytes) {
    struct VirtioQueueState *q = queue(v, n);
    uint8_t element[USED_ELEMENT];
    if (!is_ready(v, q))
        return;
    put_le32(element, head);
    put_le32(element + 4, bytes);
    uint64_t slot = q->used + RING + (uint64_t)USED_ELEMENT * ((q->done + k) & (q->size - 1u));
    if (!pci_dma_write(v->pci, slot, element, sizeof element))
        virtio_broken(v, "the used ring is where no memory is,", q->used);
}

void virtio_publish(struct Virtio *v, unsigned n, unsigned count) {
    struct VirtioQueueState *q = queue(v, n);
    if (!is_ready(v, q))
        return;
    barrier();
    q->done += count;
    if (!put16(v, q->used + INDEX, q->done))
        virtio_broken(v, "the used ring is where no memory is,", q->used);
}

void virtio_give(struct Virtio *v, unsigned n, const struct VirtioBuffer *b, uint32_t bytes) {
    virtio_fill(v, n, 0, b->head, bytes);
    virtio_publish(v, n, 1);
}

/* Has `event` been passed between the last interrupt and now? (2.7.10) */
static bool wants(struct Virtio *v, struct VirtioQueueState *q) {
    uint16_t flags, event;
    if (!virtio_has(v, VIRTIO_F_EVENT_INDEX))
        return get16(v, q->available, &flags) && !(flags & NO_INTERRUPT);
    if (!get16(v, q->available + RING + 2ull * q->size, &event))
        return false;
    bool first = !q->was_told;
    uint16_t before = q->told;
    q->was_told = true;
    q->told = q->done;
    return first || (uint16_t)(q->done - event - 1) < (uint16_t)(q->done - before);
}

void virtio_tell(struct Virtio *v, unsigned n) {
    struct VirtioQueueState *q = queue(v, n);
    barrier();
    if (is_ready(v, q) && wants(v, q))
        v->interrupt(v->transport, n);
}

/* ---- contents ---- */

static bool copy(struct Virtio *v, const struct VirtioSegment *s, uint64_t skip, uint8_t *buf, size_t bytes,
                 bool write) {
    bool all = true;
    for (; bytes > 0; s++) {
        if (skip >= s->length) {
            skip -= s->length;
            continue;
        }
        size_t take = s->length - skip < bytes ? (size_t)(s->length - skip) : bytes;
        all &= write ? pci_dma_write(v->pci, s->address + skip, buf, take)
                     : pci_dma_read(v->pci, s->address + skip, buf, take);
        buf += take;
        bytes -= take;
        skip = 0;
    }
    return all;
}

bool virtio_read(struct Virtio *v, const struct VirtioBuffer *b, uint64_t skip, void *to, size_t bytes) {
    return copy(v, b->segment, skip, to, bytes, false);
}

bool virtio_write(struct Virtio *v, const struct VirtioBuffer *b, uint64_t skip, const void *from, size_t bytes) {
    return copy(v, b->segment + b->readable, skip, (uint8_t *)(uintptr_t)from, bytes, true);
}

int virtio_map(struct Virtio *v, const struct VirtioBuffer *b, bool writable, uint64_t skip, uint64_t bytes,
               struct iovec *iov, int max) {
    const struct VirtioSegment *s = b->segment + (writable ? b->readable : 0);
    int n = 0;
    for (; bytes > 0; s++) {
        if (skip >= s->length) {
            skip -= s->length;
            continue;
        }
        size_t take = s->length - skip < bytes ? (size_t)(s->length - skip) : (size_t)bytes;
        void *host = n < max ? pci_dma_map(v->pci, s->address + skip, take) : NULL;
        if (host == NULL)
            return 0;
        iov[n++] = (struct iovec){host, take};
        bytes -= take;
        skip = 0;
    }
    return n;
}

void virtio_written(struct Virtio *v, const struct VirtioBuffer *b, uint64_t bytes) {
    for (const struct VirtioSegment *s = b->segment + b->readable; bytes > 0; s++) {
        size_t take = s->length < bytes ? s->length : (size_t)bytes;
        pci_dma_written(v->pci, s->address, take);
        bytes -= take;
    }
}
