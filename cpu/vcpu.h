/* SPDX-License-Identifier: MIT */
/**
 * The vCPU thread: one loop for every engine. Engines execute; halting, pausing, resetting, INIT and SIPI, instruction
 * budgets and the clock of instruction-counting runs live here, once.
 *
 * The thread is parked (created so), or running; a parked vCPU's CPUState may be touched by whoever parked it. Asking
 * is done by a flag and CPU_EVENT_LEAVE, which makes exec return and ends HLT; the loop then looks at the flags.
 *
 * Locks: the machine lock may be held while calling any function that is marked "any thread"; the thread's own mutex is
 * a leaf.
 */
#ifndef TWIN86_CPU_VCPU_H
#define TWIN86_CPU_VCPU_H

#include "cpu/cpu.h"

/** Instructions, as cpu_progress counts them, of a turn (vcpu_create_beside): few enough that others' interrupts don't
 *  wait for long. */
enum { VCPU_TURN_INSNS = 10000 };

/** Why a vCPU went from running to parked. */
enum VcpuStop {
    VCPU_STOP_REQUEST, /* vcpu_request_stop */
    VCPU_STOP_BUDGET,  /* the instructions given to vcpu_resume are used up */
    VCPU_STOP_DEBUG,   /* a debugger's breakpoint, watchpoint or step */
    VCPU_STOP_ERROR,   /* the engine can't go on: cpu->error */
};

/** What the loop asks of the machine. All are called in the vCPU's thread. */
struct VcpuOps {
    /** A run of the thread's begins. Lock not held. May be NULL. */
    void (*begin)(void *opaque);
    /** Reset the whole machine, all its CPUs included. Lock held, the world stopped, this CPU's env up to date. */
    void (*reset)(void *opaque);
    /** Triple fault. Lock held. Must request a reset or a stop: only those end a shutdown. */
    void (*shutdown)(void *opaque);
    /** Parked. Lock not held. */
    void (*parked)(void *opaque, enum VcpuStop why);
    /** About to sleep in HLT on the host's clock: what may end that can be done now. Lock not held. May be NULL. */
    void (*idle)(void *opaque);
    void *opaque;
};

/** Start the thread, parked. cpu->accel's vcpu_init has been called. 0, or -errno. */
int vcpu_create(struct CPUState *cpu, const struct VcpuOps *ops);
/** The same without a thread of its own: it takes turns with `first` in that one's thread, as do others that were
 *  created so; by executed instructions, deterministically. All of them are parked. */
int vcpu_create_beside(struct CPUState *cpu, const struct VcpuOps *ops, struct CPUState *first);
/** Park, end and join the thread. Not from the vCPU's thread and not with the lock held. Safe when never created. */
void vcpu_destroy(struct CPUState *cpu);

/** Run, for `instructions` at most (0: no limit). The vCPU must be parked; -EBUSY otherwise. */
int vcpu_resume(struct CPUState *cpu, uint64_t instructions);
/** Ask it to park soon. Any thread. Nothing happens when it is parked already. */
void vcpu_request_stop(struct CPUState *cpu);
/** Wait until it is parked and `parked` has returned. Not from the vCPU's thread, lock not held. */
void vcpu_wait_parked(struct CPUState *cpu);
/** Stop the run that is going on, if one is, and wait until it has ended, for `timeout_ms` at most (negative: for
 * ever). That one only: another thread may have resumed the vCPU by the time this returns. 0, or -ETIMEDOUT: it has not
 * come back and runs on, not asked to stop any more. Any thread but the vCPU's, lock not held. */
int vcpu_pause(struct CPUState *cpu, int timeout_ms);
/** A bit for vcpu_hold: the guest itself is asleep, in a sleep state of the board. While that alone holds it, the time
 *  of CLOCK_ICOUNT goes on as in HLT, for timers may end it. */
#define VCPU_HELD_ASLEEP (1u << 31)
/** Keep it from executing, soon, until every bit of `who` has been released; it stays running, and serves requests. Any
 *  thread, any lock held. */
void vcpu_hold(struct CPUState *cpu, unsigned who);
void vcpu_release(struct CPUState *cpu, unsigned who);
/** True from vcpu_resume until parked. Any thread. */
bool vcpu_running(const struct CPUState *cpu);

/** Ask for ops->reset between two instructions; if parked, before the next one. Any thread. */
void vcpu_request_reset(struct CPUState *cpu);
/** That was asked for, and is not done yet. */
bool vcpu_reset_wanted(const struct CPUState *cpu);
/** Ask no more. Parked. */
void vcpu_forget_reset(struct CPUState *cpu);
/** Ask for `fn` to be called in the vCPU's thread, lock held, between two instructions, so that host input too happens
 *  at an instruction count. One function at a time; a second call before it ran replaces it. Any thread. */
void vcpu_request_work(struct CPUState *cpu, void (*fn)(void *opaque), void *opaque);

/** Before it executes its next instruction, every other vCPU is to have come to the end of the one that it is in: what
 *  has been changed now is seen from then on by all. In the vCPU's own thread; any lock held. */
void vcpu_settle_others(struct CPUState *cpu);

/** It waits for another vCPU: if that has its turns in the same thread, this one's is over once exec returns. False: it
 *  has not. In the vCPU's own thread. */
bool vcpu_pass_turn(struct CPUState *cpu);

/** The clock's earliest deadline moved forward: look at it before executing on. Any thread. For CLOCK_ICOUNT. */
void vcpu_deadline_changed(struct CPUState *cpu);

/** How long the host let the thread wait for a processor so far, in ns; 0 where that is not known, and for models
 * without KVM's steal time. The thread itself. */
int64_t vcpu_waited(const struct CPUState *cpu);
/** Host CPU time used by the thread, in ns. Any thread. */
int64_t vcpu_cpu_time(const struct CPUState *cpu);

/** Host time that it has slept because the guest did (HLT, and before SIPI), in ns; what an engine with interrupt
 *  controllers of its own sleeps by itself is not in it. Any thread. */
int64_t vcpu_halted_ns(const struct CPUState *cpu);

/** The thread's number on the host, as gettid gives it. Any thread. */
int vcpu_thread_id(const struct CPUState *cpu);

/** cpu_post's part: end a sleep in HLT. Any thread. */
void vcpu_wake(struct CPUState *cpu);
/** True when called in this vCPU's own thread. */
bool vcpu_is_self(const struct CPUState *cpu);

#endif
