/* SPDX-License-Identifier: MIT */
/**
 * The PC's two 8237A DMA controllers and the page latches (Intel 8237A data sheet, order 231466-005; Intel 82371AB data
 * sheet, section 4.2.1). Channels 0-3 move bytes within 64 KiB, 5-7 words within 128 KiB; channel 4 is where the first
 * controller hangs on the second one. A device asks for its bytes to be moved by dma_move. Memory to memory is not
 * there, nor is a software request of any consequence. Machine lock held.
 */
#ifndef TWIN86_DEVICES_DMA_H
#define TWIN86_DEVICES_DMA_H

#include "devices/device_log.h"
#include "devices/state.h"
#include "memory/bus.h"

struct DmaChipState {
    uint16_t address[4], count[4]; /* current */
    uint16_t base_address[4], base_count[4];
    uint8_t mode[4];
    uint8_t command, request, mask;
    bool high_byte;  /* the flip-flop: the next access to an address or count is its high byte */
    uint8_t reached; /* terminal counts since the status was read */
    uint8_t unused[3];
};

struct DmaState {
    struct DmaChipState chip[2];
    uint8_t page[16]; /* 80h-8Fh; those that are no page latches are plain latches (80h takes POST codes) */
};

struct Dma {
    struct DmaState state;
    struct Bus *bus;             /* of dma_map */
    const struct DeviceLog *log; /* NULL: nobody looks */
};

void dma_init(struct Dma *d);
void dma_reset(struct Dma *d);
extern const struct StateTable dma_state_table;
/** Map 00h-0Fh, 80h-8Fh and C0h-DFh. Returns 0 or -errno. */
int dma_map(struct Dma *d, struct Bus *bus);

/**
 * The device on `channel` (0-3, 5-7) has `n` bytes for memory, or wants them from there. Returns how many were moved,
 * from 0 (masked, or not programmed for this direction: logged) to n; *terminal is true when the count has ended with
 * the last of them, which the device sees as TC. On channels 5-7 n is even. What is no memory reads as FFh and takes
 * nothing.
 */
size_t dma_move(struct Dma *d, unsigned channel, void *buf, size_t n, bool to_memory, bool *terminal);

#endif
