/* SPDX-License-Identifier: MIT */
/**
 * The host end of a shared folder: a server of the protocol 9P2000.L for one folder of the host's. A device carries
 * messages to it (devices/virtio/virtio_9p.h), and what is in them it never knows.
 *
 * A client never leaves the folder, whatever names, symbolic links and renames it tries. No path is ever put together:
 * a file that the client has a fid of is an O_PATH descriptor, and the way from one to the next is a single name, which
 * is checked, in openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS). The host follows no link (clients do), ".." is what
 * the client came through, and of the host's files only regular ones and folders are ever opened. What the host itself
 * moves out of the folder while a client has a fid of it stays in the client's reach, as an open file would.
 *
 * A request is a struct of its owner's, given to fs9p_submit, and comes back by a call of its `done`: never from within
 * fs9p_submit, always from fs9p_complete or fs9p_drain, in no particular order.
 *
 * Threads: one lock, the owner's (a machine's devices: the machine lock), is held around every call here but those that
 * say otherwise. Files are touched in threads of the server's own, which take no lock of the owner's. When something is
 * finished, any thread calls Fs9pHost.wake; the owner then sees to it that fs9p_complete is called soon with its lock
 * held.
 *
 * Errors are -errno, of functions that take `why` with one line for the person in it.
 */
#ifndef TWIN86_FS9P_FS9P_H
#define TWIN86_FS9P_FS9P_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct Fs9p;
struct Sandbox;

enum {
    FS9P_MESSAGE = 512 * 1024, /* bytes of a message, at most */
    FS9P_LEAST_REPLY = 11,     /* bytes that every reply must have room for: an error's */
};

/** Owners and modes that the client sets: QEMU's security_model=. */
enum Fs9pSecurity {
    FS9P_MAPPED_XATTR, /* are in extended attributes user.virtfs.*; on the host all files are the server's own */
    FS9P_MAPPED_FILE,  /* are in files in folders .virtfs_metadata, which the client does not see */
    FS9P_PASSTHROUGH,  /* are the files' own, which takes privileges */
    FS9P_NONE,         /* the same, but a new file may keep the server's owner */
};

/** Files of several file systems in one folder: QEMU's multidevs=. */
enum Fs9pDevices {
    FS9P_REMAP,  /* have numbers that differ */
    FS9P_FORBID, /* are not there for the client */
};

struct Fs9pOptions {
    const char *path;
    enum Fs9pSecurity security;
    enum Fs9pDevices devices;
    bool readonly;
    mode_t file_mode, folder_mode; /* mapped: what new ones have on the host; 0: 0600, 0700 */
    struct Sandbox *sandbox; /* its threads lock themselves in when that is closed (sandbox/sandbox.h); NULL: never */
};

/** How a server tells its owner. */
struct Fs9pHost {
    /** Have fs9p_complete called soon. Any thread, locks held: must not block, nor call anything of this header. Not
     *  called again before fs9p_complete, nor after fs9p_close has returned. */
    void (*wake)(void *opaque);
    void *opaque;
};

/** Part of its owner; zeroed, or used before. From fs9p_submit until `done` it belongs to the server. */
struct Fs9pRequest {
    /* the owner's */
    uint8_t *message; /* stays as it is until `done` */
    size_t size;      /* bytes of it: 7 to FS9P_MESSAGE */
    uint8_t *reply;
    size_t room; /* for the reply: FS9P_LEAST_REPLY at least */
    void (*done)(void *opaque);
    void *opaque;

    /* the server's */
    size_t used; /* bytes of the reply, for `done` */
    struct Fs9pRequest *next;
    struct Fs9pRequest *flushed; /* a Tflush: answered behind this one */
};

/** Serve a folder. 0 and *fs; else -errno and a line. No lock needed. */
int fs9p_open(struct Fs9p **fs, const struct Fs9pOptions *o, const struct Fs9pHost *host, char *why, size_t n);
/** As fs9p_reset, then end. NULL: nothing happens. */
void fs9p_close(struct Fs9p *fs);

/** Make an Rlerror the reply: FS9P_LEAST_REPLY bytes; of the message its first 7 are needed. `error`: -errno. For a
 * request that can't be submitted, too. */
void fs9p_reply_error(struct Fs9pRequest *r, int error);

/** Begin it. */
void fs9p_submit(struct Fs9p *fs, struct Fs9pRequest *r);
/** Call `done` of what is finished; asked for by Fs9pHost.wake. */
void fs9p_complete(struct Fs9p *fs);
/** Wait until nothing is in flight, calling `done` of all. */
void fs9p_drain(struct Fs9p *fs);
/** The client has gone: take all requests back, whose `done` is not called, and forget all fids. Waits for what has
 *  begun. */
void fs9p_reset(struct Fs9p *fs);
/** Its owner is about to end: Fs9pHost.wake is not called any more once this has returned. Any thread. */
void fs9p_silence(struct Fs9p *fs);
/** Whether a client has fids. Any thread. */
bool fs9p_mounted(const struct Fs9p *fs);

#endif
