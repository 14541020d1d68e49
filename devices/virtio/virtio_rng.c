/* SPDX-License-Identifier: MIT */
#include "devices/virtio/virtio_rng.h"
#include "base/bytes.h"

#include <string.h>

enum { QUEUE = 0, NS_PER_MS = 1000000 };

/* ---- bytes ---- */

/* The finalizer of splitmix64: the n-th number of the fixed sequence is a function of n. */
static uint64_t fixed_number(uint64_t n) {
    n = (n + 1) * 0x9e3779b97f4a7c15;
    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
    n = (n ^ n >> 27) * 0x94d049bb133111eb;
    return n ^ n >> 31;
}

/* Of the fixed sequence nothing is kept from one buffer to the next: it would be state. */
static const uint8_t *take_fixed(struct VirtioRng *r, size_t n) {
    for (size_t i = 0; i < n; i += 8)
        put_le64(r->pool + i, fixed_number(r->state.numbers++));
    return r->pool;
}

/* How many there are now. */
static size_t available(struct VirtioRng *r) {
    if (r->config.repeatable)
        return sizeof(r->pool);
    if (r->count == 0) {
        r->count = r->ops->read(r->opaque, r->pool, sizeof(r->pool));
        memmove(r->pool + sizeof(r->pool) - r->count, r->pool, r->count);
    }
    return r->count;
}

/* Of those that are available. */
static const uint8_t *take_bytes(struct VirtioRng *r, size_t n) {
    if (r->config.repeatable)
        return take_fixed(r, n);
    const uint8_t *from = r->pool + sizeof(r->pool) - r->count;
    r->count -= n;
    return from;
}

/* ---- the limit ---- */

static bool is_limited(const struct VirtioRng *r) { return r->config.max_bytes != 0; }

/* The first bytes of a period begin it. */
static void spend(struct VirtioRng *r, size_t n) {
    if (!is_limited(r))
        return;
    if (r->state.period_at == CLOCK_NEVER) {
        r->state.period_at = clock_after_many(clock_now(r->timer.clock), (int64_t)r->config.period_ms, NS_PER_MS);
        timer_arm(&r->timer, r->state.period_at);
    }
    r->state.quota -= n;
}

/* ---- the queue ---- */

/* Bounded by what the driver can have put in: buffers that it adds meanwhile come with a bell of their own. */
static void serve(struct VirtioRng *r) {
    struct VirtioBuffer b;
    bool given = false;
    for (unsigned i = 0; i < VIRTIO_QUEUE_SIZE; i++) {
        size_t there = available(r);
        if (is_limited(r) && there > r->state.quota)
            there = (size_t)r->state.quota;
        if (there == 0 || !virtio_take(&r->virtio, QUEUE, &b))
            break;
        size_t n = b.writable_bytes < there ? (size_t)b.writable_bytes : there;
        virtio_write(&r->virtio, &b, 0, take_bytes(r, n), n);
        virtio_give(&r->virtio, QUEUE, &b, (uint32_t)n);
        spend(r, n);
        given = true;
    }
    if (given)
        virtio_tell(&r->virtio, QUEUE);
}

static void notified(void *opaque, unsigned n) {
    (void)n;
    serve(opaque);
}

void virtio_rng_ready(struct VirtioRng *r) {
    if (virtio_is_live(&r->virtio))
        serve(r);
}

static void period_over(void *opaque) {
    struct VirtioRng *r = opaque;
    r->state.period_at = CLOCK_NEVER;
    r->state.quota = r->config.max_bytes;
    virtio_rng_ready(r);
}

/* ---- life ---- */

/* The period goes on: a guest gets no more by resetting its device. */
static void reset(void *opaque) { (void)opaque; }

void virtio_rng_restored(struct VirtioRng *r) {
    r->count = 0;
    timer_cancel(&r->timer);
    if (r->state.period_at == CLOCK_NEVER || r->state.quota > r->config.max_bytes)
        r->state.quota = r->config.max_bytes; /* whatever the limit was where the state comes from */
    if (r->state.period_at != CLOCK_NEVER)
        timer_arm(&r->timer, r->state.period_at);
    virtio_rng_ready(r);
}

void virtio_rng_init(struct VirtioRng *r, struct PciDevice *pci, struct Clock *clock,
                     const struct VirtioRngConfig *config, const struct VirtioRngOps *ops, void *opaque) {
    static const struct VirtioDeviceOps device_ops = {notified, reset, NULL};
    memset(r, 0, sizeof(*r));
    r->config = *config;
    r->ops = ops;
    r->opaque = opaque;
    r->state.quota = config->max_bytes;
    r->state.period_at = CLOCK_NEVER;
    timer_init(&r->timer, clock, period_over, r);
    r->virtio = (struct Virtio){
        .state = &r->state.virtio,
        .pci = pci,
        .ops = &device_ops,
        .opaque = r,
        .offered = VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_INDEX | VIRTIO_F_ANY_LAYOUT | VIRTIO_F_VERSION_1,
        .queues = 1,
    };
}

static const char *check(const void *state) {
    const struct VirtioRngState *s = state;
    if (s->period_at < 0)
        return "a period that ended before time began";
    return virtio_check(&s->virtio);
}

const struct StateTable virtio_rng_state_table = {
    .name = "virtio_rng",
    .size = sizeof(struct VirtioRngState),
    .version = 1,
    .check = check,
    .field =
        (const struct StateField[]){
            STATE_WITHIN(VirtioRngState, virtio, &virtio_state_table),
            STATE_FIELD(VirtioRngState, quota),
            STATE_FIELD(VirtioRngState, period_at),
            STATE_FIELD(VirtioRngState, numbers),
            {0},
        },
};
