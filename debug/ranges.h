/* SPDX-License-Identifier: MIT */
/** Ranges of addresses, as -dfilter takes them. */
#ifndef TWIN86_DEBUG_RANGES_H
#define TWIN86_DEBUG_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RANGES_MAX = 32 };

struct Ranges {
    unsigned count; /* 0: everything */
    struct {
        uint64_t first, last; /* inclusive */
    } range[RANGES_MAX];
};

/**
 * Parse "START..END,START+SIZE,START-SIZE,...": END is included; START-SIZE is the SIZE bytes that end with START.
 * Numbers as in C. NULL and "" give no ranges. 0, or -EINVAL with one line in `why`.
 */
int ranges_parse(const char *text, struct Ranges *r, char *why, size_t n);

/** True if there are no ranges, or one holds it. */
static inline bool ranges_hold(const struct Ranges *r, uint64_t address) {
    for (unsigned i = 0; i < r->count; i++)
        if (address >= r->range[i].first && address <= r->range[i].last)
            return true;
    return r->count == 0;
}

#endif
