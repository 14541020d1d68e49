/* SPDX-License-Identifier: MIT */
/* See listen.h. */
#include "machine/chardev/listen.h"
#include "base/why.h"
#include "net/address.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 8 };

/* ---- parsing ---- */

/* Copy `length` bytes and terminate; false when there is no room. */
static bool copy(char *to, size_t room, const char *from, size_t length) {
    if (length >= room)
        return false;
    memcpy(to, from, length);
    to[length] = '\0';
    return true;
}

static int parse_local(const char *path, size_t length, struct ListenSpec *p, char *why, size_t n) {
    p->local = true;
    if (length == 0)
        return why_set(why, n, -EINVAL, "'unix:' needs a path; write unix:PATH");
    if (!copy(p->path, sizeof(p->path), path, length))
        return why_set(why, n, -EINVAL, "the path of a unix socket can have %zu bytes at most, this one has %zu",
                       sizeof(p->path) - 1, length);
    return 0;
}

static int parse_tcp(const char *text, size_t length, struct ListenSpec *p, char *why, size_t n) {
    const char *colon = memrchr(text, ':', length);
    const char *port = colon != NULL ? colon + 1 : text;
    const char *host_end = colon != NULL ? colon : text;
    size_t host = (size_t)(host_end - text), digits = length - (size_t)(port - text);
    if (host >= 2 && text[0] == '[' && text[host - 1] == ']') /* an IPv6 address */
        text++, host -= 2;
    if (!copy(p->host, sizeof(p->host), text, host))
        return why_set(why, n, -EINVAL, "the host's name is too long");
    bool good = copy(p->port, sizeof(p->port), port, digits) && digits > 0 && digits <= 5;
    for (size_t i = 0; i < digits && good; i++)
        good = isdigit((unsigned char)port[i]);
    long number = good ? strtol(p->port, NULL, 10) : 0;
    if (number < 1 || number > 65535)
        return why_set(why, n, -EINVAL, "'%.*s' is not a port; write tcp::PORT or tcp:HOST:PORT, with 1 to 65535",
                       (int)(digits < 40 ? digits : 40), port);
    return 0;
}

static int parse_flag(const char *flag, size_t length, struct ListenSpec *p, char *why, size_t n) {
    static const struct {
        const char *name;
        bool has_wait, wait;
    } flags[] = {
        {"server", true, true}, {"server=on", true, true}, {"nowait", true, false},
        {"wait", true, true},   {"wait=on", true, true},   {"wait=off", true, false},
    };
    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (strlen(flags[i].name) == length && strncmp(flags[i].name, flag, length) == 0) {
            bool server = strncmp(flag, "server", 6) == 0;
            if (!server || !p->has_wait) /* "nowait,server" does not wait either */
                p->wait = flags[i].wait;
            p->has_wait = true;
            return 0;
        }
    }
    return why_set(why, n, -EINVAL, "'%.*s' is not known; server, nowait and wait=on|off are",
                   (int)(length < 40 ? length : 40), flag);
}

int listen_parse(const char *spec, struct ListenSpec *p, char *why, size_t n) {
    *p = (struct ListenSpec){0};
    size_t length = strcspn(spec, ",");
    int r;
    if (strncmp(spec, "unix:", 5) == 0)
        r = parse_local(spec + 5, length - 5, p, why, n);
    else if (strncmp(spec, "tcp:", 4) == 0)
        r = parse_tcp(spec + 4, length - 4, p, why, n);
    else
        return why_set(why, n, -EINVAL, "'%.*s' is no socket; write unix:PATH or tcp:[HOST]:PORT",
                       (int)(length < 60 ? length : 60), spec);
    while (r == 0 && spec[length] == ',') {
        spec += length + 1;
        length = strcspn(spec, ",");
        r = parse_flag(spec, length, p, why, n);
    }
    return r;
}

/* ---- opening ---- */

static int open_local(const struct ListenSpec *spec, char *why, size_t n) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, spec->path, sizeof(address.sun_path));
    return net_bind_unix(&address, SOCK_STREAM, BACKLOG, why, n);
}

/* Loopback unless a host is given: whoever reaches these sockets owns the machine. */
static const char *host_of(const struct ListenSpec *spec) {
    bool local = spec->host[0] == '\0' || strcmp(spec->host, "localhost") == 0;
    return local ? "127.0.0.1" : spec->host;
}

int listen_resolve(const struct ListenSpec *spec, bool names, struct addrinfo **list, char *why, size_t n) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV | (names ? 0 : AI_NUMERICHOST);
    int g = getaddrinfo(host_of(spec), spec->port, &hints, list);
    return g == 0 ? 0
                  : why_set(why, n, -EINVAL, "the host '%s' is not known: %s%s", spec->host, gai_strerror(g),
                            names ? "" : "; once the guest has begun, addresses and localhost are");
}

static int open_tcp(const struct ListenSpec *spec, bool names, char *why, size_t n) {
    struct addrinfo *list;
    int r = listen_resolve(spec, names, &list, why, n);
    if (r != 0)
        return r;
    int fd = -1, e = EINVAL, one = 1;
    for (struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
        if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
            bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
            break;
        e = errno;
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    freeaddrinfo(list);
    return fd >= 0 ? fd
                   : why_set(why, n, -e, "tcp:%s:%s can't be listened at: %s", host_of(spec), spec->port, strerror(e));
}

int listen_open(const struct ListenSpec *spec, bool names, char *why, size_t n) {
    return spec->local ? open_local(spec, why, n) : open_tcp(spec, names, why, n);
}

void listen_close(const struct ListenSpec *spec, int fd) {
    if (fd < 0)
        return;
    if (spec->local)
        unlink(spec->path);
    close(fd);
}
