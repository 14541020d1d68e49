/* SPDX-License-Identifier: MIT */
/* Whole files in memory. */
#include "diff/diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { STEP = 1 << 20 };

/** All that there is to read; *size bytes. 0 or -errno; *text is to be freed in any case. */
static int read_all(FILE *f, char **text, size_t *size) {
    size_t room = 0;
    for (size_t got = 1; got != 0; *size += got) {
        if (room - *size < STEP) {
            char *more = realloc(*text, room * 2 + 2 * STEP);
            if (more == NULL)
                return -ENOMEM;
            room = room * 2 + 2 * STEP;
            *text = more;
        }
        got = fread(*text + *size, 1, room - *size, f);
    }
    return ferror(f) ? -EIO : 0;
}

char *diff_read_file(const char *path, size_t *size, char *why, size_t n) {
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    *size = 0;
    int e = f != NULL ? read_all(f, &text, size) : -errno;
    if (f != NULL)
        fclose(f);
    bool packed = e == 0 && *size >= 2 && memcmp(text, "\x1f\x8b", 2) == 0;
    if (e == 0 && !packed)
        return text;
    snprintf(why, n, "%s can't be read: %s", path, packed ? "gzip has packed it; gunzip unpacks it" : strerror(-e));
    free(text);
    return NULL;
}
