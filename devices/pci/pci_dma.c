/* SPDX-License-Identifier: MIT */
#include "devices/pci/pci_dma.h"

#include <string.h>

enum { STATUS_RECEIVED_MASTER_ABORT = 0x20 }; /* in the status register's upper byte */

static bool complain(struct PciDevice *dev, const char *what, uint64_t gpa) {
    dev->state->config[PCI_STATUS + 1] |= STATUS_RECEIVED_MASTER_ABORT;
    device_error(dev->host->log, dev->name, what, gpa);
    return false;
}

/* Bytes from gpa on, `n` at most, that are all memory (*memory) or all something else. */
static size_t piece(struct PciDevice *dev, uint64_t gpa, size_t n, bool write, bool *memory) {
    uint64_t offset, avail;
    struct Region *r = bus_find(dev->host->bus, gpa, &offset, &avail);
    *memory = r && (r->kind == REGION_RAM || (r->kind == REGION_ROM && !write));
    return avail < n ? avail : n;
}

bool pci_dma_read(struct PciDevice *dev, uint64_t gpa, void *buf, size_t n) {
    uint8_t *to = buf;
    bool all = true, memory;
    if (!pci_is_master(dev)) {
        memset(buf, 0xff, n);
        return false;
    }
    for (size_t take; n > 0; n -= take, gpa += take, to += take) {
        take = piece(dev, gpa, n, false, &memory);
        if (memory)
            bus_read(dev->host->bus, gpa, to, take);
        else
            memset(to, 0xff, take);
        if (!memory)
            all = complain(dev, "reads what is no memory, address", gpa);
    }
    return all;
}

bool pci_dma_write(struct PciDevice *dev, uint64_t gpa, const void *buf, size_t n) {
    const uint8_t *from = buf;
    bool all = true, memory;
    if (!pci_is_master(dev))
        return false;
    for (size_t take; n > 0; n -= take, gpa += take, from += take) {
        take = piece(dev, gpa, n, true, &memory);
        if (memory)
            bus_write(dev->host->bus, gpa, from, take);
        else
            all = complain(dev, "writes to what is no memory, address", gpa);
    }
    return all;
}

void *pci_dma_map(struct PciDevice *dev, uint64_t gpa, size_t n) {
    return pci_is_master(dev) ? bus_ram_ptr(dev->host->bus, gpa, n) : NULL;
}

void pci_dma_written(struct PciDevice *dev, uint64_t gpa, size_t n) { bus_ram_written(dev->host->bus, gpa, n); }
