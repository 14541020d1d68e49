/* SPDX-License-Identifier: MIT */
/* One request, from beginning to end, in a thread that may block. */
#include "block/internal.h"

static int flush(struct Block *b) { return b->root->driver->flush(b->root); }

static int zeroes(struct Block *b, const struct BlockRequest *r, bool unmap) {
    return block_node_zeroes(b->root, r->offset, r->bytes, unmap && b->discards);
}

static int write_data(struct Block *b, const struct BlockRequest *r) {
    struct BlockView v = {r->iov, r->niov, 0};
    if (b->detect_zeroes != BLOCK_DETECT_ZEROES_OFF && block_view_is_zero(v, r->bytes))
        return zeroes(b, r, b->detect_zeroes == BLOCK_DETECT_ZEROES_UNMAP);
    return b->root->driver->write(b->root, r->offset, r->bytes, v);
}

static int discard(struct Block *b, const struct BlockRequest *r) {
    return b->discards ? block_node_discard(b->root, r->offset, r->bytes) : 0;
}

int block_execute(struct Block *b, const struct BlockRequest *r) {
    int result = 0;
    if (r->op != BLOCK_FLUSH && r->bytes == 0)
        return 0;
    switch (r->op) {
    case BLOCK_READ: return b->root->driver->read(b->root, r->offset, r->bytes, (struct BlockView){r->iov, r->niov, 0});
    case BLOCK_FLUSH: return b->root->readonly ? 0 : flush(b);
    case BLOCK_WRITE: result = write_data(b, r); break;
    case BLOCK_DISCARD: result = discard(b, r); break;
    case BLOCK_WRITE_ZEROES: result = zeroes(b, r, (r->flags & BLOCK_UNMAP) != 0); break;
    case BLOCK_OPS: return -EINVAL;
    }
    return result == 0 && !b->write_cache ? flush(b) : result;
}
