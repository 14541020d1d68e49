/* SPDX-License-Identifier: MIT */
/* From a message to its reply. */
#include "fs9p/internal.h"

#include <errno.h>

enum Names { NONE, SHARED, ALONE };

/* What each message does, how it holds the names, and whether it changes anything of the host's. */
static const struct Message {
    Fs9pHandler *serve;
    enum Names names;
    bool writes;
} messages[MESSAGE_TYPES] = {
    [TSTATFS] = {serve_statfs, SHARED, false},
    [TLOPEN] = {serve_lopen, SHARED, false}, /* flags say whether it writes */
    [TLCREATE] = {serve_lcreate, SHARED, true},
    [TSYMLINK] = {serve_symlink, SHARED, true},
    [TMKNOD] = {serve_mknod, SHARED, true},
    [TRENAME] = {serve_rename, ALONE, true},
    [TREADLINK] = {serve_readlink, SHARED, false},
    [TGETATTR] = {serve_getattr, SHARED, false},
    [TSETATTR] = {serve_setattr, SHARED, true},
    [TXATTRWALK] = {serve_xattrwalk, SHARED, false},
    [TXATTRCREATE] = {serve_xattrcreate, SHARED, true},
    [TREADDIR] = {serve_readdir, SHARED, false},
    [TFSYNC] = {serve_fsync, NONE, false},
    [TLOCK] = {serve_lock, NONE, false},
    [TGETLOCK] = {serve_getlock, NONE, false},
    [TLINK] = {serve_link, SHARED, true},
    [TMKDIR] = {serve_mkdir, SHARED, true},
    [TRENAMEAT] = {serve_renameat, ALONE, true},
    [TUNLINKAT] = {serve_unlinkat, ALONE, true},
    [TVERSION] = {serve_version, NONE, false},
    [TAUTH] = {serve_auth, NONE, false},
    [TATTACH] = {serve_attach, NONE, false},
    [TWALK] = {serve_walk, SHARED, false},
    [TREAD] = {serve_read, NONE, false},
    [TWRITE] = {serve_write, NONE, true},
    [TCLUNK] = {serve_clunk, SHARED, false},
    [TREMOVE] = {serve_remove, ALONE, false}, /* its fid goes in any case */
};

int get_fid(struct Fs9pCall *c, struct Fs9pFid **f) {
    uint32_t number = get_u32(&c->in);
    *f = c->in.bad ? NULL : fid_get(c->fs, number);
    return *f != NULL ? 0 : -EBADF;
}

int get_name(struct Fs9pCall *c, char name[P9_NAME + 1], bool parent) {
    struct Text t = get_text(&c->in);
    if (c->in.bad || t.size == 0)
        return c->in.bad ? -EINVAL : -ENOENT;
    if (t.size > P9_NAME)
        return -ENAMETOOLONG;
    if (memchr(t.bytes, '/', t.size) != NULL || memchr(t.bytes, '\0', t.size) != NULL)
        return -ENOENT;
    if (text_is(t, ".") || (text_is(t, "..") && !parent))
        return parent ? -ENOENT : -EINVAL;
    if (mapped_file_hides(c->fs, (const char *)t.bytes, t.size))
        return -EINVAL;
    memcpy(name, t.bytes, t.size);
    name[t.size] = '\0';
    return 0;
}

static int call(struct Fs9pCall *c, const struct Message *m) {
    struct Fs9p *fs = c->fs;
    if (m->serve == NULL)
        return -EOPNOTSUPP;
    if (fs->msize == 0 && m->serve != serve_version)
        return -EIO; /* Tversion comes first */
    if (m->writes && fs->readonly)
        return -EROFS;
    if (m->names != NONE)
        m->names == ALONE ? pthread_rwlock_wrlock(&fs->names) : pthread_rwlock_rdlock(&fs->names);
    int r = m->serve(c);
    if (m->names != NONE)
        pthread_rwlock_unlock(&fs->names);
    if (r == 0 && c->out.full)
        r = -EMSGSIZE;
    return r;
}

void fs9p_reply_header(struct Fs9pRequest *r, uint8_t type, size_t size) {
    put_le32(r->reply, (uint32_t)size);
    r->reply[4] = type;
    memcpy(r->reply + 5, r->message + 5, 2);
    r->used = size;
}

void fs9p_reply_error(struct Fs9pRequest *r, int error) {
    put_le32(r->reply + P9_HEADER, (uint32_t)-error);
    fs9p_reply_header(r, RLERROR, FS9P_LEAST_REPLY);
}

void fs9p_serve(struct Fs9p *fs, struct Fs9pRequest *r) {
    static const struct Message none = {0};
    uint32_t size = get_le32(r->message);
    uint8_t type = r->message[4];
    size_t most = fs->msize != 0 ? fs->msize : P9_LEAST_MESSAGE;
    struct Fs9pCall c = {
        .fs = fs,
        .in = {r->message + P9_HEADER, 0, false},
        .out = {r->reply, P9_HEADER, r->room < most ? r->room : most, false},
    };
    if (size < P9_HEADER || size > r->size || size > most) {
        fs9p_reply_error(r, -EMSGSIZE);
        return;
    }
    c.in.left = size - P9_HEADER;
    int error = call(&c, type < MESSAGE_TYPES ? &messages[type] : &none);
    if (error != 0)
        fs9p_reply_error(r, error);
    else
        fs9p_reply_header(r, type + 1, c.out.used);
}
