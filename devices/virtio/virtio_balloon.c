/* SPDX-License-Identifier: MIT */
#include "devices/virtio/virtio_balloon.h"
#include "base/bytes.h"

#include <string.h>

/*
 * Queues. Reporting has number 4 (5.5.2); drivers up to Linux 6.9 leave no gap for queue 3, which is for hints of free
 * pages, a feature that is not offered. So both numbers mean reporting.
 */
enum { INFLATE, DEFLATE, STATS, REPORTING_CLOSE, REPORTING, QUEUES };

/* Features (5.5.3). */
#define F_STATS_VQ (1ull << 1)
#define F_DEFLATE_ON_OOM (1ull << 2)
#define F_PAGE_POISON (1ull << 4)
#define F_PAGE_REPORTING (1ull << 5)

/* Configuration space (5.5.4). */
enum { CONFIG_PAGES = 0, CONFIG_ACTUAL = 4, CONFIG_POISON = 12 };

enum { STAT_SIZE = 10, PFN_SIZE = 4, CHUNK = 512 };

const char *const virtio_balloon_stat_names[VIRTIO_BALLOON_STATS] = {
    "stat-swap-in",      "stat-swap-out",         "stat-major-faults", "stat-minor-faults", "stat-free-memory",
    "stat-total-memory", "stat-available-memory", "stat-disk-caches",  "stat-htlb-pgalloc", "stat-htlb-pgfail",
};

static void put_config(struct VirtioBalloon *b) {
    put_le32(b->space + CONFIG_PAGES, b->state.pages);
    put_le32(b->space + CONFIG_ACTUAL, b->state.actual);
    put_le32(b->space + CONFIG_POISON, b->state.poison);
}

/* ---- pages that come ---- */

/* What a turn may still do. */
struct Turn {
    uint64_t left; /* pages, or buffers without any */
};

/* Neighbours go together. They may come in any order. */
struct Run {
    uint64_t first, count;
};

static void flush_run(struct VirtioBalloon *b, struct Run *run) {
    if (run->count > 0)
        b->ops->discard(b->opaque, run->first * VIRTIO_BALLOON_PAGE, run->count * VIRTIO_BALLOON_PAGE);
    run->count = 0;
}

static void add_page(struct VirtioBalloon *b, struct Run *run, uint64_t pfn) {
    if (run->count > 0 && pfn + 1 == run->first) {
        run->first--;
        run->count++;
    } else if (run->count > 0 && pfn == run->first + run->count) {
        run->count++;
    } else {
        flush_run(b, run);
        *run = (struct Run){pfn, 1};
    }
}

/* A buffer of page numbers, from the state's `done` on. True: that was all of it. */
static bool inflate(struct VirtioBalloon *b, const struct VirtioBuffer *buffer, struct Turn *turn) {
    uint64_t count = buffer->readable_bytes / PFN_SIZE;
    struct Run run = {0, 0};
    uint8_t pfn[CHUNK * PFN_SIZE];
    while (b->state.done < count && turn->left > 0) {
        uint64_t n = count - b->state.done;
        n = n < CHUNK ? n : CHUNK;
        n = n < turn->left ? n : turn->left;
        if (!virtio_read(&b->virtio, buffer, b->state.done * PFN_SIZE, pfn, n * PFN_SIZE)) {
            virtio_broken(&b->virtio, "page numbers where no memory is, of", n);
            break;
        }
        for (uint64_t i = 0; i < n; i++)
            add_page(b, &run, get_le32(pfn + i * PFN_SIZE));
        b->state.done += n;
        turn->left -= n;
    }
    flush_run(b, &run);
    return b->state.done >= count;
}

/* The writable segments themselves are what is free: with poison in them they are not, for they would lose it. */
static bool report(struct VirtioBalloon *b, const struct VirtioBuffer *buffer, struct Turn *turn) {
    uint64_t skip = b->state.done;
    const struct VirtioSegment *s = buffer->segment + buffer->readable;
    for (unsigned i = 0; i < buffer->writable && b->state.poison == 0; i++, s++) {
        uint64_t pages = s->length / VIRTIO_BALLOON_PAGE, n = pages - (skip < pages ? skip : pages);
        if (skip >= pages) {
            skip -= pages;
            continue;
        }
        n = n < turn->left ? n : turn->left;
        if (s->address % VIRTIO_BALLOON_PAGE == 0 && n > 0)
            b->ops->discard(b->opaque, s->address + skip * VIRTIO_BALLOON_PAGE, n * VIRTIO_BALLOON_PAGE);
        b->state.done += n;
        turn->left -= n;
        if (skip + n < pages)
            return false;
        skip = 0;
    }
    return true;
}

static bool handle(struct VirtioBalloon *b, unsigned n, const struct VirtioBuffer *buffer, struct Turn *turn) {
    switch (n) {
    case INFLATE: return inflate(b, buffer, turn);
    case REPORTING_CLOSE:
    case REPORTING: return report(b, buffer, turn);
    default: return true; /* what is taken back comes from the host as it is touched */
    }
}

/* One buffer, as far as the turn goes. False: there is none, or something is left. */
static bool serve_one(struct VirtioBalloon *b, unsigned n, struct Turn *turn) {
    struct VirtioBalloonState *s = &b->state;
    struct VirtioBuffer buffer;
    bool again = s->busy && s->queue == n;
    if (turn->left == 0 || (s->busy && !again))
        return false;
    if (!(again ? virtio_take_again(&b->virtio, n, s->head, &buffer) : virtio_take(&b->virtio, n, &buffer))) {
        s->busy = s->busy && !again;
        return false;
    }
    if (!again)
        s->done = 0;
    turn->left--;
    s->busy = !handle(b, n, &buffer, turn);
    s->queue = (uint8_t)n;
    s->head = buffer.head;
    if (s->busy)
        return false;
    virtio_give(&b->virtio, n, &buffer, 0);
    return true;
}

static bool is_page_queue(unsigned n) { return n == INFLATE || n == DEFLATE || n == REPORTING || n == REPORTING_CLOSE; }

/* All queues of pages, that first which the last turn left. */
static void turn(struct VirtioBalloon *b) {
    struct Turn t = {VIRTIO_BALLOON_TURN};
    unsigned first = b->state.busy ? b->state.queue : 0;
    for (unsigned i = 0; i < QUEUES && virtio_is_live(&b->virtio); i++) {
        unsigned n = (first + i) % QUEUES;
        bool given = false;
        while (is_page_queue(n) && serve_one(b, n, &t))
            given = true;
        if (given)
            virtio_tell(&b->virtio, n);
    }
    if (!virtio_is_live(&b->virtio))
        b->state.busy = false;
    b->state.more = t.left == 0 && virtio_is_live(&b->virtio);
    if (b->state.more)
        b->ops->more(b->opaque);
}

void virtio_balloon_continue(struct VirtioBalloon *b) {
    if (b->state.more)
        turn(b);
}

/* ---- statistics ---- */

static void read_stats(struct VirtioBalloon *b, const struct VirtioBuffer *buffer) {
    uint8_t bytes[STAT_SIZE * 2 * VIRTIO_BALLOON_STATS]; /* more than there are kinds is for none that is known */
    size_t n = buffer->readable_bytes < sizeof(bytes) ? (size_t)buffer->readable_bytes : sizeof(bytes);
    if (!virtio_read(&b->virtio, buffer, 0, bytes, n))
        return;
    for (size_t at = 0; at + STAT_SIZE <= n; at += STAT_SIZE) {
        uint16_t tag = get_le16(bytes + at);
        if (tag >= VIRTIO_BALLOON_STATS)
            continue;
        b->state.stat[tag] = get_le64(bytes + at + 2);
        b->state.stats_known |= 1ull << tag;
    }
    b->state.stats_told++;
    if (b->ops->stats_came != NULL)
        b->ops->stats_came(b->opaque);
}

/* The driver offers one buffer, which is kept until new statistics are wanted; of several the first ones go back. */
static void take_stats(struct VirtioBalloon *b) {
    struct VirtioBuffer buffer;
    for (unsigned i = 0; i < VIRTIO_QUEUE_SIZE && virtio_take(&b->virtio, STATS, &buffer); i++) {
        virtio_balloon_ask_stats(b);
        read_stats(b, &buffer);
        b->state.stats_held = true;
        b->state.stats_head = buffer.head;
    }
}

bool virtio_balloon_ask_stats(struct VirtioBalloon *b) {
    struct VirtioBuffer buffer = {.head = b->state.stats_head};
    if (!b->state.stats_held || !virtio_is_live(&b->virtio))
        return false;
    b->state.stats_held = false;
    virtio_give(&b->virtio, STATS, &buffer, 0);
    virtio_tell(&b->virtio, STATS);
    return true;
}

/* ---- life ---- */

static void notified(void *opaque, unsigned n) {
    struct VirtioBalloon *b = opaque;
    if (n == STATS)
        take_stats(b);
    else if (!b->state.more) /* or its turn comes */
        turn(b);
}

static void config_written(void *opaque, unsigned offset, unsigned size) {
    struct VirtioBalloon *b = opaque;
    uint32_t before = b->state.actual;
    (void)offset, (void)size;
    b->state.actual = get_le32(b->space + CONFIG_ACTUAL);
    b->state.poison = virtio_has(&b->virtio, F_PAGE_POISON) ? get_le32(b->space + CONFIG_POISON) : 0;
    put_config(b); /* the rest is the device's */
    if (b->state.actual != before && b->ops->changed != NULL)
        b->ops->changed(b->opaque);
}

/* What the host wants stays. The guest's next driver begins with an empty balloon. */
static void reset(void *opaque) {
    struct VirtioBalloon *b = opaque;
    struct VirtioBalloonState *s = &b->state;
    s->actual = s->poison = 0;
    s->stats_held = s->more = s->busy = false;
    s->stats_head = s->head = 0;
    s->queue = 0;
    s->done = 0;
    s->stats_known = s->stats_told = 0;
    memset(s->stat, 0, sizeof(s->stat));
    put_config(b);
}

void virtio_balloon_set_pages(struct VirtioBalloon *b, uint32_t pages) {
    b->state.pages = pages;
    put_config(b);
    virtio_config_changed(&b->virtio);
}

void virtio_balloon_restored(struct VirtioBalloon *b) {
    put_config(b);
    if (b->state.more)
        b->ops->more(b->opaque);
}

void virtio_balloon_init(struct VirtioBalloon *b, struct PciDevice *pci, const struct VirtioBalloonConfig *config,
                         const struct VirtioBalloonOps *ops, void *opaque) {
    static const struct VirtioDeviceOps device_ops = {notified, reset, config_written};
    memset(b, 0, sizeof(*b));
    b->ops = ops;
    b->opaque = opaque;
    b->virtio = (struct Virtio){
        .state = &b->state.virtio,
        .pci = pci,
        .ops = &device_ops,
        .opaque = b,
        .offered = F_STATS_VQ | (config->deflate_on_oom ? F_DEFLATE_ON_OOM : 0) |
                   (config->reporting ? F_PAGE_REPORTING | F_PAGE_POISON : 0) | VIRTIO_F_INDIRECT |
                   VIRTIO_F_EVENT_INDEX | VIRTIO_F_ANY_LAYOUT | VIRTIO_F_VERSION_1,
        .queues = config->reporting ? QUEUES : REPORTING_CLOSE,
        .config = b->space,
        .config_size = sizeof(b->space),
    };
}

static const char *check(const void *state) {
    return virtio_check(&((const struct VirtioBalloonState *)state)->virtio);
}

const struct StateTable virtio_balloon_state_table = {
    .name = "virtio_balloon",
    .size = sizeof(struct VirtioBalloonState),
    .version = 1,
    .check = check,
    .field =
        (const struct StateField[]){
            STATE_WITHIN(VirtioBalloonState, virtio, &virtio_state_table),
            STATE_FIELD(VirtioBalloonState, pages),
            STATE_FIELD(VirtioBalloonState, actual),
            STATE_FIELD(VirtioBalloonState, poison),
            STATE_FIELD(VirtioBalloonState, stats_head),
            STATE_FIELD(VirtioBalloonState, stats_held),
            STATE_FIELD(VirtioBalloonState, more),
            STATE_FIELD(VirtioBalloonState, done),
            STATE_FIELD(VirtioBalloonState, head),
            STATE_FIELD(VirtioBalloonState, queue, .max = QUEUES - 1),
            STATE_FIELD(VirtioBalloonState, busy),
            STATE_PADDING(VirtioBalloonState, unused),
            STATE_FIELD(VirtioBalloonState, stats_known),
            STATE_ARRAY(VirtioBalloonState, stat),
            STATE_FIELD(VirtioBalloonState, stats_told),
            {0},
        },
};
