/* SPDX-License-Identifier: MIT */
/* The memory of requests, piecewise. See node.h. */
#include "block/node.h"

#include <stdlib.h>
#include <string.h>

uint64_t block_view_slice(struct BlockView v, uint64_t bytes, struct iovec *out, int max, int *count) {
    uint64_t done = 0;
    int n = 0;
    for (v = block_view_from(v, 0); n < max && v.niov > 0 && done < bytes; v.iov++, v.niov--, v.skip = 0) {
        size_t len = v.iov->iov_len - v.skip;
        if (len == 0)
            continue;
        if (len > bytes - done)
            len = bytes - done;
        out[n++] = (struct iovec){(char *)v.iov->iov_base + v.skip, len};
        done += len;
    }
    *count = n;
    return done;
}

/* Calls fn for each run of memory in the first `bytes`, until it returns false. */
static bool each(struct BlockView v, uint64_t bytes, bool (*fn)(void *at, size_t len, void *arg), void *arg) {
    while (bytes > 0) {
        struct iovec part[16];
        int count;
        uint64_t len = block_view_slice(v, bytes, part, 16, &count);
        if (len == 0)
            return true;
        for (int i = 0; i < count; i++)
            if (!fn(part[i].iov_base, part[i].iov_len, arg))
                return false;
        v = block_view_from(v, len);
        bytes -= len;
    }
    return true;
}

static bool zero(void *at, size_t len, void *arg) { return (void)arg, memset(at, 0, len), true; }

static bool store(void *at, size_t len, void *arg) {
    const char **from = arg;
    memcpy(at, *from, len);
    *from += len;
    return true;
}

static bool load(void *at, size_t len, void *arg) {
    char **to = arg;
    memcpy(*to, at, len);
    *to += len;
    return true;
}

static bool is_zero(void *at, size_t len, void *arg) {
    const char *p = at;
    (void)arg;
    return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

void block_view_zero(struct BlockView v, uint64_t bytes) { each(v, bytes, zero, NULL); }
void block_view_store(struct BlockView v, const void *from, uint64_t bytes) { each(v, bytes, store, &from); }
void block_view_load(struct BlockView v, void *to, uint64_t bytes) { each(v, bytes, load, &to); }
bool block_view_is_zero(struct BlockView v, uint64_t bytes) { return each(v, bytes, is_zero, NULL); }

void *block_buffer(size_t bytes) {
    void *p;
    return posix_memalign(&p, 4096, bytes > 0 ? bytes : 1) == 0 ? p : NULL;
}
