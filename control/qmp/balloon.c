/* SPDX-License-Identifier: MIT */
/* QMP's commands about the balloon. */
#include "control/qmp/command.h"
#include "machine/machine.h"

#include <string.h>

struct json_object *qmp_balloon(struct QmpCall *call) {
    struct Machine *m = session_machine(call->session);
    struct json_object *value;
    char why[200] = "";
    if (call->arguments == NULL || !json_object_object_get_ex(call->arguments, "value", &value))
        return qmp_fail(call, "Parameter 'value' is missing");
    if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) <= 0)
        return qmp_fail(call, "Parameter 'value' expects a number of bytes above 0");
    pthread_mutex_lock(&m->lock);
    int r = virtio_balloon_target(m, (uint64_t)json_object_get_int64(value), why, sizeof(why));
    pthread_mutex_unlock(&m->lock);
    return r == 0 ? NULL : qmp_fail(call, "%s", why);
}

struct json_object *qmp_query_balloon(struct QmpCall *call) {
    struct Machine *m = session_machine(call->session);
    struct json_object *o;
    uint64_t bytes;
    pthread_mutex_lock(&m->lock);
    bool there = virtio_balloon_actual(m, &bytes);
    pthread_mutex_unlock(&m->lock);
    if (!there)
        return qmp_fail(call, "there is no balloon; -device virtio-balloon-pci puts one in");
    o = json_object_new_object();
    json_object_object_add(o, "actual", json_object_new_int64((int64_t)bytes));
    return o;
}

/* What the guest said last, which is asked again for the next look; what it does not tell is -1, as under QEMU. */
static struct json_object *guest_stats(struct VirtioBalloonDevice *d) {
    struct json_object *all = json_object_new_object(), *stats = json_object_new_object();
    const struct VirtioBalloonState *s = &d->balloon.state;
    for (unsigned i = 0; i < VIRTIO_BALLOON_STATS; i++) {
        uint64_t value = (s->stats_known >> i & 1) != 0 ? s->stat[i] : UINT64_MAX;
        json_object_object_add(stats, virtio_balloon_stat_names[i], json_object_new_uint64(value));
    }
    json_object_object_add(all, "stats", stats);
    json_object_object_add(all, "last-update", json_object_new_int64(d->stats_at));
    virtio_balloon_ask_stats(&d->balloon);
    return all;
}

/* Of QEMU's objects there is the balloon, and of its properties what can't be had by another command. */
struct json_object *qmp_qom_get(struct QmpCall *call) {
    static const char peripherals[] = "/machine/peripheral/";
    struct Machine *m = session_machine(call->session);
    struct VirtioBalloonDevice *d = &m->virtio.balloon;
    const char *path = qmp_text(call, "path"), *property = qmp_text(call, "property");
    struct json_object *value = NULL;
    if (path == NULL || property == NULL || strcmp(property, "guest-stats") != 0 ||
        strncmp(path, peripherals, strlen(peripherals)) != 0)
        return qmp_fail(call, "there is one property, guest-stats, of /machine/peripheral/ID, the balloon's id");
    pthread_mutex_lock(&m->lock);
    if (d->plugged && d->id != NULL && strcmp(d->id, path + strlen(peripherals)) == 0)
        value = guest_stats(d);
    pthread_mutex_unlock(&m->lock);
    return value != NULL ? value : qmp_fail(call, "there is no balloon of that id (-device virtio-balloon-pci,id=ID)");
}
