/* SPDX-License-Identifier: MIT */
/** A thread that gets a vCPU out of its engine when a case does not come to an end. */
#ifndef TWIN86_DIFF_WATCHDOG_H
#define TWIN86_DIFF_WATCHDOG_H

#include "cpu/cpu.h"

struct Watchdog;

/** NULL: there is no thread, or no memory, for it. */
struct Watchdog *watchdog_new(struct CPUState *cpu);
void watchdog_free(struct Watchdog *w);
/** From now on there are so many seconds; then CPU_EVENT_LEAVE is posted and the engine kicked. */
void watchdog_start(struct Watchdog *w, unsigned seconds);
/** The case is over. True: it was too late. */
bool watchdog_stop(struct Watchdog *w);

#endif
