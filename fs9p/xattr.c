/* SPDX-License-Identifier: MIT */
/* Txattrwalk, Txattrcreate: extended attributes, as far as the security model lets clients have them. */
#include "fs9p/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char own[] = "user.virtfs.", user[] = "user.";
static const char *const acls[] = {"system.posix_acl_access", "system.posix_acl_default"};

static bool begins(const char *s, const char *with) { return strncmp(s, with, strlen(with)) == 0; }

static bool is_acl(const char *name) { return strcmp(name, acls[0]) == 0 || strcmp(name, acls[1]) == 0; }

/* What it is called on the host; false: there is none such for a client. Lists of mapped-xattr are QEMU's: an ACL that
 * the client sets is not the host's. */
static bool to_host(const struct Fs9p *fs, const char *name, char host[2 * P9_NAME]) {
    bool mapped = fs->security == FS9P_MAPPED_XATTR;
    if (!mapped && fs->security != FS9P_PASSTHROUGH)
        return false;
    if (!(begins(name, user) && !(mapped && begins(name, own))) && !is_acl(name))
        return false;
    snprintf(host, 2 * P9_NAME, "%s%s", mapped && is_acl(name) ? own : "", name);
    return true;
}

/* The other way; NULL: clients don't see it. */
static const char *from_host(const struct Fs9p *fs, const char *host) {
    bool mapped = fs->security == FS9P_MAPPED_XATTR;
    if (mapped && begins(host, own))
        return is_acl(host + strlen(own)) ? host + strlen(own) : NULL;
    return begins(host, user) || (!mapped && is_acl(host)) ? host : NULL;
}

/* ---- memory ---- */

void xattr_free(struct Fs9p *fs, struct Fs9pXattr *x) {
    if (x == NULL)
        return;
    fs->xattr_bytes -= x->size;
    free(x->value);
    free(x);
}

static struct Fs9pXattr *new_xattr(struct Fs9p *fs, size_t size) {
    struct Fs9pXattr *x = calloc(1, sizeof(*x));
    if (x == NULL || (x->value = malloc(size + 1)) == NULL) {
        free(x);
        return NULL;
    }
    x->size = size;
    pthread_mutex_lock(&fs->lock);
    bool fits = fs->xattr_bytes + size <= FS9P_XATTR_BYTES;
    fs->xattr_bytes += fits ? size : 0;
    pthread_mutex_unlock(&fs->lock);
    if (fits)
        return x;
    free(x->value);
    free(x);
    return NULL;
}

/* ---- reading ---- */

static size_t filter(const struct Fs9p *fs, const char *list, size_t n, uint8_t *to) {
    size_t used = 0;
    for (size_t at = 0, next; at < n; at = next) {
        next = at + strnlen(list + at, n - at) + 1;
        const char *name = next <= n ? from_host(fs, list + at) : NULL;
        size_t size = name != NULL ? strlen(name) + 1 : 0;
        if (name != NULL)
            memcpy(to + used, name, size);
        used += size;
    }
    return used;
}

/* All names, or one value, into `to` of FS9P_XATTR bytes. How many bytes, or -errno. */
static ssize_t read_value(const struct Fs9p *fs, int fd, const char *name, uint8_t *to) {
    char host[2 * P9_NAME];
    if (name[0] != '\0') {
        if (!to_host(fs, name, host))
            return begins(name, own) ? -ENODATA : -EOPNOTSUPP;
        ssize_t n = fgetxattr(fd, host, to, FS9P_XATTR);
        return n < 0 ? -errno : n;
    }
    char *list = malloc(FS9P_XATTR);
    if (list == NULL)
        return -ENOMEM;
    ssize_t n = flistxattr(fd, list, FS9P_XATTR);
    n = n < 0 ? -errno : (ssize_t)filter(fs, list, (size_t)n, to);
    free(list);
    return n;
}

/* Its file, opened to be closed; -errno. */
static int open_for_xattrs(struct Fs9p *fs, struct Fs9pFid *f) {
    struct Fs9pSpot s;
    int r = spot_take(fs, f, &s);
    if (r != 0)
        return r;
    int fd = host_reopen(fs, s.fd, O_RDONLY);
    spot_release(fs, &s);
    return fd == -ELOOP || fd == -ENXIO ? -EOPNOTSUPP : fd; /* links and nodes of the host have none */
}

static ssize_t read_xattr(struct Fs9p *fs, struct Fs9pFid *f, const char *name, uint8_t *to) {
    int fd = open_for_xattrs(fs, f);
    if (fd < 0)
        return fd;
    ssize_t n = read_value(fs, fd, name, to);
    close(fd);
    return n;
}

static int get_xattr_name(struct Fs9pCall *c, char name[P9_NAME + 1]) {
    struct Text t = get_text(&c->in);
    if (c->in.bad || memchr(t.bytes, '\0', t.size) != NULL)
        return -EINVAL;
    if (t.size > P9_NAME)
        return -ERANGE;
    memcpy(name, t.bytes, t.size);
    name[t.size] = '\0';
    return 0;
}

static int walk(struct Fs9pCall *c, struct Fs9pFid *f, uint32_t number, const char *name) {
    struct Fs9p *fs = c->fs;
    uint8_t *value = malloc(FS9P_XATTR);
    if (value == NULL)
        return -ENOMEM;
    ssize_t n = read_xattr(fs, f, name, value);
    struct Fs9pXattr *x = n >= 0 ? new_xattr(fs, (size_t)n) : NULL;
    if (x != NULL) {
        memcpy(x->value, value, (size_t)n);
        x->filled = (size_t)n;
    }
    free(value);
    if (x == NULL)
        return n < 0 ? (int)n : -ENOSPC;
    put_u64(&c->out, (uint64_t)n);
    return fid_add(fs, number, node_ref(fs, f->node), f->uid, x);
}

int serve_xattrwalk(struct Fs9pCall *c) {
    struct Fs9pFid *f;
    char name[P9_NAME + 1];
    int r = get_fid(c, &f);
    if (r != 0)
        return r;
    uint32_t number = get_u32(&c->in);
    r = get_xattr_name(c, name);
    if (r == 0)
        r = walk(c, f, number, name);
    fid_put(c->fs, f);
    return r;
}

int xattr_read(struct Fs9pFid *f, uint64_t offset, uint8_t *to, size_t *n) {
    pthread_mutex_lock(&f->lock);
    const struct Fs9pXattr *x = f->xattr;
    size_t left = offset < x->filled ? x->filled - (size_t)offset : 0;
    *n = *n < left ? *n : left;
    if (*n > 0)
        memcpy(to, x->value + offset, *n);
    pthread_mutex_unlock(&f->lock);
    return 0;
}

/* ---- writing ---- */

static int open_xattr(struct Fs9pCall *c, struct Fs9pFid *f, const char *name, uint64_t size, uint32_t flags) {
    char host[2 * P9_NAME];
    if (f->kind != FID_CLOSED || flags > (XATTR_CREATE | XATTR_REPLACE))
        return -EINVAL;
    if (!to_host(c->fs, name, host))
        return begins(name, own) ? -EACCES : -EOPNOTSUPP;
    if (size > FS9P_XATTR)
        return -E2BIG;
    struct Fs9pXattr *x = new_xattr(c->fs, (size_t)size);
    if (x == NULL)
        return -ENOSPC;
    snprintf(x->name, sizeof(x->name), "%s", name);
    x->flags = (int)flags;
    x->writing = true;
    f->xattr = x;
    f->kind = FID_XATTR;
    return 0;
}

int serve_xattrcreate(struct Fs9pCall *c) {
    struct Fs9pFid *f;
    char name[P9_NAME + 1];
    int r = get_fid(c, &f);
    if (r != 0)
        return r;
    r = get_xattr_name(c, name);
    uint64_t size = get_u64(&c->in);
    uint32_t flags = get_u32(&c->in);
    if (r == 0 && c->in.bad)
        r = -EINVAL;
    if (r == 0) {
        pthread_mutex_lock(&f->lock);
        r = open_xattr(c, f, name, size, flags);
        pthread_mutex_unlock(&f->lock);
    }
    fid_put(c->fs, f);
    return r;
}

/* From its beginning to its end. */
int xattr_write(struct Fs9pFid *f, uint64_t offset, const uint8_t *from, size_t n) {
    pthread_mutex_lock(&f->lock);
    struct Fs9pXattr *x = f->xattr;
    int r = !x->writing ? -EBADF : offset != x->filled ? -EINVAL : n > x->size - x->filled ? -ENOSPC : 0;
    if (r == 0 && n > 0) {
        memcpy(x->value + x->filled, from, n);
        x->filled += n;
    }
    pthread_mutex_unlock(&f->lock);
    return r;
}

/* An empty value takes the attribute away, as clients mean it. */
static int set_value(const struct Fs9p *fs, int fd, const struct Fs9pXattr *x) {
    char host[2 * P9_NAME];
    if (!to_host(fs, x->name, host))
        return -EOPNOTSUPP;
    int r = x->size > 0 ? fsetxattr(fd, host, x->value, x->size, x->flags) : fremovexattr(fd, host);
    return r == 0 ? 0 : -errno;
}

int xattr_finish(struct Fs9p *fs, struct Fs9pFid *f) {
    const struct Fs9pXattr *x = f->xattr;
    if (!x->writing)
        return 0;
    if (x->filled != x->size)
        return -EINVAL;
    int fd = open_for_xattrs(fs, f);
    if (fd < 0)
        return fd;
    int r = set_value(fs, fd, x);
    close(fd);
    return r;
}
