/* SPDX-License-Identifier: MIT */
/**
 * The PC's pair of 8259A interrupt controllers (Intel 8259A data sheet, order 231468-003) with the edge/level control
 * registers of PCI chipsets (Intel 82371AB data sheet, section 4.2.3). The slave's INT is wired to the master's IR2.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_PIC_H
#define TWIN86_DEVICES_PIC_H

#include "devices/device_log.h"
#include "devices/irq.h"
#include "devices/state.h"
#include "memory/bus.h"

struct PicChipState {
    uint8_t lines;     /* level of IR0..IR7 */
    uint8_t latch;     /* rising edges seen and neither served nor withdrawn */
    uint8_t isr, imr;  /* in service, masked */
    uint8_t elcr;      /* 1 = level-triggered */
    uint8_t base;      /* ICW2: vector of IR0 */
    uint8_t icw3;      /* kept for completeness; the wiring is fixed */
    uint8_t icw4;      /* bit 4 SFNM, bit 1 AEOI */
    uint8_t lowest;    /* the level of lowest priority */
    uint8_t init_step; /* 0, or the number of the ICW expected next */
    bool single, needs_icw4;
    bool read_isr; /* OCW3: a read at A0=0 gives ISR, not IRR */
    bool poll;     /* OCW3: the next read is a poll */
    bool special_mask;
    bool rotate_on_aeoi;
};

struct PicState {
    struct PicChipState chip[2]; /* master, slave */
    bool intr;
};

struct Pic {
    struct PicState state;
    struct IrqWire intr;
    const struct DeviceLog *log; /* NULL: nobody looks */
};

/** `intr` is the master's INT pin: high while an interrupt waits for the CPU. */
void pic_init(struct Pic *p, struct IrqWire intr);
/** Everything masked, until the guest initializes the pair. */
void pic_reset(struct Pic *p);
extern const struct StateTable pic_state_table;
/** The state was restored: the CPU's pin follows. */
void pic_restored(struct Pic *p);
/** Map 20h-21h, A0h-A1h and 4D0h-4D1h. Returns 0 or -errno. */
int pic_map(struct Pic *p, struct Bus *bus);

/** An IrqWire's `set`: `opaque` is the struct Pic, `line` is 0..15 (2 is the cascade and ignored). */
void pic_set_irq(void *opaque, int line, bool level);
/** INT is high. */
bool pic_pending(const struct Pic *p);
/** The CPU's INTA cycles: returns the vector (the spurious one, level 7, when the request has gone away). */
uint8_t pic_acknowledge(struct Pic *p);

#endif
