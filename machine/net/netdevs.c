/* SPDX-License-Identifier: MIT */
/* Host ends: made, served by the machine's loop, closed. */
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- the loop, for host ends ---- */

struct NetTimer {
    struct LoopTimer timer;
    struct Loop *loop;
};

static int watch(void *opaque, int fd, short events, NetFdFn *fn, void *fn_opaque) {
    return loop_add_fd(&((struct Machine *)opaque)->loop, fd, events, fn, fn_opaque);
}

static void forget(void *opaque, int fd) { loop_remove_fd(&((struct Machine *)opaque)->loop, fd); }

static struct NetTimer *new_timer(void *opaque, NetTimerFn *fn, void *fn_opaque) {
    struct NetTimer *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->loop = &((struct Machine *)opaque)->loop;
    loop_timer_init(&t->timer, fn, fn_opaque);
    return t;
}

static void arm_timer(struct NetTimer *t, int64_t deadline) {
    if (t->loop->open)
        loop_timer_arm(t->loop, &t->timer, deadline);
}

static void free_timer(struct NetTimer *t) {
    if (t == NULL)
        return;
    arm_timer(t, NET_NEVER);
    free(t);
}

static const struct NetHostOps host_ops = {watch, forget, new_timer, arm_timer, free_timer};

/* ---- -netdev ---- */

const char *twin86_netdev_name(unsigned index) {
    return netdev_kind(index) != NULL ? netdev_kind(index)->name : NULL;
}
const char *twin86_netdev_properties(unsigned index) {
    return netdev_kind(index) != NULL ? netdev_kind(index)->properties : NULL;
}
const char *twin86_netdev_description(unsigned index) {
    return netdev_kind(index) != NULL ? netdev_kind(index)->description : NULL;
}

struct Netdev *net_find_netdev(const struct Machine *m, const char *id) {
    struct Netdev *d = m->net.netdevs;
    while (d != NULL && strcmp(d->id, id) != 0)
        d = d->next;
    return d;
}

int net_open(struct Machine *m, const char *option, const char *text, const char *id, struct Netdev **out, char *why,
             size_t n) {
    const struct NetHost host = {&host_ops, m};
    struct Netdev *d, **end = &m->net.netdevs;
    int r = netdev_open(&d, option, text, id, &host, why, n);
    if (r != 0)
        return r;
    if (net_find_netdev(m, d->id) != NULL) {
        r = why_set(why, n, -EEXIST, "%s: there is a '%s' already", option, d->id);
        netdev_close(d);
        return r;
    }
    while (*end != NULL)
        end = &(*end)->next;
    *end = *out = d;
    return 0;
}

int net_create(struct Machine *m, const Twin86Config *config, char *why, size_t n) {
    struct Netdev *d;
    int r = 0;
    for (const char *const *s = config->netdevs; r == 0 && s != NULL && *s != NULL; s++)
        r = net_open(m, "-netdev", *s, NULL, &d, why, n);
    return r;
}

int net_start(struct Machine *m, char *why, size_t n) {
    int r = 0;
    for (struct Netdev *d = m->net.netdevs; r == 0 && d != NULL; d = d->next)
        r = netdev_start(d, why, n);
    return r;
}

void net_destroy(struct Machine *m) {
    net_destroy_dumps(m);
    for (struct Netdev *d = m->net.netdevs, *next; d != NULL; d = next) {
        next = d->next;
        netdev_close(d);
    }
    m->net.netdevs = NULL;
    for (struct Nic *nic = m->net.nics; nic != NULL; nic = nic->next)
        net_end_destroy(&nic->end);
    m->net.nics = NULL;
    for (unsigned i = 0; i < NET_CARDS; i++)
        virtio_net_destroy(&m->net.virtio[i].net);
}
