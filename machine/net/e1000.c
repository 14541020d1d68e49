/* SPDX-License-Identifier: MIT */
/* -device e1000. */
#include "base/lists.h"
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <string.h>

static const char model[] = "e1000";

static void ask_more(void *opaque) {
    struct E1000Nic *c = opaque;
    loop_post(&c->nic.machine->loop, &c->more);
}

static void more(void *opaque) { e1000_continue(&((struct E1000Nic *)opaque)->card); }

int net_add_e1000(struct Machine *m, const char *device, char *list, char *why, size_t n) {
    struct E1000Nic *c = m->net.e1000;
    struct NicProperties p;
    char *key, *value;
    nic_begin_properties(&p);
    while (list_cut_property(&list, &key, &value))
        if (!nic_property(&p, key, value))
            return why_set(why, n, -EINVAL, "-device %s: %s=%s is not right; %s are", device, key,
                           value != NULL ? value : "", NIC_PROPERTIES);
    while (c < m->net.e1000 + NET_CARDS && c->plugged)
        c++;
    if (c == m->net.e1000 + NET_CARDS)
        return why_set(why, n, -ENOSPC, "-device %s: %d of them are the most", device, NET_CARDS);
    loop_work_init(&c->more, more, c);
    int r = nic_init(m, &c->nic, model, &p, &e1000_net_ops, &c->card, why, n);
    if (r != 0)
        return r;
    struct E1000Config config = {.end = &c->nic.end, .more = ask_more, .opaque = c};
    memcpy(config.mac, c->nic.mac, MAC_SIZE);
    e1000_init(&c->card, m->clock, &config);
    c->plugged = true;
    return nic_plug(m, &c->nic, &c->card.pci, &p, "efi-e1000.rom", why, n);
}

void net_e1000_reset(struct Machine *m) {
    for (unsigned i = 0; i < NET_CARDS; i++)
        if (m->net.e1000[i].plugged)
            e1000_reset(&m->net.e1000[i].card);
}

void net_e1000_restored(struct Machine *m) {
    for (unsigned i = 0; i < NET_CARDS; i++)
        if (m->net.e1000[i].plugged)
            e1000_restored(&m->net.e1000[i].card);
}

void net_e1000_set_log(struct Machine *m, const struct DeviceLog *log) {
    for (unsigned i = 0; i < NET_CARDS; i++)
        m->net.e1000[i].card.log = log;
}
