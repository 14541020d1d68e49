/* SPDX-License-Identifier: MIT */
/* Where logical processors sit. See topology.h. */
#include "cpu/topology.h"
#include "base/why.h"

#include <errno.h>

/* What is not given, of a board that has room for `max`; without that of one that has all that is named. */
static void fill_in(struct CpuTopology *t, unsigned max) {
    if (t->dies == 0)
        t->dies = 1;
    if (max == 0 || t->cores == 0) {
        t->sockets = t->sockets != 0 ? t->sockets : 1;
        t->threads = t->threads != 0 ? t->threads : 1;
    }
    if (t->cores == 0)
        t->cores = max == 0 ? 1 : max / (t->sockets * t->dies * t->threads);
    if (t->sockets == 0) {
        t->threads = t->threads != 0 ? t->threads : 1;
        t->sockets = max / (t->dies * t->cores * t->threads);
    }
    if (t->threads == 0)
        t->threads = max / (t->sockets * t->dies * t->cores);
}

int cpu_smp_complete(struct CpuSmp *s, char *why, size_t n) {
    struct CpuTopology *t = &s->topology;
    const unsigned given[] = {s->cpus, s->max_cpus, t->sockets, t->dies, t->cores, t->threads};
    for (unsigned i = 0; i < sizeof(given) / sizeof(given[0]); i++)
        if (given[i] > CPU_TOPOLOGY_MAX)
            return why_set(why, n, -EINVAL, "-smp: %u is too many; a machine has 1 to %d processors", given[i],
                           CPU_TOPOLOGY_MAX);
    fill_in(t, s->max_cpus != 0 ? s->max_cpus : s->cpus);
    unsigned product = cpu_topology_count(t);
    s->max_cpus = s->max_cpus != 0 ? s->max_cpus : s->cpus != 0 ? s->cpus : product;
    s->cpus = s->cpus != 0 ? s->cpus : s->max_cpus;
    if (s->max_cpus < s->cpus)
        return why_set(why, n, -EINVAL, "-smp: maxcpus=%u is less than the %u processors there are to be", s->max_cpus,
                       s->cpus);
    if (product != s->max_cpus)
        return why_set(why, n, -EINVAL,
                       "-smp: sockets=%u, dies=%u, cores=%u and threads=%u make %u processors, and there is to be room "
                       "for %u; they must agree",
                       t->sockets, t->dies, t->cores, t->threads, product, s->max_cpus);
    if (product > CPU_TOPOLOGY_MAX)
        return why_set(why, n, -EINVAL, "-smp: %u is too many; a machine has 1 to %d processors", product,
                       CPU_TOPOLOGY_MAX);
    return 0;
}

/* Bits that hold the numbers below `count`. */
static unsigned bits(unsigned count) {
    unsigned n = 0;
    while (n < 31 && 1u << n < count)
        n++;
    return n;
}

unsigned cpu_topology_core_shift(const struct CpuTopology *t) { return bits(t->threads); }
unsigned cpu_topology_die_shift(const struct CpuTopology *t) { return cpu_topology_core_shift(t) + bits(t->cores); }
unsigned cpu_topology_socket_shift(const struct CpuTopology *t) { return cpu_topology_die_shift(t) + bits(t->dies); }

struct CpuPlace cpu_topology_place(const struct CpuTopology *t, unsigned index) {
    return (struct CpuPlace){
        .socket = index / cpu_topology_per_socket(t),
        .die = index / (t->cores * t->threads) % t->dies,
        .core = index / t->threads % t->cores,
        .thread = index % t->threads,
    };
}

uint32_t cpu_topology_apic_id(const struct CpuTopology *t, unsigned index) {
    struct CpuPlace p = cpu_topology_place(t, index);
    return p.socket << cpu_topology_socket_shift(t) | p.die << cpu_topology_die_shift(t) |
           p.core << cpu_topology_core_shift(t) | p.thread;
}
