/* SPDX-License-Identifier: MIT */
/* What monitors show of networks and do to them. */
#include "base/why.h"
#include "machine/machine.h"
#include "net/user.h"

#include <errno.h>
#include <string.h>

static void print_netdev(const struct Netdev *d, const char *indent, FILE *f) {
    char text[200] = "";
    if (d->kind->describe != NULL)
        d->kind->describe(d, text, sizeof(text));
    fprintf(f, "%s%s: index=0,type=%s%s%s%s\n", indent, d->id, d->kind->name, text[0] != '\0' ? "," : "", text,
            d->end.down ? ",link=off" : "");
}

static const struct Netdev *netdev_of(const struct Machine *m, const struct NetEnd *e) {
    const struct Netdev *d = m->net.netdevs;
    while (d != NULL && &d->end != e)
        d = d->next;
    return d;
}

struct MacText mac_text(const uint8_t mac[MAC_SIZE]) {
    struct MacText t;
    snprintf(t.text, sizeof(t.text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    return t;
}

void net_print(const struct Machine *m, FILE *f) {
    for (const struct Nic *nic = m->net.nics; nic != NULL; nic = nic->next) {
        const struct Netdev *d = nic->end.peer != NULL ? netdev_of(m, nic->end.peer) : NULL;
        fprintf(f, "%s: index=0,type=nic,model=%s,macaddr=%s%s\n", nic->name, nic->model, mac_text(nic->mac).text,
                nic->end.down ? ",link=off" : "");
        if (d != NULL)
            print_netdev(d, " \\ ", f);
    }
    for (const struct Netdev *d = m->net.netdevs; d != NULL; d = d->next)
        if (d->end.peer == NULL)
            print_netdev(d, "", f);
}

void net_print_usernet(const struct Machine *m, FILE *f) {
    for (const struct Netdev *d = m->net.netdevs; d != NULL; d = d->next)
        if (user_is(d))
            user_print(d, f);
}

int net_switch_link(struct Machine *m, const char *name, bool up, char *why, size_t n) {
    struct NetEnd *e = net_find_end(m, name);
    if (e == NULL)
        return why_set(why, n, -ENOENT, "there is no card and no netdev called '%s'; info network lists them", name);
    net_set_link(e, up);
    return 0;
}

/* The one that is named, or the first. */
static struct Netdev *find_user(const struct Machine *m, const char *id, char *why, size_t n) {
    struct Netdev *d = id != NULL ? net_find_netdev(m, id) : m->net.netdevs;
    while (id == NULL && d != NULL && !user_is(d))
        d = d->next;
    if (d != NULL && user_is(d))
        return d;
    why_set(why, n, -ENOENT, "there is no -netdev user%s%s", id != NULL ? " called " : "", id != NULL ? id : "");
    return NULL;
}

int net_add_forward(struct Machine *m, const char *id, const char *rule, char *why, size_t n) {
    struct Netdev *d = find_user(m, id, why, n);
    return d != NULL ? user_add_forward(d, rule, why, n) : -ENOENT;
}

int net_remove_forward(struct Machine *m, const char *id, const char *rule, char *why, size_t n) {
    struct Netdev *d = find_user(m, id, why, n);
    return d != NULL ? user_remove_forward(d, rule, why, n) : -ENOENT;
}
