/* SPDX-License-Identifier: MIT */
/* Guest output. See sink.h. */
#include "sink.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

void sink_init(struct Sink *s, int fd, int wake_fd) {
    pthread_mutex_init(&s->mutex, NULL);
    s->fd = fd;
    s->wake_fd = wake_fd;
    s->broken = false;
    s->used = 0;
}

static bool write_all(int fd, const uint8_t *data, size_t size) {
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            poll(&p, 1, -1);
        } else if (n < 0 && errno != EINTR) {
            return false;
        } else if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
    }
    return true;
}

/* The mutex is held while writing, so that two flushers keep the order. */
static bool flush_locked(struct Sink *s) {
    if (!s->broken && s->used > 0)
        s->broken = !write_all(s->fd, s->data, s->used);
    s->used = 0;
    return !s->broken;
}

bool sink_flush(struct Sink *s) {
    if (s->fd < 0)
        return true;
    pthread_mutex_lock(&s->mutex);
    bool ok = flush_locked(s);
    pthread_mutex_unlock(&s->mutex);
    return ok;
}

void sink_put(struct Sink *s, const uint8_t *data, size_t size) {
    if (s->fd < 0)
        return;
    pthread_mutex_lock(&s->mutex);
    bool wake = s->used == 0 && size > 0;
    while (size > 0 && !s->broken) {
        size_t n = SINK_SIZE - s->used < size ? SINK_SIZE - s->used : size;
        memcpy(s->data + s->used, data, n);
        s->used += n;
        data += n;
        size -= n;
        if (s->used == SINK_SIZE)
            flush_locked(s);
    }
    pthread_mutex_unlock(&s->mutex);
    uint64_t one = 1;
    if (wake && write(s->wake_fd, &one, sizeof(one)) < 0)
        return; /* the counter is full: a wake-up is on its way */
}
