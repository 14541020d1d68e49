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

struct CpusRun {
    const char *accel; /* two engines, "a:b", for hand-overs */
    bool kernel_irqchip;
    unsigned cpus;
    const char *test; /* a prefix, as the command line in tests/smp/README.md has it */
    enum CpusTorment torment;
    unsigned ms; /* for how long */
};

/**
 * True when the guest has found nothing wrong and gets its tests done afterwards; `text` (of `n`) tells what was done,
 * or what was wrong.
 */
bool cpus_torment(const struct CpusRun *run, char *text, size_t n);

#endif
