/* SPDX-License-Identifier: MIT */
/* -drive, as QEMU has it: one table of keys. */
#include "machine/lists.h"
#include "machine/storage/storage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum KeyKind { KEY_TEXT, KEY_CHOICE, KEY_NUMBER, KEY_SWITCH };

static const char
    *const interfaces[] = {"ide", "none", NULL},
           *const media[] = {"disk", "cdrom", NULL}, *const caches[] = {"writeback",  "none",   "writethrough",
                                                                        "directsync", "unsafe", NULL},
           *const aios[] = {"threads", "io_uring", NULL}, *const discards[] = {"ignore", "unmap", "off", "on", NULL},
           *const zeroes[] = {"off", "on", "unmap", NULL}, *const lockings[] = {"auto", "on", "off", NULL},
           *const errors[] = {"report", "ignore", "stop", "enospc", NULL};

static const struct Key {
    const char *name;
    enum KeyKind kind;
    size_t offset;
    const char *const *choices;
} keys[] = {
#define KEY(name, kind, member, choices) {name, kind, offsetof(struct DriveOptions, member), choices}
    KEY("file", KEY_TEXT, file, NULL),
    KEY("format", KEY_TEXT, format, NULL),
    KEY("id", KEY_TEXT, id, NULL),
    KEY("serial", KEY_TEXT, serial, NULL),
    KEY("if", KEY_CHOICE, interface, interfaces),
    KEY("media", KEY_CHOICE, media, media),
    KEY("cache", KEY_CHOICE, cache, caches),
    KEY("aio", KEY_CHOICE, aio, aios),
    KEY("discard", KEY_CHOICE, discard, discards),
    KEY("detect-zeroes", KEY_CHOICE, detect_zeroes, zeroes),
    KEY("file.locking", KEY_CHOICE, locking, lockings),
    KEY("rerror", KEY_CHOICE, read_error, errors),
    KEY("werror", KEY_CHOICE, write_error, errors),
    KEY("index", KEY_NUMBER, index, NULL),
    KEY("bus", KEY_NUMBER, bus, NULL),
    KEY("unit", KEY_NUMBER, unit, NULL),
    KEY("readonly", KEY_SWITCH, readonly, NULL),
    KEY("read-only", KEY_SWITCH, readonly, NULL),
    KEY("snapshot", KEY_SWITCH, snapshot, NULL),
#undef KEY
};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static int choose(int *out, const struct Key *k, const char *value, char *why, size_t n) {
    char names[100] = "";
    for (int i = 0; k->choices[i] != NULL; i++) {
        size_t used = strlen(names);
        if (strcmp(k->choices[i], value) == 0)
            return *out = i, 0;
        snprintf(names + used, sizeof(names) - used, "%s%s", i > 0 ? ", " : "", k->choices[i]);
    }
    snprintf(why, n, "-drive: %s=%s is not supported; there is %s", k->name, value, names);
    return -EINVAL;
}

static int set(struct DriveOptions *o, const struct Key *k, const char *value, char *why, size_t n) {
    void *member = (char *)o + k->offset;
    uint64_t number;
    if (k->kind == KEY_CHOICE)
        return choose(member, k, value, why, n);
    if (k->kind == KEY_TEXT) {
        *(const char **)member = value;
    } else if (k->kind == KEY_NUMBER && list_number(value, 1000, &number)) {
        *(int64_t *)member = (int64_t)number;
    } else if (k->kind != KEY_SWITCH || !list_switch(value, member)) {
        snprintf(why, n, "-drive: %s=%s is not right; %s is", k->name, value,
                 k->kind == KEY_NUMBER ? "a number" : "on or off");
        return -EINVAL;
    }
    return 0;
}

static int refuse_key(const char *key, char *why, size_t n) {
    size_t used = (size_t)snprintf(why, n, "-drive: '%s' is not known;", key);
    for (unsigned i = 0; i < KEYS && used < n; i++)
        used += (size_t)snprintf(why + used, n - used, " %s%s", keys[i].name, i + 1 < KEYS ? "=" : "= are");
    return -EINVAL;
}

static int read_all(struct DriveOptions *o, char *list, char *why, size_t n) {
    char *key, *value;
    while (list_cut_property(&list, &key, &value)) {
        const struct Key *k = NULL;
        for (unsigned i = 0; i < KEYS && value != NULL; i++)
            if (strcmp(keys[i].name, key) == 0)
                k = &keys[i];
        int r = k == NULL ? refuse_key(key, why, n) : set(o, k, value, why, n);
        if (r != 0)
            return r;
    }
    return 0;
}

int drive_options_parse(struct DriveOptions *o, const char *text, char *why, size_t n) {
    *o = (struct DriveOptions){.text = strdup(text),
                               .interface = -1,
                               .media = -1,
                               .cache = -1,
                               .aio = -1,
                               .discard = -1,
                               .detect_zeroes = -1,
                               .locking = -1,
                               .read_error = -1,
                               .write_error = -1,
                               .index = -1,
                               .bus = -1,
                               .unit = -1};
    if (o->text == NULL) {
        snprintf(why, n, "-drive: out of memory");
        return -ENOMEM;
    }
    int r = read_all(o, o->text, why, n);
    if (r != 0)
        return r;
    const char *wrong = NULL;
    if (o->read_error == 3) /* enospc */
        wrong = "rerror=enospc is not right; report, ignore and stop are";
    else if (o->index >= 0 && (o->bus >= 0 || o->unit >= 0))
        wrong = "index= is bus= and unit= in one; both don't go together";
    else if (o->file == NULL && o->media != DRIVE_MEDIA_CDROM)
        wrong = "file= is missing; a disk has one";
    if (wrong == NULL)
        return 0;
    snprintf(why, n, "-drive: %s", wrong);
    return -EINVAL;
}

struct BlockOptions drive_block_options(const struct DriveOptions *o, const char *file) {
    static const enum BlockCacheMode cache[] = {BLOCK_CACHE_WRITEBACK, BLOCK_CACHE_NONE, BLOCK_CACHE_WRITETHROUGH,
                                            BLOCK_CACHE_DIRECTSYNC, BLOCK_CACHE_UNSAFE};
    bool cdrom = o->media == DRIVE_MEDIA_CDROM;
    return (struct BlockOptions){
        .filename = file,
        .format = o->format,
        .readonly = o->readonly || cdrom,
        .snapshot = o->snapshot && !cdrom,
        .cache = cache[o->cache < 0 ? 0 : o->cache],
        .aio = o->aio == 1 ? BLOCK_AIO_IO_URING : BLOCK_AIO_THREADS,
        .discard = o->discard == 1 || o->discard == 3 ? BLOCK_DISCARD_UNMAP : BLOCK_DISCARD_IGNORE,
        .detect_zeroes = o->detect_zeroes < 0 ? BLOCK_DETECT_ZEROES_OFF : (enum BlockDetectZeroes)o->detect_zeroes,
        .locking = o->locking < 0 ? BLOCK_LOCKING_AUTO : (enum BlockLocking)o->locking,
    };
}
