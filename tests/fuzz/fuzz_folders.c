/* SPDX-License-Identifier: MIT */
/**
 * Fuzzes a shared folder's server: whatever messages a client sends, each is answered within its room, nothing happens
 * beside the exported folder, and when the client is gone nothing of it is left.
 *
 * A libFuzzer target (folders.sh). The input's first byte chooses security model and how messages are sent; then come
 * messages: a type, fields by the type's format with numbers and names that often mean something, or plain bytes.
 */
#include "fs9p/internal.h"
#include "tests/fuzz/input.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MESSAGES = 48, ROOM = 9000, MODELS = 4 };

_Noreturn static void give_up(const char *what) {
    fprintf(stderr, "fuzz_folders: %s\n", what);
    abort();
}

/* ---- the folders ---- */

static char top[] = "/tmp/fuzz-folders-XXXXXX", in[64], out[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type;
    return ftw->level > 0 ? remove(path) : 0;
}

static void remove_all(void) {
    nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    rmdir(top);
}

static void put_file(const char *folder, const char *name) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, "content", 7) != 7)
        give_up("no file");
    close(fd);
}

/* What a client can reach, anew. */
static void fill(void) {
    char path[128];
    nftw(in, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    put_file(in, "file");
    snprintf(path, sizeof(path), "%s/dir", in);
    mkdir(path, 0755);
    put_file(path, "file");
    snprintf(path, sizeof(path), "%s/link", in);
    if (symlink("../out", path) != 0)
        give_up("no link");
    snprintf(path, sizeof(path), "%s/fifo", in);
    mkfifo(path, 0644);
}

static void make_folders(void) {
    if (mkdtemp(top) == NULL)
        give_up("no folder");
    atexit(remove_all);
    snprintf(in, sizeof(in), "%s/in", top);
    snprintf(out, sizeof(out), "%s/out", top);
    if (mkdir(in, 0755) != 0 || mkdir(out, 0755) != 0)
        give_up("no folders");
    put_file(out, "file");
}

/* The folder beside is as it was. */
static void look_outside(void) {
    struct dirent *d;
    struct stat st;
    DIR *dir = opendir(out);
    unsigned entries = 0;
    while ((d = readdir(dir)) != NULL)
        entries++;
    if (entries != 3 || fstatat(dirfd(dir), "file", &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_size != 7 ||
        st.st_nlink != 1 || (st.st_mode & 07777) != 0644)
        give_up("something happened outside");
    closedir(dir);
}

/* ---- messages ---- */

static const struct {
    uint8_t type;
    const char *format; /* f: a fid, s: a name, others bytes of a number */
} formats[] = {
    {TSTATFS, "f"},         {TLOPEN, "f4"},    {TLCREATE, "fs444"}, {TSYMLINK, "fss4"},      {TMKNOD, "fs4444"},
    {TRENAME, "ffs"},       {TREADLINK, "f"},  {TGETATTR, "f8"},    {TSETATTR, "f44448888"}, {TXATTRWALK, "ffs"},
    {TXATTRCREATE, "fs84"}, {TREADDIR, "f84"}, {TFSYNC, "f4"},      {TLOCK, "f14884s"},      {TGETLOCK, "f1884s"},
    {TLINK, "ffs"},         {TMKDIR, "fs44"},  {TRENAMEAT, "fsfs"}, {TUNLINKAT, "fs4"},      {TVERSION, "4s"},
    {TATTACH, "ffss4"},     {TFLUSH, "2"},     {TWALK, "ffws"},     {TREAD, "f84"},          {TWRITE, "f8n"},
    {TCLUNK, "f"},          {TREMOVE, "f"},    {TWALK, "ffW"},
};
enum { FORMATS = sizeof(formats) / sizeof(formats[0]) };

static const char *const names[] = {"file",
                                    "dir",
                                    "link",
                                    "fifo",
                                    "a",
                                    "b",
                                    "..",
                                    ".",
                                    "",
                                    "../out",
                                    "a/b",
                                    "new",
                                    "user.x",
                                    "user.virtfs.uid",
                                    "system.posix_acl_access",
                                    ".virtfs_metadata",
                                    "9P2000.L",
                                    "/"};
enum { NAMES = sizeof(names) / sizeof(names[0]) };

static void put_name(struct Writer *w, struct Input *i) {
    uint8_t which = input_byte(i);
    const char *name = names[which % NAMES];
    if (which < 250)
        put_text(w, name, strlen(name));
    else
        put_u16(w, (uint16_t)input_number(i, 2)); /* a length, and whatever follows */
}

/* Small numbers and large ones. */
static uint64_t number(struct Input *i, unsigned bytes) {
    uint8_t how = input_byte(i);
    return how < 128 ? how : how < 160 ? ~(uint64_t)(how - 128) : input_number(i, bytes);
}

static void put_field(struct Writer *w, struct Input *i, char kind) {
    switch (kind) {
    case 'f': put_u32(w, input_byte(i) % 5); break;
    case 's': put_name(w, i); break;
    case 'w': put_u16(w, 1); break;
    case 'W':
        put_u16(w, 2);
        put_name(w, i);
        put_name(w, i);
        break;
    case 'n':
        put_u32(w, 5);
        put_u32(w, (uint32_t)input_number(i, 4));
        put_u8(w, 0);
        break;
    default: put_number(w, number(i, (unsigned)(kind - '0')), (unsigned)(kind - '0'));
    }
}

static size_t make(uint8_t *to, struct Input *i, uint16_t tag) {
    struct Writer w = {to, P9_HEADER, 512, false};
    uint8_t which = input_byte(i), cut = input_byte(i);
    if (which < 252) {
        for (const char *f = formats[which % FORMATS].format; *f != '\0'; f++)
            put_field(&w, i, *f);
    } else {
        for (unsigned n = cut % 64; n > 0; n--)
            put_u8(&w, input_byte(i));
    }
    size_t size = cut >= 250 && w.used > P9_HEADER ? P9_HEADER + cut % (w.used - P9_HEADER) : w.used;
    put_le32(to, (uint32_t)(cut == 249 ? size + 1 : size));
    to[4] = which < 252 ? formats[which % FORMATS].type : which;
    put_le16(to + 5, tag);
    return size;
}

/* ---- a client ---- */

static struct Message {
    struct Fs9pRequest r;
    uint8_t message[600], reply[ROOM];
} sent[MESSAGES];

static unsigned answered;
static void wake(void *opaque) { (void)opaque; }

static void done(void *opaque) {
    const struct Message *m = opaque;
    answered++;
    if (m->r.used < P9_HEADER || m->r.used > m->r.room || get_le32(m->reply) != m->r.used)
        give_up("a reply that can't be");
}

static void send(struct Fs9p *fs, struct Message *m, size_t size, bool now) {
    m->r = (struct Fs9pRequest){m->message, size, m->reply, ROOM, done, m, 0, NULL, NULL};
    if (!now || m->message[4] == TFLUSH) {
        fs9p_submit(fs, &m->r);
        return;
    }
    fs9p_serve(fs, &m->r);
    done(m);
}

/* Version and root, as every client begins. */
static void begin(struct Fs9p *fs) {
    static const uint8_t version[] = {21, 0, 0,   0,   TVERSION, 0,   0,   0,   32,  0,  0,
                                      8,  0, '9', 'P', '2',      '0', '0', '0', '.', 'L'},
                         attach[] = {23,  0,   0,   0, TATTACH, 0, 0, 0, 0, 0, 0, 255,
                                     255, 255, 255, 0, 0,       0, 0, 1, 0, 0, 0};
    memcpy(sent[0].message, version, sizeof(version));
    send(fs, &sent[0], sizeof(version), true);
    memcpy(sent[0].message, attach, sizeof(attach));
    send(fs, &sent[0], sizeof(attach), true);
    if (fs->fids != 1)
        give_up("no root");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct Fs9p *servers[MODELS];
    static unsigned runs;
    static const struct Fs9pHost host = {wake, NULL};
    struct Input input = {data, size};
    if (runs == 0)
        make_folders();
    if (runs++ % 64 == 0)
        fill();
    uint8_t first = input_byte(&input);
    bool now = first & 0xf0;
    struct Fs9p **fs = &servers[first % MODELS];
    const struct Fs9pOptions o = {.path = in, .security = (enum Fs9pSecurity)(first % MODELS)};
    char why[200];
    if (*fs == NULL && fs9p_open(fs, &o, &host, why, sizeof(why)) != 0)
        give_up(why);
    (*fs)->nodes_most = (*fs)->files_most = 8;
    begin(*fs);
    unsigned n = answered = 0;
    for (; n < MESSAGES && input.left > 0; n++)
        send(*fs, &sent[n], make(sent[n].message, &input, (uint16_t)(n % 8)), now);
    fs9p_drain(*fs);
    if (answered != n)
        give_up("a message without an answer");
    fs9p_reset(*fs);
    if ((*fs)->fids != 0 || (*fs)->open_files != 0 || (*fs)->open_nodes != 0 || (*fs)->xattr_bytes != 0 ||
        (*fs)->lock_count != 0 || (*fs)->root->references != 1)
        give_up("something is left");
    look_outside();
    return 0;
}
