/* SPDX-License-Identifier: MIT */
/** A guest that PIT, RTC, HPET, local APIC, keyboard and UART interrupt. It ends by isa-debug-exit. */
#ifndef TWIN86_TESTS_STATE_GUEST_H
#define TWIN86_TESTS_STATE_GUEST_H

#include "include/twin86.h"

#include <stdint.h>

enum {
    STATE_GUEST_COUNTERS = 0x800,     /* in RAM: 32 bits for each vector */
    STATE_GUEST_STAGE = 0x50c,        /* 1: steps, REP, shadows and faults, some hundred instructions; 2: behind them */
    STATE_GUEST_STRAY = 0x7f0,        /* how many interrupts nobody had asked for */
    STATE_GUEST_GO = 0x7f4,           /* 32 bits; with a `slower` it does not end before the host has written here */
    STATE_GUEST_EXIT = 0xaa << 1 | 1, /* what it ends with */
};

/** Write its ROM to a new file, which is the caller's to remove. Its timers' periods are 37 to 122 us << slower (0 to
 * 8), for machines whose time is the host's. */
void state_guest_write(char path[64], uint8_t slower);

/** What it has computed when it ends, which depends on no interrupt. */
struct StateGuestResult {
    uint8_t filled[0x10000];
    uint8_t rounds[4], sums[16];
};
void state_guest_result(Twin86Machine *m, struct StateGuestResult *r);

#endif
