/* SPDX-License-Identifier: MIT */
/* Commands about drives: a part of QEMU's answers, with its names. */
#include "control/qmp/command.h"
#include "machine/machine.h"

#include <errno.h>

static void put(struct json_object *object, const char *key, struct json_object *value) {
    json_object_object_add(object, key, value);
}

static struct json_object *text(const char *s) { return json_object_new_string(s != NULL ? s : ""); }

/* ---- query-block ---- */

static struct json_object *integer(uint64_t value) { return json_object_new_int64((int64_t)value); }
static struct json_object *boolean(bool value) { return json_object_new_boolean(value); }

/* An image in a drive's chain, or the file under it. */
struct Node {
    const struct StorageDrive *drive;
    unsigned depth;
    bool file;
};

static bool node_info(const struct Node *n, struct BlockInfo *info) {
    const struct Block *b = n->drive->block;
    return n->file ? block_file_info(b, n->depth, info) : block_info(b, n->depth, info);
}

static struct json_object *image(const struct Node *n, bool flat) {
    struct json_object *o = json_object_new_object();
    struct Node behind = {n->drive, n->depth + 1, false};
    struct BlockInfo info;
    if (!node_info(n, &info))
        return o;
    put(o, "filename", text(info.filename));
    put(o, "format", text(info.format));
    put(o, "virtual-size", integer(info.size));
    put(o, "actual-size", integer(info.allocated));
    if (info.cluster != 0)
        put(o, "cluster-size", json_object_new_int64(info.cluster));
    put(o, "dirty-flag", boolean(info.dirty));
    if (info.backing_filename != NULL) {
        put(o, "backing-filename", text(info.backing_filename));
        put(o, "full-backing-filename", text(info.backing_filename));
    }
    if (!n->file && !flat && node_info(&behind, &info)) {
        put(o, "backing-filename-format", text(info.format));
        put(o, "backing-image", image(&behind, flat));
    }
    return o;
}

static unsigned backing_depth(const struct Node *n) {
    struct BlockInfo info;
    unsigned depth = 0;
    while (!n->file && block_info(n->drive->block, n->depth + depth + 1, &info))
        depth++;
    return depth;
}

static struct json_object *cache(const struct StorageDrive *d, const struct BlockInfo *info) {
    struct json_object *o = json_object_new_object();
    put(o, "writeback", boolean(block_write_cache(d->block)));
    put(o, "direct", boolean(info->direct));
    put(o, "no-flush", boolean(info->no_flush));
    return o;
}

/* BlockDeviceInfo. There is no throttling. */
static struct json_object *node(const struct Node *n, bool flat) {
    static const char *const limits[] = {"bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr", "write_threshold"};
    struct json_object *o = json_object_new_object();
    bool root = n->depth == 0 && !n->file;
    enum BlockDetectZeroes zeroes = root ? block_detect_zeroes(n->drive->block) : BLOCK_DETECT_ZEROES_OFF;
    char name[STORAGE_NODE_NAME];
    struct BlockInfo info = {0};
    node_info(n, &info);
    put(o, "file", text(info.filename));
    put(o, "node-name", text(storage_node_name(n->drive, n->depth, n->file, name)));
    put(o, "ro", boolean(info.readonly));
    put(o, "drv", text(info.format));
    if (info.backing_filename != NULL)
        put(o, "backing_file", text(info.backing_filename));
    put(o, "backing_file_depth", json_object_new_int((int)backing_depth(n)));
    put(o, "encrypted", boolean(false));
    put(o, "detect_zeroes", text(word_name(block_detect_zeroes_words, (int)zeroes)));
    for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        put(o, limits[i], json_object_new_int(0));
    put(o, "cache", cache(n->drive, &info));
    put(o, "image", image(n, flat));
    return o;
}

static void put_drive(struct json_object *o, const struct StorageDrive *d) {
    put(o, "device", text(d->node != NULL ? "" : d->id));
    if (d->device != NULL && d->device[0] != '\0')
        put(o, "qdev", text(d->device));
}

static struct json_object *drive(const struct Machine *m, const struct StorageDrive *d) {
    struct json_object *o = json_object_new_object();
    put_drive(o, d);
    put(o, "type", text("unknown"));
    put(o, "removable", boolean(d->cdrom || d->floppy));
    put(o, "locked", boolean(false));
    if (d->cdrom && d->device != NULL) {
        const struct IdeDriveState *s = &m->piix3_ide.ide.channel[d->channel].state.drive[d->place];
        put(o, "locked", boolean(s->locked));
        put(o, "tray_open", boolean(s->tray_open));
    }
    put(o, "io-status", text(d->last_error == 0 ? "ok" : d->last_error == -ENOSPC ? "nospace" : "failed"));
    if (d->block != NULL)
        put(o, "inserted", node(&(struct Node){d, 0, false}, false));
    return o;
}

/* Of each drive that `one` gives something for. */
static struct json_object *list_drives(struct QmpCall *call, struct json_object *(*one)(const struct Machine *m,
                                                                                        const struct StorageDrive *d)) {
    struct Machine *m = session_machine(call->session);
    struct json_object *list = json_object_new_array();
    pthread_mutex_lock(&m->lock);
    for (const struct StorageDrive *d = m->storage.drives; d != NULL; d = d->next)
        if (d->node == NULL || d->device != NULL) /* else only a node */
            json_object_array_add(list, one(m, d));
    pthread_mutex_unlock(&m->lock);
    return list;
}

struct json_object *qmp_query_block(struct QmpCall *call) { return list_drives(call, drive); }

/* ---- query-blockstats ---- */

static struct json_object *stats_of(const struct StorageDrive *d) {
    static const char *const ops[] = {[BLOCK_READ] = "rd",
                                      [BLOCK_WRITE] = "wr",
                                      [BLOCK_FLUSH] = "flush",
                                      [BLOCK_DISCARD] = "unmap",
                                      [BLOCK_WRITE_ZEROES] = NULL};
    struct json_object *o = json_object_new_object();
    struct BlockStats s = {0};
    char key[40];
    if (d->block != NULL)
        block_stats(d->block, &s);
    for (unsigned i = 0; i < BLOCK_OPS; i++) {
        if (ops[i] == NULL)
            continue;
        const struct {
            const char *before, *after;
            uint64_t value;
        } row[] = {{"", "_operations", s.op[i].operations},
                   {"", "_total_time_ns", s.op[i].total_ns},
                   {"failed_", "_operations", s.op[i].failed},
                   {"invalid_", "_operations", s.op[i].invalid},
                   {"", "_bytes", s.op[i].bytes},
                   {"", "_merged", 0}};
        for (unsigned k = 0; k < (i == BLOCK_FLUSH ? 4 : 6); k++) {
            snprintf(key, sizeof(key), "%s%s%s", row[k].before, ops[i], row[k].after);
            put(o, key, integer(row[k].value));
        }
    }
    put(o, "wr_highest_offset", integer(s.highest_offset));
    put(o, "account_invalid", boolean(true));
    put(o, "account_failed", boolean(true));
    put(o, "timed_stats", json_object_new_array());
    return o;
}

static struct json_object *drive_stats(const struct Machine *m, const struct StorageDrive *d) {
    struct json_object *o = json_object_new_object();
    char name[STORAGE_NODE_NAME];
    (void)m;
    put_drive(o, d);
    if (d->block != NULL)
        put(o, "node-name", text(storage_node_name(d, 0, false, name)));
    put(o, "stats", stats_of(d));
    return o;
}

static bool flag(const struct QmpCall *call, const char *name) {
    struct json_object *o;
    return call->arguments != NULL && json_object_object_get_ex(call->arguments, name, &o) &&
           json_object_get_boolean(o);
}

struct json_object *qmp_query_blockstats(struct QmpCall *call) {
    if (flag(call, "query-nodes"))
        return qmp_fail(call, "query-nodes=true is not supported: drives are counted, not nodes");
    return list_drives(call, drive_stats);
}

/* ---- query-named-block-nodes ---- */

struct json_object *qmp_query_named_block_nodes(struct QmpCall *call) {
    struct Machine *m = session_machine(call->session);
    struct json_object *list = json_object_new_array();
    struct BlockInfo info;
    pthread_mutex_lock(&m->lock);
    for (const struct StorageDrive *d = m->storage.drives; d != NULL; d = d->next)
        for (unsigned depth = 0; d->block != NULL && block_info(d->block, depth, &info); depth++) {
            json_object_array_add(list, node(&(struct Node){d, depth, false}, flag(call, "flat")));
            if (block_file_info(d->block, depth, &info))
                json_object_array_add(list, node(&(struct Node){d, depth, true}, flag(call, "flat")));
        }
    pthread_mutex_unlock(&m->lock);
    return list;
}

/* ---- what is done to drives ---- */

/* `medium` is what is put in, and then what was taken out. */
typedef int Change(struct QmpCall *call, struct Machine *m, struct Block **medium, char *why, size_t n);

/* The guest stands meanwhile: what is on its way to the images is finished first. */
static struct json_object *with_guest_held(struct QmpCall *call, Change *change, struct Block *medium) {
    struct Machine *m = session_machine(call->session);
    char why[BLOCK_WHY] = "";
    int r = session_hold(call->session, why, sizeof(why));
    if (r == 0) {
        pthread_mutex_lock(&m->lock);
        r = change(call, m, &medium, why, sizeof(why));
        pthread_mutex_unlock(&m->lock);
        session_release(call->session);
    }
    block_close(medium);
    return r == 0 ? NULL : qmp_fail(call, "%s", why);
}

static const char *drive_id(const struct QmpCall *call) {
    static const char *const names[] = {"id", "device", "node-name"};
    const char *id = NULL;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]) && id == NULL; i++)
        id = qmp_text(call, names[i]);
    return id;
}

static int eject(struct QmpCall *call, struct Machine *m, struct Block **medium, char *why, size_t n) {
    return storage_eject(m, drive_id(call), flag(call, "force"), medium, why, n);
}

static int change_medium(struct QmpCall *call, struct Machine *m, struct Block **medium, char *why, size_t n) {
    return storage_change(m, drive_id(call), medium, flag(call, "force"), why, n);
}

static int resize(struct QmpCall *call, struct Machine *m, struct Block **medium, char *why, size_t n) {
    (void)medium;
    struct json_object *size;
    if (!json_object_object_get_ex(call->arguments, "size", &size) || !json_object_is_type(size, json_type_int) ||
        json_object_get_int64(size) < 0) {
        snprintf(why, n, "Parameter 'size' expects a size in bytes");
        return -EINVAL;
    }
    return storage_resize(m, drive_id(call), (uint64_t)json_object_get_int64(size), why, n);
}

struct json_object *qmp_eject(struct QmpCall *call) {
    return drive_id(call) != NULL ? with_guest_held(call, eject, NULL)
                                  : qmp_fail(call, "Parameter '%s' is missing", "id");
}

struct json_object *qmp_change_medium(struct QmpCall *call) {
    const char *lacks = drive_id(call) == NULL ? "id" : qmp_text(call, "filename") == NULL ? "filename" : NULL;
    char why[BLOCK_WHY] = "";
    struct Block *medium;
    if (lacks != NULL)
        return qmp_fail(call, "Parameter '%s' is missing", lacks);
    if (storage_open_medium(session_machine(call->session), drive_id(call), qmp_text(call, "filename"),
                            qmp_text(call, "format"), &medium, why, sizeof(why)) != 0)
        return qmp_fail(call, "%s", why);
    return with_guest_held(call, change_medium, medium);
}

struct json_object *qmp_block_resize(struct QmpCall *call) {
    return drive_id(call) != NULL ? with_guest_held(call, resize, NULL)
                                  : qmp_fail(call, "Parameter '%s' is missing", "device");
}
