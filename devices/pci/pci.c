/* SPDX-License-Identifier: MIT */
/* PCI host bridge: the ways to configuration space, and who is on the bus. */
#include "devices/pci/pci_internal.h"

#include <errno.h>
#include <string.h>

enum { PORT_BASE = 0xcf8, PORT_COUNT = 8, OFFSET_RESET = 1, OFFSET_DATA = 4 };

#define ADDRESS_ENABLE (1u << 31)
#define ADDRESS_BITS 0x80fffffcu
#define ADDRESS_RESERVED 0x7f000000u

/* ---- configuration accesses ---- */

static struct PciDevice *find(struct PciHost *host, unsigned bus, unsigned devfn) {
    return bus == 0 && devfn < PCI_SLOTS * PCI_FUNCTIONS ? host->devices[devfn] : NULL;
}

static bool is_legal_access(unsigned offset, unsigned size) {
    return (size == 1 || size == 2 || size == 4) && offset < PCI_CONFIG_SIZE && offset % 4 + size <= 4;
}

uint32_t pci_config_read(struct PciHost *host, unsigned bus, unsigned devfn, unsigned offset, unsigned size) {
    struct PciDevice *dev = find(host, bus, devfn);
    return dev && is_legal_access(offset, size) ? pci_device_read(dev, offset, size) : UINT32_MAX;
}

void pci_config_write(struct PciHost *host, unsigned bus, unsigned devfn, unsigned offset, uint32_t value,
                      unsigned size) {
    struct PciDevice *dev = find(host, bus, devfn);
    if (dev && is_legal_access(offset, size))
        pci_device_write(dev, offset, value, size);
}

static const char *not_addressed(uint64_t offset) {
    return offset < OFFSET_DATA ? "the address register takes double words only, port"
                                : "data without an address in CF8h, port";
}

static void set_address(struct PciHost *host, uint64_t value) {
    if (value & ADDRESS_RESERVED)
        device_error(host->log, "PCI", "reserved bits in the configuration address", value);
    host->state.address = value & ADDRESS_BITS;
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned size) {
    struct PciHost *host = opaque;
    uint32_t a = host->state.address;
    if (offset == 0 && size == 4)
        return a;
    if (offset == OFFSET_RESET && size == 1 && host->config.reset_ops)
        return host->config.reset_ops->read(host->config.reset_opaque, 0, 1);
    if (offset < OFFSET_DATA || !(a & ADDRESS_ENABLE)) {
        device_error(host->log, "PCI", not_addressed(offset), PORT_BASE + offset);
        return UINT32_MAX;
    }
    return pci_config_read(host, a >> 16 & 0xff, a >> 8 & 0xff, (a & 0xfc) + (offset - OFFSET_DATA), size);
}

/* Only a dword write reaches the address register; smaller ones are ordinary I/O (specification 3.2.2.3.2). */
static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size) {
    struct PciHost *host = opaque;
    uint32_t a = host->state.address;
    if (offset == 0 && size == 4)
        set_address(host, value);
    else if (offset == OFFSET_RESET && size == 1 && host->config.reset_ops)
        host->config.reset_ops->write(host->config.reset_opaque, 0, value, 1);
    else if (offset >= OFFSET_DATA && a & ADDRESS_ENABLE)
        pci_config_write(host, a >> 16 & 0xff, a >> 8 & 0xff, (a & 0xfc) + (offset - OFFSET_DATA), value, size);
    else
        device_error(host->log, "PCI", not_addressed(offset), PORT_BASE + offset);
}

static const struct IoOps port_ops = {.read = port_read, .write = port_write, .min_size = 1, .max_size = 4};

/* ---- life ---- */

/* Function 0 says whether there are others (specification 6.2.1, "Header Type"). */
static void mark_multifunction(struct PciHost *host, unsigned slot) {
    struct PciDevice **function = &host->devices[slot * PCI_FUNCTIONS];
    bool several = false;
    for (unsigned f = 1; f < PCI_FUNCTIONS; f++)
        several |= function[f] != NULL;
    if (function[0] && several) {
        function[0]->initial[PCI_HEADER_TYPE] |= PCI_MULTIFUNCTION;
        function[0]->state->config[PCI_HEADER_TYPE] |= PCI_MULTIFUNCTION;
    }
}

int pci_add_device(struct PciHost *host, struct PciDevice *dev, unsigned slot, unsigned function) {
    if (slot >= PCI_SLOTS || function >= PCI_FUNCTIONS)
        return -EINVAL;
    unsigned devfn = slot * PCI_FUNCTIONS + function;
    if (host->devices[devfn])
        return -EBUSY;
    dev->host = host;
    dev->devfn = devfn;
    host->devices[devfn] = dev;
    pci_device_reset(dev);
    mark_multifunction(host, slot);
    return 0;
}

void pci_reset(struct PciHost *host) {
    for (unsigned i = 0; i < PCI_SLOTS * PCI_FUNCTIONS; i++) {
        if (host->devices[i])
            pci_device_reset(host->devices[i]);
    }
    host->state.address = 0;
    pci_chipset_reset(host);
}

int pci_map(struct PciHost *host) {
    return bus_map_ports(host->bus, PORT_BASE, PORT_COUNT, "pci-config", &port_ops, host);
}

void pci_init(struct PciHost *host, struct Bus *bus, const struct PciHostConfig *config) {
    memset(host, 0, sizeof(*host));
    host->bus = bus;
    host->config = *config;
    pci_chipset_init(host);
}

/* ---- saved state ---- */

const struct StateTable pci_device_state_table = {
    .name = "PCI device",
    .size = sizeof(struct PciDeviceState),
    .field =
        (const struct StateField[]){
            STATE_ARRAY(PciDeviceState, config),
            STATE_FIELD(PciDeviceState, intx, .max = 1),
            STATE_FIELD(PciDeviceState, asserted, .max = 1),
            STATE_PADDING(PciDeviceState, unused),
            {0},
        },
};

const struct StateTable pci_state_table = {
    .name = "pci",
    .size = sizeof(struct PciHostState),
    .version = 1,
    .field =
        (const struct StateField[]){
            STATE_FIELD(PciHostState, address),
            STATE_ARRAY(PciHostState, pirq_count),
            STATE_FIELD(PciHostState, isa_levels),
            STATE_PADDING(PciHostState, unused),
            STATE_WITHIN(PciHostState, bridge, &pci_device_state_table),
            STATE_WITHIN(PciHostState, isa, &pci_device_state_table),
            {0},
        },
};

void pci_restored(struct PciHost *host) {
    pci_windows_restore(host);
    pci_chipset_restored(host);
}
