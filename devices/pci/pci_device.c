/* SPDX-License-Identifier: MIT */
/* What every PCI device has: configuration header, BARs, interrupt pin. */
#include "devices/pci/pci_internal.h"

#include <errno.h>
#include <string.h>

enum { STATUS_ERRORS = 0xf900 }; /* cleared by writing 1 */
enum { LOWEST_IO_BAR = 0x1000 }; /* below lie the ports of the mainboard, which the bridge never gives to a BAR */

void pci_device_init(struct PciDevice *dev, struct PciDeviceState *state, const char *name, uint16_t vendor,
                     uint16_t device, uint32_t class_code, uint8_t revision) {
    memset(dev, 0, sizeof *dev);
    dev->state = state;
    dev->name = name;
    dev->next_capability = PCI_HEADER_SIZE;
    uint8_t *c = dev->initial;
    pci_put16(c + PCI_VENDOR, vendor);
    pci_put16(c + PCI_DEVICE, device);
    pci_put32(c + PCI_REVISION, class_code << 8 | revision);
    pci_put16(dev->writable + PCI_COMMAND,
              PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | 1 << 6 | 1 << 8 | PCI_COMMAND_INTX_OFF);
    pci_put16(dev->clears + PCI_STATUS, STATUS_ERRORS);
    dev->writable[PCI_CACHE_LINE] = 0xff;
    dev->writable[PCI_LATENCY] = 0xff;
    dev->writable[PCI_INTERRUPT_LINE] = 0xff;
}

void pci_device_set_subsystem(struct PciDevice *dev, uint16_t vendor, uint16_t device) {
    pci_put16(dev->initial + PCI_SUBSYSTEM_VENDOR, vendor);
    pci_put16(dev->initial + PCI_SUBSYSTEM, device);
}

void pci_device_set_pin(struct PciDevice *dev, uint8_t pin) { dev->initial[PCI_INTERRUPT_PIN] = pin; }

static bool is_power_of_two(uint64_t n) { return n != 0 && (n & (n - 1)) == 0; }

static bool is_free(const struct PciDevice *dev, unsigned n) {
    bool upper_half = n > 0 && dev->bar[n - 1].size && dev->bar[n - 1].flags & PCI_BAR_64;
    return n < PCI_BARS && !dev->bar[n].size && !upper_half;
}

int pci_device_add_bar(struct PciDevice *dev, unsigned n, struct Region *region, uint8_t flags) {
    bool wide = flags & PCI_BAR_64;
    if (!is_free(dev, n) || (wide && !is_free(dev, n + 1)) || !is_power_of_two(region->size) || region->size < 16 ||
        (!wide && region->size > 1u << 31) || flags & ~(PCI_BAR_64 | PCI_BAR_PREFETCH))
        return -EINVAL;
    dev->bar[n] = (struct PciBar){.size = region->size, .region = region, .flags = flags};
    uint64_t mask = ~(region->size - 1);
    pci_put32(dev->initial + PCI_BAR0 + 4 * n, flags);
    pci_put32(dev->writable + PCI_BAR0 + 4 * n, (uint32_t)mask);
    if (wide)
        pci_put32(dev->writable + PCI_BAR0 + 4 * n + 4, mask >> 32);
    return 0;
}

int pci_device_add_io_bar(struct PciDevice *dev, unsigned n, unsigned size, const struct IoOps *ops, void *opaque) {
    if (!is_free(dev, n) || !is_power_of_two(size) || size < 4 || size > 256)
        return -EINVAL;
    dev->bar[n] = (struct PciBar){.size = size, .ops = ops, .opaque = opaque, .flags = PCI_BAR_IO};
    pci_put32(dev->initial + PCI_BAR0 + 4 * n, PCI_BAR_IO);
    pci_put32(dev->writable + PCI_BAR0 + 4 * n, ~(size - 1));
    return 0;
}

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

/* ---- BARs ---- */

static bool within(uint64_t at, uint64_t size, uint64_t base, uint64_t end) {
    return at >= base && at < end && size <= end - at;
}

/* Does the bridge send this range to the bus? RAM and the chipset's own ranges come first. */
static bool is_decodable(const struct PciHost *host, const struct PciBar *bar, uint64_t at) {
    const struct PciHostConfig *c = &host->config;
    if (bar->flags & PCI_BAR_IO)
        return within(at, bar->size, LOWEST_IO_BAR, 0x10000);
    return within(at, bar->size, c->mmio_base, c->mmio_end) || within(at, bar->size, c->mmio64_base, c->mmio64_end);
}

static uint64_t bar_address(const struct PciDevice *dev, unsigned n) {
    const uint8_t *p = dev->state->config + PCI_BAR0 + 4 * n;
    uint64_t at = pci_get32(p) & (dev->bar[n].flags & PCI_BAR_IO ? ~3u : ~15u);
    return dev->bar[n].flags & PCI_BAR_64 ? at | (uint64_t)pci_get32(p + 4) << 32 : at;
}

static void unmap_bar(struct PciDevice *dev, struct PciBar *bar) {
    if (!bar->mapped)
        return;
    bar->mapped = false;
    if (bar->flags & PCI_BAR_IO)
        bus_unmap_ports(dev->host->bus, bar->mapped_at, bar->size);
    else
        bus_unmap(dev->host->bus, bar->region);
}

static void map_bar(struct PciDevice *dev, struct PciBar *bar, uint64_t at) {
    int r = bar->flags & PCI_BAR_IO ? bus_map_ports(dev->host->bus, at, bar->size, dev->name, bar->ops, bar->opaque)
                                    : bus_map(dev->host->bus, at, bar->region);
    bar->mapped = r == 0; /* out of host memory: the BAR stays silent */
    bar->mapped_at = at;
}

void pci_device_update_bars(struct PciDevice *dev) {
    uint16_t command = pci_get16(dev->state->config + PCI_COMMAND);
    for (unsigned n = 0; n < PCI_BARS; n++) {
        struct PciBar *bar = &dev->bar[n];
        if (!bar->size)
            continue;
        uint64_t at = bar_address(dev, n);
        bool want = command & (bar->flags & PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
        want = want && is_decodable(dev->host, bar, at);
        if (bar->mapped && (!want || bar->mapped_at != at))
            unmap_bar(dev, bar);
        if (want && !bar->mapped)
            map_bar(dev, bar, at);
    }
}

/* ---- configuration space, interrupts ---- */

void pci_device_reset(struct PciDevice *dev) {
    pci_set_irq(dev, false);
    memcpy(dev->state->config, dev->initial, PCI_CONFIG_SIZE);
    pci_device_update_bars(dev);
}

uint32_t pci_device_read(const struct PciDevice *dev, unsigned offset, unsigned size) {
    uint32_t value = 0;
    memcpy(&value, dev->state->config + offset, size);
    return value;
}

static bool overlaps(unsigned offset, unsigned size, unsigned base, unsigned end) {
    return offset < end && base < offset + size;
}

void pci_device_write(struct PciDevice *dev, unsigned offset, uint32_t value, unsigned size) {
    uint8_t *c = dev->state->config;
    for (unsigned i = offset; i < offset + size; i++, value >>= 8) {
        c[i] = (c[i] & ~dev->writable[i]) | (value & dev->writable[i]);
        c[i] &= ~(value & dev->clears[i]);
    }
    if (overlaps(offset, size, PCI_COMMAND, PCI_STATUS)) {
        pci_device_update_bars(dev);
        pci_device_update_irq(dev);
    } else if (overlaps(offset, size, PCI_BAR0, PCI_BAR0 + 4 * PCI_BARS)) {
        pci_device_update_bars(dev);
    }
    if (dev->config_written)
        dev->config_written(dev, offset, size);
}

void pci_device_update_irq(struct PciDevice *dev) {
    struct PciDeviceState *s = dev->state;
    bool asserted = s->intx && !(pci_get16(s->config + PCI_COMMAND) & PCI_COMMAND_INTX_OFF);
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
