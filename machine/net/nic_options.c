/* SPDX-License-Identifier: MIT */
/* -nic and -net, with QEMU's names: a card and its host end in one option. And the network that is there by default. */
#include "base/lists.h"
#include "base/nearest.h"
#include "base/why.h"
#include "machine/machine.h"
#include "net/user.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What model= may say, and the device that it means. The first is the default. */
static const struct {
    const char *model, *device;
} models[] = {
    {"virtio-net-pci", "virtio-net-pci"}, {"virtio", "virtio-net-pci"},
    {"virtio-net", "virtio-net-pci"},     {"e1000", "e1000"},
    {"e1000-82540em", "e1000"},
};
enum { MODELS = sizeof(models) / sizeof(models[0]) };

enum { TEXT_MAX = 4096 };

/* One option, taken apart: what is for the card, and what is for the host end, in the syntax that each has. */
struct Parts {
    const char *option; /* "-nic" */
    const char *device;
    const char *netdev; /* of -net nic: there is one already */
    char card[TEXT_MAX], host[TEXT_MAX];
};

static int out_of_room(const struct Parts *p, char *why, size_t n) {
    return why_set(why, n, -EINVAL, "%s: longer than %d bytes", p->option, TEXT_MAX - 1);
}

/* ",KEY=VALUE", in which a comma is written twice. False: no room. */
static bool put(char to[TEXT_MAX], const char *key, const char *value) {
    size_t used = strlen(to);
    int length = snprintf(to + used, TEXT_MAX - used, "%s%s%s", used > 0 ? "," : "", key, value != NULL ? "=" : "");
    if (length < 0 || (size_t)length >= TEXT_MAX - used)
        return false;
    used += (size_t)length;
    for (const char *from = value; from != NULL && *from != '\0'; from++) {
        if (used + 3 > TEXT_MAX)
            return false;
        if (*from == ',')
            to[used++] = ',';
        to[used++] = *from;
        to[used] = '\0';
    }
    return true;
}

static int choose_model(struct Parts *p, const char *model, char *why, size_t n) {
    struct Nearest near = {0};
    for (unsigned i = 0; i < MODELS; i++) {
        nearest_consider(&near, model, models[i].model);
        if (strcmp(models[i].model, model) == 0)
            return p->device = models[i].device, 0;
    }
    return why_set(why, n, -EINVAL, "%s: model=%s is not supported; the nearest is model=%s", p->option, model,
                   near.name);
}

/* Keys that are the card's, and what -device calls them. */
static const char *card_key(const char *key) {
    static const struct {
        const char *key, *is;
    } keys[] = {{"mac", "mac"},         {"macaddr", "mac"},     {"addr", "addr"},
                {"vectors", "vectors"}, {"romfile", "romfile"}, {"bootindex", "bootindex"}};
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strcmp(keys[i].key, key) == 0)
            return keys[i].is;
    return NULL;
}

/* Put the items of `list` where they belong. */
static int take_apart(struct Parts *p, char *list, char *why, size_t n) {
    char *key, *value;
    int r = 0;
    while (r == 0 && list_cut_property(&list, &key, &value)) {
        if (value != NULL && strcmp(key, "model") == 0)
            r = choose_model(p, value, why, n);
        else if (value != NULL && card_key(key) != NULL)
            r = put(p->card, card_key(key), value) ? 0 : out_of_room(p, why, n);
        else if (key[0] != '\0')
            r = put(p->host, key, value) ? 0 : out_of_room(p, why, n);
    }
    return r;
}

/* The slot where QEMU's board has its card, if nothing is there. */
static bool put_usual_slot(const struct Machine *m, struct Parts *p) {
    enum { USUAL_SLOT = 3 };
    bool given = strncmp(p->card, "addr=", 5) == 0 || strstr(p->card, ",addr=") != NULL;
    return given || m->pci.devices[USUAL_SLOT * PCI_FUNCTIONS] != NULL || put(p->card, "addr", "3");
}

static int add_card(struct Machine *m, struct Parts *p, char *why, size_t n) {
    char text[TEXT_MAX + 64];
    if ((p->netdev != NULL && !put(p->card, "netdev", p->netdev)) || !put_usual_slot(m, p))
        return out_of_room(p, why, n);
    snprintf(text, sizeof(text), "%s%s%s", p->device, p->card[0] != '\0' ? "," : "", p->card);
    return storage_add_device(m, text, why, n);
}

/* A name that no option can have given. */
static void choose_id(const struct Machine *m, char id[16]) {
    unsigned i = 0;
    do
        snprintf(id, 16, "#net%u", i++);
    while (net_find_netdev(m, id) != NULL);
}

static int open_host(struct Machine *m, const struct Parts *p, struct Netdev **d, char *why, size_t n) {
    char id[16];
    choose_id(m, id);
    return net_open(m, p->option, p->host, id, d, why, n);
}

static struct Parts *new_parts(const char *option) {
    struct Parts *p = calloc(1, sizeof(*p));
    if (p != NULL) {
        p->option = option;
        p->device = models[0].device;
    }
    return p;
}

/* ---- -nic ---- */

static int add_nic(struct Machine *m, const char *text, char *why, size_t n) {
    char *copy = strdup(text);
    struct Parts *p = new_parts("-nic");
    struct Netdev *d;
    int r = copy != NULL && p != NULL ? take_apart(p, copy, why, n) : why_errno(why, n, -ENOMEM, "-nic");
    if (r == 0 && strcmp(p->host, "none") != 0) {
        r = open_host(m, p, &d, why, n);
        if (r == 0) {
            p->netdev = d->id;
            r = add_card(m, p, why, n);
        }
    }
    free(p);
    free(copy);
    return r;
}

/* ---- -net ---- */

/* They used to share one wire; here each of the two kinds is there once at most. */
struct Wire {
    struct Parts *card;
    struct Netdev *host;
};

static const char one_each[] =
    "-net: one nic and one host end are the most; -nic gives each card a host end of its own";

static int add_net_nic(struct Wire *w, struct Parts *p, char *why, size_t n) {
    char *list = strchr(p->host, ',');
    if (w->card != NULL)
        return why_set(why, n, -EINVAL, "%s", one_each);
    if (list != NULL)
        return why_set(why, n, -EINVAL, "-net nic: '%s' is not known; model=, macaddr=, addr= and vectors= are",
                       list + 1);
    w->card = p;
    return 0;
}

static int add_net(struct Machine *m, struct Wire *w, const char *text, char *why, size_t n) {
    char *copy = strdup(text);
    struct Parts *p = new_parts("-net");
    int r = copy != NULL && p != NULL ? take_apart(p, copy, why, n) : why_errno(why, n, -ENOMEM, "-net");
    if (r == 0 && strcmp(p->host, "none") != 0) {
        if (strncmp(p->host, "nic", 3) == 0 && (p->host[3] == '\0' || p->host[3] == ','))
            r = add_net_nic(w, p, why, n);
        else if (w->host != NULL)
            r = why_set(why, n, -EINVAL, "%s", one_each);
        else
            r = open_host(m, p, &w->host, why, n);
    }
    if (p != w->card)
        free(p);
    free(copy);
    return r;
}

static int add_nets(struct Machine *m, const char *const *list, char *why, size_t n) {
    struct Wire w = {0};
    int r = 0;
    for (; r == 0 && list != NULL && *list != NULL; list++)
        r = add_net(m, &w, *list, why, n);
    if (r == 0 && w.card != NULL) {
        w.card->netdev = w.host != NULL ? w.host->id : NULL;
        r = add_card(m, w.card, why, n);
    }
    free(w.card);
    return r;
}

/* ---- all of them ---- */

static bool has_any(const char *const *list) { return list != NULL && list[0] != NULL; }

/* With -icount a network would make runs differ, so there is one only for those who ask. */
static bool wants_default(const struct Machine *m, const Twin86Config *c) {
    return c->default_network && !has_any(c->netdevs) && !has_any(c->nics) && !has_any(c->nets) && !m->config.icount &&
           user_is_there();
}

/* Its ROM would only take time, but where firmware is told to start it. */
static const char *default_nic(const struct Machine *m) {
    bool boots = strchr(m->fw.boot.order, 'n') != NULL || strchr(m->fw.boot.once, 'n') != NULL;
    return boots ? "user" : "user,romfile=";
}

int net_create_cards(struct Machine *m, const Twin86Config *config, char *why, size_t n) {
    int r = add_nets(m, config->nets, why, n);
    for (const char *const *s = config->nics; r == 0 && s != NULL && *s != NULL; s++)
        r = add_nic(m, *s, why, n);
    return r == 0 && wants_default(m, config) ? add_nic(m, default_nic(m), why, n) : r;
}
