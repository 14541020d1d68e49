/* SPDX-License-Identifier: MIT */
/**
 * What tests of virtio's devices stand on: a function on a bus with RAM, and the simplest driver for it. Each queue has
 * 16 entries at a place of its own, and MSI-X is off: interrupts are seen at INTA#.
 */
#ifndef TWIN86_TESTS_UNIT_VIRTIO_BENCH_H
#define TWIN86_TESTS_UNIT_VIRTIO_BENCH_H

#include "devices/virtio/virtio_pci.h"
#include "tests/unit/devices/device_bench.h"

enum {
    VB_RAM = 8 << 20,
    VB_BAR = 0xd0000000,
    VB_OLD = 0xc000,
    VB_CONFIG = VB_BAR + 0x2000,
    VB_NOTIFY = VB_BAR + 0x3000,
    VB_RINGS = 0x10000, /* 16 KiB for each queue */
    VB_ENTRIES = 16,
};
enum { VB_NEXT = 1, VB_WRITE = 2 };

struct VirtioBench {
    struct DeviceBench dev;
    struct Region ram;
    struct PciHost host;
    struct VirtioPci pci;
    struct WireLog pirq;
    uint16_t seen[64]; /* of each queue's used ring */
};

/** A bus with RAM; then the device is made on &b->pci.pci, and shown. */
void virtio_bench_open(struct VirtioBench *b, const struct VirtioPciId *id);
void virtio_bench_show(struct VirtioBench *b, struct Virtio *v);
void virtio_bench_close(struct VirtioBench *b);

uint64_t vb_get(struct VirtioBench *b, uint64_t at, unsigned size);
void vb_put(struct VirtioBench *b, uint64_t at, uint64_t value, unsigned size);
/** Features and `queues` queues, up to DRIVER_OK, as a driver of 1.0 does it; the legacy way through ports. */
void vb_start(struct VirtioBench *b, uint64_t features, unsigned queues);
void vb_start_legacy(struct VirtioBench *b, uint32_t features, unsigned queues);
/** Descriptor `i` of queue n. */
void vb_descriptor(struct VirtioBench *b, unsigned n, unsigned i, uint64_t address, uint32_t length, unsigned flags,
                   unsigned next);
/** Offer the buffer that begins at descriptor `head`, and ring the bell. */
void vb_offer(struct VirtioBench *b, unsigned n, unsigned head);
/** One that came back: its length, or -1. */
int64_t vb_used(struct VirtioBench *b, unsigned n);

#endif
