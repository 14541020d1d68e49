/* SPDX-License-Identifier: MIT */
/* QMP's commands about viewers by VNC. */
#include "control/vnc/vnc.h"
#include "control/qmp/command.h"

#include <string.h>

typedef int Set(struct Session *s, const char *value, char *why, size_t n);

static struct json_object *set(struct QmpCall *call, Set *fn, const char *name) {
    char why[200];
    const char *value = qmp_text(call, name);
    if (value == NULL)
        return qmp_fail(call, "Parameter '%s' is missing, or no string", name);
    return fn(call->session, value, why, sizeof(why)) == 0 ? NULL : qmp_fail(call, "%s", why);
}

static struct json_object *set_of_protocol(struct QmpCall *call, Set *fn, const char *name) {
    const char *protocol = qmp_text(call, "protocol");
    if (protocol == NULL || strcmp(protocol, "vnc") != 0)
        return qmp_fail(call, "Parameter 'protocol' has to be 'vnc'");
    return set(call, fn, name);
}

struct json_object *qmp_set_password(struct QmpCall *call) {
    const char *connected = qmp_text(call, "connected");
    if (connected != NULL && strcmp(connected, "keep") != 0)
        return qmp_fail(call, "Parameter 'connected' has to be 'keep' with VNC");
    return set_of_protocol(call, vnc_set_password, "password");
}

struct json_object *qmp_expire_password(struct QmpCall *call) {
    return set_of_protocol(call, vnc_expire_password, "time");
}

struct json_object *qmp_change_vnc_password(struct QmpCall *call) { return set(call, vnc_set_password, "password"); }

static void put_place(struct json_object *o, const struct VncPlace *p) {
    json_object_object_add(o, "host", json_object_new_string(p->host));
    json_object_object_add(o, "service", json_object_new_string(p->service));
    json_object_object_add(o, "family", json_object_new_string(p->family));
}

struct json_object *qmp_query_vnc(struct QmpCall *call) {
    struct VncStatus status;
    struct json_object *o = json_object_new_object(), *clients;
    bool enabled = vnc_status(call->session, &status);
    json_object_object_add(o, "enabled", json_object_new_boolean(enabled));
    if (!enabled)
        return o;
    put_place(o, &status.where);
    json_object_object_add(o, "auth", json_object_new_string(status.password ? "vnc" : "none"));
    json_object_object_add(o, "clients", clients = json_object_new_array());
    for (unsigned i = 0; i < status.viewers; i++) {
        struct json_object *client = json_object_new_object();
        put_place(client, &status.viewer[i]);
        json_object_object_add(client, "websocket", json_object_new_boolean(false));
        json_object_array_add(clients, client);
    }
    return o;
}
