/* SPDX-License-Identifier: MIT */
/* Trename, Trenameat, Tunlinkat, Tremove: nobody else goes by names meanwhile. */
#include "fs9p/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* ---- renaming ---- */

static bool is_same(int a, const char *a_name, int b, const char *b_name) {
    struct stat x, y;
    return fstatat(a, a_name, &x, AT_SYMLINK_NOFOLLOW) == 0 && fstatat(b, b_name, &y, AT_SYMLINK_NOFOLLOW) == 0 &&
           x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int rename_at(struct Fs9p *fs, int from, const char *name, int to, const char *new_name, bool *moved) {
    *moved = !is_same(from, name, to, new_name); /* two links to one file: nothing happens (rename(2)) */
    if (renameat(from, name, to, new_name) != 0)
        return -errno;
    if (*moved && fs->security == FS9P_MAPPED_FILE)
        mapped_file_rename(from, name, to, new_name);
    return 0;
}

static int rename_in(struct Fs9p *fs, struct Fs9pNode *from, const char *name, struct Fs9pNode *to,
                     const char *new_name) {
    bool moved = false;
    int a = node_pin(fs, from);
    if (a < 0)
        return a;
    int b = node_pin(fs, to), r = b;
    if (b >= 0) {
        node_keep(fs, to, new_name); /* which may go */
        r = rename_at(fs, a, name, b, new_name, &moved);
        node_unpin(fs, to);
    }
    node_unpin(fs, from);
    if (r == 0 && moved)
        node_renamed(fs, from, name, to, new_name);
    return r;
}

int serve_renameat(struct Fs9pCall *c) {
    struct Fs9pFid *from, *to;
    char name[P9_NAME + 1], new_name[P9_NAME + 1];
    int r = get_fid(c, &from);
    if (r != 0)
        return r;
    r = get_name(c, name, false);
    if (r == 0 && (r = get_fid(c, &to)) == 0) {
        r = get_name(c, new_name, false);
        if (r == 0)
            r = rename_in(c->fs, from->node, name, to->node, new_name);
        fid_put(c->fs, to);
    }
    fid_put(c->fs, from);
    return r;
}

/* What a fid's file is called; -EBUSY: it is the exported folder; -ESTALE: it has no name any more, or another file has
 * it. */
static int name_of(struct Fs9p *fs, const struct Fs9pNode *n, char name[P9_NAME + 1], bool *folder) {
    struct stat st;
    if (n->parent == NULL)
        return -EBUSY;
    if (!n->named)
        return -ESTALE;
    int at = node_pin(fs, n->parent);
    if (at < 0)
        return at;
    int r = fstatat(at, n->name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;
    node_unpin(fs, n->parent);
    if (r == 0 && (st.st_dev != n->dev || st.st_ino != n->ino))
        r = -ESTALE;
    *folder = r == 0 && S_ISDIR(st.st_mode);
    snprintf(name, P9_NAME + 1, "%s", n->name);
    return r;
}

int serve_rename(struct Fs9pCall *c) {
    struct Fs9pFid *f, *to;
    char name[P9_NAME + 1], new_name[P9_NAME + 1];
    bool folder;
    int r = get_fid(c, &f);
    if (r != 0)
        return r;
    r = get_fid(c, &to);
    if (r == 0) {
        r = get_name(c, new_name, false);
        if (r == 0 && (r = name_of(c->fs, f->node, name, &folder)) == 0)
            r = rename_in(c->fs, f->node->parent, name, to->node, new_name);
        fid_put(c->fs, to);
    }
    fid_put(c->fs, f);
    return r;
}

/* ---- removing ---- */

static int remove_in(struct Fs9p *fs, struct Fs9pNode *folder, const char *name, bool is_folder) {
    bool notes = fs->security == FS9P_MAPPED_FILE;
    int at = node_pin(fs, folder);
    if (at < 0)
        return at;
    node_keep(fs, folder, name);
    if (notes && is_folder)
        mapped_file_empty(at, name);
    int r = unlinkat(at, name, is_folder ? AT_REMOVEDIR : 0) == 0 ? 0 : -errno;
    if (r == 0 && notes)
        mapped_file_remove(at, name);
    node_unpin(fs, folder);
    if (r == 0)
        node_removed(fs, folder, name);
    return r;
}

int serve_unlinkat(struct Fs9pCall *c) {
    struct Fs9pFid *f;
    char name[P9_NAME + 1];
    int r = get_fid(c, &f);
    if (r != 0)
        return r;
    r = get_name(c, name, false);
    uint32_t flags = get_u32(&c->in);
    if (r == 0 && (c->in.bad || (flags & ~(uint32_t)UNLINKAT_REMOVEDIR) != 0))
        r = -EINVAL;
    if (r == 0)
        r = remove_in(c->fs, f->node, name, flags & UNLINKAT_REMOVEDIR);
    fid_put(c->fs, f);
    return r;
}

/* The fid goes, whatever becomes of the file. */
int serve_remove(struct Fs9pCall *c) {
    char name[P9_NAME + 1];
    bool folder;
    uint32_t number = get_u32(&c->in);
    struct Fs9pFid *f = c->in.bad ? NULL : fid_take(c->fs, number);
    if (f == NULL)
        return -EBADF;
    int r = c->fs->readonly ? -EROFS : name_of(c->fs, f->node, name, &folder);
    if (r == 0)
        r = remove_in(c->fs, f->node->parent, name, folder);
    fid_put(c->fs, f);
    return r;
}
