/* SPDX-License-Identifier: MIT */
/* Tmkdir, Tsymlink, Tmknod, Tlink. */
#include "fs9p/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct NewNode {
    char name[P9_NAME + 1];
    char target[PATH_MAX];
    struct Fs9pMapped attributes;
};

/* A file that stands for what it says it is. */
static int make_stand_in(const struct Fs9p *fs, int folder, const struct NewNode *n) {
    int fd = host_create(folder, n->name, O_WRONLY, fs->file_mode);
    int r = fd >= 0 && S_ISLNK(n->attributes.mode) ? host_write_all(fd, n->target, strlen(n->target)) : 0;
    if (r == 0)
        return fd;
    close(fd);
    unlinkat(folder, n->name, 0);
    return r;
}

/* Its descriptor, of any kind; or -errno. */
static int make(const struct Fs9p *fs, int folder, const struct NewNode *n) {
    mode_t mode = n->attributes.mode;
    if (S_ISDIR(mode))
        return host_make_folder(fs, folder, n->name, is_mapped(fs) ? fs->folder_mode : 0700);
    if (is_mapped(fs))
        return make_stand_in(fs, folder, n);
    int r = S_ISLNK(mode) ? symlinkat(n->target, folder, n->name)
                          : mknodat(folder, n->name, mode & (S_IFMT | 0700), n->attributes.rdev);
    return r == 0 ? host_look(folder, n->name) : -errno;
}

static int make_in(struct Fs9pCall *c, int folder, const struct NewNode *n) {
    struct stat st;
    int fd = make(c->fs, folder, n);
    if (fd < 0)
        return fd;
    int r = attributes_new(c->fs, folder, n->name, fd, &n->attributes);
    if (r != 0)
        unlinkat(folder, n->name, S_ISDIR(n->attributes.mode) ? AT_REMOVEDIR : 0);
    else
        r = attributes_stat(c->fs, &(struct Fs9pSpot){.fd = fd, .folder = folder, .name = n->name}, &st);
    close(fd);
    return r == 0 ? put_qid(c, &st) : r;
}

/* In the fid's folder, for who came by the fid. */
static int create(struct Fs9pCall *c, struct Fs9pFid *f, struct NewNode *n, int r) {
    n->attributes.has = MAPPED_UID | MAPPED_GID | MAPPED_MODE | MAPPED_RDEV;
    n->attributes.uid = f->uid;
    if (r == 0 && c->in.bad)
        r = -EINVAL;
    int folder = r == 0 ? r = node_pin(c->fs, f->node) : -1;
    if (folder >= 0) {
        r = make_in(c, folder, n);
        node_unpin(c->fs, f->node);
    }
    fid_put(c->fs, f);
    return r;
}

int serve_mkdir(struct Fs9pCall *c) {
    struct Fs9pFid *f;
    struct NewNode n = {0};
    int r = get_fid(c, &f);
    if (r != 0)
        return r;
    r = get_name(c, n.name, false);
    n.attributes.mode = S_IFDIR | (get_u32(&c->in) & 07777);
    n.attributes.gid = get_u32(&c->in);
    return create(c, f, &n, r);
}

static int get_target(struct Fs9pCall *c, char target[PATH_MAX]) {
    struct Text t = get_text(&c->in);
    if (t.size == 0)
        return -ENOENT;
    if (t.size >= PATH_MAX)
        return -ENAMETOOLONG;
    if (memchr(t.bytes, '\0', t.size) != NULL)
        return -EINVAL;
    memcpy(target, t.bytes, t.size);
    return 0;
}

int serve_symlink(struct Fs9pCall *c) {
    struct Fs9pFid *f;
    struct NewNode n = {0};
    int r = get_fid(c, &f);
    if (r != 0)
        return r;
    r = get_name(c, n.name, false);
    int wrong = get_target(c, n.target);
    n.attributes.mode = S_IFLNK | 0777;
    n.attributes.gid = get_u32(&c->in);
    return create(c, f, &n, r == 0 ? wrong : r);
}

static bool is_node(mode_t mode) {
    return S_ISREG(mode) || S_ISFIFO(mode) || S_ISSOCK(mode) || S_ISCHR(mode) || S_ISBLK(mode);
}

int serve_mknod(struct Fs9pCall *c) {
    struct Fs9pFid *f;
    struct NewNode n = {0};
    int r = get_fid(c, &f);
    if (r != 0)
        return r;
    r = get_name(c, n.name, false);
    n.attributes.mode = get_u32(&c->in) & (S_IFMT | 07777);
    uint32_t high = get_u32(&c->in), low = get_u32(&c->in);
    n.attributes.rdev = makedev(high, low);
    n.attributes.gid = get_u32(&c->in);
    return create(c, f, &n, r == 0 && !is_node(n.attributes.mode) ? -EINVAL : r);
}

/* ---- Tlink ---- */

static int link_in(struct Fs9p *fs, struct Fs9pFid *folder, struct Fs9pFid *f, const char *name) {
    struct Fs9pSpot s;
    int r = spot_take(fs, f, &s);
    if (r != 0)
        return r;
    int at = r = node_pin(fs, folder->node);
    if (at >= 0) {
        r = host_link(fs, s.fd, at, name);
        if (r == 0 && fs->security == FS9P_MAPPED_FILE)
            mapped_file_link(fs, &s, at, name);
        node_unpin(fs, folder->node);
    }
    spot_release(fs, &s);
    return r;
}

int serve_link(struct Fs9pCall *c) {
    struct Fs9pFid *folder, *f;
    char name[P9_NAME + 1];
    int r = get_fid(c, &folder);
    if (r != 0)
        return r;
    r = get_fid(c, &f);
    if (r == 0) {
        r = get_name(c, name, false);
        if (r == 0)
            r = link_in(c->fs, folder, f, name);
        fid_put(c->fs, f);
    }
    fid_put(c->fs, folder);
    return r;
}
