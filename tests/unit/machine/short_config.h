/* SPDX-License-Identifier: MIT */
/** A Twin86Config as a program has it that was built with an older header: shorter, and nothing to read behind it. */
#ifndef TWIN86_TESTS_SHORT_CONFIG_H
#define TWIN86_TESTS_SHORT_CONFIG_H

#include "include/twin86.h"

#include <check.h>
#include <string.h>
#include <sys/mman.h>

enum { SHORT_CONFIG_PAGE = 4096, SHORT_CONFIG_SIZE = offsetof(Twin86Config, no_hpet) };

/** The first fields of *whole, right before a page that can't be read. */
static inline const Twin86Config *short_config_new(const Twin86Config *whole) {
    uint8_t *p = mmap(NULL, 2 * SHORT_CONFIG_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(p != MAP_FAILED && mprotect(p + SHORT_CONFIG_PAGE, SHORT_CONFIG_PAGE, PROT_NONE) == 0);
    size_t size = SHORT_CONFIG_SIZE;
    p += SHORT_CONFIG_PAGE - size;
    memcpy(p, whole, size);
    memcpy(p + offsetof(Twin86Config, struct_size), &size, sizeof(size));
    return (const Twin86Config *)(void *)p;
}

static inline void short_config_free(const Twin86Config *c) {
    munmap((void *)((uintptr_t)c & ~(uintptr_t)(SHORT_CONFIG_PAGE - 1)), 2 * SHORT_CONFIG_PAGE);
}

#endif
