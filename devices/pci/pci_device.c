/* SPDX-License-Identifier: MIT */
/* What every PCI device has: configuration header, BARs, interrupt pin. */
#include "base/bytes.h"
#include "devices/pci/pci_internal.h"
#include "devices/pci/pci_msi.h"

#include <errno.h>
#include <string.h>

enum { STATUS_ERRORS = 0xf900 }; /* cleared by writing 1 */

void pci_device_init(struct PciDevice *dev, struct PciDeviceState *state, const char *name, uint16_t vendor,
                     uint16_t device, uint32_t class_code, uint8_t revision) {
    memset(dev, 0, sizeof(*dev));
    dev->state = state;
    dev->name = name;
    dev->next_capability = PCI_HEADER_SIZE;
    uint8_t *c = dev->initial;
    put_le16(c + PCI_VENDOR, vendor);
    put_le16(c + PCI_DEVICE, device);
    put_le32(c + PCI_REVISION, class_code << 8 | revision);
    put_le16(dev->writable + PCI_COMMAND,
             PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | 1 << 6 | 1 << 8 | PCI_COMMAND_INTX_OFF);
    put_le16(dev->clears + PCI_STATUS, STATUS_ERRORS);
    dev->writable[PCI_CACHE_LINE] = 0xff;
    dev->writable[PCI_LATENCY] = 0xff;
    dev->writable[PCI_INTERRUPT_LINE] = 0xff;
}

void pci_device_set_subsystem(struct PciDevice *dev, uint16_t vendor, uint16_t device) {
    put_le16(dev->initial + PCI_SUBSYSTEM_VENDOR, vendor);
    put_le16(dev->initial + PCI_SUBSYSTEM, device);
}

void pci_device_set_pin(struct PciDevice *dev, uint8_t pin) { dev->initial[PCI_INTERRUPT_PIN] = pin; }

int pci_device_add_capability(struct PciDevice *dev, uint8_t id, uint8_t size) {
    unsigned offset = dev->next_capability;
    if (size < 2 || offset + size > PCI_CONFIG_SIZE || offset < PCI_HEADER_SIZE)
        return -ENOSPC;
    uint8_t *c = dev->initial;
    c[offset] = id;
    c[offset + 1] = c[PCI_CAPABILITIES];
    c[PCI_CAPABILITIES] = offset;
    c[PCI_STATUS] |= PCI_STATUS_CAPABILITIES;
    dev->next_capability = (offset + size + 3) & ~3; /* 256 wraps to 0: full */
    return offset;
}

/* ---- configuration space, interrupts ---- */

void pci_device_reset(struct PciDevice *dev) {
    pci_set_irq(dev, false);
    memcpy(dev->state->config, dev->initial, PCI_CONFIG_SIZE);
    pci_windows_update(dev);
}

uint32_t pci_device_read(struct PciDevice *dev, unsigned offset, unsigned size) {
    uint32_t value = 0;
    if (dev->config_reading)
        dev->config_reading(dev, offset, size);
    memcpy(&value, dev->state->config + offset, size);
    return value;
}

void pci_device_write(struct PciDevice *dev, unsigned offset, uint32_t value, unsigned size) {
    uint8_t *c = dev->state->config;
    for (unsigned i = offset; i < offset + size; i++, value >>= 8) {
        c[i] = (c[i] & ~dev->writable[i]) | (value & dev->writable[i]);
        c[i] &= ~(value & dev->clears[i]);
    }
    pci_windows_update(dev);
    pci_device_update_irq(dev);
    if (dev->msi)
        pci_msi_written(dev);
    if (dev->msix)
        pci_msix_written(dev->msix);
    if (dev->config_written)
        dev->config_written(dev, offset, size);
}

void pci_device_update_irq(struct PciDevice *dev) {
    struct PciDeviceState *s = dev->state;
    bool messages = pci_msi_enabled(dev) || (dev->msix && pci_msix_enabled(dev->msix));
    bool asserted = s->intx && !messages && !(get_le16(s->config + PCI_COMMAND) & PCI_COMMAND_INTX_OFF);
    if (s->intx)
        s->config[PCI_STATUS] |= PCI_STATUS_INTX;
    else
        s->config[PCI_STATUS] &= ~PCI_STATUS_INTX;
    if (asserted == s->asserted)
        return;
    s->asserted = asserted;
    /* The mainboard rotates the pins from slot to slot. */
    unsigned pin = dev->initial[PCI_INTERRUPT_PIN] - 1u;
    pci_drive_pirq(dev->host, pci_pirq_of(dev->devfn / PCI_FUNCTIONS, pin), asserted);
}

void pci_set_irq(struct PciDevice *dev, bool level) {
    if (!dev->host || dev->initial[PCI_INTERRUPT_PIN] == 0)
        return;
    dev->state->intx = level;
    pci_device_update_irq(dev);
}
