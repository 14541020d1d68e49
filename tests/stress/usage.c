/* SPDX-License-Identifier: MIT */
#include "tests/stress/usage.h"

#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

/* The sanitizers' allocators don't fill mallinfo. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static long entries(const char *path) {
    DIR *d = opendir(path);
    long n = 0;
    if (d == NULL)
        return -1;
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static long mapped_kib(void) {
    long pages = -1;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f != NULL && fscanf(f, "%ld", &pages) != 1)
        pages = -1;
    if (f != NULL)
        fclose(f);
    return pages < 0 ? -1 : pages * (sysconf(_SC_PAGESIZE) / 1024);
}

struct Usage usage_now(void) {
    struct Usage u = {.descriptors = entries("/proc/self/fd"), .threads = entries("/proc/self/task")};
    if (__sanitizer_get_current_allocated_bytes != NULL) {
        u.mapped_kib = -1;
        u.heap = __sanitizer_get_current_allocated_bytes();
    } else {
        struct mallinfo2 info = mallinfo2();
        u.mapped_kib = mapped_kib();
        u.heap = info.uordblks + info.hblkhd;
    }
    return u;
}

bool usage_leaks(const struct Usage *before, unsigned cycles, char *text, size_t n) {
    struct Usage now = usage_now();
    for (unsigned i = 0; i < 100 && now.threads != before->threads; i++) {
        usleep(10000);
        now = usage_now();
    }
    long heap = (long)(now.heap - before->heap), mapped = now.mapped_kib - before->mapped_kib;
    snprintf(text, n, "descriptors %ld to %ld, threads %ld to %ld, heap %+ld bytes, mappings %+ld KiB%s",
             before->descriptors, now.descriptors, before->threads, now.threads, heap, mapped,
             now.mapped_kib < 0 ? " (not measured under a sanitizer)" : "");
    return now.descriptors != before->descriptors || now.threads != before->threads || heap > 16 * (long)cycles ||
           mapped > 4 * (long)cycles;
}
