/* SPDX-License-Identifier: MIT */
/*
 * Power that fails at any moment, for qcow2: below the format stands a node that keeps what was written since the last
 * sync. Of that a disk may have any part when power fails, sector by sector, in any order:
 *
 *   block-power IMAGE MODEL SEED OPERATIONS CUTS PREFIX
 *
 * does random operations on IMAGE (qcow2), and CUTS times writes what a disk might hold then to PREFIX.N, with what was
 * flushed to PREFIX.N.model, and a map of what may have changed since to PREFIX.N.open (a byte for each sector).
 * MODEL holds what IMAGE holds in the beginning.
 */
#include "block/internal.h"
#include "tests/block/random.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECTOR = 512, MOST = 100 * 1024 };

static struct Random generator;

static void fail(const char *what) {
    fprintf(stderr, "block-power: %s\n", what);
    exit(1);
}

/* ---- a disk that forgets ---- */

/* A sector as it was before a write since the last sync, oldest first. */
struct Old {
    uint64_t sector;
    unsigned char data[SECTOR];
};

static struct Disk {
    struct BlockNode *under;
    struct Old *old;
    size_t count, room;
    uint64_t synced_size;
    pthread_mutex_t lock;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void remember(uint64_t sector) {
    if (disk.count == disk.room) {
        disk.room = disk.room ? 2 * disk.room : 1024;
        disk.old = realloc(disk.old, disk.room * sizeof(*disk.old));
        if (disk.old == NULL)
            fail("out of memory");
    }
    disk.old[disk.count].sector = sector;
    if (block_node_read(disk.under, sector * SECTOR, disk.old[disk.count++].data, SECTOR) != 0)
        fail("can't read");
}

static int disk_read(struct BlockNode *n, uint64_t offset, uint64_t bytes, struct BlockView v) {
    (void)n;
    return disk.under->driver->read(disk.under, offset, bytes, v);
}

static int disk_write(struct BlockNode *n, uint64_t offset, uint64_t bytes, struct BlockView v) {
    pthread_mutex_lock(&disk.lock);
    for (uint64_t s = offset / SECTOR; s * SECTOR < offset + bytes; s++)
        remember(s);
    int r = disk.under->driver->write(disk.under, offset, bytes, v);
    n->size = disk.under->size;
    pthread_mutex_unlock(&disk.lock);
    return r;
}

static int disk_flush(struct BlockNode *n) {
    (void)n;
    pthread_mutex_lock(&disk.lock);
    disk.count = 0;
    pthread_mutex_unlock(&disk.lock);
    return 0;
}

static int disk_resize(struct BlockNode *n, uint64_t size, char *why, size_t len) {
    int r = disk.under->driver->resize(disk.under, size, why, len);
    n->size = disk.under->size;
    return r;
}

static void disk_close(struct BlockNode *n) {
    (void)n;
    block_node_close(disk.under);
}

static const struct BlockDriver driver = {
    .name = "disk",
    .close = disk_close,
    .read = disk_read,
    .write = disk_write,
    .flush = disk_flush,
    .resize = disk_resize,
};

/* ---- power cuts ---- */

static void copy_file(const char *from, const char *to) {
    static unsigned char data[1 << 20];
    int in = open(from, O_RDONLY | O_NONBLOCK), out = open(to, O_RDWR | O_CREAT | O_TRUNC | O_NONBLOCK, 0644);
    ssize_t n;
    while ((n = read(in, data, sizeof(data))) > 0)
        if (write(out, data, (size_t)n) != n)
            fail("can't write");
    close(in);
    close(out);
}

/* Each sector that was written is as it was after any of its writes, or before the first. From the newest back: going
 * on with the same sector's older ones or not is a coin's matter. */
static void cut(const char *path, const char *to) {
    copy_file(path, to);
    int fd = open(to, O_RDWR | O_NONBLOCK);
    unsigned odds = (unsigned)random_below(&generator, 4); /* 0: nearly all is lost, 3: nearly nothing */
    unsigned char *stopped = calloc(1, disk.under->size / SECTOR + 4096);
    for (size_t i = disk.count; i-- > 0;) {
        const struct Old *o = &disk.old[i];
        if (stopped[o->sector] || random_below(&generator, 8) < 1 + 2 * odds) {
            stopped[o->sector] = 1;
            continue;
        }
        if (pwrite(fd, o->data, SECTOR, (off_t)(o->sector * SECTOR)) != SECTOR)
            fail("can't write");
    }
    free(stopped);
    close(fd);
}

/* ---- operations ---- */

struct Guest {
    struct BlockNode *node;
    uint64_t size;
    unsigned char *now, *flushed, *touched; /* what was written; what of it was flushed; a byte a sector */
};

static void one(struct Guest *g) {
    static unsigned char data[MOST];
    uint64_t kind = random_below(&generator, 16),
             bytes = (1 + random_below(&generator, random_below(&generator, 4) ? 16 : MOST / SECTOR)) * SECTOR;
    uint64_t offset = random_below(&generator, g->size / SECTOR) * SECTOR;
    int r = 0;
    bytes = bytes < g->size - offset ? bytes : g->size - offset;
    if (kind == 0) {
        r = g->node->driver->flush(g->node);
        memcpy(g->flushed, g->now, g->size);
        memset(g->touched, 0, g->size / SECTOR);
    } else {
        memset(data, kind < 10 ? (int)random_next(&generator) : 0, bytes);
        memset(g->touched + offset / SECTOR, 1, bytes / SECTOR);
        memcpy(g->now + offset, data, bytes);
        r = kind < 10   ? block_node_write(g->node, offset, data, bytes)
            : kind < 13 ? block_node_zeroes(g->node, offset, bytes, kind == 12)
                        : g->node->driver->discard(g->node, offset, bytes);
        if (r == 0 && kind >= 13)
            r = block_node_zeroes(g->node, offset, bytes, true);
    }
    if (r != 0)
        fail(strerror(-r));
}

static void save(const char *prefix, int number, const char *suffix, const unsigned char *data, uint64_t bytes) {
    char path[512];
    snprintf(path, sizeof(path), "%s.%d.%s", prefix, number, suffix);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_NONBLOCK, 0644);
    if (fd < 0 || write(fd, data, bytes) != (ssize_t)bytes)
        fail("can't write");
    close(fd);
}

static void open_guest(struct Guest *g, const char *image, const char *model) {
    char why[BLOCK_WHY] = "";
    struct BlockOptions o = {
        .filename = image, .format = "qcow2", .discard = BLOCK_DISCARD_UNMAP, .cache = BLOCK_CACHE_UNSAFE};
    struct BlockOpening open_image = {.o = &o, .why = why, .n = sizeof(why)};
    struct BlockNode *n = block_node_new(&driver, sizeof(*n), image);
    if (block_file_open(&disk.under, &open_image) != 0)
        fail(why);
    n->size = disk.under->size;
    if (block_qcow2_open(&g->node, n, &open_image) != 0)
        fail(why);
    g->size = g->node->size;
    g->now = malloc(g->size);
    g->flushed = malloc(g->size);
    g->touched = calloc(1, g->size / SECTOR);
    int fd = open(model, O_RDONLY | O_NONBLOCK);
    if (fd < 0 || read(fd, g->now, g->size) != (ssize_t)g->size)
        fail("the model is not as large as the image");
    close(fd);
    memcpy(g->flushed, g->now, g->size);
}

int main(int argc, char **argv) {
    struct Guest g;
    char path[512];
    if (argc != 7)
        fail("IMAGE MODEL SEED OPERATIONS CUTS PREFIX");
    long operations = atol(argv[4]), cuts = atol(argv[5]);
    generator.state = strtoull(argv[3], NULL, 0) * 2 + 1;
    open_guest(&g, argv[1], argv[2]);
    for (long n = 0, done = 0; done < cuts; n++) {
        one(&g);
        if (n < operations / cuts * (done + 1))
            continue;
        snprintf(path, sizeof(path), "%s.%ld", argv[6], done);
        cut(argv[1], path);
        save(argv[6], (int)done, "model", g.flushed, g.size);
        save(argv[6], (int)done, "open", g.touched, g.size / SECTOR);
        done++;
    }
    block_node_close(g.node);
    return 0;
}
