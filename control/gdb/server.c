/* SPDX-License-Identifier: MIT */
/* gdb on a socket. */
#include "control/gdb/gdb.h"
#include "control/session/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct Server {
    struct Session *session;
    struct Stream *stream; /* NULL: nobody is there */
    struct Gdb gdb;
    enum GdbArch arch;
    bool has_arch;
};

static void send_packet(void *opaque, const void *data, size_t size) {
    stream_write(((struct Server *)opaque)->stream, data, size);
}

static void on_data(void *opaque, const uint8_t *data, size_t size) {
    gdb_input(&((struct Server *)opaque)->gdb, data, size);
}

static void on_closed(void *opaque) {
    struct Server *server = opaque;
    gdb_detach(&server->gdb);
    server->stream = NULL;
}

static void on_accept(void *opaque, int fd) {
    static const struct StreamOps ops = {on_data, on_closed};
    struct Server *server = opaque;
    if (server->stream != NULL) {
        close(fd);
        return;
    }
    server->stream = stream_new(server->session, fd, &ops, server);
    if (server->stream == NULL)
        return;
    server->gdb = (struct Gdb){0};
    if (gdb_attach(&server->gdb, server->session, server->has_arch ? &server->arch : NULL, send_packet, server) != 0)
        stream_close(server->stream);
}

static void at_end(void *opaque) {
    struct Server *server = opaque;
    gdb_detach(&server->gdb);
    stream_free(server->stream);
    free(server);
}

/* Take ",arch=NAME" out of `spec`. */
static int parse_arch(struct Server *server, char *spec, char *why, size_t n) {
    char *at = strstr(spec, ",arch=");
    if (at == NULL)
        return 0;
    char *name = at + strlen(",arch=");
    size_t length = strcspn(name, ",");
    for (unsigned i = 0; i < GDB_ARCHES; i++) {
        const char *known = gdb_arch_name((enum GdbArch)i);
        if (strlen(known) != length || memcmp(known, name, length) != 0)
            continue;
        server->arch = (enum GdbArch)i;
        server->has_arch = true;
        memmove(at, name + length, strlen(name + length) + 1);
        return 0;
    }
    snprintf(why, n, "unknown arch '%.*s'; there are i8086, i386 and i386:x86-64", (int)(length < 40 ? length : 40),
             name);
    return -EINVAL;
}

int gdb_serve(struct Session *s, const char *spec, char *why, size_t n) {
    struct Server *server = calloc(1, sizeof(*server));
    char *copy = strdup(spec);
    int r = -ENOMEM;
    snprintf(why, n, "out of memory");
    if (server != NULL && copy != NULL && (r = parse_arch(server, copy, why, n)) == 0) {
        server->session = s;
        r = session_listen(s, copy, true, on_accept, server, why, n);
    }
    free(copy);
    if (r != 0) {
        free(server);
        return r;
    }
    r = session_at_end(s, at_end, server); /* without memory for this the server stays: its listener knows it */
    if (r != 0)
        snprintf(why, n, "out of memory");
    return r;
}
