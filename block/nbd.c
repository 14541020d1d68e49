/* SPDX-License-Identifier: MIT */
/*
 * Protocol "nbd": a disk that another program serves, through libnbd, which checks all that a server says. Several
 * connections where the server allows it (NBD_FLAG_CAN_MULTI_CONN), each for one request at a time. See node.h.
 */
#include "block/node.h"

#include <string.h>

#ifdef HAVE_LIBNBD
#include <libnbd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CONNECTIONS = 4, CHUNK = 1 << 20 /* bytes of a request */, CONNECT_SECONDS = 10 };

struct NbdConnection {
    struct nbd_handle *handle;
    pthread_mutex_t lock;
};

struct NbdNode {
    struct BlockNode n;
    unsigned count;
    _Atomic unsigned turn;
    bool can_flush, can_trim, can_zero;
    struct NbdConnection connection[CONNECTIONS];
};

static struct NbdNode *nbd_node(struct BlockNode *n) { return (struct NbdNode *)n; }

/* A connection of which nobody makes use, or the next one in turn. */
static struct NbdConnection *take(struct NbdNode *d) {
    unsigned turn = atomic_fetch_add(&d->turn, 1);
    for (unsigned i = 0; i < d->count; i++) {
        struct NbdConnection *c = &d->connection[(turn + i) % d->count];
        if (pthread_mutex_trylock(&c->lock) == 0)
            return c;
    }
    struct NbdConnection *c = &d->connection[turn % d->count];
    pthread_mutex_lock(&c->lock);
    return c;
}

static int give_back(struct NbdConnection *c, int result) {
    int error = result == 0 ? 0 : nbd_get_errno();
    pthread_mutex_unlock(&c->lock);
    return result == 0 ? 0 : error == ENOSPC || error == EPERM || error == ENOMEM ? -error : -EIO;
}

static int transfer(struct NbdNode *d, bool write, uint64_t offset, void *buffer, uint64_t bytes) {
    struct NbdConnection *c = take(d);
    return give_back(c, write ? nbd_pwrite(c->handle, buffer, bytes, offset, 0)
                              : nbd_pread(c->handle, buffer, bytes, offset, 0));
}

/* How much of it is within the disk. */
static uint64_t within(const struct BlockNode *n, uint64_t offset, uint64_t bytes) {
    uint64_t left = offset < n->size ? n->size - offset : 0;
    return bytes < left ? bytes : left;
}

static int all(struct BlockNode *n, bool write, uint64_t offset, uint64_t bytes, struct BlockView v) {
    char *buffer = block_buffer(bytes < CHUNK ? bytes : CHUNK);
    int r = buffer != NULL ? 0 : -ENOMEM;
    while (r == 0 && bytes > 0) {
        uint64_t part = bytes < CHUNK ? bytes : CHUNK;
        if (write)
            block_view_load(v, buffer, part);
        r = transfer(nbd_node(n), write, offset, buffer, part);
        if (r == 0 && !write)
            block_view_store(v, buffer, part);
        v = block_view_from(v, part);
        offset += part;
        bytes -= part;
    }
    free(buffer);
    return r;
}

static int nbd_node_read(struct BlockNode *n, uint64_t offset, uint64_t bytes, struct BlockView v) {
    uint64_t there = within(n, offset, bytes);
    int r = all(n, false, offset, there, v);
    if (r == 0 && there < bytes)
        block_view_zero(block_view_from(v, there), bytes - there);
    return r;
}

static int nbd_node_write(struct BlockNode *n, uint64_t offset, uint64_t bytes, struct BlockView v) {
    return within(n, offset, bytes) == bytes ? all(n, true, offset, bytes, v) : -ENOSPC;
}

/* With several connections a flush on one is for all: that is what CAN_MULTI_CONN says. */
static int nbd_node_flush(struct BlockNode *n) {
    struct NbdNode *d = nbd_node(n);
    if (n->no_flush || !d->can_flush)
        return 0;
    struct NbdConnection *c = take(d);
    return give_back(c, nbd_flush(c->handle, 0));
}

/* Trim and write zeroes of any length: a request says at most 4 GiB, and servers may want less. */
static int by_parts(struct BlockNode *n, uint64_t offset, uint64_t bytes, bool trim, uint32_t flags) {
    enum { MOST = 1 << 30 };
    int r = 0;
    bytes = within(n, offset, bytes);
    while (r == 0 && bytes > 0) {
        uint64_t part = bytes < MOST ? bytes : MOST;
        struct NbdConnection *c = take(nbd_node(n));
        r = give_back(c, trim ? nbd_trim(c->handle, part, offset, 0) : nbd_zero(c->handle, part, offset, flags));
        offset += part;
        bytes -= part;
    }
    return r;
}

static int nbd_node_discard(struct BlockNode *n, uint64_t offset, uint64_t bytes) {
    return nbd_node(n)->can_trim ? by_parts(n, offset, bytes, true, 0) : 0;
}

static int nbd_node_zeroes(struct BlockNode *n, uint64_t offset, uint64_t bytes, bool unmap) {
    if (!nbd_node(n)->can_zero)
        return -ENOTSUP;
    return by_parts(n, offset, bytes, false, unmap ? 0 : LIBNBD_CMD_FLAG_NO_HOLE);
}

static int nbd_node_resize(struct BlockNode *n, uint64_t size, char *why, size_t len) {
    if (size <= n->size)
        return 0;
    snprintf(why, len, "'%s' is an NBD server's disk, which can't be resized from here", n->filename);
    return -ENOTSUP;
}

/* The server's business. */
static int nbd_node_relock(struct BlockNode *n, bool write) { return (void)n, (void)write, 0; }

static void nbd_node_close(struct BlockNode *n) {
    struct NbdNode *d = nbd_node(n);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        if (d->connection[i].handle != NULL)
            nbd_shutdown(d->connection[i].handle, 0);
        nbd_close(d->connection[i].handle);
        pthread_mutex_destroy(&d->connection[i].lock);
    }
}

static const struct BlockDriver driver = {
    .name = "nbd",
    .close = nbd_node_close,
    .read = nbd_node_read,
    .write = nbd_node_write,
    .flush = nbd_node_flush,
    .discard = nbd_node_discard,
    .zeroes = nbd_node_zeroes,
    .resize = nbd_node_resize,
    .relock = nbd_node_relock,
};

/* ---- opening ---- */

/* QEMU's short form, cut up: "nbd:unix:PATH" or "nbd:HOST:PORT", with ":exportname=E" behind it. */
struct NbdName {
    char *text, *path, *host, *port, *export;
};

static bool cut_up(const char *filename, struct NbdName *name) {
    *name = (struct NbdName){.text = strdup(filename + 4)};
    if (name->text == NULL)
        return false;
    char *export = strstr(name->text, ":exportname=");
    name->export = export != NULL ? export + 12 : "";
    if (export != NULL)
        *export = '\0';
    if (strncmp(name->text, "unix:", 5) == 0) {
        name->path = name->text + 5;
        return name->path[0] != '\0';
    }
    name->host = name->text;
    name->port = strrchr(name->text, ':');
    if (name->port == NULL || name->port == name->host || name->port[1] == '\0')
        return false;
    *name->port++ = '\0';
    return true;
}

static int begin_to_connect(struct nbd_handle *h, const char *filename, const struct NbdName *name) {
    if (name == NULL)
        return nbd_aio_connect_uri(h, filename);
    if (nbd_set_export_name(h, name->export) != 0)
        return -1;
    return name->path != NULL ? nbd_aio_connect_unix(h, name->path) : nbd_aio_connect_tcp(h, name->host, name->port);
}

/* 0, -1 (libnbd says why), or -ETIMEDOUT: a server that says nothing is not waited for without end. */
static int connect_one(struct nbd_handle *h, const char *filename, const struct NbdName *name, time_t end) {
    struct timespec now;
    if (begin_to_connect(h, filename, name) != 0)
        return -1;
    while (nbd_aio_is_connecting(h) > 0) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec >= end)
            return -ETIMEDOUT;
        if (nbd_poll(h, 1000) < 0)
            return -1;
    }
    return nbd_aio_is_ready(h) > 0 ? 0 : -1;
}

/* libnbd's words hold line breaks at times. */
static int refuse(const char *filename, struct BlockOpening *open) {
    const char *words = nbd_get_error();
    int error = nbd_get_errno(), r = block_refuse(open, error > 0 ? -error : -EIO, "'%s': %s", filename,
                                                  words != NULL ? words : "the connection has ended");
    for (char *p = open->why; open->n > 0 && *p != '\0'; p++)
        if (*p == '\n')
            *p = ' ';
    return r;
}

static int connect_all(struct NbdNode *d, const struct NbdName *name, struct BlockOpening *open) {
    unsigned wanted = 1;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const time_t end = now.tv_sec + CONNECT_SECONDS; /* for all of them */
    for (unsigned i = 0; i < wanted; i++) {
        struct nbd_handle *h = nbd_create();
        d->connection[i].handle = h;
        int r = h != NULL ? connect_one(h, d->n.filename, name, end) : -1;
        if (r != 0 && i > 0)
            return 0; /* a server that has enough of us is no error */
        if (r == -ETIMEDOUT)
            return block_refuse(open, r, "'%s': the server says nothing for %d seconds", d->n.filename,
                                CONNECT_SECONDS);
        if (r != 0)
            return refuse(d->n.filename, open);
        d->count = i + 1;
        if (i == 0 && nbd_can_multi_conn(h) > 0)
            wanted = CONNECTIONS;
    }
    return 0;
}

static int set_up(struct NbdNode *d, struct BlockOpening *open) {
    struct nbd_handle *h = d->connection[0].handle;
    int64_t size = nbd_get_size(h);
    bool readonly = nbd_is_read_only(h) > 0;
    if (size < 0)
        return refuse(d->n.filename, open);
    if (readonly && !open->o->readonly && !open->o->auto_readonly)
        return block_refuse(open, -EACCES, "'%s' is read-only; say readonly=on", d->n.filename);
    d->n.size = (uint64_t)size;
    d->n.readonly = readonly || open->o->readonly;
    d->n.no_flush = open->o->cache == BLOCK_CACHE_UNSAFE;
    d->can_flush = nbd_can_flush(h) > 0;
    d->can_trim = nbd_can_trim(h) > 0;
    d->can_zero = nbd_can_zero(h) > 0;
    return 0;
}

int block_nbd_open(struct BlockNode **out, struct BlockOpening *open) {
    const char *filename = open->o->filename;
    bool is_short = strncmp(filename, "nbd:", 4) == 0 && filename[4] != '/';
    struct NbdName name = {0};
    struct NbdNode *d = block_node_new(&driver, sizeof(*d), filename);
    if (d == NULL)
        return block_refuse(open, -ENOMEM, "out of memory");
    for (unsigned i = 0; i < CONNECTIONS; i++)
        pthread_mutex_init(&d->connection[i].lock, NULL);
    int r = 0;
    if (is_short && !cut_up(filename, &name))
        r = block_refuse(open, -EINVAL, "'%s' is no NBD server; write nbd:HOST:PORT or nbd:unix:PATH", filename);
    if (r == 0)
        r = connect_all(d, is_short ? &name : NULL, open);
    if (r == 0)
        r = set_up(d, open);
    free(name.text);
    if (r != 0) {
        block_node_close(&d->n);
        return r;
    }
    *out = &d->n;
    return 0;
}
#else
int block_nbd_open(struct BlockNode **out, struct BlockOpening *open) {
    (void)out;
    return block_refuse(open, -ENOTSUP, "'%s': this twin86 was built without libnbd", open->o->filename);
}
#endif

bool block_is_nbd(const char *filename) {
    static const char *const schemes[] = {"nbd:", "nbds:", "nbd+unix:", "nbds+unix:", "nbd+vsock:"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (strncmp(filename, schemes[i], strlen(schemes[i])) == 0)
            return true;
    return false;
}
