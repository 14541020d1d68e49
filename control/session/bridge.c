/* SPDX-License-Identifier: MIT */
/*
 * The machine's loop serves host ends, the session's loop serves clients: between them is a pair of sockets for each
 * client. `near` is the machine's side of it, and a function of the machine's loop; the other one is handed to the
 * session through a queue of one, whose eventfd is `come_fd`.
 */
#include "control/session/bridge.h"
#include "base/why.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 4096 };

struct Bridge {
    struct Session *session;
    struct Chardev *chardev;
    SessionAccept *accept;
    void *opaque;
    int come_fd;
    /* under the machine lock */
    int near, far; /* far: not yet taken by the session; -1 */
    bool spoke;    /* the client has sent something */
    size_t count;  /* bytes for the client that its socket did not take */
    uint8_t data[BUFFER];
};

static void near_ready(void *opaque, int fd, short revents);

static void watch(struct Bridge *b) {
    struct Loop *l = &session_machine(b->session)->loop;
    if (b->near < 0)
        return;
    short in = chardev_can_write(b->chardev) ? POLLIN : 0, out = b->count > 0 ? POLLOUT : 0;
    loop_add_fd(l, b->near, in | out, near_ready, b);
}

static void hang_up(struct Bridge *b) {
    if (b->near >= 0) {
        loop_remove_fd(&session_machine(b->session)->loop, b->near);
        close(b->near);
    }
    if (b->far >= 0)
        close(b->far);
    b->near = b->far = -1;
    b->spoke = false;
    b->count = 0;
}

/* A client has come. */
static void begin(struct Bridge *b) {
    uint64_t one = 1;
    int pair[2];
    hang_up(b);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
        return;
    b->near = pair[0];
    b->far = pair[1];
    if (write(b->come_fd, &one, sizeof(one)) < 0)
        hang_up(b);
    watch(b);
}

static void opened(void *opaque, bool open) {
    struct Bridge *b = opaque;
    if (!open)
        hang_up(b);
    else if (b->near < 0)
        begin(b);
}

/* ---- to the client ---- */

static void flush(struct Bridge *b) {
    ssize_t n = b->near >= 0 && b->count > 0 ? send(b->near, b->data, b->count, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
    if (n > 0) {
        memmove(b->data, b->data + n, b->count - (size_t)n);
        b->count -= (size_t)n;
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
        b->count = 0; /* the session has ended: near_ready sees that once the host end takes output again */
    }
}

static size_t room(void *opaque) {
    const struct Bridge *b = opaque;
    return b->near >= 0 ? BUFFER - b->count : BUFFER; /* without a client what comes is forgotten */
}

static void receive(void *opaque, const uint8_t *data, size_t size) {
    struct Bridge *b = opaque;
    if (b->near < 0)
        return;
    memcpy(b->data + b->count, data, size);
    b->count += size;
    flush(b);
    watch(b);
}

/* ---- from the client ---- */

static void output_ready(void *opaque) { watch(opaque); }

/* One that has hung up by itself is followed by the next at once: the host end is still open. */
static void near_ready(void *opaque, int fd, short revents) {
    struct Bridge *b = opaque;
    uint8_t data[BUFFER];
    (void)fd;
    flush(b);
    if ((revents & (POLLIN | POLLHUP | POLLERR)) != 0 && chardev_can_write(b->chardev)) {
        ssize_t n = recv(b->near, data, sizeof(data), MSG_DONTWAIT);
        if (n > 0) {
            b->spoke = true;
            chardev_write(b->chardev, data, (size_t)n);
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            b->spoke ? begin(b) : hang_up(b); /* one that is turned away at once is not tried again */
            return;
        }
    }
    watch(b);
    chardev_feed(b->chardev);
}

/* ---- the session's side ---- */

static void on_come(void *opaque, int fd, short revents) {
    struct Bridge *b = opaque;
    struct Machine *m = session_machine(b->session);
    uint64_t count;
    (void)revents;
    if (read(fd, &count, sizeof(count)) < 0)
        return;
    pthread_mutex_lock(&m->lock);
    int far = b->far;
    b->far = -1;
    pthread_mutex_unlock(&m->lock);
    if (far >= 0)
        b->accept(b->opaque, far);
}

static void at_end(void *opaque) {
    struct Bridge *b = opaque;
    struct Machine *m = session_machine(b->session);
    pthread_mutex_lock(&m->lock);
    if (b->chardev != NULL)
        chardev_detach(b->chardev);
    hang_up(b);
    pthread_mutex_unlock(&m->lock);
    loop_remove_fd(session_loop(b->session), b->come_fd);
    if (b->come_fd >= 0)
        close(b->come_fd);
    free(b);
}

static int attach(struct Bridge *b, const char *id, char *why, size_t n) {
    const struct CharFrontend front = {room, receive, output_ready, opened, b, "a monitor", true};
    struct Chardev *c = chardev_find(session_machine(b->session), id);
    if (c == NULL)
        return why_set(why, n, -ENODEV, "there is no -chardev with id=%s", id);
    b->chardev = c; /* somebody may be there already, and is told of */
    int r = chardev_attach(c, &front, why, n);
    if (r != 0)
        b->chardev = NULL;
    return r;
}

int bridge_open(struct Session *s, const char *id, SessionAccept *fn, void *opaque, char *why, size_t n) {
    struct Bridge *b = calloc(1, sizeof(*b));
    struct Machine *m = session_machine(s);
    if (b == NULL || session_at_end(s, at_end, b) != 0) {
        free(b);
        return why_errno(why, n, -ENOMEM, "chardev");
    }
    *b = (struct Bridge){.session = s, .accept = fn, .opaque = opaque, .near = -1, .far = -1};
    b->come_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = b->come_fd < 0 ? -errno : loop_add_fd(session_loop(s), b->come_fd, POLLIN, on_come, b);
    if (r != 0)
        return why_errno(why, n, r, "chardev");
    pthread_mutex_lock(&m->lock);
    r = attach(b, id, why, n);
    pthread_mutex_unlock(&m->lock);
    return r;
}
