/* SPDX-License-Identifier: MIT */
/* Sockets as host ends: one client at a time of one that listens; or one that connects, and again when it was cut off.
 */
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int64_t reconnect_at(const struct Chardev *c) {
    return loop_now() + (int64_t)c->options.reconnect_s * NS_PER_SEC;
}

static void have(struct Chardev *c, int fd) {
    int one = 1;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (c->options.nodelay && !c->options.where.local)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    chardev_connected(c, fd);
}

/* ---- one that listens ---- */

static void on_client(void *opaque, int fd, short revents) {
    struct Chardev *c = opaque;
    (void)revents;
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client >= 0) {
        loop_modify_fd(&c->machine->loop, fd, 0); /* others wait until it has gone */
        have(c, client);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        loop_modify_fd(&c->machine->loop, fd, 0); /* it stays readable: look later */
        loop_timer_arm(&c->machine->loop, &c->again, loop_now() + NS_PER_SEC / 5);
    }
}

/* ---- one that connects ---- */

/* Once the machine has begun nothing waits for a name server with its lock held. */
static bool may_look_up(const struct Chardev *c) { return !c->machine->loop.open; }

/* Where to, once. */
static int resolve(struct Chardev *c, char *why, size_t n) {
    const struct ListenSpec *w = &c->options.where;
    struct addrinfo *list;
    char wrong[300];
    c->address = calloc(1, sizeof(*c->address));
    if (c->address == NULL)
        return why_errno(why, n, -ENOMEM, "-chardev");
    if (w->local) {
        struct sockaddr_un *a = (struct sockaddr_un *)c->address;
        a->sun_family = AF_UNIX;
        memcpy(a->sun_path, w->path, sizeof(a->sun_path));
        c->address_size = sizeof(*a);
        return 0;
    }
    int r = listen_resolve(w, may_look_up(c), &list, wrong, sizeof(wrong));
    if (r != 0)
        return why_set(why, n, r, "character device %s: %s", c->options.id, wrong);
    memcpy(c->address, list->ai_addr, list->ai_addrlen);
    c->address_size = list->ai_addrlen;
    freeaddrinfo(list);
    return 0;
}

/* A socket that is connected, or on its way (*pending); -errno. */
static int begin(struct Chardev *c, bool wait, bool *pending) {
    int fd = socket(c->address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | (wait ? 0 : SOCK_NONBLOCK), 0);
    *pending = false;
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)c->address, c->address_size) == 0)
        return fd;
    if (errno == EINPROGRESS) {
        *pending = true;
        return fd;
    }
    int e = errno;
    close(fd);
    return -e;
}

static void on_connected(void *opaque, int fd, short revents) {
    struct Chardev *c = opaque;
    int error = 0;
    socklen_t size = sizeof(error);
    (void)revents;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    loop_remove_fd(&c->machine->loop, fd);
    c->connecting = false;
    c->in_fd = c->out_fd = -1;
    if (error == 0) {
        have(c, fd);
        return;
    }
    close(fd);
    if (c->options.reconnect_s != 0)
        loop_timer_arm(&c->machine->loop, &c->again, reconnect_at(c));
}

/* A connection that is on its way. */
static void set_pending(struct Chardev *c, int fd) {
    c->connecting = true;
    c->in_fd = c->out_fd = fd; /* chardevs_destroy closes it */
}

static int await_connection(struct Chardev *c) {
    return loop_add_fd(&c->machine->loop, c->in_fd, POLLOUT, on_connected, c);
}

void chardev_reconnect(void *opaque) {
    struct Chardev *c = opaque;
    bool pending;
    if (c->listen_fd >= 0) { /* descriptors may be there again */
        loop_modify_fd(&c->machine->loop, c->listen_fd, c->open ? 0 : POLLIN);
        return;
    }
    int fd = begin(c, false, &pending);
    if (fd < 0) {
        loop_timer_arm(&c->machine->loop, &c->again, reconnect_at(c));
    } else if (pending) {
        set_pending(c, fd);
        await_connection(c);
    } else {
        have(c, fd);
    }
}

/* ---- life ---- */

int chardev_open_socket(struct Chardev *c, char *why, size_t n) {
    bool pending;
    int r;
    if (c->options.server) {
        c->listen_fd = listen_open(&c->options.where, may_look_up(c), why, n);
        c->awaited = c->listen_fd >= 0 && c->options.wait;
        c->machine->chardevs.awaited += c->awaited;
        return c->listen_fd >= 0 ? 0 : c->listen_fd;
    }
    if ((r = resolve(c, why, n)) != 0 || c->options.reconnect_s != 0)
        return r;
    int fd = begin(c, !c->machine->loop.open, &pending);
    if (fd < 0) {
        char where[400];
        chardev_describe(c, where, sizeof(where));
        return why_set(why, n, fd, "character device %s: nobody answers at %s: %s; server=on listens there instead",
                       c->options.id, strncmp(where, "disconnected:", 13) == 0 ? where + 13 : where, strerror(-fd));
    }
    if (pending)
        set_pending(c, fd);
    else
        have(c, fd);
    return 0;
}

int chardev_start_socket(struct Chardev *c) {
    if (c->listen_fd >= 0)
        return loop_add_fd(&c->machine->loop, c->listen_fd, POLLIN, on_client, c);
    if (c->connecting)
        return await_connection(c);
    if (!c->open)
        chardev_reconnect(c);
    return 0;
}
