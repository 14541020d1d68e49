/* SPDX-License-Identifier: MIT */
/**
 * A vCPU that follows another one step by step, to compare engines on a whole guest.
 */
#ifndef TWIN86_ACCEL_FOLLOW_H
#define TWIN86_ACCEL_FOLLOW_H

#include "accel/accel.h"

/** What an instruction does with RFLAGS, for engines that single-step by setting TF there. */
enum AccelStepFlags {
    STEP_FLAGS_STAY,
    STEP_FLAGS_PUSHED,   /* PUSHF */
    STEP_FLAGS_TO_R11,   /* SYSCALL */
    STEP_FLAGS_FROM_R11, /* SYSRET */
    STEP_FLAGS_SHADOW,   /* MOV SS, STI ...: traps (may) wait until the next instruction is done */
};

/**
 * One step of a vCPU that follows another one, the leader, which has just done it: the same instruction, or the
 * delivery of the same interrupt (diff/guest/lockstep.h).
 */
struct AccelStep {
    int inject;               /* deliver this interrupt, an NMI if it is 2, and execute nothing; -1: none */
    const CPUX86State *until; /* where the leader stands after the step */
    uint64_t stop;            /* physical address of that CS:RIP, or UINT64_MAX; page tables may not be there yet */
    /* Not a step, but what the leader has executed since they last met: so many instructions, none of which met an
     * event or a device, to where CPL is 0; at the end CS:RIP is until's for the `arrivals`-th time, counting from
     * where the follower stands. instructions = 0: one step. */
    uint64_t instructions, arrivals;
    bool event; /* the leader met an exception or software interrupt */
    enum AccelStepFlags flags;
    bool string;  /* the instruction repeats: go on until RIP and rCX are the leader's */
    bool general; /* env's general registers, RIP or RFLAGS were changed: load them first */
    bool all;     /* afterwards all of env is wanted, not only ENV_GENERAL, _SEGMENT, _CONTROL without debug registers,
                     _FPU and _VECTOR (cpu/env_fields.h) */
};

/** To stop at `until`, an engine may put this byte (HLT) there for a moment. */
enum { ACCEL_STEP_BYTE = 0xf4 };

struct AccelFollowOps {
    /** Do one step; env is up to date before and after. No vCPU thread runs this CPU. DEBUG: done; HALT: done, it was a
     *  HLT; SHUTDOWN; KICK: not done, CPU_EVENT_LEAVE was posted meanwhile; ERROR: cpu->error. */
    enum VcpuExit (*step)(struct CPUState *cpu, const struct AccelStep *s);
};

#endif
