/* SPDX-License-Identifier: MIT */
/* Fids: the client's numbers for files. */
#include "fs9p/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static struct Fs9pFid **place(struct Fs9p *fs, uint32_t number) {
    struct Fs9pFid **p = &fs->fid[(number ^ number >> 16) % FS9P_BUCKETS];
    while (*p != NULL && (*p)->number != number)
        p = &(*p)->next;
    return p;
}

struct Fs9pFid *fid_get(struct Fs9p *fs, uint32_t number) {
    pthread_mutex_lock(&fs->lock);
    struct Fs9pFid *f = *place(fs, number);
    if (f != NULL)
        f->references++;
    pthread_mutex_unlock(&fs->lock);
    return f;
}

static void free_fid(struct Fs9p *fs, struct Fs9pFid *f) {
    if (f->fd >= 0) {
        close(f->fd);
        fs->open_files--;
    }
    locks_drop(fs, f);
    xattr_free(fs, f->xattr);
    node_unref_locked(fs, f->node);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static void put_locked(struct Fs9p *fs, struct Fs9pFid *f) {
    if (--f->references == 0)
        free_fid(fs, f);
}

void fid_put(struct Fs9p *fs, struct Fs9pFid *f) {
    pthread_mutex_lock(&fs->lock);
    put_locked(fs, f);
    pthread_mutex_unlock(&fs->lock);
}

enum Fs9pFidKind fid_kind(struct Fs9pFid *f) {
    pthread_mutex_lock(&f->lock);
    enum Fs9pFidKind kind = f->kind;
    pthread_mutex_unlock(&f->lock);
    return kind;
}

static struct Fs9pFid *new_fid(uint32_t number, struct Fs9pNode *node, uint32_t uid) {
    struct Fs9pFid *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return NULL;
    f->number = number;
    f->uid = uid;
    f->node = node;
    f->fd = -1;
    f->references = 1;
    pthread_mutex_init(&f->lock, NULL);
    return f;
}

int fid_add(struct Fs9p *fs, uint32_t number, struct Fs9pNode *node, uint32_t uid, struct Fs9pXattr *x) {
    int r = 0;
    pthread_mutex_lock(&fs->lock);
    struct Fs9pFid **p = place(fs, number), *f = NULL;
    if (number == P9_NO_FID || *p != NULL)
        r = -EBADF;
    else if (fs->fids >= FS9P_FIDS)
        r = -ENFILE;
    else if ((f = new_fid(number, node, uid)) == NULL)
        r = -ENOMEM;
    if (r == 0) {
        f->xattr = x;
        f->kind = x != NULL ? FID_XATTR : FID_CLOSED;
        *p = f;
        fs->fids++;
    } else {
        node_unref_locked(fs, node);
        xattr_free(fs, x);
    }
    pthread_mutex_unlock(&fs->lock);
    return r;
}

int fid_replace(struct Fs9p *fs, struct Fs9pFid *old, struct Fs9pNode *node, enum Fs9pFidKind kind, int fd) {
    struct Fs9pFid *f = new_fid(old->number, node, old->uid);
    pthread_mutex_lock(&fs->lock);
    struct Fs9pFid **p = place(fs, old->number);
    int r = f == NULL ? -ENOMEM : *p != old ? -EBADF : 0; /* clunked meanwhile */
    if (r == 0) {
        f->kind = kind;
        f->fd = fd;
        f->next = old->next;
        *p = f;
        put_locked(fs, old);
    } else {
        node_unref_locked(fs, node);
        free(f);
    }
    pthread_mutex_unlock(&fs->lock);
    return r;
}

struct Fs9pFid *fid_take(struct Fs9p *fs, uint32_t number) {
    pthread_mutex_lock(&fs->lock);
    struct Fs9pFid **p = place(fs, number), *f = *p;
    if (f != NULL) {
        *p = f->next;
        fs->fids--;
    }
    pthread_mutex_unlock(&fs->lock);
    return f;
}

void fid_forget_all(struct Fs9p *fs) {
    pthread_mutex_lock(&fs->lock);
    for (unsigned i = 0; i < FS9P_BUCKETS && fs->fids > 0; i++) {
        for (struct Fs9pFid *f; (f = fs->fid[i]) != NULL;) {
            fs->fid[i] = f->next;
            fs->fids--;
            put_locked(fs, f);
        }
    }
    pthread_mutex_unlock(&fs->lock);
}

bool fid_may_open(struct Fs9p *fs) {
    pthread_mutex_lock(&fs->lock);
    bool may = fs->open_files < fs->files_most;
    fs->open_files += may;
    pthread_mutex_unlock(&fs->lock);
    return may;
}

void fid_closed(struct Fs9p *fs) {
    pthread_mutex_lock(&fs->lock);
    fs->open_files--;
    pthread_mutex_unlock(&fs->lock);
}
