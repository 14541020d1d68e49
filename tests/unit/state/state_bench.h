/* SPDX-License-Identifier: MIT */
/** Machines and their saved states, for tests. */
#ifndef TWIN86_TESTS_STATE_BENCH_H
#define TWIN86_TESTS_STATE_BENCH_H

#include "include/twin86.h"
#include "machine/state.h"

#include <check.h>

/** Numbers that repeat: below `below`. */
extern uint64_t bench_seed;
uint64_t bench_number(uint64_t below);

/** A machine without a guest. */
Twin86Machine *bench_empty(const Twin86Config *c);
/** A machine with that firmware; NULL: with the embedded guest. */
Twin86Machine *bench_machine(const Twin86Config *c, const char *rom);

struct SavedState {
    char *data; /* the caller's to free */
    size_t size;
};

struct SavedState bench_save(Twin86Machine *m);
/** machine_restore of these bytes. */
int bench_load(Twin86Machine *m, const void *data, size_t size, char *why, size_t n);
/** That must do. */
void bench_restore(Twin86Machine *m, const struct SavedState *s);

/** The first field of a device, or the first register, in which two machines differ. False: there is none. */
bool bench_differ(Twin86Machine *a, Twin86Machine *b, char *text, size_t n);
/** All the same: devices and hash. */
void bench_same(Twin86Machine *a, Twin86Machine *b);

#endif
