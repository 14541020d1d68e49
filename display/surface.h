/* SPDX-License-Identifier: MIT */
/**
 * A picture in memory, as adapters draw it and viewers show it: pixels 00RRGGBBh, row after row, and which rows have
 * changed since they were last looked at. No thread rules of its own.
 */
#ifndef TWIN86_DISPLAY_SURFACE_H
#define TWIN86_DISPLAY_SURFACE_H

#include <stdbool.h>
#include <stdint.h>

/** No side is longer. */
enum { SURFACE_SIDE_MOST = 16384 };

struct Surface {
    uint32_t width, height;
    uint32_t *pixels;                    /* width * height; NULL while there are none */
    uint32_t changed_first, changed_end; /* rows [first, end); first >= end: none */
    bool resized;                        /* since somebody looked */
};

/** Make it that large, all black and changed, unless it is so. 0, -EINVAL (no such size) or -ENOMEM: it stays as it is.
 */
int surface_resize(struct Surface *s, uint32_t width, uint32_t height);
/** Put a row of `width` pixels; notes it as changed if it is another one. */
void surface_put_row(struct Surface *s, uint32_t y, const uint32_t *pixels);
static inline uint32_t *surface_row(const struct Surface *s, uint32_t y) { return s->pixels + (uint64_t)y * s->width; }
/** Nothing has changed, from now on. */
static inline void surface_seen(struct Surface *s) {
    s->changed_first = s->changed_end = 0;
    s->resized = false;
}
void surface_free(struct Surface *s);

#endif
