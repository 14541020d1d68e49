/* SPDX-License-Identifier: MIT */
/**
 * The host end of a disk: what device models read and write. A struct Block is one opened image with all that stands
 * behind it (format, backing files, file descriptor or NBD connection); which format it has, a device never knows.
 *
 * A request is a struct of its owner's (no allocation), given to block_submit, and comes back by a call of its `done`:
 * never from within block_submit, always from block_complete, block_drain or block_sync. Completions are
 * in no particular order. Requests that are in flight at once and overlap, one of them a write, may be done in any
 * order, as on real disks; a flush covers what had been completed before it was submitted.
 *
 * Threads: one lock, the owner's (a machine's devices: the machine lock), is held around every call here but those that
 * say otherwise. I/O happens in threads of the block's own, which take no lock of the owner's. When something has been
 * completed, any thread calls BlockHost.wake; the owner then sees to it that block_complete is called soon with its
 * lock held. With machine/loop.h that is a struct LoopWork: wake is loop_post, its function calls block_complete.
 *
 * Errors are -errno, of functions that take `why` with one line for the person in it.
 */
#ifndef TWIN86_BLOCK_BLOCK_H
#define TWIN86_BLOCK_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct Block;
struct Sandbox;

/** Room for any line that these functions make. */
#define BLOCK_WHY 512

/* ---- opening ---- */

/** QEMU's cache=. "Write cache" is what the guest sees: without it every write is on the medium when it completes. */
enum BlockCacheMode {
    BLOCK_CACHE_WRITEBACK,    /* host page cache, write cache */
    BLOCK_CACHE_NONE,         /* O_DIRECT, write cache */
    BLOCK_CACHE_WRITETHROUGH, /* host page cache, no write cache */
    BLOCK_CACHE_DIRECTSYNC,   /* O_DIRECT, no write cache */
    BLOCK_CACHE_UNSAFE,       /* host page cache, flushes do nothing */
};
enum BlockAio { BLOCK_AIO_THREADS, BLOCK_AIO_IO_URING };
/** Whether a guest's discards reach the image. */
enum BlockDiscard { BLOCK_DISCARD_IGNORE, BLOCK_DISCARD_UNMAP };
/** Whether writes that hold nothing but zeroes become write-zeroes, which may unmap. */
enum BlockDetectZeroes { BLOCK_DETECT_ZEROES_OFF, BLOCK_DETECT_ZEROES_ON, BLOCK_DETECT_ZEROES_UNMAP };
/** Whether other programs are kept from the image by locks. AUTO: where the file system has them. */
enum BlockLocking { BLOCK_LOCKING_AUTO, BLOCK_LOCKING_ON, BLOCK_LOCKING_OFF };

/** What to open. All zero but for a filename is QEMU's default. Strings are copied where they are kept. */
struct BlockOptions {
    const char *filename; /* a path, "nbd:HOST:PORT[:exportname=E]", "nbd:unix:PATH" or a URI nbd://, nbd+unix:// */
    /** "raw", "qcow2"; NULL: by the file's beginning, whereupon a probed raw image's first sector can't be overwritten
     *  with what would later be taken for another format (-EPERM). */
    const char *format;
    const char *node_name; /* or NULL */
    const char *file_node_name; /* of what the format stands on; or NULL */
    bool readonly;         /* writes are refused with -EROFS */
    bool auto_readonly;    /* readonly where it can't be opened for writing */
    bool device_only;      /* it must be a block device of the host's */
    bool snapshot;         /* writes go to a temporary file which nobody else sees and that ends with the block */
    enum BlockCacheMode cache;
    enum BlockAio aio;
    enum BlockDiscard discard;
    enum BlockDetectZeroes detect_zeroes;
    enum BlockLocking locking;
    /** -blockdev's backing=null (no_backing), or its node instead of what the image names. */
    bool no_backing;
    const struct BlockOptions *backing;
    struct Sandbox *sandbox; /* its threads lock themselves in when that is closed (sandbox/sandbox.h); NULL: never */
};

/** How a block tells its owner. */
struct BlockHost {
    /** Have block_complete(b) called soon. Any thread, locks held: must not block, nor call anything of this header.
     *  Not called again before block_complete, nor after block_close has returned (forget the posted work after that).
     *  NULL: the owner only uses block_sync and block_drain. */
    void (*wake)(void *opaque);
    void *opaque;
};

/** Open it. 0 and *b; else -errno and a line. No lock needed. */
int block_open(struct Block **b, const struct BlockOptions *o, const struct BlockHost *host, char *why, size_t n);
/** Finish all requests (their `done` is called), write everything back, close, free. NULL: nothing happens. 0, or the
 *  -errno of writing back. */
int block_close(struct Block *b);

/* ---- requests ---- */

enum BlockOp {
    BLOCK_READ,
    BLOCK_WRITE,
    BLOCK_FLUSH,        /* offset, bytes and iov are not looked at */
    BLOCK_DISCARD,      /* the guest no longer needs it; what is read there afterwards is anything that was there, or
                           zeroes; a hint, which never fails for being impossible */
    BLOCK_WRITE_ZEROES, /* reads as zeroes afterwards */
    BLOCK_OPS,
};

enum { BLOCK_UNMAP = 1 }; /* BlockRequest.flags, of BLOCK_WRITE_ZEROES: host space may go as well */

/** Part of its owner; zeroed, or used before. From block_submit until `done` it belongs to the block, with the memory
 *  that iov points to and iov itself. */
struct BlockRequest {
    /* the owner's */
    enum BlockOp op;
    unsigned flags;
    uint64_t offset, bytes; /* any, within block_size; multiples of 512 are fastest */
    const struct iovec *iov;
    int niov; /* whose lengths add up to `bytes` at least (read, write) */
    /** 0: all of it has been done; -errno: some of it may have been. -ENOSPC: the host's disk is full; -EINVAL: not
     *  within the block; -EROFS. The request may be submitted again from here. */
    void (*done)(void *opaque, int result);
    void *opaque;

    /* the block's */
    struct BlockRequest *next;
    int64_t began; /* ns */
    int result;
    int state;
    struct BlockExtent {
        int fd;
        uint64_t offset; /* in fd */
        void *token;     /* the format's */
    } extent;
};

/** Begin it. Any number may be submitted; how many are in flight at the host is the block's business. */
void block_submit(struct Block *b, struct BlockRequest *r);
/** Until block_unplug what is submitted may be gathered, to be given to the host at once. Those two enclose a few
 *  block_submit, nothing else. block_unplug calls `done` as block_complete does: of what could be done without waiting
 *  nobody is woken. */
void block_plug(struct Block *b);
void block_unplug(struct Block *b);
/** Take it back: afterwards `done` is not called, memory is not touched any more, and whether it has happened is
 *  unknown. Waits where it has begun. Does nothing with a request that is not the block's. */
void block_cancel(struct Block *b, struct BlockRequest *r);
/** Wait until nothing is in flight, calling `done` of all. What `done` submits is waited for, too. */
void block_drain(struct Block *b);
/** Call `done` of what is finished; asked for by BlockHost.wake. Bounded: what finishes meanwhile comes in a next call.
 */
void block_complete(struct Block *b);
/** How many have been submitted and not been completed. */
unsigned block_in_flight(const struct Block *b);

/** Call `fn` when block_complete, block_drain or block_unplug has called `done`, once after the last of several; lock
 *  held. One function; NULL: none. */
void block_set_completed(struct Block *b, void (*fn)(void *opaque), void *opaque);

/** Do one and wait for it: for probing a partition table, tests, the monitor; never from a vCPU. 0 or -errno. */
int block_sync(struct Block *b, enum BlockOp op, uint64_t offset, void *buffer, uint64_t bytes);

/* ---- what it is ---- */

/** Bytes; a multiple of 512. Changes by block_resize alone. */
uint64_t block_size(const struct Block *b);
bool block_readonly(const struct Block *b);
/** Whether the guest is to be told of a write cache (writes need flushes); guests may turn it off and on. */
bool block_write_cache(const struct Block *b);
void block_set_write_cache(struct Block *b, bool on);
/** Whether BLOCK_DISCARD may do something: discard=unmap. */
bool block_discards(const struct Block *b);
/** What offset and length of discards should be multiples of, and the host's block: bytes, powers of 2. */
uint32_t block_discard_granularity(const struct Block *b);
uint32_t block_host_block(const struct Block *b);

/** A line of `info block`: of the image itself (depth 0), its backing file (1), ... false: there is none. Strings live
 * as long as the block. */
struct BlockInfo {
    const char *filename, *format, *node_name, *backing_filename; /* NULL: none */
    uint64_t size;                                                /* virtual bytes */
    uint64_t allocated; /* bytes on the host's disk; 0 where that is not known */
    uint32_t cluster;   /* bytes; 0: the format has none */
    bool readonly, direct, no_flush, corrupt, dirty;
};
bool block_info(const struct Block *b, unsigned depth, struct BlockInfo *info);
/** The same of what that image stands on: a file, a device, an NBD server. */
bool block_file_info(const struct Block *b, unsigned depth, struct BlockInfo *info);
enum BlockDetectZeroes block_detect_zeroes(const struct Block *b);

/** Since opening or block_reset_stats: as query-blockstats has it. Index: enum BlockOp. */
struct BlockStats {
    struct {
        uint64_t operations, failed, invalid, bytes, total_ns;
    } op[BLOCK_OPS];
    uint64_t highest_offset; /* end of the farthest write */
};
void block_stats(const struct Block *b, struct BlockStats *stats);

/* ---- what is done to it from outside ---- */

/** Make it larger (zeroes) or smaller; a multiple of 512. Drains first. */
int block_resize(struct Block *b, uint64_t size, char *why, size_t n);
/** Put what is here into the backing file, and empty this one. Drains first, takes its time. */
int block_commit(struct Block *b, char *why, size_t n);

#endif
