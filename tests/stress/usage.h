/* SPDX-License-Identifier: MIT */
/** What this process holds: descriptors, threads, memory. */
#ifndef TWIN86_TESTS_STRESS_USAGE_H
#define TWIN86_TESTS_STRESS_USAGE_H

#include <stdbool.h>
#include <stddef.h>

struct Usage {
    long descriptors, threads;
    long mapped_kib; /* address space; -1: a sanitizer's own mappings would drown it */
    size_t heap;     /* bytes handed out by malloc and not freed */
};

struct Usage usage_now(void);

/**
 * Whether `cycles` repetitions between two looks left something behind. Descriptors and threads must be as many as
 * before (one that has just been joined gets a second to vanish); of the heap 16 bytes, of address space 4 KiB a cycle
 * are allowed, half of the least that malloc gives and the least that mmap gives. `text` says what was seen.
 */
bool usage_leaks(const struct Usage *before, unsigned cycles, char *text, size_t n);

#endif
