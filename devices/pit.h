/* SPDX-License-Identifier: MIT */
/**
 * 8254 programmable interval timer (Intel 8254 data sheet, order 231164-005) and the PC's system control port B (61h).
 *
 * Nothing ticks: counts and outputs are computed from the clock when somebody looks, in whole ticks of 1.193182 MHz
 * since the machine was made, so that periodic modes do not drift. One timer serves the rising edges of OUT0.
 * GATE0 and GATE1 are tied high; GATE2 and the speaker are bits of port 61h.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_PIT_H
#define TWIN86_DEVICES_PIT_H

#include "devices/clock.h"
#include "devices/device_log.h"
#include "devices/irq.h"
#include "devices/state.h"
#include "memory/bus.h"

#define PIT_HZ 1193182

struct PitChannelState {
    int64_t start;      /* tick from which the counting element counts down (may lie one tick ahead) */
    int64_t held;       /* ticks already counted when GATE stopped the counter */
    int64_t switch_at;  /* modes 2 and 3: tick at which `reload` takes over, if `null_count` */
    uint32_t count;     /* what the counting element started from: 1..65536, or 0 when it was never loaded */
    uint32_t reload;    /* count register: 1..65536, or 0 when not written since the control word */
    uint16_t latched;   /* counter latch */
    uint8_t mode;       /* 0..5 */
    uint8_t access;     /* 1 low byte, 2 high byte, 3 low then high */
    uint8_t low_byte;   /* first of two bytes written */
    uint8_t latch_left; /* bytes of `latched` not yet read */
    uint8_t status;     /* status latch */
    bool bcd, gate, running, null_count;
    bool write_high_next, read_high_next, status_latched;
    uint8_t unused[2];
};

struct PitState {
    struct PitChannelState channel[3];
    int64_t wake_tick; /* the tick the timer is armed for, CLOCK_NEVER if it is not */
    bool wake_is_edge; /* OUT0 rises then (else only a new count takes over) */
    bool out0;         /* level of the IRQ wire */
    uint8_t port61;    /* bits 0..3 as written */
    uint8_t unused[5];
};

struct Pit {
    struct PitState state;
    struct Clock *clock;
    struct IrqWire irq;
    struct Timer timer;
    const struct DeviceLog *log; /* NULL: nobody looks */
};

/**
 * `irq` is OUT0. Only its rising edges are timely: in periodic modes the fall is delivered together with the next rise,
 * which halves the timer work and no edge-triggered listener can tell.
 */
void pit_init(struct Pit *p, struct Clock *clock, struct IrqWire irq);
void pit_reset(struct Pit *p);
extern const struct StateTable pit_state_table;
/** The state was restored: the timer follows. */
void pit_restored(struct Pit *p);
/** Map the 4 registers at `base` (40h). Returns 0 or -errno. */
int pit_map(struct Pit *p, struct Bus *bus, uint16_t base);
/** Map system control port B at `base` (61h). Returns 0 or -errno. */
int pit_map_port61(struct Pit *p, struct Bus *bus, uint16_t base);

/** Level of OUT0..OUT2 now. */
bool pit_out(struct Pit *p, unsigned channel);

#endif
