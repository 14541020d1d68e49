/* SPDX-License-Identifier: MIT */
/** A small machine with two CPUs in real mode, each with code of its own, for tests. */
#ifndef TWIN86_TESTS_TWO_CPUS_H
#define TWIN86_TESTS_TWO_CPUS_H

#include "machine/machine.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

enum { TWO_CPUS_CODE0 = 0x7c00, TWO_CPUS_CODE1 = 0x9000 };

/** 4 MiB of RAM, tcg-lite, stopped; `more` (may be NULL) changes the configuration. */
static inline Twin86Machine *two_cpus_new(void (*more)(Twin86Config *c)) {
    Twin86Machine *machine = NULL;
    Twin86Config c;
    char why[300] = "";
    twin86_config_init(&c);
    c.ram_size = 4 << 20;
    c.cpus = 2;
    if (more != NULL)
        more(&c);
    ck_assert_msg(machine_new(&machine, &c, why, sizeof(why)) == 0, "%s", why);
    return machine;
}

/** CPU `cpu` is to start at 0000:`at`; the second one without INIT and SIPI. */
static inline void two_cpus_start_at(Twin86Machine *machine, unsigned cpu, uint16_t at) {
    struct CPUState *c = machine_cpu(machine_of(machine), cpu);
    c->wait_for_sipi = c->halted = false;
    ck_assert_int_eq(twin86_write_reg(machine, cpu, TWIN86_CS, 0), 0);
    ck_assert_int_eq(twin86_write_reg(machine, cpu, TWIN86_RIP, at), 0);
}

/** Code for a CPU, which starts there. */
static inline void two_cpus_code(Twin86Machine *machine, unsigned cpu, const void *code, size_t size) {
    uint16_t at = cpu == 0 ? TWO_CPUS_CODE0 : TWO_CPUS_CODE1;
    twin86_write_memory(machine, at, code, size);
    two_cpus_start_at(machine, cpu, at);
}
#define TWO_CPUS_CODE(machine, cpu, ...)                                                                               \
    do {                                                                                                               \
        static const uint8_t code_[] = {__VA_ARGS__};                                                                  \
        two_cpus_code(machine, cpu, code_, sizeof(code_));                                                             \
    } while (0)

static inline uint64_t two_cpus_reg(Twin86Machine *machine, unsigned cpu, enum Twin86Reg reg) {
    uint64_t v = 0;
    ck_assert_int_eq(twin86_read_reg(machine, cpu, reg, &v), 0);
    return v;
}

/** They run until `done`; then they stand. */
static inline void two_cpus_run_until(Twin86Machine *machine, _Atomic bool *done) {
    ck_assert_int_eq(twin86_start(machine, 0), 0);
    for (unsigned i = 0; i < 60000 && !atomic_load(done); i++)
        usleep(1000);
    twin86_pause(machine);
    ck_assert(atomic_load(done));
}

/** They run, in pieces, until each that is not asleep has executed something: instructions where they are counted, else
 *  what changes a register; then they stand. */
static inline void two_cpus_run(Twin86Machine *machine) {
    struct Machine *m = machine_of(machine);
    uint64_t count[2], gpr[2][REG_COUNT];
    bool wanted = true;
    machine_sync_state(m);
    for (unsigned i = 0; i < 2; i++) {
        count[i] = machine_cpu(m, i)->insn_count;
        memcpy(gpr[i], machine_cpu(m, i)->env.gpr, sizeof(gpr[i]));
    }
    for (unsigned k = 0; k < 20000 && wanted; k++) {
        ck_assert_int_eq(twin86_start(machine, 0), 0);
        usleep(1000);
        twin86_pause(machine);
        machine_sync_state(m);
        wanted = false;
        for (unsigned i = 0; i < 2; i++) {
            const struct CPUState *cpu = machine_cpu(m, i);
            bool counts = cpu->accel->ops->counts_instructions;
            bool moved = counts ? cpu->insn_count >= count[i] + 100 : memcmp(gpr[i], cpu->env.gpr, sizeof(gpr[i])) != 0;
            wanted |= !cpu->wait_for_sipi && !moved;
        }
    }
    ck_assert(!wanted);
}

#endif
