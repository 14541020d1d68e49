/* SPDX-License-Identifier: MIT */
#include "machine/news.h"

#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

int news_init(struct NewsQueue *q) {
    q->first = q->count = 0;
    q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return q->fd < 0 ? -errno : 0;
}

void news_destroy(struct NewsQueue *q) {
    if (q->fd >= 0)
        close(q->fd);
    q->fd = -1;
}

static void add(struct NewsQueue *q, const struct News *n) {
    uint64_t one = 1;
    if (q->count == NEWS_MOST)
        return;
    q->item[(q->first + q->count++) % NEWS_MOST] = *n;
    while (write(q->fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static struct News of_drive(enum NewsKind kind, const struct StorageDrive *d) {
    struct News n = {.kind = kind};
    char made[STORAGE_NODE_NAME];
    bool has_id = d->device != NULL && d->device[0] != '\0';
    snprintf(n.drive, sizeof(n.drive), "%s", d->node != NULL ? "" : d->id);
    snprintf(n.device, sizeof(n.device), "%s", has_id ? d->device : d->id);
    if (d->block != NULL)
        snprintf(n.node, sizeof(n.node), "%s", storage_node_name(d, 0, false, made));
    return n;
}

void news_io_error(struct NewsQueue *q, const struct StorageDrive *d, bool write, int error, enum BlockOnError action) {
    struct News n = of_drive(NEWS_IO_ERROR, d);
    n.write = write;
    n.error = error;
    n.action = action;
    add(q, &n);
}

void news_tray_moved(struct NewsQueue *q, const struct StorageDrive *d, bool open) {
    struct News n = of_drive(NEWS_TRAY_MOVED, d);
    n.open = open;
    add(q, &n);
}

void news_plain(struct NewsQueue *q, enum NewsKind kind) {
    for (unsigned i = 0; i < q->count; i++)
        if (q->item[(q->first + i) % NEWS_MOST].kind == kind)
            return;
    add(q, &(struct News){.kind = kind});
}

bool news_take(struct NewsQueue *q, struct News *n) {
    uint64_t count;
    if (q->count == 0)
        return false;
    *n = q->item[q->first];
    q->first = (q->first + 1) % NEWS_MOST;
    if (--q->count == 0)
        while (read(q->fd, &count, sizeof(count)) < 0 && errno == EINTR)
            ;
    return true;
}
