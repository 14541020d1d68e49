/* SPDX-License-Identifier: MIT */
/* The only file that names the host's files: one name in one folder at a time. */
#include "fs9p/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A race with a rename elsewhere can make openat2 ask for another try (openat2(2), EAGAIN). */
static int open_beneath(int folder, const char *name, uint64_t flags, uint64_t mode) {
    enum { TRIES = 8 };
    struct open_how how = {.flags = flags | O_CLOEXEC | O_NOFOLLOW,
                           .mode = mode,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    long fd;
    int tries = TRIES;
    do
        fd = syscall(SYS_openat2, folder, name, &how, sizeof(how));
    while (fd < 0 && (errno == EINTR || errno == EAGAIN) && --tries > 0);
    return fd < 0 ? -errno : (int)fd;
}

int host_look(int folder, const char *name) { return open_beneath(folder, name, O_PATH, 0); }

struct FdName {
    char text[12];
};

static struct FdName fd_name(int fd) {
    struct FdName n;
    snprintf(n.text, sizeof(n.text), "%d", fd);
    return n;
}

/* By its descriptor it is the very file that was looked at: no name leads elsewhere meanwhile. */
int host_reopen(const struct Fs9p *fs, int fd, int flags) {
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    if (S_ISLNK(st.st_mode))
        return -ELOOP;
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return -ENXIO; /* opening a device or a FIFO does something, and may wait */
    int r = openat(fs->proc_fd, fd_name(fd).text, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return r < 0 ? -errno : r;
}

int host_open(const struct Fs9p *fs, int folder, const char *name, int flags) {
    int fd = host_look(folder, name);
    if (fd < 0)
        return fd;
    int r = host_reopen(fs, fd, flags);
    close(fd);
    return r;
}

int host_create(int folder, const char *name, int flags, mode_t mode) {
    struct stat st;
    int fd = open_beneath(folder, name, (uint64_t)(flags | O_CREAT | O_EXCL | O_NONBLOCK | O_NOCTTY), mode);
    if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) != mode)
        (void)!fchmod(fd, mode);
    return fd;
}

int host_chmod(const struct Fs9p *fs, int fd, mode_t mode) {
    return fchmodat(fs->proc_fd, fd_name(fd).text, mode, 0) == 0 ? 0 : -errno;
}

int host_make_folder(const struct Fs9p *fs, int folder, const char *name, mode_t mode) {
    struct stat st;
    if (mkdirat(folder, name, mode) != 0)
        return -errno;
    int fd = host_look(folder, name);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 07777) != mode)
        host_chmod(fs, fd, mode);
    return fd;
}

/* AT_SYMLINK_FOLLOW follows the descriptor's own link in /proc, and what it leads to is taken as it is. */
int host_link(const struct Fs9p *fs, int fd, int folder, const char *name) {
    return linkat(fs->proc_fd, fd_name(fd).text, folder, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : -errno;
}

int host_set_times(const struct Fs9p *fs, int fd, const struct timespec times[2]) {
    return utimensat(fs->proc_fd, fd_name(fd).text, times, 0) == 0 ? 0 : -errno;
}

ssize_t host_read_all(int fd, void *to, size_t n) {
    size_t used = 0;
    while (used < n) {
        ssize_t got = pread(fd, (char *)to + used, n - used, (off_t)used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        used += (size_t)got;
    }
    return (ssize_t)used;
}

int host_write_all(int fd, const void *from, size_t n) {
    for (size_t used = 0; used < n;) {
        ssize_t put = pwrite(fd, (const char *)from + used, n - used, (off_t)used);
        if (put < 0 && errno != EINTR)
            return -errno;
        used += put > 0 ? (size_t)put : 0;
    }
    return 0;
}
