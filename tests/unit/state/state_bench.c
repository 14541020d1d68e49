/* SPDX-License-Identifier: MIT */
#include "tests/unit/state/state_bench.h"
#include "cpu/env_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t bench_seed;

uint64_t bench_number(uint64_t below) {
    bench_seed = bench_seed * 6364136223846793005ull + 1442695040888963407ull;
    return (bench_seed >> 20) % below;
}

Twin86Machine *bench_empty(const Twin86Config *c) {
    Twin86Machine *m = NULL;
    char why[300] = "";
    ck_assert_msg(twin86_create(&m, c, why, sizeof(why)) == 0, "%s", why);
    return m;
}

Twin86Machine *bench_machine(const Twin86Config *c, const char *rom) {
    Twin86Machine *m = bench_empty(c);
    char why[300] = "";
    Twin86Guest g = {.bios = rom};
    ck_assert_msg(twin86_load(m, &g, why, sizeof(why)) == 0, "%s", why);
    return m;
}

struct SavedState bench_save(Twin86Machine *m) {
    struct SavedState s = {0};
    char why[300] = "";
    FILE *f = open_memstream(&s.data, &s.size);
    ck_assert_msg(machine_save(machine_of(m), f, why, sizeof(why)) == 0, "%s", why);
    fclose(f);
    return s;
}

int bench_load(Twin86Machine *m, const void *data, size_t size, char *why, size_t n) {
    static const char nothing[1];
    FILE *f = fmemopen((void *)(size != 0 ? data : nothing), size != 0 ? size : 1, "rb");
    if (size == 0)
        fgetc(f);
    int r = machine_restore(machine_of(m), f, why, n);
    fclose(f);
    return r;
}

void bench_restore(Twin86Machine *m, const struct SavedState *s) {
    char why[300] = "";
    ck_assert_msg(bench_load(m, s->data, s->size, why, sizeof(why)) == 0, "%s", why);
}

static bool registers_differ(const struct CPUState *a, const struct CPUState *b, char *text, size_t n) {
    for (unsigned i = 0; i < env_field_count; i++) {
        const struct EnvField *f = &env_fields[i];
        if (memcmp(env_field_at(&a->env, f), env_field_at(&b->env, f), f->size) == 0)
            continue;
        snprintf(text, n, "%s: %llx, %llx", f->name, (unsigned long long)env_field_read(&a->env, f),
                 (unsigned long long)env_field_read(&b->env, f));
        return true;
    }
    return false;
}

static bool device_differs(const struct Machine *a, const struct Machine *b, unsigned i, unsigned cpu, char *text,
                           size_t n) {
    const struct StateTable *t = machine_device_states[i].table;
    const void *state[] = {machine_device_state(a, i, cpu), machine_device_state(b, i, cpu)};
    struct StateDifference d;
    if (memcmp(state[0], state[1], t->size) == 0 || !state_differ(t, state[0], state[1], &d))
        return false;
    snprintf(text, n, "%s.%s: %s, %s", machine_device_states[i].name, d.name, d.value[0], d.value[1]);
    return true;
}

/* What a vCPU is beside its registers. */
static bool counts_differ(const struct CPUState *a, const struct CPUState *b, char *text, size_t n) {
    const struct {
        const char *name;
        uint64_t a, b;
    } counts[] = {
        {"insn_count", a->insn_count, b->insn_count},
        {"event_count", a->event_count, b->event_count},
        {"random_count", a->random_count, b->random_count},
        {"halted", a->halted, b->halted},
    };
    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (counts[i].a == counts[i].b)
            continue;
        snprintf(text, n, "%s: %llu, %llu", counts[i].name, (unsigned long long)counts[i].a,
                 (unsigned long long)counts[i].b);
        return true;
    }
    return false;
}

static bool bytes_differ(const char *name, const uint8_t *a, const uint8_t *b, uint64_t size, char *text, size_t n) {
    uint64_t i = 0;
    if (memcmp(a, b, size) == 0)
        return false;
    while (a[i] == b[i])
        i++;
    snprintf(text, n, "%s at %llxh: %02xh, %02xh", name, (unsigned long long)i, a[i], b[i]);
    return true;
}

/* The engine's own interrupt controllers. */
static bool irqchips_differ(const struct Machine *a, const struct Machine *b, char *text, size_t n) {
    const struct AccelIrqchipOps *ops = a->engine->accel.ops->irqchip;
    uint8_t state[2][8192];
    if (!a->config.kernel_irqchip)
        return false;
    size_t size = ops->save(&a->engine->accel, state[0], sizeof(state[0]));
    ops->save(&b->engine->accel, state[1], sizeof(state[1]));
    if (bytes_differ("irqchip", state[0], state[1], size, text, n))
        return true;
    for (unsigned cpu = 0; cpu < a->cpu_count; cpu++) {
        size = ops->save_cpu(machine_cpu(a, cpu), false, state[0], sizeof(state[0]));
        ops->save_cpu(machine_cpu(b, cpu), false, state[1], sizeof(state[1]));
        if (bytes_differ("local APIC", state[0], state[1], size, text, n))
            return true;
    }
    return false;
}

bool bench_differ(Twin86Machine *a, Twin86Machine *b, char *text, size_t n) {
    struct Machine *ma = machine_of(a), *mb = machine_of(b);
    for (unsigned i = 0; i < machine_device_state_count; i++)
        for (unsigned cpu = 0; cpu < (machine_device_states[i].of_cpu ? ma->cpu_count : 1); cpu++)
            if (device_differs(ma, mb, i, cpu, text, n))
                return true;
    for (unsigned cpu = 0; cpu < ma->cpu_count; cpu++)
        if (registers_differ(machine_cpu(ma, cpu), machine_cpu(mb, cpu), text, n) ||
            counts_differ(machine_cpu(ma, cpu), machine_cpu(mb, cpu), text, n))
            return true;
    return bytes_differ("RAM", ma->ram.host, mb->ram.host, ma->ram.size, text, n) || irqchips_differ(ma, mb, text, n);
}

void bench_same(Twin86Machine *a, Twin86Machine *b) {
    uint8_t hash[2][32];
    char text[200];
    ck_assert_msg(!bench_differ(a, b, text, sizeof(text)), "%s", text);
    twin86_state_hash(a, hash[0]);
    twin86_state_hash(b, hash[1]);
    ck_assert_msg(memcmp(hash[0], hash[1], 32) == 0, "the hashes differ, and nothing else does%s",
                  bench_differ(a, b, text, sizeof(text)) ? text : "");
}
