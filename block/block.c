/* SPDX-License-Identifier: MIT */
/* A block's life, and what can be asked of it. See block.h. */
#include "block/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All writes go to a file without a name, before the image that is asked for. */
static int open_snapshot(struct BlockNode **root, struct BlockOpening *open) {
    struct BlockOptions under = *open->o, over = {.format = "qcow2", .discard = open->o->discard};
    struct BlockNode *base, *file = NULL;
    under.readonly = true;
    open->o = &under;
    int r = block_node_open(&base, open);
    if (r != 0)
        return r;
    open->o = &over;
    r = block_file_temporary(&file, open);
    if (r == 0 && (r = block_qcow2_create(file, base->size)) != 0)
        block_refuse(open, r, "snapshot: the temporary file can't be written: %s", strerror(-r));
    if (r == 0)
        r = block_qcow2_open(root, file, open);
    if (r != 0) {
        block_node_close(file);
        block_node_close(base);
        return r;
    }
    (*root)->backing = base;
    return 0;
}

static int open_root(struct BlockNode **root, struct BlockOpening *open) {
    if (open->o->filename == NULL)
        return block_refuse(open, -EINVAL, "no file is given");
    return open->o->snapshot && !open->o->readonly ? open_snapshot(root, open) : block_node_open(root, open);
}

int block_open(struct Block **out, const struct BlockOptions *o, const struct BlockHost *host, char *why, size_t n) {
    struct BlockOpening open = {.o = o, .why = why, .n = n};
    struct Block *b = calloc(1, sizeof(*b));
    if (b == NULL)
        return block_refuse(&open, -ENOMEM, "out of memory");
    int r = open_root(&b->root, &open);
    if (r != 0) {
        free(b);
        return r;
    }
    if (host != NULL)
        b->host = *host;
    b->sandbox = o->sandbox;
    b->discards = o->discard == BLOCK_DISCARD_UNMAP;
    b->detect_zeroes = o->detect_zeroes;
    b->write_cache = o->cache != BLOCK_CACHE_WRITETHROUGH && o->cache != BLOCK_CACHE_DIRECTSYNC;
    r = block_queue_init(b, o->aio);
    if (r != 0) {
        block_node_close(b->root);
        free(b);
        if (o->aio != BLOCK_AIO_IO_URING)
            return block_refuse(&open, r, "its thread could not be started: %s", strerror(-r));
        return block_refuse(&open, r, "aio=io_uring: %s; use aio=threads",
                            r == -ENOSYS ? "not in this kernel, or twin86 was built without liburing" : strerror(-r));
    }
    *out = b;
    return 0;
}

int block_close(struct Block *b) {
    if (b == NULL)
        return 0;
    block_drain(b);
    int r = b->root->readonly
                ? 0
                : (b->root->driver->finish != NULL ? b->root->driver->finish : b->root->driver->flush)(b->root);
    block_queue_destroy(b);
    block_node_close(b->root);
    free(b);
    return r;
}

uint64_t block_size(const struct Block *b) { return b->root->size; }
bool block_readonly(const struct Block *b) { return b->root->readonly; }
bool block_write_cache(const struct Block *b) { return b->write_cache; }
void block_set_write_cache(struct Block *b, bool on) { b->write_cache = on; }
bool block_discards(const struct Block *b) { return b->discards; }
uint32_t block_discard_granularity(const struct Block *b) {
    struct BlockInfo info;
    return block_info(b, 0, &info) && info.cluster > 0 ? info.cluster : 4096;
}
uint32_t block_host_block(const struct Block *b) { return b->root->align > 512 ? b->root->align : 512; }

static struct BlockNode *at_depth(const struct Block *b, unsigned depth) {
    struct BlockNode *n = b->root;
    while (n != NULL && depth-- > 0)
        n = n->backing;
    return n;
}

static bool node_info(struct BlockNode *n, struct BlockInfo *info) {
    if (n == NULL)
        return false;
    *info = (struct BlockInfo){
        .filename = n->filename,
        .format = n->driver->name,
        .node_name = n->node_name,
        .backing_filename = n->backing != NULL ? n->backing->filename : NULL,
        .size = n->size,
        .readonly = n->readonly,
        .direct = n->direct,
        .no_flush = n->no_flush,
    };
    if (n->file != NULL && n->file->driver->info != NULL)
        n->file->driver->info(n->file, info);
    if (n->driver->info != NULL)
        n->driver->info(n, info);
    return true;
}

bool block_info(const struct Block *b, unsigned depth, struct BlockInfo *info) {
    return node_info(at_depth(b, depth), info);
}

bool block_file_info(const struct Block *b, unsigned depth, struct BlockInfo *info) {
    struct BlockNode *n = at_depth(b, depth);
    return n != NULL && node_info(n->file, info);
}

enum BlockDetectZeroes block_detect_zeroes(const struct Block *b) { return b->detect_zeroes; }

void block_stats(const struct Block *b, struct BlockStats *stats) { *stats = b->stats; }

int block_resize(struct Block *b, uint64_t size, char *why, size_t n) {
    block_drain(b);
    if (b->root->readonly) {
        snprintf(why, n, "'%s' is read-only", b->root->filename);
        return -EROFS;
    }
    if (size % 512 != 0 || size == 0 || size > INT64_MAX / 2) {
        snprintf(why, n, "%llu is not a size for a disk: give a multiple of 512", (unsigned long long)size);
        return -EINVAL;
    }
    return b->root->driver->resize(b->root, size, why, n);
}
