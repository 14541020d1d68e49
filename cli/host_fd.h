/* SPDX-License-Identifier: MIT */
/** Descriptors of the host that a program was given, and how not to wait in them. */
#ifndef TWIN86_CLI_HOST_FD_H
#define TWIN86_CLI_HOST_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** A program may be started with some of descriptors 0, 1 and 2 closed: put the null device there, or what it opens
 *  first would be taken for its standard output. */
void host_fd_fill_standard(void);

/**
 * Standard input or output without waits. O_NONBLOCK belongs to the open file, which the shell that started us shares:
 * so a terminal or a pipe is opened once more for ourselves. Where that can't be, the flag is set, and host_fd_restore
 * takes it away. `is_socket`: send and recv must be asked not to wait. A plain file, and any other device, is given
 * back as it is: these don't wait for anybody. The descriptor to use (perhaps `fd` itself), or -errno.
 */
int host_fd_without_waits(int fd, bool for_writing, bool *is_socket);
/** Take back what host_fd_without_waits had to change. Async-signal-safe. */
void host_fd_restore(void);
/** Change it again. */
void host_fd_again(void);

/** write(2), or send(2) for a socket: what could be written now, or -errno (-EAGAIN: nothing). No SIGPIPE for a socket.
 */
ssize_t host_fd_write(int fd, bool is_socket, const void *data, size_t size);
/** read(2), or recv(2) for a socket. 0 at the end, -errno (-EAGAIN: nothing yet). */
ssize_t host_fd_read(int fd, bool is_socket, void *data, size_t size);

#endif
