/* SPDX-License-Identifier: MIT */
/* Events, engine state and time of one vCPU. See cpu.h. */
#include "cpu/cpu.h"
#include "accel/accel.h"
#include "cpu/vcpu.h"

#include <errno.h>
#include <sys/random.h>

void cpu_post(struct CPUState *cpu, uint32_t events) {
    uint32_t before = atomic_fetch_or(&cpu->events, events);
    if ((before & events) == events)
        return; /* whoever posted it first has kicked */
    pthread_mutex_lock(&cpu->engine_lock);
    if (cpu->accel != NULL && cpu->accel->ops->kick != NULL)
        cpu->accel->ops->kick(cpu);
    pthread_mutex_unlock(&cpu->engine_lock);
    vcpu_wake(cpu);
}

void cpu_post_init(struct CPUState *cpu) {
    cpu_retract(cpu, CPU_EVENT_SIPI);
    cpu_post(cpu, CPU_EVENT_INIT);
}

void cpu_post_sipi(struct CPUState *cpu, uint8_t vector) {
    if (atomic_load(&cpu->events) & CPU_EVENT_SIPI)
        return;
    cpu->sipi_vector = vector;
    cpu_post(cpu, CPU_EVENT_SIPI);
}

void cpu_set_engine(struct CPUState *cpu, struct Accel *accel, void *engine) {
    pthread_mutex_lock(&cpu->engine_lock);
    cpu->accel = accel;
    cpu->engine = engine;
    pthread_mutex_unlock(&cpu->engine_lock);
}

void cpu_sync_state(struct CPUState *cpu) {
    if (!cpu->engine_owns_state)
        return;
    if (cpu->accel->ops->get_state != NULL)
        cpu->accel->ops->get_state(cpu);
    cpu->engine_owns_state = false;
}

void cpu_state_changed(struct CPUState *cpu) { cpu->env_changed = true; }

void cpu_sync_clock(struct CPUState *cpu) {
    if (cpu->icount)
        clock_advance_to(cpu->clock,
                         clock_after_many(cpu->icount_offset, (int64_t)cpu_progress(cpu), 1LL << cpu->icount_shift));
}

uint32_t cpu_wake_events(const struct CPUState *cpu) {
    uint32_t wake = CPU_EVENT_LEAVE | CPU_EVENT_INIT;
    if (cpu->wait_for_sipi)
        return wake | CPU_EVENT_SIPI;
    wake |= CPU_EVENT_UNHALT | (cpu->env.nmi_blocked ? 0 : CPU_EVENT_NMI);
    return wake | ((cpu->env.rflags & FLAG_IF) != 0 ? CPU_EVENT_INTR : 0);
}

uint64_t cpu_read_tsc(struct CPUState *cpu) {
    uint64_t ns = (uint64_t)clock_now(cpu->clock);
    return (uint64_t)((unsigned __int128)ns * cpu->tsc_hz / NS_PER_SEC) + cpu->env.tsc_offset;
}

/* The finalizer of splitmix64: the n-th number of the fixed sequence is a function of n. */
static uint64_t mix(uint64_t n) {
    n *= 0x9e3779b97f4a7c15;
    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
    n = (n ^ n >> 27) * 0x94d049bb133111eb;
    return n ^ n >> 31;
}

bool cpu_random(struct CPUState *cpu, uint64_t *v) {
    if (clock_mode(cpu->clock) == CLOCK_ICOUNT) {
        *v = mix(++cpu->random_count + ((uint64_t)cpu->index << 48));
        return true;
    }
    ssize_t n;
    do
        n = getrandom(v, sizeof(*v), 0);
    while (n < 0 && errno == EINTR);
    return n == sizeof(*v);
}
