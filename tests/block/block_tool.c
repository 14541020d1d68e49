/* SPDX-License-Identifier: MIT */
/*
 * Images by block/ alone, for tests and measurements:
 *
 *   block-tool random IMAGE MODEL SEED COUNT [OPTIONS]   the same random writes, zeroes and discards to an image and to
 * a plain file of its size; reads are compared on the way block-tool copy IMAGE FILE [OPTIONS]   what the image holds,
 * as a plain file block-tool journal IMAGE [OPTIONS]     writes numbered records, and prints a number when it has been
 * flushed block-tool verify IMAGE NUMBER         whether everything that was flushed up to this number is there
 *   block-tool same FILE FILE MAP          whether two files are the same in sectors whose byte in the map is 0
 *   block-tool resize IMAGE SIZE
 *   block-tool commit IMAGE
 *   block-tool read IMAGE random|sequential COUNT BYTES DEPTH [OPTIONS]   so many reads
 *   block-tool hold IMAGE [OPTIONS]        opens it, says "open", waits for its input's end
 *
 * OPTIONS as of -drive, without file=. Exit code 1 and a line when something is wrong.
 */
#include "block/options.h"
#include "tests/block/random.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEPTH = 8, MOST = 200 * 1024 };

static void fail(const char *what, int error) {
    fprintf(stderr, "block-tool: %s%s%s\n", what, error < 0 ? ": " : "", error < 0 ? strerror(-error) : "");
    exit(1);
}

static struct Block *open_image(const char *path, const char *options, const struct BlockHost *host) {
    static struct Drive d;
    char why[BLOCK_WHY], text[1024];
    struct Block *b = NULL;
    snprintf(text, sizeof(text), "if=none,file=%s%s%s", path, options != NULL ? "," : "",
             options != NULL ? options : "");
    if (drive_parse(&d, text, why, sizeof(why)) != 0 || block_open(&b, &d.block, host, why, sizeof(why)) != 0)
        fail(why, 0);
    drive_free(&d);
    return b;
}

static void close_image(struct Block *b) {
    int r = block_close(b);
    if (r != 0)
        fail("close", r);
}

/* ---- random ---- */

static struct Random generator;

struct Slot {
    struct BlockRequest r;
    struct iovec iov[3];
    unsigned char *data, *expect;
    bool busy;
};

static void slot_done(void *opaque, int result) {
    struct Slot *s = opaque;
    if (result != 0)
        fail("request", result);
    if (s->r.op == BLOCK_READ && memcmp(s->data, s->expect, s->r.bytes) != 0) {
        fprintf(stderr, "block-tool: %llu bytes at %llu differ\n", (unsigned long long)s->r.bytes,
                (unsigned long long)s->r.offset);
        exit(1);
    }
    s->busy = false;
}

/* Requests in flight never overlap, so that it is known what is read. */
static bool overlaps(const struct Slot *slots, uint64_t offset, uint64_t bytes) {
    for (int i = 0; i < DEPTH; i++)
        if (slots[i].busy && slots[i].r.op != BLOCK_FLUSH && offset < slots[i].r.offset + slots[i].r.bytes &&
            slots[i].r.offset < offset + bytes)
            return true;
    return false;
}

static void choose(struct Slot *s, const struct Slot *slots, uint64_t size) {
    static const enum BlockOp ops[] = {BLOCK_READ,  BLOCK_READ,    BLOCK_WRITE,        BLOCK_WRITE,
                                       BLOCK_WRITE, BLOCK_DISCARD, BLOCK_WRITE_ZEROES, BLOCK_FLUSH};
    uint64_t kind = random_below(&generator, 40), align = random_below(&generator, 4) == 0 ? 1 : 512;
    s->r.op = kind < 35 ? ops[kind % 7] : kind == 35 ? BLOCK_FLUSH : BLOCK_WRITE;
    s->r.flags = random_below(&generator, 2) ? BLOCK_UNMAP : 0;
    do {
        uint64_t most = random_below(&generator, 8) == 0 ? MOST : 16 * 1024;
        s->r.bytes = (1 + random_below(&generator, most)) / align * align;
        s->r.offset = random_below(&generator, size) / align * align;
        if (s->r.bytes > size - s->r.offset)
            s->r.bytes = size - s->r.offset;
    } while (s->r.op != BLOCK_FLUSH && overlaps(slots, s->r.offset, s->r.bytes));
}

static void set_memory(struct Slot *s) {
    uint64_t a = random_below(&generator, s->r.bytes + 1), b = random_below(&generator, s->r.bytes - a + 1);
    s->iov[0] = (struct iovec){s->data, a};
    s->iov[1] = (struct iovec){s->data + a, b};
    s->iov[2] = (struct iovec){s->data + a + b, s->r.bytes - a - b};
    s->r.iov = s->iov;
    s->r.niov = 3;
}

/* What the operation does to the model. A discarded part may be anything afterwards, so it is written after it. */
static void apply(struct Slot *s, int model) {
    static const unsigned char zero[MOST];
    if (s->r.op == BLOCK_READ && pread(model, s->expect, s->r.bytes, (off_t)s->r.offset) != (ssize_t)s->r.bytes)
        fail("model", -errno);
    if (s->r.op == BLOCK_WRITE) {
        unsigned char byte = (unsigned char)random_next(&generator);
        memset(s->data, random_below(&generator, 6) ? byte : 0, s->r.bytes);
        if (s->r.bytes > 8 && byte & 1)
            memcpy(s->data, &generator.state, 8);
    }
    const void *now = s->r.op == BLOCK_WRITE ? s->data : zero;
    if ((s->r.op == BLOCK_WRITE || s->r.op == BLOCK_WRITE_ZEROES) &&
        pwrite(model, now, s->r.bytes, (off_t)s->r.offset) != (ssize_t)s->r.bytes)
        fail("model", -errno);
}

static void after_discard(struct Block *b, struct Slot *s) {
    block_drain(b);
    s->r.op = random_below(&generator, 2) ? BLOCK_WRITE_ZEROES : BLOCK_WRITE;
}

static int run_random(char **arg, const char *options) {
    static struct Slot slots[DEPTH];
    struct Block *b = open_image(arg[0], options, NULL);
    int model = open(arg[1], O_RDWR | O_NONBLOCK);
    long count = atol(arg[3]);
    generator.state = strtoull(arg[2], NULL, 0) * 2 + 1;
    for (int i = 0; i < 10; i++)
        random_next(&generator);
    if (model < 0)
        fail(arg[1], -errno);
    for (int i = 0; i < DEPTH; i++) {
        slots[i].data = malloc(MOST + 512);
        slots[i].expect = malloc(MOST + 512);
        slots[i].r.done = slot_done;
        slots[i].r.opaque = &slots[i];
    }
    for (long n = 0; n < count; n++) {
        struct Slot *s = &slots[n % DEPTH];
        if (s->busy)
            block_drain(b);
        choose(s, slots, block_size(b));
        for (bool again = true; again;) {
            set_memory(s);
            apply(s, model);
            s->busy = true;
            again = s->r.op == BLOCK_DISCARD;
            block_submit(b, &s->r);
            if (again)
                after_discard(b, s);
        }
    }
    block_drain(b);
    close_image(b);
    return 0;
}

/* ---- copy ---- */

static int run_copy(char **arg, const char *options) {
    static unsigned char data[1 << 20];
    struct Block *b = open_image(arg[0], options != NULL ? options : "readonly=on", NULL);
    int out = open(arg[1], O_RDWR | O_CREAT | O_TRUNC | O_NONBLOCK, 0644);
    for (uint64_t at = 0, n; at < block_size(b); at += n) {
        n = block_size(b) - at < sizeof(data) ? block_size(b) - at : sizeof(data);
        int r = block_sync(b, BLOCK_READ, at, data, n);
        if (r != 0)
            fail("read", r);
        if (pwrite(out, data, n, (off_t)at) != (ssize_t)n)
            fail(arg[1], -errno);
    }
    close_image(b);
    return 0;
}

/* ---- journal ---- */

enum { RECORD = 4096, GAP = 40960, FLUSH_EVERY = 7 }; /* one in ten pages is written, somewhere */

static uint64_t place(uint64_t number, uint64_t size) { return number * 2654435761u % (size / GAP) * GAP; }

static void make_record(unsigned char *data, uint64_t number) {
    for (unsigned i = 0; i < RECORD; i += 8)
        memcpy(data + i, &number, 8);
}

/* Between records things go away and come back, so that clusters are freed and used again. */
static int run_journal(char **arg, const char *options) {
    unsigned char data[RECORD];
    struct Block *b = open_image(arg[0], options, NULL);
    uint64_t size = block_size(b), number = strtoull(arg[1], NULL, 0);
    for (int r = 0;; number++) {
        make_record(data, number);
        r = block_sync(b, BLOCK_WRITE, place(number, size), data, RECORD);
        if (r == 0 && number % 5 == 3)
            r = block_sync(b, number % 2 ? BLOCK_DISCARD : BLOCK_WRITE_ZEROES, place(number, size), NULL, GAP);
        if (r == 0 && number % 5 == 3)
            r = block_sync(b, BLOCK_WRITE, place(number, size), data, RECORD);
        if (r == 0 && number % FLUSH_EVERY == 0) {
            r = block_sync(b, BLOCK_FLUSH, 0, NULL, 0);
            if (r == 0 && dprintf(1, "%llu\n", (unsigned long long)number) < 0)
                return 0;
        }
        if (r != 0)
            fail("journal", r);
    }
}

/* Whether a record that may have been under way, after the last flush that was told of, is at this place. */
static bool under_way(uint64_t at, uint64_t last, uint64_t size) {
    for (uint64_t n = last + 1; n <= last + 2 * FLUSH_EVERY; n++)
        if (place(n, size) <= at && at < place(n, size) + GAP)
            return true;
    return false;
}

static int run_verify(char **arg, const char *options) {
    unsigned char data[RECORD], record[RECORD];
    uint64_t last = strtoull(arg[1], NULL, 0), wrong = 0;
    struct Block *b = open_image(arg[0], options != NULL ? options : "readonly=on", NULL);
    uint64_t size = block_size(b), places = size / GAP, *newest = calloc(places, 8);
    for (uint64_t n = 1; n <= last; n++)
        newest[place(n, size) / GAP] = n;
    for (uint64_t i = 0; i < places; i++) {
        int r = block_sync(b, BLOCK_READ, i * GAP, data, RECORD);
        make_record(record, newest[i]);
        if (r == 0 && (under_way(i * GAP, last, size) || memcmp(data, record, RECORD) == 0))
            continue;
        wrong++;
        fprintf(stderr, "place %llu: not record %llu\n", (unsigned long long)i, (unsigned long long)newest[i]);
    }
    free(newest);
    close_image(b);
    if (wrong > 0)
        fail("flushed records are missing", 0);
    return 0;
}

/* ---- the rest ---- */

static int run_same(char **arg, const char *options) {
    unsigned char a[512], b[512];
    (void)options;
    FILE *f = fopen(arg[0], "rb"), *g = fopen(arg[1], "rb"), *open_map = fopen(arg[2], "rb");
    if (f == NULL || g == NULL || open_map == NULL)
        fail("can't open", -errno);
    for (long sector = 0; fread(a, 512, 1, f) == 1; sector++)
        if (fread(b, 512, 1, g) != 1 || (fgetc(open_map) == 0 && memcmp(a, b, 512) != 0)) {
            fprintf(stderr, "block-tool: sector %ld differs\n", sector);
            return 1;
        }
    return fgetc(g) == EOF ? 0 : 1;
}

static int run_resize(char **arg, const char *options) {
    char why[BLOCK_WHY];
    struct Block *b = open_image(arg[0], options, NULL);
    if (block_resize(b, strtoull(arg[1], NULL, 0), why, sizeof(why)) != 0)
        fail(why, 0);
    close_image(b);
    return 0;
}

static int run_commit(char **arg, const char *options) {
    char why[BLOCK_WHY];
    struct Block *b = open_image(arg[0], options, NULL);
    if (block_commit(b, why, sizeof(why)) != 0)
        fail(why, 0);
    close_image(b);
    return 0;
}

static int run_hold(char **arg, const char *options) {
    char c;
    struct Block *b = open_image(arg[0], options, NULL);
    if (dprintf(1, "open\n") > 0)
        while (read(0, &c, 1) > 0)
            ;
    close_image(b);
    return 0;
}

/* Completions as a machine's loop would call them. */
struct Waker {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool woken;
};

static void wake(void *opaque) {
    struct Waker *w = opaque;
    pthread_mutex_lock(&w->lock);
    w->woken = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->lock);
}

struct Reads {
    struct Block *b;
    uint64_t bytes, at;
    long left, busy;
    bool random;
};

struct Read {
    struct BlockRequest r;
    struct iovec iov;
    struct Reads *all;
};

static void read_next(void *opaque, int result) {
    struct Read *r = opaque;
    struct Reads *a = r->all;
    if (result != 0)
        fail("read", result);
    a->busy--;
    if (a->left == 0)
        return;
    a->left--;
    a->busy++;
    if (a->random)
        a->at = random_below(&generator, block_size(a->b) / a->bytes) * a->bytes;
    else if (a->at + 2 * a->bytes > block_size(a->b))
        a->at = 0;
    else
        a->at += a->bytes;
    r->r.offset = a->at;
    block_submit(a->b, &r->r);
}

static int run_read(char **arg, const char *options) {
    struct Waker w = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct BlockHost host = {wake, &w};
    struct Reads a = {.b = open_image(arg[0], options, &host),
                      .bytes = strtoull(arg[3], NULL, 0),
                      .left = atol(arg[2]),
                      .random = arg[1][0] == 'r'};
    long depth = atol(arg[4]);
    struct Read *r = calloc((size_t)depth, sizeof(*r));
    generator.state = 88172645463325252ull;
    for (long i = 0; i < depth; i++) {
        void *p = NULL;
        if (posix_memalign(&p, 4096, a.bytes) != 0)
            fail("memory", 0);
        r[i].iov = (struct iovec){p, a.bytes};
        r[i].r = (struct BlockRequest){
            .op = BLOCK_READ, .bytes = a.bytes, .iov = &r[i].iov, .niov = 1, .done = read_next, .opaque = &r[i]};
        r[i].all = &a;
        a.busy++;
        read_next(&r[i], 0);
    }
    while (a.busy > 0) {
        pthread_mutex_lock(&w.lock);
        while (!w.woken)
            pthread_cond_wait(&w.cond, &w.lock);
        w.woken = false;
        pthread_mutex_unlock(&w.lock);
        block_complete(a.b);
    }
    close_image(a.b);
    return 0;
}

static const struct Command {
    const char *name;
    int args;
    int (*run)(char **arg, const char *options);
} commands[] = {
    {"random", 4, run_random}, {"copy", 2, run_copy},     {"journal", 2, run_journal},
    {"verify", 2, run_verify}, {"resize", 2, run_resize}, {"commit", 1, run_commit},
    {"same", 3, run_same},     {"read", 5, run_read},     {"hold", 1, run_hold},
};

int main(int argc, char **argv) {
    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, argv[1]) == 0 && argc >= 2 + commands[i].args)
            return commands[i].run(argv + 2, argc > 2 + commands[i].args ? argv[2 + commands[i].args] : NULL);
    fprintf(stderr, "usage: see the top of block_tool.c\n");
    return 2;
}
