/* SPDX-License-Identifier: MIT */
#include "display/surface.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void note_rows(struct Surface *s, uint32_t first, uint32_t end) {
    bool none = s->changed_first >= s->changed_end;
    s->changed_first = none || first < s->changed_first ? first : s->changed_first;
    s->changed_end = none || end > s->changed_end ? end : s->changed_end;
}

int surface_resize(struct Surface *s, uint32_t width, uint32_t height) {
    if (s->pixels != NULL && s->width == width && s->height == height)
        return 0;
    if (width == 0 || height == 0 || width > SURFACE_SIDE_MOST || height > SURFACE_SIDE_MOST)
        return -EINVAL;
    uint32_t *pixels = calloc((size_t)width * height, sizeof(*pixels));
    if (pixels == NULL)
        return -ENOMEM;
    free(s->pixels);
    *s = (struct Surface){.width = width, .height = height, .pixels = pixels, .changed_end = height, .resized = true};
    return 0;
}

void surface_put_row(struct Surface *s, uint32_t y, const uint32_t *pixels) {
    size_t bytes = s->width * sizeof(*pixels);
    if (memcmp(surface_row(s, y), pixels, bytes) == 0)
        return;
    memcpy(surface_row(s, y), pixels, bytes);
    note_rows(s, y, y + 1);
}

void surface_free(struct Surface *s) {
    free(s->pixels);
    *s = (struct Surface){0};
}
