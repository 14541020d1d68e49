/* SPDX-License-Identifier: MIT */
/* Owners, modes and kinds of files, by the security model. Names and values are QEMU's, so that its folders serve here.
 */
#include "fs9p/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ---- a file at hand ---- */

static int pin_parent(struct Fs9p *fs, struct Fs9pNode *n, struct Fs9pSpot *s) {
    if (n->parent != NULL && !n->named)
        return 0; /* it has no name any more, and nothing is known of it */
    struct Fs9pNode *folder = n->parent != NULL ? n->parent : n;
    int fd = node_pin(fs, folder);
    if (fd < 0)
        return fd;
    s->parent = folder;
    s->folder = fd;
    s->name = n->name;
    return 0;
}

int spot_take(struct Fs9p *fs, struct Fs9pFid *f, struct Fs9pSpot *s) {
    *s = (struct Fs9pSpot){.fd = f->fd, .folder = -1};
    if (s->fd < 0) {
        s->fd = node_pin(fs, f->node);
        if (s->fd < 0)
            return s->fd;
        s->node = f->node;
    }
    int r = fs->security == FS9P_MAPPED_FILE ? pin_parent(fs, f->node, s) : 0;
    if (r != 0)
        spot_release(fs, s);
    return r;
}

void spot_release(struct Fs9p *fs, struct Fs9pSpot *s) {
    if (s->node != NULL)
        node_unpin(fs, s->node);
    if (s->parent != NULL)
        node_unpin(fs, s->parent);
}

/* ---- mapped-xattr ---- */

static const struct {
    unsigned bit;
    const char *name;
    size_t offset, size;
} attributes[] = {
    {MAPPED_UID, "user.virtfs.uid", offsetof(struct Fs9pMapped, uid), 4},
    {MAPPED_GID, "user.virtfs.gid", offsetof(struct Fs9pMapped, gid), 4},
    {MAPPED_MODE, "user.virtfs.mode", offsetof(struct Fs9pMapped, mode), 4},
    {MAPPED_RDEV, "user.virtfs.rdev", offsetof(struct Fs9pMapped, rdev), 8},
};
enum { ATTRIBUTES = sizeof(attributes) / sizeof(attributes[0]) };

/* Attributes can't be had by an O_PATH descriptor. */
static int for_attributes(const struct Fs9p *fs, int fd, bool *opened) {
    *opened = fcntl(fd, F_GETFL) & O_PATH;
    return *opened ? host_reopen(fs, fd, O_RDONLY) : fd;
}

static bool is_device(const struct Fs9pMapped *m) {
    return m->has & MAPPED_MODE && (S_ISCHR(m->mode) || S_ISBLK(m->mode));
}

/* What can't be read is not there. */
static void xattrs_get(const struct Fs9p *fs, int at, struct Fs9pMapped *m) {
    bool opened;
    int fd = for_attributes(fs, at, &opened);
    for (unsigned i = 0; i < ATTRIBUTES && fd >= 0; i++) {
        uint8_t value[8];
        size_t size = attributes[i].size;
        if (attributes[i].bit == MAPPED_RDEV && !is_device(m))
            break;
        if (fgetxattr(fd, attributes[i].name, value, sizeof(value)) != (ssize_t)size)
            continue;
        uint64_t v = get_le(value, (unsigned)size);
        memcpy((char *)m + attributes[i].offset, &v, size); /* little-endian, as the host is */
        m->has |= attributes[i].bit;
    }
    if (opened && fd >= 0)
        close(fd);
}

static int xattrs_set(const struct Fs9p *fs, int at, const struct Fs9pMapped *m) {
    bool opened;
    int fd = for_attributes(fs, at, &opened), r = fd < 0 ? fd : 0;
    for (unsigned i = 0; i < ATTRIBUTES && r == 0; i++) {
        uint64_t v = 0;
        uint8_t value[8];
        if (!(m->has & attributes[i].bit))
            continue;
        memcpy(&v, (const char *)m + attributes[i].offset, attributes[i].size);
        put_le64(value, v);
        r = fsetxattr(fd, attributes[i].name, value, attributes[i].size, 0) == 0 ? 0 : -errno;
    }
    if (opened && fd >= 0)
        close(fd);
    return r;
}

/* ---- all models ---- */

static void get(struct Fs9p *fs, const struct Fs9pSpot *s, struct Fs9pMapped *m) {
    if (fs->security == FS9P_MAPPED_XATTR)
        xattrs_get(fs, s->fd, m);
    else if (s->folder >= 0)
        mapped_file_get(fs, s->folder, s->name, m);
}

static int set(struct Fs9p *fs, const struct Fs9pSpot *s, const struct Fs9pMapped *m) {
    if (fs->security == FS9P_MAPPED_XATTR)
        return xattrs_set(fs, s->fd, m);
    return s->folder >= 0 ? mapped_file_set(fs, s->folder, s->name, m) : 0;
}

/* Folders are folders and nothing else is, whatever is noted: the client's kernel walks through them. */
static mode_t mode_of(mode_t host, uint32_t mode) {
    bool same = S_ISDIR(host) == S_ISDIR(mode) && (mode & S_IFMT) != 0;
    return same ? mode & (S_IFMT | 07777) : (host & S_IFMT) | (mode & 07777);
}

int attributes_stat(struct Fs9p *fs, const struct Fs9pSpot *s, struct stat *st) {
    struct Fs9pMapped m = {0};
    if (fstat(s->fd, st) != 0)
        return -errno;
    if (!is_mapped(fs) || !(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)))
        return 0;
    get(fs, s, &m);
    st->st_uid = m.has & MAPPED_UID ? m.uid : st->st_uid;
    st->st_gid = m.has & MAPPED_GID ? m.gid : st->st_gid;
    st->st_mode = m.has & MAPPED_MODE ? mode_of(st->st_mode, m.mode) : st->st_mode;
    st->st_rdev = m.has & MAPPED_RDEV ? m.rdev : st->st_rdev;
    return 0;
}

static int own(int fd, const struct Fs9pMapped *m) {
    uid_t uid = m->has & MAPPED_UID ? m->uid : P9_NO_ID;
    gid_t gid = m->has & MAPPED_GID ? m->gid : P9_NO_ID;
    return fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;
}

static int change_mapped(struct Fs9p *fs, const struct Fs9pSpot *s, const struct Fs9pMapped *change) {
    struct stat st;
    struct Fs9pMapped m = *change;
    int r = fstat(s->fd, &st) == 0 ? 0 : -errno;
    if (r != 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
        return r != 0 ? r : -EOPNOTSUPP;
    if (m.has & MAPPED_MODE) { /* its kind stays */
        r = attributes_stat(fs, s, &st);
        m.mode = (st.st_mode & S_IFMT) | (m.mode & 07777);
    }
    return r == 0 ? set(fs, s, &m) : r;
}

/* Owner first: that takes set-id bits away. */
int attributes_change(struct Fs9p *fs, const struct Fs9pSpot *s, const struct Fs9pMapped *change) {
    if (is_mapped(fs))
        return change_mapped(fs, s, change);
    int r = change->has & (MAPPED_UID | MAPPED_GID) ? own(s->fd, change) : 0;
    return r == 0 && change->has & MAPPED_MODE ? host_chmod(fs, s->fd, change->mode & 07777) : r;
}

int attributes_new(struct Fs9p *fs, int folder, const char *name, int fd, const struct Fs9pMapped *m) {
    if (is_mapped(fs))
        return set(fs, &(struct Fs9pSpot){.fd = fd, .folder = folder, .name = name}, m);
    int r = own(fd, m);
    if (r != 0 && fs->security != FS9P_NONE)
        return r;
    return S_ISLNK(m->mode) ? 0 : host_chmod(fs, fd, m->mode & 07777);
}
