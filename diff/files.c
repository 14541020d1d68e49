/* SPDX-License-Identifier: MIT */
/* Whole files in memory. */
#include "diff/diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

enum { STEP = 1 << 20 };

/** Bytes that grow. */
struct Text {
    char *bytes;
    size_t size, room;
};

/** At least STEP bytes more. False: out of memory. */
static bool make_room(struct Text *t) {
    if (t->room - t->size >= STEP)
        return true;
    char *more = realloc(t->bytes, t->room * 2 + 2 * STEP);
    if (more == NULL)
        return false;
    t->bytes = more;
    t->room = t->room * 2 + 2 * STEP;
    return true;
}

/** All that there is to read. NULL, or why not. */
static const char *read_all(FILE *f, struct Text *t) {
    for (size_t got = 1; got != 0; t->size += got) {
        if (!make_room(t))
            return strerror(ENOMEM);
        got = fread(t->bytes + t->size, 1, t->room - t->size, f);
    }
    return ferror(f) ? strerror(EIO) : NULL;
}

static bool is_packed(const struct Text *t) { return t->size >= 2 && memcmp(t->bytes, "\x1f\x8b", 2) == 0; }

#ifdef HAVE_ZLIB
enum { GZIP_WINDOW = 15 + 16, MAX_UNPACKED = 1 << 30 };

/** One gzip member after the other (RFC 1952, 2.2). NULL, or why not. */
static const char *inflate_all(z_stream *z, struct Text *to) {
    for (;;) {
        if (to->size >= MAX_UNPACKED)
            return "what gzip has packed is larger than 1 GiB";
        if (!make_room(to))
            return strerror(ENOMEM);
        z->next_out = (Bytef *)to->bytes + to->size;
        z->avail_out = (uInt)STEP;
        int r = inflate(z, Z_NO_FLUSH);
        to->size += STEP - z->avail_out;
        if (r == Z_STREAM_END && z->avail_in == 0)
            return NULL;
        if (r == Z_STREAM_END ? inflateReset(z) != Z_OK : r != Z_OK)
            return r == Z_BUF_ERROR ? "gzip's data are cut off" : "gzip's data are damaged";
    }
}

static const char *unpack(struct Text *t) {
    struct Text out = {NULL, 0, 0};
    z_stream z = {.next_in = (Bytef *)t->bytes, .avail_in = (uInt)t->size};
    if (t->size > UINT32_MAX)
        return "gzip's data are larger than 4 GiB";
    if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
        return strerror(ENOMEM);
    const char *reason = inflate_all(&z, &out);
    inflateEnd(&z);
    free(t->bytes);
    *t = out;
    return reason;
}
#else
static const char *unpack(struct Text *t) {
    (void)t;
    return "gzip has packed it, and this twin86 was built without zlib; gunzip unpacks it";
}
#endif

char *diff_read_file(const char *path, size_t *size, char *why, size_t n) {
    FILE *f = fopen(path, "rb");
    struct Text t = {NULL, 0, 0};
    const char *reason = f != NULL ? read_all(f, &t) : strerror(errno);
    if (f != NULL)
        fclose(f);
    if (reason == NULL && is_packed(&t))
        reason = unpack(&t);
    *size = t.size;
    if (reason == NULL && (t.bytes != NULL || make_room(&t)))
        return t.bytes;
    snprintf(why, n, "%s can't be read: %s", path, reason != NULL ? reason : strerror(ENOMEM));
    free(t.bytes);
    return NULL;
}
