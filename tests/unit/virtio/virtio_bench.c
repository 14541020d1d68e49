/* SPDX-License-Identifier: MIT */
#include "tests/unit/virtio/virtio_bench.h"

#include <string.h>

enum { DEVFN = 4 * PCI_FUNCTIONS, DESC = 0, AVAIL = 0x1000, USED = 0x2000, STEP = 0x4000 };

static uint64_t place(unsigned n, unsigned part) { return VB_RINGS + (uint64_t)n * STEP + part; }

uint64_t vb_get(struct VirtioBench *b, uint64_t at, unsigned size) { return bus_read_uint(b->dev.bus, at, size); }
void vb_put(struct VirtioBench *b, uint64_t at, uint64_t value, unsigned size) {
    bus_write_uint(b->dev.bus, at, value, size);
}

static void cfg(struct VirtioBench *b, unsigned reg, uint32_t value, unsigned size) {
    pci_config_write(&b->host, 0, DEVFN, reg, value, size);
}

void virtio_bench_open(struct VirtioBench *b, const struct VirtioPciId *id) {
    memset(b, 0, sizeof(*b));
    struct PciHostConfig config = {.mmio_base = 0xc0000000, .mmio_end = 0xfec00000, .pirq = wire_to(&b->pirq)};
    bench_open(&b->dev);
    ck_assert_int_eq(region_init_ram(&b->ram, "ram", VB_RAM), 0);
    ck_assert_int_eq(bus_map(b->dev.bus, 0, &b->ram), 0);
    pci_init(&b->host, b->dev.bus, &config);
    virtio_pci_init(&b->pci, id);
}

void virtio_bench_show(struct VirtioBench *b, struct Virtio *v) {
    ck_assert_int_eq(virtio_pci_show(&b->pci, v, 2), 0);
    ck_assert_int_eq(pci_add_device(&b->host, &b->pci.pci, DEVFN / PCI_FUNCTIONS, 0), 0);
    virtio_pci_reset(&b->pci);
    cfg(b, PCI_BAR0, VB_OLD, 4);
    cfg(b, PCI_BAR0 + 16, VB_BAR, 4);
    cfg(b, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

void virtio_bench_close(struct VirtioBench *b) {
    virtio_pci_reset(&b->pci);
    bench_close(&b->dev);
    region_destroy(&b->ram);
}

void vb_start(struct VirtioBench *b, uint64_t features, unsigned queues) {
    memset(b->seen, 0, sizeof(b->seen));
    vb_put(b, VB_BAR + 0x14, 0, 1);
    memset(b->ram.host + VB_RINGS, 0, (size_t)queues * STEP);
    vb_put(b, VB_BAR + 0x14, 3, 1);
    features |= VIRTIO_F_VERSION_1;
    for (unsigned half = 0; half < 2; half++) {
        vb_put(b, VB_BAR + 0x08, half, 4);
        vb_put(b, VB_BAR + 0x0c, (uint32_t)(features >> 32 * half), 4);
    }
    vb_put(b, VB_BAR + 0x14, 11, 1);
    ck_assert_uint_eq(vb_get(b, VB_BAR + 0x14, 1), 11);
    for (unsigned n = 0; n < queues; n++) {
        vb_put(b, VB_BAR + 0x16, n, 2);
        vb_put(b, VB_BAR + 0x18, VB_ENTRIES, 2);
        vb_put(b, VB_BAR + 0x20, place(n, DESC), 8);
        vb_put(b, VB_BAR + 0x28, place(n, AVAIL), 8);
        vb_put(b, VB_BAR + 0x30, place(n, USED), 8);
        vb_put(b, VB_BAR + 0x1c, 1, 2);
    }
    vb_put(b, VB_BAR + 0x14, 15, 1);
}

/* Of 256 entries, as such devices have it, a queue is three pages: descriptors, available ring, used ring. */
void vb_start_legacy(struct VirtioBench *b, uint32_t features, unsigned queues) {
    memset(b->seen, 0, sizeof(b->seen));
    bus_port_write(b->dev.bus, VB_OLD + 18, 0, 1);
    memset(b->ram.host + VB_RINGS, 0, (size_t)queues * STEP);
    bus_port_write(b->dev.bus, VB_OLD + 18, 3, 1);
    bus_port_write(b->dev.bus, VB_OLD + 4, features, 4);
    for (unsigned n = 0; n < queues; n++) {
        bus_port_write(b->dev.bus, VB_OLD + 14, n, 2);
        bus_port_write(b->dev.bus, VB_OLD + 8, (uint32_t)(place(n, DESC) >> 12), 4);
    }
    bus_port_write(b->dev.bus, VB_OLD + 18, 7, 1);
}

void vb_descriptor(struct VirtioBench *b, unsigned n, unsigned i, uint64_t address, uint32_t length, unsigned flags,
                   unsigned next) {
    uint64_t at = place(n, DESC) + 16 * i;
    vb_put(b, at, address, 8);
    vb_put(b, at + 8, length, 4);
    vb_put(b, at + 12, flags, 2);
    vb_put(b, at + 14, next, 2);
}

void vb_offer(struct VirtioBench *b, unsigned n, unsigned head) {
    uint64_t ring = place(n, AVAIL);
    uint16_t index = (uint16_t)vb_get(b, ring + 2, 2);
    unsigned size = b->pci.virtio->state->queue[n].size;
    vb_put(b, ring + 4 + 2 * (index % size), head, 2);
    vb_put(b, ring + 2, (uint16_t)(index + 1), 2);
    if (b->pci.virtio->state->features & VIRTIO_F_VERSION_1)
        vb_put(b, VB_NOTIFY + 4 * n, n, 2);
    else
        bus_port_write(b->dev.bus, VB_OLD + 16, n, 2);
}

int64_t vb_used(struct VirtioBench *b, unsigned n) {
    uint64_t ring = place(n, USED);
    unsigned size = b->pci.virtio->state->queue[n].size;
    if ((uint16_t)vb_get(b, ring + 2, 2) == b->seen[n])
        return -1;
    return (int64_t)vb_get(b, ring + 4 + 8 * (b->seen[n]++ % size) + 4, 4);
}
