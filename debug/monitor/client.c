/* SPDX-License-Identifier: MIT */
/* Monitors on sockets: bytes to lines, a prompt before each. */
#include "debug/monitor/monitor.h"
#include "debug/session/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLIENTS_MAX = 8 };

struct Client {
    struct Client *next;
    struct Server *server;
    struct Stream *stream;
    size_t used;
    bool overlong; /* the rest of this line is ignored */
    char line[MONITOR_LINE_MAX];
};

struct Server {
    struct Session *session;
    struct Client *clients;
    unsigned count;
};

static void say(struct Client *c, const char *text) { stream_write(c->stream, text, strlen(text)); }

static void run(struct Client *c) {
    char *text;
    if (c->overlong) {
        say(c, "the line is too long\n");
    } else {
        c->line[c->used] = '\0';
        long n = monitor_run_text(c->server->session, c->line, &text);
        if (n > 0)
            stream_write(c->stream, text, (size_t)n);
        free(text);
    }
    c->used = 0;
    c->overlong = false;
    say(c, MONITOR_PROMPT);
}

static void on_data(void *opaque, const uint8_t *data, size_t size) {
    struct Client *c = opaque;
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\n')
            run(c);
        else if (c->used == MONITOR_LINE_MAX - 1)
            c->overlong = true;
        else if (data[i] != '\r' && data[i] != '\0')
            c->line[c->used++] = (char)data[i];
    }
}

static void on_closed(void *opaque) {
    struct Client *c = opaque;
    struct Client **link = &c->server->clients;
    while (*link != c)
        link = &(*link)->next;
    *link = c->next;
    c->server->count--;
    free(c);
}

static void on_accept(void *opaque, int fd) {
    static const struct StreamOps ops = {on_data, on_closed};
    struct Server *server = opaque;
    struct Client *c = server->count < CLIENTS_MAX ? calloc(1, sizeof(*c)) : NULL;
    if (c == NULL) {
        close(fd);
        return;
    }
    if ((c->stream = stream_new(server->session, fd, &ops, c)) == NULL) {
        free(c);
        return;
    }
    c->server = server;
    c->next = server->clients;
    server->clients = c;
    server->count++;
    say(c, "twin86 ");
    say(c, twin86_version());
    say(c, " monitor - type 'help' for more information\n" MONITOR_PROMPT);
}

static void at_end(void *opaque) {
    struct Server *server = opaque;
    while (server->clients != NULL) {
        struct Client *c = server->clients;
        server->clients = c->next;
        stream_free(c->stream);
        free(c);
    }
    free(server);
}

int monitor_serve(struct Session *s, const char *spec, char *why, size_t n) {
    struct Server *server = calloc(1, sizeof(*server));
    if (server == NULL || session_at_end(s, at_end, server) != 0) {
        free(server);
        snprintf(why, n, "out of memory");
        return -ENOMEM;
    }
    server->session = s;
    return session_listen(s, spec, true, on_accept, server, why, n);
}
