/* SPDX-License-Identifier: MIT */
/**
 * The registers of the PC's two 8237A DMA controllers and of the page latches (Intel 8237A data sheet, order
 * 231466-005; Intel 82371AB data sheet, section 4.2.1), so that guests which program or probe them find what they
 * wrote. No device of this machine requests ISA DMA, so no channel ever transfers. Machine lock held.
 */
#ifndef TWIN86_DEVICES_DMA_H
#define TWIN86_DEVICES_DMA_H

#include "devices/device_log.h"
#include "devices/state.h"
#include "memory/bus.h"

struct DmaChipState {
    uint16_t address[4], count[4]; /* current; nothing counts, so the base registers are the same */
    uint8_t mode[4];
    uint8_t command, request, mask;
    bool high_byte; /* the flip-flop: the next access to an address or count is its high byte */
};

struct DmaState {
    struct DmaChipState chip[2];
    uint8_t page[16]; /* 80h-8Fh; those that are no page latches are plain latches (80h takes POST codes) */
};

struct Dma {
    struct DmaState state;
    const struct DeviceLog *log; /* NULL: nobody looks */
};

void dma_init(struct Dma *d);
void dma_reset(struct Dma *d);
extern const struct StateTable dma_state_table;
/** Map 00h-0Fh, 80h-8Fh and C0h-DFh. Returns 0 or -errno. */
int dma_map(struct Dma *d, struct Bus *bus);

#endif
