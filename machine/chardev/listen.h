/* SPDX-License-Identifier: MIT */
/** Sockets by the specifications that people write after -gdb, -monitor, -qmp, -serial and -chardev. */
#ifndef TWIN86_MACHINE_CHARDEV_LISTEN_H
#define TWIN86_MACHINE_CHARDEV_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

/** Where to listen. */
struct ListenSpec {
    bool local;     /* a unix socket */
    char path[108]; /* local: at most 107 bytes, sun_path's room (unix(7)) */
    char host[256]; /* TCP: "" for loopback */
    char port[8];   /* TCP: "1" to "65535" */
    bool has_wait;  /* whether `wait` was said, by server, nowait or wait= */
    bool wait;      /* don't start the guest before a client has come */
};

/**
 * Parse "tcp:[HOST]:PORT" or "unix:PATH", either with ",server[=on]", ",nowait" or ",wait=on|off" behind it. As with
 * QEMU, "server" alone means to wait. 0, or -EINVAL with one line in `why`.
 */
int listen_parse(const char *spec, struct ListenSpec *parsed, char *why, size_t n);

struct addrinfo;
/**
 * The addresses of a TCP socket, for freeaddrinfo. "localhost" is 127.0.0.1. With `names` other hosts' names are looked
 * up, which may take long: not under a machine's lock, nor while anybody waits. Without, they are refused. 0, or
 * -EINVAL with one line in `why`.
 */
int listen_resolve(const struct ListenSpec *spec, bool names, struct addrinfo **list, char *why, size_t n);

/**
 * Listen there, with `names` as listen_resolve has it; the descriptor is non-blocking. A unix socket is created with
 * mode 0600; one that nobody listens at any more is replaced, anything else at that path is left alone and refused. The
 * descriptor, or -errno with one line in `why`.
 */
int listen_open(const struct ListenSpec *spec, bool names, char *why, size_t n);

/** Close it, and take a unix socket's file away. */
void listen_close(const struct ListenSpec *spec, int fd);

#endif
