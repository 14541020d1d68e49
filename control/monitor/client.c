/* SPDX-License-Identifier: MIT */
/* Monitors on sockets: bytes to lines, a prompt before each. */
#include "control/monitor/monitor.h"
#include "control/session/clients.h"

#include <stdlib.h>
#include <string.h>

enum { CLIENTS_MAX = 8 };

struct Client {
    struct Session *session;
    struct Stream *stream;
    unsigned cpu; /* that it looks at */
    size_t used;
    bool overlong; /* the rest of this line is ignored */
    char line[MONITOR_LINE_MAX];
};

static void say(struct Client *c, const char *text) { stream_write(c->stream, text, strlen(text)); }

static void run(struct Client *c) {
    char *text;
    if (c->overlong) {
        say(c, "the line is too long\n");
    } else {
        c->line[c->used] = '\0';
        long n = monitor_run_text(c->session, &c->cpu, c->line, &text);
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

static void *on_open(struct Session *s, struct Stream *stream) {
    struct Client *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return NULL;
    c->session = s;
    c->stream = stream;
    say(c, "twin86 ");
    say(c, twin86_version());
    say(c, " monitor - type 'help' for more information\n" MONITOR_PROMPT);
    return c;
}

int monitor_serve(struct Session *s, const char *spec, char *why, size_t n) {
    static const struct ClientOps ops = {.most = CLIENTS_MAX, .open = on_open, .data = on_data, .close = free};
    return clients_serve(s, spec, &ops, why, n);
}
