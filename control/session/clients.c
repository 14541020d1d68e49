/* SPDX-License-Identifier: MIT */
#include "control/session/clients.h"

#include "control/session/bridge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct Client {
    struct Client *next;
    struct Server *server;
    struct Stream *stream;
    void *own;
};

struct Server {
    struct Session *session;
    const struct ClientOps *ops;
    struct Client *clients;
    unsigned count;
};

static void on_data(void *opaque, const uint8_t *data, size_t size) {
    struct Client *c = opaque;
    c->server->ops->data(c->own, data, size);
}

static void on_closed(void *opaque) {
    struct Client *c = opaque;
    struct Client **link = &c->server->clients;
    while (*link != c)
        link = &(*link)->next;
    *link = c->next;
    c->server->count--;
    c->server->ops->close(c->own);
    free(c);
}

static void on_accept(void *opaque, int fd) {
    static const struct StreamOps ops = {on_data, on_closed};
    struct Server *server = opaque;
    struct Client *c = server->count < server->ops->most ? calloc(1, sizeof(*c)) : NULL;
    if (c == NULL) {
        close(fd);
        return;
    }
    if ((c->stream = stream_new(server->session, fd, &ops, c)) == NULL) {
        free(c);
        return;
    }
    if ((c->own = server->ops->open(server->session, c->stream)) == NULL) {
        stream_free(c->stream);
        free(c);
        return;
    }
    c->server = server;
    c->next = server->clients;
    server->clients = c;
    server->count++;
}

static void at_end(void *opaque) {
    struct Server *server = opaque;
    while (server->clients != NULL) {
        struct Client *c = server->clients;
        server->clients = c->next;
        stream_free(c->stream);
        server->ops->close(c->own);
        free(c);
    }
    free(server);
}

int clients_serve(struct Session *s, const char *spec, const struct ClientOps *ops, char *why, size_t n) {
    struct Server *server = calloc(1, sizeof(*server));
    if (server == NULL || session_at_end(s, at_end, server) != 0) {
        free(server);
        snprintf(why, n, "out of memory");
        return -ENOMEM;
    }
    server->session = s;
    server->ops = ops;
    if (strncmp(spec, "chardev:", 8) == 0)
        return bridge_open(s, spec + 8, on_accept, server, why, n);
    return session_listen(s, spec, true, on_accept, server, why, n);
}
