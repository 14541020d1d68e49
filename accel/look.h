/* SPDX-License-Identifier: MIT */
/**
 * What an engine tells the person: of the host, of itself, of what it has executed. Each function may be NULL: nothing.
 */
#ifndef TWIN86_ACCEL_LOOK_H
#define TWIN86_ACCEL_LOOK_H

#include "accel/accel.h"

#include <stdio.h>

/** An instruction that was executed (or begun), see AccelLookOps.history. */
struct AccelExecuted {
    uint64_t number; /* of instructions executed before */
    uint64_t rip;
    uint16_t cs;
    uint8_t bits; /* code size: 16, 32, 64 */
    uint8_t size;
    const uint8_t *bytes; /* as they were then */
};

/** `engine` is the vCPU's cpu->engine of this engine, which need not be in use. */
struct AccelLookOps {
    /** More about this host than probe says, as lines of text. */
    void (*doctor)(FILE *f);
    /** What whoever uses this engine on this host must know beforehand, as one line; "" if nothing. */
    void (*caveat)(char *buf, size_t n);
    /** What the engine counted, as one line ("" if nothing). Parked. */
    void (*describe)(const void *engine, char *buf, size_t n);
    /** What its translator has made of the guest's code, as lines of text; nothing without one. Parked. */
    void (*translator)(const void *engine, FILE *f);
    /** Whether this engine can stop at all these points: 0, or -errno with the reason in `why`. Parked. NULL: it can.
     */
    int (*check_points)(struct CPUState *cpu, const void *engine, const struct CpuDebug *d, char *why, size_t n);
    /** Call `fn` for the last instructions, at most `n` and at most as many as CpuTrace.history asked for, oldest
     * first. Parked, or in the vCPU's thread outside of exec. NULL: this engine does not see them. */
    void (*history)(struct CPUState *cpu, unsigned n, void (*fn)(void *opaque, const struct AccelExecuted *e),
                    void *opaque);
    /** Call `fn` for each kind of exit that was counted below the engine, where it sees none of them one by one: the
     *  name, the SDM's basic reason or -1, the count. Parked or not. */
    void (*kernel_exits)(const void *engine, void (*fn)(void *opaque, const char *name, int reason, uint64_t count),
                         void *opaque);
    /** Host time that the vCPU slept in HLT within the engine, in ns; -1: this host does not tell. Parked or not. NULL:
     *  the loop of cpu/vcpu.h does all sleeping. */
    int64_t (*halted_ns)(const void *engine);
};

/** check_points of whatever engine. */
static inline int accel_check_points(const struct AccelOps *ops, struct CPUState *cpu, const void *engine,
                                     const struct CpuDebug *d, char *why, size_t n) {
    bool any = ops->look == NULL || ops->look->check_points == NULL;
    return any ? 0 : ops->look->check_points(cpu, engine, d, why, n);
}

#endif
