/* SPDX-License-Identifier: MIT */
/* -object filter-dump: what goes over a link, into a file (net/dump.h). */
#include "base/lists.h"
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool net_is_dump(const char *object) {
    static const char type[] = "qom-type=", name[] = "filter-dump";
    if (strncmp(object, type, sizeof(type) - 1) == 0)
        object += sizeof(type) - 1;
    size_t length = sizeof(name) - 1;
    return strncmp(object, name, length) == 0 && (object[length] == '\0' || object[length] == ',');
}

struct DumpOptions {
    const char *id, *netdev, *file;
    uint64_t most;
};

static bool read_property(struct DumpOptions *o, const char *key, const char *value) {
    if (value == NULL)
        return false;
    if (strcmp(key, "id") == 0)
        return o->id = value, true;
    if (strcmp(key, "netdev") == 0)
        return o->netdev = value, true;
    if (strcmp(key, "file") == 0)
        return o->file = value, true;
    return strcmp(key, "maxlen") == 0 && list_number(value, NET_DUMP_MOST, &o->most) && o->most > 0;
}

static int add_dump(struct Machine *m, char *list, char *why, size_t n) {
    struct DumpOptions o = {.most = NET_DUMP_MOST};
    struct NetDump **end = &m->net.dumps;
    char *key, *value;
    list_cut(&list);
    while (list_cut_property(&list, &key, &value))
        if (!read_property(&o, key, value))
            return why_set(why, n, -EINVAL,
                           "-object filter-dump: %s=%s is not right; id=, netdev=ID, file=FILE and maxlen=1 to %d are",
                           key, value != NULL ? value : "", NET_DUMP_MOST);
    if (o.id == NULL || o.netdev == NULL || o.file == NULL)
        return why_set(why, n, -EINVAL, "-object filter-dump needs id=NAME, netdev=ID and file=FILE");
    struct Netdev *d = net_find_netdev(m, o.netdev);
    if (d == NULL)
        return why_set(why, n, -ENODEV, "-object filter-dump: there is no netdev '%s'", o.netdev);
    for (; *end != NULL; end = &(*end)->next)
        if (strcmp((*end)->id, o.id) == 0)
            return why_set(why, n, -EEXIST, "-object: there is a '%s' already", o.id);
    return net_dump_open(end, &d->end, o.id, o.file, (size_t)o.most, why, n);
}

int net_create_dumps(struct Machine *m, const Twin86Config *config, char *why, size_t n) {
    int r = 0;
    for (const char *const *s = config->objects; r == 0 && s != NULL && *s != NULL; s++) {
        if (!net_is_dump(*s))
            continue;
        char *copy = strdup(*s);
        r = copy != NULL ? add_dump(m, copy, why, n) : why_errno(why, n, -ENOMEM, "-object filter-dump");
        free(copy);
    }
    return r;
}

void net_destroy_dumps(struct Machine *m) {
    for (struct NetDump *d = m->net.dumps, *next; d != NULL; d = next) {
        next = d->next;
        net_dump_close(d);
    }
    m->net.dumps = NULL;
}
