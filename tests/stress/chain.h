/* SPDX-License-Identifier: MIT */
/**
 * The devices that the guests of this folder talk to: every access has one right place in the order and one right
 * value (chain16.S says which). All fields are written with the machine's lock held.
 */
#ifndef TWIN86_TESTS_STRESS_CHAIN_H
#define TWIN86_TESTS_STRESS_CHAIN_H

#include "twin86.h"

#include <stdatomic.h>

struct Chain {
    unsigned step;           /* index of the access that must come next */
    uint32_t value;          /* counts up with each access that the guest reads */
    uint32_t words[8];       /* what REP INS was given */
    bool echo_in_order;      /* every echoed byte is the one before plus 1 */
    char broken[160];        /* the first access that was wrong; "": none */
    _Atomic bool is_broken;  /* `broken` is set */
    _Atomic uint64_t rounds; /* finished */
    _Atomic uint64_t starts; /* of the guest: once, and once for each reset */
    _Atomic uint64_t echoes; /* serial bytes that came back */
};

/** What runs the guest. */
struct Engine {
    const char *name, *accel;
    bool kernel_irqchip;
    unsigned part;     /* of the counts: 1 / part is done */
    const char *other; /* engines for hand-overs, "a:b"; or NULL */
};

/** Make a machine that runs `rom` under `engine`, its devices being `chain` (zeroed here). NULL: `why` says why. */
Twin86Machine *chain_machine(struct Chain *chain, const struct Engine *engine, const char *rom, char *why, size_t n);

/** Wait until *counter is `want` or more; false after `seconds`. */
bool chain_reaches(const _Atomic uint64_t *counter, uint64_t want, double seconds);

#endif
