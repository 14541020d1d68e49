/* SPDX-License-Identifier: MIT */
/* A server's life. */
#include "fs9p/internal.h"

#include "base/why.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* A quarter of what the process may have open is for files that the client knows, a quarter for those it has open. */
static unsigned descriptors(void) {
    enum { LEAST = 16, MOST = 8192 };
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur / 4 > MOST)
        return MOST;
    return l.rlim_cur / 4 > LEAST ? (unsigned)(l.rlim_cur / 4) : LEAST;
}

/* A stream of walks does not keep a rename waiting. */
static void init_names(struct Fs9p *fs) {
    pthread_rwlockattr_t a;
    pthread_rwlockattr_init(&a);
    pthread_rwlockattr_setkind_np(&a, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&fs->names, &a);
    pthread_rwlockattr_destroy(&a);
}

static int open_root(struct Fs9p *fs, const char *path, char *why, size_t n) {
    struct stat st;
    fs->root->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    if (fs->root->fd < 0 || fstat(fs->root->fd, &st) != 0)
        return why_errno(why, n, -errno, path);
    fs->root->dev = st.st_dev;
    fs->root->ino = st.st_ino;
    fs->proc_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    if (fs->proc_fd < 0)
        return why_errno(why, n, -errno, "/proc/self/fd, which shared folders need");
    int fd = host_open(fs, fs->root->fd, ".", O_RDONLY | O_DIRECTORY);
    if (fd == -ENOSYS || fd == -EPERM)
        return why_set(why, n, fd, "%s: shared folders need the system call openat2, of Linux 5.6", path);
    if (fd < 0)
        return why_errno(why, n, fd, path);
    close(fd);
    return 0;
}

int fs9p_open(struct Fs9p **out, const struct Fs9pOptions *o, const struct Fs9pHost *host, char *why, size_t n) {
    struct Fs9p *fs = calloc(1, sizeof(*fs));
    struct Fs9pNode *root = calloc(1, sizeof(*root));
    if (fs == NULL || root == NULL) {
        free(fs);
        free(root);
        return why_errno(why, n, -ENOMEM, o->path);
    }
    *root = (struct Fs9pNode){.fd = -1, .references = 1};
    fs->root = root;
    fs->proc_fd = -1;
    fs->security = o->security;
    fs->devices = o->devices;
    fs->readonly = o->readonly;
    fs->file_mode = o->file_mode != 0 ? o->file_mode : 0600;
    fs->folder_mode = o->folder_mode != 0 ? o->folder_mode : 0700;
    fs->host = *host;
    fs->sandbox = o->sandbox;
    fs->nodes_most = fs->files_most = descriptors();
    init_names(fs);
    pthread_mutex_init(&fs->lock, NULL);
    pthread_mutex_init(&fs->notes, NULL);
    fs9p_queue_init(fs);
    int r = open_root(fs, o->path, why, n);
    if (r == 0 && (r = fs9p_queue_start(fs)) != 0)
        why_errno(why, n, r, o->path);
    if (r != 0) {
        fs9p_close(fs);
        return r;
    }
    *out = fs;
    return 0;
}

void fs9p_reset(struct Fs9p *fs) {
    fs9p_queue_empty(fs);
    fid_forget_all(fs);
    fs->msize = 0;
}

void fs9p_close(struct Fs9p *fs) {
    if (fs == NULL)
        return;
    fs9p_reset(fs);
    fs9p_queue_destroy(fs);
    if (fs->root->fd >= 0)
        close(fs->root->fd);
    if (fs->proc_fd >= 0)
        close(fs->proc_fd);
    free(fs->root);
    pthread_rwlock_destroy(&fs->names);
    pthread_mutex_destroy(&fs->lock);
    pthread_mutex_destroy(&fs->notes);
    free(fs);
}

bool fs9p_mounted(const struct Fs9p *fs) { return fs->fids > 0; }
