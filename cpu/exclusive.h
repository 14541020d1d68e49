/* SPDX-License-Identifier: MIT */
/**
 * Stopping the world: between cpu_exclusive_begin and cpu_exclusive_end no vCPU of the machine works; those that want
 * to wait. For what no vCPU may see half done: reset, changes of the memory map, flushes of shared code, snapshots.
 *
 * A vCPU works from cpu_run_begin to cpu_run_end, and between the two its state is its thread's alone. It can be
 * stopped at its safepoints, between two instructions, where its state is whole; and where it stops the world itself,
 * which may be in the midst of an instruction. So a thread that is not a working vCPU's finds all vCPUs at safepoints:
 * vCPUs that wait within an instruction have their turn before it.
 *
 * Locks: the machine lock must not be held by who calls cpu_exclusive_begin: a vCPU at work may be waiting for it, and
 * could not stop. It may be taken between the two.
 */
#ifndef TWIN86_CPU_EXCLUSIVE_H
#define TWIN86_CPU_EXCLUSIVE_H

#include "cpu/cpu.h"

/** The vCPUs of a machine. */
struct CpuGroup {
    pthread_mutex_t mutex;    /* a leaf but for what cpu_post takes; guards what follows */
    pthread_cond_t stopped;   /* perhaps who waits can have the world for itself */
    pthread_cond_t ended;     /* the world goes on */
    struct CPUState *first;   /* linked by CPUState.next_in_group */
    unsigned working;         /* vCPUs at work */
    unsigned waiting, within; /* how many want to stop the world; those of them that are within an instruction */
    unsigned depth;           /* of begins without end; 0: nobody has stopped the world */
    pthread_t owner;          /* who has */
    struct CPUState *back;    /* the owner's own vCPU, which was at work; or NULL */
    _Atomic bool wanted;      /* waiting + depth != 0: for a look without the mutex */
};

void cpu_group_init(struct CpuGroup *g);
void cpu_group_destroy(struct CpuGroup *g);
/** Before the vCPU's thread runs. */
void cpu_group_add(struct CpuGroup *g, struct CPUState *cpu);
/** No other vCPU has to be stopped for anything. Constant once all have been added. */
static inline bool cpu_is_alone(const struct CPUState *cpu) {
    return cpu->group == NULL || (cpu->group->first == cpu && cpu->next_in_group == NULL);
}

/** Stop the world. Any thread; `self`: the vCPU whose thread calls, at work or not, or NULL. Nests in the same thread.
 * Of several threads one comes after the other; within an instruction of `self`, others may have had the world before.
 */
void cpu_exclusive_begin(struct CpuGroup *g, struct CPUState *self);
void cpu_exclusive_end(struct CpuGroup *g);
/** As cpu_exclusive_begin, but only if it can be done until then (CLOCK_MONOTONIC); else false, and the world goes on
 *  as if nobody had asked. Not in a vCPU's thread, nor between begin and end. */
bool cpu_exclusive_try(struct CpuGroup *g, const struct timespec *until);

/** The vCPU loop's part; in the vCPU's thread. A vCPU without group is alone: nothing happens. */
void cpu_run_begin(struct CPUState *cpu);
void cpu_run_end(struct CPUState *cpu);
/** At work, with CPU_EVENT_LEAVE withdrawn: let somebody stop the world, if somebody wants to. */
void cpu_safepoint(struct CPUState *cpu);

#endif
