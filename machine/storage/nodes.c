/* SPDX-License-Identifier: MIT */
/* -blockdev: nodes, each a drive of its own or what another stands on. */
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is(const char *name, const char *other) { return name != NULL && strcmp(name, other) == 0; }

/* A node that has that name, or whose file has. */
static const struct Blockdev *named(const struct Storage *s, const char *name) {
    for (size_t i = 0; i < s->node_count; i++)
        if (is(s->nodes[i].block.node_name, name) || is(s->nodes[i].file_node_name, name))
            return &s->nodes[i];
    return NULL;
}

/* Which node stands on that one; NULL: none. */
static const struct Blockdev *user_of(const struct Storage *s, const char *name) {
    for (size_t i = 0; i < s->node_count; i++) {
        const struct Blockdev *d = &s->nodes[i];
        if (is(d->file, name) || is(d->backing, name) || is(d->file_node_name, name))
            return d;
    }
    return NULL;
}

static int add(struct Storage *s, const char *text, char *why, size_t n) {
    struct Blockdev dev;
    int r = blockdev_parse(&dev, text, why, n);
    if (r != 0)
        return r;
    const char *names[] = {dev.block.node_name, dev.file_node_name};
    for (unsigned i = 0; i < 2 && r == 0; i++) {
        if (names[i] == NULL)
            continue;
        if (named(s, names[i]) != NULL || (i == 1 && is(names[0], names[1])))
            r = why_set(why, n, -EEXIST, "-blockdev: there is a node '%s' already", names[i]);
        else if (strlen(names[i]) > 31)
            r = why_set(why, n, -EINVAL, "-blockdev: node-name=%s is too long; 31 characters are the most", names[i]);
    }
    struct Blockdev *nodes = r == 0 ? realloc(s->nodes, (s->node_count + 1) * sizeof(*nodes)) : NULL;
    if (nodes == NULL) {
        blockdev_free(&dev);
        return r != 0 ? r : why_set(why, n, -ENOMEM, "-blockdev: out of memory");
    }
    s->nodes = nodes;
    nodes[s->node_count++] = dev;
    return 0;
}

/* A node may be under one other only: each has it for itself. */
static int check_users(const struct Storage *s, char *why, size_t n) {
    for (size_t i = 0; i < s->node_count; i++) {
        const struct Blockdev *d = &s->nodes[i];
        const char *parts[] = {d->file, d->backing};
        for (unsigned k = 0; k < 2; k++) {
            if (parts[k] == NULL)
                continue;
            const struct Blockdev *first = user_of(s, parts[k]);
            if (first != d || (k == 1 && is(d->file, parts[k])))
                return why_set(why, n, -EBUSY,
                               "-blockdev: node '%s' is part of node '%s' already, and can't be of '%s'", parts[k],
                               first->block.node_name, d->block.node_name);
        }
    }
    return 0;
}

static int open_node(struct Machine *m, const char *name, char *why, size_t n) {
    struct Storage *s = &m->storage;
    struct BlockOptions *backing = calloc(s->node_count, sizeof(*backing));
    struct StorageDrive *d = backing != NULL ? storage_new_drive(m, NULL) : NULL;
    int r = d != NULL ? 0 : why_set(why, n, -ENOMEM, "-blockdev: out of memory");
    if (r == 0) {
        d->options.media = DRIVE_DISK;
        d->options.interface = DRIVE_IF_NONE;
        d->options.werror = BLOCK_ERROR_ENOSPC;
        d->cdrom = false;
        d->node = name;
        snprintf(d->id, sizeof(d->id), "%s", name);
        r = blockdev_resolve(s->nodes, s->node_count, name, &d->options.block, backing, why, n);
    }
    if (r == 0)
        r = storage_open(d, &d->block, &d->options.block, why, n);
    if (d != NULL)
        d->options.block.backing = NULL; /* which was for opening */
    free(backing);
    return r;
}

int storage_open_nodes(struct Machine *m, const Twin86Config *config, char *why, size_t n) {
    struct Storage *s = &m->storage;
    int r = 0;
    if (config->blockdevs != NULL && config->blockdevs[0] != NULL && config->snapshot)
        return why_set(why, n, -EINVAL, "-snapshot is not for -blockdev; a -drive has snapshot=on");
    for (const char *const *text = config->blockdevs; r == 0 && text != NULL && *text != NULL; text++)
        r = add(s, *text, why, n);
    if (r == 0)
        r = check_users(s, why, n);
    for (size_t i = 0; r == 0 && i < s->node_count; i++)
        if (user_of(s, s->nodes[i].block.node_name) == NULL)
            r = open_node(m, s->nodes[i].block.node_name, why, n);
    for (size_t i = 0; r == 0 && i < s->node_count; i++) { /* two that stand on each other have no top */
        struct BlockOptions out, *backing = calloc(s->node_count, sizeof(*backing));
        r = backing == NULL
                ? why_set(why, n, -ENOMEM, "-blockdev: out of memory")
                : blockdev_resolve(s->nodes, s->node_count, s->nodes[i].block.node_name, &out, backing, why, n);
        free(backing);
    }
    return r;
}

void storage_free_nodes(struct Machine *m) {
    for (size_t i = 0; i < m->storage.node_count; i++)
        blockdev_free(&m->storage.nodes[i]);
    free(m->storage.nodes);
    m->storage.nodes = NULL;
    m->storage.node_count = 0;
}

int storage_no_drive(const struct Machine *m, const char *device, const char *drive, char *why, size_t n) {
    const struct Blockdev *node = named(&m->storage, drive);
    const struct Blockdev *user = node != NULL ? user_of(&m->storage, drive) : NULL;
    if (user != NULL)
        return why_set(why, n, -EINVAL, "-device %s: node '%s' is part of node '%s', which can be shown", device, drive,
                       user->block.node_name);
    return why_set(why, n, -EINVAL, "-device %s: there is no drive '%s'", device, drive);
}
