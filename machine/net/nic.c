/* SPDX-License-Identifier: MIT */
/* What all cards have: properties, an address, the end of a link, a place on the bus. */
#include "base/lists.h"
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- properties ---- */

void nic_begin_properties(struct NicProperties *p) { *p = (struct NicProperties){.bootindex = UINT64_MAX}; }

/* "52:54:00:12:34:56", or with dashes; not that of a group. */
static bool parse_mac(const char *text, uint8_t mac[MAC_SIZE]) {
    for (unsigned i = 0; i < MAC_SIZE; i++) {
        char *end;
        unsigned long byte = strtoul(text, &end, 16);
        bool last = i + 1 == MAC_SIZE;
        if (end == text || end - text > 2 || byte > 0xff || (last ? *end != '\0' : *end != ':' && *end != '-'))
            return false;
        mac[i] = (uint8_t)byte;
        text = end + 1;
    }
    return (mac[0] & 1) == 0;
}

bool nic_property(struct NicProperties *p, const char *key, const char *value) {
    if (value == NULL)
        return false;
    if (strcmp(key, "netdev") == 0)
        return p->netdev = value, true;
    if (strcmp(key, "mac") == 0)
        return p->has_mac = parse_mac(value, p->mac);
    if (strcmp(key, "bootindex") == 0)
        return list_number(value, INT32_MAX, &p->bootindex);
    return virtio_plug_property(&p->plug, key, value);
}

/* ---- the door ---- */

/* With -icount nothing enters but as posted work. */
static bool is_open(void *opaque) {
    const struct Machine *m = ((struct Nic *)opaque)->machine;
    return !m->config.icount && m->loop.active;
}

static void knock(void *opaque) {
    struct Nic *nic = opaque;
    loop_post(&nic->machine->loop, &nic->flush);
}

static void flush(void *opaque) { net_flush(&((struct Nic *)opaque)->end); }

/* ---- addresses and names ---- */

static bool is_taken(const struct Machine *m, const uint8_t mac[MAC_SIZE]) {
    for (const struct Nic *nic = m->net.nics; nic != NULL; nic = nic->next)
        if (memcmp(nic->mac, mac, MAC_SIZE) == 0)
            return true;
    return false;
}

/* QEMU's rule: counting from 52:54:00:12:34:56 on. */
static void choose_mac(const struct Machine *m, uint8_t mac[MAC_SIZE]) {
    static const uint8_t first[MAC_SIZE] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    memcpy(mac, first, MAC_SIZE);
    while (is_taken(m, mac))
        mac[MAC_SIZE - 1]++;
}

static unsigned count_model(const struct Machine *m, const char *model) {
    unsigned count = 0;
    for (const struct Nic *nic = m->net.nics; nic != NULL; nic = nic->next)
        count += strcmp(nic->model, model) == 0;
    return count;
}

struct NetEnd *net_find_end(const struct Machine *m, const char *name) {
    for (struct Nic *nic = m->net.nics; nic != NULL; nic = nic->next)
        if (strcmp(nic->name, name) == 0)
            return &nic->end;
    struct Netdev *d = net_find_netdev(m, name);
    return d != NULL ? &d->end : NULL;
}

/* ---- life ---- */

static int connect_netdev(struct Machine *m, struct Nic *nic, const char *id, char *why, size_t n) {
    struct Netdev *d = net_find_netdev(m, id);
    if (d == NULL)
        return why_set(why, n, -EINVAL, "-device %s: there is no -netdev with id=%s", nic->model, id);
    if (net_connect(&nic->end, &d->end) != 0)
        return why_set(why, n, -EBUSY, "-device %s: netdev '%s' has a card already", nic->model, id);
    return 0;
}

int nic_init(struct Machine *m, struct Nic *nic, const char *model, const struct NicProperties *p,
             const struct NetOps *ops, void *opaque, char *why, size_t n) {
    struct Nic **end = &m->net.nics;
    nic->machine = m;
    nic->model = model;
    nic->door = (struct NetDoor){is_open, knock, nic};
    loop_work_init(&nic->flush, flush, nic);
    if (p->plug.id != NULL && net_find_end(m, p->plug.id) != NULL)
        return why_set(why, n, -EEXIST, "-device %s: there is a '%s' already", model, p->plug.id);
    if (p->has_mac)
        memcpy(nic->mac, p->mac, MAC_SIZE);
    else
        choose_mac(m, nic->mac);
    if (p->plug.id != NULL)
        snprintf(nic->name, sizeof(nic->name), "%s", p->plug.id);
    else
        snprintf(nic->name, sizeof(nic->name), "%s.%u", model, count_model(m, model));
    net_end_init(&nic->end, nic->name, ops, opaque, &nic->door);
    while (*end != NULL)
        end = &(*end)->next;
    *end = nic;
    return p->netdev != NULL ? connect_netdev(m, nic, p->netdev, why, n) : 0;
}

int nic_plug(struct Machine *m, struct Nic *nic, struct PciDevice *pci, const struct NicProperties *p, const char *rom,
             char *why, size_t n) {
    unsigned slot;
    int r = virtio_choose_slot(m, &p->plug, nic->model, &slot, why, n);
    if (r != 0)
        return r;
    r = p->plug.romfile != NULL ? firmware_add_pci_rom(m, pci, p->plug.romfile, why, n)
                                : firmware_add_default_rom(m, pci, rom, why, n);
    if (r != 0)
        return r;
    if (p->bootindex != UINT64_MAX) {
        char path[64];
        snprintf(path, sizeof(path), "/pci@i0cf8/ethernet@%x/ethernet-phy@0", slot);
        m->fw.wanted = true;
        if ((r = boot_order_add(m, "-device", (int64_t)p->bootindex, path, why, n)) != 0)
            return r;
    }
    r = pci_add_device(&m->pci, pci, slot, 0);
    return r == 0 ? 0 : why_errno(why, n, r, nic->model);
}
