/* SPDX-License-Identifier: MIT */
/* vCPUs as the host's scheduler sees them: what only the machine can put together. */
#include "cpu/topology.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* KVM counts exits even where nobody has asked for statistics. */
static void take_kernel_exits(void *opaque, const char *name, int reason, uint64_t count) {
    (void)reason;
    if (strcmp(name, "exits") == 0)
        *(int64_t *)opaque = (int64_t)count;
}

/* -1: nobody has counted. */
static int64_t count_exits(const struct Machine *m, unsigned cpu) {
    const struct Engine *e = m->engine;
    const struct AccelLookOps *look = e->accel.ops->look;
    struct ExitStats *stats = m->cpus[cpu].cpu.exits;
    struct ExitRow *rows = NULL;
    size_t count = 0;
    uint64_t merged = 0;
    int64_t exits = -1;
    if (look != NULL && look->kernel_exits != NULL)
        look->kernel_exits(e->vcpu[cpu], take_kernel_exits, &exits);
    if (exits >= 0 || stats == NULL)
        return exits;
    if (exits_copy(stats, &rows, &count, &merged) == 0)
        exits = 0;
    for (size_t i = 0; exits >= 0 && i < count; i++)
        exits += rows[i].key.class == EXIT_CLASS_EXIT ? (int64_t)rows[i].count : 0;
    free(rows);
    return exits;
}

/* Time slept in HLT, by the loop and by an engine that sleeps itself. */
static int64_t add_halted(const struct Machine *m, unsigned cpu, int64_t ns) {
    const struct Engine *e = m->engine;
    const struct AccelLookOps *look = e->accel.ops->look;
    int64_t more = e->accel.irqchip && look != NULL && look->halted_ns != NULL ? look->halted_ns(e->vcpu[cpu]) : 0;
    return more < 0 ? -1 : ns + more;
}

void machine_vcpu_sched(struct Machine *m, unsigned cpu, struct VcpuSched *s) {
    struct CPUState *c = machine_cpu(m, cpu);
    vcpu_sched(c, s);
    s->halted_ns = add_halted(m, cpu, s->halted_ns);
    s->exits = count_exits(m, cpu);
    pthread_mutex_lock(&m->lock); /* while it is held, none that stands starts */
    if (!machine_running(m)) {
        cpu_sync_state(c);
        s->steal_ns = vcpu_steal_told(c);
    }
    pthread_mutex_unlock(&m->lock);
}

struct VcpuSched *machine_sched(struct Machine *m) {
    struct VcpuSched *s = calloc(m->cpu_count, sizeof(*s));
    for (unsigned i = 0; s != NULL && i < m->cpu_count; i++)
        machine_vcpu_sched(m, i, &s[i]);
    return s;
}

int twin86_cpu_stats(Twin86Machine *machine, unsigned cpu, Twin86CpuStats *stats) {
    struct Machine *m = machine_of(machine);
    struct VcpuSched s;
    if (cpu >= m->cpu_count)
        return -EINVAL;
    machine_vcpu_sched(m, cpu, &s);
    const struct CpuTopology topology = machine_topology(m);
    struct CpuPlace p = cpu_topology_place(&topology, cpu);
    *stats = (Twin86CpuStats){
        .socket = p.socket,
        .die = p.die,
        .core = p.core,
        .thread = p.thread,
        .apic_id = machine_cpu(m, cpu)->apic_id,
        .thread_id = s.thread_id,
        .host_cpu = s.host_cpu,
        .cpu_ns = s.cpu_ns,
        .wait_ns = s.wait_ns,
        .halted_ns = s.halted_ns,
        .steal_ns = s.steal_ns,
        .voluntary_switches = s.voluntary,
        .involuntary_switches = s.involuntary,
        .migrations = s.migrations,
        .exits = s.exits,
    };
    return 0;
}
