/* SPDX-License-Identifier: MIT */
/* Protocol "file": regular files and block devices of the host, by plain system calls. See node.h. */
#include "block/lock.h"
#include "block/node.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    VECTORS = 64,        /* of one system call */
    BOUNCE = 256 * 1024, /* bytes copied at a time for O_DIRECT */
    DIRECT_MOST = 4096,  /* greatest alignment that is tried */
};

struct FileNode {
    struct BlockNode n;
    int fd;
    bool device;
    _Atomic bool no_zero_range, no_punch;
    pthread_rwlock_t partial; /* written: somebody reads, changes and writes less than `align` */
};

static struct FileNode *file_node(struct BlockNode *n) { return (struct FileNode *)n; }

/* ---- transfers ---- */

/* A quota that is used up, or a limit of file sizes, is a full disk for a guest: there may be room later. */
static int no_room(int error) { return error == EDQUOT || error == EFBIG ? -ENOSPC : -error; }

/* One system call's worth, again after signals: bytes, 0 at the end, or -errno. */
static ssize_t transfer(int fd, bool write, const struct iovec *iov, int niov, uint64_t offset) {
    ssize_t r;
    do
        r = write ? pwritev(fd, iov, niov, (off_t)offset) : preadv(fd, iov, niov, (off_t)offset);
    while (r < 0 && errno == EINTR);
    return r < 0 ? no_room(errno) : r;
}

static int transfer_all(int fd, bool write, uint64_t offset, uint64_t bytes, struct BlockView v) {
    while (bytes > 0) {
        struct iovec iov[VECTORS];
        int count;
        uint64_t len = block_view_slice(v, bytes, iov, VECTORS, &count);
        if (len == 0)
            return -EINVAL;
        ssize_t r = transfer(fd, write, iov, count, offset);
        if (r < 0)
            return (int)r;
        if (r == 0 && write)
            return -EIO;
        if (r == 0) {
            block_view_zero(v, bytes);
            return 0;
        }
        v = block_view_from(v, (uint64_t)r);
        offset += (uint64_t)r;
        bytes -= (uint64_t)r;
    }
    return 0;
}

/* Whether O_DIRECT takes it as it is. */
static bool aligned(const struct BlockNode *n, uint64_t offset, uint64_t bytes, struct BlockView v) {
    uint64_t bits = offset | bytes;
    if (!n->direct)
        return true;
    for (; bytes > 0 && v.niov > 0; v.iov++, v.niov--, v.skip = 0) {
        size_t len = v.iov->iov_len - v.skip;
        len = len > bytes ? bytes : len;
        bits |= ((uintptr_t)v.iov->iov_base + v.skip) | len;
        bytes -= len;
    }
    return (bits & (n->align - 1)) == 0;
}

/* Through a buffer that is aligned; of the blocks at both ends what is there is kept. */
static int bounce(struct FileNode *f, bool write, uint64_t offset, uint64_t bytes, struct BlockView v) {
    uint64_t mask = f->n.align - 1;
    char *buffer = block_buffer(BOUNCE);
    int r = buffer != NULL ? 0 : -ENOMEM;
    while (r == 0 && bytes > 0) {
        uint64_t head = offset & mask, part = BOUNCE - head < bytes ? BOUNCE - head : bytes;
        uint64_t whole = (head + part + mask) & ~mask;
        struct iovec iov = {buffer, whole};
        struct BlockView own = {&iov, 1, 0};
        if (!write || head != 0 || whole != part)
            r = transfer_all(f->fd, false, offset - head, whole, own);
        if (r == 0 && write) {
            block_view_load(v, buffer + head, part);
            r = transfer_all(f->fd, true, offset - head, whole, own);
        } else if (r == 0)
            block_view_store(v, buffer + head, part);
        v = block_view_from(v, part);
        offset += part;
        bytes -= part;
    }
    free(buffer);
    return r;
}

static int file_read(struct BlockNode *n, uint64_t offset, uint64_t bytes, struct BlockView v) {
    if (!aligned(n, offset, bytes, v))
        return bounce(file_node(n), false, offset, bytes, v);
    return transfer_all(file_node(n)->fd, false, offset, bytes, v);
}

static int write_direct(struct BlockNode *n, uint64_t offset, uint64_t bytes, struct BlockView v) {
    struct FileNode *f = file_node(n);
    bool partial = ((offset | bytes) & (n->align - 1)) != 0;
    if (partial)
        pthread_rwlock_wrlock(&f->partial);
    else
        pthread_rwlock_rdlock(&f->partial);
    int r =
        aligned(n, offset, bytes, v) ? transfer_all(f->fd, true, offset, bytes, v) : bounce(f, true, offset, bytes, v);
    pthread_rwlock_unlock(&f->partial);
    return r;
}

static int file_write(struct BlockNode *n, uint64_t offset, uint64_t bytes, struct BlockView v) {
    if (n->no_write != 0)
        return n->no_write;
    int r = n->direct ? write_direct(n, offset, bytes, v) : transfer_all(file_node(n)->fd, true, offset, bytes, v);
    uint64_t end = offset + bytes, size = n->size;
    while (r == 0 && end > size && !atomic_compare_exchange_weak(&n->size, &size, end))
        ;
    return r;
}

static int file_flush(struct BlockNode *n) {
    if (n->no_write != 0)
        return n->no_write;
    if (n->no_flush || n->temporary)
        return 0;
    int r;
    do
        r = fdatasync(file_node(n)->fd);
    while (r != 0 && errno == EINTR);
    if (r == 0)
        return 0;
    int error = errno;
    if (error != EIO && n->direct)
        return no_room(error);
    /* Of what it could not write, for whatever reason, the kernel may drop its copy: a later success would be a lie. */
    n->no_write = -EIO;
    return -EIO;
}

/* ---- holes ---- */

static bool impossible(int error) { return error == EOPNOTSUPP || error == ENOSYS || error == ENOTTY; }

static int allocate(struct FileNode *f, int mode, _Atomic bool *never, uint64_t offset, uint64_t bytes) {
    if (*never)
        return -ENOTSUP;
    int r;
    do
        r = fallocate(f->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)bytes);
    while (r != 0 && errno == EINTR);
    if (r == 0)
        return 0;
    if (impossible(errno))
        *never = true;
    /* A device refuses what is not its blocks'; zeroes are written then. */
    return impossible(errno) || errno == EINVAL ? -ENOTSUP : no_room(errno);
}

static int file_discard(struct BlockNode *n, uint64_t offset, uint64_t bytes) {
    struct FileNode *f = file_node(n);
    int r = allocate(f, FALLOC_FL_PUNCH_HOLE, &f->no_punch, offset, bytes);
    return r == -ENOTSUP ? 0 : r;
}

static int file_zeroes(struct BlockNode *n, uint64_t offset, uint64_t bytes, bool unmap) {
    struct FileNode *f = file_node(n);
    int r = -ENOTSUP;
    if (unmap)
        r = allocate(f, FALLOC_FL_PUNCH_HOLE, &f->no_punch, offset, bytes);
    if (r == -ENOTSUP)
        r = allocate(f, FALLOC_FL_ZERO_RANGE, &f->no_zero_range, offset, bytes);
    return r;
}

/* ---- the whole ---- */

static int measure(struct FileNode *f) {
    struct stat st;
    uint64_t size;
    if (fstat(f->fd, &st) != 0)
        return -errno;
    if (S_ISREG(st.st_mode))
        size = (uint64_t)st.st_size;
    else if (!S_ISBLK(st.st_mode))
        return -ENOTBLK;
    else if (ioctl(f->fd, BLKGETSIZE64, &size) != 0)
        return -errno;
    f->device = S_ISBLK(st.st_mode);
    f->n.size = size;
    f->n.device = st.st_dev;
    f->n.inode = st.st_ino;
    return 0;
}

static int file_resize(struct BlockNode *n, uint64_t size, char *why, size_t len) {
    struct FileNode *f = file_node(n);
    if (f->device) {
        snprintf(why, len, "'%s' is a device of the host, which can't be resized from here", n->filename);
        return -ENOTSUP;
    }
    if (ftruncate(f->fd, (off_t)size) != 0) {
        int error = errno;
        snprintf(why, len, "'%s': %s", n->filename, strerror(error));
        return -error;
    }
    n->size = size;
    return 0;
}

static int file_status(struct BlockNode *n, uint64_t offset, uint64_t bytes, enum BlockWhere *where, uint64_t *run) {
    off_t data = lseek(file_node(n)->fd, (off_t)offset, SEEK_DATA);
    bool known = data >= 0 || errno == ENXIO;
    bool hole = known && (data < 0 || (uint64_t)data > offset);
    off_t end = !known ? -1 : hole ? data : lseek(file_node(n)->fd, (off_t)offset, SEEK_HOLE);
    *where = hole ? BLOCK_ZERO : BLOCK_HERE;
    *run = end >= 0 && (uint64_t)end > offset && (uint64_t)end - offset < bytes ? (uint64_t)end - offset : bytes;
    return 0;
}

static bool file_begin(struct BlockNode *n, bool write, uint64_t offset, uint64_t bytes, struct BlockExtent *e) {
    /* The part beyond the end of a file, which reads as zeroes, and partial blocks, are for file_read and _write. */
    if (offset + bytes > n->size || ((offset | bytes) & (n->align - 1)) != 0 || (write && n->no_write))
        return false;
    *e = (struct BlockExtent){.fd = file_node(n)->fd, .offset = offset};
    return true;
}

static void file_info(struct BlockNode *n, struct BlockInfo *info) {
    struct stat st;
    if (fstat(file_node(n)->fd, &st) == 0)
        info->allocated = (uint64_t)st.st_blocks * 512;
}

static void file_close(struct BlockNode *n) {
    struct FileNode *f = file_node(n);
    if (f->fd >= 0)
        close(f->fd);
    pthread_rwlock_destroy(&f->partial);
}

static int file_relock(struct BlockNode *n, bool write) {
    const char *who;
    int r = n->locked && write ? block_lock(file_node(n)->fd, true, &who) : 0;
    if (n->locked && (r != 0 || !write))
        block_lock_reading(file_node(n)->fd);
    return r;
}

static const struct BlockDriver driver = {
    .name = "file",
    .close = file_close,
    .read = file_read,
    .write = file_write,
    .flush = file_flush,
    .discard = file_discard,
    .zeroes = file_zeroes,
    .resize = file_resize,
    .status = file_status,
    .relock = file_relock,
    .begin = file_begin,
    .info = file_info,
};

/* ---- opening ---- */

/* The smallest alignment with which O_DIRECT reads. */
static int find_alignment(struct FileNode *f) {
    char *buffer = block_buffer(2 * DIRECT_MOST);
    int found = 0;
    for (uint32_t align = 512; buffer != NULL && found == 0 && align <= DIRECT_MOST; align *= 2)
        if (pread(f->fd, buffer + align, align, align) >= 0)
            found = (int)align;
    free(buffer);
    return found;
}

static bool direct(enum BlockCacheMode cache) { return cache == BLOCK_CACHE_NONE || cache == BLOCK_CACHE_DIRECTSYNC; }

static int open_descriptor(struct FileNode *f, const char *path, struct BlockOpening *open) {
    int flags = O_CLOEXEC | O_NOCTTY | (direct(open->o->cache) ? O_DIRECT : 0);
    f->n.readonly = open->o->readonly;
    f->fd = openat(AT_FDCWD, path, flags | O_NONBLOCK | (f->n.readonly ? O_RDONLY : O_RDWR));
    if (f->fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM) && open->o->auto_readonly) {
        f->n.readonly = true;
        f->fd = openat(AT_FDCWD, path, flags | O_NONBLOCK | O_RDONLY);
    }
    if (f->fd >= 0)
        return 0;
    int error = errno;
    if (error == EINVAL && direct(open->o->cache))
        return block_refuse(open, -error, "'%s': its file system has no O_DIRECT, which cache=none and directsync need",
                            path);
    return block_refuse(open, -error, "'%s': %s", path, strerror(error));
}

static int lock_file(struct FileNode *f, struct BlockOpening *open) {
    const char *who;
    if (open->o->locking == BLOCK_LOCKING_OFF)
        return 0;
    int r = block_lock(f->fd, !f->n.readonly, &who);
    if (r == -ENOTSUP && open->o->locking == BLOCK_LOCKING_AUTO)
        return 0;
    if (r == -EAGAIN)
        return block_refuse(open, r, "'%s' is in use by another process, which has locked it (%s)", f->n.filename, who);
    f->n.locked = r == 0;
    return r == 0 ? 0 : block_refuse(open, r, "'%s': its file system has no locks; say locking=off", f->n.filename);
}

static int set_up(struct FileNode *f, struct BlockOpening *open) {
    int r = measure(f);
    if (r == -ENOTBLK)
        return block_refuse(open, r, "'%s' is neither a file nor a block device", f->n.filename);
    if (r != 0)
        return block_refuse(open, r, "'%s': %s", f->n.filename, strerror(-r));
    if (open->o->device_only && !f->device)
        return block_refuse(open, -ENOTBLK, "'%s' is no block device; driver=file is for files", f->n.filename);
    f->n.align = 1;
    f->n.direct = direct(open->o->cache);
    f->n.no_flush = open->o->cache == BLOCK_CACHE_UNSAFE;
    int align = f->n.direct ? find_alignment(f) : 1;
    if (align == 0)
        return block_refuse(open, -EINVAL, "'%s': O_DIRECT (cache=none, directsync) can't read it", f->n.filename);
    f->n.align = (uint32_t)align;
    return lock_file(f, open);
}

static struct FileNode *file_new(const char *path) {
    struct FileNode *f = block_node_new(&driver, sizeof(*f), path);
    if (f != NULL) {
        f->fd = -1;
        pthread_rwlock_init(&f->partial, NULL);
    }
    return f;
}

int block_file_open(struct BlockNode **out, struct BlockOpening *open) {
    const char *path = open->o->filename;
    if (strncmp(path, "file:", 5) == 0)
        path += 5;
    struct FileNode *f = file_new(path);
    if (f == NULL)
        return block_refuse(open, -ENOMEM, "out of memory");
    int r = open_descriptor(f, path, open);
    if (r == 0)
        r = set_up(f, open);
    if (r != 0) {
        block_node_close(&f->n);
        return r;
    }
    *out = &f->n;
    return 0;
}

int block_file_temporary(struct BlockNode **out, struct BlockOpening *open) {
    const char *dir = getenv("TMPDIR");
    struct FileNode *f = file_new("(temporary file)");
    if (dir == NULL || dir[0] == '\0')
        dir = "/var/tmp"; /* as QEMU: /tmp may be in memory */
    if (f == NULL)
        return block_refuse(open, -ENOMEM, "out of memory");
    f->fd = openat(AT_FDCWD, dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_NONBLOCK, 0600);
    if (f->fd < 0) {
        int error = errno;
        block_node_close(&f->n);
        return block_refuse(open, -error, "snapshot: a temporary file in %s: %s", dir, strerror(error));
    }
    f->n.align = 1;
    f->n.temporary = true;
    *out = &f->n;
    return 0;
}
