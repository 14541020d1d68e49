/* SPDX-License-Identifier: MIT */
/**
 * Bus mastering: a device's own accesses to memory. They need the bus master bit of its command register, and reach RAM
 * and ROM alone: no device is entered, whatever address the guest names, so no transfer can come back to where it
 * began. What is not memory reads as FFh, swallows writes, and is told of as "received master abort" in the status
 * register.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_PCI_DMA_H
#define TWIN86_DEVICES_PCI_DMA_H

#include "devices/pci/pci.h"

/** May it? */
static inline bool pci_is_master(const struct PciDevice *dev) {
    return dev->state->config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

/** Copy `n` bytes from memory. False: it is no bus master (`buf` is all FFh), or some of it was no memory. */
bool pci_dma_read(struct PciDevice *dev, uint64_t gpa, void *buf, size_t n);
/** Copy `n` bytes to memory. False: it is no bus master (nothing was written), or some of it was no RAM. */
bool pci_dma_write(struct PciDevice *dev, uint64_t gpa, const void *buf, size_t n);

/** The host's address of `n` bytes of RAM, for a transfer of the host's own that takes its time; NULL: it is no bus
 * master, or they are not all RAM in one piece: copy them then. */
void *pci_dma_map(struct PciDevice *dev, uint64_t gpa, size_t n);
/** What was mapped has been written to. */
void pci_dma_written(struct PciDevice *dev, uint64_t gpa, size_t n);

#endif
