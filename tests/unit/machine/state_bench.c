/* SPDX-License-Identifier: MIT */
#include "tests/unit/machine/state_bench.h"
#include "cpu/env_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t bench_seed;

uint64_t bench_number(uint64_t below) {
    bench_seed = bench_seed * 6364136223846793005ull + 1442695040888963407ull;
    return (bench_seed >> 20) % below;
}

Twin86Machine *bench_machine(const Twin86Config *c, const char *rom) {
    Twin86Machine *m = NULL;
    char why[300] = "";
    Twin86Guest g = {.bios = rom};
    ck_assert_msg(twin86_create(&m, c, why, sizeof(why)) == 0, "%s", why);
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

bool bench_differ(Twin86Machine *a, Twin86Machine *b, char *text, size_t n) {
    for (unsigned i = 0; i < machine_device_state_count; i++) {
        const struct StateTable *t = machine_device_states[i].table;
        const void *state[] = {machine_device_state(machine_of(a), i, 0), machine_device_state(machine_of(b), i, 0)};
        struct StateDifference d;
        if (memcmp(state[0], state[1], t->size) == 0 || !state_differ(t, state[0], state[1], &d))
            continue;
        snprintf(text, n, "%s.%s: %s, %s", t->name, d.name, d.value[0], d.value[1]);
        return true;
    }
    return registers_differ(machine_cpu(machine_of(a), 0), machine_cpu(machine_of(b), 0), text, n);
}

void bench_same(Twin86Machine *a, Twin86Machine *b) {
    uint8_t hash[2][32];
    char text[200];
    ck_assert_msg(!bench_differ(a, b, text, sizeof(text)), "%s", text);
    twin86_state_hash(a, hash[0]);
    twin86_state_hash(b, hash[1]);
    ck_assert_int_eq(memcmp(hash[0], hash[1], 32), 0);
}
