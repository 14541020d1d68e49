/* SPDX-License-Identifier: MIT */
/* QMP's commands about networks. */
#include "control/qmp/command.h"
#include "machine/machine.h"

#include <string.h>

static const char *name_argument(struct QmpCall *call) {
    struct json_object *name;
    if (call->arguments == NULL || !json_object_object_get_ex(call->arguments, "name", &name))
        return NULL;
    return json_object_is_type(name, json_type_string) ? json_object_get_string(name) : "";
}

struct json_object *qmp_set_link(struct QmpCall *call) {
    struct Machine *m = session_machine(call->session);
    const char *name = name_argument(call);
    struct json_object *up;
    char why[300] = "";
    if (name == NULL)
        return qmp_fail(call, "Parameter 'name' is missing");
    if (!json_object_object_get_ex(call->arguments, "up", &up))
        return qmp_fail(call, "Parameter 'up' is missing");
    if (!json_object_is_type(up, json_type_boolean))
        return qmp_fail(call, "Parameter 'up' expects a boolean");
    pthread_mutex_lock(&m->lock);
    int r = net_switch_link(m, name, json_object_get_boolean(up), why, sizeof(why));
    pthread_mutex_unlock(&m->lock);
    return r == 0 ? NULL : qmp_fail(call, "%s", why);
}

/* ---- query-rx-filter ---- */

static struct json_object *address(const uint8_t mac[MAC_SIZE]) { return json_object_new_string(mac_text(mac).text); }

static struct json_object *addresses(const uint8_t (*list)[MAC_SIZE], unsigned count) {
    struct json_object *a = json_object_new_array();
    for (unsigned i = 0; i < count; i++)
        json_object_array_add(a, address(list[i]));
    return a;
}

static struct json_object *vlans(const struct VirtioNetState *s, bool filtered) {
    struct json_object *a = json_object_new_array();
    for (unsigned i = 0; filtered && i < VIRTIO_NET_VLANS; i++)
        if ((s->vlans[i / 8] >> i % 8 & 1) != 0)
            json_object_array_add(a, json_object_new_int((int)i));
    return a;
}

static const char *mode(bool none, bool all) { return none ? "none" : all ? "all" : "normal"; }

static struct json_object *filter_of(const struct VirtioNic *v) {
    const struct VirtioNetState *s = &v->net.state;
    bool filtered = virtio_has(&v->net.virtio, VIRTIO_NET_F_CTRL_VLAN);
    const struct {
        const char *key;
        struct json_object *value;
    } members[] = {
        {"name", json_object_new_string(v->nic.name)},
        {"promiscuous", json_object_new_boolean(s->promiscuous)},
        {"multicast", json_object_new_string(mode(s->no_multicast, s->all_multicast))},
        {"unicast", json_object_new_string(mode(s->no_unicast, s->all_unicast))},
        {"vlan", json_object_new_string(filtered ? "normal" : "all")},
        {"broadcast-allowed", json_object_new_boolean(!s->no_broadcast)},
        {"multicast-overflow", json_object_new_boolean(s->multicast_overflow)},
        {"unicast-overflow", json_object_new_boolean(s->unicast_overflow)},
        {"main-mac", address(s->mac)},
        {"vlan-table", vlans(s, filtered)},
        {"unicast-table", addresses(s->filter, s->unicasts)},
        {"multicast-table", addresses(s->filter + s->unicasts, s->multicasts)},
    };
    struct json_object *o = json_object_new_object();
    for (unsigned i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        json_object_object_add(o, members[i].key, members[i].value);
    return o;
}

struct json_object *qmp_query_rx_filter(struct QmpCall *call) {
    struct Machine *m = session_machine(call->session);
    const char *name = name_argument(call);
    struct json_object *all = json_object_new_array();
    pthread_mutex_lock(&m->lock);
    for (unsigned i = 0; i < NET_CARDS; i++) {
        const struct VirtioNic *v = &m->net.virtio[i];
        if (v->plugged && (name == NULL || strcmp(name, v->nic.name) == 0))
            json_object_array_add(all, filter_of(v));
    }
    pthread_mutex_unlock(&m->lock);
    if (name == NULL || json_object_array_length(all) > 0)
        return all;
    json_object_put(all);
    return qmp_fail(call, "there is no card of that name that has such a filter");
}
