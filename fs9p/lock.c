/* SPDX-License-Identifier: MIT */
/*
 * Tlock, Tgetlock: POSIX record locks among all that has the folder mounted. Their owner is a process of a client, so
 * that they are as fcntl(2) has them whichever fids they come by; programs on the host do not see them.
 */
#include "fs9p/internal.h"

#include <errno.h>
#include <stdlib.h>

static bool is_of(const struct Fs9pLock *l, const struct Fs9pLock *other) {
    return l->process == other->process && strcmp(l->client, other->client) == 0;
}

static bool overlaps(const struct Fs9pLock *l, const struct Fs9pLock *other) {
    return l->dev == other->dev && l->ino == other->ino && l->start < other->end && other->start < l->end;
}

static const struct Fs9pLock *conflict(const struct Fs9p *fs, const struct Fs9pLock *wanted) {
    const struct Fs9pLock *l = fs->locks;
    while (l != NULL && !(overlaps(l, wanted) && !is_of(l, wanted) && (l->write || wanted->write)))
        l = l->next;
    return l;
}

static void put(struct Fs9p *fs, struct Fs9pLock *l) {
    l->next = fs->locks;
    fs->locks = l;
    fs->lock_count++;
}

static void drop(struct Fs9p *fs, struct Fs9pLock **p) {
    struct Fs9pLock *l = *p;
    *p = l->next;
    free(l);
    fs->lock_count--;
}

/* Take [start, end) out of what its owner has; `spare` is for the part behind, and NULL once it is used. */
static void carve(struct Fs9p *fs, const struct Fs9pLock *r, struct Fs9pLock **spare) {
    for (struct Fs9pLock **p = &fs->locks, *l; (l = *p) != NULL;) {
        if (!overlaps(l, r) || !is_of(l, r)) {
            p = &l->next;
        } else if (l->start < r->start) {
            if (l->end > r->end) { /* the only one: it reaches over both edges */
                **spare = *l;
                (*spare)->start = r->end;
                put(fs, *spare);
                *spare = NULL;
            }
            l->end = r->start;
            p = &l->next;
        } else if (l->end > r->end) {
            l->start = r->end;
            p = &l->next;
        } else {
            drop(fs, p);
        }
    }
}

static int set(struct Fs9p *fs, const struct Fs9pLock *wanted, bool unlock, uint8_t *status) {
    struct Fs9pLock *l = malloc(sizeof(*l)), *spare = malloc(sizeof(*spare));
    int r = l == NULL || spare == NULL ? -ENOMEM : 0;
    pthread_mutex_lock(&fs->lock);
    *status = P9_LOCK_SUCCESS;
    if (r == 0 && fs->lock_count + 2 > FS9P_LOCKS && !unlock)
        r = -ENOLCK;
    if (r == 0 && !unlock && conflict(fs, wanted) != NULL)
        *status = P9_LOCK_BLOCKED;
    if (r == 0 && *status == P9_LOCK_SUCCESS) {
        carve(fs, wanted, &spare);
        if (!unlock) {
            *l = *wanted;
            put(fs, l);
            l = NULL;
        }
    }
    pthread_mutex_unlock(&fs->lock);
    free(l);
    free(spare);
    return r;
}

void locks_drop(struct Fs9p *fs, const struct Fs9pFid *f) {
    for (struct Fs9pLock **p = &fs->locks; *p != NULL;) {
        if ((*p)->fid == f)
            drop(fs, p);
        else
            p = &(*p)->next;
    }
}

/* ---- messages ---- */

struct Wanted {
    uint8_t type;
    struct Fs9pLock lock;
};

/* Behind the fid, in both messages. */
static int get_wanted(struct Fs9pCall *c, const struct Fs9pFid *f, bool flags, struct Wanted *w) {
    struct Fs9pLock *l = &w->lock;
    w->type = get_u8(&c->in);
    if (flags)
        get_u32(&c->in); /* whether the client would wait: it asks again */
    l->start = get_u64(&c->in);
    uint64_t length = get_u64(&c->in);
    l->process = get_u32(&c->in);
    struct Text client = get_text(&c->in);
    if (c->in.bad || w->type > P9_LOCK_NONE || length > UINT64_MAX - l->start || client.size >= sizeof(l->client) ||
        l->start == UINT64_MAX)
        return -EINVAL;
    l->end = length != 0 ? l->start + length : UINT64_MAX;
    memcpy(l->client, client.bytes, client.size);
    l->client[client.size] = '\0';
    l->write = w->type == P9_LOCK_WRITE;
    l->dev = f->node->dev;
    l->ino = f->node->ino;
    l->fid = f;
    return 0;
}

int serve_lock(struct Fs9pCall *c) {
    struct Fs9pFid *f;
    struct Wanted w = {0};
    uint8_t status = P9_LOCK_SUCCESS;
    int r = get_fid(c, &f);
    if (r != 0)
        return r;
    r = get_wanted(c, f, true, &w);
    if (r == 0)
        r = set(c->fs, &w.lock, w.type == P9_LOCK_NONE, &status);
    put_u8(&c->out, status);
    fid_put(c->fs, f);
    return r;
}

int serve_getlock(struct Fs9pCall *c) {
    struct Fs9pFid *f;
    struct Wanted w = {0};
    struct Fs9pLock found;
    int r = get_fid(c, &f);
    if (r != 0)
        return r;
    r = get_wanted(c, f, false, &w);
    pthread_mutex_lock(&c->fs->lock);
    const struct Fs9pLock *l = r == 0 && w.type != P9_LOCK_NONE ? conflict(c->fs, &w.lock) : NULL;
    found = l != NULL ? *l : w.lock;
    pthread_mutex_unlock(&c->fs->lock);
    put_u8(&c->out, l == NULL ? P9_LOCK_NONE : found.write ? P9_LOCK_WRITE : P9_LOCK_READ);
    put_u64(&c->out, found.start);
    put_u64(&c->out, found.end != UINT64_MAX ? found.end - found.start : 0);
    put_u32(&c->out, found.process);
    put_text(&c->out, found.client, strlen(found.client));
    fid_put(c->fs, f);
    return r;
}
