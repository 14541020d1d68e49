/* SPDX-License-Identifier: MIT */
/* Kinds of host ends, and what they have in common. See netdev.h. */
#include "net/netdev.h"
#include "base/lists.h"
#include "base/nearest.h"
#include "base/why.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct NetdevKind *const kinds[] = {&netdev_user, &netdev_stream, &netdev_dgram, &netdev_socket,
                                                 &netdev_tap};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

const struct NetdevKind *netdev_kind(unsigned index) { return index < KINDS ? kinds[index] : NULL; }

int64_t net_now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static int find_kind(struct Netdev *d, const char *option, const char *name, char *why, size_t n) {
    struct Nearest near = {0};
    for (unsigned i = 0; i < KINDS && d->kind == NULL; i++) {
        nearest_consider(&near, name, kinds[i]->name);
        if (strcmp(kinds[i]->name, name) == 0)
            d->kind = kinds[i];
    }
    return d->kind != NULL
               ? 0
               : why_set(why, n, -EINVAL, "%s: '%s' is not supported; the nearest is '%s'", option, name, near.name);
}

static int read_options(struct Netdev *d, const char *option, char *list, const char *id, char *why, size_t n) {
    char *key, *value;
    int r = 0;
    if ((d->options = calloc(1, d->kind->options_size)) == NULL)
        return why_errno(why, n, -ENOMEM, option);
    if (d->kind->defaults != NULL)
        d->kind->defaults(d->options);
    while (r == 0 && list_cut_property(&list, &key, &value)) {
        if (strcmp(key, "id") == 0 && value != NULL && value[0] != '\0')
            id = value;
        else if (strcmp(key, "queues") == 0 && value != NULL)
            r = list_number(value, NETDEV_QUEUES_MAX, &d->queues) && d->queues > 0
                    ? 0
                    : why_set(why, n, -EINVAL, "%s: queues=%s: 1 to %d are right", option, value, NETDEV_QUEUES_MAX);
        else if (key[0] != '\0')
            r = net_set_key(d->kind->keys, d->options, option, key, value, why, n);
    }
    if (r == 0 && id == NULL)
        return why_set(why, n, -EINVAL, "%s: id=NAME is missing, by which a device names it", option);
    return r != 0 || (d->id = strdup(id)) != NULL ? r : why_errno(why, n, -ENOMEM, option);
}

int netdev_open(struct Netdev **out, const char *option, const char *text, const char *id, const struct NetHost *host,
                char *why, size_t n) {
    static const char type[] = "type=";
    struct Netdev *d = calloc(1, sizeof(*d));
    if (d == NULL || (d->text = strdup(text)) == NULL) {
        free(d);
        return why_errno(why, n, -ENOMEM, option);
    }
    char *list = d->text;
    const char *name = list_cut(&list);
    d->host = *host;
    int r = find_kind(d, option, strncmp(name, type, sizeof(type) - 1) == 0 ? name + sizeof(type) - 1 : name, why, n);
    if (r == 0)
        r = read_options(d, option, list, id, why, n);
    if (r == 0)
        r = d->kind->open(d, why, n);
    if (r == 0)
        *out = d;
    else
        netdev_close(d);
    return r;
}

int netdev_start(struct Netdev *d, char *why, size_t n) {
    return d->kind->start != NULL ? d->kind->start(d, why, n) : 0;
}

void netdev_close(struct Netdev *d) {
    if (d == NULL)
        return;
    if (d->state != NULL)
        d->kind->close(d);
    net_end_destroy(&d->end);
    free(d->options);
    free(d->text);
    free(d->id);
    free(d);
}
