/* SPDX-License-Identifier: MIT */
/**
 * CPUState: one virtual CPU, whatever engine runs it: its architectural state, its thread and run state, the events
 * that wait for it, and the engine's own data. This folder knows no engine and no device; machine/ wires them.
 */
#ifndef TWIN86_CPU_CPU_H
#define TWIN86_CPU_CPU_H

#include "cpu/cpuid.h"
#include "cpu/debug.h"
#include "cpu/env.h"
#include "devices/clock.h"
#include "memory/bus.h"

#include <pthread.h>
#include <stdatomic.h>

struct AccelOps;
struct Accel;
struct CPUState;
struct ExitStats;

/** Why an engine's exec() came back. */
enum VcpuExit {
    VCPU_EXIT_KICK,     /* asked to come back, or an event that the loop handles (reset, stop, timer) */
    VCPU_EXIT_BUDGET,   /* insn_count reached insn_limit */
    VCPU_EXIT_HALT,     /* HLT (or MWAIT): sleep until an interrupt is deliverable */
    VCPU_EXIT_SHUTDOWN, /* triple fault */
    VCPU_EXIT_DEBUG,    /* a debugger's breakpoint, watchpoint or step */
    VCPU_EXIT_ERROR,    /* the engine can't go on; the message is in cpu->error */
};

/** Bits of CPUState.events; set by any thread with cpu_post, cleared by whoever serves them. */
enum {
    CPU_EVENT_INTR = 1 << 0,   /* the interrupt controller's output is high (a level: follows the wire) */
    CPU_EVENT_NMI = 1 << 1,    /* edge */
    CPU_EVENT_INIT = 1 << 2,   /* INIT from an IPI: served by the loop */
    CPU_EVENT_SIPI = 1 << 3,   /* start-up IPI; vector in sipi_vector: served by the loop */
    CPU_EVENT_LEAVE = 1 << 4,  /* the loop wants the thread back (pause, reset, quit, timers): exec returns KICK */
    CPU_EVENT_CODE = 1 << 5,   /* decoded code became stale (another thread wrote it); served by the engine */
    CPU_EVENT_MAP = 1 << 6,    /* the memory map or A20 changed: flush translations; served by the engine */
    CPU_EVENT_UNHALT = 1 << 7, /* this HLT, or the next, ends whatever RFLAGS.IF says (KVM_HC_KICK_CPU); served by the
                                  loop */
};

/**
 * What a CPU asks of its interrupt controller (the local APIC, which passes PIC interrupts on). Called with the machine
 * lock held. Any pointer may be NULL in tests: then there is no interrupt and APIC MSRs raise #GP.
 */
struct CpuApicOps {
    int (*acknowledge)(void *opaque);               /* vector of the interrupt to deliver now, or -1 (spurious) */
    uint64_t (*get_base)(void *opaque);             /* IA32_APIC_BASE */
    bool (*set_base)(void *opaque, uint64_t value); /* false: #GP */
    uint8_t (*get_cr8)(void *opaque);
    void (*set_cr8)(void *opaque, uint8_t value);
    bool (*read_msr)(void *opaque, uint32_t msr, uint64_t *value); /* x2APIC 800h-8ffh and 6e0h; false: #GP */
    bool (*write_msr)(void *opaque, uint32_t msr, uint64_t value);
    /* KVM's paravirtual EOI: the byte of guest memory whose bit 0 the guest may clear instead of an EOI; NULL: none */
    void (*set_pv_eoi)(void *opaque, _Atomic uint8_t *flag);
    /* KVM's hypercall: an interrupt to each APIC id first + n for which bit n is set; how many took it */
    unsigned (*send_ipis)(void *opaque, const uint64_t bits[2], uint32_t first, uint32_t icr);
    void (*tsc_changed)(void *opaque);       /* the guest set its TSC: an armed TSC deadline means another time now */
    void (*kick)(void *opaque, uint32_t id); /* KVM's hypercall: CPU_EVENT_UNHALT to the CPU with that APIC id */
};

enum { CPU_ASSIST_KINDS = 48 };

/** Instructions that the software engine executed because the engine in use could not; in all, and by mnemonic as far
 *  as there is room. */
struct CpuStats {
    uint64_t assists;
    struct CpuAssisted {
        const char *mnemonic; /* static; NULL: free, as are those that follow */
        uint64_t count;
    } assisted[CPU_ASSIST_KINDS];
};

/** Count one. */
void cpu_count_assist(struct CpuStats *s, const char *mnemonic);
/** Add another vCPU's. */
void cpu_add_assists(struct CpuStats *sum, const struct CpuStats *s);
/** "FADD 12, FLD 3, 5 others", most frequent first; "" if there were none. As snprintf. */
int cpu_describe_assists(const struct CpuStats *s, char *buf, size_t n);

/** What is about to be delivered. */
struct CpuEvent {
    uint8_t vector;
    bool has_error;
    bool external; /* an interrupt or NMI */
    bool software; /* INT n, INT3, INTO */
    bool between;  /* no instruction's own: `external`, or the trap of one that is complete */
    uint32_t error;
};

/**
 * What an engine tells an observer (tracing). Called in the vCPU's thread with env up to date and the machine lock not
 * held; must not change anything. A NULL pointer costs nothing. Set only while the vCPU is parked.
 */
/** A part of the host code that a block has become. */
struct CpuHostCode {
    uint64_t rip;        /* of the guest's instruction that it belongs to, or of the block */
    const uint8_t *insn; /* its bytes, insn_size of them; NULL: of the whole block */
    unsigned insn_size;
    const char *what; /* a word for people: "entry"; NULL: it is what the instruction has become */
    const uint8_t *code;
    uint64_t address; /* where it is executed; it is read at `code` */
    size_t size;
};

struct CpuTrace {
    /** Before each instruction; forces engines to go one by one. */
    void (*insn)(void *opaque, struct CPUState *cpu);
    /** Before an exception, interrupt or INT n is delivered; env is the interrupted state. */
    void (*event)(void *opaque, struct CPUState *cpu, const struct CpuEvent *e);
    /** Instructions were decoded that begin at CS:rip: a block. `bytes` are theirs; those that follow `size` are not.
     */
    void (*decoded)(void *opaque, struct CPUState *cpu, uint64_t rip, const uint8_t *bytes, unsigned size);
    /** A block was translated: the n parts of its host code, in the order of the host's addresses but for what is out
     *  of line. */
    void (*translated)(void *opaque, struct CPUState *cpu, const struct CpuHostCode *part, unsigned n);
    /** RDMSR has read, WRMSR has written `value`; not `ok`: it raises #GP. An engine shows those that it gets to see.
     */
    void (*msr)(void *opaque, struct CPUState *cpu, bool write, uint32_t msr, uint64_t value, bool ok);
    void *opaque;
    /** Every event is wanted, not only those that an engine gets to see: an engine that sees few refuses. */
    bool all_events;
    /** Engines are to keep CPUState.access up to date even where that costs them something. */
    bool accesses;
    /** Keep so many of the last instructions, for AccelLookOps.history; 0: none. As of vcpu_init. */
    unsigned history;
};

/** The instruction that makes the device access under way. An engine may not know it. */
struct CpuAccess {
    uint64_t rip;
    uint16_t cs;
    bool known;
    bool behind; /* rip is that of the instruction that follows */
};

struct CPUState {
    CPUX86State env; /* the truth while !engine_owns_state */
    unsigned index;
    uint32_t apic_id; /* the initial one: cpu_topology_apic_id of the index */
    bool bootstrap;   /* the BSP */

    struct Bus *bus;
    struct Clock *clock;
    pthread_mutex_t *lock; /* the machine lock: recursive, held around all device code */
    struct CpuModel model; /* what CPUID says and which features exist */
    const struct CpuApicOps *apic;
    void *apic_opaque;

    /* engine; accel and engine change together (cpu_set_engine), while the vCPU does not run */
    struct Accel *accel;
    void *engine;                /* the engine's own per-vCPU data */
    pthread_mutex_t engine_lock; /* a leaf: keeps the two still while another thread kicks */
    bool engine_owns_state;      /* env is stale: cpu_sync_state brings it up to date */
    bool env_changed;            /* somebody but the engine wrote env: the loop calls put_state before the next exec */

    /* events and run state; see vcpu.h */
    _Atomic uint32_t events;
    _Atomic uint8_t sipi_vector;
    bool halted;    /* with the engine's own interrupt controllers stale while engine_owns_state */
    bool shut_down; /* after a triple fault (SDM vol. 3, 7.15), until RESET or INIT; halted too */
    bool wait_for_sipi;

    /* of several vCPUs in one thread: */
    bool has_turn, turn_over; /* this one's turn it is; it has nothing to do with the rest of it */
    uint64_t turn_end;        /* cpu_progress at which another's begins */

    /* instruction count: exact whenever device code runs or exec has returned */
    uint64_t insn_count;
    uint64_t event_count; /* exceptions and interrupts delivered, where the engine sees them; see cpu_progress */
    uint64_t insn_limit;  /* exec returns VCPU_EXIT_BUDGET as soon as insn_count >= insn_limit; UINT64_MAX: none. Each
                             event takes one off */

    /* CLOCK_ICOUNT: clock_now = (cpu_progress << icount_shift) + icount_offset, the offset being time slept in HLT */
    bool icount;
    unsigned icount_shift;
    int64_t icount_offset;

    uint64_t random_count; /* numbers that cpu_random gave of its fixed sequence */

    uint64_t tsc_hz; /* frequency of the guest's TSC */
    struct CpuStats stats;
    const struct CpuTrace *trace; /* NULL: nobody looks */
    struct CpuDebug debug;        /* a debugger's stops */
    struct CpuAccess access;      /* within device code, see CpuTrace.accesses */
    const uint8_t *insn_bytes;    /* within CpuTrace.insn: the bytes of the instruction, if the engine knows them */
    unsigned insn_size;
    struct ExitStats *exits;   /* NULL: nobody counts (cpu/exits.h). As of vcpu_init */
    char error[256];           /* with VCPU_EXIT_ERROR: one line for the person */
    struct VcpuThread *thread; /* owned by vcpu.c */

    struct CpuGroup *group; /* cpu/exclusive.h, whose mutex guards the two that follow; NULL: alone */
    struct CPUState *next_in_group;
    bool working;
    bool settle_others; /* vcpu_settle_others was called; its own thread's */
};

/** Power-on or INIT reset of env (SDM vol. 3, table 9-1). `init`: INIT keeps x87/SSE state, MTRRs and some MSRs. */
void cpu_reset(struct CPUState *cpu, bool init);

/** Use another engine from the next exec on; NULL, NULL: none for now. env is the truth, and whoever calls says by
 *  cpu_state_changed that the engine is to load it. While the vCPU does not run. */
void cpu_set_engine(struct CPUState *cpu, struct Accel *accel, void *engine);

/** Post events and make exec return or look soon. Any thread. */
void cpu_post(struct CPUState *cpu, uint32_t events);
/** An INIT: a SIPI from before it is none any more. Machine lock held, as for the next. Any thread. */
void cpu_post_init(struct CPUState *cpu);
/** A start-up IPI. The first one counts, until it has been served. */
void cpu_post_sipi(struct CPUState *cpu, uint8_t vector);
/** Withdraw events (only CPU_EVENT_INTR is a level). Any thread. */
static inline void cpu_retract(struct CPUState *cpu, uint32_t events) { atomic_fetch_and(&cpu->events, ~events); }

/**
 * Bring env up to date from the engine / tell the engine that env was changed. In the vCPU thread or while stopped.
 * The loop sets engine_owns_state before each exec; engines need not touch either flag.
 */
void cpu_sync_state(struct CPUState *cpu);
void cpu_state_changed(struct CPUState *cpu);

/** What budgets and CLOCK_ICOUNT count: instructions executed, and exceptions and interrupts delivered. So a guest
 *  comes to an end, and sees time go by, that never completes an instruction because its handler faults, too. Exact
 *  whenever insn_count is. INT n and its kin are instructions and no events. */
static inline uint64_t cpu_progress(const struct CPUState *cpu) { return cpu->insn_count + cpu->event_count; }
/** An engine is about to deliver an exception or interrupt. */
static inline void cpu_count_event(struct CPUState *cpu) {
    cpu->event_count++;
    if (cpu->insn_limit != UINT64_MAX && cpu->insn_limit != 0)
        cpu->insn_limit--;
}

/** With CLOCK_ICOUNT bring the clock up to cpu_progress; else nothing. Engines call it before device code, time stamp
 *  reads and whatever else asks the time within exec. vCPU thread; no lock needed. */
void cpu_sync_clock(struct CPUState *cpu);

/** An AP's start after SIPI: CS:IP = vector * 100h : 0. */
void cpu_start_ap(struct CPUState *cpu, uint8_t vector);

/** The events that would end HLT, or the wait for SIPI: a deliverable interrupt, NMI, INIT, LEAVE ... */
uint32_t cpu_wake_events(const struct CPUState *cpu);
/** True when one of them is there. */
static inline bool cpu_has_work(const struct CPUState *cpu) {
    return (atomic_load(&cpu->events) & cpu_wake_events(cpu)) != 0;
}

/** A random number for the guest: the host's, or with CLOCK_ICOUNT the next of a fixed sequence. False: there is none
 *  now. vCPU thread. */
bool cpu_random(struct CPUState *cpu, uint64_t *v);

/** The guest's time stamp counter now (includes tsc_offset). */
uint64_t cpu_read_tsc(struct CPUState *cpu);

#endif
