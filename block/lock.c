/* SPDX-License-Identifier: MIT */
/*
 * QEMU's image locking: open-file-description locks (fcntl(2), F_OFD_SETLK) on single bytes of the image. Byte 100 + N
 * is read-locked by everybody who uses permission N, byte 200 + N by everybody who lets nobody else use it. Whoever
 * comes takes its read locks first and then looks whether somebody has the opposite ones.
 *
 * Permissions: 0 read what is consistent, 1 write, 2 write what is there already, 3 resize.
 */
#include "block/lock.h"

#include <errno.h>
#include <fcntl.h>

enum { USES = 100, REFUSES = 200, READ = 0, WRITE = 1, RESIZE = 3 };

static const struct LockPermission {
    int number;
    bool reader_uses;
    const char *conflict; /* when another one uses it, or when it refuses ours */
} permissions[] = {
    {READ, true, "reading"},
    {WRITE, false, "writing"},
    {RESIZE, false, "resizing"},
};
enum { PERMISSIONS = sizeof(permissions) / sizeof(permissions[0]) };

static int lock_byte(int fd, int command, short type, int byte, struct flock *l) {
    *l = (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(fd, command, l) == 0 ? 0 : -errno;
}

/* Whether somebody else has a lock there. */
static int taken(int fd, int byte) {
    struct flock l;
    int r = lock_byte(fd, F_OFD_GETLK, F_WRLCK, byte, &l);
    return r != 0 ? r : l.l_type != F_UNLCK;
}

int block_lock(int fd, bool write, const char **who) {
    struct flock l;
    int r = 0;
    for (int i = 0; i < PERMISSIONS && r == 0; i++) {
        const struct LockPermission *p = &permissions[i];
        if (write || p->reader_uses)
            r = lock_byte(fd, F_OFD_SETLK, F_RDLCK, USES + p->number, &l);
        if (r == 0 && p->number != READ)
            r = lock_byte(fd, F_OFD_SETLK, F_RDLCK, REFUSES + p->number, &l);
    }
    if (r != 0)
        return r == -EACCES || r == -EAGAIN ? (*who = "all", -EAGAIN) : -ENOTSUP;
    for (int i = 0; i < PERMISSIONS; i++) {
        const struct LockPermission *p = &permissions[i];
        int used = p->number != READ ? taken(fd, USES + p->number) : 0;
        int refused = write || p->reader_uses ? taken(fd, REFUSES + p->number) : 0;
        if (used < 0 || refused < 0)
            return -ENOTSUP;
        if (used > 0 || refused > 0) {
            *who = p->conflict;
            return -EAGAIN;
        }
    }
    return 0;
}

void block_lock_reading(int fd) {
    struct flock l;
    for (int i = 0; i < PERMISSIONS; i++)
        if (!permissions[i].reader_uses)
            lock_byte(fd, F_OFD_SETLK, F_UNLCK, USES + permissions[i].number, &l);
}
