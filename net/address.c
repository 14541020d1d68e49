/* SPDX-License-Identifier: MIT */
#include "net/address.h"
#include "base/lists.h"
#include "base/why.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

bool net_address_is(const struct NetAddress *a, const char *type) {
    return a->type != NULL && strcmp(a->type, type) == 0;
}

int net_address_check(const struct NetAddress *a, const char *option, const char *name, char *why, size_t n) {
    bool local = net_address_is(a, "unix"), inet = net_address_is(a, "inet"), fd = net_address_is(a, "fd");
    if (!local && !inet && !fd)
        return why_set(why, n, -EINVAL, "%s: %s.type=%s: unix, inet and fd are there", option, name,
                       a->type != NULL ? a->type : "");
    if ((a->path != NULL) != local)
        return why_set(why, n, -EINVAL, "%s: %s.path= is for %s.type=unix, which needs it", option, name, name);
    if ((a->str != NULL) != fd)
        return why_set(why, n, -EINVAL, "%s: %s.str= is for %s.type=fd, which needs it", option, name, name);
    if ((a->host != NULL) != inet || (a->port != NULL) != inet)
        return why_set(why, n, -EINVAL, "%s: %s.host= and %s.port= are for %s.type=inet, which needs both", option,
                       name, name, name);
    return 0;
}

static int resolve_local(const struct NetAddress *a, struct NetSocketAddress *to, const char *option, char *why,
                         size_t n) {
    struct sockaddr_un *u = (struct sockaddr_un *)&to->any;
    if (a->path[0] == '\0' || strlen(a->path) >= sizeof(u->sun_path))
        return why_set(why, n, -EINVAL, "%s: the path '%s' has to have 1 to %zu bytes", option, a->path,
                       sizeof(u->sun_path) - 1);
    u->sun_family = AF_UNIX;
    strcpy(u->sun_path, a->path);
    to->size = sizeof(*u);
    return 0;
}

int net_address_resolve(const struct NetAddress *a, int type, bool passive, struct NetSocketAddress *to,
                        const char *option, char *why, size_t n) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = type, .ai_flags = passive ? AI_PASSIVE : 0}, *list;
    *to = (struct NetSocketAddress){0};
    if (net_address_is(a, "unix"))
        return resolve_local(a, to, option, why, n);
    int g = getaddrinfo(a->host[0] != '\0' ? a->host : NULL, a->port, &hints, &list);
    if (g != 0)
        return why_set(why, n, -EINVAL, "%s: %s:%s is not known: %s", option, a->host, a->port, gai_strerror(g));
    memcpy(&to->any, list->ai_addr, list->ai_addrlen);
    to->size = list->ai_addrlen;
    freeaddrinfo(list);
    return 0;
}

int net_address_fd(const struct NetAddress *a, int type, const char *option, char *why, size_t n) {
    uint64_t number;
    int is, flags;
    socklen_t size = sizeof(is);
    if (!list_number(a->str, INT32_MAX, &number))
        return why_set(why, n, -EINVAL, "%s: '%s' is no number of a descriptor", option, a->str);
    if (getsockopt((int)number, SOL_SOCKET, SO_TYPE, &is, &size) != 0 || is != type)
        return why_set(why, n, -EINVAL, "%s: descriptor %s is no %s socket", option, a->str,
                       type == SOCK_STREAM ? "stream" : "datagram");
    flags = fcntl((int)number, F_GETFL);
    if (flags < 0 || fcntl((int)number, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl((int)number, F_SETFD, FD_CLOEXEC) != 0)
        return why_set(why, n, -errno, "%s: descriptor %s: %s", option, a->str, strerror(errno));
    return (int)number;
}

/* ---- sockets that are bound ---- */

/* Make room for a new one: nothing is there, or what was there was an abandoned socket. */
static int clear_path(const struct sockaddr_un *u, int type, char *why, size_t n) {
    struct stat st;
    if (lstat(u->sun_path, &st) != 0)
        return 0; /* bind tells what else may be wrong */
    if (!S_ISSOCK(st.st_mode))
        return why_set(why, n, -EEXIST, "%s exists and is not a socket; name another path", u->sun_path);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return why_set(why, n, -errno, "no socket can be made: %s", strerror(errno));
    int r = connect(fd, (const struct sockaddr *)u, sizeof(*u)), e = r == 0 ? 0 : errno;
    close(fd);
    if (e != ECONNREFUSED)
        return e == ENOENT ? 0 : why_set(why, n, -EADDRINUSE, "%s is in use by another process", u->sun_path);
    return unlink(u->sun_path) == 0 || errno == ENOENT
               ? 0
               : why_set(why, n, -errno, "the old socket %s can't be removed: %s", u->sun_path, strerror(errno));
}

int net_bind_unix(const struct sockaddr_un *u, int type, int backlog, char *why, size_t n) {
    int r = clear_path(u, type, why, n);
    if (r != 0)
        return r;
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* bind gives the file the mode that the descriptor has (less the umask): nobody else can come in between. */
    if (fd < 0 || fchmod(fd, 0600) != 0 || bind(fd, (const struct sockaddr *)u, sizeof(*u)) != 0 ||
        chmod(u->sun_path, 0600) != 0 || (type == SOCK_STREAM && listen(fd, backlog) != 0)) {
        int e = errno;
        if (fd >= 0)
            close(fd);
        return why_set(why, n, -e, "unix:%s can't be listened at: %s", u->sun_path, strerror(e));
    }
    return fd;
}

static int bind_inet(const struct NetSocketAddress *a, int type, char *why, size_t n) {
    int one = 1, fd = socket(a->any.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        bind(fd, (const struct sockaddr *)&a->any, a->size) != 0 || (type == SOCK_STREAM && listen(fd, 1) != 0)) {
        int e = errno;
        if (fd >= 0)
            close(fd);
        return why_set(why, n, -e, "the address given can't be had: %s", strerror(e));
    }
    return fd;
}

int net_address_bind(const struct NetSocketAddress *a, int type, const char *option, char *why, size_t n) {
    char reason[300] = "";
    int fd = a->any.ss_family == AF_UNIX
                 ? net_bind_unix((const struct sockaddr_un *)&a->any, type, 1, reason, sizeof(reason))
                 : bind_inet(a, type, reason, sizeof(reason));
    return fd >= 0 ? fd : why_set(why, n, fd, "%s: %s", option, reason);
}

void net_address_unlink(const struct NetSocketAddress *a) {
    if (a->size != 0 && a->any.ss_family == AF_UNIX)
        unlink(((const struct sockaddr_un *)&a->any)->sun_path);
}

void net_address_describe(const struct NetAddress *a, bool datagrams, char *text, size_t n) {
    if (net_address_is(a, "unix"))
        snprintf(text, n, "unix:%s", a->path);
    else if (net_address_is(a, "inet"))
        snprintf(text, n, "%s:%s:%s", datagrams ? "udp" : "tcp", a->host, a->port);
    else
        snprintf(text, n, "fd:%s", a->str != NULL ? a->str : "");
}
