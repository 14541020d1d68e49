/* SPDX-License-Identifier: MIT */
/*
 * Random system code on random descriptor tables, in every mode: whatever a guest does, exec() comes back and leaves
 * what must never change as it was. Wrong results are other tests' matter.
 */
#include "tests/unit/tcg/cpu_bench.h"
#include "tests/unit/suites.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 300, BENCHES = 12, SEEDS = 10, FIRST_FREE = 9, DESCRIPTORS = 64, CODE = 64 };

/* Opcodes and second opcode bytes that this test is about. */
static const uint8_t favoured[] = {0xcd, 0xcf, 0xcb, 0xca, 0x9a, 0xea, 0xff, 0x8e, 0x0f, 0x9d, 0x9c,
                                   0xfa, 0xfb, 0x07, 0x17, 0x1f, 0xc4, 0xc5, 0x62, 0xcc, 0xf4, 0x6c,
                                   0x6e, 0x6d, 0x6f, 0xf3, 0xe6, 0xec, 0xee, 0x66, 0x67, 0x48};
static const uint8_t favoured_0f[] = {0x00, 0x01, 0x02, 0x03, 0x05, 0x06, 0x07, 0x20, 0x21, 0x22, 0x23, 0x30, 0x32,
                                      0x34, 0x35, 0xa2, 0xa1, 0xa9, 0xb2, 0xb4, 0xb5, 0x31, 0xae, 0xc7, 0x08, 0x09};
static const uint32_t msrs[] = {0x10,  0x1b,       0x3b,       0x174,      0x1a0,      0x277, 0x2ff,
                                0x200, 0xc0000080, 0xc0000081, 0xc0000100, 0xc0000102, 0x8b,  0xc0010015};

static uint64_t state;

static uint64_t rnd(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}
static bool chance(unsigned one_in) { return rnd() % one_in == 0; }
static uint16_t selector(void) { return (uint16_t)(rnd() % DESCRIPTORS * 8 + (rnd() & 3)); }

/* A guest may fault for ever without completing an instruction: somebody outside asks it to leave now and then. */
static struct CPUState *watched;
static pthread_mutex_t watch_lock = PTHREAD_MUTEX_INITIALIZER;

static void *watchdog(void *opaque) {
    for (;;) {
        usleep(3000);
        pthread_mutex_lock(&watch_lock);
        if (watched != NULL)
            cpu_post(watched, CPU_EVENT_LEAVE);
        pthread_mutex_unlock(&watch_lock);
    }
    return opaque;
}

static void watch(struct CPUState *cpu) {
    pthread_mutex_lock(&watch_lock);
    watched = cpu;
    pthread_mutex_unlock(&watch_lock);
}

static void random_code(uint8_t *code) {
    for (unsigned k = 0; k < CODE; k++) {
        code[k] = chance(4) ? favoured[rnd() % sizeof(favoured)] : (uint8_t)rnd();
        if (code[k] == 0x0f && k + 1 < CODE && chance(2))
            code[++k] = favoured_0f[rnd() % sizeof(favoured_0f)];
    }
}

/* Mostly present, mostly small; half of them fit as gates to code. */
static uint64_t random_descriptor(void) {
    uint64_t d = rnd();
    if (chance(3))
        return d;
    d &= ~0xfff0ffffff000000ull;
    d |= (rnd() & 0xff) << 40 | 0x80ull << 40 | (rnd() & 0xf) << 52;
    return chance(2) ? (d & ~0xffff0000ull) | (uint64_t)selector() << 16 : d;
}

static void random_tables(struct CpuBench *b) {
    for (unsigned k = FIRST_FREE; k < DESCRIPTORS; k++) {
        uint64_t d = random_descriptor();
        memcpy(b->mem + BENCH_GDT + 8 * k, &d, 8);
    }
    for (unsigned k = rnd() % 40; k > 0; k--)
        b->mem[BENCH_IDT + rnd() % 0x1000] = (uint8_t)rnd();
    for (unsigned k = rnd() % 40; k > 0; k--)
        b->mem[BENCH_TSS + rnd() % 0x200] = (uint8_t)rnd();
    b->env->tr.limit = 0x67 + rnd() % 0x200;
}

static void random_registers(struct CpuBench *b) {
    CPUX86State *env = b->env;
    for (unsigned g = 0; g < REG_COUNT; g++) {
        const uint64_t choice[] = {rnd(), rnd() % 0x200, BENCH_DATA + rnd() % 4096, selector(), BENCH_STACK};
        env->gpr[g] = choice[rnd() % 5];
    }
    if (!chance(4))
        env->gpr[REG_SP] = BENCH_STACK;
    if (chance(3))
        env->gpr[REG_CX] = msrs[rnd() % (sizeof(msrs) / sizeof(msrs[0]))];
    if (chance(8)) {
        env->dr[7] = 0x400 | (rnd() & 0xffff00ff);
        env->dr[rnd() & 3] = BENCH_DATA + (rnd() & 0xfff);
    }
    if (chance(16))
        env->rflags ^= FLAG_TF;
    for (unsigned k = 0; k < 32 && chance(3); k++) { /* something for IRET and RETF */
        uint32_t v = selector();
        memcpy(b->mem + BENCH_STACK + 4 * k, &v, 4);
    }
}

static void one_round(struct CpuBench *b, unsigned round) {
    uint8_t code[CODE];
    if (round % 10 == 0)
        random_tables(b);
    random_registers(b);
    random_code(code);
    bus_write(b->cpu.bus, BENCH_CODE, code, CODE);
    bus_write(b->cpu.bus, 0x10000, code, CODE);
    bool code64 = x86_code64(b->env);
    uint64_t base = code64 ? 0 : b->env->seg[SEG_CS].base;
    b->env->rip = x86_protected(b->env) ? BENCH_CODE - base : (uint16_t)(0x10000 - base);
    if (!code64)
        b->env->rip = (uint32_t)b->env->rip;
}

/* True: go on with this bench. */
static bool check_exit(const struct CpuBench *b, enum VcpuExit why) {
    ck_assert_int_ne(why, VCPU_EXIT_ERROR);
    ck_assert_uint_eq(b->env->zero, 0);
    ck_assert_uint_eq(b->env->rflags & FLAG_ONE, FLAG_ONE);
    ck_assert(!x86_v8086(b->env) || x86_cpl(b->env) == 3);
    ck_assert(!x86_long_mode(b->env) || (b->env->cr0 & CR0_PG));
    return why != VCPU_EXIT_SHUTDOWN;
}

START_TEST(random_system_code) {
    pthread_t dog;
    ck_assert_int_eq(pthread_create(&dog, NULL, watchdog, NULL), 0);
    state = 0x9e3779b97f4a7c15 * (uint64_t)(_i + 1);
    for (unsigned n = 0; n < BENCHES; n++) {
        struct CpuBench *b = cpu_bench_new(chance(2) ? "max" : "max,vendor=GenuineIntel", (enum BenchMode)(rnd() % 5));
        b->env->gdt.limit = 8 * DESCRIPTORS - 1;
        watch(&b->cpu);
        bool alive = true;
        for (unsigned k = 0; k < ROUNDS && alive; k++) {
            one_round(b, k);
            alive = check_exit(b, cpu_bench_run(b, 1 + rnd() % 50));
            cpu_retract(&b->cpu, UINT32_MAX);
        }
        watch(NULL);
        cpu_bench_free(b);
    }
}
END_TEST

Suite *system_fuzz_suite(void) {
    Suite *s = suite_create("system_fuzz");
    TCase *tc = tcase_create("random");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, random_system_code, 0, suite_rounds(SEEDS));
    suite_add_tcase(s, tc);
    return s;
}
