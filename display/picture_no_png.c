/* SPDX-License-Identifier: MIT */
/* Built without libpng. */
#include "display/picture.h"

#include "base/why.h"

#include <errno.h>

bool picture_png_is_there(void) { return false; }

int picture_write_png(const struct Surface *s, FILE *f, char *why, size_t n) {
    (void)s, (void)f;
    return why_set(why, n, -ENOTSUP, "this twin86 was built without libpng; -f ppm is there");
}
