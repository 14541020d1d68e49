/* SPDX-License-Identifier: MIT */
/* What pci.c (host bridge) and pci_device.c share. */
#ifndef TWIN86_DEVICES_PCI_INTERNAL_H
#define TWIN86_DEVICES_PCI_INTERNAL_H

#include "devices/pci/pci.h"

/* pci_device.c; accesses lie within the 256 bytes */
void pci_device_reset(struct PciDevice *dev);
uint32_t pci_device_read(struct PciDevice *dev, unsigned offset, unsigned size);
void pci_device_write(struct PciDevice *dev, unsigned offset, uint32_t value, unsigned size);
void pci_device_update_irq(struct PciDevice *dev);

/* pci_window.c: configuration space has changed; was restored */
void pci_windows_update(struct PciDevice *dev);
void pci_windows_restore(struct PciHost *host);

/* pci_msi.c: their capability was written */
void pci_msi_written(struct PciDevice *dev);
void pci_msix_written(struct PciMsix *x);

/* chipset.c: the host's own two bridges */
void pci_chipset_init(struct PciHost *host);
void pci_chipset_reset(struct PciHost *host);
void pci_chipset_restored(struct PciHost *host);
/* one device more or less asserts PIRQ n */
void pci_drive_pirq(struct PciHost *host, unsigned n, bool assert);

#endif
