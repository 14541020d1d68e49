/* SPDX-License-Identifier: MIT */
/* Tgetattr, Tsetattr, Treadlink. */
#include "fs9p/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

/* The fid of the message at hand, for what `serve` does. */
static int with_spot(struct Fs9pCall *c, int (*serve)(struct Fs9pCall *c, struct Fs9pFid *f, struct Fs9pSpot *s)) {
    struct Fs9pFid *f;
    struct Fs9pSpot s;
    int r = get_fid(c, &f);
    if (r != 0)
        return r;
    pthread_mutex_lock(&f->lock);
    r = spot_take(c->fs, f, &s);
    if (r == 0) {
        r = serve(c, f, &s);
        spot_release(c->fs, &s);
    }
    pthread_mutex_unlock(&f->lock);
    fid_put(c->fs, f);
    return r;
}

static void put_time(struct Writer *w, struct timespec t) {
    put_u64(w, (uint64_t)t.tv_sec);
    put_u64(w, (uint64_t)t.tv_nsec);
}

static int getattr(struct Fs9pCall *c, struct Fs9pFid *f, struct Fs9pSpot *s) {
    struct stat st;
    struct Writer *w = &c->out;
    (void)f;
    get_u64(&c->in); /* what is asked for: all that there is is given */
    int r = c->in.bad ? -EINVAL : attributes_stat(c->fs, s, &st);
    if (r != 0)
        return r;
    put_u64(w, GETATTR_BASIC);
    r = put_qid(c, &st);
    put_u32(w, st.st_mode);
    put_u32(w, st.st_uid);
    put_u32(w, st.st_gid);
    put_u64(w, st.st_nlink);
    put_u64(w, st.st_rdev);
    put_u64(w, (uint64_t)st.st_size);
    put_u64(w, (uint64_t)st.st_blksize);
    put_u64(w, (uint64_t)st.st_blocks);
    put_time(w, st.st_atim);
    put_time(w, st.st_mtim);
    put_time(w, st.st_ctim);
    put_time(w, (struct timespec){0}); /* creation */
    put_u64(w, 0);                     /* generation, data version */
    put_u64(w, 0);
    return r;
}

int serve_getattr(struct Fs9pCall *c) { return with_spot(c, getattr); }

/* ---- Tsetattr ---- */

struct Wanted {
    uint32_t valid;
    struct Fs9pMapped attributes;
    uint64_t size;
    struct timespec times[2];
};

static struct timespec get_time(struct Reader *in, bool change, bool given) {
    uint64_t s = get_u64(in), ns = get_u64(in);
    return (struct timespec){(time_t)s, !change ? UTIME_OMIT : !given ? UTIME_NOW : ns < 1000000000 ? (long)ns : 0};
}

static struct Wanted get_wanted(struct Reader *in) {
    struct Wanted w = {.valid = get_u32(in)};
    w.attributes.mode = get_u32(in);
    w.attributes.uid = get_u32(in);
    w.attributes.gid = get_u32(in);
    w.attributes.has = (w.valid & SETATTR_MODE ? MAPPED_MODE : 0u) | (w.valid & SETATTR_UID ? MAPPED_UID : 0u) |
                       (w.valid & SETATTR_GID ? MAPPED_GID : 0u);
    w.size = get_u64(in);
    w.times[0] = get_time(in, w.valid & SETATTR_ATIME, w.valid & SETATTR_ATIME_SET);
    w.times[1] = get_time(in, w.valid & SETATTR_MTIME, w.valid & SETATTR_MTIME_SET);
    return w;
}

/* With the fid's lock. The fid itself may be open for that, whatever the file's mode is by now. */
static int set_size(struct Fs9pCall *c, const struct Fs9pFid *f, const struct Fs9pSpot *s, uint64_t size) {
    if (size > INT64_MAX)
        return -EINVAL;
    if (f->kind == FID_FILE && ftruncate(f->fd, (off_t)size) == 0)
        return 0;
    int fd = host_reopen(c->fs, s->fd, O_WRONLY);
    if (fd < 0)
        return fd;
    int r = ftruncate(fd, (off_t)size) == 0 ? 0 : -errno;
    close(fd);
    return r;
}

static int setattr(struct Fs9pCall *c, struct Fs9pFid *f, struct Fs9pSpot *s) {
    struct Wanted w = get_wanted(&c->in);
    int r = c->in.bad ? -EINVAL : 0;
    if (r == 0 && w.attributes.has != 0)
        r = attributes_change(c->fs, s, &w.attributes);
    if (r == 0 && w.valid & SETATTR_SIZE)
        r = set_size(c, f, s, w.size);
    if (r == 0 && w.valid & (SETATTR_ATIME | SETATTR_MTIME))
        r = host_set_times(c->fs, s->fd, w.times);
    return r;
}

int serve_setattr(struct Fs9pCall *c) { return with_spot(c, setattr); }

/* ---- Treadlink ---- */

/* A link on the host, or a file that stands for one. */
static ssize_t target(struct Fs9pCall *c, const struct Fs9pSpot *s, char to[PATH_MAX]) {
    struct stat host, st;
    int r = fstat(s->fd, &host) != 0 ? -errno : attributes_stat(c->fs, s, &st);
    if (r != 0)
        return r;
    if (!S_ISLNK(st.st_mode))
        return -EINVAL;
    if (S_ISLNK(host.st_mode)) {
        ssize_t n = readlinkat(s->fd, "", to, PATH_MAX);
        return n < 0 ? -errno : n;
    }
    int fd = host_reopen(c->fs, s->fd, O_RDONLY);
    if (fd < 0)
        return fd;
    ssize_t n = host_read_all(fd, to, PATH_MAX);
    close(fd);
    return n;
}

static int readlink_spot(struct Fs9pCall *c, struct Fs9pFid *f, struct Fs9pSpot *s) {
    char to[PATH_MAX];
    (void)f;
    ssize_t n = target(c, s, to);
    if (n < 0)
        return (int)n;
    put_text(&c->out, to, strnlen(to, (size_t)n));
    return 0;
}

int serve_readlink(struct Fs9pCall *c) { return with_spot(c, readlink_spot); }
