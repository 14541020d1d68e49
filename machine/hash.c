/* SPDX-License-Identifier: MIT */
/* The state hash: SHA-256 over registers, RAM and device states, for tests of repeatability. */
#include "cpu/env_fields.h"
#include "machine/machine.h"

#include <stddef.h>
#include <string.h>

#define PAGE_SIZE 4096

static void put(struct Sha256 *s, uint64_t v) { sha256_update(s, &v, sizeof(v)); }

static void put_env(struct Sha256 *s, const CPUX86State *env) {
    for (unsigned i = 0; i < env_field_count; i++)
        sha256_update(s, env_field_at(env, &env_fields[i]), env_fields[i].size);
}

/* Pages with something in them, each behind its number; pages that were never touched are skipped unread. */
static void put_ram(struct Sha256 *s, const struct Region *ram) {
    static const uint8_t zero[PAGE_SIZE];
    for (uint64_t at = 0, end; region_next_touched(ram, &at, &end); at = end) {
        for (; at < end; at += PAGE_SIZE) {
            if (memcmp(ram->host + at, zero, PAGE_SIZE) == 0)
                continue;
            put(s, at);
            sha256_update(s, ram->host + at, PAGE_SIZE);
        }
    }
}

#define STATE(device)                                                                                                  \
    {#device, offsetof(struct Machine, device.state), sizeof(((struct Machine *)0)->device.state), false}
#define STATE_OF_CPU(device)                                                                                           \
    {#device, offsetof(struct MachineCpu, device.state), sizeof(((struct MachineCpu *)0)->device.state), true}
const struct DeviceState machine_device_states[] = {
    STATE(pic),          STATE(pit),    STATE(rtc),  STATE(com1),    STATE(i8042), STATE(port92), STATE(dma),
    STATE_OF_CPU(lapic), STATE(ioapic), STATE(hpet), STATE(acpi_pm), STATE(pci),   STATE(fw_cfg), STATE(testdev),
};
#undef STATE
#undef STATE_OF_CPU
const unsigned machine_device_state_count = sizeof(machine_device_states) / sizeof(machine_device_states[0]);

/* The engine's own interrupt controllers. */
static void put_irqchip(struct Sha256 *s, struct CPUState *cpu) {
    uint8_t state[8192];
    size_t n = cpu->accel->ops->irqchip->save(cpu, state, sizeof(state));
    sha256_update(s, state, n < sizeof(state) ? n : sizeof(state));
}

static void put_cpu(struct Sha256 *s, const struct CPUState *cpu) {
    put_env(s, &cpu->env);
    put(s, cpu->insn_count);
    put(s, cpu->halted);
    put(s, cpu->random_count);
}

void machine_hash(struct Machine *m, uint8_t digest[32]) {
    struct Sha256 s;
    sha256_init(&s);
    for (unsigned i = 0; i < m->cpu_count; i++)
        put_cpu(&s, machine_cpu(m, i));
    put(&s, m->config.icount ? (uint64_t)clock_now(m->clock) : 0);
    put_ram(&s, &m->ram);
    for (unsigned i = 0; i < machine_device_state_count; i++)
        for (unsigned cpu = 0; cpu < (machine_device_states[i].of_cpu ? m->cpu_count : 1); cpu++)
            sha256_update(&s, machine_device_state(m, i, cpu), machine_device_states[i].size);
    for (unsigned i = 0; i < m->cpu_count && m->config.kernel_irqchip; i++)
        put_irqchip(&s, machine_cpu(m, i));
    sha256_final(&s, digest);
}
