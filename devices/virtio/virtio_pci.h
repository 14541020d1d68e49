/* SPDX-License-Identifier: MIT */
/**
 * Virtio over PCI (specification 1.2, 4.1): a transitional function, which a driver of 1.0 and later finds by its
 * capabilities (registers in memory BAR 4) and an older one in I/O BAR 0, where its type had older drivers. Interrupts
 * by MSI-X (table in BAR 1) or INTA#.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_VIRTIO_PCI_H
#define TWIN86_DEVICES_VIRTIO_PCI_H

#include "devices/pci/pci_msi.h"
#include "devices/virtio/virtio.h"

struct VirtioPciState {
    struct PciDeviceState pci;
    uint8_t unused_2[4];
    struct PciMsixState msix;
    uint32_t device_select, driver_select; /* which half of the features */
    uint16_t queue_select;
    uint8_t unused[6];
};

struct VirtioPci {
    struct VirtioPciState state;
    struct PciDevice pci;
    struct PciMsix msix;
    struct Region region;
    struct Virtio *virtio;
    bool modern;    /* of a type that no driver older than 1.0 knows: without I/O BAR 0 */
    uint8_t access; /* offset of the capability by which registers are reached through configuration space */
};

/** Device types (5, "Device Types"). */
enum {
    VIRTIO_TYPE_NET = 1,
    VIRTIO_TYPE_BLOCK,
    VIRTIO_TYPE_CONSOLE,
    VIRTIO_TYPE_ENTROPY,
    VIRTIO_TYPE_BALLOON,
    VIRTIO_TYPE_9P = 9,
    VIRTIO_TYPE_INPUT = 18,
};

/** What the function is. */
struct VirtioPciId {
    const char *name;
    uint16_t type;
    uint32_t class_code; /* as pci_device_init */
};

/** Begin the function; the device is made on &p->pci, then given to virtio_pci_show. */
void virtio_pci_init(struct VirtioPci *p, const struct VirtioPciId *id);
/** Show it with `vectors` of MSI-X. 0 or -errno. */
int virtio_pci_show(struct VirtioPci *p, struct Virtio *v, unsigned vectors);
/** pci_reset has reset the function. */
void virtio_pci_reset(struct VirtioPci *p);
extern const struct StateTable virtio_pci_state_table;

#endif
