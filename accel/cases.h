/* SPDX-License-Identifier: MIT */
/**
 * Many short pieces of code one after the other, for tests: who changes the vCPU or its memory says what, and the
 * engine keeps the rest of what it has decoded and translated. While the vCPU does not run.
 */
#ifndef TWIN86_ACCEL_CASES_H
#define TWIN86_ACCEL_CASES_H

#include "accel/accel.h"

struct AccelCaseOps {
    /** env was changed, but nothing on which translations depend: put_state without what that takes. */
    void (*put_registers)(struct CPUState *cpu);
    /** [gpa, gpa + size) of RAM was changed otherwise than through the bus; UINT64_MAX: perhaps all of it. */
    void (*memory_changed)(struct CPUState *cpu, uint64_t gpa, uint64_t size);
    /** Page tables were: translations but global ones are no longer true. */
    void (*tables_changed)(struct CPUState *cpu);
};

#endif
