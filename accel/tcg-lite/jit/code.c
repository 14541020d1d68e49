/* SPDX-License-Identifier: MIT */
#include "accel/tcg-lite/jit/code.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

int jit_code_open(struct JitCode *c, size_t bytes) {
    memset(c, 0, sizeof(*c));
    uint8_t *write = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (write == MAP_FAILED)
        return -errno;
    uint8_t *run = mremap(write, 0, bytes, MREMAP_MAYMOVE); /* the same pages again, as they are shared */
    int r = run == MAP_FAILED || mprotect(run, bytes, PROT_READ | PROT_EXEC) != 0 ? -errno : 0;
    if (r == 0) {
        *c = (struct JitCode){
            .write = write, .run = run - write, .size = bytes, .half = bytes / 2, .ready = {0, bytes / 2}};
        return 0;
    }
    munmap(write, bytes);
    if (run != MAP_FAILED)
        munmap(run, bytes);
    return r;
}

void jit_code_ahead(struct JitCode *c) {
    enum { AHEAD = 256 << 10, LEAST = 96 << 10 };
    const size_t at[2] = {c->used, c->half + c->seldom}, end[2] = {c->half, c->size};
    for (unsigned k = 0; k < 2; k++) {
        size_t from = c->ready[k], n = end[k] - from < AHEAD ? end[k] - from : AHEAD;
        if (at[k] + LEAST <= from || n == 0)
            continue;
        madvise(c->write + from, n, MADV_POPULATE_WRITE);
        madvise(c->write + c->run + from, n, MADV_POPULATE_READ);
        c->ready[k] += n;
    }
}

void jit_code_close(struct JitCode *c) {
    if (c->write == NULL)
        return;
    munmap(c->write, c->size);
    munmap(c->write + c->run, c->size);
    c->write = NULL;
}
