/* SPDX-License-Identifier: MIT */
#include "tests/unit/fs9p/fs9p_bench.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { TAG = 0x1234 };

static void put_field(struct Writer *w, char kind, va_list *ap) {
    const char *text;
    switch (kind) {
    case 'b': put_u8(w, (uint8_t)va_arg(*ap, unsigned)); break;
    case 'w': put_u16(w, (uint16_t)va_arg(*ap, unsigned)); break;
    case 'd': put_u32(w, va_arg(*ap, unsigned)); break;
    case 'q': put_u64(w, va_arg(*ap, uint64_t)); break;
    case 's':
        text = va_arg(*ap, const char *);
        put_text(w, text, strlen(text));
        break;
    case 't':
        text = va_arg(*ap, const char *);
        put_text(w, text, va_arg(*ap, size_t));
        break;
    case 'n': {
        text = va_arg(*ap, const char *);
        size_t n = va_arg(*ap, size_t);
        memcpy(put_room(w, n), text, n);
        break;
    }
    }
}

static size_t messagev(uint8_t *to, uint8_t type, uint16_t tag, const char *format, va_list *ap) {
    struct Writer w = {to, P9_HEADER, FS9P_MESSAGE, false};
    for (; *format != '\0'; format++)
        put_field(&w, *format, ap);
    put_le32(to, (uint32_t)w.used);
    to[4] = type;
    put_le16(to + 5, tag);
    return w.used;
}

size_t message(uint8_t *to, uint8_t type, uint16_t tag, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    size_t n = messagev(to, type, tag, format, &ap);
    va_end(ap);
    return n;
}

static void wake(void *opaque) { (void)opaque; }
static void done(void *opaque) { ((struct Client *)opaque)->replies++; }

int call_raw(struct Client *c, size_t size, size_t room) {
    unsigned before = c->replies;
    c->request = (struct Fs9pRequest){
        .message = c->message, .size = size, .reply = c->reply, .room = room, .done = done, .opaque = c};
    fs9p_submit(c->fs, &c->request);
    fs9p_drain(c->fs);
    ck_assert_uint_eq(c->replies, before + 1);
    ck_assert_uint_eq(get_le32(c->reply), c->request.used);
    ck_assert_uint_le(c->request.used, room);
    ck_assert_int_eq(memcmp(c->reply + 5, c->message + 5, 2), 0);
    c->in = (struct Reader){c->reply + P9_HEADER, c->request.used - P9_HEADER, false};
    if (c->reply[4] == RLERROR)
        return -(int)get_u32(&c->in);
    ck_assert_uint_eq(c->reply[4], c->message[4] + 1);
    return 0;
}

int call(struct Client *c, uint8_t type, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    size_t n = messagev(c->message, type, TAG, format, &ap);
    va_end(ap);
    return call_raw(c, n, FS9P_MESSAGE);
}

/* ---- folders ---- */

const char *host_path(const struct Client *c, const char *where) {
    static char path[512];
    snprintf(path, sizeof(path), "%s/%s", c->top, where);
    return path;
}

static bool has_xattrs(const char *path) {
    return setxattr(path, "user.virtfs.test", "1", 1, 0) == 0 && removexattr(path, "user.virtfs.test") == 0;
}

bool client_open(struct Client *c, struct Fs9pOptions o) {
    static const struct Fs9pHost host = {wake, NULL};
    char why[200] = "";
    memset(c, 0, sizeof(*c));
    strcpy(c->top, "./fs9p-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(c->top));
    snprintf(c->folder, sizeof(c->folder), "%s/in", c->top);
    snprintf(c->outside, sizeof(c->outside), "%s/out", c->top);
    ck_assert_int_eq(mkdir(c->folder, 0755) | mkdir(c->outside, 0755), 0);
    o.path = c->folder;
    int r =
        o.security == FS9P_MAPPED_XATTR && !has_xattrs(c->folder) ? -1 : fs9p_open(&c->fs, &o, &host, why, sizeof(why));
    if (r == -1) {
        client_close(c);
        return false;
    }
    ck_assert_msg(r == 0, "%s", why);
    ck_assert_int_eq(call(c, TVERSION, "ds", FS9P_MESSAGE, "9P2000.L"), 0);
    ck_assert_int_eq(call(c, TATTACH, "ddssd", ROOT, P9_NO_FID, "root", "", 1000), 0);
    return true;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void client_close(struct Client *c) {
    fs9p_close(c->fs);
    nftw(c->top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void host_put(const struct Client *c, const char *where, const char *content) {
    FILE *f = fopen(host_path(c, where), "w");
    ck_assert_ptr_nonnull(f);
    fputs(content, f);
    fclose(f);
}

const char *host_get(const struct Client *c, const char *where) {
    static char text[4096];
    FILE *f = fopen(host_path(c, where), "r");
    size_t n = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;
    text[n] = '\0';
    if (f != NULL)
        fclose(f);
    return text;
}

unsigned open_descriptors(void) {
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

/* ---- usual messages ---- */

int walk(struct Client *c, uint32_t to, const char *path) {
    struct Writer w = {c->message, P9_HEADER, FS9P_MESSAGE, false};
    uint16_t names = 0;
    put_u32(&w, ROOT);
    put_u32(&w, to);
    uint8_t *count = put_room(&w, 2);
    while (*path != '\0') {
        size_t n = strcspn(path, "/");
        put_text(&w, path, n);
        path += n + (path[n] == '/');
        names++;
    }
    put_le16(count, names);
    put_le32(c->message, (uint32_t)w.used);
    c->message[4] = TWALK;
    put_le16(c->message + 5, TAG);
    int r = call_raw(c, w.used, FS9P_MESSAGE);
    return r == 0 && get_u16(&c->in) != names ? -2 : r; /* -ENOENT: in part */
}

int clunk(struct Client *c, uint32_t fid) { return call(c, TCLUNK, "d", fid); }

int create(struct Client *c, const char *name, const char *content) {
    enum { FID = 900 };
    int r = walk(c, FID, "");
    if (r == 0 && (r = call(c, TLCREATE, "dsddd", FID, name, O_RDWR | O_CREAT, 0644, 100)) == 0)
        r = call(c, TWRITE, "dqdn", FID, (uint64_t)0, (unsigned)strlen(content), content, strlen(content));
    clunk(c, FID);
    return r;
}
