/* SPDX-License-Identifier: MIT */
/* Files by their places in the tree, as the client has come to them. */
#include "fs9p/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- names; all with `lock` ---- */

static unsigned bucket(const struct Fs9pNode *folder, const char *name) {
    uint64_t h = (uint64_t)(uintptr_t)folder >> 4;
    for (; *name != '\0'; name++)
        h = (h ^ (uint8_t)*name) * 0x100000001b3ull;
    return (unsigned)((h ^ h >> 32) % FS9P_BUCKETS);
}

static struct Fs9pNode *find(struct Fs9p *fs, const struct Fs9pNode *folder, const char *name) {
    struct Fs9pNode *n = fs->node[bucket(folder, name)];
    while (n != NULL && (n->parent != folder || strcmp(n->name, name) != 0))
        n = n->next;
    return n;
}

static void put_in(struct Fs9p *fs, struct Fs9pNode *n) {
    struct Fs9pNode **head = &fs->node[bucket(n->parent, n->name)];
    n->next = *head;
    *head = n;
    n->named = true;
}

static void take_out(struct Fs9p *fs, struct Fs9pNode *n) {
    if (!n->named)
        return;
    struct Fs9pNode **p = &fs->node[bucket(n->parent, n->name)];
    while (*p != n)
        p = &(*p)->next;
    *p = n->next;
    n->named = false;
}

/* ---- which descriptors may be closed; all with `lock` ---- */

static void set_busy(struct Fs9p *fs, struct Fs9pNode *n) {
    if (!n->idle)
        return;
    *(n->older != NULL ? &n->older->newer : &fs->oldest) = n->newer;
    *(n->newer != NULL ? &n->newer->older : &fs->newest) = n->older;
    n->idle = false;
}

/* Only one that can be found again. */
static void set_idle(struct Fs9p *fs, struct Fs9pNode *n) {
    if (n->idle || !n->named || n->users > 0 || n->fd < 0)
        return;
    n->older = fs->newest;
    n->newer = NULL;
    *(fs->newest != NULL ? &fs->newest->newer : &fs->oldest) = n;
    fs->newest = n;
    n->idle = true;
}

static void close_node(struct Fs9p *fs, struct Fs9pNode *n) {
    set_busy(fs, n);
    if (n->fd < 0)
        return;
    close(n->fd);
    n->fd = -1;
    fs->open_nodes--;
}

static void opened(struct Fs9p *fs, struct Fs9pNode *n, int fd) {
    n->fd = fd;
    fs->open_nodes++;
    set_idle(fs, n);
}

static bool make_room(struct Fs9p *fs) {
    while (fs->open_nodes >= fs->nodes_most && fs->oldest != NULL)
        close_node(fs, fs->oldest);
    return fs->open_nodes < fs->nodes_most;
}

static void lose_name(struct Fs9p *fs, struct Fs9pNode *n) {
    take_out(fs, n);
    set_busy(fs, n);
}

/* ---- life ---- */

struct Fs9pNode *node_ref(struct Fs9p *fs, struct Fs9pNode *n) {
    pthread_mutex_lock(&fs->lock);
    n->references++;
    pthread_mutex_unlock(&fs->lock);
    return n;
}

void node_unref_locked(struct Fs9p *fs, struct Fs9pNode *n) {
    for (struct Fs9pNode *parent; n != NULL && --n->references == 0; n = parent) {
        parent = n->parent;
        take_out(fs, n);
        close_node(fs, n);
        free(n->name);
        free(n);
    }
}

void node_unref(struct Fs9p *fs, struct Fs9pNode *n) {
    pthread_mutex_lock(&fs->lock);
    node_unref_locked(fs, n);
    pthread_mutex_unlock(&fs->lock);
}

static struct Fs9pNode *new_node(struct Fs9p *fs, struct Fs9pNode *folder, const char *name, const struct stat *st) {
    struct Fs9pNode *n = calloc(1, sizeof(*n));
    if (n == NULL || (n->name = strdup(name)) == NULL) {
        free(n);
        return NULL;
    }
    n->parent = folder;
    folder->references++;
    n->dev = st->st_dev;
    n->ino = st->st_ino;
    n->fd = -1;
    put_in(fs, n);
    return n;
}

/* The node of the file that was found at a name; the descriptor is the node's then, or closed. */
static int adopt(struct Fs9p *fs, struct Fs9pNode *folder, const char *name, int fd, struct Fs9pNode **node) {
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    if (fs->devices == FS9P_FORBID && st.st_dev != fs->root->dev)
        return -ENODEV;
    struct Fs9pNode *n = find(fs, folder, name);
    if (n != NULL && (n->dev != st.st_dev || n->ino != st.st_ino)) {
        lose_name(fs, n); /* the host has put another file there */
        n = NULL;
    }
    if ((n == NULL || n->fd < 0) && !make_room(fs))
        return -ENFILE;
    if (n == NULL && (n = new_node(fs, folder, name, &st)) == NULL)
        return -ENOMEM;
    if (n->fd < 0)
        opened(fs, n, fd);
    else
        close(fd);
    n->references++;
    *node = n;
    return 0;
}

int node_open(struct Fs9p *fs, struct Fs9pNode *folder, const char *name, struct Fs9pNode **node) {
    int at = node_pin(fs, folder);
    if (at < 0)
        return at;
    int fd = host_look(at, name);
    node_unpin(fs, folder);
    if (fd < 0)
        return fd;
    pthread_mutex_lock(&fs->lock);
    int r = adopt(fs, folder, name, fd, node);
    pthread_mutex_unlock(&fs->lock);
    if (r != 0)
        close(fd);
    return r;
}

/* ---- descriptors ---- */

/* One whose parent is open. */
static int open_again(struct Fs9p *fs, struct Fs9pNode *n) {
    struct stat st;
    int fd = host_look(n->parent->fd, n->name);
    if (fd < 0)
        return fd == -ENOENT ? -ESTALE : fd;
    if (fstat(fd, &st) == 0 && st.st_dev == n->dev && st.st_ino == n->ino) {
        opened(fs, n, fd);
        return 0;
    }
    close(fd);
    return -ESTALE;
}

/* Down the names from the nearest that is open; however deep that is, it takes two descriptors beyond the limit. */
static int find_again(struct Fs9p *fs, struct Fs9pNode *n) {
    struct Fs9pNode *top = n;
    for (; top->fd < 0; top = top->parent) {
        if (!top->named)
            return -ESTALE;
        top->parent->below = top;
    }
    make_room(fs);
    if (top->fd < 0) /* it was the oldest */
        return find_again(fs, n);
    while (top != n) {
        struct Fs9pNode *next = top->below;
        int r = open_again(fs, next);
        if (r != 0)
            return r;
        if (fs->open_nodes > fs->nodes_most && top->idle)
            close_node(fs, top);
        top = next;
    }
    return 0;
}

int node_pin(struct Fs9p *fs, struct Fs9pNode *n) {
    pthread_mutex_lock(&fs->lock);
    int r = n->fd >= 0 ? 0 : find_again(fs, n);
    if (r == 0) {
        r = n->fd;
        n->users++;
        set_busy(fs, n);
    }
    pthread_mutex_unlock(&fs->lock);
    return r;
}

void node_unpin(struct Fs9p *fs, struct Fs9pNode *n) {
    pthread_mutex_lock(&fs->lock);
    if (--n->users == 0)
        set_idle(fs, n);
    pthread_mutex_unlock(&fs->lock);
}

/* ---- what changes names ---- */

void node_keep(struct Fs9p *fs, struct Fs9pNode *folder, const char *name) {
    pthread_mutex_lock(&fs->lock);
    struct Fs9pNode *n = find(fs, folder, name);
    if (n != NULL && n->fd < 0)
        find_again(fs, n);
    pthread_mutex_unlock(&fs->lock);
}

void node_removed(struct Fs9p *fs, struct Fs9pNode *folder, const char *name) {
    pthread_mutex_lock(&fs->lock);
    struct Fs9pNode *n = find(fs, folder, name);
    if (n != NULL)
        lose_name(fs, n);
    pthread_mutex_unlock(&fs->lock);
}

static bool is_within(const struct Fs9pNode *n, const struct Fs9pNode *folder) {
    while (n != NULL && n != folder)
        n = n->parent;
    return n != NULL;
}

static void move(struct Fs9p *fs, struct Fs9pNode *n, struct Fs9pNode *to, const char *new_name) {
    char *name = strdup(new_name);
    lose_name(fs, n);
    if (name == NULL || is_within(to, n)) { /* within itself: so the host has moved it, too, and knows better */
        free(name);
        return;
    }
    struct Fs9pNode *from = n->parent;
    free(n->name);
    n->name = name;
    n->parent = to;
    to->references++;
    put_in(fs, n);
    set_idle(fs, n);
    node_unref_locked(fs, from);
}

void node_renamed(struct Fs9p *fs, struct Fs9pNode *from, const char *name, struct Fs9pNode *to, const char *new_name) {
    pthread_mutex_lock(&fs->lock);
    struct Fs9pNode *n = find(fs, from, name), *old = find(fs, to, new_name);
    if (old != NULL && old != n)
        lose_name(fs, old);
    if (n != NULL && n != old)
        move(fs, n, to, new_name);
    pthread_mutex_unlock(&fs->lock);
}
