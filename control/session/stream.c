/* SPDX-License-Identifier: MIT */
/* See stream.h. */
#include "control/session/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct Stream {
    struct Session *session;
    struct StreamOps ops;
    void *opaque;
    int fd;
    bool closing;
    bool eof;      /* nothing more comes, but there is something to send */
    uint8_t heard; /* how many of the first bytes are in `first` */
    char first[9];
    char *out; /* unsent: out[sent, used) */
    size_t sent, used, room;
};

static size_t unsent(const struct Stream *st) { return st->used - st->sent; }

static void watch(struct Stream *st) {
    short events = 0;
    if (st->closing) {
        shutdown(st->fd, SHUT_RDWR); /* so that the loop comes by, whatever the client does */
        events = POLLIN;
    }
    if (!st->eof && unsent(st) < STREAM_OUT_HIGH)
        events |= POLLIN;
    if (unsent(st) > 0)
        events |= POLLOUT;
    loop_modify_fd(session_loop(st->session), st->fd, events);
}

/* Send what the socket takes without waiting. */
static void flush(struct Stream *st) {
    while (unsent(st) > 0) {
        ssize_t n = send(st->fd, st->out + st->sent, unsent(st), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            st->closing |= errno != EAGAIN && errno != EWOULDBLOCK;
            break;
        }
        st->sent += (size_t)n;
    }
    if (unsent(st) == 0)
        st->sent = st->used = 0;
}

static void drop(struct Stream *st) {
    st->ops.closed(st->opaque);
    stream_free(st);
}

/* A page in a browser may send HTTP to any port of the host's, and what it posts would be taken for commands. */
static bool is_browser(struct Stream *st, const uint8_t *data, size_t n) {
    static const char *const methods[] = {"GET /", "POST /", "HEAD /", "PUT /", "OPTIONS /"};
    if (st->heard == sizeof(st->first))
        return false;
    for (size_t i = 0; i < n && st->heard < sizeof(st->first); i++)
        st->first[st->heard++] = (char)data[i];
    for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (st->heard >= strlen(methods[i]) && memcmp(st->first, methods[i], strlen(methods[i])) == 0)
            return true;
    return false;
}

static void ready(void *opaque, int fd, short revents) {
    struct Stream *st = opaque;
    uint8_t data[4096];
    flush(st);
    bool gone = st->closing;
    if (!gone && !st->eof && (revents & (POLLIN | POLLHUP | POLLERR)) != 0 && unsent(st) < STREAM_OUT_HIGH) {
        ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
        st->eof = n == 0;
        gone = n < 0 && errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK;
        gone |= n > 0 && is_browser(st, data, (size_t)n);
        if (n > 0 && !gone)
            st->ops.data(st->opaque, data, (size_t)n);
    } else if ((revents & POLLERR) != 0) {
        gone = true;
    }
    if (gone || (st->eof && unsent(st) == 0))
        drop(st);
    else
        watch(st);
}

struct Stream *stream_new(struct Session *s, int fd, const struct StreamOps *ops, void *opaque) {
    struct Stream *st = calloc(1, sizeof(*st));
    if (st == NULL) {
        close(fd);
        return NULL;
    }
    *st = (struct Stream){.session = s, .ops = *ops, .opaque = opaque, .fd = fd};
    if (loop_add_fd(session_loop(s), fd, POLLIN, ready, st) != 0) {
        close(fd);
        free(st);
        return NULL;
    }
    return st;
}

void stream_write(struct Stream *st, const void *data, size_t size) {
    if (st->closing || size == 0)
        return;
    if (st->sent > 0) {
        memmove(st->out, st->out + st->sent, unsent(st));
        st->used -= st->sent;
        st->sent = 0;
    }
    if (size > STREAM_OUT_MAX - st->used) {
        st->closing = true;
    } else if (size > st->room - st->used) {
        size_t room = st->used + size + st->room / 2 + 1024;
        char *out = realloc(st->out, room);
        st->closing = out == NULL;
        if (out != NULL)
            st->out = out, st->room = room;
    }
    if (!st->closing) {
        memcpy(st->out + st->used, data, size);
        st->used += size;
        flush(st);
    }
    watch(st);
}

void stream_close(struct Stream *st) {
    st->closing = true;
    flush(st);
    watch(st);
}

void stream_free(struct Stream *st) {
    if (st == NULL)
        return;
    loop_remove_fd(session_loop(st->session), st->fd);
    close(st->fd);
    free(st->out);
    free(st);
}
