/* SPDX-License-Identifier: MIT */
/* -device virtio-net-pci. */
#include "base/lists.h"
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <string.h>

static const char model[] = "virtio-net-pci";

/* What may be left out, by QEMU's names. */
static const struct {
    const char *name;
    uint64_t feature;
} features[] = {
    {"csum", VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_HOST_ECN},
    {"guest_csum", VIRTIO_NET_GUEST_OFFLOADS},
    {"guest_tso4", VIRTIO_NET_F_GUEST_TSO4},
    {"guest_tso6", VIRTIO_NET_F_GUEST_TSO6},
    {"guest_ecn", VIRTIO_NET_F_GUEST_ECN},
    {"host_tso4", VIRTIO_NET_F_HOST_TSO4},
    {"host_tso6", VIRTIO_NET_F_HOST_TSO6},
    {"host_ecn", VIRTIO_NET_F_HOST_ECN},
    {"mrg_rxbuf", VIRTIO_NET_F_MRG_RXBUF},
    {"status", VIRTIO_NET_F_STATUS},
    {"ctrl_vq", VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_VLAN | VIRTIO_NET_F_CTRL_RX_EXTRA |
                    VIRTIO_NET_F_CTRL_MAC_ADDR | VIRTIO_NET_F_CTRL_GUEST_OFFLOADS | VIRTIO_NET_F_MQ},
    {"ctrl_rx", VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_RX_EXTRA},
    {"ctrl_vlan", VIRTIO_NET_F_CTRL_VLAN},
    {"ctrl_rx_extra", VIRTIO_NET_F_CTRL_RX_EXTRA},
    {"ctrl_mac_addr", VIRTIO_NET_F_CTRL_MAC_ADDR},
    {"ctrl_guest_offloads", VIRTIO_NET_F_CTRL_GUEST_OFFLOADS},
};

struct Properties {
    struct NicProperties nic;
    uint64_t mtu, vectors, without;
    bool mq;
};

static bool read_property(struct Properties *p, const char *key, const char *value) {
    enum { MTU_LEAST = 68, VECTORS_MOST = 2 * VIRTIO_NET_PAIRS + 2 };
    bool on;
    if (nic_property(&p->nic, key, value))
        return true;
    if (value == NULL)
        return false;
    if (strcmp(key, "host_mtu") == 0)
        return list_number(value, 65535, &p->mtu) && (p->mtu == 0 || p->mtu >= MTU_LEAST);
    if (strcmp(key, "vectors") == 0)
        return list_number(value, VECTORS_MOST, &p->vectors) && p->vectors > 0;
    if (strcmp(key, "mq") == 0)
        return list_switch(value, &p->mq);
    for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        if (strcmp(features[i].name, key) != 0)
            continue;
        if (!list_switch(value, &on))
            return false;
        p->without = on ? p->without & ~features[i].feature : p->without | features[i].feature;
        return true;
    }
    return false;
}

/* As many as the host end has queues, where the card is to have several. */
static unsigned choose_pairs(const struct Machine *m, const struct Properties *p) {
    const struct Netdev *d = p->mq && p->nic.netdev != NULL ? net_find_netdev(m, p->nic.netdev) : NULL;
    return d != NULL && d->queues > 0 ? (unsigned)d->queues : 1;
}

static void ask_more(void *opaque) {
    struct VirtioNic *v = opaque;
    loop_post(&v->nic.machine->loop, &v->more);
}

static void more(void *opaque) { virtio_net_continue(&((struct VirtioNic *)opaque)->net); }

static int plug(struct Machine *m, struct VirtioNic *v, const struct Properties *p, unsigned pairs, char *why,
                size_t n) {
    unsigned vectors = p->vectors != 0 ? (unsigned)p->vectors : 2 * pairs + 2; /* and one for the configuration */
    int r = virtio_pci_show(&v->pci, &v->net.virtio, vectors);
    if (r != 0)
        return why_errno(why, n, r, model);
    return nic_plug(m, &v->nic, &v->pci.pci, &p->nic, "efi-virtio.rom", why, n);
}

int net_add_virtio(struct Machine *m, const char *device, char *list, char *why, size_t n) {
    static const struct VirtioNetOps ops = {ask_more};
    static const struct VirtioPciId id = {model, VIRTIO_TYPE_NET, 0x020000};
    struct VirtioNic *v = m->net.virtio;
    struct Properties p = {0};
    char *key, *value;
    nic_begin_properties(&p.nic);
    while (list_cut_property(&list, &key, &value))
        if (!read_property(&p, key, value))
            return why_set(why, n, -EINVAL,
                           "-device %s: %s=%s is not right; %s, host_mtu=68 to 65535, mq=on|off, vectors=1 to 18 and "
                           "csum=, guest_tso4= and so on are (docs/network.md)",
                           device, key, value != NULL ? value : "", NIC_PROPERTIES);
    while (v < m->net.virtio + NET_CARDS && v->plugged)
        v++;
    if (v == m->net.virtio + NET_CARDS)
        return why_set(why, n, -ENOSPC, "-device %s: %d of them are the most", device, NET_CARDS);
    loop_work_init(&v->more, more, v);
    int r = nic_init(m, &v->nic, model, &p.nic, &virtio_net_end_ops, &v->net, why, n);
    if (r != 0)
        return r;
    struct VirtioNetConfig config = {
        .pairs = choose_pairs(m, &p),
        .mtu = (uint16_t)p.mtu,
        .without = p.without,
    };
    memcpy(config.mac, v->nic.mac, MAC_SIZE);
    virtio_pci_init(&v->pci, &id);
    virtio_net_init(&v->net, &v->pci.pci, &v->nic.end, &config, &ops, v);
    v->plugged = true;
    return plug(m, v, &p, config.pairs, why, n);
}

/* ---- life ---- */

void net_reset(struct Machine *m) {
    for (unsigned i = 0; i < NET_CARDS; i++)
        if (m->net.virtio[i].plugged)
            virtio_pci_reset(&m->net.virtio[i].pci);
    net_e1000_reset(m);
}

void net_restored(struct Machine *m) {
    for (struct Nic *nic = m->net.nics; nic != NULL; nic = nic->next)
        net_forget(&nic->end);
    for (unsigned i = 0; i < NET_CARDS; i++)
        if (m->net.virtio[i].plugged)
            virtio_net_restored(&m->net.virtio[i].net);
    net_e1000_restored(m);
}
