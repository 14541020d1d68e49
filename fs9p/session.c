/* SPDX-License-Identifier: MIT */
/* Tversion, Tattach, Twalk, Tclunk. */
#include "fs9p/internal.h"

#include <errno.h>
#include <unistd.h>

/* Begins anew; nothing else runs. */
int serve_version(struct Fs9pCall *c) {
    struct Fs9p *fs = c->fs;
    uint32_t msize = get_u32(&c->in);
    struct Text version = get_text(&c->in);
    if (c->in.bad)
        return -EINVAL;
    if (msize < P9_LEAST_MESSAGE)
        return -EMSGSIZE;
    bool known = text_is(version, "9P2000.L");
    const char *answer = known ? "9P2000.L" : "unknown";
    fid_forget_all(fs);
    msize = msize < FS9P_MESSAGE ? msize : FS9P_MESSAGE;
    fs->msize = known ? msize : 0;
    put_u32(&c->out, msize);
    put_text(&c->out, answer, strlen(answer));
    return 0;
}

/* Who the client is the machine knows. */
int serve_auth(struct Fs9pCall *c) { return (void)c, -EOPNOTSUPP; }

/* ---- qids ---- */

/*
 * An inode's number, made different from those of other file systems: the numbers' high 16 bits, which are seldom used,
 * stand for one file system's with these high bits.
 */
static int number_of(struct Fs9p *fs, const struct stat *st, uint64_t *path) {
    enum { LOW = 48 };
    uint64_t high = (uint64_t)st->st_ino >> LOW;
    unsigned i = 0;
    pthread_mutex_lock(&fs->lock);
    while (i < fs->prefixes && (fs->prefix[i].dev != st->st_dev || fs->prefix[i].high != high))
        i++;
    if (i == fs->prefixes && i < FS9P_PREFIXES) {
        fs->prefix[i].dev = st->st_dev;
        fs->prefix[i].high = high;
        fs->prefixes++;
    }
    pthread_mutex_unlock(&fs->lock);
    *path = (uint64_t)i << LOW | ((uint64_t)st->st_ino & ((1ull << LOW) - 1));
    return i < FS9P_PREFIXES ? 0 : -ENFILE;
}

int qid_of(struct Fs9p *fs, const struct stat *st, uint8_t *type, uint64_t *path) {
    *type = S_ISDIR(st->st_mode) ? QID_DIR : S_ISLNK(st->st_mode) ? QID_SYMLINK : QID_FILE;
    return number_of(fs, st, path);
}

/* The version is by what a client sees that its cache of the file is old. */
int put_qid(struct Fs9pCall *c, const struct stat *st) {
    uint8_t type;
    uint64_t path,
        version = (uint64_t)st->st_mtim.tv_sec * 1000003 + (uint64_t)st->st_mtim.tv_nsec + (uint64_t)st->st_size;
    int r = qid_of(c->fs, st, &type, &path);
    if (r != 0)
        return r;
    put_u8(&c->out, type);
    put_u32(&c->out, (uint32_t)(version ^ version >> 32));
    put_u64(&c->out, path);
    return 0;
}

/* ---- attach, walk ---- */

static int stat_node(struct Fs9p *fs, struct Fs9pNode *n, struct stat *st) {
    struct Fs9pFid as = {.node = n, .fd = -1};
    struct Fs9pSpot s;
    int r = spot_take(fs, &as, &s);
    if (r != 0)
        return r;
    r = attributes_stat(fs, &s, st);
    spot_release(fs, &s);
    return r;
}

int serve_attach(struct Fs9pCall *c) {
    struct Fs9p *fs = c->fs;
    struct stat st;
    uint32_t number = get_u32(&c->in);
    get_u32(&c->in);  /* afid */
    get_text(&c->in); /* uname */
    struct Text folder = get_text(&c->in);
    uint32_t uid = get_u32(&c->in);
    if (c->in.bad)
        return -EINVAL;
    if (folder.size > 0 && !text_is(folder, "/"))
        return -ENOENT; /* there is one tree */
    int r = stat_node(fs, fs->root, &st);
    if (r == 0)
        r = put_qid(c, &st);
    return r == 0 ? fid_add(fs, number, node_ref(fs, fs->root), uid, NULL) : r;
}

/* The root's parent is the root. */
static int step(struct Fs9p *fs, struct Fs9pNode *from, const char *name, struct Fs9pNode **to) {
    if (strcmp(name, "..") != 0)
        return node_open(fs, from, name, to);
    *to = node_ref(fs, from->parent != NULL ? from->parent : from);
    return 0;
}

/* As far as it goes. How many names, or -errno where the first one is not there. */
static int walk(struct Fs9pCall *c, unsigned names, struct Fs9pNode **at) {
    struct Fs9p *fs = c->fs;
    char name[P9_NAME + 1];
    for (unsigned i = 0; i < names; i++) {
        struct Fs9pNode *next = NULL;
        struct stat st;
        int r = get_name(c, name, true);
        if (r == 0)
            r = step(fs, *at, name, &next);
        if (r == 0 && (r = stat_node(fs, next, &st)) == 0)
            r = put_qid(c, &st);
        if (r != 0) {
            if (next != NULL)
                node_unref(fs, next);
            return i == 0 || c->in.bad ? r : (int)i;
        }
        node_unref(fs, *at);
        *at = next;
    }
    return (int)names;
}

static int walk_to(struct Fs9pCall *c, struct Fs9pFid *f, uint32_t number, unsigned names) {
    struct Fs9p *fs = c->fs;
    uint8_t *count = put_room(&c->out, 2);
    enum Fs9pFidKind kind = fid_kind(f);
    if (kind == FID_XATTR || (kind != FID_CLOSED && number == f->number))
        return -EINVAL;
    if (count == NULL)
        return -EMSGSIZE;
    struct Fs9pNode *at = node_ref(fs, f->node);
    int r = walk(c, names, &at);
    if (r != (int)names) {
        node_unref(fs, at);
        put_le16(count, r > 0 ? (uint16_t)r : 0);
        return r < 0 ? r : 0;
    }
    put_le16(count, (uint16_t)names);
    return number == f->number ? fid_replace(fs, f, at, FID_CLOSED, -1) : fid_add(fs, number, at, f->uid, NULL);
}

int serve_walk(struct Fs9pCall *c) {
    struct Fs9pFid *f;
    int r = get_fid(c, &f);
    if (r != 0)
        return r;
    uint32_t number = get_u32(&c->in);
    unsigned names = get_u16(&c->in);
    r = c->in.bad || names > P9_WALK_NAMES ? -EINVAL : walk_to(c, f, number, names);
    fid_put(c->fs, f);
    return r;
}

int serve_clunk(struct Fs9pCall *c) {
    uint32_t number = get_u32(&c->in);
    struct Fs9pFid *f = c->in.bad ? NULL : fid_take(c->fs, number);
    if (f == NULL)
        return -EBADF;
    int r = fid_kind(f) == FID_XATTR ? xattr_finish(c->fs, f) : 0;
    fid_put(c->fs, f);
    return r;
}
