/* SPDX-License-Identifier: MIT */
/**
 * Stops that a debugger wants of a vCPU: breakpoints and watchpoints by linear address, single steps. Plain data;
 * engines look at it, and tell in `hit` why they stopped.
 *
 * The guest notices nothing: its memory, its flags and its own debug registers stay as they are, as far as the engine
 * can do it (docs/debugging.md says where kvm can't).
 *
 * Threads: changed only while the vCPU is parked, `hit`, `first` and `masked` also by the vCPU's thread.
 */
#ifndef TWIN86_CPU_DEBUG_H
#define TWIN86_CPU_DEBUG_H

#include <stdbool.h>
#include <stdint.h>

struct CPUState;

enum CpuPointKind {
    CPU_BREAKPOINT,   /* before the instruction at the address is executed */
    CPU_WATCH_WRITE,  /* after an access that writes any of the bytes */
    CPU_WATCH_READ,   /* after one that reads any of them */
    CPU_WATCH_ACCESS, /* either */
};

struct CpuPoint {
    uint64_t address; /* linear */
    uint64_t length;  /* watchpoints: bytes, at least 1 */
    uint8_t kind;     /* enum CpuPointKind */
    bool hardware;    /* breakpoints: asked for as such; there is no difference but in reports */
};

enum CpuHitKind { CPU_HIT_NONE, CPU_HIT_POINT, CPU_HIT_STEP };

enum { CPU_POINTS = 64 };

struct CpuDebug {
    struct CpuPoint point[CPU_POINTS];
    unsigned count;
    unsigned breakpoints, watchpoints; /* of these */
    uint64_t generation;               /* changes whenever the points do */

    bool step;         /* stop after one instruction, or the delivery of one event */
    bool first;        /* this run's first instruction is not executed yet: a breakpoint there, of which the last
                             stop told, is passed over */
    bool masked;       /* interrupts wait until it is */
    bool steps_let_in; /* interrupts may come in single steps, too (default: they wait) */
    struct {
        uint8_t kind;          /* enum CpuHitKind */
        struct CpuPoint point; /* CPU_HIT_POINT: which */
        uint64_t address;      /* linear: of the instruction, or of the access's first watched byte */
    } hit;
};

/** Add one; 0 also when it is there already. -EINVAL for no such kind or no length, -ENOSPC: too many. */
int cpu_point_insert(struct CpuDebug *d, const struct CpuPoint *p);
/** Take it out. -ENOENT when there is none like it. */
int cpu_point_remove(struct CpuDebug *d, const struct CpuPoint *p);

/** Prepare for a run: of one step, or until something happens. Parked; env up to date. */
void cpu_debug_begin(struct CPUState *cpu, bool step);
/** The run is over, for whatever reason. */
void cpu_debug_end(struct CPUState *cpu);

/** The breakpoint at a linear address, or NULL. */
const struct CpuPoint *cpu_breakpoint_at(const struct CpuDebug *d, uint64_t linear);
/** The watchpoint that an access meets, or NULL. */
const struct CpuPoint *cpu_watchpoint_at(const struct CpuDebug *d, uint64_t linear, unsigned size, bool write);
/** True if any byte of [linear, linear + size) is watched. */
bool cpu_watched(const struct CpuDebug *d, uint64_t linear, uint64_t size);

/** Note why the vCPU stops. */
void cpu_hit_point(struct CpuDebug *d, const struct CpuPoint *p, uint64_t address);
void cpu_hit_step(struct CpuDebug *d);

/** CS:RIP as a linear address. */
uint64_t cpu_linear_rip(const struct CPUState *cpu);

#endif
