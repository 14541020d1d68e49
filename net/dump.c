/* SPDX-License-Identifier: MIT */
#include "net/dump.h"
#include "base/why.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* In the host's order; readers look at the magic number (pcap-savefile(5)). */
struct FileHeader {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, accuracy, most, link_type;
};
struct FrameHeader {
    uint32_t seconds, microseconds, here, bytes;
};
enum { MAGIC = 0xa1b2c3d4, ETHERNET = 1 };

/* A file of which a record has been written in part is of no use behind that: it ends there. */
static void put(struct NetDump *d, const struct iovec *v, unsigned count, size_t bytes) {
    ssize_t n;
    do
        n = writev(d->fd, v, (int)count);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)bytes)
        d->error = n < 0 ? errno : ENOSPC;
}

static void seen(void *opaque, bool sent, const struct NetPacket *p) {
    struct NetDump *d = opaque;
    struct timespec now;
    size_t left = p->bytes < d->most ? p->bytes : d->most;
    if (d->error != 0)
        return;
    (void)sent;
    clock_gettime(CLOCK_REALTIME, &now);
    struct FrameHeader h = {(uint32_t)now.tv_sec, (uint32_t)(now.tv_nsec / 1000), (uint32_t)left, (uint32_t)p->bytes};
    struct iovec v[NET_PIECES + 1] = {{&h, sizeof(h)}};
    unsigned count = 1;
    size_t all = sizeof(h) + left;
    for (unsigned i = 0; i < p->pieces && left > 0; i++) {
        v[count] = p->piece[i];
        v[count].iov_len = v[count].iov_len < left ? v[count].iov_len : left;
        left -= v[count++].iov_len;
    }
    put(d, v, count, all);
    d->frames += d->error == 0;
}

static int open_file(struct NetDump *d, char *why, size_t n) {
    struct FileHeader h = {MAGIC, 2, 4, 0, 0, (uint32_t)d->most, ETHERNET};
    struct iovec v = {&h, sizeof(h)};
    d->fd = open(d->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    if (d->fd >= 0)
        put(d, &v, 1, sizeof(h));
    return d->fd >= 0 && d->error == 0
               ? 0
               : why_set(why, n, -(d->fd < 0 ? errno : d->error), "-object filter-dump: file=%s: %s", d->file,
                         strerror(d->fd < 0 ? errno : d->error));
}

int net_dump_open(struct NetDump **dump, struct NetEnd *end, const char *id, const char *file, size_t most, char *why,
                  size_t n) {
    struct NetDump *d = calloc(1, sizeof(*d));
    if (d == NULL)
        return why_errno(why, n, -ENOMEM, "-object filter-dump");
    *d = (struct NetDump){.fd = -1, .most = most, .watcher = {.seen = seen, .opaque = d}};
    d->id = strdup(id);
    d->file = strdup(file);
    int r = d->id != NULL && d->file != NULL ? open_file(d, why, n) : why_errno(why, n, -ENOMEM, "-object filter-dump");
    if (r != 0) {
        net_dump_close(d);
        return r;
    }
    d->end = end;
    net_watch(end, &d->watcher);
    *dump = d;
    return 0;
}

void net_dump_close(struct NetDump *d) {
    if (d == NULL)
        return;
    if (d->end != NULL)
        net_unwatch(d->end, &d->watcher);
    if (d->fd >= 0)
        close(d->fd);
    free(d->id);
    free(d->file);
    free(d);
}
