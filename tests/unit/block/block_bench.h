/* SPDX-License-Identifier: MIT */
/** Image files for tests of block/, in the folder for temporary files. */
#ifndef TWIN86_TESTS_UNIT_BLOCK_BENCH_H
#define TWIN86_TESTS_UNIT_BLOCK_BENCH_H

#include "block/block.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** A file that goes with bench_remove. */
struct BenchFile {
    char path[64];
    int fd;
};

static inline void bench_file(struct BenchFile *f, off_t size) {
    strcpy(f->path, "/var/tmp/twin86-block-XXXXXX");
    f->fd = mkstemp(f->path);
    ck_assert_int_ge(f->fd, 0);
    ck_assert_int_eq(ftruncate(f->fd, size), 0);
}

static inline void bench_remove(struct BenchFile *f) {
    close(f->fd);
    unlink(f->path);
}

static inline struct Block *bench_open(const struct BlockOptions *o, const struct BlockHost *host) {
    char why[BLOCK_WHY] = "";
    struct Block *b = NULL;
    int r = block_open(&b, o, host, why, sizeof(why));
    ck_assert_msg(r == 0, "%s", why);
    return b;
}

#define BENCH_OPEN(...) bench_open(&(struct BlockOptions){__VA_ARGS__}, NULL)

/** Opening is refused with `error`, and a line that holds `words`. */
static inline void bench_refused(const struct BlockOptions *o, int error, const char *words) {
    char why[BLOCK_WHY] = "";
    struct Block *b = NULL;
    int r = block_open(&b, o, NULL, why, sizeof(why));
    ck_assert_msg(r == error && strstr(why, words) != NULL && strchr(why, '\n') == NULL, "%d %s", r, why);
}

static inline void bench_fill(void *p, int value, size_t n) { memset(p, value, n); }

static inline bool bench_is(const void *p, int value, size_t n) {
    const unsigned char *c = p;
    return n == 0 || (c[0] == value && memcmp(c, c + 1, n - 1) == 0);
}

#endif
