/* SPDX-License-Identifier: MIT */
/* What is done to all vCPUs of a machine. */
#include "base/why.h"
#include "cpu/topology.h"
#include "machine/doorbells.h"
#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void init_cpu(struct Machine *m, unsigned index, const struct CpuModel *model) {
    struct MachineCpu *c = &m->cpus[index];
    c->machine = m;
    struct CPUState *cpu = &c->cpu;
    cpu->index = index;
    cpu->apic_id = cpu_topology_apic_id(&model->topology, index);
    cpu->bootstrap = index == 0;
    cpu->bus = m->bus;
    cpu->clock = m->clock;
    cpu->lock = &m->lock;
    cpu->model = *model;
    cpu->icount = m->config.icount;
    cpu->icount_shift = m->config.icount_shift;
    cpu->tsc_hz = GUEST_TSC_HZ;
    cpu->insn_limit = UINT64_MAX;
    pthread_mutex_init(&cpu->engine_lock, NULL);
    cpu_group_add(&m->cpu_group, cpu);
}

/* The memory map changes in device code, which a vCPU may be in the midst of: it goes on when all others have seen it.
 * */
static void map_changed(void *opaque, uint64_t gpa, uint64_t size) {
    struct MachineCpu *c = machine_current_cpu(opaque);
    (void)gpa, (void)size;
    if (c != NULL)
        vcpu_settle_others(&c->cpu);
}

int machine_create_cpus(struct Machine *m, char *why, size_t n) {
    struct CpuModel model;
    int r = cpu_model_parse(&model, m->config.cpu, why, n);
    if (r != 0)
        return r;
    if (m->config.max_cpus > 1 && !cpu_has(&model, CPUID_APIC))
        return why_set(why, n, -EINVAL,
                       "-smp: %u processors need local APICs, and the CPU model has none; leave -apic out",
                       m->config.max_cpus);
    model.topology = machine_topology(m);
    size_t bytes = m->config.cpus * sizeof(*m->cpus); /* a multiple of the type's alignment */
    m->cpus = aligned_alloc(_Alignof(struct MachineCpu), bytes);
    if (m->cpus == NULL) {
        snprintf(why, n, "processors: %s", strerror(ENOMEM));
        return -ENOMEM;
    }
    memset(m->cpus, 0, bytes);
    m->cpu_count = m->config.cpus;
    cpu_group_init(&m->cpu_group);
    for (unsigned i = 0; i < m->cpu_count; i++)
        init_cpu(m, i, &model);
    const struct BusListener listener = {.mapping_changed = map_changed, .opaque = m};
    return m->cpu_count > 1 ? bus_add_listener(m->bus, &listener) : 0;
}

void machine_destroy_cpus(struct Machine *m) {
    for (unsigned i = 0; i < m->cpu_count; i++) {
        exits_free(m->cpus[i].cpu.exits);
        pthread_mutex_destroy(&m->cpus[i].cpu.engine_lock);
    }
    if (m->cpus != NULL)
        cpu_group_destroy(&m->cpu_group);
    free(m->cpus);
    m->cpus = NULL;
    m->cpu_count = 0;
}

/* Their time stamp counters all begin at the same moment: guests would take others for broken. */
void machine_reset_cpus(struct Machine *m) {
    for (unsigned i = 0; i < m->cpu_count; i++) {
        cpu_reset(machine_cpu(m, i), false);
        machine_cpu(m, i)->env.tsc_offset = machine_cpu(m, 0)->env.tsc_offset;
    }
    machine_state_changed(m);
}

bool machine_running(const struct Machine *m) {
    for (unsigned i = 0; i < m->cpu_count; i++)
        if (vcpu_running(machine_cpu(m, i)))
            return true;
    return false;
}

void machine_sync_state(struct Machine *m) {
    machine_hear_doorbells(m);
    for (unsigned i = 0; i < m->cpu_count; i++)
        cpu_sync_state(machine_cpu(m, i));
    if (m->engine != NULL && m->engine->accel.ops->settle != NULL)
        m->engine->accel.ops->settle(&m->engine->accel);
}

void machine_state_changed(struct Machine *m) {
    for (unsigned i = 0; i < m->cpu_count; i++)
        cpu_state_changed(machine_cpu(m, i));
}

void machine_post(struct Machine *m, uint32_t events) {
    for (unsigned i = 0; i < m->cpu_count; i++)
        cpu_post(machine_cpu(m, i), events);
}

struct MachineCpu *machine_current_cpu(struct Machine *m) {
    for (unsigned i = 0; i < m->cpu_count; i++)
        if (vcpu_is_self(machine_cpu(m, i)))
            return &m->cpus[i];
    return NULL;
}
