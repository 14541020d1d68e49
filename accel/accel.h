/* SPDX-License-Identifier: MIT */
/**
 * The engine interface. An engine executes guest instructions, nothing else: halting, pausing, stop requests and
 * debugger stops live once in cpu/vcpu.c. Engines know the bus, never a device.
 */
#ifndef TWIN86_ACCEL_ACCEL_H
#define TWIN86_ACCEL_ACCEL_H

#include "cpu/cpu.h"

#include <stdio.h>

/**
 * Lines into an engine's own interrupt controllers, which are the PC's: two 8259s and an I/O APIC. A line holds the
 * level that was set last.
 */
enum {
    ACCEL_IRQ_ISA = 0, /* and the 15 that follow: ISA interrupt, to the 8259s and to the I/O APIC's pin of that number,
                          0 to pin 2; 2 goes nowhere */
    ACCEL_IRQ_IOAPIC = 16, /* and the 7 that follow: the I/O APIC's pins 16 to 23 */
    ACCEL_IRQ_PIC = 24,    /* and the 15 that follow: the 8259s' inputs alone */
    ACCEL_IRQ_LINES = 40,
};

/**
 * An engine's own interrupt controllers, local APICs included, in place of the machine's. The engine then also keeps
 * HLT to itself (CPUState.halted is brought up to date with env), and sets CPUState.apic.
 */
struct AccelIrqchipOps {
    /** Drive a line. Machine lock held; any thread. */
    void (*set_line)(struct Accel *accel, int line, bool level);
    /** Everything as PC firmware leaves it after power-up: all masked, virtual wire mode. Parked, or in the vCPU's
     * thread. */
    void (*reset)(struct CPUState *cpu);
    /** Copy the controllers' states to `buf` if they fit in `n` bytes; the number of bytes. Parked. */
    size_t (*save)(struct CPUState *cpu, void *buf, size_t n);
};

/** One engine instance serves one machine. A machine may have several, of which one is in use (machine/engines.c). */
struct Accel {
    const struct AccelOps *ops;
    struct Bus *bus;
    struct Clock *clock;
    pthread_mutex_t *lock;
    const char *options; /* what stood behind the engine's comma in -accel, or ""; ends at NUL or ':' */
    bool irqchip;        /* the engine's own interrupt controllers are wanted; set before init, constant after it */
    void *data;          /* the engine's own */
};

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

/** An instruction that was executed (or begun), see AccelOps.history. */
struct AccelExecuted {
    uint64_t number; /* of instructions executed before */
    uint64_t rip;
    uint16_t cs;
    uint8_t bits; /* code size: 16, 32, 64 */
    uint8_t size;
    const uint8_t *bytes; /* as they were then */
};

/** To stop at `until`, an engine may put this byte (HLT) there for a moment. */
enum { ACCEL_STEP_BYTE = 0xf4 };

struct AccelOps {
    const char *name;
    /** 0 if this engine can run here, else -errno with `why` = the reason and what the user can do about it. */
    int (*probe)(char *why, size_t n);
    /** More about this host than probe says, as lines of text. May be NULL. */
    void (*doctor)(FILE *f);
    /** What whoever uses this engine on this host must know beforehand, as one line; "" if nothing. May be NULL. */
    void (*caveat)(char *buf, size_t n);
    /** Parse options, allocate `data`. 0 or -errno with `why` filled. */
    int (*init)(struct Accel *accel, char *why, size_t n);
    void (*destroy)(struct Accel *accel);
    /** Make cpu->engine, for a vCPU that does not run. Takes out of cpu->model what this engine can't give, and sets
     *  cpu->tsc_hz if it can't have any rate. 0 or -errno. Either way cpu->error may hold one line for the person: the
     *  reason, or what the guest will have to do without. */
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
    /** What the engine counted, as one line for the person ("" if nothing). May be NULL. Parked; `engine` is the vCPU's
     *  cpu->engine of this engine, which need not be in use. */
    void (*describe)(const void *engine, char *buf, size_t n);
    /** Do one step; env is up to date before and after. No vCPU thread runs this CPU. DEBUG: done; HALT: done, it was a
     *  HLT; SHUTDOWN; KICK: not done, CPU_EVENT_LEAVE was posted meanwhile; ERROR: cpu->error. May be NULL: this engine
     *  can't follow. */
    enum VcpuExit (*step)(struct CPUState *cpu, const struct AccelStep *s);
    /** Whether this engine can stop at all these points: 0, or -errno with the reason in `why`. Parked; `engine` is
     * this engine's part of the vCPU, which need not be in use. NULL: it can. */
    int (*check_points)(struct CPUState *cpu, const void *engine, const struct CpuDebug *d, char *why, size_t n);
    /** Call `fn` for the last instructions, at most `n` and at most as many as CpuTrace.history asked for, oldest
     * first. Parked, or in the vCPU's thread outside of exec. May be NULL: this engine does not see them. */
    void (*history)(struct CPUState *cpu, unsigned n, void (*fn)(void *opaque, const struct AccelExecuted *e),
                    void *opaque);
    /** Call `fn` for each kind of exit that was counted below the engine, where it sees none of them one by one: the
     *  name, the SDM's basic reason or -1, the count. Parked or not; `engine` as for describe. May be NULL. */
    void (*kernel_exits)(const void *engine, void (*fn)(void *opaque, const char *name, int reason, uint64_t count),
                         void *opaque);
    const struct AccelIrqchipOps *irqchip; /* NULL: this engine has no interrupt controllers */
};

/** All engines of this build, NULL-terminated. */
extern const struct AccelOps *const accel_engines[];
const struct AccelOps *accel_find(const char *name);

/**
 * Choose from a list like "kvm:tcg-lite" or "tcg-lite,opt=x": the first that probes well. On success *chosen and
 * *options are set and `why` holds one line for the person if an earlier one was passed over (else ""). Returns 0,
 * -EINVAL for an unknown name anywhere in the list, or the last probe's -errno; `why` then holds the message. *options
 * points into `list`.
 */
int accel_choose(const char *list, const struct AccelOps **chosen, const char **options, char *why, size_t n);
/** The same from a given NULL-terminated set of engines. */
int accel_choose_from(const struct AccelOps *const *engines, const char *list, const struct AccelOps **chosen,
                      const char **options, char *why, size_t n);

extern const struct AccelOps tcg_lite_ops;
/** The SDM's name of the instruction that begins with these bytes, in the present mode of a CPU whose engine is
 *  tcg-lite; "(bad)" if there is none. A static string. */
const char *tcg_lite_mnemonic(struct CPUState *cpu, const uint8_t *bytes, size_t n);
#ifdef HAVE_KVM
extern const struct AccelOps kvm_ops;
#endif

#endif
