/* SPDX-License-Identifier: MIT */
#include "memory/region.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE_SIZE = 4096 };

/* Room for `size` bytes that cost nothing until touched, or NULL. */
static void *map_lazily(uint64_t size, int fd) {
    int flags = MAP_NORESERVE | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

int region_init_ram(struct Region *r, const char *name, uint64_t size) {
    *r = (struct Region){.name = name, .kind = REGION_RAM, .size = size, .memfd = -1};
    if (size == 0 || size % PAGE_SIZE || size > INT64_MAX) {
        return -EINVAL;
    }
    char label[64];
    snprintf(label, sizeof label, "twin86-%s", name);
    r->memfd = memfd_create(label, MFD_CLOEXEC);
    if (r->memfd < 0) {
        return -errno;
    }
    int err = 0;
    if (ftruncate(r->memfd, (off_t)size) < 0) {
        err = -errno;
    } else if (!(r->host = map_lazily(size, r->memfd)) || !(r->page_flags = map_lazily(size / PAGE_SIZE, -1))) {
        err = -errno;
    }
    if (err) {
        region_destroy(r);
    }
    return err;
}

int region_init_rom(struct Region *r, const char *name, const void *data, size_t data_size, uint64_t size) {
    *r = (struct Region){.name = name, .kind = REGION_ROM, .memfd = -1};
    if (size == 0 || size > INT64_MAX || data_size > size) {
        return -EINVAL;
    }
    size = (size + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    r->host = map_lazily(size, -1);
    if (!r->host) {
        return -errno;
    }
    r->size = size;
    if (data_size) {
        memcpy(r->host, data, data_size);
    }
    return 0;
}

void region_init_mmio(struct Region *r, const char *name, uint64_t size, const struct IoOps *ops, void *opaque) {
    *r = (struct Region){.name = name, .kind = REGION_MMIO, .size = size, .ops = ops, .opaque = opaque, .memfd = -1};
}

void region_destroy(struct Region *r) {
    if (r->host) {
        munmap(r->host, r->size);
    }
    if (r->page_flags) {
        munmap(r->page_flags, r->size / PAGE_SIZE);
    }
    if (r->memfd >= 0) {
        close(r->memfd);
    }
    *r = (struct Region){.name = r->name, .kind = r->kind, .memfd = -1};
}
