/* SPDX-License-Identifier: MIT */
/* See host_fd.h. */
#include "host_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The process's standard descriptors whose open file has the flag because of us; hence static, as these are. */
static volatile sig_atomic_t changed[3];

void host_fd_fill_standard(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != fd)
            return; /* no null device: nothing better can be done */
}

/* The same file, opened for us alone; or -errno. */
static int open_again(int fd, const struct stat *before, bool for_writing) {
    char path[40];
    struct stat st;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int again = open(path, (for_writing ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (again < 0)
        return -errno;
    if (fstat(again, &st) == 0 && st.st_dev == before->st_dev && st.st_ino == before->st_ino)
        return again;
    close(again);
    return -ESTALE;
}

static int set_flag(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_NONBLOCK) != 0)
        return flags < 0 ? -errno : fd;
    if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return -errno;
    if (fd < 3)
        changed[fd] = 1;
    return fd;
}

int host_fd_without_waits(int fd, bool for_writing, bool *is_socket) {
    struct stat st;
    unsigned number;
    *is_socket = false;
    if (fstat(fd, &st) != 0)
        return -errno;
    *is_socket = S_ISSOCK(st.st_mode);
    bool terminal = S_ISCHR(st.st_mode) && isatty(fd);
    if (!terminal && !S_ISFIFO(st.st_mode))
        return fd;
    bool master = terminal && ioctl(fd, TIOCGPTN, &number) == 0; /* opened again it would be another one */
    int again = master ? -EBUSY : open_again(fd, &st, for_writing);
    if (again == -ENXIO) /* a pipe whose reader has gone: writing fails at once */
        return fd;
    return again >= 0 ? again : set_flag(fd);
}

static void set_changed(int on) {
    int e = errno;
    for (int fd = 0; fd < 3; fd++) {
        int flags = changed[fd] ? fcntl(fd, F_GETFL) : -1;
        if (flags >= 0)
            fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
    }
    errno = e;
}

void host_fd_restore(void) { set_changed(0); }
void host_fd_again(void) { set_changed(1); }

ssize_t host_fd_write(int fd, bool is_socket, const void *data, size_t size) {
    for (;;) {
        ssize_t n = is_socket ? send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) : write(fd, data, size);
        if (n >= 0)
            return n;
        if (errno != EINTR)
            return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    }
}

ssize_t host_fd_read(int fd, bool is_socket, void *data, size_t size) {
    for (;;) {
        ssize_t n = is_socket ? recv(fd, data, size, MSG_DONTWAIT) : read(fd, data, size);
        if (n >= 0)
            return n;
        if (errno != EINTR)
            return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    }
}
