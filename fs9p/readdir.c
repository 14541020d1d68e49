/* SPDX-License-Identifier: MIT */
/* Treaddir. The host's positions in a folder are the client's: the one behind an entry is where to go on. */
#include "fs9p/internal.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

enum { ENTRIES = 16 * 1024, UNKNOWN_POSITION = -1 };

struct Listing {
    struct Fs9pCall *c;
    struct Fs9pFid *f;
    struct stat folder;
    size_t most; /* bytes of the reply */
};

static size_t wire_size(const char *name) { return P9_QID + 8 + 1 + 2 + strlen(name); }

/* What is above the exported folder is not the client's business. */
static int number_of(struct Listing *l, const struct dirent64 *d, uint64_t *path) {
    struct stat st = l->folder;
    uint8_t type;
    bool above = strcmp(d->d_name, "..") == 0 && l->f->node->parent == NULL;
    st.st_ino = above ? st.st_ino : d->d_ino;
    return qid_of(l->c->fs, &st, &type, path);
}

static int put_entry(struct Listing *l, const struct dirent64 *d) {
    struct Writer *w = &l->c->out;
    uint64_t path;
    int r = number_of(l, d, &path);
    if (r != 0)
        return r;
    uint8_t kind = is_mapped(l->c->fs) && d->d_type != DT_DIR ? DT_UNKNOWN : d->d_type;
    put_u8(w, d->d_type == DT_DIR ? QID_DIR : QID_FILE);
    put_u32(w, 0);
    put_u64(w, path);
    put_u64(w, (uint64_t)d->d_off);
    put_u8(w, kind);
    put_text(w, d->d_name, strlen(d->d_name));
    return 0;
}

/* How many of `n` bytes of entries there was room for; or -errno. */
static ssize_t put_entries(struct Listing *l, const char *entries, size_t n) {
    size_t at = 0;
    while (at < n) {
        const struct dirent64 *d = (const struct dirent64 *)(entries + at);
        if (!mapped_file_hides(l->c->fs, d->d_name, strlen(d->d_name))) {
            if (l->c->out.used + wire_size(d->d_name) > l->most)
                break;
            int r = put_entry(l, d);
            if (r != 0)
                return r;
        }
        l->f->position = d->d_off;
        at += d->d_reclen;
    }
    return (ssize_t)at;
}

/* With the fid's lock. */
static int list(struct Listing *l, uint64_t offset) {
    _Alignas(struct dirent64) char entries[ENTRIES];
    struct Fs9pFid *f = l->f;
    size_t start = l->c->out.used;
    if (fstat(f->fd, &l->folder) != 0)
        return -errno;
    if (offset > INT64_MAX || (f->position != (off_t)offset && lseek(f->fd, (off_t)offset, SEEK_SET) < 0))
        return -EINVAL;
    f->position = (off_t)offset;
    for (;;) {
        ssize_t n = getdents64(f->fd, entries, sizeof(entries));
        if (n <= 0)
            return n < 0 ? -errno : 0;
        ssize_t used = put_entries(l, entries, (size_t)n);
        if (used != n)
            f->position = UNKNOWN_POSITION; /* which is beyond what was taken */
        if (used < 0 || used != n)
            return used < 0 ? (int)used : l->c->out.used == start ? -EINVAL : 0;
    }
}

int serve_readdir(struct Fs9pCall *c) {
    struct Fs9pFid *f;
    int r = get_fid(c, &f);
    if (r != 0)
        return r;
    uint64_t offset = get_u64(&c->in);
    size_t n = get_u32(&c->in);
    uint8_t *count = put_room(&c->out, 4);
    size_t room = c->out.room - c->out.used;
    struct Listing l = {.c = c, .f = f, .most = c->out.used + (n < room ? n : room)};
    pthread_mutex_lock(&f->lock);
    if (c->in.bad)
        r = -EINVAL;
    else if (f->kind != FID_FOLDER)
        r = f->kind == FID_CLOSED ? -EBADF : -ENOTDIR;
    else if (count != NULL)
        r = list(&l, offset);
    pthread_mutex_unlock(&f->lock);
    if (r == 0 && count != NULL)
        put_le32(count, (uint32_t)(c->out.used - P9_IO_HEADER));
    fid_put(c->fs, f);
    return r;
}
