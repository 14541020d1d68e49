/* SPDX-License-Identifier: MIT */
/**
 * A machine of several processors that is paused, reset, looked at, moved into another machine and handed to another
 * engine while the guest of tests/smp runs in it, which finds what its processors get wrong and says so.
 */
#ifndef TWIN86_TESTS_STRESS_CPUS_H
#define TWIN86_TESTS_STRESS_CPUS_H

#include <stdbool.h>
#include <stddef.h>

/** What is done to the guest. */
enum CpusTorment {
    CPUS_PAUSES,    /* by two threads, which look at registers, too */
    CPUS_RESETS,    /* besides, and so the guest begins anew */
    CPUS_MOVES,     /* paused, saved, restored in another machine, where it goes on */
    CPUS_HAND_OVERS /* to the other engine and back */
};

/**
 * Run `test` (a prefix, as tests/smp has it) on `cpus` processors for `ms` under `accel` (two engines, "a:b", for
 * hand-overs). True when it has found nothing wrong and gets its tests done afterwards; `text` (of `n`) tells what was
 * done, or what was wrong.
 */
bool cpus_torment(const char *accel, unsigned cpus, const char *test, enum CpusTorment torment, unsigned ms, char *text,
                  size_t n);

#endif
