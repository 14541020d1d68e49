/* SPDX-License-Identifier: MIT */
/* Files, FIFOs and pseudo-terminals as host ends. */
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum { LOOK_NS = 250000000 }; /* no descriptor tells when a pty's other side is opened */

int chardev_open_path(const char *path, int how) { return open(path, how | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0666); }

static int open_file(struct Chardev *c, char *why, size_t n) {
    int how = O_WRONLY | O_CREAT | (c->options.append ? O_APPEND : O_TRUNC);
    c->out_fd = chardev_open_path(c->options.path, how);
    if (c->out_fd < 0)
        return why_set(why, n, -errno, "character device %s: %s can't be written: %s", c->options.id, c->options.path,
                       errno == ENXIO ? "it is a FIFO that nobody reads; -chardev pipe waits for a reader"
                                      : strerror(errno));
    c->open = true;
    return 0;
}

/* As QEMU: PATH.in and PATH.out if there are such, else PATH for both. For reading and writing, so that a FIFO opens
 * and never ends. */
static int open_pipe(struct Chardev *c, char *why, size_t n) {
    char path[4096];
    snprintf(path, sizeof(path), "%s.in", c->options.path);
    c->in_fd = chardev_open_path(path, O_RDWR);
    snprintf(path, sizeof(path), "%s.out", c->options.path);
    c->out_fd = chardev_open_path(path, O_RDWR);
    if (c->in_fd < 0 || c->out_fd < 0) {
        if (c->in_fd >= 0)
            close(c->in_fd);
        if (c->out_fd >= 0)
            close(c->out_fd);
        c->in_fd = c->out_fd = chardev_open_path(c->options.path, O_RDWR);
    }
    if (c->in_fd < 0)
        return why_set(why, n, -errno,
                       "character device %s: neither %s.in and .out nor %s can be opened: %s; mkfifo makes them",
                       c->options.id, c->options.path, c->options.path, strerror(errno));
    c->open = true;
    return 0;
}

/* The other side is opened and closed once: from then on the kernel tells that nobody has it. */
static int open_pty(struct Chardev *c, char *why, size_t n) {
    struct termios t;
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), other = -1;
    if (fd >= 0 && grantpt(fd) == 0 && unlockpt(fd) == 0 && ptsname_r(fd, c->pty, sizeof(c->pty)) == 0)
        other = chardev_open_path(c->pty, O_RDWR);
    if (other < 0 || tcgetattr(other, &t) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        int e = errno;
        if (fd >= 0)
            close(fd);
        if (other >= 0)
            close(other);
        return why_set(why, n, -e, "character device %s: no pseudo-terminal can be had: %s", c->options.id,
                       strerror(e));
    }
    cfmakeraw(&t);
    tcsetattr(other, TCSAFLUSH, &t);
    close(other);
    c->in_fd = c->out_fd = fd;
    return 0;
}

static void probe(void *opaque, int fd, short revents) {
    struct Chardev *c = opaque;
    struct Loop *l = &c->machine->loop;
    loop_modify_fd(l, fd, 0);
    if ((revents & POLLHUP) == 0)
        chardev_connected(c, fd);
    else
        loop_timer_arm(l, &c->again, loop_now() + LOOK_NS);
}

/* Its master side can be written, or is told to be hung up. */
void chardev_check_pty(void *opaque) {
    struct Chardev *c = opaque;
    loop_add_fd(&c->machine->loop, c->in_fd, POLLOUT, probe, c);
}

int chardev_open_host(struct Chardev *c, char *why, size_t n) {
    switch (c->options.kind) {
    case CHAR_FILE: return open_file(c, why, n);
    case CHAR_PIPE: return open_pipe(c, why, n);
    default: return open_pty(c, why, n);
    }
}
