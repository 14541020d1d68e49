/* SPDX-License-Identifier: MIT */
/* KVM's paravirtual interface on tcg-lite: -cpu ...,kvm=on. */
#include "accel/tcg-lite/sys/kvm_pv.h"
#include "tests/unit/suites.h"
#include "tests/unit/tcg/cpu_bench.h"

#include <check.h>
#include <string.h>

enum { PAGE = BENCH_DATA + 0x40 };

static int wrmsr(struct CpuBench *b, uint32_t msr, uint64_t v) {
    b->env->gpr[REG_CX] = msr;
    b->env->gpr[REG_AX] = (uint32_t)v;
    b->env->gpr[REG_DX] = v >> 32;
    return CPU_BENCH_RUN(b, 0x0f, 0x30);
}

static int rdmsr(struct CpuBench *b, uint32_t msr, uint64_t *v) {
    b->env->gpr[REG_CX] = msr;
    int vector = CPU_BENCH_RUN(b, 0x0f, 0x32);
    *v = b->env->gpr[REG_AX] | b->env->gpr[REG_DX] << 32;
    return vector;
}

static uint64_t get(const struct CpuBench *b, unsigned offset, unsigned size) {
    uint64_t v = 0;
    memcpy(&v, b->mem + PAGE + offset, size);
    return v;
}

static void leaf(struct CpuBench *b, uint32_t n) {
    b->env->gpr[REG_AX] = n;
    b->env->gpr[REG_CX] = 0;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0xa2), -1);
}

START_TEST(only_when_wanted) {
    struct CpuBench *b = cpu_bench_new("max", BENCH_LONG);
    uint64_t v;
    leaf(b, 0x40000000);
    ck_assert_uint_eq(b->env->gpr[REG_BX], 0x6e697774); /* "twin" */
    for (uint32_t msr = KVM_PV_WALL_CLOCK; msr <= KVM_PV_EOI; msr++)
        ck_assert_int_eq(rdmsr(b, msr, &v), VEC_GP);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0x01, 0xc1), VEC_UD);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0x01, 0xd9), VEC_UD);
    cpu_bench_free(b);
    b = cpu_bench_new("max,kvm=on,-kvm_steal_time", BENCH_LONG);
    leaf(b, 0x40000000);
    ck_assert_uint_eq(b->env->gpr[REG_AX], 0x40000001);
    ck_assert_uint_eq(b->env->gpr[REG_BX], 0x4b4d564b); /* "KVMK" */
    leaf(b, 0x40000001);
    ck_assert_uint_eq(b->env->gpr[REG_AX], 1u << 1 | 1 << 3 | 1 << 6 | 1 << 7 | 1 << 11 | 1 << 13 | 1 << 24);
    ck_assert_int_eq(rdmsr(b, KVM_PV_STEAL_TIME, &v), VEC_GP);
    ck_assert_int_eq(rdmsr(b, KVM_PV_SYSTEM_TIME, &v), -1);
    cpu_bench_free(b);
}
END_TEST

/* What a guest computes from the page and RDTSC is the machine's clock. */
START_TEST(system_time) {
    struct CpuBench *b = cpu_bench_new("max,kvm=on", BENCH_LONG);
    uint64_t v;
    b->cpu.tsc_hz = _i == 0 ? 1000000000 : _i == 1 ? 3333333333 : 14318180;
    b->mem[PAGE] = 7; /* the version goes on from there, even */
    ck_assert_int_eq(wrmsr(b, KVM_PV_SYSTEM_TIME, PAGE | 1), -1);
    ck_assert_int_eq(rdmsr(b, KVM_PV_SYSTEM_TIME, &v), -1);
    ck_assert_uint_eq(v, PAGE | 1);
    for (int again = 0; again < 2; again++) {
        ck_assert_uint_eq(get(b, 0, 4) % 2, 0);
        ck_assert_uint_gt(get(b, 0, 4), 7);
        ck_assert_uint_eq(get(b, 29, 1), 1); /* stable */
        uint64_t now = (uint64_t)clock_now(b->cpu.clock), delta = cpu_read_tsc(&b->cpu) - get(b, 8, 8);
        int8_t shift = (int8_t)get(b, 28, 1);
        delta = shift < 0 ? delta >> -shift : delta << shift;
        uint64_t ns = get(b, 16, 8) + (uint64_t)((unsigned __int128)delta * get(b, 24, 4) >> 32);
        ck_assert_uint_lt(ns - now + 2000000, 4000000);   /* the two clocks were read one after the other */
        ck_assert_int_eq(wrmsr(b, 0x10, 1ull << 50), -1); /* another TSC: the page follows */
        ck_assert_uint_ge(get(b, 8, 8), 1ull << 50);
    }
    ck_assert_int_eq(wrmsr(b, KVM_PV_SYSTEM_TIME, PAGE), -1); /* off */
    memset(b->mem + PAGE, 0, 32);
    ck_assert_int_eq(wrmsr(b, 0x10, 5), -1);
    ck_assert_uint_eq(get(b, 0, 8) | get(b, 8, 8), 0);
    ck_assert_int_eq(wrmsr(b, KVM_PV_SYSTEM_TIME, 1ull << 39 | 1), -1); /* where nothing is: nothing happens */
    cpu_bench_free(b);
}
END_TEST

START_TEST(wall_clock) {
    struct CpuBench *b = cpu_bench_new("max,kvm=on", BENCH_LONG);
    ck_assert_int_eq(wrmsr(b, KVM_PV_WALL_CLOCK, PAGE), -1);
    ck_assert_uint_eq(get(b, 0, 4) % 2, 0);
    int64_t now = clock_wall_seconds(b->cpu.clock), start = (int64_t)get(b, 4, 4);
    ck_assert_int_le(start, now);
    ck_assert_int_ge(start, now - 100);
    cpu_bench_free(b);
}
END_TEST

START_TEST(steal_time) {
    struct CpuBench *b = cpu_bench_new("max,kvm=on", BENCH_LONG);
    ck_assert_int_eq(wrmsr(b, KVM_PV_STEAL_TIME, PAGE | 3), VEC_GP); /* reserved */
    ck_assert_int_eq(wrmsr(b, KVM_PV_STEAL_TIME, PAGE | 1), -1);
    ck_assert_uint_eq(get(b, 8, 4) % 2, 0);
    ck_assert_uint_gt(get(b, 8, 4), 0);
    uint64_t first = get(b, 0, 8);
    CPU_BENCH_RUN(b, 0x90);
    ck_assert_uint_ge(get(b, 0, 8), first);
    ck_assert_int_eq(wrmsr(b, KVM_PV_EOI, PAGE | 3), VEC_GP);
    ck_assert_int_eq(wrmsr(b, KVM_PV_EOI, PAGE | 1), -1);
    cpu_bench_free(b);
}
END_TEST

/* As if the host had made it wait while the guest runs on and on. */
static int stolen_meanwhile(void *opaque) {
    struct CpuBench *b = opaque;
    struct Tcg *t = b->cpu.engine;
    t->steal_base -= 5000;
    t->steal_due = 0;
    cpu_retract(&b->cpu, CPU_EVENT_INTR);
    return 0x40;
}

/* A busy guest never leaves exec(): it hears of it before an interrupt, in which it accounts for its time. */
START_TEST(steal_while_busy) {
    static const struct CpuApicOps ops = {.acknowledge = stolen_meanwhile};
    static const uint8_t code[] = {0xfb, 0x90, 0x90, 0xeb, 0xfe}; /* STI; NOP; NOP; JMP to itself */
    struct CpuBench *b = cpu_bench_new("max,kvm=on", BENCH_LONG);
    ck_assert_int_eq(wrmsr(b, KVM_PV_STEAL_TIME, PAGE | 1), -1);
    b->cpu.apic = &ops;
    b->cpu.apic_opaque = b;
    uint64_t before = get(b, 0, 8);
    cpu_bench_code(b, code, sizeof(code));
    cpu_post(&b->cpu, CPU_EVENT_INTR);
    ck_assert_int_eq(cpu_bench_run(b, 100), VCPU_EXIT_HALT);
    ck_assert_int_eq(cpu_bench_vector(b), 0x40);
    ck_assert_uint_ge(get(b, 0, 8), before + 5000);
    ck_assert_uint_eq(get(b, 8, 4) % 2, 0);
    cpu_bench_free(b);
}
END_TEST

static int64_t vmmcall(struct CpuBench *b, uint64_t number) {
    b->env->gpr[REG_AX] = number;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0x01, 0xd9), -1);
    return (int64_t)b->env->gpr[REG_AX];
}

START_TEST(hypercalls) {
    struct CpuBench *b = cpu_bench_new("max,kvm=on", BENCH_LONG);
    ck_assert_int_eq(vmmcall(b, 1), 0);
    ck_assert_int_eq(vmmcall(b, 5), 0);
    ck_assert_int_eq(vmmcall(b, 11), 0);
    ck_assert_int_eq(vmmcall(b, 2), -1000);
    ck_assert_int_eq(vmmcall(b, 1ull << 32 | 1), -1000);
    b->env->gpr[REG_SI] = 0x800;
    ck_assert_int_eq(vmmcall(b, 10), -22);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0x01, 0xc1), VEC_UD); /* Intel's */
    cpu_bench_free(b);

    b = cpu_bench_new("max,kvm=on,-kvm_pv_unhalt,-kvm_pv_ipi,-kvm_pv_sched_yield", BENCH_PM32);
    ck_assert_int_eq(vmmcall(b, 5), 0xfffffc18); /* -1000 in 32 bits */
    ck_assert_int_eq(vmmcall(b, 10), 0xfffffc18);
    ck_assert_int_eq(vmmcall(b, 11), 0xfffffc18);
    b->env->gpr[REG_AX] = 1ull << 32 | 1; /* only EAX counts */
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0x01, 0xd9), -1);
    ck_assert_uint_eq(b->env->gpr[REG_AX], 0);
    cpu_bench_free(b);

    b = cpu_bench_new("max,vendor=GenuineIntel,kvm=on", BENCH_LONG);
    b->env->gpr[REG_AX] = 1;
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0x01, 0xc1), -1);
    ck_assert_uint_eq(b->env->gpr[REG_AX], 0);
    ck_assert_int_eq(CPU_BENCH_RUN(b, 0x0f, 0x01, 0xd9), VEC_UD); /* AMD's */
    cpu_bench_free(b);

    static const uint8_t call[] = {0x0f, 0x01, 0xd9};
    b = cpu_bench_new("max,kvm=on", BENCH_LONG_USER);
    b->env->gpr[REG_AX] = 1;
    cpu_bench_code(b, call, sizeof(call));
    ck_assert_int_eq(cpu_bench_run(b, 1), VCPU_EXIT_BUDGET);
    ck_assert_int_eq((int64_t)b->env->gpr[REG_AX], -1); /* not permitted */
    cpu_bench_free(b);
}
END_TEST

Suite *kvm_pv_suite(void) {
    Suite *s = suite_create("kvm_pv");
    TCase *t = tcase_create("kvm_pv");
    tcase_add_test(t, only_when_wanted);
    tcase_add_loop_test(t, system_time, 0, 3);
    tcase_add_test(t, wall_clock);
    tcase_add_test(t, steal_time);
    tcase_add_test(t, steal_while_busy);
    tcase_add_test(t, hypercalls);
    suite_add_tcase(s, t);
    return s;
}
