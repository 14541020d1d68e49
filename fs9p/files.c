/* SPDX-License-Identifier: MIT */
/* Open files: Tlopen, Tlcreate, Tread, Twrite, Tfsync, Tstatfs. */
#include "fs9p/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Flags on the wire are x86 Linux's. What only concerns the client (O_NONBLOCK, O_DIRECT, ...) is left out. */
static int open_flags(uint32_t wire) {
    return (int)(wire & (O_ACCMODE | O_APPEND | O_TRUNC | O_SYNC | O_DSYNC | O_NOATIME | O_DIRECTORY));
}

static bool changes(int flags) { return (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC; }

/* O_NOATIME is for owners; a client can't know who that is on the host. */
static int reopen(const struct Fs9p *fs, int fd, int flags) {
    int r = host_reopen(fs, fd, flags);
    return r == -EPERM && flags & O_NOATIME ? host_reopen(fs, fd, flags & ~O_NOATIME) : r;
}

static int put_opened(struct Fs9pCall *c, const struct stat *st) {
    int r = put_qid(c, st);
    put_u32(&c->out, 0); /* iounit: what fits into a message */
    return r;
}

/* With the fid's lock. */
static int open_fid(struct Fs9pCall *c, struct Fs9pFid *f, int flags) {
    struct Fs9pSpot s;
    struct stat st;
    if (f->kind != FID_CLOSED)
        return -EBADF;
    if (!fid_may_open(c->fs))
        return -ENFILE;
    int r = spot_take(c->fs, f, &s), fd = -1;
    if (r == 0) {
        r = fd = reopen(c->fs, s.fd, flags);
        if (fd >= 0 && (r = attributes_stat(c->fs, &s, &st)) == 0)
            r = put_opened(c, &st);
        spot_release(c->fs, &s);
    }
    if (r != 0) {
        if (fd >= 0)
            close(fd);
        fid_closed(c->fs);
        return r;
    }
    f->fd = fd;
    f->kind = S_ISDIR(st.st_mode) ? FID_FOLDER : FID_FILE;
    return 0;
}

int serve_lopen(struct Fs9pCall *c) {
    struct Fs9pFid *f;
    int r = get_fid(c, &f);
    if (r != 0)
        return r;
    int flags = open_flags(get_u32(&c->in));
    if (c->in.bad || (flags & O_ACCMODE) == O_ACCMODE)
        r = -EINVAL;
    else if (changes(flags) && c->fs->readonly)
        r = -EROFS;
    if (r == 0) {
        pthread_mutex_lock(&f->lock);
        r = open_fid(c, f, flags);
        pthread_mutex_unlock(&f->lock);
    }
    fid_put(c->fs, f);
    return r;
}

/* ---- creation ---- */

struct NewFile {
    char name[P9_NAME + 1];
    uint32_t flags; /* on the wire */
    struct Fs9pMapped attributes;
};

/* Without O_EXCL one that is there is opened instead, if it may be. */
static int make(struct Fs9p *fs, int folder, const struct NewFile *n, bool *made) {
    int flags = open_flags(n->flags) & ~O_DIRECTORY;
    mode_t mode = is_mapped(fs) ? fs->file_mode : n->attributes.mode & 0777;
    int fd = host_create(folder, n->name, flags & ~O_TRUNC, mode);
    *made = fd >= 0;
    if (fd == -EEXIST && !(n->flags & O_EXCL))
        return host_open(fs, folder, n->name, flags);
    int r = fd >= 0 ? attributes_new(fs, folder, n->name, fd, &n->attributes) : fd;
    if (fd >= 0 && r != 0) {
        close(fd);
        unlinkat(folder, n->name, 0);
    }
    return r == 0 ? fd : r;
}

/* The fid is the file's from now on. `fd` is the fid's, or closed. */
static int become(struct Fs9pCall *c, struct Fs9pFid *f, const char *name, int fd) {
    struct Fs9pNode *node = NULL;
    struct stat st;
    int r = fstat(fd, &st) != 0 ? -errno : S_ISREG(st.st_mode) ? put_opened(c, &st) : -EISDIR;
    if (r == 0)
        r = node_open(c->fs, f->node, name, &node);
    if (r == 0 && (node->dev != st.st_dev || node->ino != st.st_ino)) {
        node_unref(c->fs, node);
        r = -ESTALE;
    } else if (r == 0) {
        r = fid_replace(c->fs, f, node, FID_FILE, fd);
    }
    if (r != 0)
        close(fd);
    return r;
}

static int create(struct Fs9pCall *c, struct Fs9pFid *f, const struct NewFile *n) {
    struct Fs9p *fs = c->fs;
    bool made = false;
    if (f->kind != FID_CLOSED)
        return -EBADF;
    if (!fid_may_open(fs))
        return -ENFILE;
    int r, folder = r = node_pin(fs, f->node);
    if (folder >= 0) {
        r = make(fs, folder, n, &made);
        node_unpin(fs, f->node);
    }
    if (r >= 0)
        r = become(c, f, n->name, r);
    if (r != 0)
        fid_closed(fs);
    return r;
}

int serve_lcreate(struct Fs9pCall *c) {
    struct Fs9pFid *f;
    struct NewFile n = {0};
    int r = get_fid(c, &f);
    if (r != 0)
        return r;
    r = get_name(c, n.name, false);
    n.flags = get_u32(&c->in);
    uint32_t mode = get_u32(&c->in), gid = get_u32(&c->in);
    n.attributes = (struct Fs9pMapped){MAPPED_UID | MAPPED_GID | MAPPED_MODE | MAPPED_RDEV, f->uid, gid,
                                       S_IFREG | (mode & 07777), 0};
    if (r == 0 && (c->in.bad || (n.flags & O_ACCMODE) == O_ACCMODE))
        r = -EINVAL;
    if (r == 0) {
        pthread_mutex_lock(&f->lock);
        r = create(c, f, &n);
        pthread_mutex_unlock(&f->lock);
    }
    fid_put(c->fs, f);
    return r;
}

/* ---- data ---- */

/* -errno of a fid that has no data, or 0. */
static int no_data(enum Fs9pFidKind kind) { return kind == FID_FOLDER ? -EISDIR : kind == FID_CLOSED ? -EBADF : 0; }

static int read_file(int fd, uint64_t offset, uint8_t *to, size_t *n) {
    ssize_t got;
    if (offset > INT64_MAX)
        return -EINVAL;
    do
        got = pread(fd, to, *n, (off_t)offset);
    while (got < 0 && errno == EINTR);
    *n = got > 0 ? (size_t)got : 0;
    return got < 0 ? -errno : 0;
}

int serve_read(struct Fs9pCall *c) {
    struct Fs9pFid *f;
    int r = get_fid(c, &f);
    if (r != 0)
        return r;
    uint64_t offset = get_u64(&c->in);
    size_t n = get_u32(&c->in), room = c->out.room > P9_IO_HEADER ? c->out.room - P9_IO_HEADER : 0;
    enum Fs9pFidKind kind = fid_kind(f);
    r = c->in.bad ? -EINVAL : no_data(kind);
    n = n < room ? n : room;
    uint8_t *count = put_room(&c->out, 4);
    if (r == 0 && count != NULL) {
        uint8_t *to = put_room(&c->out, n);
        r = kind == FID_XATTR ? xattr_read(f, offset, to, &n) : read_file(f->fd, offset, to, &n);
        put_le32(count, (uint32_t)n);
        c->out.used = P9_IO_HEADER + n;
    }
    fid_put(c->fs, f);
    return r;
}

static int write_file(int fd, uint64_t offset, const uint8_t *from, size_t *n) {
    ssize_t put;
    if (offset > INT64_MAX)
        return -EINVAL;
    do
        put = pwrite(fd, from, *n, (off_t)offset);
    while (put < 0 && errno == EINTR);
    *n = put > 0 ? (size_t)put : 0;
    return put < 0 ? -errno : 0;
}

int serve_write(struct Fs9pCall *c) {
    struct Fs9pFid *f;
    int r = get_fid(c, &f);
    if (r != 0)
        return r;
    uint64_t offset = get_u64(&c->in);
    size_t n = get_u32(&c->in);
    const uint8_t *from = get_bytes(&c->in, n);
    enum Fs9pFidKind kind = fid_kind(f);
    r = c->in.bad ? -EINVAL : no_data(kind);
    if (r == 0)
        r = kind == FID_XATTR ? xattr_write(f, offset, from, n) : write_file(f->fd, offset, from, &n);
    put_u32(&c->out, (uint32_t)n);
    fid_put(c->fs, f);
    return r;
}

int serve_fsync(struct Fs9pCall *c) {
    struct Fs9pFid *f;
    int r = get_fid(c, &f);
    if (r != 0)
        return r;
    bool data = c->in.left >= 4 && get_u32(&c->in) != 0; /* which older clients do not say */
    enum Fs9pFidKind kind = fid_kind(f);
    if (kind != FID_FILE && kind != FID_FOLDER)
        r = -EBADF;
    else if ((data ? fdatasync(f->fd) : fsync(f->fd)) != 0)
        r = -errno;
    fid_put(c->fs, f);
    return r;
}

int serve_statfs(struct Fs9pCall *c) {
    struct Fs9pFid *f;
    struct statfs st;
    struct Fs9pNode *root = c->fs->root;
    int r = get_fid(c, &f);
    if (r != 0)
        return r;
    int fd = node_pin(c->fs, f->node);
    bool pinned = fd >= 0;
    r = fstatfs(pinned ? fd : root->fd, &st) == 0 ? 0 : -errno; /* of one that is gone: as of the folder */
    if (pinned)
        node_unpin(c->fs, f->node);
    fid_put(c->fs, f);
    if (r != 0)
        return r;
    uint64_t id[] = {(uint32_t)st.f_fsid.__val[0], (uint32_t)st.f_fsid.__val[1]};
    put_u32(&c->out, (uint32_t)st.f_type);
    put_u32(&c->out, (uint32_t)st.f_bsize);
    put_u64(&c->out, st.f_blocks);
    put_u64(&c->out, st.f_bfree);
    put_u64(&c->out, st.f_bavail);
    put_u64(&c->out, st.f_files);
    put_u64(&c->out, st.f_ffree);
    put_u64(&c->out, id[0] | id[1] << 32);
    put_u32(&c->out, (uint32_t)st.f_namelen);
    return 0;
}
