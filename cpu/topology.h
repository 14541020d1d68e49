/* SPDX-License-Identifier: MIT */
/**
 * Where the logical processors of a board sit: sockets, dies in them, cores in those, threads in those. From that
 * follow APIC ids, and what CPUID (cpuid_topology.c) and firmware's tables say.
 *
 * APIC ids are made of fields (SDM vol. 3, 9.9.3.2): the thread's number lowest, then core, die and socket, each in as
 * many bits as the largest number needs. With counts that are no powers of two there are ids which nobody has.
 *
 * Pure functions: any thread, any time.
 */
#ifndef TWIN86_CPU_TOPOLOGY_H
#define TWIN86_CPU_TOPOLOGY_H

#include "isa/features.h"

#include <stddef.h>

enum { CPU_TOPOLOGY_MAX = 64 /* processors that may be asked for */ };

/** What a person asks for; 0: not given. */
struct CpuSmp {
    unsigned cpus, max_cpus; /* processors that are there; that the board has room for */
    struct CpuTopology topology;
};

/** A processor's place: its numbers from 0 on, each within the next larger one. */
struct CpuPlace {
    unsigned socket, die, core, thread;
};

/**
 * Fill in what is not given, as QEMU does since 6.2: dies are 1, then cores take what is left, then sockets, then
 * threads. 0, or -EINVAL with one line in `why`, which begins with the option: they do not agree, or are too many.
 */
int cpu_smp_complete(struct CpuSmp *smp, char *why, size_t n);

/** How many the board has room for, and one socket. */
static inline unsigned cpu_topology_count(const struct CpuTopology *t) {
    return t->sockets * t->dies * t->cores * t->threads;
}
static inline unsigned cpu_topology_per_socket(const struct CpuTopology *t) { return t->dies * t->cores * t->threads; }

/** The lowest bit of that field of an APIC id. */
unsigned cpu_topology_core_shift(const struct CpuTopology *t);
unsigned cpu_topology_die_shift(const struct CpuTopology *t);
unsigned cpu_topology_socket_shift(const struct CpuTopology *t);

/** Processor `index`, which counts threads first. */
struct CpuPlace cpu_topology_place(const struct CpuTopology *t, unsigned index);
/** Its initial APIC id. */
uint32_t cpu_topology_apic_id(const struct CpuTopology *t, unsigned index);

#endif
