/* SPDX-License-Identifier: MIT */
/**
 * High precision event timers (IA-PC HPET specification 1.0a): a 64-bit counter at 100 MHz and three comparators, each
 * one-shot or periodic, 64 or 32 bits wide, edge or level, with the legacy replacement route. No FSB (MSI) delivery.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_HPET_H
#define TWIN86_DEVICES_HPET_H

#include "devices/clock.h"
#include "devices/device_log.h"
#include "devices/irq.h"
#include "devices/state.h"
#include "memory/region.h"

#define HPET_DEFAULT_BASE 0xfed00000u
#define HPET_PERIOD_FS 10000000u /* 10 ns */

enum { HPET_TIMERS = 3, HPET_REGION_SIZE = 0x1000, HPET_GSIS = 24 };

struct HpetTimerState {
    uint64_t config;
    uint64_t comparator;
    uint64_t period;  /* periodic: what is added to the comparator at each match */
    int64_t due;      /* virtual ns at which it is looked at next; CLOCK_NEVER: not by itself */
    uint8_t asserted; /* the target held high (see hpet.c), 0: none */
    uint8_t unused[7];
};

struct HpetState {
    uint64_t config;  /* general configuration */
    uint64_t status;  /* general interrupt status */
    uint64_t counter; /* while halted the count, else what to add to the clock (mod 2^64) */
    struct HpetTimerState timer[HPET_TIMERS];
    uint8_t pit_level, rtc_level; /* of the inputs that the legacy route cuts off */
    uint8_t unused[6];
};

/** The far end of its interrupts. */
struct HpetWires {
    struct IrqWire irq0, irq8; /* ISA lines: from PIT and RTC, or from timers 0 and 1 under the legacy route */
    struct IrqWire gsi;        /* `line` is ignored: the timer's routed I/O APIC input takes its place */
    uint32_t gsi_mask;         /* the inputs that a timer may be routed to */
};

struct HpetTimer {
    struct Timer timer;
    struct Hpet *hpet;
    unsigned index;
};

struct Hpet {
    struct HpetState state;
    struct Clock *clock;
    struct HpetWires wires;
    struct HpetTimer timers[HPET_TIMERS];
    struct Region region;        /* ready to be mapped at HPET_DEFAULT_BASE */
    const struct DeviceLog *log; /* NULL: nobody looks */
};

void hpet_init(struct Hpet *h, struct Clock *clock, const struct HpetWires *wires);
void hpet_reset(struct Hpet *h);
extern const struct StateTable hpet_state_table;
/** The state was restored: the timers follow. */
void hpet_restored(struct Hpet *h);

/** Where the PIT's OUT0 and the RTC's IRQ go: through to irq0 and irq8 unless the legacy route takes these lines. */
struct IrqWire hpet_pit_wire(struct Hpet *h);
struct IrqWire hpet_rtc_wire(struct Hpet *h);

/** The main counter now. */
uint64_t hpet_counter(const struct Hpet *h);

extern const struct IoOps hpet_ops;

#endif
