/* SPDX-License-Identifier: MIT */
/**
 * Numbers of 9P2000.L: the "9P2000.L Protocol" page of diod, and plan 9's intro(5) for what is older. A message is
 * size[4] type[1] tag[2] and what its type has; integers are little-endian, a string is length[2] and its bytes, a qid
 * is type[1] version[4] path[8]. A reply's type is the request's + 1.
 */
#ifndef TWIN86_FS9P_PROTOCOL_H
#define TWIN86_FS9P_PROTOCOL_H

#include <stdint.h>

enum {
    RLERROR = 7,
    TSTATFS = 8,
    TLOPEN = 12,
    TLCREATE = 14,
    TSYMLINK = 16,
    TMKNOD = 18,
    TRENAME = 20,
    TREADLINK = 22,
    TGETATTR = 24,
    TSETATTR = 26,
    TXATTRWALK = 30,
    TXATTRCREATE = 32,
    TREADDIR = 40,
    TFSYNC = 50,
    TLOCK = 52,
    TGETLOCK = 54,
    TLINK = 70,
    TMKDIR = 72,
    TRENAMEAT = 74,
    TUNLINKAT = 76,
    TVERSION = 100,
    TAUTH = 102,
    TATTACH = 104,
    TFLUSH = 108,
    TWALK = 110,
    TREAD = 116,
    TWRITE = 118,
    TCLUNK = 120,
    TREMOVE = 122,
    MESSAGE_TYPES = 124,
};

enum {
    P9_HEADER = 7,
    P9_IO_HEADER = P9_HEADER + 4, /* of Rread: count[4], then data */
    P9_LEAST_MESSAGE = 4096,      /* msize */
    P9_WALK_NAMES = 16,
    P9_NAME = 255, /* bytes of a name; Linux's NAME_MAX */
    P9_QID = 13,
};

enum { QID_DIR = 0x80, QID_SYMLINK = 0x02, QID_FILE = 0 };

#define P9_NO_FID UINT32_MAX
#define P9_NO_ID UINT32_MAX

/** Tgetattr, Rgetattr: the first eleven, and creation time. */
#define GETATTR_BASIC 0x7ffull

/** Tsetattr. */
enum {
    SETATTR_MODE = 0x001,
    SETATTR_UID = 0x002,
    SETATTR_GID = 0x004,
    SETATTR_SIZE = 0x008,
    SETATTR_ATIME = 0x010,
    SETATTR_MTIME = 0x020,
    SETATTR_CTIME = 0x040,
    SETATTR_ATIME_SET = 0x080,
    SETATTR_MTIME_SET = 0x100,
};

/** Tunlinkat. */
enum { UNLINKAT_REMOVEDIR = 0x200 };

/** Tlock, Tgetlock. */
enum { P9_LOCK_READ = 0, P9_LOCK_WRITE = 1, P9_LOCK_NONE = 2 };
enum { P9_LOCK_SUCCESS = 0, P9_LOCK_BLOCKED = 1 };

#endif
