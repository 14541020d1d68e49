/* SPDX-License-Identifier: MIT */
/* A client that wants to get out of its folder, or to bring the server down. */
#include "tests/unit/fs9p/fs9p_bench.h"
#include "tests/unit/suites.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct Client c;

static const struct Fs9pOptions none = {.security = FS9P_NONE};
static const char secret[] = "what is not shared";

static void open_client(struct Fs9pOptions o) {
    ck_assert(client_open(&c, o));
    host_put(&c, "out/secret", secret);
}

/* Nothing has happened outside. */
static void close_client(void) {
    ck_assert_str_eq(host_get(&c, "out/secret"), secret);
    ck_assert_int_eq(unlink(host_path(&c, "out/secret")), 0);
    ck_assert_int_eq(rmdir(host_path(&c, "out")), 0);
    ck_assert_int_eq(mkdir(host_path(&c, "out"), 0755), 0);
    client_close(&c);
}

static const struct {
    const char *bytes;
    size_t size;
} wrong_names[] = {
    {"", 0},     {".", 1},  {"..", 2},   {"/", 1},           {"../out", 6}, {"a/b", 3},         {"/etc", 4},
    {"a\0b", 3}, {"\0", 1}, {"..\0", 3}, {"../out/new", 10}, {"./file", 6}, {"/proc/self", 10}, {"dir/../..", 9},
    {"//", 2}};
enum { WRONG_NAMES = sizeof(wrong_names) / sizeof(wrong_names[0]) };

START_TEST(wrong_names_everywhere) {
    char large[300];
    open_client((struct Fs9pOptions){.security = _i == 0 ? FS9P_NONE : FS9P_MAPPED_FILE});
    memset(large, 'x', sizeof(large));
    ck_assert_int_eq(create(&c, "file", "1"), 0);
    ck_assert_int_eq(call(&c, TMKDIR, "dsdd", ROOT, "dir", 0755, 0), 0);
    ck_assert_int_eq(walk(&c, 1, "file"), 0);
    for (unsigned i = 0; i <= WRONG_NAMES; i++) {
        const char *s = i < WRONG_NAMES ? wrong_names[i].bytes : large;
        size_t n = i < WRONG_NAMES ? wrong_names[i].size : sizeof(large);
        ck_assert(i == 2 || call(&c, TWALK, "ddwt", ROOT, 5u, 1u, s, n) < 0);
        ck_assert_int_lt(call(&c, TMKDIR, "dtdd", ROOT, s, n, 0755, 0), 0);
        ck_assert_int_lt(call(&c, TSYMLINK, "dtsd", ROOT, s, n, "x", 0), 0);
        ck_assert_int_lt(call(&c, TMKNOD, "dtdddd", ROOT, s, n, S_IFREG | 0644, 0, 0, 0), 0);
        ck_assert_int_lt(call(&c, TLINK, "ddt", ROOT, 1u, s, n), 0);
        ck_assert_int_lt(call(&c, TRENAME, "ddt", 1u, ROOT, s, n), 0);
        ck_assert_int_lt(call(&c, TRENAMEAT, "dtds", ROOT, s, n, ROOT, "new"), 0);
        ck_assert_int_lt(call(&c, TRENAMEAT, "dsdt", ROOT, "file", ROOT, s, n), 0);
        ck_assert_int_lt(call(&c, TUNLINKAT, "dtd", ROOT, s, n, 0), 0);
        ck_assert_int_lt(call(&c, TUNLINKAT, "dtd", ROOT, s, n, UNLINKAT_REMOVEDIR), 0);
        ck_assert_int_eq(walk(&c, 6, ""), 0);
        ck_assert_int_lt(call(&c, TLCREATE, "dtddd", 6u, s, n, O_RDWR, 0644, 0), 0);
        ck_assert_int_eq(clunk(&c, 6), 0);
    }
    ck_assert_str_eq(host_get(&c, "in/file"), "1");
    ck_assert_int_eq(call(&c, TWALK, "ddw", ROOT, 7u, 17u), -EINVAL);
    close_client();
}
END_TEST

/* Links of the host's and of clients' are files to be read, and lead nowhere. */
START_TEST(links_lead_nowhere) {
    open_client(none);
    ck_assert_int_eq(symlink("../out", host_path(&c, "in/folder")), 0);
    ck_assert_int_eq(symlink("../out/secret", host_path(&c, "in/file")), 0);
    ck_assert_int_eq(symlink("../out/new", host_path(&c, "in/nothing")), 0);
    ck_assert_int_eq(symlink("/proc/self/root", host_path(&c, "in/root")), 0);
    ck_assert_int_eq(walk(&c, 1, "folder/secret"), -ENOENT); /* it ends at the link */
    ck_assert_int_eq(call(&c, TWALK, "ddwsss", ROOT, 1u, 3u, "folder", "..", ".."),
                     0); /* from it back, not from where it leads */
    ck_assert_int_eq(clunk(&c, 1), 0);
    ck_assert_int_eq(walk(&c, 2, "folder"), 0);
    ck_assert_int_eq(call(&c, TMKDIR, "dsdd", 2u, "new", 0755, 0), -ENOTDIR);
    ck_assert_int_eq(call(&c, TUNLINKAT, "dsd", 2u, "secret", 0), -ENOTDIR);
    ck_assert_int_eq(call(&c, TRENAMEAT, "dsds", 2u, "secret", ROOT, "mine"), -ENOTDIR);
    ck_assert_int_eq(call(&c, TLCREATE, "dsddd", 2u, "new", O_RDWR, 0644, 0), -ENOTDIR);
    ck_assert_int_eq(walk(&c, 3, "file"), 0);
    ck_assert_int_eq(call(&c, TLOPEN, "dd", 3u, O_RDONLY), -ELOOP);
    ck_assert_int_eq(call(&c, TLOPEN, "dd", 3u, O_WRONLY | O_TRUNC), -ELOOP);
    ck_assert_int_eq(call(&c, TSETATTR, "dddddqqqqq", 3u, SETATTR_SIZE, 0, 0, 0, (uint64_t)0, (uint64_t)0, (uint64_t)0,
                          (uint64_t)0, (uint64_t)0),
                     -ELOOP);
    ck_assert_int_lt(call(&c, TSETATTR, "dddddqqqqq", 3u, SETATTR_MODE, 0777, 0, 0, (uint64_t)0, (uint64_t)0,
                          (uint64_t)0, (uint64_t)0, (uint64_t)0),
                     0);
    ck_assert_int_eq(call(&c, TLINK, "dds", ROOT, 3u, "second"), 0); /* a link to the link */
    ck_assert_int_eq(unlink(host_path(&c, "in/second")), 0);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(walk(&c, 4, ""), 0);
        ck_assert_int_lt(call(&c, TLCREATE, "dsddd", 4u, "nothing", i == 0 ? O_RDWR : O_RDWR | O_EXCL, 0644, 0), 0);
        ck_assert_int_lt(call(&c, TLCREATE, "dsddd", 4u, "file", O_RDWR | O_TRUNC, 0644, 0), 0);
        ck_assert_int_eq(clunk(&c, 4), 0);
    }
    struct stat st;
    ck_assert_int_eq(stat(host_path(&c, "out/secret"), &st), 0);
    ck_assert(st.st_nlink == 1 && (st.st_mode & 0777) == 0644);
    close_client();
}
END_TEST

/* Opening a FIFO waits for its other end, and opening a device does who knows what. */
START_TEST(host_nodes_are_not_opened) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    open_client(none);
    ck_assert_int_eq(mkfifo(host_path(&c, "in/fifo"), 0666), 0);
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", host_path(&c, "in/socket"));
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
    bool device = mknod(host_path(&c, "in/device"), S_IFCHR | 0666, 0x103) == 0; /* null: for root alone */
    const char *const list[] = {"fifo", "socket", device ? "device" : "fifo"};
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(walk(&c, 1, list[i]), 0);
        for (unsigned mode = O_RDONLY; mode <= O_RDWR; mode++)
            ck_assert_int_eq(call(&c, TLOPEN, "dd", 1u, mode), -ENXIO);
        ck_assert_int_eq(call(&c, TXATTRWALK, "dds", 1u, 2u, ""), -EOPNOTSUPP);
        ck_assert_int_eq(clunk(&c, 1), 0);
        ck_assert_int_eq(walk(&c, 1, ""), 0);
        ck_assert_int_eq(call(&c, TLCREATE, "dsddd", 1u, list[i], O_WRONLY, 0644, 0), -ENXIO);
        ck_assert_int_eq(clunk(&c, 1), 0);
    }
    close(s);
    close_client();
}
END_TEST

/* ---- races ---- */

static _Atomic bool over;

/* "a" is by turns a folder and a link to the one outside, and so is "file" within. */
static void *exchange(void *opaque) {
    int at = open(opaque, O_RDONLY | O_DIRECTORY);
    while (!over) {
        renameat2(at, "a", at, "link", RENAME_EXCHANGE);
        renameat2(at, "dir/secret", at, "filelink", RENAME_EXCHANGE);
    }
    close(at);
    return NULL;
}

static bool reads_secret(uint32_t fid) {
    if (call(&c, TLOPEN, "dd", fid, O_RDWR) != 0 || call(&c, TREAD, "dqd", fid, (uint64_t)0, 100u) != 0)
        return false;
    uint32_t n = get_u32(&c.in);
    return n == sizeof(secret) - 1 && memcmp(get_bytes(&c.in, n), secret, n) == 0;
}

static void try_to_get_out(unsigned turn) {
    const char *const ways[] = {"a/secret", "dir/secret", "a", "filelink"};
    char name[16];
    snprintf(name, sizeof(name), "n%u", turn % 8);
    if (walk(&c, 1, ways[turn % 4]) == 0) {
        ck_assert(!reads_secret(1));
        ck_assert_int_lt(call(&c, TSETATTR, "dddddqqqqq", 1u, SETATTR_MODE, 0600, 0, 0, (uint64_t)0, (uint64_t)0,
                              (uint64_t)0, (uint64_t)0, (uint64_t)0),
                         1);
        clunk(&c, 1);
    }
    if (walk(&c, 2, "a") == 0) {
        call(&c, TMKDIR, "dsdd", 2u, name, 0755, 0);
        call(&c, TSYMLINK, "dssd", 2u, name, "x", 0);
        call(&c, TUNLINKAT, "dsd", 2u, "secret", 0);
        call(&c, TRENAMEAT, "dsds", 2u, "secret", ROOT, "mine");
        call(&c, TLCREATE, "dsddd", 2u, name, O_RDWR, 0644, 0);
        clunk(&c, 2);
    }
    if (walk(&c, 3, "dir") == 0) {
        call(&c, TLCREATE, "dsddd", 3u, "secret", O_RDWR | O_TRUNC, 0644, 0);
        clunk(&c, 3);
    }
}

START_TEST(races) {
    enum { TURNS = 400 };
    pthread_t thread;
    struct stat st;
    open_client(none);
    ck_assert_int_eq(mkdir(host_path(&c, "in/a"), 0755), 0);
    ck_assert_int_eq(mkdir(host_path(&c, "in/dir"), 0755), 0);
    ck_assert_int_eq(symlink("../out", host_path(&c, "in/link")), 0);
    ck_assert_int_eq(symlink("../../out/secret", host_path(&c, "in/filelink")), 0);
    host_put(&c, "in/dir/secret", "of the folder");
    char folder[128];
    snprintf(folder, sizeof(folder), "%s", c.folder);
    over = false;
    ck_assert_int_eq(pthread_create(&thread, NULL, exchange, folder), 0);
    for (unsigned i = 0; i < TURNS; i++)
        try_to_get_out(i);
    over = true;
    pthread_join(thread, NULL);
    ck_assert_int_eq(stat(host_path(&c, "out/secret"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0644);
    close_client(); /* and nothing new is there */
}
END_TEST

/* What the host moves out takes nobody along: ".." is where the client came from. */
START_TEST(moved_out) {
    open_client(none);
    ck_assert_int_eq(call(&c, TMKDIR, "dsdd", ROOT, "a", 0755, 0), 0);
    ck_assert_int_eq(walk(&c, 1, "a"), 0);
    char to[128];
    snprintf(to, sizeof(to), "%s", host_path(&c, "out/a"));
    ck_assert_int_eq(rename(host_path(&c, "in/a"), to), 0);
    ck_assert_int_lt(call(&c, TWALK, "ddwss", 1u, 2u, 2u, "..", "secret"), 1);
    ck_assert_int_eq(get_u16(&c.in), 1);
    ck_assert_int_eq(clunk(&c, 2), -EBADF);
    ck_assert_int_eq(call(&c, TREMOVE, "d", 1u), -ENOENT); /* by its name, which is not there */
    ck_assert_int_eq(rmdir(host_path(&c, "out/a")), 0);
    close_client();
}
END_TEST

/* The client may put a folder into one that the host has moved into it; its tree has no circles all the same. */
START_TEST(no_circles) {
    open_client(none);
    ck_assert_int_eq(call(&c, TMKDIR, "dsdd", ROOT, "a", 0755, 0), 0);
    ck_assert_int_eq(walk(&c, 1, "a"), 0);
    ck_assert_int_eq(call(&c, TMKDIR, "dsdd", 1u, "b", 0755, 0), 0);
    ck_assert_int_eq(walk(&c, 2, "a/b"), 0);
    char to[128];
    snprintf(to, sizeof(to), "%s", host_path(&c, "in/b"));
    ck_assert_int_eq(rename(host_path(&c, "in/a/b"), to), 0);
    ck_assert_int_eq(call(&c, TRENAMEAT, "dsds", ROOT, "a", 2u, "a"), 0); /* a/b/a as it was walked */
    for (unsigned i = 0; i < 20; i++)
        ck_assert_int_eq(call(&c, TWALK, "ddws", 1u, 1u, 1u, ".."), 0);
    ck_assert_int_eq(walk(&c, 3, "b/a"), 0);
    ck_assert_int_eq(rename(host_path(&c, "in/b"), to), 0);
    close_client();
}
END_TEST

/* ---- too much of everything ---- */

START_TEST(exhaustion) {
    unsigned before = open_descriptors(), got = 0;
    open_client(none);
    ck_assert_int_eq(create(&c, "file", "1"), 0);
    c.fs->files_most = c.fs->nodes_most = 16;
    for (uint32_t i = 0; i < 40; i++) { /* open files */
        ck_assert_int_eq(walk(&c, 10 + i, "file"), 0);
        got += call(&c, TLOPEN, "dd", 10 + i, O_RDONLY) == 0;
    }
    ck_assert_uint_eq(got, 16);
    for (uint32_t i = 0; i < 40; i++)
        ck_assert_int_eq(clunk(&c, 10 + i), 0);
    got = 0;
    for (uint32_t i = 0; i < 40; i++) { /* files that are removed, whose descriptors can't be had again */
        int r = create(&c, "gone", "1");
        ck_assert(r == 0 || r == -ENFILE);
        got += r == 0 && walk(&c, 10 + i, "gone") == 0;
        call(&c, TUNLINKAT, "dsd", ROOT, "gone", 0);
        if (got < i + 1)
            break;
    }
    ck_assert_uint_ge(got, 10);
    ck_assert_uint_le(open_descriptors(), before + 40);
    for (uint32_t i = 0; i < got; i++)
        ck_assert_int_eq(clunk(&c, 10 + i), 0);
    atomic_store(&c.fs->fids, FS9P_FIDS); /* as if so many had been walked to */
    ck_assert_int_eq(walk(&c, 1, "file"), -ENFILE);
    atomic_store(&c.fs->fids, 1);
    ck_assert_int_eq(walk(&c, 1, "file"), 0);
    for (got = 0; got < 1000 && walk(&c, 100 + got, "file") == 0; got++) /* attributes that are never written */
        if (call(&c, TXATTRCREATE, "dsqd", 100 + got, "user.x", (uint64_t)FS9P_XATTR, 0u) != 0)
            break;
    ck_assert_uint_le(got, FS9P_XATTR_BYTES / FS9P_XATTR);
    for (got = 0; got <= FS9P_LOCKS; got++)
        if (call(&c, TLOCK, "dbdqqds", 1u, P9_LOCK_READ, 0u, (uint64_t)got * 2, (uint64_t)1, 1u, "") != 0)
            break;
    ck_assert_uint_le(got, FS9P_LOCKS);
    close_client();
    ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

START_TEST(counts) {
    static char data[100];
    open_client(none);
    ck_assert_int_eq(create(&c, "file", "1"), 0);
    ck_assert_int_eq(walk(&c, 1, "file"), 0);
    ck_assert_int_eq(call(&c, TLOPEN, "dd", 1u, O_RDWR), 0);
    ck_assert_int_eq(call(&c, TWRITE, "dqdn", 1u, (uint64_t)0, 101u, data, sizeof(data)),
                     -EINVAL); /* more than there is */
    ck_assert_int_eq(call(&c, TWRITE, "dqdn", 1u, (uint64_t)0, UINT32_MAX, data, sizeof(data)), -EINVAL);
    ck_assert_int_eq(call(&c, TWRITE, "dqdn", 1u, UINT64_MAX, 100u, data, sizeof(data)), -EINVAL);
    ck_assert_int_eq(call(&c, TMKDIR, "dwn", ROOT, 0xffffu, data, sizeof(data)), -EINVAL); /* a string beyond the end */
    for (size_t room = FS9P_LEAST_REPLY; room < 200; room++) { /* call_raw sees that none is larger */
        call_raw(&c, message(c.message, TREAD, 1, "dqd", 1u, (uint64_t)0, UINT32_MAX), room);
        call_raw(&c, message(c.message, TGETATTR, 1, "dq", 1u, (uint64_t)0), room);
        call_raw(&c, message(c.message, TSTATFS, 1, "d", ROOT), room);
    }
    message(c.message, TCLUNK, 1, "d", 1u);
    put_le32(c.message, 3); /* sizes that can't be */
    ck_assert_int_eq(call_raw(&c, 11, FS9P_MESSAGE), -EMSGSIZE);
    put_le32(c.message, 12);
    ck_assert_int_eq(call_raw(&c, 11, FS9P_MESSAGE), -EMSGSIZE);
    put_le32(c.message, UINT32_MAX);
    ck_assert_int_eq(call_raw(&c, 11, FS9P_MESSAGE), -EMSGSIZE);
    ck_assert_int_eq(call(&c, 3, ""), -EOPNOTSUPP); /* types that there are not */
    ck_assert_int_eq(call(&c, 255, ""), -EOPNOTSUPP);
    ck_assert_int_eq(call(&c, TCLUNK + 1, "d", 1u), -EOPNOTSUPP);
    close_client();
}
END_TEST

/* Each message cut off at each byte, and with each byte changed, is answered. */
START_TEST(cut_off) {
    static uint8_t whole[40][128];
    size_t size[40], n = 0;
    open_client(none);
    ck_assert_int_eq(create(&c, "file", "1"), 0);
#define ADD(type, ...) size[n] = message(whole[n], type, 1, __VA_ARGS__), n++
    ADD(TSTATFS, "d", ROOT);
    ADD(TLOPEN, "dd", 1u, O_RDONLY);
    ADD(TLCREATE, "dsddd", 1u, "x", O_RDWR, 0644, 0);
    ADD(TSYMLINK, "dssd", ROOT, "l", "to", 0);
    ADD(TMKNOD, "dsdddd", ROOT, "n", S_IFREG | 0644, 0, 0, 0);
    ADD(TRENAME, "dds", 1u, ROOT, "r");
    ADD(TREADLINK, "d", 1u);
    ADD(TGETATTR, "dq", 1u, (uint64_t)0);
    ADD(TSETATTR, "dddddqqqqq", 1u, 0u, 0, 0, 0, (uint64_t)0, (uint64_t)0, (uint64_t)0, (uint64_t)0, (uint64_t)0);
    ADD(TXATTRWALK, "dds", 1u, 2u, "user.a");
    ADD(TXATTRCREATE, "dsqd", 1u, "user.a", (uint64_t)1, 0u);
    ADD(TREADDIR, "dqd", 1u, (uint64_t)0, 100u);
    ADD(TFSYNC, "dd", 1u, 0u);
    ADD(TLOCK, "dbdqqds", 1u, 0, 0u, (uint64_t)0, (uint64_t)1, 1u, "me");
    ADD(TGETLOCK, "dbqqds", 1u, 0, (uint64_t)0, (uint64_t)1, 1u, "me");
    ADD(TLINK, "dds", ROOT, 1u, "k");
    ADD(TMKDIR, "dsdd", ROOT, "d", 0755, 0);
    ADD(TRENAMEAT, "dsds", ROOT, "file", ROOT, "g");
    ADD(TUNLINKAT, "dsd", ROOT, "g", 0);
    ADD(TATTACH, "ddssd", 3u, P9_NO_FID, "root", "", 0);
    ADD(TWALK, "ddwss", ROOT, 4u, 2u, "d", "..");
    ADD(TREAD, "dqd", 1u, (uint64_t)0, 10u);
    ADD(TWRITE, "dqdn", 1u, (uint64_t)0, 3u, "abc", (size_t)3);
    ADD(TCLUNK, "d", 4u);
    ADD(TREMOVE, "d", 4u);
    ADD(TFLUSH, "w", 7u);
    ADD(TVERSION, "ds", 8192u, "9P2000.L");
#undef ADD
    for (size_t i = 0; i < n; i++) {
        for (size_t cut = P9_HEADER; cut <= size[i]; cut++) {
            call(&c, TVERSION, "ds", 8192u, "9P2000.L");
            call(&c, TATTACH, "ddssd", ROOT, P9_NO_FID, "root", "", 0);
            walk(&c, 1, "file");
            memcpy(c.message, whole[i], cut);
            put_le32(c.message, (uint32_t)cut);
            int r = call_raw(&c, cut, FS9P_MESSAGE);
            ck_assert(r < 0 || cut == size[i] || whole[i][4] == TFLUSH || whole[i][4] == TFSYNC);
            memcpy(c.message, whole[i], size[i]);
            c.message[cut == size[i] ? P9_HEADER : cut] ^= 0x81;
            call_raw(&c, size[i], FS9P_MESSAGE);
        }
    }
    close_client();
}
END_TEST

/* Many requests about few fids at once: whatever their order, all are answered, and nothing is left of them. */
START_TEST(all_at_once) {
    enum { N = 24, TURNS = 60 };
    static uint8_t text[N][64], reply[N][512];
    static struct Fs9pRequest r[N];
    static struct Client count;
    unsigned before = open_descriptors(), random = 1;
    open_client(none);
    ck_assert_int_eq(create(&c, "file", "1"), 0);
    ck_assert_int_eq(call(&c, TMKDIR, "dsdd", ROOT, "dir", 0755, 0), 0);
    for (unsigned turn = 0; turn < TURNS; turn++) {
        for (unsigned i = 0; i < N; i++) {
            random = random * 1103515245 + 12345;
            unsigned fid = 1 + (random >> 16) % 3, kind = (random >> 20) % 9;
            uint8_t *m = text[i];
            size_t n = kind == 0   ? message(m, TWALK, (uint16_t)i, "ddws", ROOT, fid, 1u, "file")
                       : kind == 1 ? message(m, TWALK, (uint16_t)i, "ddws", ROOT, fid, 1u, "dir")
                       : kind == 2 ? message(m, TLOPEN, (uint16_t)i, "dd", fid, O_RDONLY)
                       : kind == 3 ? message(m, TCLUNK, (uint16_t)i, "d", fid)
                       : kind == 4 ? message(m, TREAD, (uint16_t)i, "dqd", fid, (uint64_t)0, 10u)
                       : kind == 5 ? message(m, TREADDIR, (uint16_t)i, "dqd", fid, (uint64_t)0, 400u)
                       : kind == 6 ? message(m, TLCREATE, (uint16_t)i, "dsddd", fid, "new", O_RDWR, 0644, 0)
                       : kind == 7 ? message(m, TRENAMEAT, (uint16_t)i, "dsds", ROOT, "dir", ROOT, "dir2")
                                   : message(m, TRENAMEAT, (uint16_t)i, "dsds", ROOT, "dir2", ROOT, "dir");
            r[i] = (struct Fs9pRequest){m, n, reply[i], sizeof(reply[i]), c.request.done, &count, 0, NULL, NULL};
            fs9p_submit(c.fs, &r[i]);
        }
        if (turn % 4 == 3)
            fs9p_drain(c.fs);
        else
            fs9p_complete(c.fs);
        fs9p_drain(c.fs);
    }
    ck_assert_uint_eq(count.replies, N * TURNS);
    fs9p_reset(c.fs);
    ck_assert_uint_eq(c.fs->open_files, 0);
    ck_assert_uint_eq(c.fs->open_nodes, 0);
    ck_assert_ptr_null(c.fs->oldest);
    close_client();
    ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

Suite *fs9p_hostile_suite(void) {
    Suite *s = suite_create("fs9p_hostile");
    TCase *t = tcase_create("core");
    tcase_add_loop_test(t, wrong_names_everywhere, 0, 2);
    tcase_add_test(t, links_lead_nowhere);
    tcase_add_test(t, host_nodes_are_not_opened);
    tcase_add_test(t, races);
    tcase_add_test(t, moved_out);
    tcase_add_test(t, no_circles);
    tcase_add_test(t, exhaustion);
    tcase_add_test(t, counts);
    tcase_add_test(t, cut_off);
    tcase_add_test(t, all_at_once);
    suite_add_tcase(s, t);
    return s;
}
