/* SPDX-License-Identifier: MIT */
/* A shared folder's server as a well-behaved client sees it, and what of that is on the host. */
#include "tests/unit/fs9p/fs9p_bench.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static struct Client c;

static const struct Fs9pOptions mapped = {.security = FS9P_MAPPED_XATTR}, mapped_file = {.security = FS9P_MAPPED_FILE},
                                none = {.security = FS9P_NONE};

/* A test of mapped-xattr needs a file system that has extended attributes. */
#define OPEN_OR_SKIP(o)                                                                                                \
    if (!client_open(&c, o)) {                                                                                         \
        suite_skip("fs9p", 1, "this folder's file system has no extended attributes user.*");                          \
        return;                                                                                                        \
    }

struct Attributes {
    uint32_t mode, uid, gid;
    uint64_t links, rdev, size, mtime;
};

static struct Attributes getattr(uint32_t fid) {
    struct Attributes a;
    ck_assert_int_eq(call(&c, TGETATTR, "dq", fid, (uint64_t)GETATTR_BASIC), 0);
    ck_assert_uint_eq(get_u64(&c.in), GETATTR_BASIC);
    get_bytes(&c.in, P9_QID);
    a.mode = get_u32(&c.in);
    a.uid = get_u32(&c.in);
    a.gid = get_u32(&c.in);
    a.links = get_u64(&c.in);
    a.rdev = get_u64(&c.in);
    a.size = get_u64(&c.in);
    get_bytes(&c.in, 8 + 8 + 16); /* blocks and their size, atime */
    a.mtime = get_u64(&c.in);
    ck_assert(!c.in.bad);
    return a;
}

static int setattr(uint32_t fid, uint32_t valid, uint32_t mode, uint32_t uid, uint64_t size, uint64_t mtime) {
    return call(&c, TSETATTR, "dddddqqqqq", fid, valid, mode, uid, 7u, size, (uint64_t)1, (uint64_t)2, mtime,
                (uint64_t)4);
}

START_TEST(version) {
    OPEN_OR_SKIP(none);
    ck_assert(fs9p_mounted(c.fs));
    ck_assert_int_eq(call(&c, TVERSION, "ds", 8192u, "9P2000.L"), 0);
    ck_assert_uint_eq(get_u32(&c.in), 8192);
    ck_assert(!fs9p_mounted(c.fs)); /* it begins anew */
    ck_assert_int_eq(call(&c, TVERSION, "ds", 1u << 30, "9P2000.L"), 0);
    ck_assert_uint_eq(get_u32(&c.in), FS9P_MESSAGE);
    ck_assert_int_eq(call(&c, TVERSION, "ds", 1024u, "9P2000.L"), -EMSGSIZE);
    ck_assert_int_eq(call(&c, TVERSION, "ds", 8192u, "9P2000.u"), 0);
    get_u32(&c.in);
    ck_assert(text_is(get_text(&c.in), "unknown"));
    ck_assert_int_eq(call(&c, TATTACH, "ddssd", ROOT, P9_NO_FID, "root", "", 0), -EIO);
    ck_assert_int_eq(call(&c, TVERSION, "ds", 8192u, "9P2000.L"), 0);
    ck_assert_int_eq(call(&c, TAUTH, "dssd", 5u, "root", "", 0), -EOPNOTSUPP);
    ck_assert_int_eq(call(&c, TATTACH, "ddssd", ROOT, P9_NO_FID, "root", "/etc", 0), -ENOENT);
    ck_assert_int_eq(call(&c, TATTACH, "ddssd", ROOT, P9_NO_FID, "root", "/", 0), 0);
    ck_assert_int_eq(call(&c, TATTACH, "ddssd", ROOT, P9_NO_FID, "root", "", 0), -EBADF);
    ck_assert_int_eq(call(&c, TSTATFS, "d", ROOT), 0);
    ck_assert_uint_eq(c.in.left, 4 + 4 + 5 * 8 + 8 + 4);
    fs9p_reset(c.fs);
    ck_assert(!fs9p_mounted(c.fs));
    ck_assert_int_eq(walk(&c, 1, ""), -EIO);
    client_close(&c);
}
END_TEST

START_TEST(data) {
    char big[FS9P_MESSAGE - 100];
    memset(big, 'x', sizeof(big));
    OPEN_OR_SKIP(none);
    ck_assert_int_eq(create(&c, "file", "hello"), 0);
    ck_assert_str_eq(host_get(&c, "in/file"), "hello");
    ck_assert_int_eq(walk(&c, 1, "file"), 0);
    ck_assert_int_eq(call(&c, TREAD, "dqd", 1u, (uint64_t)0, 5u), -EBADF); /* not open */
    ck_assert_int_eq(call(&c, TLOPEN, "dd", 1u, O_RDWR), 0);
    ck_assert_int_eq(call(&c, TLOPEN, "dd", 1u, O_RDWR), -EBADF);
    ck_assert_int_eq(call(&c, TREAD, "dqd", 1u, (uint64_t)1, 100u), 0);
    ck_assert_uint_eq(get_u32(&c.in), 4);
    ck_assert_int_eq(memcmp(get_bytes(&c.in, 4), "ello", 4), 0);
    ck_assert_int_eq(call(&c, TREAD, "dqd", 1u, (uint64_t)5, 100u), 0);
    ck_assert_uint_eq(get_u32(&c.in), 0);
    ck_assert_int_eq(call(&c, TREAD, "dqd", 1u, UINT64_MAX, 100u), -EINVAL);
    ck_assert_int_eq(call(&c, TWRITE, "dqdn", 1u, (uint64_t)5, (unsigned)sizeof(big), big, sizeof(big)), 0);
    ck_assert_uint_eq(get_u32(&c.in), sizeof(big));
    ck_assert_int_eq(call(&c, TFSYNC, "dd", 1u, 1u), 0);
    ck_assert_uint_eq(getattr(1).size, sizeof(big) + 5);
    ck_assert_int_eq(call(&c, TREAD, "dqd", 1u, (uint64_t)0, UINT32_MAX), 0); /* as much as fits */
    ck_assert_uint_eq(get_u32(&c.in), sizeof(big) + 5);
    ck_assert_int_eq(clunk(&c, 1), 0);
    ck_assert_int_eq(clunk(&c, 1), -EBADF);
    ck_assert_int_eq(walk(&c, 1, "file"), 0);
    ck_assert_int_eq(call(&c, TLOPEN, "dd", 1u, O_RDONLY | O_TRUNC), 0);
    ck_assert_uint_eq(getattr(1).size, 0);
    ck_assert_int_eq(call(&c, TWRITE, "dqdn", 1u, (uint64_t)0, 1u, "x", (size_t)1), -EBADF); /* for reading only */
    client_close(&c);
}
END_TEST

START_TEST(walks) {
    OPEN_OR_SKIP(none);
    ck_assert_int_eq(call(&c, TMKDIR, "dsdd", ROOT, "a", 0755, 0), 0);
    ck_assert_int_eq(walk(&c, 1, "a"), 0);
    ck_assert_int_eq(call(&c, TMKDIR, "dsdd", 1u, "b", 0755, 0), 0);
    ck_assert_int_eq(walk(&c, 2, "a/b"), 0);
    ck_assert_int_eq(walk(&c, 2, "a"), -EBADF); /* the number is taken */
    ck_assert_int_eq(walk(&c, 3, "x/b"), -ENOENT);
    ck_assert_int_eq(call(&c, TWALK, "ddwss", ROOT, 3u, 2u, "a", "x"), 0); /* in part: no fid */
    ck_assert_uint_eq(get_u16(&c.in), 1);
    ck_assert_int_eq(clunk(&c, 3), -EBADF);
    ck_assert_int_eq(call(&c, TWALK, "ddwsss", 2u, 3u, 3u, "..", "..", ".."), 0);
    get_u16(&c.in);
    uint8_t qids[3][P9_QID];
    memcpy(qids, get_bytes(&c.in, sizeof(qids)), sizeof(qids));
    ck_assert_int_eq(memcmp(qids[1], qids[2], P9_QID), 0);   /* the root's parent is the root */
    ck_assert_int_eq(call(&c, TWALK, "ddw", 2u, 2u, 0u), 0); /* in its own place */
    ck_assert_int_eq(call(&c, TWALK, "ddws", 2u, 2u, 1u, ".."), 0);
    ck_assert_int_eq(call(&c, TRENAME, "dds", 2u, (unsigned)ROOT, "a2"), 0); /* 2 was "a" by then */
    ck_assert_int_eq(access(host_path(&c, "in/a2/b"), F_OK), 0);
    ck_assert_int_eq(call(&c, TMKDIR, "dsdd", 1u, "c", 0755, 0), 0); /* fid 1 has come along */
    ck_assert_int_eq(access(host_path(&c, "in/a2/c"), F_OK), 0);
    client_close(&c);
}
END_TEST

static unsigned list(uint32_t fid, uint32_t count, bool seen[1000], unsigned *others) {
    uint64_t offset = 0;
    unsigned files = 0;
    *others = 0;
    for (;;) {
        ck_assert_int_eq(call(&c, TREADDIR, "dqd", fid, offset, count), 0);
        uint32_t n = get_u32(&c.in);
        ck_assert_uint_le(n, count);
        if (n == 0)
            return files;
        while (c.in.left > 0) {
            char name[256] = "";
            get_bytes(&c.in, P9_QID);
            offset = get_u64(&c.in);
            get_u8(&c.in);
            struct Text t = get_text(&c.in);
            ck_assert(!c.in.bad);
            memcpy(name, t.bytes, t.size < 255 ? t.size : 255);
            if (strncmp(name, "file", 4) != 0) {
                ++*others;
                continue;
            }
            ck_assert(!seen[atoi(name + 4)]);
            seen[atoi(name + 4)] = true;
            files++;
        }
    }
}

START_TEST(listing) {
    OPEN_OR_SKIP(mapped_file);
    unsigned others;
    for (unsigned i = 0; i < 150; i++) {
        char where[32];
        snprintf(where, sizeof(where), "in/file%u", i);
        host_put(&c, where, "");
    }
    ck_assert_int_eq(create(&c, "file150", ""), 0); /* which makes .virtfs_metadata */
    ck_assert_int_eq(access(host_path(&c, "in/.virtfs_metadata/file150"), F_OK), 0);
    ck_assert_int_eq(walk(&c, 1, ""), 0);
    ck_assert_int_eq(call(&c, TREADDIR, "dqd", 1u, (uint64_t)0, 1000u), -EBADF);
    ck_assert_int_eq(call(&c, TLOPEN, "dd", 1u, O_RDONLY | O_DIRECTORY), 0);
    ck_assert_int_eq(call(&c, TREAD, "dqd", 1u, (uint64_t)0, 10u), -EISDIR);
    for (uint32_t count = 100; count <= 100000; count *= 10) {
        bool seen[1000] = {false};
        ck_assert_uint_eq(list(1, count, seen, &others), 151);
        ck_assert_uint_eq(others, 2); /* . and .. */
    }
    ck_assert_int_eq(call(&c, TREADDIR, "dqd", 1u, (uint64_t)0, 5u), -EINVAL); /* not even one */
    ck_assert_int_eq(call(&c, TREADDIR, "dqd", 1u, UINT64_MAX, 500u), -EINVAL);
    client_close(&c);
}
END_TEST

static void names_of(struct Fs9pOptions o) {
    OPEN_OR_SKIP(o);
    ck_assert_int_eq(create(&c, "one", "1"), 0);
    ck_assert_int_eq(create(&c, "two", "2"), 0);
    ck_assert_int_eq(call(&c, TMKDIR, "dsdd", ROOT, "dir", 0750, 5), 0);
    ck_assert_int_eq(call(&c, TMKDIR, "dsdd", ROOT, "dir", 0750, 5), -EEXIST);
    ck_assert_int_eq(walk(&c, 1, "dir"), 0);
    ck_assert_int_eq(walk(&c, 2, "one"), 0);
    ck_assert_int_eq(walk(&c, 3, "two"), 0);
    ck_assert_int_eq(call(&c, TRENAMEAT, "dsds", ROOT, "one", 1u, "uno"), 0);
    ck_assert_str_eq(host_get(&c, "in/dir/uno"), "1");
    ck_assert_int_eq(call(&c, TLINK, "dds", 1u, 2u, "another"), 0); /* fid 2 is dir/uno */
    ck_assert_uint_eq(getattr(2).links, 2);
    ck_assert_int_eq(call(&c, TRENAME, "dds", 3u, 1u, "uno"), 0); /* over the first */
    ck_assert_str_eq(host_get(&c, "in/dir/uno"), "2");
    ck_assert_uint_eq(getattr(2).links, 1); /* which its fid still has */
    ck_assert_int_eq(call(&c, TRENAMEAT, "dsds", ROOT, "dir", 1u, "dir"), -EINVAL);
    ck_assert_int_eq(call(&c, TUNLINKAT, "dsd", ROOT, "dir", 0), -EISDIR);
    ck_assert_int_eq(call(&c, TUNLINKAT, "dsd", ROOT, "dir", UNLINKAT_REMOVEDIR), -ENOTEMPTY);
    ck_assert_int_eq(call(&c, TUNLINKAT, "dsd", 1u, "another", 0), 0);
    ck_assert_uint_eq(getattr(2).links, 0);
    ck_assert_int_eq(call(&c, TREMOVE, "d", 3u), 0); /* by its fid, which was renamed */
    ck_assert_int_eq(clunk(&c, 3), -EBADF);
    ck_assert_int_eq(call(&c, TREMOVE, "d", ROOT), -EBUSY);
    ck_assert_int_eq(call(&c, TATTACH, "ddssd", ROOT, P9_NO_FID, "root", "", 0), 0);
    ck_assert_int_eq(call(&c, TSYMLINK, "dssd", ROOT, "link", "../out/secret", 5), 0);
    ck_assert_int_eq(walk(&c, 4, "link"), 0);
    ck_assert_uint_eq(getattr(4).mode, S_IFLNK | 0777);
    ck_assert_int_eq(call(&c, TREADLINK, "d", 4u), 0);
    ck_assert(text_is(get_text(&c.in), "../out/secret"));
    ck_assert_int_eq(call(&c, TREADLINK, "d", 2u), -EINVAL);
    ck_assert_int_eq(call(&c, TMKNOD, "dsdddd", ROOT, "fifo", S_IFIFO | 0640, 0, 0, 5), 0);
    ck_assert_int_eq(walk(&c, 5, "fifo"), 0);
    ck_assert_uint_eq(getattr(5).mode, S_IFIFO | 0640);
    ck_assert_int_eq(call(&c, TMKNOD, "dsdddd", ROOT, "dir2", S_IFDIR | 0640, 0, 0, 5), -EINVAL);
    ck_assert_int_eq(call(&c, TUNLINKAT, "dsd", ROOT, "link", 0), 0);
    ck_assert_int_eq(call(&c, TUNLINKAT, "dsd", ROOT, "dir", UNLINKAT_REMOVEDIR), 0);
    ck_assert_int_eq(access(host_path(&c, "in/dir"), F_OK), -1);
    client_close(&c);
}

START_TEST(names) {
    names_of(
        (struct Fs9pOptions){.security = (enum Fs9pSecurity[]){FS9P_MAPPED_XATTR, FS9P_MAPPED_FILE, FS9P_NONE}[_i]});
}
END_TEST

static uint64_t host_xattr(const char *where, const char *name, size_t size) {
    uint8_t v[8] = {0};
    ck_assert_int_eq(getxattr(host_path(&c, where), name, v, sizeof(v)), (ssize_t)size);
    return get_le64(v);
}

/* As QEMU writes them, so that its folders and ours are the same. */
START_TEST(mapped_xattr) {
    struct stat st;
    OPEN_OR_SKIP(mapped);
    ck_assert_int_eq(create(&c, "file", ""), 0);
    ck_assert_int_eq(walk(&c, 1, "file"), 0);
    ck_assert_int_eq(setattr(1, SETATTR_MODE | SETATTR_UID | SETATTR_GID, S_IFDIR | 04711, 12345, 0, 0), 0);
    ck_assert_uint_eq(host_xattr("in/file", "user.virtfs.mode", 4), S_IFREG | 04711); /* its kind stays */
    ck_assert_uint_eq(host_xattr("in/file", "user.virtfs.uid", 4), 12345);
    ck_assert_uint_eq(host_xattr("in/file", "user.virtfs.gid", 4), 7);
    ck_assert_int_eq(stat(host_path(&c, "in/file"), &st), 0);
    ck_assert_uint_eq(st.st_mode, S_IFREG | 0600); /* the host's stay */
    ck_assert_uint_eq(st.st_uid, getuid());
    struct Attributes a = getattr(1);
    ck_assert(a.mode == (S_IFREG | 04711) && a.uid == 12345 && a.gid == 7);
    ck_assert_int_eq(call(&c, TMKNOD, "dsdddd", ROOT, "disk", S_IFBLK | 0660, 259, 70000, 6), 0);
    ck_assert_uint_eq(host_xattr("in/disk", "user.virtfs.rdev", 8), makedev(259, 70000));
    ck_assert_int_eq(walk(&c, 2, "disk"), 0);
    a = getattr(2);
    ck_assert(a.mode == (S_IFBLK | 0660) && a.uid == 1000 && a.gid == 6 && a.rdev == makedev(259, 70000));
    ck_assert_int_eq(stat(host_path(&c, "in/disk"), &st), 0);
    ck_assert(S_ISREG(st.st_mode));
    ck_assert_int_eq(call(&c, TSYMLINK, "dssd", ROOT, "link", "to here", 6), 0);
    ck_assert_str_eq(host_get(&c, "in/link"), "to here");
    ck_assert_uint_eq(host_xattr("in/link", "user.virtfs.mode", 4), S_IFLNK | 0777);
    ck_assert_int_eq(call(&c, TMKDIR, "dsdd", ROOT, "dir", 01777, 6), 0);
    ck_assert_int_eq(stat(host_path(&c, "in/dir"), &st), 0);
    ck_assert_uint_eq(st.st_mode, S_IFDIR | 0700);
    ck_assert_uint_eq(host_xattr("in/dir", "user.virtfs.mode", 4), S_IFDIR | 01777);
    client_close(&c);
}
END_TEST

START_TEST(mapped_files) {
    struct Fs9pOptions o = mapped_file;
    struct stat st;
    o.file_mode = 0666;
    umask(077);
    OPEN_OR_SKIP(o);
    ck_assert_int_eq(create(&c, "file", ""), 0);
    ck_assert_str_eq(host_get(&c, "in/.virtfs_metadata/file"),
                     "virtfs.uid=1000\nvirtfs.gid=100\nvirtfs.mode=33188\nvirtfs.rdev=0\n");
    ck_assert_int_eq(stat(host_path(&c, "in/file"), &st), 0);
    ck_assert_uint_eq(st.st_mode, S_IFREG | 0666); /* whatever the umask */
    umask(022);
    ck_assert_int_eq(walk(&c, 1, "file"), 0);
    ck_assert_int_eq(setattr(1, SETATTR_MODE, 0600, 0, 0, 0), 0);
    ck_assert_uint_eq(getattr(1).uid, 1000);
    ck_assert_uint_eq(getattr(1).mode, S_IFREG | 0600);
    ck_assert_int_eq(call(&c, TRENAMEAT, "dsds", ROOT, "file", ROOT, "other"), 0);
    ck_assert_uint_eq(getattr(1).uid, 1000);
    ck_assert_int_eq(access(host_path(&c, "in/.virtfs_metadata/file"), F_OK), -1);
    host_put(&c, "in/plain", "");
    ck_assert_int_eq(call(&c, TRENAMEAT, "dsds", ROOT, "plain", ROOT, "other"), 0); /* which has no notes */
    ck_assert_int_eq(walk(&c, 2, "other"), 0);
    ck_assert_uint_eq(getattr(2).uid, getuid());
    ck_assert_int_eq(setattr(ROOT, SETATTR_UID, 0, 4711, 0, 0), 0);
    ck_assert_str_eq(host_get(&c, "in/.virtfs_metadata_root"), "virtfs.uid=4711\n");
    ck_assert_uint_eq(getattr(ROOT).uid, 4711);
    ck_assert_int_eq(walk(&c, 3, ".virtfs_metadata"), -EINVAL);
    ck_assert_int_eq(create(&c, ".virtfs_metadata_root", ""), -EINVAL);
    client_close(&c);
}
END_TEST

START_TEST(attributes) {
    struct stat st;
    OPEN_OR_SKIP(none);
    ck_assert_int_eq(create(&c, "file", "0123456789"), 0);
    ck_assert_int_eq(walk(&c, 1, "file"), 0);
    ck_assert_int_eq(setattr(1, SETATTR_SIZE | SETATTR_MTIME | SETATTR_MTIME_SET, 0, 0, 4, 1000), 0);
    ck_assert_str_eq(host_get(&c, "in/file"), "0123");
    ck_assert_uint_eq(getattr(1).mtime, 1000);
    ck_assert_int_eq(setattr(1, SETATTR_MTIME, 0, 0, 0, 0), 0); /* now */
    ck_assert_uint_gt(getattr(1).mtime, 1000000000);
    ck_assert_int_eq(setattr(1, SETATTR_MODE, S_IFREG | 0604, 0, 0, 0), 0);
    ck_assert_int_eq(stat(host_path(&c, "in/file"), &st), 0);
    ck_assert_uint_eq(st.st_mode, S_IFREG | 0604);
    ck_assert_int_eq(setattr(1, SETATTR_SIZE, 0, 0, UINT64_MAX, 0), -EINVAL);
    ck_assert_int_eq(setattr(ROOT, SETATTR_SIZE, 0, 0, 1, 0), -EISDIR);
    client_close(&c);
}
END_TEST

static int set_xattr(const char *name, const char *value) {
    int r = call(&c, TXATTRCREATE, "dsqd", 1u, name, (uint64_t)strlen(value), 0u);
    if (r == 0 && value[0] != '\0')
        ck_assert_int_eq(call(&c, TWRITE, "dqdn", 1u, (uint64_t)0, (unsigned)strlen(value), value, strlen(value)), 0);
    int clunked = clunk(&c, 1);
    ck_assert_int_eq(walk(&c, 1, "file"), 0);
    return r == 0 ? clunked : r;
}

static const char *get_xattr(const char *name) {
    static char value[200];
    int r = call(&c, TXATTRWALK, "dds", 1u, 2u, name);
    if (r != 0)
        return strerror(-r);
    uint64_t size = get_u64(&c.in);
    ck_assert_int_eq(call(&c, TREAD, "dqd", 2u, (uint64_t)0, 150u), 0);
    ck_assert_uint_eq(get_u32(&c.in), size);
    memset(value, 0, sizeof(value));
    memcpy(value, get_bytes(&c.in, size), size);
    for (uint64_t i = 0; i + 1 < size; i++)
        value[i] = value[i] == '\0' ? ' ' : value[i];
    ck_assert_int_eq(clunk(&c, 2), 0);
    return value;
}

START_TEST(xattrs) {
    OPEN_OR_SKIP(mapped);
    ck_assert_int_eq(create(&c, "file", ""), 0);
    ck_assert_int_eq(walk(&c, 1, "file"), 0);
    ck_assert_int_eq(set_xattr("user.colour", "blue"), 0);
    ck_assert_str_eq(get_xattr("user.colour"), "blue");
    ck_assert_str_eq(get_xattr(""), "user.colour"); /* none of the server's own */
    ck_assert_str_eq(get_xattr("user.virtfs.uid"), strerror(ENODATA));
    ck_assert_int_eq(set_xattr("user.virtfs.uid", "0000"), -EACCES);
    ck_assert_int_eq(set_xattr("security.capability", "0000"), -EOPNOTSUPP);
    ck_assert_int_eq(set_xattr("trusted.overlay.opaque", "y"), -EOPNOTSUPP);
    ck_assert_int_eq(set_xattr("system.posix_acl_access", "not one"), 0); /* it means nothing to the host */
    ck_assert_str_eq(get_xattr("system.posix_acl_access"), "not one");
    ck_assert_uint_eq(getattr(1).uid, 1000);
    ck_assert_int_eq(set_xattr("user.colour", ""), 0); /* takes it away */
    ck_assert_str_eq(get_xattr("user.colour"), strerror(ENODATA));
    ck_assert_int_eq(call(&c, TXATTRCREATE, "dsqd", 1u, "user.a", (uint64_t)10, 0u), 0);
    ck_assert_int_eq(call(&c, TWRITE, "dqdn", 1u, (uint64_t)0, 5u, "01234", (size_t)5), 0);
    ck_assert_int_eq(call(&c, TWRITE, "dqdn", 1u, (uint64_t)9, 1u, "0", (size_t)1), -EINVAL); /* a gap */
    ck_assert_int_eq(call(&c, TWRITE, "dqdn", 1u, (uint64_t)5, 6u, "012345", (size_t)6), -ENOSPC);
    ck_assert_int_eq(clunk(&c, 1), -EINVAL); /* not all of it */
    ck_assert_int_eq(walk(&c, 1, "file"), 0);
    ck_assert_str_eq(get_xattr("user.a"), strerror(ENODATA));
    ck_assert_int_eq(call(&c, TXATTRCREATE, "dsqd", 1u, "user.a", (uint64_t)1 << 40, 0u), -E2BIG);
    client_close(&c);
}
END_TEST

static uint8_t lock(uint32_t fid, uint8_t type, uint64_t start, uint64_t length, uint32_t process) {
    ck_assert_int_eq(call(&c, TLOCK, "dbdqqds", fid, type, 1u, start, length, process, "guest"), 0);
    return get_u8(&c.in);
}

START_TEST(locks) {
    OPEN_OR_SKIP(none);
    ck_assert_int_eq(create(&c, "file", ""), 0);
    for (uint32_t fid = 1; fid <= 2; fid++) {
        ck_assert_int_eq(walk(&c, fid, "file"), 0);
        ck_assert_int_eq(call(&c, TLOPEN, "dd", fid, O_RDWR), 0);
    }
    ck_assert_uint_eq(lock(1, P9_LOCK_WRITE, 0, 100, 5), P9_LOCK_SUCCESS);
    ck_assert_uint_eq(lock(2, P9_LOCK_READ, 50, 1, 6), P9_LOCK_BLOCKED);
    ck_assert_uint_eq(lock(2, P9_LOCK_WRITE, 50, 1, 5), P9_LOCK_SUCCESS); /* the same process by another fid */
    ck_assert_uint_eq(lock(1, P9_LOCK_NONE, 40, 20, 5), P9_LOCK_SUCCESS); /* out of the middle */
    ck_assert_uint_eq(lock(2, P9_LOCK_WRITE, 40, 20, 6), P9_LOCK_SUCCESS);
    ck_assert_uint_eq(lock(2, P9_LOCK_WRITE, 39, 1, 6), P9_LOCK_BLOCKED);
    ck_assert_uint_eq(lock(2, P9_LOCK_WRITE, 60, 0, 6), P9_LOCK_BLOCKED);
    ck_assert_int_eq(call(&c, TGETLOCK, "dbqqds", 2u, P9_LOCK_WRITE, (uint64_t)70, (uint64_t)0, 6u, "guest"), 0);
    ck_assert_uint_eq(get_u8(&c.in), P9_LOCK_WRITE);
    ck_assert_uint_eq(get_u64(&c.in), 60);
    ck_assert_uint_eq(get_u64(&c.in), 40);
    ck_assert_uint_eq(get_u32(&c.in), 5);
    ck_assert_int_eq(clunk(&c, 1), 0); /* a file that is closed has none */
    ck_assert_uint_eq(lock(2, P9_LOCK_WRITE, 60, 0, 6), P9_LOCK_SUCCESS);
    ck_assert_int_eq(call(&c, TGETLOCK, "dbqqds", 2u, P9_LOCK_READ, (uint64_t)0, (uint64_t)0, 6u, "guest"), 0);
    ck_assert_uint_eq(get_u8(&c.in), P9_LOCK_NONE);
    ck_assert_int_eq(call(&c, TLOCK, "dbdqqds", 2u, 0, 0u, UINT64_MAX - 1, (uint64_t)5, 1u, ""), -EINVAL);
    client_close(&c);
}
END_TEST

START_TEST(readonly) {
    struct Fs9pOptions o = none;
    o.readonly = true;
    OPEN_OR_SKIP(o);
    host_put(&c, "in/file", "text");
    ck_assert_int_eq(create(&c, "new", ""), -EROFS);
    ck_assert_int_eq(walk(&c, 1, "file"), 0);
    ck_assert_int_eq(setattr(1, SETATTR_SIZE, 0, 0, 0, 0), -EROFS);
    ck_assert_int_eq(call(&c, TLOPEN, "dd", 1u, O_RDONLY | O_TRUNC), -EROFS);
    ck_assert_int_eq(call(&c, TLOPEN, "dd", 1u, O_WRONLY), -EROFS);
    ck_assert_int_eq(call(&c, TLOPEN, "dd", 1u, O_RDONLY), 0);
    ck_assert_int_eq(call(&c, TMKDIR, "dsdd", ROOT, "d", 0755, 0), -EROFS);
    ck_assert_int_eq(call(&c, TSYMLINK, "dssd", ROOT, "l", "x", 0), -EROFS);
    ck_assert_int_eq(call(&c, TMKNOD, "dsdddd", ROOT, "n", S_IFREG, 0, 0, 0), -EROFS);
    ck_assert_int_eq(call(&c, TLINK, "dds", ROOT, 1u, "l"), -EROFS);
    ck_assert_int_eq(call(&c, TRENAMEAT, "dsds", ROOT, "file", ROOT, "other"), -EROFS);
    ck_assert_int_eq(call(&c, TRENAME, "dds", 1u, ROOT, "other"), -EROFS);
    ck_assert_int_eq(call(&c, TUNLINKAT, "dsd", ROOT, "file", 0), -EROFS);
    ck_assert_int_eq(call(&c, TXATTRCREATE, "dsqd", 1u, "user.a", (uint64_t)1, 0u), -EROFS);
    ck_assert_int_eq(call(&c, TREMOVE, "d", 1u), -EROFS);
    ck_assert_str_eq(host_get(&c, "in/file"), "text");
    client_close(&c);
}
END_TEST

/* More files than descriptors: they are found again, wherever they were moved to, and are told from others. */
START_TEST(many_files) {
    enum { FILES = 100, MOST = 20 };
    char name[300];
    unsigned before = open_descriptors();
    OPEN_OR_SKIP(none);
    c.fs->nodes_most = MOST;
    ck_assert_int_eq(call(&c, TMKDIR, "dsdd", ROOT, "a", 0755, 0), 0);
    ck_assert_int_eq(call(&c, TMKDIR, "dsdd", ROOT, "b", 0755, 0), 0);
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "in/a/%u", i);
        host_put(&c, name, name);
        ck_assert_int_eq(walk(&c, 10 + i, name + 3), 0);
    }
    ck_assert_uint_le(open_descriptors(), before + MOST + 8);
    ck_assert_int_eq(walk(&c, 1, "a"), 0);
    ck_assert_int_eq(walk(&c, 2, "b"), 0);
    ck_assert_int_eq(call(&c, TRENAME, "dds", 1u, 2u, "moved"), 0);
    host_put(&c, "in/b/moved/new", "another");
    snprintf(name, sizeof(name), "%s", host_path(&c, "in/b/moved/7"));
    ck_assert_int_eq(rename(host_path(&c, "in/b/moved/new"), name), 0);
    for (unsigned i = 0; i < FILES; i++) {
        int r = call(&c, TLOPEN, "dd", 10 + i, O_RDONLY);
        ck_assert_int_eq(r, i == 7 ? -ESTALE : 0);
        if (r != 0)
            continue;
        snprintf(name, sizeof(name), "in/a/%u", i);
        ck_assert_int_eq(call(&c, TREAD, "dqd", 10 + i, (uint64_t)0, 100u), 0);
        uint32_t n = get_u32(&c.in);
        ck_assert_uint_eq(n, strlen(name));
        ck_assert_int_eq(memcmp(get_bytes(&c.in, n), name, n), 0);
    }
    client_close(&c);
    ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

struct Sent {
    struct Fs9pRequest request;
    uint8_t message[64], reply[256];
    unsigned *order, place;
};

static void note_place(void *opaque) {
    struct Sent *s = opaque;
    s->place = ++*s->order;
}

static int result(const struct Sent *s) { return s->reply[4] == RLERROR ? -(int)get_le32(s->reply + P9_HEADER) : 0; }

static void prepare(struct Sent *s, unsigned *order, size_t size) {
    s->request = (struct Fs9pRequest){s->message, size, s->reply, sizeof(s->reply), note_place, s, 0, NULL, NULL};
    s->order = order;
}

/* A request that has not begun never does; one that runs is answered before its flush. */
START_TEST(flush) {
    enum { N = FS9P_THREADS + 3, LAST = N - 1 };
    static struct Sent sent[N], flushes[2];
    unsigned order = 0, begun = 0;
    OPEN_OR_SKIP(none);
    pthread_rwlock_wrlock(&c.fs->names); /* nobody gets on */
    for (uint16_t i = 0; i < N; i++) {
        prepare(&sent[i], &order, message(sent[i].message, TGETATTR, i, "dq", ROOT, (uint64_t)0));
        fs9p_submit(c.fs, &sent[i].request);
    }
    while (begun < FS9P_THREADS) {
        pthread_mutex_lock(&c.fs->queue_lock);
        begun = N;
        for (const struct Fs9pRequest *r = c.fs->queued.first; r != NULL; r = r->next)
            begun--;
        pthread_mutex_unlock(&c.fs->queue_lock);
        sched_yield();
    }
    prepare(&flushes[0], &order, message(flushes[0].message, TFLUSH, 100, "w", 0));
    prepare(&flushes[1], &order, message(flushes[1].message, TFLUSH, 101, "w", LAST));
    fs9p_submit(c.fs, &flushes[0].request);
    fs9p_submit(c.fs, &flushes[1].request);
    fs9p_complete(c.fs);
    ck_assert(sent[LAST].place == 1 && flushes[1].place == 2 && order == 2);
    ck_assert_int_eq(result(&sent[LAST]), -EINTR);
    pthread_rwlock_unlock(&c.fs->names);
    fs9p_drain(c.fs);
    ck_assert_uint_eq(order, N + 2);
    ck_assert_uint_lt(sent[0].place, flushes[0].place);
    for (unsigned i = 0; i < LAST; i++)
        ck_assert_int_eq(result(&sent[i]), 0);
    ck_assert_uint_eq(flushes[0].reply[4], TFLUSH + 1);
    client_close(&c);
}
END_TEST

Suite *fs9p_suite(void) {
    Suite *s = suite_create("fs9p");
    TCase *t = tcase_create("core");
    tcase_add_test(t, version);
    tcase_add_test(t, data);
    tcase_add_test(t, walks);
    tcase_add_test(t, listing);
    tcase_add_loop_test(t, names, 0, 3);
    tcase_add_test(t, mapped_xattr);
    tcase_add_test(t, mapped_files);
    tcase_add_test(t, attributes);
    tcase_add_test(t, xattrs);
    tcase_add_test(t, locks);
    tcase_add_test(t, readonly);
    tcase_add_test(t, many_files);
    tcase_add_test(t, flush);
    suite_add_tcase(s, t);
    return s;
}
