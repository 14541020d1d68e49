/* SPDX-License-Identifier: MIT */
/**
 * MC146818 real-time clock with 128 bytes of CMOS memory (Motorola MC146818A data sheet), as the PC has it at 70h/71h.
 *
 * The time of day is computed from the clock when somebody looks. It starts at the wall time at rtc_init and survives
 * resets. One timer serves the interrupts that are enabled and not yet pending; nothing ticks otherwise.
 *
 * All functions: machine lock held.
 */
#ifndef TWIN86_DEVICES_RTC_H
#define TWIN86_DEVICES_RTC_H

#include "devices/clock.h"
#include "devices/device_log.h"
#include "devices/irq.h"
#include "devices/state.h"
#include "memory/bus.h"

#define RTC_CMOS_SIZE 128
#define RTC_CENTURY 0x32 /* century, where the FADT says it is */

struct RtcState {
    int64_t base_seconds; /* seconds since 1970 that the calendar showed ... */
    int64_t base_ns;      /* ... at this virtual ns; also the phase of the divider chain */
    int64_t synced_ns;    /* events up to here are in register C */
    uint8_t cmos[RTC_CMOS_SIZE];
    uint8_t index;          /* last value written to 70h, NMI mask included */
    uint8_t weekday_offset; /* the guest's idea of the weekday minus the calendar's, modulo 7 */
    bool irq;
    bool alarm; /* level of the alarm's wire */
    uint8_t unused[4];
};

struct Rtc {
    struct RtcState state;
    struct Clock *clock;
    struct IrqWire irq;
    struct IrqWire alarm; /* high while AF and AIE are set, whatever else there is to interrupt for: a wake event */
    struct Timer timer;
    const struct DeviceLog *log; /* NULL: nobody looks */
};

void rtc_init(struct Rtc *r, struct Clock *clock, struct IrqWire irq);
/** The RESET pin: disables interrupts and clears flags; time and memory stay. */
void rtc_reset(struct Rtc *r);
extern const struct StateTable rtc_state_table;
/** The state was restored: the timer follows. */
void rtc_restored(struct Rtc *r);
/** Map index and data ports at `base` (70h). Returns 0 or -errno. */
int rtc_map(struct Rtc *r, struct Bus *bus, uint16_t base);

/** For the machine: what firmware would have stored. Registers 0..0Dh and the century are the chip's own: ignored. */
void rtc_set_cmos(struct Rtc *r, unsigned index, uint8_t value);
uint8_t rtc_get_cmos(const struct Rtc *r, unsigned index);
/** Bit 7 of port 70h: NMI is masked. */
bool rtc_nmi_masked(const struct Rtc *r);

#endif
