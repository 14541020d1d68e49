/* SPDX-License-Identifier: MIT */
/* QMP's commands about the balloon. */
#include "control/qmp/command.h"
#include "machine/machine.h"

static struct json_object *fail(struct QmpCall *call, const char *why) {
    call->failed = true;
    snprintf(call->why, sizeof(call->why), "%s", why);
    return NULL;
}

struct json_object *qmp_balloon(struct QmpCall *call) {
    struct Machine *m = session_machine(call->session);
    struct json_object *value;
    char why[200] = "";
    if (call->arguments == NULL || !json_object_object_get_ex(call->arguments, "value", &value))
        return fail(call, "Parameter 'value' is missing");
    if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) <= 0)
        return fail(call, "Parameter 'value' expects a number of bytes above 0");
    pthread_mutex_lock(&m->lock);
    int r = virtio_balloon_target(m, (uint64_t)json_object_get_int64(value), why, sizeof(why));
    pthread_mutex_unlock(&m->lock);
    return r == 0 ? NULL : fail(call, why);
}

struct json_object *qmp_query_balloon(struct QmpCall *call) {
    struct Machine *m = session_machine(call->session);
    struct json_object *o;
    uint64_t bytes;
    pthread_mutex_lock(&m->lock);
    bool there = virtio_balloon_actual(m, &bytes);
    pthread_mutex_unlock(&m->lock);
    if (!there)
        return fail(call, "there is no balloon; -device virtio-balloon-pci puts one in");
    o = json_object_new_object();
    json_object_object_add(o, "actual", json_object_new_int64((int64_t)bytes));
    return o;
}
