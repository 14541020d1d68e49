/* SPDX-License-Identifier: MIT */
#include "devices/virtio/virtio_blk.h"
#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TURN = 4 * VIRTIO_QUEUE_SIZE };
enum { SECTOR = 512, HEADER = 16, STATUS = 1, RANGE = 16 };

/* Features (5.2.3). */
#define F_SEG_MAX (1ull << 2)
#define F_GEOMETRY (1ull << 4)
#define F_RO (1ull << 5)
#define F_BLK_SIZE (1ull << 6)
#define F_FLUSH (1ull << 9)
#define F_TOPOLOGY (1ull << 10)
#define F_CONFIG_WCE (1ull << 11)
#define F_MQ (1ull << 12)
#define F_DISCARD (1ull << 13)
#define F_WRITE_ZEROES (1ull << 14)

/* Request types and results (5.2.6). */
enum { TYPE_IN = 0, TYPE_OUT = 1, TYPE_FLUSH = 4, TYPE_GET_ID = 8, TYPE_DISCARD = 11, TYPE_WRITE_ZEROES = 13 };
enum { RESULT_OK, RESULT_IOERR, RESULT_UNSUPPORTED };
enum { ZEROES_UNMAP = 1 };

/* More goes in pieces: a reset or the end waits for what is in flight. */
enum { WHOLE_MOST = 16 << 20 };

/* Configuration space (5.2.4). */
enum {
    CONFIG_CAPACITY = 0,
    CONFIG_SEG_MAX = 12,
    CONFIG_CYLINDERS = 16,
    CONFIG_HEADS = 18,
    CONFIG_SECTORS = 19,
    CONFIG_BLK_SIZE = 20,
    CONFIG_PHYSICAL = 24, /* as a power of two of logical blocks */
    CONFIG_MIN_IO = 26,
    CONFIG_OPT_IO = 28,
    CONFIG_WCE = 32,
    CONFIG_QUEUES = 34,
    CONFIG_DISCARD_SECTORS = 36,
    CONFIG_DISCARD_RANGES = 40,
    CONFIG_DISCARD_ALIGN = 44,
    CONFIG_ZEROES_SECTORS = 48,
    CONFIG_ZEROES_RANGES = 52,
    CONFIG_ZEROES_UNMAP = 56,
};

static uint32_t logical(const struct VirtioBlk *b) { return b->config.logical != 0 ? b->config.logical : SECTOR; }

static uint64_t sectors(const struct VirtioBlk *b) { return block_size(b->config.block) / SECTOR; }

/* ---- the end of a request ---- */

static void finish(struct VirtioBlkRequest *r, uint8_t result) {
    struct VirtioBlk *b = r->blk;
    bool in = r->type == TYPE_IN || r->type == TYPE_GET_ID;
    uint64_t status = r->buffer.writable_bytes - STATUS;
    virtio_write(&b->virtio, &r->buffer, status, &result, STATUS);
    virtio_give(&b->virtio, r->queue, &r->buffer, (uint32_t)((in ? r->moved : 0) + STATUS));
    b->untold |= 1u << r->queue;
    r->next = b->free;
    b->free = r;
}

void virtio_blk_tell(struct VirtioBlk *b) {
    for (unsigned n = 0; b->untold != 0; n++) {
        if (b->untold >> n & 1)
            virtio_tell(&b->virtio, n);
        b->untold &= ~(1u << n);
    }
}

/* One interrupt for all of them. */
static void end_of_batch(void *opaque) {
    struct VirtioBlk *b = opaque;
    if (!b->notifying)
        virtio_blk_tell(b);
}

/* ---- the block layer ---- */

static void completed(void *opaque, int result);

/* What `r->block` and the first `niov` of `r->iov` say. From here on a thread of the block layer's may be at it. */
static void submit(struct VirtioBlkRequest *r, struct BlockRequest block) {
    r->hand = block.bytes;
    r->block = block;
    r->block.iov = r->iov;
    r->block.done = completed;
    r->block.opaque = r;
    r->in_flight = true;
    block_submit(r->blk->config.block, &r->block);
}

static void submit_piece(struct VirtioBlkRequest *r) {
    uint64_t left = r->bytes - r->moved, n = left < VIRTIO_BLK_PIECE ? left : VIRTIO_BLK_PIECE;
    uint64_t offset = r->sector * SECTOR + r->moved;
    if (r->type == TYPE_OUT)
        virtio_read(&r->blk->virtio, &r->buffer, HEADER + r->moved, r->piece, (size_t)n);
    r->iov[0] = (struct iovec){r->piece, (size_t)n};
    enum BlockOp op = r->type == TYPE_OUT ? BLOCK_WRITE : BLOCK_READ;
    submit(r, (struct BlockRequest){.op = op, .offset = offset, .bytes = n, .niov = 1});
}

/* The whole of it, between the image and the guest's memory. False: it must go through a buffer. */
static bool submit_whole(struct VirtioBlkRequest *r) {
    bool out = r->type == TYPE_OUT;
    if (r->bytes > WHOLE_MOST)
        return false;
    r->mapped = virtio_map(&r->blk->virtio, &r->buffer, !out, out ? HEADER : 0, r->bytes, r->iov, VIRTIO_SEGMENTS);
    if (r->mapped > 0)
        submit(r, (struct BlockRequest){.op = out ? BLOCK_WRITE : BLOCK_READ,
                                        .offset = r->sector * SECTOR,
                                        .bytes = r->bytes,
                                        .niov = r->mapped});
    return r->mapped > 0;
}

/* A range of a discard or write-zeroes request: its `moved`th bytes name it. False: it can't be. */
static bool submit_range(struct VirtioBlkRequest *r) {
    uint8_t range[RANGE];
    virtio_read(&r->blk->virtio, &r->buffer, HEADER + r->moved, range, sizeof range);
    uint64_t sector = get_le32(range) | (uint64_t)get_le32(range + 4) << 32;
    uint32_t count = get_le32(range + 8), flags = get_le32(range + 12);
    bool zeroes = r->type == TYPE_WRITE_ZEROES;
    if ((flags & ~(uint32_t)(zeroes ? ZEROES_UNMAP : 0)) != 0 || sector > sectors(r->blk) ||
        count > sectors(r->blk) - sector)
        return false;
    submit(r, (struct BlockRequest){.op = zeroes ? BLOCK_WRITE_ZEROES : BLOCK_DISCARD,
                                    .flags = zeroes && flags & ZEROES_UNMAP ? BLOCK_UNMAP : 0,
                                    .offset = sector * SECTOR,
                                    .bytes = (uint64_t)count * SECTOR});
    return true;
}

static bool is_ranges(const struct VirtioBlkRequest *r) {
    return r->type == TYPE_DISCARD || r->type == TYPE_WRITE_ZEROES;
}

/* The next part of it. */
static void go_on(struct VirtioBlkRequest *r) {
    if (r->type == TYPE_FLUSH)
        submit(r, (struct BlockRequest){.op = BLOCK_FLUSH});
    else if (!is_ranges(r))
        submit_piece(r);
    else if (!submit_range(r))
        finish(r, RESULT_UNSUPPORTED);
}

/* What is done about a host's error; whoever watches is told. */
static enum BlockOnError judge(const struct VirtioBlkRequest *r, int error) {
    const struct VirtioBlk *b = r->blk;
    bool write = r->type != TYPE_IN;
    enum BlockOnError action = block_error_action(write ? b->config.write_error : b->config.read_error, error);
    if (b->ops->failed == NULL)
        return action == BLOCK_ERROR_STOP ? BLOCK_ERROR_REPORT : action;
    b->ops->failed(b->opaque, write, error, action);
    return action;
}

/* Until the machine goes on. */
static void put_aside(struct VirtioBlkRequest *r) {
    struct VirtioBlk *b = r->blk;
    r->next = b->stopped;
    b->stopped = r;
    b->state.stopped[b->state.stopped_count++] = r->queue << 16 | r->buffer.head;
}

static void take_all(struct VirtioBlk *b);

/* What a read has brought, or has left half done, is the guest's now. */
static void was_read(struct VirtioBlkRequest *r) {
    struct Virtio *v = &r->blk->virtio;
    if (r->mapped > 0)
        virtio_written(v, &r->buffer, r->hand);
    else
        virtio_write(v, &r->buffer, r->moved, r->piece, r->hand);
}

static void zero(struct VirtioBlkRequest *r) {
    for (int i = 0; i < r->block.niov; i++)
        memset(r->iov[i].iov_base, 0, r->iov[i].iov_len);
}

static void completed(void *opaque, int result) {
    struct VirtioBlkRequest *r = opaque;
    struct VirtioBlk *b = r->blk;
    r->in_flight = false;
    enum BlockOnError action = result != 0 ? judge(r, result) : BLOCK_ERROR_IGNORE;
    bool go = action == BLOCK_ERROR_IGNORE;
    if (result != 0 && go && r->type == TYPE_IN)
        zero(r);
    if (r->type == TYPE_IN && (go || r->mapped > 0))
        was_read(r);
    if (go)
        r->moved += is_ranges(r) ? RANGE : r->hand;
    if (!go)
        action == BLOCK_ERROR_STOP ? put_aside(r) : finish(r, RESULT_IOERR);
    else if (r->moved < r->bytes)
        go_on(r);
    else
        finish(r, RESULT_OK);
    if (b->starved)
        take_all(b);
}

/* ---- the beginning of a request ---- */

static void identify(struct VirtioBlkRequest *r) {
    char id[VIRTIO_BLK_SERIAL] = {0};
    uint64_t room = r->buffer.writable_bytes - STATUS;
    memcpy(id, r->blk->config.serial, strnlen(r->blk->config.serial, sizeof id));
    r->moved = room < sizeof id ? room : sizeof id;
    virtio_write(&r->blk->virtio, &r->buffer, 0, id, (size_t)r->moved);
    finish(r, RESULT_OK);
}

/* The data of a read or write are whole blocks, which lie on the disk. */
static bool is_on_disk(const struct VirtioBlkRequest *r) {
    uint32_t block = logical(r->blk);
    return r->bytes % block == 0 && r->sector % (block / SECTOR) == 0 && r->sector <= sectors(r->blk) &&
           r->bytes / SECTOR <= sectors(r->blk) - r->sector;
}

static uint8_t begin_transfer(struct VirtioBlkRequest *r) {
    if (!is_on_disk(r) || (r->type == TYPE_OUT && block_readonly(r->blk->config.block)))
        return RESULT_IOERR;
    if (r->bytes == 0) {
        finish(r, RESULT_OK);
        return RESULT_OK;
    }
    if (submit_whole(r))
        return RESULT_OK;
    if (r->piece == NULL && (r->piece = aligned_alloc(4096, VIRTIO_BLK_PIECE)) == NULL)
        return RESULT_IOERR;
    submit_piece(r);
    return RESULT_OK;
}

static uint8_t begin_ranges(struct VirtioBlkRequest *r) {
    uint64_t feature = r->type == TYPE_DISCARD ? F_DISCARD : F_WRITE_ZEROES;
    if (!(r->blk->virtio.offered & feature))
        return RESULT_UNSUPPORTED;
    if (r->bytes == 0 || r->bytes % RANGE != 0 || block_readonly(r->blk->config.block))
        return RESULT_IOERR;
    return submit_range(r) ? RESULT_OK : RESULT_UNSUPPORTED;
}

static uint8_t begin_known(struct VirtioBlkRequest *r) {
    switch (r->type) {
    case TYPE_IN: r->bytes = r->buffer.writable_bytes - STATUS; return begin_transfer(r);
    case TYPE_OUT: r->bytes = r->buffer.readable_bytes - HEADER; return begin_transfer(r);
    case TYPE_FLUSH: submit(r, (struct BlockRequest){.op = BLOCK_FLUSH}); return RESULT_OK;
    case TYPE_GET_ID: identify(r); return RESULT_OK;
    case TYPE_DISCARD:
    case TYPE_WRITE_ZEROES: r->bytes = r->buffer.readable_bytes - HEADER; return begin_ranges(r);
    default: return RESULT_UNSUPPORTED;
    }
}

/* False: it is no request at all. */
static bool begin(struct VirtioBlkRequest *r) {
    struct VirtioBlk *b = r->blk;
    uint8_t header[HEADER];
    if (r->buffer.readable_bytes < HEADER || r->buffer.writable_bytes < STATUS) {
        virtio_broken(&b->virtio, "a request without header or status, bytes", r->buffer.readable_bytes);
        return false;
    }
    virtio_read(&b->virtio, &r->buffer, 0, header, sizeof header);
    r->type = get_le32(header);
    r->sector = get_le32(header + 8) | (uint64_t)get_le32(header + 12) << 32;
    r->moved = r->bytes = 0;
    r->mapped = 0;
    uint8_t result = begin_known(r);
    if (result != RESULT_OK)
        finish(r, result);
    return true;
}

/*
 * What the ring has, as far as there are requests to put it into; a completion goes on. A driver that fills the ring
 * with what is answered at once, while that is done, is left alone until it rings again.
 */
static void take_queue(struct VirtioBlk *b, unsigned n) {
    for (unsigned taken = 0; b->free != NULL && b->stopped == NULL; taken++) {
        struct VirtioBlkRequest *r = b->free;
        if (taken == TURN || !virtio_take(&b->virtio, n, &r->buffer))
            return;
        b->free = r->next;
        r->queue = n;
        if (!begin(r)) {
            r->next = b->free;
            b->free = r;
            return;
        }
    }
    b->starved = true;
}

static void take_all(struct VirtioBlk *b) {
    b->starved = false;
    for (unsigned n = 0; n < b->virtio.queues && !b->starved; n++)
        take_queue(b, n);
}

/* What can be done at once is: a driver that polls need not wait, and one that does not goes on before it is
 * interrupted, perhaps for several requests at a time. */
static void notified(void *opaque, unsigned n) {
    struct VirtioBlk *b = opaque;
    b->notifying = true;
    block_plug(b->config.block);
    take_queue(b, n);
    block_unplug(b->config.block);
    b->notifying = false;
    if (b->untold != 0 && (b->ops->tell_later == NULL || !b->ops->tell_later(b->opaque)))
        virtio_blk_tell(b);
}

/* ---- configuration, life ---- */

static void put_topology(struct VirtioBlk *b) {
    uint8_t *c = b->space, exponent = 0;
    while (b->config.physical > logical(b) << exponent)
        exponent++;
    put_le32(c + CONFIG_BLK_SIZE, logical(b));
    c[CONFIG_PHYSICAL] = exponent;
    put_le16(c + CONFIG_MIN_IO, (uint16_t)(b->config.min_io / logical(b)));
    put_le32(c + CONFIG_OPT_IO, b->config.opt_io / logical(b));
}

static void put_config(struct VirtioBlk *b) {
    uint8_t *c = b->space;
    uint64_t capacity = sectors(b), cylinders = capacity / (16 * 63);
    memset(c, 0, sizeof b->space);
    put_le32(c + CONFIG_CAPACITY, (uint32_t)capacity);
    put_le32(c + CONFIG_CAPACITY + 4, (uint32_t)(capacity >> 32));
    put_le32(c + CONFIG_SEG_MAX, VIRTIO_SEGMENTS - 2);
    put_le16(c + CONFIG_CYLINDERS, cylinders < 65535 ? (uint16_t)cylinders : 65535);
    c[CONFIG_HEADS] = 16;
    c[CONFIG_SECTORS] = 63;
    put_topology(b);
    c[CONFIG_WCE] = b->state.write_cache;
    put_le16(c + CONFIG_QUEUES, b->config.queues);
    put_le32(c + CONFIG_DISCARD_SECTORS, UINT32_MAX / SECTOR);
    put_le32(c + CONFIG_DISCARD_RANGES, 1);
    uint32_t granularity = b->config.discard_granularity;
    put_le32(c + CONFIG_DISCARD_ALIGN,
             (granularity != 0 ? granularity : block_discard_granularity(b->config.block)) / SECTOR);
    put_le32(c + CONFIG_ZEROES_SECTORS, UINT32_MAX / SECTOR);
    put_le32(c + CONFIG_ZEROES_RANGES, 1);
    c[CONFIG_ZEROES_UNMAP] = 1;
}

/* The write cache is all that a driver can set. */
static void config_written(void *opaque, unsigned offset, unsigned size) {
    struct VirtioBlk *b = opaque;
    bool reached = offset <= CONFIG_WCE && CONFIG_WCE < offset + size;
    if (reached && virtio_has(&b->virtio, F_CONFIG_WCE)) {
        b->state.write_cache = b->space[CONFIG_WCE] & 1;
        block_set_write_cache(b->config.block, b->state.write_cache);
    }
    put_config(b);
}

void virtio_blk_resized(struct VirtioBlk *b) {
    put_config(b);
    virtio_config_changed(&b->virtio);
}

static void reset(void *opaque) {
    struct VirtioBlk *b = opaque;
    b->free = b->stopped = NULL;
    for (unsigned i = 0; i < VIRTIO_BLK_REQUESTS; i++) {
        struct VirtioBlkRequest *r = &b->requests[i];
        if (r->in_flight) {
            block_cancel(b->config.block, &r->block);
            if (r->type == TYPE_IN && r->mapped > 0)
                was_read(r);
        }
        r->in_flight = false;
        r->next = b->free;
        b->free = r;
    }
    b->starved = false;
    b->untold = 0;
    b->state.stopped_count = 0;
    memset(b->state.stopped, 0, sizeof b->state.stopped);
    put_config(b);
}

void virtio_blk_resume(struct VirtioBlk *b) {
    struct VirtioBlkRequest *r = b->stopped;
    b->stopped = NULL;
    b->state.stopped_count = 0;
    for (struct VirtioBlkRequest *next; r != NULL; r = next) {
        next = r->next;
        if (!begin(r)) { /* the driver has changed it meanwhile */
            r->next = b->free;
            b->free = r;
        }
    }
    if (b->starved && virtio_is_live(&b->virtio))
        take_all(b);
    virtio_blk_tell(b);
}

/* Requests that were stopped are found again by their heads. */
void virtio_blk_restored(struct VirtioBlk *b) {
    uint64_t count = b->state.stopped_count;
    uint32_t stopped[VIRTIO_BLK_REQUESTS];
    memcpy(stopped, b->state.stopped, sizeof stopped);
    reset(b);
    block_set_write_cache(b->config.block, b->state.write_cache);
    for (uint64_t i = 0; i < count; i++) {
        struct VirtioBlkRequest *r = b->free;
        unsigned n = stopped[i] >> 16;
        if (n >= b->virtio.queues || !virtio_take_again(&b->virtio, n, stopped[i] & 0xffff, &r->buffer))
            continue;
        b->free = r->next;
        r->queue = n;
        r->next = b->stopped;
        b->stopped = r;
        b->state.stopped[b->state.stopped_count++] = stopped[i];
    }
    b->starved = b->stopped != NULL; /* the rings may have more behind them */
}

int virtio_blk_init(struct VirtioBlk *b, struct PciDevice *pci, const struct VirtioBlkConfig *config,
                    const struct VirtioBlkOps *ops, void *opaque) {
    static const struct VirtioDeviceOps device_ops = {notified, reset, config_written};
    const struct Block *block = config->block;
    memset(b, 0, sizeof *b);
    b->config = *config;
    b->ops = ops;
    b->opaque = opaque;
    b->requests = calloc(VIRTIO_BLK_REQUESTS, sizeof *b->requests);
    if (b->requests == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < VIRTIO_BLK_REQUESTS; i++)
        b->requests[i].blk = b;
    b->state.write_cache = block_write_cache(block);
    block_set_completed(config->block, end_of_batch, b);
    b->virtio = (struct Virtio){
        .state = &b->state.virtio,
        .pci = pci,
        .ops = &device_ops,
        .opaque = b,
        .offered = F_SEG_MAX | F_GEOMETRY | F_BLK_SIZE | F_TOPOLOGY | F_FLUSH | F_CONFIG_WCE | VIRTIO_F_INDIRECT |
                   VIRTIO_F_EVENT_INDEX | VIRTIO_F_ANY_LAYOUT | VIRTIO_F_VERSION_1 | (config->queues > 1 ? F_MQ : 0) |
                   (block_readonly(block)     ? F_RO
                    : config->no_write_zeroes ? 0
                                              : F_WRITE_ZEROES) |
                   (block_discards(block) && !block_readonly(block) && !config->no_discard ? F_DISCARD : 0),
        .queues = config->queues,
        .config = b->space,
        .config_size = sizeof b->space,
    };
    return 0;
}

void virtio_blk_destroy(struct VirtioBlk *b) {
    for (unsigned i = 0; i < VIRTIO_BLK_REQUESTS && b->requests != NULL; i++)
        free(b->requests[i].piece);
    free(b->requests);
    b->requests = NULL;
}

static const char *check(const void *state) {
    const struct VirtioBlkState *s = state;
    return s->stopped_count <= VIRTIO_BLK_REQUESTS ? virtio_check(&s->virtio) : "more requests than there are";
}

const struct StateTable virtio_blk_state_table = {
    .name = "virtio_blk",
    .size = sizeof(struct VirtioBlkState),
    .version = 1,
    .check = check,
    .field =
        (const struct StateField[]){
            STATE_WITHIN(VirtioBlkState, virtio, &virtio_state_table),
            STATE_FIELD(VirtioBlkState, write_cache, .max = 1),
            STATE_PADDING(VirtioBlkState, unused),
            STATE_FIELD(VirtioBlkState, stopped_count, .max = VIRTIO_BLK_REQUESTS),
            STATE_ARRAY(VirtioBlkState, stopped),
            {0},
        },
};
