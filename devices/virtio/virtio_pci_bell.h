/* SPDX-License-Identifier: MIT */
/** Where a virtio function's doorbells are, for who can serve them without an access to the device. */
#ifndef TWIN86_DEVICES_VIRTIO_PCI_BELL_H
#define TWIN86_DEVICES_VIRTIO_PCI_BELL_H

#include "devices/virtio/virtio_pci.h"

/** The virtio function that this is, shown to the guest; or NULL. */
struct VirtioPci *virtio_pci_of(const struct PciDevice *dev);
/** The offset in p->region of queue n's doorbell: writing 16 bits there is virtio_notify. */
uint64_t virtio_pci_bell(unsigned n);

#endif
