/* SPDX-License-Identifier: MIT */
/** A guest that PIT, RTC, HPET, local APIC, keyboard and UART interrupt. It ends by isa-debug-exit. */
#ifndef TWIN86_TESTS_STATE_GUEST_H
#define TWIN86_TESTS_STATE_GUEST_H

#include <stdint.h>

enum {
    STATE_GUEST_COUNTERS = 0x800,     /* in RAM: 32 bits for each vector */
    STATE_GUEST_STRAY = 0x7f0,        /* how many interrupts nobody had asked for */
    STATE_GUEST_EXIT = 0xaa << 1 | 1, /* what it ends with */
};

/** Write its ROM to a new file, which is the caller's to remove. */
void state_guest_write(char path[64]);

#endif
