/* SPDX-License-Identifier: MIT */
/** Leader and follower: what lockstep_follow.c (the run), _setup.c and _log.c share. */
#ifndef TWIN86_DIFF_LOCKSTEP_FOLLOW_H
#define TWIN86_DIFF_LOCKSTEP_FOLLOW_H

#include "accel/follow.h"
#include "diff/guest/guest_explained.h"
#include "diff/guest/lockstep.h"
#include "isa/isa.h"

/* ---- accesses to devices (lockstep_log.c) ---- */

enum LogSpace { LOG_MEMORY, LOG_PORT, LOG_MSR };

/** What one byte of an access was: accesses are compared bytewise, because engines cut them differently. */
struct LogByte {
    uint64_t address;
    uint8_t space, write, value;
};

/** What the leader said to devices in this step, and how far the follower has repeated it. */
struct LockLog {
    struct LogByte *byte;
    size_t count, taken, capacity;
    bool no_memory;
    struct LockDiffs odd; /* accesses of the follower that were not the leader's */
    struct BusTap leader, follower;
};

void lock_log_init(struct LockLog *log);
void lock_log_destroy(struct LockLog *log);
/** Keep an access. */
void lock_log_note(struct LockLog *log, enum LogSpace space, bool write, uint64_t address, const void *data, size_t n);
/** The follower does that: false if the leader did not do so now. A read fills `data`. */
bool lock_log_take(struct LockLog *log, enum LogSpace space, bool write, uint64_t address, void *data, size_t n);
/** The step is over: add what did not match to `d`, and begin anew. */
void lock_log_finish(struct LockLog *log, struct LockDiffs *d);

/* ---- the run ---- */

/** What is to be known of an instruction form, by row of the instruction table. */
struct LockRow {
    uint64_t undefined; /* flags */
    uint32_t given;     /* see ExplainedInsn */
    bool given_flags;
    bool string, halts;
    enum AccelStepFlags flags;
    uint64_t times; /* that something was given */
    bool system;    /* can change MSRs, debug registers and the like */
};

/** Instruction counts between which each instruction is compared, in a run that else goes from exit to exit. */
struct LockSpan {
    uint64_t from, to;
};
enum { LOCK_SPANS = 1000, LOCK_TRAIL = 1 << 16 };
struct LockSpans {
    struct LockSpan span[LOCK_SPANS];
    unsigned count;
};

struct Follow {
    const struct LockConfig *c;
    struct LockResult *r;
    struct Machine *leader, *follower;
    struct CpuTrace hooks;
    struct CpuApicOps leader_apic, follower_apic; /* that log, that answer from the log */
    const struct CpuApicOps *devices;             /* the leader's own */
    void *devices_opaque;
    struct LockLog log;
    struct LockHistory history;
    struct Disas *disas;
    const struct LockDiffs *watch; /* words of RAM to compare after each step; NULL: none */
    const struct LockSpans *spans; /* from exit to exit, but for these; NULL: each instruction */
    uint64_t *trail;               /* linear RIPs of what the leader has executed since they met */
    size_t behind;                 /* how many */
    uint64_t met, ram_met;         /* instruction counts when they last met, and when RAM was last compared */
    struct LockSpan again;         /* where to look at each instruction in the next run */

    struct LockRow *rows;
    uint64_t *never, *step_ignore; /* by field: bits that are never compared, that are not compared now */
    struct LockMask never_mask, mask;
    unsigned gpr_field, rflags_field, cr2_field, dr6_field; /* indices into env_fields */

    CPUX86State before; /* the leader's, before the step */
    struct Decoded decoded;
    unsigned row;
    uint64_t count;    /* instructions that the leader had executed before it */
    bool pending;      /* the leader is at an instruction that the follower has not executed */
    int inject;        /* an interrupt that was delivered to the leader only; -1: none */
    unsigned events;   /* exceptions and software interrupts within the step */
    uint8_t vector;    /* of the last event */
    uint8_t stop_byte; /* of the code where the leader went */
    bool general_changed;
    bool was_behind;  /* within the step under way the follower had to catch up */
    bool fault_noted; /* the leader's CR2 and DR6 tell already of what comes after the step */
    uint64_t since;   /* steps since RAM was compared */
    uint64_t words;   /* of RAM that were given */
    _Atomic uint64_t steps;
    int64_t deadline; /* host ms */
    bool over, look_again;
    struct LockDiffs found;
};

extern const struct CpuTrace lock_follow_hooks;

/** Machines, tables, taps. False: r says why; lock_follow_destroy is due in either case. */
bool lock_follow_init(struct Follow *f, const struct LockConfig *c, struct LockResult *r, bool output);
void lock_follow_destroy(struct Follow *f);

#endif
