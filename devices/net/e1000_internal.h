/* SPDX-License-Identifier: MIT */
/* What the parts of the 82540EM share. Numbers in comments are sections of the manual (e1000.h). */
#ifndef TWIN86_DEVICES_NET_E1000_INTERNAL_H
#define TWIN86_DEVICES_NET_E1000_INTERNAL_H

#include "base/bytes.h"
#include "devices/net/e1000.h"

/* CTRL, 13.4.1 */
enum {
    CTRL_FD = 1 << 0,
    CTRL_SLU = 1 << 6,
    CTRL_SPEED_1000 = 2 << 8,
    CTRL_RST = 1 << 26,
    CTRL_VME = 1 << 30,
};
#define CTRL_PHY_RST (1u << 31)

/* STATUS, 13.4.2 */
enum { STATUS_FD = 1 << 0, STATUS_LU = 1 << 1, STATUS_1000 = 2 << 6 };

enum { CTRL_EXT_EE_RST = 1 << 13 }; /* 13.4.6 */

/* ICR, 13.4.17 */
enum {
    CAUSE_TXDW = 1 << 0,
    CAUSE_TXQE = 1 << 1,
    CAUSE_LSC = 1 << 2,
    CAUSE_RXDMT0 = 1 << 4,
    CAUSE_RXO = 1 << 6,
    CAUSE_RXT0 = 1 << 7,
    CAUSE_MDAC = 1 << 9,
    CAUSE_TXD_LOW = 1 << 15,
    CAUSE_SRPD = 1 << 16,
    CAUSES = 0x1ffff,
};

/* RCTL, 13.4.22 */
enum {
    RCTL_EN = 1 << 1,
    RCTL_SBP = 1 << 2,
    RCTL_UPE = 1 << 3,
    RCTL_MPE = 1 << 4,
    RCTL_LPE = 1 << 5,
    RCTL_LBM = 3 << 6,
    RCTL_RDMTS = 8, /* shift, 2 bits */
    RCTL_MO = 12,   /* shift, 2 bits */
    RCTL_BAM = 1 << 15,
    RCTL_BSIZE = 16, /* shift, 2 bits */
    RCTL_VFE = 1 << 18,
    RCTL_CFIEN = 1 << 19,
    RCTL_CFI = 1 << 20,
    RCTL_BSEX = 1 << 25,
    RCTL_SECRC = 1 << 26,
};

enum { TCTL_EN = 1 << 1, TCTL_PSP = 1 << 3 };                                                        /* 13.4.33 */
enum { RXCSUM_PCSS = 0xff, RXCSUM_IPOFL = 1 << 8, RXCSUM_TUOFL = 1 << 9, RXCSUM_IPV6OFL = 1 << 10 }; /* 13.4.46 */
#define RAH_AV (1u << 31)                                                                            /* 13.5.3 */
#define RDTR_FPD (1u << 31)

/* PHY registers, 13.4.x and chapter 11 */
enum {
    PHY_CONTROL = 0,
    PHY_STATUS = 1,
    PHY_PARTNER = 5,
    PHY_EXPANSION = 6,
    PHY_1000_STATUS = 10,
    PHY_SPECIFIC_STATUS = 17
};
enum { PHY_CONTROL_LOOPBACK = 1 << 14 };

/* Statistics by their place in the array: (offset - 4000h) / 4; 13.7 */
enum E1000Statistic {
    STAT_CRCERRS = 0x00 / 4,
    STAT_MPC = 0x10 / 4,
    STAT_RLEC = 0x40 / 4,
    STAT_PRC64 = 0x5c / 4,
    STAT_GPRC = 0x74 / 4,
    STAT_BPRC = 0x78 / 4,
    STAT_MPRC = 0x7c / 4,
    STAT_GPTC = 0x80 / 4,
    STAT_GORC = 0x88 / 4, /* 64 bits: the lower half */
    STAT_GOTC = 0x90 / 4,
    STAT_RNBC = 0xa0 / 4,
    STAT_ROC = 0xac / 4,
    STAT_TOR = 0xc0 / 4,
    STAT_TOT = 0xc8 / 4,
    STAT_TPR = 0xd0 / 4,
    STAT_TPT = 0xd4 / 4,
    STAT_PTC64 = 0xd8 / 4,
    STAT_MPTC = 0xf0 / 4,
    STAT_BPTC = 0xf4 / 4,
    STAT_TSCTC = 0xf8 / 4,
    STAT_TSCTFC = 0xfc / 4,
};

enum { DESCRIPTOR = 16, FCS = 4, ETHERNET_HEADER = 14, ETHERNET_LEAST = 60, VLAN_TAG = 4 };

/* A ring as its registers describe it. */
struct E1000Ring {
    uint64_t base;
    uint32_t count, head, tail;
};

static inline struct E1000Ring e1000_ring(const uint32_t *reg, enum E1000Register low) {
    return (struct E1000Ring){.base = reg[low] | (uint64_t)reg[low + 1] << 32,
                              .count = reg[low + 2] / DESCRIPTOR,
                              .head = reg[low + 3],
                              .tail = reg[low + 4]};
}

/* Both ends lie in it. */
static inline bool e1000_ring_good(const struct E1000Ring *r) { return r->head < r->count && r->tail < r->count; }

/* Descriptors between head and tail: the hardware's. */
static inline uint32_t e1000_ring_left(const struct E1000Ring *r) {
    return r->tail >= r->head ? r->tail - r->head : r->count - r->head + r->tail;
}

static inline bool e1000_link_up(const struct E1000 *e) { return e->state.link && e->state.reg[E1000_CTRL] & CTRL_SLU; }

/* e1000.c */
void e1000_load_eeprom(struct E1000 *e);
void e1000_software_reset(struct E1000 *e);

/* e1000_registers.c */
extern const struct IoOps e1000_memory_ops, e1000_port_ops;
void e1000_registers_reset(struct E1000 *e);

/* e1000_interrupt.c */
void e1000_interrupt_init(struct E1000 *e);
void e1000_interrupt_reset(struct E1000 *e);
void e1000_interrupt_restored(struct E1000 *e);
/* These causes have come about. */
void e1000_cause(struct E1000 *e, uint32_t causes);
/* ICR, IMS or ITR has changed. */
void e1000_update_interrupt(struct E1000 *e);
/* A frame of that length was received: RXT0 is due now or later. */
void e1000_received_one(struct E1000 *e, size_t n);
/* RXT0 now, as RDTR.FPD asks for it. */
void e1000_flush_receive(struct E1000 *e);
/* A descriptor was written back: TXDW is due now, or later. */
void e1000_transmitted_one(struct E1000 *e, bool delayed);

/* e1000_eeprom.c */
void e1000_eeprom_init(struct E1000 *e, const uint8_t mac[6]);
void e1000_write_eecd(struct E1000 *e, uint32_t value);
void e1000_write_eerd(struct E1000 *e, uint32_t value);

/* e1000_phy.c */
void e1000_phy_reset(struct E1000 *e);
void e1000_phy_link(struct E1000 *e);
void e1000_write_mdic(struct E1000 *e, uint32_t value);

/* e1000_transmit.c */
void e1000_transmit(struct E1000 *e);
/* Bytes of a full segment as the context has it; 0: it can't be. */
uint32_t e1000_segment_limit(const struct E1000Transmit *t);

/* e1000_receive.c */
/* NetOps.can_take: there is room for a frame of the usual size, or none is wanted and it is lost. */
bool e1000_can_take(void *opaque);
/* NetOps.take. */
bool e1000_take(void *opaque, const struct NetPacket *p);
/* The same of one piece, which was sent in a loop. */
void e1000_receive(struct E1000 *e, const uint8_t *frame, size_t n, bool checked);
/* The guest has given buffers, or does not want frames any more. */
void e1000_room_changed(struct E1000 *e);

/* e1000_offload.c */
/* The FCS of a frame: CRC-32 of IEEE 802.3. */
void e1000_crc_init(struct E1000 *e);
uint32_t e1000_crc(const struct E1000 *e, const uint8_t *data, size_t n);
/* Sum of 16-bit words in network order, on top of `sum`; folded, not complemented. */
uint16_t e1000_sum(const uint8_t *data, size_t n, uint32_t sum);
/* The checksums that a context asks for, into t->frame; `length` more in the pseudo header. */
void e1000_insert_checksums(struct E1000Transmit *t, const struct E1000Context *c, uint32_t length);
/* The header of the next segment out of the prototype. */
void e1000_update_header(struct E1000Transmit *t, const struct E1000Context *c, bool last);
/* What the receive descriptor says of checksums: its status (bits 7-0) and errors (15-8). */
uint16_t e1000_verify(const struct E1000 *e, const uint8_t *frame, size_t n, bool checked);

/* e1000_filter.c */
enum E1000Match { E1000_REFUSED, E1000_EXACT, E1000_INEXACT };
enum E1000Match e1000_filter(const struct E1000 *e, const uint8_t *frame, size_t n);

/* e1000_statistics.c */
void e1000_count(struct E1000 *e, enum E1000Statistic which, uint64_t by);
void e1000_count_received(struct E1000 *e, const uint8_t *frame, size_t n);
void e1000_count_sent(struct E1000 *e, const uint8_t *frame, size_t n);
uint32_t e1000_read_statistic(struct E1000 *e, unsigned index);

#endif
