/* SPDX-License-Identifier: MIT */
/* -drive and -blockdev: tables of keys. See options.h. */
#include "block/options.h"
#include "base/why.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

/* How many letters must change, come or go to make `b` of `a`; long names are far apart. */
static unsigned distance(const char *a, const char *b) {
    enum { MOST = 32 };
    unsigned row[MOST + 1], la = (unsigned)strlen(a), lb = (unsigned)strlen(b);
    if (la > MOST || lb > MOST)
        return MOST;
    for (unsigned j = 0; j <= lb; j++)
        row[j] = j;
    for (unsigned i = 1; i <= la; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= lb; j++) {
            unsigned above = row[j], best = diagonal + (a[i - 1] != b[j - 1]);
            best = above + 1 < best ? above + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[lb];
}

struct Nearest {
    const char *name;
    unsigned distance;
};

static void consider(struct Nearest *n, const char *wanted, const char *name) {
    unsigned d = distance(wanted, name);
    if (n->name == NULL || d < n->distance)
        *n = (struct Nearest){name, d};
}

/* ---- keys ---- */

struct Word {
    const char *name;
    int value;
};

enum KeyKind { TEXT, SWITCH, TRISTATE, WORD, NUMBER, FIXED };

/* A key, and the member of struct All that it sets. FIXED: only what is said is possible. */
struct Key {
    const char *name;
    enum KeyKind kind;
    size_t member;
    const struct Word *words;
    const char *only; /* FIXED: the one value */
    unsigned where;   /* IN_DRIVE, IN_BLOCKDEV */
};

enum { IN_DRIVE = 1, IN_BLOCKDEV = 2, IN_BOTH = 3 };

/* All that either option can say. */
struct All {
    struct Drive drive;
    struct Blockdev dev;
    const char *file, *backing, *file_driver, *file_filename;
    const char *host, *port, *socket, *export, *server;
    bool read_only, auto_read_only;
    bool lazy_refcounts; /* changes nothing: counts are always kept right */
    int cache, locking;
    int direct, writeback, no_flush; /* -1: not given */
};

#define IN(member) offsetof(struct All, member)

static const struct Word interfaces[] = {{"ide", DRIVE_IF_IDE},       {"virtio", DRIVE_IF_VIRTIO},
                                         {"floppy", DRIVE_IF_FLOPPY}, {"pflash", DRIVE_IF_PFLASH},
                                         {"none", DRIVE_IF_NONE},     {NULL, 0}};
static const struct Word medias[] = {{"disk", DRIVE_DISK}, {"cdrom", DRIVE_CDROM}, {NULL, 0}};
static const struct Word errors[] = {{"enospc", DRIVE_ERROR_ENOSPC},
                                     {"report", DRIVE_ERROR_REPORT},
                                     {"ignore", DRIVE_ERROR_IGNORE},
                                     {"stop", DRIVE_ERROR_STOP},
                                     {NULL, 0}};
/* There is no ENOSPC of a read. */
static const struct Word read_errors[] = {
    {"report", DRIVE_ERROR_REPORT}, {"ignore", DRIVE_ERROR_IGNORE}, {"stop", DRIVE_ERROR_STOP}, {NULL, 0}};
static const struct Word caches[] = {{"writeback", BLOCK_CACHE_WRITEBACK},
                                     {"none", BLOCK_CACHE_NONE},
                                     {"off", BLOCK_CACHE_NONE},
                                     {"writethrough", BLOCK_CACHE_WRITETHROUGH},
                                     {"directsync", BLOCK_CACHE_DIRECTSYNC},
                                     {"unsafe", BLOCK_CACHE_UNSAFE},
                                     {NULL, 0}};
static const struct Word aios[] = {{"threads", BLOCK_AIO_THREADS}, {"io_uring", BLOCK_AIO_IO_URING}, {NULL, 0}};
static const struct Word discards[] = {{"ignore", BLOCK_DISCARD_IGNORE},
                                       {"off", BLOCK_DISCARD_IGNORE},
                                       {"unmap", BLOCK_DISCARD_UNMAP},
                                       {"on", BLOCK_DISCARD_UNMAP},
                                       {NULL, 0}};
static const struct Word zeroes[] = {
    {"off", BLOCK_DETECT_ZEROES_OFF}, {"on", BLOCK_DETECT_ZEROES_ON}, {"unmap", BLOCK_DETECT_ZEROES_UNMAP}, {NULL, 0}};
static const struct Word lockings[] = {
    {"auto", BLOCK_LOCKING_AUTO}, {"on", BLOCK_LOCKING_ON}, {"off", BLOCK_LOCKING_OFF}, {NULL, 0}};

static const struct Key keys[] = {
    {"file", TEXT, IN(file), NULL, NULL, IN_BOTH},
    {"format", TEXT, IN(drive.block.format), NULL, NULL, IN_DRIVE},
    {"driver", TEXT, IN(drive.block.format), NULL, NULL, IN_BOTH},
    {"filename", TEXT, IN(file_filename), NULL, NULL, IN_BLOCKDEV},
    {"file.driver", TEXT, IN(file_driver), NULL, NULL, IN_BOTH},
    {"file.filename", TEXT, IN(file_filename), NULL, NULL, IN_BOTH},
    {"file.locking", WORD, IN(locking), lockings, NULL, IN_BOTH},
    {"locking", WORD, IN(locking), lockings, NULL, IN_BLOCKDEV},
    {"if", WORD, IN(drive.interface), interfaces, NULL, IN_DRIVE},
    {"media", WORD, IN(drive.media), medias, NULL, IN_DRIVE},
    {"index", NUMBER, IN(drive.index), NULL, NULL, IN_DRIVE},
    {"bus", NUMBER, IN(drive.bus), NULL, NULL, IN_DRIVE},
    {"unit", NUMBER, IN(drive.unit), NULL, NULL, IN_DRIVE},
    {"id", TEXT, IN(drive.id), NULL, NULL, IN_DRIVE},
    {"node-name", TEXT, IN(drive.block.node_name), NULL, NULL, IN_BOTH},
    {"readonly", SWITCH, IN(read_only), NULL, NULL, IN_DRIVE},
    {"read-only", SWITCH, IN(read_only), NULL, NULL, IN_BOTH},
    {"auto-read-only", SWITCH, IN(auto_read_only), NULL, NULL, IN_BOTH},
    {"snapshot", SWITCH, IN(drive.block.snapshot), NULL, NULL, IN_DRIVE},
    {"cache", WORD, IN(cache), caches, NULL, IN_DRIVE},
    {"cache.direct", TRISTATE, IN(direct), NULL, NULL, IN_BOTH},
    {"cache.writeback", TRISTATE, IN(writeback), NULL, NULL, IN_DRIVE},
    {"cache.no-flush", TRISTATE, IN(no_flush), NULL, NULL, IN_BOTH},
    {"aio", WORD, IN(drive.block.aio), aios, NULL, IN_BOTH},
    {"file.aio", WORD, IN(drive.block.aio), aios, NULL, IN_BOTH},
    {"discard", WORD, IN(drive.block.discard), discards, NULL, IN_BOTH},
    {"detect-zeroes", WORD, IN(drive.block.detect_zeroes), zeroes, NULL, IN_BOTH},
    {"werror", WORD, IN(drive.werror), errors, NULL, IN_DRIVE},
    {"rerror", WORD, IN(drive.rerror), read_errors, NULL, IN_DRIVE},
    {"backing", TEXT, IN(backing), NULL, NULL, IN_BLOCKDEV},
    {"lazy-refcounts", SWITCH, IN(lazy_refcounts), NULL, NULL, IN_BOTH},
    {"copy-on-read", FIXED, 0, NULL, "off", IN_DRIVE},
    {"force-share", FIXED, 0, NULL, "off", IN_BLOCKDEV},
    {"server.type", TEXT, IN(server), NULL, NULL, IN_BLOCKDEV},
    {"server.host", TEXT, IN(host), NULL, NULL, IN_BLOCKDEV},
    {"server.port", TEXT, IN(port), NULL, NULL, IN_BLOCKDEV},
    {"server.path", TEXT, IN(socket), NULL, NULL, IN_BLOCKDEV},
    {"export", TEXT, IN(export), NULL, NULL, IN_BLOCKDEV},
};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

/* ---- parsing ---- */

struct Parse {
    struct All *all;
    const char *option; /* "-drive" */
    unsigned where;
    char *why;
    size_t n;
};

__attribute__((format(printf, 2, 3))) static int wrong(const struct Parse *p, const char *format, ...) {
    va_list ap;
    why_set(p->why, p->n, 0, "%s: ", p->option);
    va_start(ap, format);
    why_addv(p->why, p->n, format, ap);
    va_end(ap);
    return -EINVAL;
}

static int unknown_key(const struct Parse *p, const char *name) {
    struct Nearest near = {0};
    for (int i = 0; i < KEYS; i++)
        if (keys[i].where & p->where)
            consider(&near, name, keys[i].name);
    return wrong(p, "there is no '%s'; the nearest is '%s'", name, near.name);
}

static int unknown_word(const struct Parse *p, const struct Key *key, const char *value) {
    struct Nearest near = {0};
    for (const struct Word *w = key->words; w->name != NULL; w++)
        consider(&near, value, w->name);
    return wrong(p, "%s=%s is not supported; the nearest is %s=%s", key->name, value, key->name, near.name);
}

static int set_word(const struct Parse *p, const struct Key *key, const char *value) {
    for (const struct Word *w = key->words; w->name != NULL; w++)
        if (strcmp(w->name, value) == 0)
            return *(int *)((char *)p->all + key->member) = w->value, 0;
    return unknown_word(p, key, value);
}

static int set_number(const struct Parse *p, const struct Key *key, const char *value) {
    char *end;
    errno = 0;
    long number = strtol(value, &end, 10);
    if (end == value || *end != '\0' || errno != 0 || number < 0 || number > 255)
        return wrong(p, "%s=%s is not a number from 0 to 255", key->name, value);
    *(int *)((char *)p->all + key->member) = (int)number;
    return 0;
}

static int set_switch(const struct Parse *p, const struct Key *key, const char *value) {
    bool on = strcmp(value, "on") == 0 || strcmp(value, "yes") == 0 || strcmp(value, "true") == 0;
    if (!on && strcmp(value, "off") != 0 && strcmp(value, "no") != 0 && strcmp(value, "false") != 0)
        return wrong(p, "%s=%s: say on or off", key->name, value);
    if (key->kind == SWITCH)
        *(bool *)((char *)p->all + key->member) = on;
    else
        *(int *)((char *)p->all + key->member) = on;
    return 0;
}

static int set(const struct Parse *p, const struct Key *key, const char *value) {
    switch (key->kind) {
    case TEXT: *(const char **)((char *)p->all + key->member) = value; return 0;
    case SWITCH:
    case TRISTATE: return set_switch(p, key, value);
    case WORD: return set_word(p, key, value);
    case NUMBER: return set_number(p, key, value);
    case FIXED: break;
    }
    return strcmp(value, key->only) == 0
               ? 0
               : wrong(p, "%s=%s is not supported; only %s=%s is", key->name, value, key->name, key->only);
}

static const struct Key *find_key(const struct Parse *p, const char *name) {
    for (int i = 0; i < KEYS; i++)
        if ((keys[i].where & p->where) && strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static bool is_switch(const struct Key *key) { return key != NULL && (key->kind == SWITCH || key->kind == TRISTATE); }

/* "KEY=VALUE", "SWITCH" or "noSWITCH". */
static int parse_item(const struct Parse *p, char *item) {
    char *equals = strchr(item, '=');
    if (equals != NULL)
        *equals = '\0';
    const struct Key *key = find_key(p, item);
    if (equals != NULL)
        return key != NULL ? set(p, key, equals + 1) : unknown_key(p, item);
    if (is_switch(key))
        return set(p, key, "on");
    if (strncmp(item, "no", 2) == 0 && is_switch(find_key(p, item + 2)))
        return set(p, find_key(p, item + 2), "off");
    return key != NULL ? wrong(p, "'%s' needs a value: %s=...", item, item) : unknown_key(p, item);
}

/* Cuts the next item off: ends at a single comma; ",," becomes one. NULL behind the last. */
static char *cut(char *item) {
    char *to = item;
    for (char *from = item;; from++) {
        if (*from == ',' && from[1] == ',')
            from++;
        else if (*from == ',' || *from == '\0') {
            char *next = *from == ',' ? from + 1 : NULL;
            *to = '\0';
            return next;
        }
        *to++ = *from;
    }
}

static int parse_all(const struct Parse *p, char *text) {
    if (text[0] == '{')
        return wrong(p, "JSON is not supported; write key=value,key=value");
    for (char *next; text != NULL; text = next) {
        next = cut(text);
        int r = text[0] == '\0' ? 0 : parse_item(p, text);
        if (r != 0)
            return r;
    }
    return 0;
}

/* ---- what both have ---- */

static int choose_cache(const struct Parse *p) {
    struct All *a = p->all;
    bool direct = a->cache == BLOCK_CACHE_NONE || a->cache == BLOCK_CACHE_DIRECTSYNC;
    bool writeback = a->cache != BLOCK_CACHE_WRITETHROUGH && a->cache != BLOCK_CACHE_DIRECTSYNC;
    bool no_flush = a->cache == BLOCK_CACHE_UNSAFE;
    direct = a->direct >= 0 ? a->direct : direct;
    writeback = a->writeback >= 0 ? a->writeback : writeback;
    no_flush = a->no_flush >= 0 ? a->no_flush : no_flush;
    if (no_flush && (direct || !writeback))
        return wrong(p, "cache.no-flush=on is only supported alone, as cache=unsafe");
    a->drive.block.cache = no_flush    ? BLOCK_CACHE_UNSAFE
                           : direct    ? writeback ? BLOCK_CACHE_NONE : BLOCK_CACHE_DIRECTSYNC
                           : writeback ? BLOCK_CACHE_WRITEBACK
                                       : BLOCK_CACHE_WRITETHROUGH;
    return 0;
}

/* What can be opened; the nearest to any other name. */
static int check_format(const struct Parse *p, const char *name, bool protocol) {
    static const char *const formats[] = {"raw", "qcow2", "file", "nbd", "host_device"};
    struct Nearest near = {0};
    for (size_t i = 0; i < (protocol ? 5 : 2); i++) {
        if (strcmp(formats[i], name) == 0)
            return 0;
        consider(&near, name, formats[i]);
    }
    return wrong(p, "driver '%s' is not supported; the nearest is '%s'", name, near.name);
}

/* NBD's server in QEMU's short form, which block_open takes; *text: what to free. */
static int nbd_name(const struct Parse *p, const char **filename, char **text) {
    struct All *a = p->all;
    const char *export = a->export != NULL ? a->export : "";
    if (a->socket == NULL && a->host == NULL)
        return wrong(p, "nbd needs server.path=SOCKET, or server.host=HOST and server.port=PORT");
    if (asprintf(text, "nbd:%s%s%s:exportname=%s", a->socket != NULL ? "unix:" : a->host,
                 a->socket != NULL ? a->socket : ":",
                 a->socket != NULL ? ""
                 : a->port != NULL ? a->port
                                   : "10809",
                 export) < 0) {
        *text = NULL;
        return wrong(p, "out of memory");
    }
    *filename = *text;
    return 0;
}

static int parse_option(struct Parse *p, const char *text, char **copy) {
    struct All *a = p->all;
    a->direct = a->writeback = a->no_flush = -1;
    a->drive.index = a->drive.bus = a->drive.unit = -1;
    a->drive.rerror = DRIVE_ERROR_REPORT;
    *copy = strdup(text);
    if (*copy == NULL)
        return wrong(p, "out of memory");
    int r = parse_all(p, *copy);
    if (r == 0)
        r = choose_cache(p);
    a->drive.block.readonly = a->read_only;
    a->drive.block.auto_readonly = a->auto_read_only;
    a->drive.block.locking = (enum BlockLocking)a->locking;
    return r;
}

/* ---- -drive ---- */

static int check_drive(const struct Parse *p) {
    struct Drive *d = &p->all->drive;
    if (p->all->file != NULL && p->all->file_filename != NULL)
        return wrong(p, "file= and file.filename= exclude each other");
    if (d->index >= 0 && (d->bus >= 0 || d->unit >= 0))
        return wrong(p, "index= excludes bus= and unit=");
    if (p->all->file_driver != NULL && check_format(p, p->all->file_driver, true) != 0)
        return -EINVAL;
    if (d->block.format != NULL && check_format(p, d->block.format, false) != 0)
        return -EINVAL;
    d->block.filename = p->all->file != NULL ? p->all->file : p->all->file_filename;
    if (d->block.filename != NULL && d->block.filename[0] == '\0')
        d->block.filename = NULL;
    if (d->block.filename == NULL && d->media != DRIVE_CDROM && d->interface != DRIVE_IF_FLOPPY)
        return wrong(p, "file= is missing; only CD-ROM and floppy drives may be empty");
    if (d->media == DRIVE_CDROM)
        d->block.readonly = true;
    return 0;
}

int drive_parse(struct Drive *d, const char *text, char *why, size_t n) {
    struct All all = {0};
    struct Parse p = {&all, "-drive", IN_DRIVE, why, n};
    char *copy;
    int r = parse_option(&p, text, &copy);
    if (r == 0)
        r = check_drive(&p);
    if (r != 0) {
        free(copy);
        return r;
    }
    *d = all.drive;
    d->text = copy;
    return 0;
}

void drive_free(struct Drive *d) {
    free(d->text);
    d->text = NULL;
}

/* ---- -blockdev ---- */

static int check_blockdev(const struct Parse *p, char **text) {
    struct All *a = p->all;
    struct BlockOptions *o = &a->drive.block;
    if (o->format == NULL)
        return wrong(p, "driver= is missing");
    if (o->node_name == NULL)
        return wrong(p, "node-name= is missing");
    const char *protocol = a->file_driver != NULL ? a->file_driver : o->format;
    bool is_format = strcmp(o->format, "raw") == 0 || strcmp(o->format, "qcow2") == 0;
    if (check_format(p, o->format, true) != 0 || (a->file_driver != NULL && check_format(p, a->file_driver, true) != 0))
        return -EINVAL;
    a->dev.file = is_format ? a->file : NULL;
    a->dev.no_backing = a->backing != NULL && a->backing[0] == '\0';
    a->dev.backing = a->dev.no_backing ? NULL : a->backing;
    o->filename = a->file_filename;
    if (strcmp(protocol, "nbd") == 0 && o->filename == NULL)
        return nbd_name(p, &o->filename, text);
    if (is_format ? (a->file != NULL) == (o->filename != NULL) : o->filename == NULL)
        return wrong(
            p, is_format ? "driver=%s needs either file=NODE or file.filename=PATH" : "driver=%s needs filename=PATH",
            o->format);
    return 0;
}

int blockdev_parse(struct Blockdev *d, const char *text, char *why, size_t n) {
    struct All all = {0};
    struct Parse p = {&all, "-blockdev", IN_BLOCKDEV, why, n};
    char *name = NULL;
    int r = parse_option(&p, text, &all.dev.text);
    if (r == 0)
        r = check_blockdev(&p, &name);
    if (r != 0) {
        free(all.dev.text);
        free(name);
        return r;
    }
    *d = all.dev;
    d->block = all.drive.block;
    d->name = name;
    return 0;
}

void blockdev_free(struct Blockdev *d) {
    free(d->text);
    free(d->name);
    d->text = d->name = NULL;
}

static const struct Blockdev *find_node(const struct Blockdev *nodes, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(nodes[i].block.node_name, name) == 0)
            return &nodes[i];
    return NULL;
}

/* A node's own options, with what its file node says of the file. */
static int resolve_file(const struct Blockdev *nodes, size_t count, const struct Blockdev *d, struct BlockOptions *out,
                        const struct Parse *p) {
    *out = d->block;
    out->no_backing = d->no_backing;
    if (strcmp(out->format, "raw") != 0 && strcmp(out->format, "qcow2") != 0)
        out->format = "raw";
    if (d->file == NULL)
        return 0;
    const struct Blockdev *file = find_node(nodes, count, d->file);
    if (file == NULL)
        return wrong(p, "node '%s': there is no node '%s' for its file", d->block.node_name, d->file), -ENOENT;
    if (file->file != NULL)
        return wrong(p, "node '%s': its file '%s' is a format's node", d->block.node_name, d->file);
    const struct BlockOptions *f = &file->block;
    out->filename = f->filename;
    out->cache = f->cache;
    out->aio = f->aio;
    out->locking = f->locking;
    out->readonly = out->readonly || f->readonly;
    out->auto_readonly = f->auto_readonly;
    return 0;
}

int blockdev_resolve(const struct Blockdev *nodes, size_t count, const char *name, struct BlockOptions *out,
                     struct BlockOptions *backing, char *why, size_t n) {
    struct Parse p = {NULL, "-blockdev", IN_BLOCKDEV, why, n};
    struct BlockOptions *to = out;
    const char *user = NULL;
    for (size_t depth = 0; name != NULL; depth++) {
        const struct Blockdev *d = find_node(nodes, count, name);
        if (d == NULL)
            return wrong(&p, "there is no node '%s'%s%s", name, user != NULL ? ", the backing of " : "",
                         user != NULL ? user : ""),
                   -ENOENT;
        if (depth >= count)
            return wrong(&p, "node '%s' is behind itself", name), -ELOOP;
        int r = resolve_file(nodes, count, d, to, &p);
        if (r != 0)
            return r;
        user = name;
        name = d->backing;
        if (name != NULL) {
            to->backing = &backing[depth];
            to = &backing[depth];
        }
    }
    return 0;
}
