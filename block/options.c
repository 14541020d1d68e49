/* SPDX-License-Identifier: MIT */
/* -drive and -blockdev: tables of keys. See options.h. */
#include "block/options.h"
#include "base/why.h"
#include "block/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- keys ---- */

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

/* An NBD server. */
struct Net {
    const char *type, *host, *port, *path, *export;
};

/* All that either option can say. */
struct All {
    struct Drive drive;
    struct Blockdev dev;
    const char *file, *backing, *filename, *file_driver, *file_filename, *file_node_name;
    struct Net net, file_net;
    bool read_only, auto_read_only, file_read_only, file_auto_read_only;
    bool lazy_refcounts; /* changes nothing: counts are always kept right */
    int cache, locking;
    int direct, writeback, no_flush, file_direct, file_no_flush, file_discard; /* -1: not given */
};

#define IN(member) offsetof(struct All, member)

static const struct Word interfaces[] = {{"ide", DRIVE_IF_IDE},       {"virtio", DRIVE_IF_VIRTIO},
                                         {"floppy", DRIVE_IF_FLOPPY}, {"pflash", DRIVE_IF_PFLASH},
                                         {"none", DRIVE_IF_NONE},     {NULL, 0}};
static const struct Word medias[] = {{"disk", DRIVE_DISK}, {"cdrom", DRIVE_CDROM}, {NULL, 0}};
const struct Word block_write_error_words[] = {{"enospc", BLOCK_ERROR_ENOSPC},
                                               {"report", BLOCK_ERROR_REPORT},
                                               {"ignore", BLOCK_ERROR_IGNORE},
                                               {"stop", BLOCK_ERROR_STOP},
                                               {NULL, 0}};
/* There is no ENOSPC of a read. */
const struct Word block_read_error_words[] = {
    {"report", BLOCK_ERROR_REPORT}, {"ignore", BLOCK_ERROR_IGNORE}, {"stop", BLOCK_ERROR_STOP}, {NULL, 0}};
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
const struct Word block_detect_zeroes_words[] = {
    {"off", BLOCK_DETECT_ZEROES_OFF}, {"on", BLOCK_DETECT_ZEROES_ON}, {"unmap", BLOCK_DETECT_ZEROES_UNMAP}, {NULL, 0}};
static const struct Word lockings[] = {
    {"auto", BLOCK_LOCKING_AUTO}, {"on", BLOCK_LOCKING_ON}, {"off", BLOCK_LOCKING_OFF}, {NULL, 0}};

static const struct Key keys[] = {
    {"file", TEXT, IN(file), NULL, NULL, IN_BOTH},
    {"format", TEXT, IN(drive.block.format), NULL, NULL, IN_DRIVE},
    {"driver", TEXT, IN(drive.block.format), NULL, NULL, IN_BOTH},
    {"filename", TEXT, IN(filename), NULL, NULL, IN_BLOCKDEV},
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
    {"file.node-name", TEXT, IN(file_node_name), NULL, NULL, IN_BLOCKDEV},
    {"file.cache.direct", TRISTATE, IN(file_direct), NULL, NULL, IN_BLOCKDEV},
    {"file.cache.no-flush", TRISTATE, IN(file_no_flush), NULL, NULL, IN_BLOCKDEV},
    {"file.discard", WORD, IN(file_discard), discards, NULL, IN_BLOCKDEV},
    {"file.read-only", SWITCH, IN(file_read_only), NULL, NULL, IN_BLOCKDEV},
    {"file.auto-read-only", SWITCH, IN(file_auto_read_only), NULL, NULL, IN_BLOCKDEV},
    {"discard", WORD, IN(drive.block.discard), discards, NULL, IN_BOTH},
    {"detect-zeroes", WORD, IN(drive.block.detect_zeroes), block_detect_zeroes_words, NULL, IN_BOTH},
    {"werror", WORD, IN(drive.werror), block_write_error_words, NULL, IN_DRIVE},
    {"rerror", WORD, IN(drive.rerror), block_read_error_words, NULL, IN_DRIVE},
    {"backing", TEXT, IN(backing), NULL, NULL, IN_BLOCKDEV},
    {"lazy-refcounts", SWITCH, IN(lazy_refcounts), NULL, NULL, IN_BOTH},
    {"copy-on-read", FIXED, 0, NULL, "off", IN_DRIVE},
    {"force-share", FIXED, 0, NULL, "off", IN_BLOCKDEV},
    {"server.type", TEXT, IN(net.type), NULL, NULL, IN_BLOCKDEV},
    {"server.host", TEXT, IN(net.host), NULL, NULL, IN_BLOCKDEV},
    {"server.port", TEXT, IN(net.port), NULL, NULL, IN_BLOCKDEV},
    {"server.path", TEXT, IN(net.path), NULL, NULL, IN_BLOCKDEV},
    {"export", TEXT, IN(net.export), NULL, NULL, IN_BLOCKDEV},
    {"file.server.type", TEXT, IN(file_net.type), NULL, NULL, IN_BLOCKDEV},
    {"file.server.host", TEXT, IN(file_net.host), NULL, NULL, IN_BLOCKDEV},
    {"file.server.port", TEXT, IN(file_net.port), NULL, NULL, IN_BLOCKDEV},
    {"file.server.path", TEXT, IN(file_net.path), NULL, NULL, IN_BLOCKDEV},
    {"file.export", TEXT, IN(file_net.export), NULL, NULL, IN_BLOCKDEV},
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
            nearest_consider(&near, name, keys[i].name);
    return wrong(p, "there is no '%s'; the nearest is '%s'", name, near.name);
}

static int set_word(const struct Parse *p, const struct Key *key, const char *value) {
    const struct Word *w = word_find(key->words, value);
    struct Nearest near = {0};
    if (w != NULL)
        return *(int *)((char *)p->all + key->member) = w->value, 0;
    words_consider(&near, key->words, value);
    return wrong(p, "%s=%s is not supported; the nearest is %s=%s", key->name, value, key->name, near.name);
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
        return wrong(p, "JSON is for -blockdev; write key=value,key=value");
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
    direct = a->file_direct >= 0 ? a->file_direct : a->direct >= 0 ? a->direct : direct;
    writeback = a->writeback >= 0 ? a->writeback : writeback;
    no_flush = a->file_no_flush >= 0 ? a->file_no_flush : a->no_flush >= 0 ? a->no_flush : no_flush;
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
        nearest_consider(&near, name, formats[i]);
    }
    return wrong(p, "driver '%s' is not supported; the nearest is '%s'", name, near.name);
}

/* NBD's server in QEMU's short form, which block_open takes; *text: what to free. */
static int nbd_name(const struct Parse *p, const struct Net *net, const char **filename, char **text) {
    bool is_unix = net->type != NULL ? strcmp(net->type, "unix") == 0 : net->path != NULL;
    const char *export = net->export != NULL ? net->export : "", *port = net->port != NULL ? net->port : "10809";
    if (net->type != NULL && !is_unix && strcmp(net->type, "inet") != 0)
        return wrong(p, "server.type=%s is not supported; inet and unix are", net->type);
    if (is_unix ? net->path == NULL || net->host != NULL : net->host == NULL || net->path != NULL)
        return wrong(p, "nbd needs server.path=SOCKET, or server.host=HOST and server.port=PORT");
    if (asprintf(text, "nbd:%s%s%s:exportname=%s", is_unix ? "unix:" : net->host, is_unix ? net->path : ":",
                 is_unix ? "" : port, export) < 0) {
        *text = NULL;
        return wrong(p, "out of memory");
    }
    *filename = *text;
    return 0;
}

static int copy_text(const struct Parse *p, const char *text, char **copy) {
    char why[BLOCK_WHY];
    *copy = NULL;
    if (text[0] == '{' && p->where == IN_BLOCKDEV)
        return block_json_flatten(text, copy, why, sizeof(why)) == 0 ? 0 : wrong(p, "%s", why);
    *copy = strdup(text);
    return *copy != NULL ? 0 : wrong(p, "out of memory");
}

static int parse_option(struct Parse *p, const char *text, char **copy) {
    struct All *a = p->all;
    a->direct = a->writeback = a->no_flush = a->file_direct = a->file_no_flush = a->file_discard = -1;
    a->drive.index = a->drive.bus = a->drive.unit = -1;
    a->drive.werror = BLOCK_ERROR_ENOSPC;
    int r = copy_text(p, text, copy);
    if (r != 0)
        return r;
    r = parse_all(p, *copy);
    if (r == 0)
        r = choose_cache(p);
    a->drive.block.readonly = a->read_only || a->file_read_only;
    a->drive.block.auto_readonly = a->auto_read_only || a->file_auto_read_only;
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

static bool is_format(const char *driver) { return strcmp(driver, "raw") == 0 || strcmp(driver, "qcow2") == 0; }

static bool has_net(const struct Net *n) {
    return n->type != NULL || n->host != NULL || n->port != NULL || n->path != NULL || n->export != NULL;
}

/* What a protocol's node is of: its own keys, or those that begin with "file.". */
static int check_protocol(const struct Parse *p, const char *driver, const char *filename, const struct Net *net,
                          char **text) {
    struct BlockOptions *o = &p->all->drive.block;
    const char *prefix = net == &p->all->net ? "" : "file.";
    bool is_nbd = strcmp(driver, "nbd") == 0;
    if (is_format(driver))
        return wrong(p, "%sdriver=%s is a format; a file, nbd or host_device is where bytes come from", prefix, driver);
    if (is_nbd ? filename != NULL : has_net(net))
        return wrong(p,
                     is_nbd ? "%sfilename= is for files; nbd has server.path= and others"
                            : "%sserver. and export are for nbd, not for files",
                     prefix);
    if (is_nbd)
        return nbd_name(p, net, &o->filename, text);
    if (filename == NULL)
        return wrong(p, "driver=%s needs %sfilename=PATH", driver, prefix);
    o->filename = filename;
    o->device_only = strcmp(driver, "host_device") == 0;
    return 0;
}

static int check_format_node(const struct Parse *p, char **text) {
    struct All *a = p->all;
    struct BlockOptions *o = &a->drive.block;
    bool inline_file = a->file_filename != NULL || a->file_driver != NULL || has_net(&a->file_net);
    if (a->filename != NULL || has_net(&a->net))
        return wrong(p, "driver=%s is a format: say file.%s, or file=NODE", o->format,
                     a->filename != NULL ? "filename=" : "server. and file.export");
    if (a->backing != NULL && strcmp(o->format, "raw") == 0)
        return wrong(p, "driver=raw has no backing; qcow2 has");
    if ((a->file != NULL) == inline_file)
        return wrong(p, "driver=%s needs either file=NODE or file.filename=PATH", o->format);
    a->dev.file = a->file;
    a->dev.no_backing = a->backing != NULL && a->backing[0] == '\0';
    a->dev.backing = a->dev.no_backing ? NULL : a->backing;
    if (!inline_file)
        return 0;
    if (strcmp(o->format, "raw") == 0 && a->file_discard == BLOCK_DISCARD_IGNORE)
        o->discard = BLOCK_DISCARD_IGNORE; /* both have to want it */
    a->dev.file_node_name = a->file_node_name;
    return check_protocol(p, a->file_driver != NULL ? a->file_driver : "file", a->file_filename, &a->file_net, text);
}

static int check_blockdev(const struct Parse *p, char **text) {
    struct All *a = p->all;
    struct BlockOptions *o = &a->drive.block;
    if (o->format == NULL)
        return wrong(p, "driver= is missing");
    if (o->node_name == NULL || o->node_name[0] == '\0')
        return wrong(p, "node-name= is missing");
    if (check_format(p, o->format, true) != 0 || (a->file_driver != NULL && check_format(p, a->file_driver, true) != 0))
        return -EINVAL;
    if (is_format(o->format))
        return check_format_node(p, text);
    if (a->file != NULL || a->file_filename != NULL || a->file_driver != NULL || a->backing != NULL ||
        a->file_node_name != NULL || has_net(&a->file_net))
        return wrong(p, "driver=%s stands on nothing: no file= and no backing=", o->format);
    return check_protocol(p, o->format, a->filename, &a->net, text);
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
    out->file_node_name = d->file != NULL ? d->file : d->file_node_name;
    if (!is_format(out->format))
        out->format = "raw";
    if (d->file == NULL)
        return 0;
    const struct Blockdev *file = find_node(nodes, count, d->file);
    if (file == NULL)
        return wrong(p, "node '%s': there is no node '%s' for its file", d->block.node_name, d->file), -ENOENT;
    if (is_format(file->block.format))
        return wrong(p, "node '%s': its file '%s' is a format's node", d->block.node_name, d->file);
    const struct BlockOptions *f = &file->block;
    out->filename = f->filename;
    out->cache = f->cache;
    out->aio = f->aio;
    out->locking = f->locking;
    out->readonly = out->readonly || f->readonly;
    out->auto_readonly = out->auto_readonly || f->auto_readonly;
    out->device_only = f->device_only;
    if (strcmp(out->format, "raw") == 0 && f->discard == BLOCK_DISCARD_IGNORE)
        out->discard = BLOCK_DISCARD_IGNORE;
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
