/* SPDX-License-Identifier: MIT */
/**
 * The engine interface. An engine executes guest instructions, nothing else: halting, pausing, stop requests and
 * debugger stops live once in cpu/vcpu.c. Engines know the bus, never a device.
 *
 * What not every engine can do, or few ask for, stands in tables of its own beside this one: follow.h (one engine step
 * by step behind another), look.h (what an engine tells of itself and of the guest), irqchip.h (interrupt controllers),
 * cases.h (many short pieces of code one after the other). registry.h has the engines of this build.
 */
#ifndef TWIN86_ACCEL_ACCEL_H
#define TWIN86_ACCEL_ACCEL_H

#include "cpu/cpu.h"

/** What its options say of threads. */
enum AccelThreads {
    ACCEL_THREADS_ANY,
    ACCEL_THREADS_SINGLE, /* all vCPUs take turns in one */
    ACCEL_THREADS_MULTI,  /* each has its own */
};

/** One engine instance serves one machine. A machine may have several, of which one is in use (machine/engines.c). */
struct Accel {
    const struct AccelOps *ops;
    struct Bus *bus;
    struct Clock *clock;
    pthread_mutex_t *lock;
    const char *options; /* what stood behind the engine's comma in -accel, or ""; ends at NUL or ':' */
    bool irqchip;        /* the engine's own interrupt controllers are wanted; set before init, constant after it */
    enum AccelThreads threads; /* set by init */
    void *data;                /* the engine's own */
};

struct AccelOps {
    const char *name;
    bool software;            /* this process executes all instructions itself: it sees each one */
    bool counts_instructions; /* keeps CPUState.insn_count, and stops at insn_limit */
    /** 0 if this engine can run here, else -errno with `why` = the reason and what the user can do about it. */
    int (*probe)(char *why, size_t n);
    /** Parse options, allocate `data`. 0 or -errno with `why` filled. */
    int (*init)(struct Accel *accel, char *why, size_t n);
    void (*destroy)(struct Accel *accel);
    /** Make cpu->engine, for a vCPU that does not run. Takes out of cpu->model what this engine can't give, and sets
     *  cpu->tsc_hz if it can't have any rate. `accel` is NULL when another engine wants this one to execute single
     *  instructions for it. 0 or -errno. Either way cpu->error may hold one line for the person: the reason, or what
     *  the guest will have to do without. */
    int (*vcpu_init)(struct CPUState *cpu, struct Accel *accel);
    /** cpu->model is now what all the machine's engines can give, and stays. Before the first exec. 0, or -errno with
     *  cpu->error. May be NULL. */
    int (*set_model)(struct CPUState *cpu);
    void (*vcpu_destroy)(struct CPUState *cpu);
    /** Run until something above must act. vCPU thread, machine lock not held. Delivers interrupts by itself. */
    enum VcpuExit (*exec)(struct CPUState *cpu);
    /** Any thread, cpu->engine_lock held: make exec notice cpu->events soon. */
    void (*kick)(struct CPUState *cpu);
    void (*get_state)(struct CPUState *cpu); /* engine -> env */
    /** env -> engine. 0, or -errno with cpu->error: the engine can't hold this state, and env is still the truth. */
    int (*put_state)(struct CPUState *cpu);
    /** All vCPUs stand, and get_state was called for each: bring into their env what one has sent another after that,
     *  and make equal there what is equal (time stamp counters), but was read at different times. May be NULL. */
    void (*settle)(struct Accel *accel);

    /* NULL: it can't, or has nothing to tell */
    const struct AccelFollowOps *follow;
    const struct AccelLookOps *look;
    const struct AccelIrqchipOps *irqchip;
    const struct AccelCaseOps *cases;
};

#endif
