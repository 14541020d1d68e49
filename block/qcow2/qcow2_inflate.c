/* SPDX-License-Identifier: MIT */
/* Compressed clusters. One at a time, into memory that is kept for the next read of the same one. See qcow2.h. */
#include "block/qcow2/qcow2.h"

#include <stdlib.h>

#ifdef HAVE_ZLIB
#include <zlib.h>

bool qcow2_has_zlib(void) { return true; }

/* A raw deflate stream (RFC 1951) in a window of 4 KiB at least. Its end is its cluster's; what follows is others'. */
static bool inflate_zlib(struct Qcow2 *q, uint32_t bytes) {
    z_stream z = {.next_in = q->deflated, .avail_in = bytes, .next_out = q->inflated, .avail_out = (uInt)q->cluster};
    if (inflateInit2(&z, -15) != Z_OK)
        return false;
    int r = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    return (r == Z_STREAM_END || r == Z_BUF_ERROR || r == Z_OK) && z.avail_out == 0;
}
#else
bool qcow2_has_zlib(void) { return false; }
static bool inflate_zlib(struct Qcow2 *q, uint32_t bytes) { return (void)q, (void)bytes, false; }
#endif

#ifdef HAVE_ZSTD
#include <zstd.h>

bool qcow2_has_zstd(void) { return true; }

static bool inflate_zstd(struct Qcow2 *q, uint32_t bytes) {
    ZSTD_outBuffer out = {q->inflated, q->cluster, 0};
    ZSTD_inBuffer in = {q->deflated, bytes, 0};
    if (q->zstd_context == NULL)
        q->zstd_context = ZSTD_createDCtx();
    if (q->zstd_context == NULL)
        return false;
    ZSTD_DCtx_reset(q->zstd_context, ZSTD_reset_session_only);
    while (out.pos < out.size) {
        size_t before = in.pos, had = out.pos;
        size_t r = ZSTD_decompressStream(q->zstd_context, &out, &in);
        if (ZSTD_isError(r) || (in.pos == before && out.pos == had))
            return false;
    }
    return true;
}

static void free_context(struct Qcow2 *q) { ZSTD_freeDCtx(q->zstd_context); }
#else
bool qcow2_has_zstd(void) { return false; }
static bool inflate_zstd(struct Qcow2 *q, uint32_t bytes) { return (void)q, (void)bytes, false; }
static void free_context(struct Qcow2 *q) { (void)q; }
#endif

static int fill(struct Qcow2 *q, const struct Qcow2Mapping *m) {
    if (q->inflated == NULL)
        q->inflated = malloc(q->cluster);
    if (q->deflated == NULL)
        q->deflated = malloc(2 * q->cluster + 512); /* more than an entry can say */
    if (q->inflated == NULL || q->deflated == NULL)
        return -ENOMEM;
    q->inflated_from = 0;
    int r = block_node_read(q->n.file, m->host, q->deflated, m->compressed);
    if (r != 0)
        return r;
    if (!(q->zstd ? inflate_zstd : inflate_zlib)(q, m->compressed))
        return -EIO;
    q->inflated_from = m->host;
    return 0;
}

int qcow2_inflate(struct Qcow2 *q, const struct Qcow2Mapping *m, uint64_t skip, uint64_t bytes, struct BlockView v) {
    int r = 0;
    pthread_mutex_lock(&q->inflate_lock);
    if (q->inflated_from != m->host)
        r = fill(q, m);
    if (r == 0)
        block_view_store(v, q->inflated + skip, bytes);
    pthread_mutex_unlock(&q->inflate_lock);
    return r;
}

void qcow2_inflate_destroy(struct Qcow2 *q) {
    free(q->inflated);
    free(q->deflated);
    free_context(q);
}
