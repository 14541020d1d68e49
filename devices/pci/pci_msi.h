/* SPDX-License-Identifier: MIT */
/**
 * Message signaled interrupts (PCI Local Bus specification 3.0, 6.8): MSI with masking and 64-bit addresses, and MSI-X
 * with its table and pending bits in a BAR of its own. While either is enabled, the INTx pin is silent. A message is a
 * write by the device, so it needs the bus master bit; to FEExxxxxh it reaches the local APICs, elsewhere memory.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_PCI_MSI_H
#define TWIN86_DEVICES_PCI_MSI_H

#include "devices/pci/pci.h"

enum { PCI_MSI_MOST = 32, PCI_MSIX_MOST = 64, PCI_MSIX_ENTRY_WORDS = 4 };

/* ---- MSI: all its state is in configuration space ---- */

/** Give the device the capability for `vectors` (1, 2, 4, ... 32). 0, -EINVAL or -ENOSPC. */
int pci_msi_init(struct PciDevice *dev, unsigned vectors);
bool pci_msi_enabled(const struct PciDevice *dev);
/** Send vector n, or if it is masked keep it pending. Of fewer vectors than the device has, the rest share the last
 *  bits (6.8.1.3). Nothing happens while MSI is off. */
void pci_msi_send(struct PciDevice *dev, unsigned n);

/* ---- MSI-X ---- */

struct PciMsixState {
    uint32_t table[PCI_MSIX_MOST * PCI_MSIX_ENTRY_WORDS]; /* address, its upper half, data, control */
    uint64_t pending;
};

struct PciMsix {
    struct PciMsixState *state; /* the owner's */
    struct PciDevice *dev;
    struct Region region;
    unsigned vectors;
    uint8_t offset; /* of the capability */
};

/** Give the device the capability for `vectors` (1 to 64) whose table is in memory BAR `bar`. 0, -EINVAL, -ENOSPC. */
int pci_msix_init(struct PciMsix *x, struct PciMsixState *state, struct PciDevice *dev, unsigned vectors, unsigned bar);
/** All masked, nothing pending; pci_reset has reset the function. */
void pci_msix_reset(struct PciMsix *x);
bool pci_msix_enabled(const struct PciMsix *x);
/** Send vector n, or if it is masked keep it pending. Nothing happens while MSI-X is off, or if there is no such one.
 */
void pci_msix_send(struct PciMsix *x, unsigned n);
/** A PciMsixState within another device's state. */
extern const struct StateTable pci_msix_state_table;

#endif
