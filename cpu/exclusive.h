/* SPDX-License-Identifier: MIT */
/**
 * Stopping the world: between cpu_exclusive_begin and cpu_exclusive_end no vCPU of the machine is in guest code; those
 * that want to get there wait. For what no vCPU may see half done: reset, flushes of shared code, snapshots.
 *
 * Locks: the machine lock must not be held by who calls cpu_exclusive_begin: a vCPU in guest code may be waiting for
 * it, and could not leave. It may be taken between the two.
 */
#ifndef TWIN86_CPU_EXCLUSIVE_H
#define TWIN86_CPU_EXCLUSIVE_H

#include "cpu/cpu.h"

/** The vCPUs of a machine. */
struct CpuGroup {
    pthread_mutex_t mutex;  /* a leaf but for what cpu_post takes; guards what follows */
    pthread_cond_t left;    /* somebody has left guest code */
    pthread_cond_t ended;   /* the world goes on */
    struct CPUState *first; /* linked by CPUState.next_in_group */
    unsigned inside;        /* vCPUs in guest code */
    unsigned depth;         /* of begins without end; 0: nobody has stopped the world */
    pthread_t owner;        /* who has */
    struct CPUState *back;  /* the owner's own vCPU, which was in guest code; or NULL */
};

void cpu_group_init(struct CpuGroup *g);
void cpu_group_destroy(struct CpuGroup *g);
/** Before the vCPU's thread runs. */
void cpu_group_add(struct CpuGroup *g, struct CPUState *cpu);

/** Stop the world. Any thread; `self`: the vCPU whose thread calls, in guest code or not, or NULL. Nests in the same
 *  thread. Of several threads one comes after the other. */
void cpu_exclusive_begin(struct CpuGroup *g, struct CPUState *self);
void cpu_exclusive_end(struct CpuGroup *g);

/** The vCPU loop's part, around exec. A vCPU without group is alone: nothing happens. */
void cpu_enter_guest(struct CPUState *cpu);
void cpu_leave_guest(struct CPUState *cpu);

#endif
