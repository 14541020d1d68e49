/* SPDX-License-Identifier: MIT */
/* Format "raw": the bytes of a file are the bytes of the disk. See node.h. */
#include "block/node.h"
#include "block/probe.h"

#include <stdio.h>
#include <string.h>

struct RawNode {
    struct BlockNode n;
    bool probed; /* the first sector must not become another format's */
};

static int raw_read(struct BlockNode *n, uint64_t offset, uint64_t bytes, struct BlockView v) {
    return n->file->driver->read(n->file, offset, bytes, v);
}

/* A guest that writes, say, qcow2's header into an image of unknown format would have us open any file of the host's
 * as its backing file the next time. What is written is what was looked at: a guest may change its memory meanwhile. */
static int write_first_sector(struct BlockNode *n, uint64_t offset, uint64_t bytes, struct BlockView v) {
    unsigned char sector[BLOCK_PROBE] = {0};
    block_view_load(v, sector + offset, bytes);
    if (strcmp(block_probe(sector, sizeof(sector)), "raw") != 0)
        return -EPERM;
    return block_node_write(n->file, offset, sector + offset, bytes);
}

static int raw_write(struct BlockNode *n, uint64_t offset, uint64_t bytes, struct BlockView v) {
    if (((struct RawNode *)n)->probed && offset < BLOCK_PROBE) {
        uint64_t first = bytes < BLOCK_PROBE - offset ? bytes : BLOCK_PROBE - offset;
        int r = write_first_sector(n, offset, first, v);
        if (r != 0 || first == bytes)
            return r;
        return n->file->driver->write(n->file, offset + first, bytes - first, block_view_from(v, first));
    }
    return n->file->driver->write(n->file, offset, bytes, v);
}

static int raw_flush(struct BlockNode *n) { return n->file->driver->flush(n->file); }

static int raw_discard(struct BlockNode *n, uint64_t offset, uint64_t bytes) {
    return block_node_discard(n->file, offset, bytes);
}

static int raw_zeroes(struct BlockNode *n, uint64_t offset, uint64_t bytes, bool unmap) {
    return n->file->driver->zeroes != NULL ? n->file->driver->zeroes(n->file, offset, bytes, unmap) : -ENOTSUP;
}

static uint64_t round_up(uint64_t size) { return (size + 511) & ~511ull; }

static int raw_resize(struct BlockNode *n, uint64_t size, char *why, size_t len) {
    int r = n->file->driver->resize(n->file, size, why, len);
    if (r == 0)
        n->size = round_up(n->file->size);
    return r;
}

static int raw_status(struct BlockNode *n, uint64_t offset, uint64_t bytes, enum BlockWhere *where, uint64_t *run) {
    return block_node_status(n->file, offset, bytes, where, run);
}

static bool raw_begin(struct BlockNode *n, bool write, uint64_t offset, uint64_t bytes, struct BlockExtent *e) {
    if (write && ((struct RawNode *)n)->probed && offset < BLOCK_PROBE)
        return false;
    return n->file->driver->begin != NULL && n->file->driver->begin(n->file, write, offset, bytes, e);
}

static const struct BlockDriver driver = {
    .name = "raw",
    .read = raw_read,
    .write = raw_write,
    .flush = raw_flush,
    .discard = raw_discard,
    .zeroes = raw_zeroes,
    .resize = raw_resize,
    .status = raw_status,
    .begin = raw_begin,
};

int block_raw_open(struct BlockNode **out, struct BlockNode *file, bool probed, struct BlockOpening *open) {
    struct RawNode *raw = block_node_new(&driver, sizeof(*raw), file->filename);
    if (raw == NULL)
        return block_refuse(open, -ENOMEM, "out of memory");
    raw->n.file = file;
    raw->n.size = round_up(file->size);
    raw->n.align = file->align;
    raw->probed = probed;
    *out = &raw->n;
    return 0;
}
