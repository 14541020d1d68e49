/* SPDX-License-Identifier: MIT */
/* What all of virtio's functions have in common: their places, their life. */
#include "base/lists.h"
#include "base/why.h"
#include "machine/machine.h"

#include <errno.h>
#include <string.h>

unsigned virtio_free_slot(const struct Machine *m) {
    unsigned slot = PCI_FIRST_FREE_SLOT;
    while (slot < PCI_SLOTS && m->pci.devices[slot * PCI_FUNCTIONS] != NULL)
        slot++;
    return slot;
}

bool virtio_plug_property(struct VirtioPlug *p, const char *key, const char *value) {
    if (value == NULL)
        return false;
    if (strcmp(key, "id") == 0)
        return p->id = value, true;
    if (strcmp(key, "romfile") == 0)
        return p->romfile = value, true;
    if (strcmp(key, "bus") == 0)
        return strcmp(value, "pci.0") == 0 || strcmp(value, "pci") == 0;
    return strcmp(key, "addr") == 0 && list_pci_slot(value, PCI_SLOTS - 1, &p->slot) && p->slot >= PCI_FIRST_FREE_SLOT;
}

int virtio_choose_slot(struct Machine *m, const struct VirtioPlug *p, const char *name, unsigned *slot, char *why,
                       size_t n) {
    *slot = p->slot != 0 ? (unsigned)p->slot : virtio_free_slot(m);
    if (*slot >= PCI_SLOTS || m->pci.devices[*slot * PCI_FUNCTIONS] != NULL)
        return why_set(why, n, -EINVAL, "-device %s: slot %u of pci.0 is taken", name, *slot);
    return 0;
}

int virtio_plug(struct Machine *m, struct VirtioPci *pci, struct Virtio *v, const struct VirtioPlug *p,
                unsigned vectors, char *why, size_t n) {
    unsigned slot;
    int r = virtio_choose_slot(m, p, pci->pci.name, &slot, why, n);
    if (r != 0)
        return r;
    r = firmware_add_pci_rom(m, &pci->pci, p->romfile, why, n);
    if (r != 0)
        return r;
    r = virtio_pci_show(pci, v, vectors);
    if (r == 0)
        r = pci_add_device(&m->pci, &pci->pci, slot, 0);
    return r == 0 ? 0 : why_errno(why, n, r, pci->pci.name);
}

void virtio_devices_reset(struct Machine *m) {
    if (m->virtio.rng.plugged)
        virtio_pci_reset(&m->virtio.rng.pci);
    if (m->virtio.serial.plugged)
        virtio_pci_reset(&m->virtio.serial.pci);
    if (m->virtio.balloon.plugged)
        virtio_pci_reset(&m->virtio.balloon.pci);
    for (unsigned i = 0; i < VIRTIO_INPUT_KINDS; i++)
        if (m->virtio.input[i].plugged)
            virtio_pci_reset(&m->virtio.input[i].pci);
    virtio_folders_reset(m);
}

void virtio_devices_restored(struct Machine *m) {
    if (m->virtio.rng.plugged)
        virtio_rng_restored(&m->virtio.rng.rng);
    if (m->virtio.serial.plugged)
        virtio_serial_restored(&m->virtio.serial.serial);
    if (m->virtio.balloon.plugged)
        virtio_balloon_restored(&m->virtio.balloon.balloon);
    for (unsigned i = 0; i < VIRTIO_INPUT_KINDS; i++)
        if (m->virtio.input[i].plugged)
            virtio_input_restored(&m->virtio.input[i].input);
    virtio_folders_restored(m);
}
