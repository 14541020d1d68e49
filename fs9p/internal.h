/* SPDX-License-Identifier: MIT */
/**
 * The server's inside. Private to fs9p/.
 *
 * Locks, in this order: `names` (a rename or removal has it alone, whatever goes by names shares it), a fid's, `lock`.
 */
#ifndef TWIN86_FS9P_INTERNAL_H
#define TWIN86_FS9P_INTERNAL_H

#include "fs9p/fs9p.h"
#include "fs9p/protocol.h"
#include "fs9p/wire.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

enum {
    FS9P_FIDS = 1 << 18, /* limits of what one client may have */
    FS9P_LOCKS = 4096,
    FS9P_XATTR = 64 * 1024,     /* bytes of an attribute: Linux's XATTR_SIZE_MAX */
    FS9P_XATTR_BYTES = 4 << 20, /* of all that are being read and written */
    FS9P_BUCKETS = 1 << 13,
    FS9P_PREFIXES = 1024,
    FS9P_THREADS = 8,
};

/**
 * A file that a client has a fid of, or that is on the way to one. As many as the process can afford have their
 * descriptor open; the others are found again by their names, and if that is another file now, they are stale.
 */
struct Fs9pNode {
    struct Fs9pNode *parent;        /* NULL: the root */
    char *name;                     /* in it; NULL: the root */
    struct Fs9pNode *next;          /* in its bucket */
    struct Fs9pNode *older, *newer; /* among those whose descriptor may be closed */
    struct Fs9pNode *below;         /* on the way to the one that is being opened again */
    dev_t dev;
    ino_t ino;
    int fd;              /* O_PATH; -1: closed */
    unsigned references; /* fids and children, and who is at it */
    unsigned users;      /* of fd now */
    bool named;          /* found by its name: neither removed nor replaced */
    bool idle;           /* among those */
};

struct Fs9pXattr {
    char name[P9_NAME + 1];
    uint8_t *value;
    size_t size, filled;
    int flags;
    bool writing;
};

enum Fs9pFidKind { FID_CLOSED, FID_FILE, FID_FOLDER, FID_XATTR };

/** Its node is one and the same as long as it lives; walks and creations put another fid in its place. */
struct Fs9pFid {
    struct Fs9pFid *next;
    uint32_t number, uid;
    unsigned references; /* the table's, and who is at it */
    struct Fs9pNode *node;
    pthread_mutex_t lock; /* what follows: set once, and of folders the position */
    enum Fs9pFidKind kind;
    int fd; /* opened; -1 */
    off_t position;
    struct Fs9pXattr *xattr;
};

struct Fs9pLock {
    struct Fs9pLock *next;
    dev_t dev;
    ino_t ino;
    uint64_t start, end; /* first byte and the one behind the last; UINT64_MAX: to the end */
    uint32_t process;
    char client[64];
    bool write;
    const struct Fs9pFid *fid;
};

struct Fs9pQueue {
    struct Fs9pRequest *first, **end;
};

struct Fs9p {
    enum Fs9pSecurity security;
    enum Fs9pDevices devices;
    bool readonly;
    mode_t file_mode, folder_mode;
    int proc_fd; /* /proc/self/fd: by which an O_PATH descriptor is opened for more */
    struct Fs9pHost host;
    struct Sandbox *sandbox; /* NULL: none */
    uint32_t msize;          /* 0: no Tversion yet; set while nothing else runs */

    pthread_rwlock_t names;
    pthread_mutex_t notes; /* mapped-file: one changes them at a time */

    pthread_mutex_t lock; /* what follows */
    struct Fs9pFid *fid[FS9P_BUCKETS];
    struct Fs9pNode *node[FS9P_BUCKETS];
    struct Fs9pNode *root, *oldest, *newest;
    unsigned open_nodes, nodes_most, open_files, files_most;
    size_t xattr_bytes;
    struct {
        dev_t dev;
        uint64_t high;
    } prefix[FS9P_PREFIXES];
    unsigned prefixes;
    struct Fs9pLock *locks;
    unsigned lock_count;
    _Atomic unsigned fids;

    pthread_mutex_t queue_lock; /* what follows */
    pthread_cond_t work, some_finished, thread_gone;
    struct Fs9pQueue queued, running, finished, flushing;
    unsigned threads, idle;
    bool alone, quit, woken, silent; /* alone: a Tversion runs */
};

/** A request that is being served. */
struct Fs9pCall {
    struct Fs9p *fs;
    struct Reader in;
    struct Writer out;
};

/* ---- queue.c ---- */

void fs9p_queue_init(struct Fs9p *fs);
/** With its first thread. 0 or -errno. */
int fs9p_queue_start(struct Fs9p *fs);
void fs9p_queue_destroy(struct Fs9p *fs);
/** Take back what waits, wait for what runs. */
void fs9p_queue_empty(struct Fs9p *fs);

/* ---- serve.c ---- */

/** The reply to a message, in r->reply. In a thread of the server's. */
void fs9p_serve(struct Fs9p *fs, struct Fs9pRequest *r);
/** An error's. */
/** Size, type and tag of the reply, which is whole with them. */
void fs9p_reply_header(struct Fs9pRequest *r, uint8_t type, size_t size);

/* ---- host.c: what is done to the host's files ---- */

/** An O_PATH descriptor of the file `name` in a folder; a link's is the link's own. Or -errno. */
int host_look(int folder, const char *name);
/** The file that a descriptor stands for, opened once more for `flags`: a regular one or a folder, else -ENXIO. */
int host_reopen(const struct Fs9p *fs, int fd, int flags);
/** host_look and host_reopen. */
int host_open(const struct Fs9p *fs, int folder, const char *name, int flags);
/** Make a regular file, open for `flags`, with that mode whatever the umask. -EEXIST: there is one. */
int host_create(int folder, const char *name, int flags, mode_t mode);
int host_make_folder(const struct Fs9p *fs, int folder, const char *name, mode_t mode);
int host_chmod(const struct Fs9p *fs, int fd, mode_t mode);
int host_link(const struct Fs9p *fs, int fd, int folder, const char *name);
/** `times` as utimensat has them. */
int host_set_times(const struct Fs9p *fs, int fd, const struct timespec times[2]);
/** `n` bytes at most of all that is there. How many, or -errno. */
ssize_t host_read_all(int fd, void *to, size_t n);
int host_write_all(int fd, const void *from, size_t n);

/* ---- node.c ---- */

/** The file `name` in a node's folder, referenced. `names` is held. 0 or -errno. */
int node_open(struct Fs9p *fs, struct Fs9pNode *folder, const char *name, struct Fs9pNode **node);
/** Its descriptor, until node_unpin. Or -errno: -ESTALE, it can't be found any more. `names` is held. */
int node_pin(struct Fs9p *fs, struct Fs9pNode *node);
void node_unpin(struct Fs9p *fs, struct Fs9pNode *node);
struct Fs9pNode *node_ref(struct Fs9p *fs, struct Fs9pNode *node);
void node_unref(struct Fs9p *fs, struct Fs9pNode *node);
/** `lock` is held. */
void node_unref_locked(struct Fs9p *fs, struct Fs9pNode *node);
/** What it is called has been removed from its folder, or renamed. `names` is held alone. */
void node_removed(struct Fs9p *fs, struct Fs9pNode *folder, const char *name);
void node_renamed(struct Fs9p *fs, struct Fs9pNode *from, const char *name, struct Fs9pNode *to, const char *new_name);
/** So that it can be used when its name has gone. */
void node_keep(struct Fs9p *fs, struct Fs9pNode *folder, const char *name);

/* ---- fid.c ---- */

/** Referenced; NULL: there is none. */
struct Fs9pFid *fid_get(struct Fs9p *fs, uint32_t number);
void fid_put(struct Fs9p *fs, struct Fs9pFid *f);
/** What it is now: another request may be about to open it. Not with its lock. */
enum Fs9pFidKind fid_kind(struct Fs9pFid *f);
/** A new one, of an attribute if there is one; the reference to the node and the attribute it takes over, in any case.
 *  0, or -errno: -EBADF, the number is taken. */
int fid_add(struct Fs9p *fs, uint32_t number, struct Fs9pNode *node, uint32_t uid, struct Fs9pXattr *x);
/** The same in the place of `old`, whatever that is by now; then it is open, too (kind FID_CLOSED: not). */
int fid_replace(struct Fs9p *fs, struct Fs9pFid *old, struct Fs9pNode *node, enum Fs9pFidKind kind, int fd);
/** Take it out of the table. The reference is the caller's. NULL: there is none. */
struct Fs9pFid *fid_take(struct Fs9p *fs, uint32_t number);
void fid_forget_all(struct Fs9p *fs);
/** There may be one more open file: give it back by closing. */
bool fid_may_open(struct Fs9p *fs);
void fid_closed(struct Fs9p *fs);

/* ---- attributes.c, mapped_file.c: owner, mode and kind as the client sees them ---- */

/** A file at hand. */
struct Fs9pSpot {
    int fd;                         /* of any kind */
    int folder;                     /* mapped-file: where what is known of it lies; -1: nowhere */
    const char *name;               /* in it; NULL: the root */
    struct Fs9pNode *node, *parent; /* those that are pinned; or NULL */
};
/** 0 or -errno. `names` is held. */
int spot_take(struct Fs9p *fs, struct Fs9pFid *f, struct Fs9pSpot *s);
void spot_release(struct Fs9p *fs, struct Fs9pSpot *s);

enum { MAPPED_UID = 1, MAPPED_GID = 2, MAPPED_MODE = 4, MAPPED_RDEV = 8 };
struct Fs9pMapped {
    unsigned has;
    uint32_t uid, gid, mode;
    uint64_t rdev;
};

static inline bool is_mapped(const struct Fs9p *fs) {
    return fs->security == FS9P_MAPPED_XATTR || fs->security == FS9P_MAPPED_FILE;
}

int attributes_stat(struct Fs9p *fs, const struct Fs9pSpot *s, struct stat *st);
/** Mode (permissions), owner: what `change` has. */
int attributes_change(struct Fs9p *fs, const struct Fs9pSpot *s, const struct Fs9pMapped *change);
/** A new file's, in `folder`: mapped, all of it; else owner and, unless it is a link, mode. */
int attributes_new(struct Fs9p *fs, int folder, const char *name, int fd, const struct Fs9pMapped *m);

void mapped_file_get(struct Fs9p *fs, int folder, const char *name, struct Fs9pMapped *m);
int mapped_file_set(struct Fs9p *fs, int folder, const char *name, const struct Fs9pMapped *m);
/** What goes with the file itself; what is not there is no error. */
void mapped_file_rename(int from, const char *name, int to, const char *new_name);
void mapped_file_link(struct Fs9p *fs, const struct Fs9pSpot *s, int folder, const char *name);
void mapped_file_remove(int folder, const char *name);
/** A folder is about to be removed. */
void mapped_file_empty(int folder, const char *name);
/** A name that clients neither see nor use. */
bool mapped_file_hides(const struct Fs9p *fs, const char *name, size_t size);

/** The type and number of a file. 0, or -ENFILE: too many file systems. */
int qid_of(struct Fs9p *fs, const struct stat *st, uint8_t *type, uint64_t *path);
int put_qid(struct Fs9pCall *c, const struct stat *st);

/* ---- what messages do: 0 or -errno ---- */

typedef int Fs9pHandler(struct Fs9pCall *c);
Fs9pHandler serve_version, serve_auth, serve_attach, serve_walk, serve_clunk;               /* session.c */
Fs9pHandler serve_statfs, serve_lopen, serve_lcreate, serve_read, serve_write, serve_fsync; /* files.c */
Fs9pHandler serve_readdir;                                                                  /* readdir.c */
Fs9pHandler serve_getattr, serve_setattr, serve_readlink;                                   /* stat.c */
Fs9pHandler serve_symlink, serve_mknod, serve_mkdir, serve_link;                            /* create.c */
Fs9pHandler serve_rename, serve_renameat, serve_unlinkat, serve_remove;                     /* rename.c */
Fs9pHandler serve_xattrwalk, serve_xattrcreate;                                             /* xattr.c */
Fs9pHandler serve_lock, serve_getlock;                                                      /* lock.c */

/** The next field is a fid: referenced. -EBADF: there is none, or the message has ended. */
int get_fid(struct Fs9pCall *c, struct Fs9pFid **f);
/** The next field is the name of something in a folder; ".." only where that is allowed. 0, or -errno: -EINVAL,
 *  -ENAMETOOLONG, -ENOENT. */
int get_name(struct Fs9pCall *c, char name[P9_NAME + 1], bool parent);

/** xattr.c: an attribute that is open. */
int xattr_read(struct Fs9pFid *f, uint64_t offset, uint8_t *to, size_t *n);
int xattr_write(struct Fs9pFid *f, uint64_t offset, const uint8_t *from, size_t n);
/** Its fid goes: what was written is set. */
int xattr_finish(struct Fs9p *fs, struct Fs9pFid *f);
/** `lock` is held. NULL: nothing happens. */
void xattr_free(struct Fs9p *fs, struct Fs9pXattr *x);

/** lock.c: those that a fid has set. `lock` is held. */
void locks_drop(struct Fs9p *fs, const struct Fs9pFid *f);

#endif
