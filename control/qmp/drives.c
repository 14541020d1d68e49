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

static struct json_object *image(const struct Block *block, unsigned depth) {
    struct json_object *o = json_object_new_object();
    struct BlockInfo info;
    if (!block_info(block, depth, &info))
        return o;
    put(o, "filename", text(info.filename));
    put(o, "format", text(info.format));
    put(o, "virtual-size", json_object_new_int64((int64_t)info.size));
    put(o, "actual-size", json_object_new_int64((int64_t)info.allocated));
    if (info.cluster != 0)
        put(o, "cluster-size", json_object_new_int64(info.cluster));
    put(o, "dirty-flag", json_object_new_boolean(info.dirty));
    if (info.backing_filename != NULL)
        put(o, "backing-filename", text(info.backing_filename));
    if (block_info(block, depth + 1, &info))
        put(o, "backing-image", image(block, depth + 1));
    return o;
}

static unsigned backing_depth(const struct Block *block) {
    struct BlockInfo info;
    unsigned depth = 0;
    while (block_info(block, depth + 1, &info))
        depth++;
    return depth;
}

static struct json_object *inserted(const struct Block *block) {
    struct json_object *o = json_object_new_object(), *cache = json_object_new_object();
    struct BlockInfo info = {0};
    block_info(block, 0, &info);
    put(o, "file", text(info.filename));
    put(o, "drv", text(info.format));
    put(o, "ro", json_object_new_boolean(info.readonly));
    put(o, "encrypted", json_object_new_boolean(false));
    put(o, "backing_file_depth", json_object_new_int((int)backing_depth(block)));
    put(o, "detect_zeroes", text("off"));
    put(cache, "writeback", json_object_new_boolean(block_write_cache(block)));
    put(cache, "direct", json_object_new_boolean(info.direct));
    put(cache, "no-flush", json_object_new_boolean(info.no_flush));
    put(o, "cache", cache);
    put(o, "image", image(block, 0));
    return o;
}

static struct json_object *drive(const struct Machine *m, const struct StorageDrive *d) {
    struct json_object *o = json_object_new_object();
    put(o, "device", text(d->id));
    put(o, "qdev", text(d->device));
    put(o, "type", text("unknown"));
    put(o, "removable", json_object_new_boolean(d->cdrom || d->floppy));
    put(o, "locked", json_object_new_boolean(false));
    if (d->cdrom && d->device != NULL) {
        const struct IdeDriveState *s = &m->piix3_ide.ide.channel[d->channel].state.drive[d->place];
        put(o, "locked", json_object_new_boolean(s->locked));
        put(o, "tray_open", json_object_new_boolean(s->tray_open));
    }
    put(o, "io-status", text(d->last_error == 0 ? "ok" : d->last_error == -ENOSPC ? "nospace" : "failed"));
    if (d->block != NULL)
        put(o, "inserted", inserted(d->block));
    return o;
}

struct json_object *qmp_query_block(struct QmpCall *call) {
    struct Machine *m = session_machine(call->session);
    struct json_object *list = json_object_new_array();
    pthread_mutex_lock(&m->lock);
    for (const struct StorageDrive *d = m->storage.drives; d != NULL; d = d->next)
        json_object_array_add(list, drive(m, d));
    pthread_mutex_unlock(&m->lock);
    return list;
}

/* ---- media ---- */

static const char *argument(struct QmpCall *call, const char *name) {
    struct json_object *o;
    if (call->arguments == NULL || !json_object_object_get_ex(call->arguments, name, &o) ||
        !json_object_is_type(o, json_type_string))
        return NULL;
    return json_object_get_string(o);
}

static bool is_forced(struct QmpCall *call) {
    struct json_object *o;
    return call->arguments != NULL && json_object_object_get_ex(call->arguments, "force", &o) &&
           json_object_get_boolean(o);
}

static struct json_object *missing(struct QmpCall *call, const char *name) {
    call->failed = true;
    snprintf(call->why, sizeof(call->why), "Parameter '%s' is missing", name);
    return NULL;
}

/* Both hold the guest: what is on its way to the old medium is finished first. */
static struct json_object *replace(struct QmpCall *call, const char *file) {
    struct Machine *m = session_machine(call->session);
    const char *id = argument(call, "id") != NULL ? argument(call, "id") : argument(call, "device");
    char why[BLOCK_WHY] = "";
    if (id == NULL)
        return missing(call, "id");
    if (session_hold(call->session, why, sizeof(why)) == 0) {
        pthread_mutex_lock(&m->lock);
        int r = file == NULL ? storage_eject(m, id, is_forced(call), why, sizeof(why))
                             : storage_change(m, id, file, argument(call, "format"), is_forced(call), why, sizeof(why));
        pthread_mutex_unlock(&m->lock);
        session_release(call->session);
        if (r == 0)
            return NULL;
    }
    call->failed = true;
    snprintf(call->why, sizeof(call->why), "%.299s", why);
    return NULL;
}

struct json_object *qmp_eject(struct QmpCall *call) { return replace(call, NULL); }

struct json_object *qmp_change_medium(struct QmpCall *call) {
    const char *file = argument(call, "filename");
    return file != NULL ? replace(call, file) : missing(call, "filename");
}
