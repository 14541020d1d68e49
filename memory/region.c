/* SPDX-License-Identifier: MIT */
#include "memory/region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE_SIZE = 4096, HUGE_PAGE_SIZE = 2 << 20 };

/* Room for `size` bytes that cost nothing until touched, or NULL. */
static void *map_lazily(uint64_t size, int fd) {
    int flags = MAP_NORESERVE | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* The same, where the kernel can use huge pages: a large part of what a guest's first touches cost under KVM. */
static void *map_huge(uint64_t size) {
    if (size < HUGE_PAGE_SIZE)
        return map_lazily(size, -1);
    uint8_t *p = map_lazily(size + HUGE_PAGE_SIZE, -1);
    if (p == NULL)
        return NULL;
    size_t before = -(uintptr_t)p % HUGE_PAGE_SIZE;
    if (before != 0)
        munmap(p, before);
    munmap(p + before + size, HUGE_PAGE_SIZE - before);
    madvise(p + before, size, MADV_HUGEPAGE); /* where it is refused, small pages do */
    return p + before;
}

static int init_ram(struct Region *r, const char *name, uint64_t size) {
    *r = (struct Region){.name = name, .kind = REGION_RAM, .size = size, .memfd = -1};
    return size == 0 || size % PAGE_SIZE || size > INT64_MAX ? -EINVAL : 0;
}

/* What is kept of each page. */
static bool map_notes(struct Region *r) {
    uint64_t pages = r->size / PAGE_SIZE;
    return (r->page_flags = map_lazily(pages, -1)) && (r->page_code = map_lazily(pages * sizeof(*r->page_code), -1));
}

int region_init_ram(struct Region *r, const char *name, uint64_t size) {
    int err = init_ram(r, name, size);
    if (err == 0 && (!(r->host = map_huge(size)) || !map_notes(r))) {
        err = -errno;
        region_destroy(r);
    }
    return err;
}

int region_init_shared_ram(struct Region *r, const char *name, uint64_t size) {
    int err = init_ram(r, name, size);
    if (err)
        return err;
    char label[64];
    snprintf(label, sizeof(label), "twin86-%s", name);
    r->memfd = memfd_create(label, MFD_CLOEXEC);
    if (r->memfd < 0 || ftruncate(r->memfd, (off_t)size) < 0 || !(r->host = map_lazily(size, r->memfd)) ||
        !map_notes(r)) {
        err = -errno;
        region_destroy(r);
    }
    return err;
}

int region_init_rom(struct Region *r, const char *name, const void *data, size_t data_size, uint64_t size) {
    *r = (struct Region){.name = name, .kind = REGION_ROM, .memfd = -1};
    if (size == 0 || size > INT64_MAX || data_size > size)
        return -EINVAL;
    size = (size + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    r->host = map_lazily(size, -1);
    if (!r->host)
        return -errno;
    r->size = size;
    if (data_size)
        memcpy(r->host, data, data_size);
    return 0;
}

void region_init_mmio(struct Region *r, const char *name, uint64_t size, const struct IoOps *ops, void *opaque) {
    *r = (struct Region){.name = name, .kind = REGION_MMIO, .size = size, .ops = ops, .opaque = opaque, .memfd = -1};
}

void region_destroy(struct Region *r) {
    if (r->host)
        munmap(r->host, r->size);
    if (r->page_flags)
        munmap(r->page_flags, r->size / PAGE_SIZE);
    if (r->page_code)
        munmap(r->page_code, r->size / PAGE_SIZE * sizeof(*r->page_code));
    if (r->memfd >= 0)
        close(r->memfd);
    *r = (struct Region){.name = r->name, .kind = r->kind, .memfd = -1};
}

/* ---- what was touched ---- */

/* Entries of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst): a page in memory, a page in swap. */
#define PAGEMAP_THERE (3ull << 62)

/* The next page from *at on that was touched or, with `touched` false, was not; the region's end if there is none. */
static uint64_t find_page(const struct Region *r, int pagemap, uint64_t at, bool touched) {
    uint64_t entry[512], first = (uintptr_t)r->host / PAGE_SIZE;
    while (at < r->size) {
        uint64_t left = (r->size - at) / PAGE_SIZE, want = left < 512 ? left : 512;
        ssize_t got =
            pread(pagemap, entry, want * sizeof(entry[0]), (off_t)((first + at / PAGE_SIZE) * sizeof(entry[0])));
        if (got < (ssize_t)sizeof(entry[0]))
            return touched ? at : r->size;
        for (size_t i = 0; i < (size_t)got / sizeof(entry[0]); i++, at += PAGE_SIZE)
            if (((entry[i] & PAGEMAP_THERE) != 0) == touched)
                return at;
    }
    return r->size;
}

bool region_next_touched(const struct Region *r, uint64_t *at, uint64_t *end) {
    uint64_t from = *at & -(uint64_t)PAGE_SIZE;
    if (r->host == NULL || from >= r->size)
        return false;
    int pagemap = r->memfd < 0 ? open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC) : -1;
    if (r->memfd >= 0) {
        off_t data = lseek(r->memfd, (off_t)from, SEEK_DATA);
        from = data < 0 ? r->size : (uint64_t)data & -(uint64_t)PAGE_SIZE;
        *end = data < 0 ? r->size : (uint64_t)lseek(r->memfd, data, SEEK_HOLE);
    } else if (pagemap >= 0) {
        from = find_page(r, pagemap, from, true);
        *end = find_page(r, pagemap, from, false);
        close(pagemap);
    } else { /* nobody tells */
        *end = r->size;
    }
    *at = from;
    return from < r->size;
}
