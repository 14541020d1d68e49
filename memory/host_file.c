/* SPDX-License-Identifier: MIT */
/* See host_file.h. This is done before a machine runs, in the caller's thread: there is no event loop to wait in yet.
 */
#include "memory/host_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

/* Wait for bytes or the end. A FIFO opened without a writer is not at its end before one has come and gone; poll(2)
 * knows the difference, read(2) does not. 0 or -errno. */
static int wait_for_bytes(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int r;
    do
        r = poll(&p, 1, HOST_FILE_WAIT_MS);
    while (r < 0 && errno == EINTR);
    return r > 0 ? 0 : r == 0 ? -ETIMEDOUT : -errno;
}

/* Bytes read; 0 at the end; -errno. */
static ssize_t read_some(int fd, bool plain, uint8_t *to, size_t room) {
    for (;;) {
        int r = plain ? 0 : wait_for_bytes(fd);
        ssize_t n = r == 0 ? read(fd, to, room) : r;
        if (r != 0 || n >= 0)
            return n;
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
    }
}

/* Into *data, which is grown as needed. */
static int read_all(int fd, bool plain, uint64_t expected, uint64_t most, uint8_t **data, size_t *size) {
    uint64_t room = expected + 1; /* one more, so that the end of a plain file is seen at once */
    *size = 0;
    *data = malloc(room);
    while (*data != NULL) {
        ssize_t n = read_some(fd, plain, *data + *size, room - *size);
        if (n <= 0)
            return (int)n;
        *size += (size_t)n;
        if (*size > most)
            return -EFBIG;
        if (*size == room) {
            uint8_t *bigger = realloc(*data, room += room / 2 + CHUNK);
            if (bigger == NULL)
                return -ENOMEM;
            *data = bigger;
        }
    }
    return -ENOMEM;
}

static int check(const struct stat *st, bool plain_only, uint64_t most) {
    if (S_ISDIR(st->st_mode))
        return -EISDIR;
    if (!S_ISREG(st->st_mode))
        return plain_only ? -EINVAL : 0;
    return (uint64_t)st->st_size > most ? -EFBIG : 0;
}

int host_file_read(const char *path, bool plain_only, uint64_t most, uint8_t **data, size_t *size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0)
        return -errno;
    int r = fstat(fd, &st) == 0 ? check(&st, plain_only, most) : -errno;
    *data = NULL;
    if (r == 0) {
        bool plain = S_ISREG(st.st_mode);
        r = read_all(fd, plain, plain ? (uint64_t)st.st_size : CHUNK, most, data, size);
    }
    close(fd);
    if (r != 0) {
        free(*data);
        *data = NULL;
    }
    return r;
}
