/* SPDX-License-Identifier: MIT */
/** What tests of the 82540EM stand on: the card on a bus with RAM, a driver of the simplest kind, and the other end. */
#ifndef TWIN86_TESTS_UNIT_E1000_BENCH_H
#define TWIN86_TESTS_UNIT_E1000_BENCH_H

#include "devices/net/e1000.h"
#include "tests/unit/devices/device_bench.h"

enum {
    EB_RAM = 4 << 20,
    EB_BAR = 0xd0000000,
    EB_PORTS = 0xc000,
    EB_TX = 0x10000,      /* the rings, */
    EB_RX = 0x20000,      /* of EB_RING descriptors each, */
    EB_BUFFERS = 0x40000, /* and buffers of 2 KiB to receive */
    EB_DATA = 0x100000,
    EB_RING = 16,
    EB_FRAMES = 128,
};
/* Registers by their offsets, as the manual has them. */
enum {
    R_CTRL = 0x0000,
    R_STATUS = 0x0008,
    R_EECD = 0x0010,
    R_EERD = 0x0014,
    R_CTRL_EXT = 0x0018,
    R_MDIC = 0x0020,
    R_ICR = 0x00c0,
    R_ITR = 0x00c4,
    R_ICS = 0x00c8,
    R_IMS = 0x00d0,
    R_IMC = 0x00d8,
    R_RCTL = 0x0100,
    R_TCTL = 0x0400,
    R_RDBAL = 0x2800,
    R_RDLEN = 0x2808,
    R_RDH = 0x2810,
    R_RDT = 0x2818,
    R_RDTR = 0x2820,
    R_RADV = 0x282c,
    R_RSRPD = 0x2c00,
    R_TDBAL = 0x3800,
    R_TDLEN = 0x3808,
    R_TDH = 0x3810,
    R_TDT = 0x3818,
    R_TIDV = 0x3820,
    R_TXDCTL = 0x3828,
    R_TADV = 0x382c,
    R_RXCSUM = 0x5000,
    R_MTA = 0x5200,
    R_RAL = 0x5400,
    R_RAH = 0x5404,
    R_VFTA = 0x5600,
    R_VET = 0x0038,
};
enum { C_TXDW = 1, C_TXQE = 2, C_LSC = 4, C_RXDMT0 = 0x10, C_RXO = 0x40, C_RXT0 = 0x80, C_MDAC = 0x200 };

struct E1000Bench {
    struct DeviceBench dev;
    struct Region ram;
    struct PciHost host;
    struct E1000 card;
    struct NetEnd end, peer;
    struct NetDoor door;
    struct WireLog pirq;
    bool refuses; /* the other end */
    unsigned frames, more;
    size_t bytes[EB_FRAMES];
    uint8_t frame[EB_FRAMES][2048]; /* what the card sent */
};

void e1000_bench_open(struct E1000Bench *b);
void e1000_bench_close(struct E1000Bench *b);
uint32_t eb_read(struct E1000Bench *b, unsigned offset);
void eb_write(struct E1000Bench *b, unsigned offset, uint32_t value);
uint64_t eb_get(struct E1000Bench *b, uint64_t at, unsigned size);
void eb_put(struct E1000Bench *b, uint64_t at, uint64_t value, unsigned size);
/** Rings, both directions, the link, all causes unmasked. */
void eb_start(struct E1000Bench *b, uint32_t rctl);
/** Put a descriptor's two halves at the tail, and move the tail on; not told to the card yet. */
void eb_describe(struct E1000Bench *b, uint64_t low, uint64_t high);
/** Tell it. */
void eb_kick(struct E1000Bench *b);
/** From the other end. */
void eb_receive(struct E1000Bench *b, const void *frame, size_t n);

#endif
