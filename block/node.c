/* SPDX-License-Identifier: MIT */
/* Opening nodes, and what works on every one. See node.h. */
#include "block/node.h"
#include "base/why.h"
#include "block/probe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int block_refuse(const struct BlockOpening *open, int error, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    why_setv(open->why, open->n, error, format, ap);
    va_end(ap);
    return error;
}

void *block_node_new(const struct BlockDriver *driver, size_t size, const char *filename) {
    struct BlockNode *n = calloc(1, size);
    if (n == NULL)
        return NULL;
    n->driver = driver;
    n->align = 1;
    n->filename = strdup(filename);
    if (n->filename != NULL)
        return n;
    free(n);
    return NULL;
}

void block_node_close(struct BlockNode *n) {
    while (n != NULL) {
        struct BlockNode *backing = n->backing;
        if (n->driver->close != NULL)
            n->driver->close(n);
        block_node_close(n->file);
        free(n->filename);
        free(n->node_name);
        free(n);
        n = backing;
    }
}

enum { DEPTH_MOST = 200 };

/* ---- opening ---- */

static int open_format(struct BlockNode **out, struct BlockNode *file, const char *format, bool probed,
                       struct BlockOpening *open) {
    if (strcmp(format, "raw") == 0)
        return block_raw_open(out, file, probed, open);
    if (strcmp(format, "qcow2") == 0)
        return block_qcow2_open(out, file, open);
    return block_refuse(open, -ENOTSUP,
                        "'%s' has format %s, which is not supported; convert it: qemu-img convert -O qcow2",
                        file->filename, format);
}

static int find_format(const struct BlockNode *file, const char **format, struct BlockOpening *open) {
    unsigned char start[BLOCK_PROBE] = {0};
    int r = block_node_read((struct BlockNode *)file, 0, start, sizeof(start));
    if (r != 0)
        return block_refuse(open, r, "'%s' can't be read: %s", file->filename, strerror(-r));
    *format = block_probe(start, sizeof(start));
    return 0;
}

/* The same file twice in a chain is a loop. */
static int check_loop(const struct BlockNode *file, struct BlockOpening *open) {
    open->filename = file->filename;
    open->device = file->device;
    open->inode = file->inode;
    for (const struct BlockOpening *o = open->outer; o != NULL && file->inode != 0; o = o->outer)
        if (o->device == file->device && o->inode == file->inode)
            return block_refuse(open, -ELOOP, "'%s' is behind itself as its own backing file", file->filename);
    return 0;
}

static int open_protocol(struct BlockNode **file, struct BlockOpening *open) {
    if (open->depth > DEPTH_MOST)
        return block_refuse(open, -ELOOP, "more than %d backing files", DEPTH_MOST);
    return block_is_nbd(open->o->filename) ? block_nbd_open(file, open) : block_file_open(file, open);
}

static bool set_name(struct BlockNode *n, const char *name) {
    return name == NULL || (n->node_name = strdup(name)) != NULL;
}

int block_node_open(struct BlockNode **out, struct BlockOpening *open) {
    struct BlockNode *file = NULL;
    const struct BlockOptions *o = open->o;
    const char *format = o->format;
    int r = open_protocol(&file, open);
    if (r == 0)
        r = check_loop(file, open);
    if (r == 0 && format == NULL)
        r = find_format(file, &format, open);
    if (r == 0)
        r = open_format(out, file, format, o->format == NULL, open);
    if (r != 0) {
        block_node_close(file);
        return r;
    }
    (*out)->readonly = file->readonly;
    (*out)->direct = file->direct;
    (*out)->no_flush = file->no_flush;
    if (!set_name(*out, o->node_name) || !set_name(file, o->file_node_name)) {
        block_node_close(*out);
        return block_refuse(open, -ENOMEM, "out of memory");
    }
    return 0;
}

/* ---- backing nodes ---- */

/* "https:", "json:" and the like: letters and a colon before any slash. */
static size_t protocol_length(const char *name) {
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    return name[n] == ':' ? n : 0;
}

/* A relative name is seen from the folder of the image that has it. */
static char *seen_from(const char *image, const char *name) {
    const char *slash = strrchr(image, '/');
    char *path;
    if (name[0] == '/' || slash == NULL || protocol_length(name) > 0)
        return strdup(name);
    return asprintf(&path, "%.*s/%s", (int)(slash - image), image, name) >= 0 ? path : NULL;
}

static int open_named(struct BlockNode *n, const char *name, const char *format, struct BlockOpening *open) {
    size_t protocol = protocol_length(name);
    const char *file = strncmp(name, "file:", 5) == 0 ? name + 5 : name;
    if (protocol > 0 && file == name && !block_is_nbd(name))
        return block_refuse(open, -ENOTSUP,
                            "'%s': its backing file '%s' is reached by protocol %.*s, which is not supported",
                            n->filename, name, (int)protocol, name);
    char *path = seen_from(n->filename, file);
    if (path == NULL)
        return block_refuse(open, -ENOMEM, "out of memory");
    struct BlockOptions o = *open->o;
    o.filename = path;
    o.format = format;
    o.node_name = o.file_node_name = NULL;
    o.backing = NULL;
    o.readonly = true;
    struct BlockOpening inner = {.o = &o, .depth = open->depth + 1, .outer = open, .why = open->why, .n = open->n};
    int r = block_node_open(&n->backing, &inner);
    free(path);
    return r;
}

int block_node_open_backing(struct BlockNode *n, const char *name, const char *format, struct BlockOpening *open) {
    struct BlockOptions given;
    if (open->o->backing != NULL) {
        given = *open->o->backing;
        given.readonly = true;
        struct BlockOpening inner = {
            .o = &given, .depth = open->depth + 1, .outer = open, .why = open->why, .n = open->n};
        return block_node_open(&n->backing, &inner);
    }
    return name == NULL || open->o->no_backing ? 0 : open_named(n, name, format, open);
}

/* ---- every node ---- */

int block_node_read(struct BlockNode *n, uint64_t offset, void *buffer, uint64_t bytes) {
    struct iovec iov = {buffer, bytes};
    return n->driver->read(n, offset, bytes, (struct BlockView){&iov, 1, 0});
}

int block_node_write(struct BlockNode *n, uint64_t offset, const void *buffer, uint64_t bytes) {
    struct iovec iov = {(void *)buffer, bytes};
    return n->driver->write(n, offset, bytes, (struct BlockView){&iov, 1, 0});
}

static int write_zeroes(struct BlockNode *n, uint64_t offset, uint64_t bytes) {
    enum { CHUNK = 256 * 1024 };
    size_t size = bytes < CHUNK ? (size_t)bytes : CHUNK;
    char *zero = block_buffer(size);
    int r = zero != NULL ? 0 : -ENOMEM;
    if (zero != NULL)
        memset(zero, 0, size);
    while (r == 0 && bytes > 0) {
        uint64_t len = bytes < size ? bytes : size;
        r = block_node_write(n, offset, zero, len);
        offset += len;
        bytes -= len;
    }
    free(zero);
    return r;
}

int block_node_zeroes(struct BlockNode *n, uint64_t offset, uint64_t bytes, bool unmap) {
    int r = bytes == 0 ? 0 : n->driver->zeroes != NULL ? n->driver->zeroes(n, offset, bytes, unmap) : -ENOTSUP;
    return r == -ENOTSUP ? write_zeroes(n, offset, bytes) : r;
}

int block_node_status(struct BlockNode *n, uint64_t offset, uint64_t bytes, enum BlockWhere *where, uint64_t *run) {
    if (n->driver->status != NULL)
        return n->driver->status(n, offset, bytes, where, run);
    *where = BLOCK_HERE;
    *run = bytes;
    return 0;
}
